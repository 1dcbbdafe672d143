package greenlet

// An Event is a switch that has just taken place.
type Event[T any] struct {
	Kind   EventKind
	Origin *Greenlet[T] // who switched away, or died
	Target *Greenlet[T] // who runs now
}

// EventKind is how the target was reached.
type EventKind uint8

const (
	// SwitchEvent is a switch that brings a value.
	SwitchEvent EventKind = iota
	// ThrowEvent is a switch that brings an error, a panic or an exit.
	ThrowEvent
)

// String returns "switch" or "throw".
func (k EventKind) String() string {
	if k == ThrowEvent {
		return "throw"
	}
	return "switch"
}

// SetTrace makes the family call trace after every switch, in the target,
// before it goes on; nil turns tracing off. It returns the function that was
// set before. While trace runs, its own switches are not traced. If it panics,
// tracing is turned off and the target panics. It re-creates greenlet.settrace;
// while it is on, a switch costs about three times as much.
func (g *Greenlet[T]) SetTrace(trace func(Event[T])) (old func(Event[T])) {
	f := g.family
	if debug {
		f.check()
	}
	old = f.trace
	f.trace = trace
	if trace != nil {
		f.odd |= oddTrace
	} else {
		f.odd &^= oddTrace
	}
	return old
}

// Trace returns the function set by SetTrace, or nil.
func (g *Greenlet[T]) Trace() func(Event[T]) { return g.family.trace }

// callTrace calls the trace function for the switch that has just ended.
func (f *family[T]) callTrace() {
	origin := f.origin
	f.origin = nil
	e := Event[T]{Origin: origin, Target: f.current}
	if f.odd&oddMessage != 0 {
		e.Kind = ThrowEvent
	}
	v, m, flag := f.value, f.message, f.odd&oddMessage
	f.message, f.odd = message{}, f.odd&^(oddMessage|oddTrace)
	trace := f.trace
	ok := false
	defer func() {
		if !ok {
			f.trace = nil
			return
		}
		f.value, f.message = v, m
		f.odd |= flag
		if f.trace != nil {
			f.odd |= oddTrace
		}
	}()
	trace(e)
	ok = true
}
