package remote

import (
	"context"
	"fmt"
	"iter"

	"switchyard/procs"
)

// Executor has functions done by workers on other machines, and returns
// futures: procs.Executor over a Pool. Submit takes one as well as a Pool;
// ExecutorMap is Executor.map. A program that outgrows its machine makes its
// executor by this package's NewExecutor.
type Executor struct{ p *Pool }

// Doer is a *Pool or an *Executor.
type Doer interface{ pool() *Pool }

func (p *Pool) pool() *Pool     { return p }
func (e *Executor) pool() *Pool { return e.p }

// NewExecutor makes an executor, whose pool is configured as by NewPool. It is
// to be shut down: the garbage collector does not.
func NewExecutor(s *Session, config PoolConfig) (*Executor, error) {
	p, err := NewPool(s, config)
	if err != nil {
		return nil, err
	}
	return &Executor{p}, nil
}

// Pool returns the pool under the executor.
func (e *Executor) Pool() *Pool { return e.p }

// ExecutorMap has f done with each element of xs, and yields the results in
// order, as they come (Executor.map). All tasks are submitted when the loop
// begins; if more than MaxUnfinished are unfinished, that waits. A failed task
// yields its error instead of a result, and the loop continues. If ctx is done
// before the next result has come, its error is yielded and the loop ends.
// Tasks that are not done when the loop ends are cancelled.
//
// With procs.Chunk(n), n elements are one task, and an error stands for the
// whole chunk; the default is 1.
func ExecutorMap[In, Out any](ctx context.Context, e *Executor, f *procs.Func[In, Out], xs []In, opts ...procs.Option) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		chunk := chunkOf(opts)
		if chunk == 1 {
			inOrder(ctx, len(xs), func(i int) *procs.Future[Out] { return Submit(e, f, xs[i], opts...) }, yield)
			return
		}
		part := func(i int) *procs.Future[[]Out] {
			return MapAsync(e.p, f, xs[i*chunk:min(len(xs), (i+1)*chunk)], opts...)
		}
		inOrder(ctx, (len(xs)+chunk-1)/chunk, part, func(vs []Out, err error) bool {
			if err != nil {
				return yield(*new(Out), err)
			}
			for _, v := range vs {
				if !yield(v, nil) {
					return false
				}
			}
			return true
		})
	}
}

// inOrder begins n tasks, and calls each with their results, in order, until it
// returns false. If ctx is done first, the last call is with its error. The
// remaining tasks are cancelled.
func inOrder[T any](ctx context.Context, n int, begin func(i int) *procs.Future[T], each func(T, error) bool) {
	fs := make([]*procs.Future[T], n)
	defer func() {
		for _, f := range fs {
			if f != nil {
				f.Cancel()
			}
		}
	}()
	for i := range fs {
		fs[i] = begin(i)
	}
	for i, f := range fs {
		if err := f.Wait(ctx); err != nil {
			each(*new(T), err)
			return
		}
		fs[i] = nil
		if !each(f.Result(context.Background())) {
			return
		}
	}
}

// Shutdown stops the executor from accepting tasks. With cancelFutures, tasks
// that no worker has begun are cancelled, as far as is known here: a task that
// is begun at this very moment is stopped, and in the lane AtLeastOnce one that
// is stored is done. With wait, it returns when all tasks have ended. It may be
// called again. A callback must not wait.
func (e *Executor) Shutdown(wait, cancelFutures bool) {
	e.p.Close()
	if cancelFutures {
		for _, r := range e.p.lane.unbegun() {
			r.cancel()
		}
	}
	if wait {
		e.p.Join(context.Background())
	}
}

// Terminate ends the executor at once: see Pool.Terminate.
func (e *Executor) Terminate() { e.p.Terminate() }

// String describes the executor, for logs.
func (e *Executor) String() string {
	return fmt.Sprintf("<Executor over the workers of %s>", e.p.s.namespace)
}
