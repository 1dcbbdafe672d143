// Package fault is what befell a task in another process, on its way to the error that its caller gets.
package fault

import (
	"fmt"
	"runtime/debug"
)

// Panic is a panic on its way to the process that asked for what panicked.
type Panic struct {
	Value any    // of the panic
	Stack string // where it happened
}

// Error says what panicked.
func (e *Panic) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// NewPanic makes one of what recover returned.
func NewPanic(v any) *Panic { return &Panic{v, string(debug.Stack())} }
