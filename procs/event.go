package procs

import (
	"context"
	"sync/atomic"
	"time"

	"switchyard/procs/internal/shm"
)

// Event is a flag that processes wait for. It is multiprocessing.Event.
//
// IsSet, and Wait on a set event, cost one load. Set costs one system call if
// anybody waits, however many do; there is no limit on how many. There is no
// lock in it, so the death of a setter or a waiter does no harm: the event is
// set or it is not, and if the setter was killed before it woke the waiters,
// they notice within 0.2 s.
type Event struct {
	shared
	state   *atomic.Uint32 // how often it was set, and in the lowest bit whether it is
	changed shm.EventCount
	all     shm.SharedWaiter
	spin    shm.Spinner
}

// NewEvent returns an event that is not set.
func NewEvent() (*Event, error) {
	e := new(Event)
	if err := e.create(kindEvent, eventSize); err != nil {
		return nil, err
	}
	e.open()
	return e, nil
}

const eventSize = 4 + shm.EventCountSize

func (e *Event) share(w *wire) error { return e.shareAs(w) }

func (e *Event) adopt(w *wire) error {
	if err := e.adoptAs(w, kindEvent, eventSize); err != nil {
		return err
	}
	e.open()
	return nil
}

func (e *Event) open() {
	e.state = shm.At[atomic.Uint32](e.seg.Bytes(), bodyOffset)
	e.changed.Open(e.seg, bodyOffset+4)
}

func isSet(state uint32) bool { return state&1 != 0 }

// IsSet reports whether the event is set.
func (e *Event) IsSet() bool { return !e.closed() && isSet(e.state.Load()) }

// Set sets the event and wakes everyone who waits. It returns ErrClosed if this
// handle is closed.
func (e *Event) Set() error {
	if e.closed() {
		return ErrClosed
	}
	shm.RaceRelease(e)
	for {
		v := e.state.Load()
		if isSet(v) {
			return nil
		}
		if e.state.CompareAndSwap(v, v+3) {
			e.changed.NotifyAll()
			return nil
		}
	}
}

// Clear unsets the event.
func (e *Event) Clear() error {
	if e.closed() {
		return ErrClosed
	}
	if v := e.state.Load(); isSet(v) {
		e.state.CompareAndSwap(v, v-1) // else another one has just cleared it
	}
	return nil
}

// Wait waits until the event is set. It also returns if the event is set and
// cleared again meanwhile.
func (e *Event) Wait(ctx context.Context) error {
	wait := waitFor(ctx)
	return e.wait(&wait)
}

// WaitTimeout is Wait with a limit; then it returns ErrTimeout.
func (e *Event) WaitTimeout(d time.Duration) error {
	if e.closed() {
		return ErrClosed
	}
	if isSet(e.state.Load()) {
		shm.RaceAcquire(e)
		return nil
	}
	wait := waitUntil(d)
	return e.wait(&wait)
}

func (e *Event) wait(wait *shm.Wait) error {
	if e.closed() {
		return ErrClosed
	}
	if v := e.state.Load(); !isSet(v) {
		if err := e.sleep(wait, v); err != nil {
			return err
		}
	}
	shm.RaceAcquire(e)
	return nil
}

// sleep waits until the event was set since its state was before. The field
// changed does not tell: it may still notify of a Set that others have heeded
// already.
func (e *Event) sleep(wait *shm.Wait, before uint32) error {
	over := func() bool { return e.state.Load() != before }
	if e.spin.Until(over) {
		return nil
	}
	var sleeper shm.Sleeper
	defer sleeper.End()
	for !over() {
		if e.closed() {
			return ErrClosed
		}
		if _, err := e.all.Sleep(&e.changed, &sleeper, wait, over); err != nil && !over() {
			return fromShm(err)
		}
	}
	return nil
}

// Close lets go of the event in this process, where calls that wait return
// ErrClosed; others keep it.
func (e *Event) Close() error {
	if e.seg == nil {
		return nil
	}
	err := e.seg.Close()
	e.changed.NotifyAll()
	return err
}

// String reports whether the event is set.
func (e *Event) String() string {
	switch {
	case e.closed():
		return "<Event closed>"
	case e.IsSet():
		return "<Event set>"
	}
	return "<Event unset>"
}
