package procs

import (
	"encoding/binary"
	"errors"
	"os"
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

	store taskring.Store // of the other end
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
// may be in the first of them, or in the other end's store: it is valid until
// done.
func (a *attachments) open(seq uint64, flags uint32, payload []byte, w *wire) (_ []byte, err error) {
	if flags&taskring.Attached != 0 {
		if w.FDs, err = a.take(seq); err != nil {
			return nil, err
		}
		if flags&(taskring.Blob|taskring.NewStore) != 0 && len(w.FDs) > 0 {
			fd := w.FDs[0]
			w.FDs = w.FDs[1:]
			if flags&taskring.Blob != 0 {
				payload, err = transport.ReadBlob(fd)
				kernel.CloseFD(fd)
				return payload, err
			}
			if err := a.store.Adopt(os.NewFile(uintptr(fd), "store")); err != nil {
				return nil, err
			}
		}
	}
	if flags&taskring.Stored != 0 {
		return a.store.Message(payload)
	}
	return payload, nil
}

// done lets go of the payload of a task or result with these flags.
func (a *attachments) done(flags uint32) {
	if flags&taskring.Stored != 0 {
		a.store.Done()
	}
}

// skip lets go of a task that is not run.
func (a *attachments) skip(seq uint64, flags uint32) {
	var w wire
	a.open(seq, flags, nil, &w)
	w.Close()
	a.done(flags)
}

// fit finds a place for a payload that is too long for the ring: in the store,
// or else in memory of its own. It returns what the record is to hold, with its
// flags, and puts the memory in front of the descriptors of w if it has to go
// along.
func fit(s *taskring.Store, b []byte, w *wire) (payload []byte, flags uint32, err error) {
	fd := -1
	payload, seg, ok := s.Lay(b)
	switch {
	case ok && seg == nil:
		return payload, taskring.Stored, nil
	case ok:
		flags = taskring.Stored | taskring.NewStore
		err = seg.WithFD(func(own int) (err error) {
			fd, err = kernel.DupFD(own)
			return err
		})
		if err != nil {
			s.Withdraw()
		}
	default:
		flags = taskring.Blob
		fd, err = transport.NewBlob(b)
	}
	if err != nil {
		return nil, 0, err
	}
	w.FDs = append([]int{fd}, w.FDs...)
	return payload, flags, nil
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
	a.store.Close()
}
