package procs

import (
	"encoding/binary"
	"errors"
	"sync"

	"switchyard/procs/internal/child"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/taskring"
	"switchyard/procs/internal/transport"
)

// attachments are descriptors that came over the control socket, by the number
// of the task they belong to.
type attachments struct {
	mu     sync.Mutex
	cond   sync.Cond
	came   map[uint64]attachment
	closed bool
}

type attachment struct {
	fds []int
	err error // they were sent, but could not be received
}

// errNothingAttached: the sender has ended.
var errNothingAttached = errors.New("procs: the sender of descriptors has ended")

func (a *attachments) init() { a.cond.L = &a.mu }

func (a *attachments) put(seq uint64, fds []int, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.came == nil {
		a.came = make(map[uint64]attachment)
	}
	a.came[seq] = attachment{fds, err}
	a.cond.Broadcast()
}

// take waits for the descriptors of task seq. They were sent before the task or
// the result was published. The error is errNothingAttached, or
// child.ErrRightsLost.
func (a *attachments) take(seq uint64) ([]int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for {
		if got, ok := a.came[seq]; ok {
			delete(a.came, seq)
			return got.fds, got.err
		}
		if a.closed {
			return nil, errNothingAttached
		}
		a.cond.Wait()
	}
}

// open waits for the descriptors of task seq if flags say that there are any,
// and puts them into w, whose owner closes them. It returns the payload, which
// may be in the first of them.
func (a *attachments) open(seq uint64, flags uint32, payload []byte, w *wire) (_ []byte, err error) {
	if flags&taskring.Attached == 0 {
		return payload, nil
	}
	if w.FDs, err = a.take(seq); err != nil {
		return nil, err
	}
	if flags&taskring.Blob != 0 && len(w.FDs) > 0 {
		payload, err = transport.ReadBlob(w.FDs[0])
		kernel.CloseFD(w.FDs[0])
		w.FDs = w.FDs[1:]
	}
	return payload, err
}

// attach sends the descriptors of task seq, which the other end's attachments
// get.
func attach(c *child.Control, seq uint64, fds []int) error {
	return c.Send(messageAttach, binary.LittleEndian.AppendUint64(nil, seq), fds)
}

// close says that no more will come.
func (a *attachments) close() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.closed = true
	a.cond.Broadcast()
}

func (a *attachments) drop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, got := range a.came {
		kernel.CloseAll(got.fds)
	}
	a.came = nil
}
