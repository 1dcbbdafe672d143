package procs

import (
	"context"
	"iter"
	"slices"
	"time"
)

// watchSlice bounds how long a goroutine that watches a connection for Wait
// outlives that call.
const watchSlice = 20 * time.Millisecond

// Imap runs f with each element of xs in the workers, and yields the results in
// order, as they come (Pool.imap). It consumes xs as it goes, some tasks ahead
// of what it has yielded, so xs may be endless.
//
// A failed element yields its error, and the loop continues. When ctx is done,
// its error is the last to be yielded. When the pool accepts no more tasks,
// because it was closed, has ended or is broken, its error follows the results
// of the tasks that it accepted. If xs panics, the loop panics with the same
// value after it has yielded what came before.
//
// With Chunk(n), n elements are one task, and an error stands for the whole
// chunk; the default is 1. Leaving the loop stops the tasks that are not done.
func Imap[In, Out any](ctx context.Context, p *Pool, f *Func[In, Out], xs iter.Seq[In], opts ...Option) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) { imap(ctx, newFeed(p, f, xs, opts), true, yield) }
}

// ImapUnordered is Imap, but yields results in the order in which tasks end.
func ImapUnordered[In, Out any](ctx context.Context, p *Pool, f *Func[In, Out], xs iter.Seq[In], opts ...Option) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) { imap(ctx, newFeed(p, f, xs, opts), false, yield) }
}

// imap yields the results of what in submits: in order, or as they come.
func imap[In, Out any](ctx context.Context, in *feed[In, Out], ordered bool, yield func(Out, error) bool) {
	defer in.stop()
	ahead := in.pool.ahead()
	ended := make(chan *Future[[]Out], ahead) // those of out that are done, unless ordered
	var out []*Future[[]Out]
	defer func() { stopAll(in.pool, out...) }()
	for ctx.Err() == nil {
		for len(out) < ahead {
			f, ok := in.submit()
			if !ok {
				break
			}
			out = append(out, f)
			if !ordered {
				f.AddDoneCallback(func(f *Future[[]Out]) { ended <- f })
			}
		}
		if len(out) == 0 {
			in.end(yield)
			return
		}
		next := 0
		if !ordered {
			f, err := receive(ctx, ended)
			if err != nil {
				break
			}
			next = slices.Index(out, f)
		}
		if !yieldChunk(ctx, out[next], yield) {
			return
		}
		out[next], out[0] = out[0], nil
		out = out[1:]
	}
	yieldAll(nil, waitError(ctx), yield)
}

// feed submits the elements of a sequence to a pool, in chunks.
type feed[In, Out any] struct {
	pool    *Pool
	fn      *Func[In, Out]
	opts    []Option
	next    func() ([]In, bool)
	stop    func()
	failed  func() // panics if the sequence did
	refused error  // why the pool accepts no more
}

func newFeed[In, Out any](p *Pool, f *Func[In, Out], xs iter.Seq[In], opts []Option) *feed[In, Out] {
	s := &feed[In, Out]{pool: p, fn: f, opts: slices.Clip(opts)}
	s.next, s.stop, s.failed = pull(chunks(xs, max(1, p.options(opts).chunk)))
	return s
}

// submit submits the next chunk. It returns false if there is none, or if the
// pool accepts no more.
func (s *feed[In, Out]) submit() (*Future[[]Out], bool) {
	if s.refused != nil {
		return nil, false
	}
	c, ok := s.next()
	if !ok {
		return nil, false
	}
	m, err := startMap(s.pool, s.fn, c, append(s.opts, Chunk(len(c))))
	if s.refused = err; err != nil {
		return nil, false
	}
	return &m.f, true
}

// end ends a loop: it yields, or panics with, the reason why no more results
// come, unless that is the end of the sequence.
func (s *feed[In, Out]) end(yield func(Out, error) bool) {
	if s.refused != nil {
		yieldAll(nil, s.refused, yield)
		return
	}
	s.failed()
}

// pull is iter.Pull for a sequence that is consumed ahead of the results: a
// panic ends the sequence, and failed repeats it once the results before it
// have been yielded.
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

// ahead is how many chunks Imap submits ahead of the loop: enough that no
// worker waits for the loop's body.
func (p *Pool) ahead() int { return 64 * p.Size() }

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

// Args holds the two arguments of a function for Starmap.
type Args[A, B any] struct {
	A A
	B B
}

// RegisterStar registers a function of two arguments (see Register), which
// becomes a function of Args: for Starmap, for instance.
func RegisterStar[A, B, Out any](name string, fn func(ctx context.Context, a A, b B) (Out, error)) *Func[Args[A, B], Out] {
	return Register(name, func(ctx context.Context, x Args[A, B]) (Out, error) { return fn(ctx, x.A, x.B) })
}

// Starmap is Map with a function of two arguments (Pool.starmap).
func Starmap[A, B, Out any](ctx context.Context, p *Pool, f *Func[Args[A, B], Out], xs []Args[A, B], opts ...Option) ([]Out, error) {
	return Map(ctx, p, f, xs, opts...)
}

// StarmapAsync is Starmap without waiting: it returns at once.
func StarmapAsync[A, B, Out any](p *Pool, f *Func[Args[A, B], Out], xs []Args[A, B], opts ...Option) *AsyncResult[[]Out] {
	return MapAsync(p, f, xs, opts...)
}
