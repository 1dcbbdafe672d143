package remote

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"time"
)

// A task is a message of
//
//	version   1 byte
//	function  16 bytes: its identity
//	count     4 bytes: 0 for a task of one argument, else how many are in a chunk
//	limit     8 bytes: how long it may run, in ns; 0: no limit
//	body      the encoded arguments
//
// and a result one of
//
//	kind      1 byte
//	body      the encoded results, an encoded error, or why it was refused
const (
	messageVersion = 1
	taskHead       = 29
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
	function identity
	count    int
	limit    time.Duration
	body     []byte
}

func (t *task) encode() []byte {
	b := make([]byte, taskHead, taskHead+len(t.body))
	b[0] = messageVersion
	copy(b[1:], t.function[:])
	binary.LittleEndian.PutUint32(b[17:], uint32(t.count))
	binary.LittleEndian.PutUint64(b[21:], uint64(t.limit))
	return append(b, t.body...)
}

func decodeTask(b []byte) (t task, err error) {
	if len(b) < taskHead || b[0] != messageVersion {
		return t, errMalformed
	}
	t = task{identity(b[1:17]), int(binary.LittleEndian.Uint32(b[17:])), time.Duration(binary.LittleEndian.Uint64(b[21:])), b[taskHead:]}
	if t.limit < 0 || uint64(t.count) > uint64(max(1<<16, len(t.body))) {
		return t, errMalformed
	}
	return t, nil
}

type result struct {
	outcome outcome
	body    []byte
}

func (r result) encode() []byte { return append([]byte{byte(r.outcome)}, r.body...) }

func decodeResult(b []byte) (result, error) {
	if len(b) == 0 || outcome(b[0]) < outcomeDone || outcome(b[0]) > outcomeRefused {
		return result{}, errMalformed
	}
	return result{outcome(b[0]), b[1:]}, nil
}

// announcement is what a worker says of itself.
type announcement struct {
	ID        string
	Host      string
	PID       int
	Slots     int
	Functions map[string]string `json:",omitempty"` // name to identity, in hex
	Leaving   bool              `json:",omitempty"`
}

func (i identity) String() string { return hex.EncodeToString(i[:]) }
