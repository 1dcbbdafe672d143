package procs

import (
	"context"
	"time"
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
	set, gone bool
}

func (e *eventObject) end() { e.change(func() error { e.gone = true; return nil }) }

func (e *eventObject) call(c *serverCall) error {
	if c.method == eventWait {
		return e.awaitOr(c, &e.gone, func() bool { return e.set })
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
			return errWire
		}
		return nil
	})
}

// ManagerEvent is a flag in a manager that processes wait for (SyncManager.Event).
type ManagerEvent struct{ managerProxy }

// NewManagerEvent makes an event in m that is not set.
func NewManagerEvent(m *Manager) (*ManagerEvent, error) {
	e := new(ManagerEvent)
	if err := e.create(noWait, m, objectEvent, proxyType[ManagerEvent](), nil); err != nil {
		return nil, err
	}
	return e, nil
}

func (e *ManagerEvent) adopt(w *wire) error {
	return e.adoptAs(w, objectEvent, proxyType[ManagerEvent]())
}

// IsSet tells whether the event is set.
func (e *ManagerEvent) IsSet() (set bool, err error) {
	err = e.call(eventIsSet, nil, func(c *managerCall) error { set = c.uint() != 0; return nil })
	return set, err
}

// Set sets the event, and wakes all who wait, also if it is cleared at once.
func (e *ManagerEvent) Set() error { return e.call(eventSet, nil, nil) }

// Clear unsets the event.
func (e *ManagerEvent) Clear() error { return e.call(eventClear, nil, nil) }

// Wait waits until the event is set.
func (e *ManagerEvent) Wait(ctx context.Context) error { return e.wait(ctx, eventWait, nil) }

// WaitTimeout is Wait with a limit; then it returns ErrTimeout.
func (e *ManagerEvent) WaitTimeout(d time.Duration) error {
	return waitAtMost(d, ErrTimeout, func(ctx context.Context) error { return e.wait(ctx, eventWait, nil) })
}

// String says what the proxy stands for.
func (e *ManagerEvent) String() string { return e.describe("ManagerEvent") }
