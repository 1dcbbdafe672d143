// Package fault is the one place through which the program's own code is
// called: functions, callbacks, hooks, and the methods of errors and other
// values. Whatever that does, panic, end its goroutine (runtime.Goexit) or
// never come to an end in its chain of errors, becomes an error here, and does
// not befall the pool, the worker or the manager that calls it.
//
// Call it without a lock and not in the midst of a change: it may ask the
// object that calls it, and it may take its time.
package fault

import "runtime/debug"

// Panic is a panic on its way to the process that asked for what panicked.
type Panic struct {
	Value any    // of the panic
	Stack string // where it happened
}

// Error says what panicked.
func (e *Panic) Error() string { return "panic: " + Text(e.Value) }

// NewPanic makes one of what recover returned.
func NewPanic(v any) *Panic { return &Panic{v, string(debug.Stack())} }

// Recover turns a panic into the error *err. It is to be deferred itself:
//
//	defer fault.Recover(&err)
//
// runtime.Goexit passes: the goroutine is the caller's.
func Recover(err *error) {
	if v := recover(); v != nil {
		*err = NewPanic(v)
	}
}
