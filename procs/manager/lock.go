package manager

import (
	"context"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/goroutine"
)

// methods of a lock
const (
	lockAcquire byte = iota
	lockRelease
	lockLocked
)

// holder is who holds a lock: a client, and for recursive locks a goroutine of
// it.
type holder struct {
	link      *serverLink
	goroutine uint64
}

// lockObject is a lock in the manager, recursive or not.
type lockObject struct {
	monitor
	recursive bool
	held      holder
	depth     int
	lost      bool // the last holder died
}

func newLockObject(c *serverCall) (object, error) {
	return &lockObject{recursive: c.uint() != 0}, c.err()
}

// leave frees a lock whose holder has ended. Whoever comes next is told.
func (l *lockObject) leave(link *serverLink) {
	l.change(func() error {
		if l.depth > 0 && l.held.link == link {
			l.held, l.depth, l.lost = holder{}, 0, true
		}
		return nil
	})
}

// take acquires the lock for who if it can, and says what to return.
func (l *lockObject) take(who holder) (err error, ok bool) {
	switch {
	case l.depth == 0:
		l.held, l.depth = who, 1
		if l.lost {
			l.lost, err = false, procs.ErrOwnerDied
		}
		return err, true
	case l.recursive && l.held == who:
		l.depth++
		return nil, true
	}
	return nil, false
}

func (l *lockObject) release(who holder) error {
	if l.depth == 0 || l.recursive && l.held != who {
		return procs.ErrNotHeld
	}
	if l.depth--; l.depth == 0 {
		l.held = holder{}
	}
	return nil
}

func (l *lockObject) call(c *serverCall) error {
	who := holder{c.link, c.uint()}
	if c.bad {
		return codec.ErrWire
	}
	switch c.method {
	case lockAcquire:
		var got error
		err := l.await(c, func() (ok bool) { got, ok = l.take(who); return ok })
		if err == nil {
			err = got
		}
		return err
	case lockRelease:
		return l.change(func() error { return l.release(who) })
	case lockLocked:
		return l.change(func() error { c.putBool(l.depth > 0); return nil })
	}
	return codec.ErrWire
}

// Lock is a lock in a manager (SyncManager.Lock): not recursive, and anybody
// may release it. If the process that acquired it dies, or loses its
// connection, exactly one of those who acquire it next gets procs.ErrOwnerDied,
// and the lock.
type Lock struct{ proxy }

// NewLock makes a lock in m that nobody holds.
func NewLock(m *Manager) (*Lock, error) {
	l := new(Lock)
	if err := l.create(noWait, m, objectLock, proxyType[Lock](), func(c *clientCall) error { c.putUint(0); return nil }); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *Lock) adopt(w *codec.Wire) error { return l.adoptAs(w, objectLock, proxyType[Lock]()) }

// Acquire waits until the lock is free and takes it. nil and procs.ErrOwnerDied
// mean that the caller holds it.
func (l *Lock) Acquire(ctx context.Context) error {
	return l.wait(ctx, lockAcquire, noGoroutine)
}

func noGoroutine(c *clientCall)   { c.putUint(0) }
func thisGoroutine(c *clientCall) { c.putUint(goroutine.ID()) }

// AcquireTimeout is Acquire with a limit; then it returns procs.ErrTimeout.
func (l *Lock) AcquireTimeout(d time.Duration) error {
	return waitAtMost(d, procs.ErrTimeout, func(ctx context.Context) error { return l.wait(ctx, lockAcquire, noGoroutine) })
}

// TryAcquire takes the lock if it is free; the error is about the manager, or
// procs.ErrOwnerDied, which comes with the lock.
func (l *Lock) TryAcquire() (bool, error) { return tried(l.AcquireTimeout(0)) }

func tried(err error) (bool, error) {
	if err == procs.ErrTimeout {
		return false, nil
	}
	return err == nil || err == procs.ErrOwnerDied, err
}

// Release frees the lock. It returns procs.ErrNotHeld if nobody held it.
func (l *Lock) Release() error { return l.wait(noWait, lockRelease, noGoroutine) }

// Locked reports whether the lock is held at the moment.
func (l *Lock) Locked() (held bool, err error) { return l.locked(noGoroutine) }

func (p *proxy) locked(who func(*clientCall)) (held bool, err error) {
	err = p.call(lockLocked, func(c *clientCall) error { who(c); return nil },
		func(c *clientCall) error { held = c.uint() != 0; return nil })
	return held, err
}

// String says what the proxy stands for.
func (l *Lock) String() string { return l.describe("manager.Lock") }

// RLock is a lock in a manager that its owner, a goroutine of a process, may
// acquire again (SyncManager.RLock). Only the owner may release it. Deaths are
// handled as in Lock.
type RLock struct{ proxy }

// NewRLock makes a recursive lock in m that nobody holds.
func NewRLock(m *Manager) (*RLock, error) {
	l := new(RLock)
	if err := l.create(noWait, m, objectLock, proxyType[RLock](), func(c *clientCall) error { c.putUint(1); return nil }); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *RLock) adopt(w *codec.Wire) error {
	return l.adoptAs(w, objectLock, proxyType[RLock]())
}

// Acquire waits until the lock is free or the caller's own, and takes it once
// more. nil and procs.ErrOwnerDied mean that the caller holds it.
func (l *RLock) Acquire(ctx context.Context) error {
	return l.wait(ctx, lockAcquire, thisGoroutine)
}

// AcquireTimeout is Acquire with a limit; then it returns procs.ErrTimeout.
func (l *RLock) AcquireTimeout(d time.Duration) error {
	return waitAtMost(d, procs.ErrTimeout, func(ctx context.Context) error { return l.wait(ctx, lockAcquire, thisGoroutine) })
}

// TryAcquire takes the lock if it is free or the caller's own; the error is as
// in Lock.
func (l *RLock) TryAcquire() (bool, error) { return tried(l.AcquireTimeout(0)) }

// Release undoes one acquire. It returns procs.ErrNotHeld if the caller does
// not hold the lock.
func (l *RLock) Release() error { return l.wait(noWait, lockRelease, thisGoroutine) }

// Locked reports whether the lock is held at the moment.
func (l *RLock) Locked() (held bool, err error) { return l.locked(thisGoroutine) }

// String says what the proxy stands for.
func (l *RLock) String() string { return l.describe("manager.RLock") }
