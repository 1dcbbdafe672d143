package procs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"switchyard/procs/internal/shm"
)

// Locker is what a Condition works with: a *Lock or an *RLock.
type Locker interface {
	Acquire(ctx context.Context) error
	AcquireTimeout(d time.Duration) error
	TryAcquire() bool
	Release() error
	Close() error

	handle
	releaseAll() (depth uint64, err error)
	reacquire(depth uint64) error
	held() bool
}

// Condition lets a process that holds a lock wait until another, holding the
// lock, notifies it of a change. It is multiprocessing.Condition.
//
// Notify wakes those who have waited longest, each exactly once. If one of them
// is killed before it wakes, the notification passes to the next within a
// fraction of a second. A Wait that ends with an error holds the lock again
// nevertheless, as in Python.
//
// A holder of the lock that is killed loses it as with Lock. The death of a
// waiter in another pid namespace than the others' is not detected: a
// notification that it got is lost, and its slot remains in use.
//
// A wait costs a thread of the process, and there may be at most 500 waits on
// one Condition at a time, in all processes: one more returns ErrNoSpace at
// once and still holds the lock. Notify looks at every slot that was ever used.
type Condition struct {
	shared
	lock  Locker
	mu    shm.Mutex
	table *conditionTable
}

// conditionTable lies in the segment, guarded by mu. A slot belongs to one Wait
// from the store of waiting to that of free.
type conditionTable struct {
	_     uint64 // the mutex
	next  uint64 // ticket
	used  uint64 // slots above were never used
	_     uint64
	slots [conditionSlots]conditionSlot
}

type conditionSlot struct {
	owner  uint64
	ticket uint64        // order of arrival
	state  atomic.Uint32 // stored last; the sleeper's futex
	_      [12]byte
}

const (
	conditionSlots = 500

	slotFree     = 0
	slotWaiting  = 1
	slotNotified = 2
)

// NewCondition returns a condition on a lock, nil for a new RLock. The
// condition can be passed on alone: it brings its lock along.
func NewCondition(l Locker) (*Condition, error) {
	var own *RLock
	if l == nil {
		var err error
		if own, err = NewRLock(); err != nil {
			return nil, err
		}
		l = own
	}
	c := &Condition{lock: l}
	if err := c.create(kindCondition, int(sizeof[conditionTable]())); err != nil {
		if own != nil {
			own.Close()
		}
		return nil, err
	}
	c.open()
	return c, nil
}

func (c *Condition) share(w *wire) error {
	if err := c.shareAs(w); err != nil {
		return err
	}
	_, recursive := c.lock.(*RLock)
	w.PutUint64(b2u(recursive))
	return c.lock.share(w)
}

func (c *Condition) adopt(w *wire) error {
	if err := c.adoptAs(w, kindCondition, int(sizeof[conditionTable]())); err != nil {
		return err
	}
	c.lock = new(Lock)
	if w.TakeUint64() == 1 {
		c.lock = new(RLock)
	}
	if err := c.lock.adopt(w); err != nil {
		return err
	}
	c.open()
	return nil
}

func (c *Condition) open() {
	c.mu.Open(c.seg, bodyOffset)
	c.table = shm.At[conditionTable](c.seg.Bytes(), bodyOffset)
}

// Lock returns the lock.
func (c *Condition) Lock() Locker { return c.lock }

// Acquire acquires the lock.
func (c *Condition) Acquire(ctx context.Context) error {
	if c.closed() {
		return ErrClosed
	}
	return c.lock.Acquire(ctx)
}

// Release releases the lock.
func (c *Condition) Release() error {
	if c.closed() {
		return ErrClosed
	}
	return c.lock.Release()
}

// Close lets go of the condition and of its lock in this process.
func (c *Condition) Close() error {
	err := c.shared.Close()
	if c.lock != nil {
		err = errors.Join(err, c.lock.Close())
	}
	return err
}

// Wait releases the lock, waits for a notification, and acquires the lock
// again, even if it returns an error, unless that is ErrNotHeld or ErrClosed.
// The caller must hold the lock. If its last owner died meanwhile, the error
// is, or wraps, ErrOwnerDied. The context ends the wait for a notification, not
// that for the lock: Wait returns once the lock is free again. A notification
// that comes at the moment when the context ends is not lost: Wait returns nil.
func (c *Condition) Wait(ctx context.Context) error {
	wait := waitFor(ctx)
	return c.wait(&wait)
}

// WaitTimeout is Wait with a limit; then it returns ErrTimeout, holding the
// lock.
func (c *Condition) WaitTimeout(d time.Duration) error {
	wait := waitUntil(d)
	return c.wait(&wait)
}

// WaitFor waits until a notification finds the predicate true, which is
// evaluated with the lock held. If it is true already, WaitFor does not wait at
// all.
func (c *Condition) WaitFor(ctx context.Context, predicate func() bool) error {
	wait := waitFor(ctx)
	return c.waitFor(&wait, predicate)
}

// WaitForTimeout is WaitFor with a limit on the whole; then it returns
// ErrTimeout.
func (c *Condition) WaitForTimeout(d time.Duration, predicate func() bool) error {
	wait := waitUntil(d)
	return c.waitFor(&wait, predicate)
}

func (c *Condition) waitFor(wait *shm.Wait, predicate func() bool) error {
	if c.closed() {
		return ErrClosed
	}
	if !c.lock.held() {
		return ErrNotHeld
	}
	for !predicate() {
		if err := c.wait(wait); err != nil {
			if !errors.Is(err, ErrOwnerDied) && c.lock.held() && predicate() {
				return nil
			}
			return err
		}
	}
	return nil
}

func (c *Condition) wait(wait *shm.Wait) error {
	if c.closed() {
		return ErrClosed
	}
	if !c.lock.held() {
		return ErrNotHeld
	}
	slot, err := c.enqueue()
	if err != nil {
		return err
	}
	depth, err := c.lock.releaseAll()
	if err != nil {
		c.dequeue(slot)
		return err
	}
	err = c.sleep(wait, slot)
	if c.dequeue(slot) {
		err = nil // notified in the last moment
	}
	if again := c.lock.reacquire(depth); again != nil {
		if err == nil {
			return again
		}
		return errors.Join(err, again)
	}
	return fromShm(err)
}

// enqueue takes a slot.
func (c *Condition) enqueue() (*conditionSlot, error) {
	c.lockTable()
	defer c.mu.Unlock()
	t := c.table
	for i := range t.slots {
		s := &t.slots[i]
		if s.state.Load() != slotFree {
			continue
		}
		s.owner, s.ticket = uint64(shm.Self()), t.next
		t.next++
		t.used = max(t.used, uint64(i)+1)
		s.state.Store(slotWaiting)
		return s, nil
	}
	return nil, fmt.Errorf("%w: more than %d waits on one condition", ErrNoSpace, conditionSlots)
}

// dequeue gives the slot back and reports whether it was notified.
func (c *Condition) dequeue(s *conditionSlot) bool {
	c.lockTable()
	defer c.mu.Unlock()
	return s.state.Swap(slotFree) == slotNotified
}

func (c *Condition) sleep(wait *shm.Wait, slot *conditionSlot) error {
	sleeper := shm.Sleeper{Watchful: true}
	defer sleeper.End()
	for slot.state.Load() == slotWaiting {
		if c.closed() {
			return ErrClosed
		}
		slept, err := sleeper.Sleep(wait, &slot.state, slotWaiting)
		if err != nil {
			return err
		}
		if slept {
			c.reap()
		}
	}
	return nil
}

// reap frees the slots of dead processes, and passes on what they were notified
// of and did not take.
func (c *Condition) reap() {
	c.lockTable()
	defer c.mu.Unlock()
	lost := 0
	for i := range c.table.slots[:c.used()] {
		s := &c.table.slots[i]
		state := s.state.Load()
		if state == slotFree || shm.Owner(s.owner) == shm.Self() || shm.Owner(s.owner).Alive() {
			continue
		}
		if state == slotNotified {
			lost++
		}
		s.state.Store(slotFree)
	}
	c.notify(lost)
}

// Notify wakes up to n waiters, those who have waited longest. The caller must
// hold the lock, else ErrNotHeld.
func (c *Condition) Notify(n int) error {
	if c.closed() {
		return ErrClosed
	}
	if !c.lock.held() {
		return ErrNotHeld
	}
	c.lockTable()
	defer c.mu.Unlock()
	c.notify(n)
	return nil
}

// NotifyAll wakes all waiters. The caller must hold the lock, else ErrNotHeld.
func (c *Condition) NotifyAll() error { return c.Notify(math.MaxInt) }

func (c *Condition) notify(n int) {
	if n <= 0 {
		return
	}
	var waiting []*conditionSlot
	for i := range c.table.slots[:c.used()] {
		if s := &c.table.slots[i]; s.state.Load() == slotWaiting {
			waiting = append(waiting, s)
		}
	}
	slices.SortFunc(waiting, func(a, b *conditionSlot) int { return cmp.Compare(a.ticket, b.ticket) })
	for _, s := range waiting[:min(n, len(waiting))] {
		// A death after this store and before the wake-up delays the sleeper by
		// a slice of sleep.
		s.state.Store(slotNotified)
		shm.Wake(&s.state, 1)
	}
}

// Waiting returns how many wait now, in all processes.
func (c *Condition) Waiting() int {
	if c.closed() {
		return 0
	}
	n := 0
	for i := range c.table.slots[:c.used()] {
		if c.table.slots[i].state.Load() == slotWaiting {
			n++
		}
	}
	return n
}

func (c *Condition) used() uint64 { return min(c.table.used, conditionSlots) }

// lockTable takes mu. The table is valid after every store, so that a death
// inside needs no repair.
func (c *Condition) lockTable() { c.mu.Lock(&forever) }
