package manager

import (
	"context"
	"sync"
)

// monitor holds the waiters of a managed object. Each leaves a function that
// tries to go on. It runs under the mutex, in order of arrival, whenever the
// object has changed, and acts at once, for its waiter alone. So no wake-up is
// lost or needless, and waiters are served in order of arrival.
type monitor struct {
	mu      sync.Mutex
	waiters []*waiter
	gone    bool
}

type waiter struct {
	try  func() bool
	done chan struct{}
}

// end wakes who waits on an object that is no more.
func (m *monitor) end() { m.change(func() error { m.gone = true; return nil }) }

// await tries, and waits until the try succeeds; of an object that is gone it
// returns ErrReleased. Without a context it does not wait. It is called without
// the mutex.
func (m *monitor) await(c *serverCall, try func() bool) error {
	released := false
	attempt := func() bool {
		released = m.gone
		return released || try()
	}
	err := m.enter(c, attempt)
	if err == nil && released {
		return ErrReleased
	}
	return err
}

// enter is await without an end.
func (m *monitor) enter(c *serverCall, try func() bool) error {
	m.mu.Lock()
	if try() {
		m.settle()
		m.mu.Unlock()
		return nil
	}
	if c.ctx == nil {
		m.mu.Unlock()
		return errWouldWait
	}
	w := &waiter{try: try, done: make(chan struct{})}
	m.waiters = append(m.waiters, w)
	m.mu.Unlock()
	return m.wait(c.ctx, w)
}

// wait returns nil as soon as the waiter's try has succeeded, even if the
// context is done as well.
func (m *monitor) wait(ctx context.Context, w *waiter) error {
	select {
	case <-w.done:
		return nil
	case <-ctx.Done():
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-w.done:
		return nil
	default:
	}
	for i, o := range m.waiters {
		if o == w {
			m.waiters = append(m.waiters[:i], m.waiters[i+1:]...)
			break
		}
	}
	return ctx.Err()
}

// settle lets everyone go on who can. It is called with the mutex held, after
// every change.
func (m *monitor) settle() {
	for again := true; again; {
		again = false
		kept := m.waiters[:0]
		for _, w := range m.waiters {
			if w.try() {
				close(w.done)
				again = true
			} else {
				kept = append(kept, w)
			}
		}
		clear(m.waiters[len(kept):])
		m.waiters = kept
	}
}

// change runs f under the mutex and lets everyone go on who can.
func (m *monitor) change(f func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := f()
	m.settle()
	return err
}
