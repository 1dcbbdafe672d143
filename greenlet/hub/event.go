package hub

import "time"

// An Event is a flag that greenlets wait for (gevent.event.Event).
type Event struct {
	h       *Hub
	set     bool
	waiters waitList
	links   links
}

// NewEvent makes an event that is not set.
func NewEvent(h *Hub) *Event { return &Event{h: h} }

// Set sets the flag and wakes all who wait. It does not switch; callbacks may
// use it.
func (e *Event) Set() {
	if e.set {
		return
	}
	e.set = true
	e.waiters.wakeAll()
	e.links.fire()
}

// Clear resets the flag. Those whom a Set has woken stay woken.
func (e *Event) Clear() { e.set = false }

// IsSet reports whether the flag is set.
func (e *Event) IsSet() bool { return e.set }

// Ready is [Event.IsSet].
func (e *Event) Ready() bool { return e.set }

// Wait waits until the flag is set.
func (e *Event) Wait() error { return e.WaitTimeout(-1) }

// WaitTimeout is Wait for at most d, then [ErrTimeout]; see the package on
// limits.
func (e *Event) WaitTimeout(d time.Duration) error {
	if e.set {
		return nil
	}
	return e.h.wait(&e.waiters, d, ErrTimeout)
}

func (e *Event) attach(l *Link) {
	if e.set {
		l.fire()
	} else {
		e.links.add(l)
	}
}
