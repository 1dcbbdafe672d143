package procs

import (
	"errors"
	"sync"

	"switchyard/procs/internal/kernel"
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
	err error // they were sent, and there was no room for them
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
