package hub

import "time"

// An RLock is a lock that its holder may acquire again (gevent.lock.RLock).
type RLock struct {
	free  Semaphore
	owner *Greenlet
	depth int
}

// NewRLock makes a free lock.
func NewRLock(h *Hub) *RLock { return &RLock{free: *NewSemaphore(h, 1)} }

// Acquire takes the lock, waiting for it unless the greenlet holds it.
func (l *RLock) Acquire() error { return l.AcquireTimeout(-1) }

// AcquireTimeout is Acquire that waits at most d, then returns [ErrTimeout];
// zero does not wait, negative has no limit.
func (l *RLock) AcquireTimeout(d time.Duration) error {
	g := l.free.h.cur
	if g == nil {
		panic("hub: RLock in a callback")
	}
	if l.owner != g {
		if err := l.free.AcquireTimeout(d); err != nil {
			return err
		}
		l.owner = g
	}
	l.depth++
	return nil
}

// TryAcquire takes the lock if that needs no waiting.
func (l *RLock) TryAcquire() bool { return l.AcquireTimeout(0) == nil }

// Release undoes one Acquire. To release a lock held by another greenlet, or
// by none, is misuse and panics.
func (l *RLock) Release() {
	if l.owner == nil || l.owner != l.free.h.cur {
		panic("hub: release of an RLock that the greenlet does not hold")
	}
	if l.depth--; l.depth == 0 {
		l.owner = nil
		l.free.Release()
	}
}

// Locked reports whether anybody holds the lock.
func (l *RLock) Locked() bool { return l.owner != nil }

// Owned reports whether the running greenlet holds the lock.
func (l *RLock) Owned() bool { return l.owner != nil && l.owner == l.free.h.cur }

// With holds the lock while f runs.
func (l *RLock) With(f func() error) error {
	if err := l.Acquire(); err != nil {
		return err
	}
	defer l.Release()
	return f()
}
