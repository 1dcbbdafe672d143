package manager

import (
	"context"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// methods of an event
const (
	eventIsSet byte = iota
	eventSet
	eventClear
	eventWait
)

// eventObject is an event in the manager.
type eventObject struct {
	monitor
	set bool
}

func (e *eventObject) call(c *serverCall) error {
	if c.method == eventWait {
		return e.await(c, func() bool { return e.set })
	}
	return e.change(func() error {
		switch c.method {
		case eventIsSet:
			c.putBool(e.set)
		case eventSet:
			e.set = true
		case eventClear:
			e.set = false
		default:
			return codec.ErrWire
		}
		return nil
	})
}

// Event is a flag in a manager that processes wait for (SyncManager.Event).
type Event struct{ proxy }

// NewEvent makes an event in m that is not set.
func NewEvent(m *Manager) (*Event, error) {
	e := new(Event)
	if err := e.create(noWait, m, objectEvent, proxyType[Event](), nil); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *Event) adopt(w *codec.Wire) error {
	return e.adoptAs(w, objectEvent, proxyType[Event]())
}

// IsSet reports whether the event is set.
func (e *Event) IsSet() (set bool, err error) {
	err = e.call(eventIsSet, nil, func(c *clientCall) error { set = c.uint() != 0; return nil })
	return set, err
}

// Set sets the event, and wakes all waiters, even if the event is cleared again
// before they run.
func (e *Event) Set() error { return e.call(eventSet, nil, nil) }

// Clear unsets the event.
func (e *Event) Clear() error { return e.call(eventClear, nil, nil) }

// Wait waits until the event is set.
func (e *Event) Wait(ctx context.Context) error { return e.wait(ctx, eventWait, nil) }

// WaitTimeout is Wait with a limit; then it returns procs.ErrTimeout.
func (e *Event) WaitTimeout(d time.Duration) error {
	return waitAtMost(d, procs.ErrTimeout, func(ctx context.Context) error { return e.wait(ctx, eventWait, nil) })
}

// String says what the proxy stands for.
func (e *Event) String() string { return e.describe("manager.Event") }
