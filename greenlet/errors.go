package greenlet

import (
	"errors"
	"fmt"
	rt "runtime/debug"
)

// Errors that Switch, Throw, SetParent and Close return, to be tested with
// errors.Is.
var (
	// ErrExit asks a greenlet to end quietly: it is python's GreenletExit.
	// Thrown into a greenlet it is what its Switch returns. A greenlet whose
	// run function returns it (or an error that wraps it) ends without an
	// error: its parent receives the value returned beside it.
	ErrExit = errors.New("greenlet: exit")

	// ErrClosed is returned when switching in a family that is closing or
	// closed.
	ErrClosed = errors.New("greenlet: family closed")

	// ErrCycle is returned by SetParent when the new parent descends from the
	// greenlet.
	ErrCycle = errors.New("greenlet: cyclic parent chain")

	// ErrForeign is returned by SetParent when the new parent is of another
	// family.
	ErrForeign = errors.New("greenlet: parent of another family")

	// ErrMain is returned by SetParent on a main greenlet, which has no parent.
	ErrMain = errors.New("greenlet: a main greenlet has no parent")
)

// A PanicError carries a panic out of the greenlet in which it happened. The
// parent's Switch panics with it; if the parent does not recover it either, the
// same PanicError goes on to its parent, with the stack of the first.
type PanicError struct {
	Value    any    // the argument of panic
	Stack    []byte // the stack of the greenlet at the panic, as debug.Stack prints it
	Greenlet string // the greenlet's String
}

// Error returns the panic's value and the stack where it happened.
func (p *PanicError) Error() string {
	return fmt.Sprintf("greenlet: panic in %s: %v\n\n%s", p.Greenlet, p.Value, p.Stack)
}

// Unwrap returns the panic's value if it was an error, or nil.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

// asPanic wraps a recovered value; a PanicError on its way up is kept as it is.
// It must be called by the deferred function that recovered, where the stack
// still shows the panic.
func asPanic(value any, greenlet string) *PanicError {
	if p, ok := value.(*PanicError); ok {
		return p
	}
	return &PanicError{Value: value, Stack: rt.Stack(), Greenlet: greenlet}
}
