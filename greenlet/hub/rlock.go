package hub

import "time"

// An RLock is a lock that its holder may acquire again (gevent.lock.RLock).
// Waiters get it in order of arrival: the last Release hands it to the first.
//
// An Acquire that returns nil has the lock, even if its greenlet was killed in
// that moment; one that returns an error has not. A holder that ends without
// releasing it keeps it for ever: use With, or defer.
type RLock struct {
	h       *Hub
	owner   *Greenlet
	depth   int
	waiters waitList
}

// NewRLock makes a free lock.
func NewRLock(h *Hub) *RLock { return &RLock{h: h} }

// Acquire takes the lock, waiting for it unless the greenlet holds it.
func (l *RLock) Acquire() error { return l.AcquireTimeout(-1) }

// AcquireTimeout is Acquire that waits at most d, then returns [ErrTimeout];
// see the package on limits.
func (l *RLock) AcquireTimeout(d time.Duration) error {
	if l.TryAcquire() {
		return nil
	}
	return l.h.wait(&l.waiters, d, ErrTimeout)
}

// TryAcquire takes the lock if that needs no waiting. A callback, which is
// nobody, may not: it panics.
func (l *RLock) TryAcquire() bool {
	g := l.h.cur
	if g == nil {
		panic("hub: RLock in a callback")
	}
	if l.owner != nil && l.owner != g {
		return false
	}
	l.owner = g
	l.depth++
	return true
}

// Release undoes one Acquire. To release a lock held by another greenlet, or
// by none, is misuse and panics.
func (l *RLock) Release() {
	if l.owner == nil || l.owner != l.h.cur {
		panic("hub: release of an RLock that the greenlet does not hold")
	}
	if l.depth--; l.depth > 0 {
		return
	}
	if l.owner = l.waiters.wakeOne(); l.owner != nil {
		l.depth = 1
	}
}

// Locked reports whether anybody holds the lock.
func (l *RLock) Locked() bool { return l.owner != nil }

// Owned reports whether the running greenlet holds the lock.
func (l *RLock) Owned() bool { return l.owner != nil && l.owner == l.h.cur }

// With holds the lock while f runs.
func (l *RLock) With(f func() error) error {
	if err := l.Acquire(); err != nil {
		return err
	}
	defer l.Release()
	return f()
}
