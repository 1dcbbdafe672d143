package procs

import (
	"context"
	"errors"
)

// AsyncResult is the result of ApplyAsync, MapAsync or StarmapAsync (Python's
// AsyncResult).
type AsyncResult[T any] struct{ f Future[T] }

// ErrNotReady means that Successful was asked before the task had ended.
var ErrNotReady = errors.New("procs: result is not ready")

// Get waits for the result, or until ctx is done.
func (r *AsyncResult[T]) Get(ctx context.Context) (T, error) { return r.f.Result(ctx) }

// Wait waits until the task has ended, or until ctx is done.
func (r *AsyncResult[T]) Wait(ctx context.Context) error { return r.f.Wait(ctx) }

// C returns a channel that is closed when the task has ended.
func (r *AsyncResult[T]) C() <-chan struct{} { return r.f.C() }

// Ready reports whether the task has ended.
func (r *AsyncResult[T]) Ready() bool { return r.f.Done() }

// Successful reports whether the task ended without an error. It returns
// ErrNotReady if the task has not ended.
func (r *AsyncResult[T]) Successful() (bool, error) {
	if !r.f.Done() {
		return false, ErrNotReady
	}
	return r.f.err() == nil, nil
}

// Cancel stops the task, whether it runs or not: see Future.Stop. It reports
// whether there was a task to stop.
func (r *AsyncResult[T]) Cancel() bool { return r.f.Stop() }
