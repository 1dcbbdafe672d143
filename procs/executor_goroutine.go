package procs

import (
	"switchyard/procs/internal/fault"
)

// localPanic returns the error that a panic in another process would give.
func localPanic(p *fault.Panic) error {
	e := &RemoteError{Index: -1}
	e.panicked(p, "")
	return e
}

// localTask is one call in a goroutine of this process.
type localTask[In, Out any] struct {
	f   Future[Out]
	fn  *Func[In, Out]
	in  In
	ctx taskContext
}

// Run makes the call, and completes the future.
func (t *localTask[In, Out]) Run(scope any) {
	t.ctx.scope.Store(scope.(*taskScope))
	if !t.f.SetRunning() {
		return
	}
	err := errGoexit
	var v Out
	defer func() {
		t.ctx.cancel()
		var zero In
		t.in = zero // a future that is kept should not keep the argument
		if p := recover(); p != nil {
			err = localPanic(fault.NewPanic(p))
		}
		if err != nil {
			t.f.complete(nil, err)
			return
		}
		t.f.complete(&v, nil)
	}()
	v, err = t.fn.call(&t.ctx, t.in)
}

// Fail completes the future of a call that is not made.
func (t *localTask[In, Out]) Fail(err error) { t.f.complete(nil, err) }

func (t *localTask[In, Out]) begun() bool { return t.f.state.Load() == futureRunning }

// cancel completes a task that waits; its entry in the queue then does nothing.
// If force is set, the context of a running task is cancelled.
func (t *localTask[In, Out]) cancel(force bool) bool {
	if t.f.cancelPending() {
		return true
	}
	if force {
		t.ctx.cancel()
	}
	return t.f.Cancelled()
}
