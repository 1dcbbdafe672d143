package manager

import (
	"context"
	"math"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// methods of a condition, after those of its lock
const (
	conditionWait byte = 16 + iota
	conditionNotify
	conditionWaiting
)

// conditionObject is a condition in the manager, with a recursive lock of its
// own.
type conditionObject struct {
	lockObject
	sleepers []*sleeper // in the order in which they came
}

// sleeper is one Wait. It takes itself off the list when its client has ended.
type sleeper struct{ notified bool }

func (o *conditionObject) call(c *serverCall) error {
	switch c.method {
	case conditionWait:
		who := holder{c.link, c.uint()}
		if c.bad {
			return codec.ErrWire
		}
		return o.waitFor(c, who)
	case conditionNotify:
		who, n := holder{c.link, c.uint()}, c.int()
		if c.bad || n < 0 {
			return codec.ErrWire
		}
		return o.change(func() error {
			if o.depth == 0 || o.held != who {
				return procs.ErrNotHeld
			}
			n = min(n, len(o.sleepers))
			for _, s := range o.sleepers[:n] {
				s.notified = true
			}
			o.sleepers = o.sleepers[n:]
			return nil
		})
	case conditionWaiting:
		return o.change(func() error { c.putInt(len(o.sleepers)); return nil })
	}
	return o.lockObject.call(c)
}

// waitFor releases the lock however deep it is held, waits for a notification
// and then for the lock. Having given up waiting, it waits for the lock too:
// the caller holds it in any case, unless it is gone itself.
func (o *conditionObject) waitFor(c *serverCall, who holder) error {
	if c.ctx == nil { // it always waits
		return errWouldWait
	}
	s := new(sleeper)
	depth, notified := 0, false
	err := o.change(func() error {
		if o.depth == 0 || o.held != who {
			return procs.ErrNotHeld
		}
		depth = o.depth
		o.held, o.depth = holder{}, 0
		o.sleepers = append(o.sleepers, s)
		return nil
	})
	if err != nil {
		return err
	}
	var got error
	back := func() (ok bool) {
		if got, ok = o.take(who); ok {
			o.depth = depth
		}
		return ok
	}
	late := o.await(c, func() bool { return s.notified && back() })
	if late != nil {
		o.change(func() error { o.forget(s); notified = s.notified; return nil })
		if c.link.gone.Load() { // who is gone needs no lock
			return late
		}
		again := *c
		again.ctx = c.link.ctx // nothing but the client's end keeps it from the lock
		if err := o.await(&again, back); err != nil {
			return err
		}
	}
	switch {
	case got != nil:
		return got
	case late != nil && notified: // it came while we gave up
		return nil
	}
	return late
}

// forget takes a sleeper off the list.
func (o *conditionObject) forget(s *sleeper) {
	for i, t := range o.sleepers {
		if t == s {
			o.sleepers = append(o.sleepers[:i:i], o.sleepers[i+1:]...)
			return
		}
	}
}

// Condition lets a process that holds its lock wait until another one notifies
// it of a change (SyncManager.Condition). The lock is recursive and owned by a
// goroutine, as RLock.
type Condition struct{ proxy }

// NewCondition makes a condition in m.
func NewCondition(m *Manager) (*Condition, error) {
	c := new(Condition)
	if err := c.create(noWait, m, objectCondition, proxyType[Condition](), nil); err != nil {
		return nil, err
	}
	return c, nil
}

func (p *Condition) adopt(w *codec.Wire) error {
	return p.adoptAs(w, objectCondition, proxyType[Condition]())
}

// Acquire takes the lock; see RLock.
func (p *Condition) Acquire(ctx context.Context) error {
	return p.proxy.wait(ctx, lockAcquire, thisGoroutine)
}

// Release undoes one acquire.
func (p *Condition) Release() error {
	return p.proxy.wait(noWait, lockRelease, thisGoroutine)
}

// Wait releases the lock, waits for a notification, and takes the lock again,
// as often as the caller held it. The caller holds it again also if the context
// ended first, or if the error is procs.ErrOwnerDied, because another holder
// died. Wait returns procs.ErrNotHeld if the caller did not hold it.
func (p *Condition) Wait(ctx context.Context) error {
	return p.proxy.wait(ctx, conditionWait, thisGoroutine)
}

// WaitTimeout is Wait with a limit; then it returns procs.ErrTimeout.
func (p *Condition) WaitTimeout(d time.Duration) error {
	return waitAtMost(max(d, 1), procs.ErrTimeout, p.Wait)
}

// WaitFor waits until predicate, called with the lock held, returns true.
func (p *Condition) WaitFor(ctx context.Context, predicate func() bool) error {
	for !predicate() {
		if err := p.Wait(ctx); err != nil {
			if predicate() && err != procs.ErrOwnerDied {
				return nil
			}
			return err
		}
	}
	return nil
}

// WaitForTimeout is WaitFor with a limit; then it returns procs.ErrTimeout.
func (p *Condition) WaitForTimeout(d time.Duration, predicate func() bool) error {
	return waitAtMost(max(d, 1), procs.ErrTimeout, func(ctx context.Context) error { return p.WaitFor(ctx, predicate) })
}

// Notify wakes up to n waiters, those that have waited longest first. It
// returns procs.ErrNotHeld if the caller does not hold the lock.
func (p *Condition) Notify(n int) error {
	return p.proxy.wait(noWait, conditionNotify, func(c *clientCall) {
		thisGoroutine(c)
		c.putInt(max(n, 0))
	})
}

// NotifyAll wakes all waiters.
func (p *Condition) NotifyAll() error { return p.Notify(math.MaxInt) }

// Waiting returns the number of waiters at the moment.
func (p *Condition) Waiting() (n int, err error) {
	err = p.call(conditionWaiting, nil, func(c *clientCall) error { n = c.int(); return nil })
	return n, err
}

// String says what the proxy stands for.
func (p *Condition) String() string { return p.describe("manager.Condition") }
