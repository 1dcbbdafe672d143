package procs

import (
	"context"
	"iter"
	"slices"
	"time"
)

// watchSlice is how long a goroutine that watches a connection for Wait may outlast it.
const watchSlice = 20 * time.Millisecond

// Imap runs f with each element of xs in the workers, and yields the results in order, as they come (Pool.imap). It takes from xs
// as it goes, some tasks ahead of what was yielded, so xs may be endless. A failed element yields its error, and the
// loop goes on; ctx's error ends it. If xs panics, so does the loop, after it has yielded what came before. With Chunk(n), n elements are one
// task, and an error stands for the chunk; the default is 1. When the loop is left, tasks still out are stopped.
func Imap[In, Out any](ctx context.Context, p *Pool, f *Func[In, Out], xs iter.Seq[In], opts ...Option) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		next, stop, failed := pull(chunks(xs, p.chunkOf(opts)))
		defer stop()
		var out []*Future[[]Out]
		defer func() { stopAll(out) }()
		for ahead := p.ahead(); ; {
			for len(out) < ahead {
				c, ok := next()
				if !ok {
					break
				}
				out = append(out, &MapAsync(p, f, c, append(slices.Clip(opts), Chunk(len(c)))...).f)
			}
			if len(out) == 0 {
				failed()
				return
			}
			if !yieldChunk(ctx, out[0], yield) {
				return
			}
			out = out[1:]
		}
	}
}

// ImapUnordered is Imap that yields results in the order in which they come.
func ImapUnordered[In, Out any](ctx context.Context, p *Pool, f *Func[In, Out], xs iter.Seq[In], opts ...Option) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		next, stop, failed := pull(chunks(xs, p.chunkOf(opts)))
		defer stop()
		ahead := p.ahead()
		ready := make(chan *Future[[]Out], ahead)
		out := make(map[*Future[[]Out]]bool)
		defer func() {
			for f := range out {
				f.Stop()
			}
			for f := range out {
				<-f.C()
			}
		}()
		for {
			for len(out) < ahead {
				c, ok := next()
				if !ok {
					break
				}
				fut := &MapAsync(p, f, c, append(slices.Clip(opts), Chunk(len(c)))...).f
				out[fut] = true
				fut.AddDoneCallback(func(f *Future[[]Out]) { ready <- f })
			}
			if len(out) == 0 {
				failed()
				return
			}
			select {
			case fut := <-ready:
				delete(out, fut)
				if !yieldChunk(ctx, fut, yield) {
					return
				}
			case <-ctx.Done():
				var zero Out
				yield(zero, ctx.Err())
				return
			}
		}
	}
}

// pull is iter.Pull for a sequence that runs ahead of who consumes the results: if it panics, that is its end, and failed panics with
// the same value when its time has come.
func pull[T any](xs iter.Seq[T]) (next func() (T, bool), stop, failed func()) {
	pulled, stop := iter.Pull(xs)
	var value any
	next = func() (v T, ok bool) {
		defer func() {
			if p := recover(); p != nil {
				value = p
			}
		}()
		return pulled()
	}
	return next, stop, func() {
		if value != nil {
			panic(value)
		}
	}
}

// stopAll stops the tasks and waits until they have ended.
func stopAll[T any](fs []*Future[T]) {
	for _, f := range fs {
		f.Stop()
	}
	for _, f := range fs {
		<-f.C()
	}
}

// ahead is how many chunks Imap keeps out: enough that no worker waits for the consumer of the results.
func (p *Pool) ahead() int { return 64 * p.Size() }

func (p *Pool) chunkOf(opts []Option) int { return max(1, p.options(opts).chunk) }

// chunks cuts a sequence into slices of n.
func chunks[T any](xs iter.Seq[T], n int) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		c := make([]T, 0, n)
		for x := range xs {
			if c = append(c, x); len(c) == n {
				if !yield(c) {
					return
				}
				c = make([]T, 0, n)
			}
		}
		if len(c) > 0 {
			yield(c)
		}
	}
}

// Args are two arguments of a function for Starmap.
type Args[A, B any] struct {
	A A
	B B
}

// RegisterStar registers a function of two arguments (see Register), for Starmap or as a function of Args.
func RegisterStar[A, B, Out any](name string, fn func(ctx context.Context, a A, b B) (Out, error)) *Func[Args[A, B], Out] {
	return Register(name, func(ctx context.Context, x Args[A, B]) (Out, error) { return fn(ctx, x.A, x.B) })
}

// Starmap is Map with a function of two arguments (Pool.starmap).
func Starmap[A, B, Out any](ctx context.Context, p *Pool, f *Func[Args[A, B], Out], xs []Args[A, B], opts ...Option) ([]Out, error) {
	return Map(ctx, p, f, xs, opts...)
}

// StarmapAsync is Starmap that returns at once.
func StarmapAsync[A, B, Out any](p *Pool, f *Func[Args[A, B], Out], xs []Args[A, B], opts ...Option) *AsyncResult[[]Out] {
	return MapAsync(p, f, xs, opts...)
}
