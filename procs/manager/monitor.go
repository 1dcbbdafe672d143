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
}

type waiter struct {
	try  func() bool
	link *serverLink
	done chan struct{}
}

// await tries, and waits until the try succeeds. Without a context it does not
// wait. It is called without the mutex.
func (m *monitor) await(c *serverCall, try func() bool) error {
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
	w := &waiter{try: try, link: c.link, done: make(chan struct{})}
	m.waiters = append(m.waiters, w)
	m.mu.Unlock()
	return m.wait(c.ctx, w)
}

// awaitOr is await for an object that may end meanwhile, which is ErrReleased.
func (m *monitor) awaitOr(c *serverCall, gone *bool, try func() bool) error {
	ended := false
	err := m.await(c, func() bool {
		ok := try()
		ended = !ok && *gone
		return ok || ended
	})
	if err == nil && ended {
		return ErrReleased
	}
	return err
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
