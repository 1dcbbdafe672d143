package procs

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"
)

// watchSlice is how long a goroutine that watches a connection for Wait may
// outlast it.
const watchSlice = 20 * time.Millisecond

// Imap runs f with each element of xs in the workers, and yields the results in
// order, as they come (Pool.imap). It takes from xs as it goes, some tasks
// ahead of what was yielded, so xs may be endless. A failed element yields its
// error, and the loop goes on; the end of ctx ends it, with ctx's error, and so
// does that of the pool: when it takes no more tasks, because it was closed,
// has ended or is broken, its error follows the results of those that it took.
// If xs panics, so does the loop, after it has yielded what came before. With
// Chunk(n), n elements are one task, and an error stands for the chunk; the
// default is 1. When the loop is left, tasks still out are stopped.
func Imap[In, Out any](ctx context.Context, p *Pool, f *Func[In, Out], xs iter.Seq[In], opts ...Option) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		in := newFeed(p, f, xs, opts)
		defer in.stop()
		var out []*Future[[]Out]
		defer func() { stopAll(p, out...) }()
		for ahead := p.ahead(); ctx.Err() == nil; {
			for len(out) < ahead {
				fut, ok := in.submit()
				if !ok {
					break
				}
				out = append(out, fut)
			}
			if len(out) == 0 {
				in.end(yield)
				return
			}
			if !yieldChunk(ctx, out[0], yield) {
				return
			}
			out = out[1:]
		}
		yieldAll(nil, waitError(ctx), yield)
	}
}

// ImapUnordered is Imap that yields results in the order in which they come.
func ImapUnordered[In, Out any](ctx context.Context, p *Pool, f *Func[In, Out], xs iter.Seq[In], opts ...Option) iter.Seq2[Out, error] {
	return func(yield func(Out, error) bool) {
		in := newFeed(p, f, xs, opts)
		defer in.stop()
		ahead := p.ahead()
		ready := make(chan *Future[[]Out], ahead)
		out := make(map[*Future[[]Out]]bool)
		defer func() { stopAll(p, slices.Collect(maps.Keys(out))...) }()
		for ctx.Err() == nil {
			for len(out) < ahead {
				fut, ok := in.submit()
				if !ok {
					break
				}
				out[fut] = true
				fut.AddDoneCallback(func(f *Future[[]Out]) { ready <- f })
			}
			if len(out) == 0 {
				in.end(yield)
				return
			}
			fut, err := receive(ctx, ready)
			if err != nil {
				break
			}
			delete(out, fut)
			if !yieldChunk(ctx, fut, yield) {
				return
			}
		}
		yieldAll(nil, waitError(ctx), yield)
	}
}

// feed gives a pool the elements of a sequence, in chunks.
type feed[In, Out any] struct {
	pool    *Pool
	fn      *Func[In, Out]
	opts    []Option
	next    func() ([]In, bool)
	stop    func()
	failed  func() // panics if the sequence did
	refused error  // the pool takes no more
}

func newFeed[In, Out any](p *Pool, f *Func[In, Out], xs iter.Seq[In], opts []Option) *feed[In, Out] {
	s := &feed[In, Out]{pool: p, fn: f, opts: slices.Clip(opts)}
	s.next, s.stop, s.failed = pull(chunks(xs, p.chunkOf(opts)))
	return s
}

// submit submits the next chunk. It returns false if there is none, or if the
// pool takes no more.
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

// end is the last thing in a loop: it tells why nothing more comes, if that is
// not the end of the sequence.
func (s *feed[In, Out]) end(yield func(Out, error) bool) {
	if s.refused != nil {
		yieldAll(nil, s.refused, yield)
		return
	}
	s.failed()
}

// pull is iter.Pull for a sequence that runs ahead of who consumes the results:
// if it panics, that is its end, and failed panics with the same value when its
// time has come.
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

// ahead is how many chunks Imap keeps out: enough that no worker waits for the
// consumer of the results.
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

// RegisterStar registers a function of two arguments (see Register), for
// Starmap or as a function of Args.
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
