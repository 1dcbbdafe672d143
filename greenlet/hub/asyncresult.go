package hub

import "time"

// An AsyncResult is a value, or an error, that somebody will set and that any
// number of greenlets may wait for (gevent.event.AsyncResult).
type AsyncResult[T any] struct {
	done Event
	v    T
	err  error
}

// NewAsyncResult makes one that is not set.
func NewAsyncResult[T any](h *Hub) *AsyncResult[T] {
	return &AsyncResult[T]{done: Event{h: h}}
}

// Set sets the value, anew if there is one already, and wakes all who wait.
// Those who were woken and have had no turn yet get the newest.
func (a *AsyncResult[T]) Set(v T) {
	a.v, a.err = v, nil
	a.done.Set()
}

// SetError sets an error instead of a value (AsyncResult.set_exception).
func (a *AsyncResult[T]) SetError(err error) {
	if err == nil {
		panic("hub: SetError with a nil error")
	}
	var zero T
	a.v, a.err = zero, err
	a.done.Set()
}

// Complete sets the value or, if err is not nil, the error.
func (a *AsyncResult[T]) Complete(v T, err error) {
	if err != nil {
		a.SetError(err)
	} else {
		a.Set(v)
	}
}

// Get waits for the value or error.
func (a *AsyncResult[T]) Get() (T, error) { return a.GetTimeout(-1) }

// GetTimeout is Get for at most d, then [ErrTimeout]; see the package on
// limits.
func (a *AsyncResult[T]) GetTimeout(d time.Duration) (T, error) {
	if err := a.done.WaitTimeout(d); err != nil {
		var zero T
		return zero, err
	}
	return a.v, a.err
}

// TryGet is Get without waiting: [ErrNotReady] if there is nothing yet.
func (a *AsyncResult[T]) TryGet() (T, error) {
	if !a.done.set {
		var zero T
		return zero, ErrNotReady
	}
	return a.v, a.err
}

// Wait waits until there is a value or error.
func (a *AsyncResult[T]) Wait() error { return a.done.Wait() }

// Ready reports whether there is a value or error.
func (a *AsyncResult[T]) Ready() bool { return a.done.set }

// Successful reports whether there is a value.
func (a *AsyncResult[T]) Successful() bool { return a.done.set && a.err == nil }

func (a *AsyncResult[T]) attach(l *Link) { a.done.attach(l) }
