package procs

import (
	"context"
	"fmt"
	"iter"
	"runtime"
	"sync/atomic"

	"switchyard/procs/internal/bridge"
)

// Executor runs functions and returns futures (Python's
// concurrent.futures.Executor): in worker processes (NewExecutor), or in
// goroutines of this process (NewExecutor of package threads). Both are used
// alike, so a program can change from one to the other.
//
// Unlike Python's ProcessPoolExecutor, an executor over processes is not broken
// for good when a worker dies: only the task that the worker was running fails,
// with ErrWorkerDied.
//
// A callback of an executor over processes may do anything but wait for a
// result of that executor: see Pool.
//
// An executor that has become unreachable is shut down, without waiting and
// without cancelling anything.
type Executor struct {
	pool    *Pool          // nil for an executor over goroutines
	backend bridge.Backend // nil for an executor over processes
	lent    *atomic.Bool   // Pool was called: the pool may be in use though the executor is not
}

// NewExecutor returns an executor over worker processes (ProcessPoolExecutor),
// whose pool is configured as by NewPool.
func NewExecutor(config PoolConfig) (*Executor, error) {
	p, err := NewPool(config)
	if err != nil {
		return nil, err
	}
	e := &Executor{pool: p, lent: new(atomic.Bool)}
	lent := e.lent
	runtime.AddCleanup(e, func(p *Pool) {
		if !lent.Load() {
			p.Close()
		}
	}, p)
	return e, nil
}

// Pool returns the pool under an executor over processes, and nil for one over
// goroutines. Afterwards the garbage collector does not shut the executor down.
func (e *Executor) Pool() *Pool {
	if e.lent != nil {
		e.lent.Store(true)
	}
	return e.pool
}

// Submit runs f with in, and returns the future of its result at once. All
// errors, including ErrClosed after Shutdown, are reported by the future.
func Submit[In, Out any](e *Executor, f *Func[In, Out], in In, opts ...Option) *Future[Out] {
	defer runtime.KeepAlive(e) // it must not be shut down during this call
	if e.pool != nil {
		return &ApplyAsync(e.pool, f, in, opts...).f
	}
	t := &localTask[In, Out]{fn: f, in: in}
	t.f.owner = t
	if len(opts) > 0 {
		o := gather(0, opts)
		if call := callbacks[Out](&o); call != nil {
			t.f.listen(func(f *Future[Out]) { call(f.value, f.err()) })
		}
	}
	if err := e.backend.Submit(t); err != nil {
		t.f.complete(nil, err)
	}
	return &t.f
}

// ExecutorMap runs f with each element of xs, and yields the results in order,
// as they come (Executor.map). All tasks are submitted when the loop begins. A
// failed task yields its error instead of a result, and the loop continues. If
// ctx is done before the next result has come, its error is yielded and the
// loop ends. Tasks that were not begun when the loop ends are cancelled.
//
// With Chunk(n), n elements are one task of an executor over processes, and an
// error stands for the whole chunk; the default is 1, as in Python. A result
// that was yielded is not kept beyond the end of its chunk.
func ExecutorMap[In, Out any](ctx context.Context, e *Executor, f *Func[In, Out], xs []In, opts ...Option) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		chunk := gather(0, opts).chunk
		if e.pool == nil || chunk <= 1 {
			fs := make([]*Future[Out], len(xs))
			for i, x := range xs {
				fs[i] = Submit(e, f, x, opts...)
			}
			inOrder(ctx, fs, yield)
			return
		}
		var fs []*Future[[]Out]
		for rest := xs; len(rest) > 0; {
			n := min(chunk, len(rest))
			fs = append(fs, &MapAsync(e.pool, f, rest[:n], opts...).f)
			rest = rest[n:]
		}
		runtime.KeepAlive(e)
		inOrder(ctx, fs, func(vs []Out, err error) bool { return yieldAll(vs, err, yield) })
	}
}

// inOrder calls each with the result of every future, in order, until it
// returns false. If ctx is done first, the last call is with its error. The
// remaining futures are cancelled; those that were used are not kept.
func inOrder[T any](ctx context.Context, fs []*Future[T], each func(v T, err error) bool) {
	defer cancelAll(fs)
	for i, f := range fs {
		if err := f.Wait(ctx); err != nil {
			var zero T
			each(zero, err)
			return
		}
		fs[i] = nil
		if !each(f.value, f.err()) {
			return
		}
	}
}

// yieldChunk yields the results of a chunk, or its error, and reports whether
// to continue. If ctx is done first, its error is yielded as the last.
func yieldChunk[Out any](ctx context.Context, f *Future[[]Out], yield func(Out, error) bool) bool {
	if err := f.Wait(ctx); err != nil {
		yieldAll(nil, err, yield)
		return false
	}
	return yieldAll(f.value, f.err(), yield)
}

func yieldAll[Out any](vs []Out, err error, yield func(Out, error) bool) bool {
	if err != nil {
		var zero Out
		return yield(zero, err)
	}
	for _, v := range vs {
		if !yield(v, nil) {
			return false
		}
	}
	return true
}

func cancelAll[T any](fs []*Future[T]) {
	for _, f := range fs {
		if f != nil && !f.Done() {
			f.Cancel()
		}
	}
}

// Shutdown stops the executor from accepting tasks. With cancelFutures, tasks
// that were not begun are cancelled; with wait, it returns when all tasks are
// done and the workers have exited. It may be called again. It does not wait in
// a callback, since that is waited for itself, nor in a task of an executor
// over goroutines.
func (e *Executor) Shutdown(wait, cancelFutures bool) {
	if e.backend != nil {
		e.backend.Shutdown(wait, cancelFutures)
		return
	}
	e.pool.Close()
	if cancelFutures {
		e.pool.cancelWaiting()
	}
	if wait {
		e.pool.waitEnded()
	}
}

// Terminate ends the executor at once: for processes see Pool.Terminate.
// Goroutines cannot be killed, so Terminate cancels the contexts of their tasks
// and waits for them.
func (e *Executor) Terminate() {
	if e.pool != nil {
		e.pool.Terminate()
		return
	}
	e.Shutdown(false, true) // first, or a worker whose task heeds its context would begin the next one
	e.backend.Stop()
	e.Shutdown(true, true)
}

// String describes the executor, for logs.
func (e *Executor) String() string {
	if e.pool != nil {
		return fmt.Sprintf("<Executor over %d processes>", e.pool.Size())
	}
	return fmt.Sprintf("<Executor over %d goroutines>", e.backend.Size())
}
