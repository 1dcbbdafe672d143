package remote

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"
)

// A message of tasks, in either lane, is
//
//	version   1 byte
//
// and for each task
//
//	number    8 bytes: the pool's
//	function  16 bytes: its identity
//	count     4 bytes: 0 for a task of one argument, else how many are in a chunk
//	limit     8 bytes: how long it may run, in ns; 0: no limit; negative: the
//	          task of this number, which was sent before, is to be cancelled
//	size      4 bytes: of the body
//	body      the encoded arguments
//
// A message of results is
//
//	version   1 byte
//
// and for each result
//
//	number    8 bytes: the task's
//	kind      1 byte
//	took      8 bytes: how long the function ran, in ns
//	size      4 bytes: of the body
//	body      the encoded results, an encoded error, or why it was refused
//
// Programs of different versions do not get each other's messages: the version
// is in the identity of every function.
const (
	messageVersion = 2
	versionHead    = 1
	entryHead      = 40
	taskHead       = versionHead + entryHead // of a message of one task
	resultHead     = 21
	// maxBatch is how many bytes of several tasks or results go into one
	// message. A longer one travels alone.
	maxBatch = 64 << 10
	toCancel = time.Duration(-1)
)

// outcome is the kind of a result.
type outcome byte

const (
	outcomeDone    outcome = iota + 1
	outcomeFailed          // by its own error
	outcomeRefused         // not begun: another worker may take it
)

var errMalformed = errors.New("remote: malformed message")

type task struct {
	number   uint64
	function identity
	count    int
	limit    time.Duration
	body     []byte
}

// newMessage returns a message with room for so many bytes.
func newMessage(size int) []byte { return append(make([]byte, 0, versionHead+size), messageVersion) }

func (t *task) size() int { return entryHead + len(t.body) }

// append appends the task to a message.
func (t *task) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, t.number)
	b = append(b, t.function[:]...)
	b = binary.LittleEndian.AppendUint32(b, uint32(t.count))
	b = binary.LittleEndian.AppendUint64(b, uint64(t.limit))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(t.body)))
	return append(b, t.body...)
}

// decodeTasks decodes a message. The bodies are parts of it.
func decodeTasks(b []byte) (all []task, err error) {
	for b, err = unversioned(b); err == nil && len(b) > 0; {
		if len(b) < entryHead {
			return nil, errMalformed
		}
		t := task{number: binary.LittleEndian.Uint64(b), function: identity(b[8:24]), count: int(binary.LittleEndian.Uint32(b[24:])),
			limit: time.Duration(binary.LittleEndian.Uint64(b[28:]))}
		size := uint64(binary.LittleEndian.Uint32(b[36:]))
		if b = b[entryHead:]; size > uint64(len(b)) || uint64(t.count) > max(1<<16, size) {
			return nil, errMalformed
		}
		t.body, b = b[:size:size], b[size:]
		all = append(all, t)
	}
	return all, err
}

// unversioned returns what follows the version. An empty message is malformed.
func unversioned(b []byte) ([]byte, error) {
	if len(b) <= versionHead || b[0] != messageVersion {
		return nil, errMalformed
	}
	return b[versionHead:], nil
}

type result struct {
	number  uint64
	outcome outcome
	took    time.Duration
	body    []byte
}

func (r *result) size() int { return resultHead + len(r.body) }

// append appends the result to a message.
func (r *result) append(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, r.number)
	b = append(b, byte(r.outcome))
	b = binary.LittleEndian.AppendUint64(b, uint64(r.took))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(r.body)))
	return append(b, r.body...)
}

// decodeResults decodes a message. The bodies are parts of it.
func decodeResults(b []byte) (all []result, err error) {
	for b, err = unversioned(b); err == nil && len(b) > 0; {
		if len(b) < resultHead {
			return nil, errMalformed
		}
		r := result{number: binary.LittleEndian.Uint64(b), outcome: outcome(b[8]), took: time.Duration(binary.LittleEndian.Uint64(b[9:]))}
		size := uint64(binary.LittleEndian.Uint32(b[17:]))
		if b = b[resultHead:]; size > uint64(len(b)) || r.outcome < outcomeDone || r.outcome > outcomeRefused {
			return nil, errMalformed
		}
		r.body, b = b[:size:size], b[size:]
		all = append(all, r)
	}
	return all, err
}

// batches cuts a list into pieces of which each fits into a message: one
// element, or several of at most maxBatch bytes together. It calls each with
// them, and their size.
func batches[T interface{ size() int }](all []T, each func(some []T, size int)) {
	for len(all) > 0 {
		n, size := 1, all[0].size()
		for n < len(all) && size+all[n].size() <= maxBatch {
			size += all[n].size()
			n++
		}
		each(all[:n], size)
		all = all[n:]
	}
}

// announcement is what a worker says of itself.
type announcement struct {
	ID        string
	Name      string `json:",omitempty"`
	Host      string
	PID       int
	Slots     int
	Functions map[string]string `json:",omitempty"` // name to identity, in hex
	Address   string            `json:",omitempty"` // for lines
	Leaving   bool              `json:",omitempty"`
}

func (i identity) String() string { return hex.EncodeToString(i[:]) }
