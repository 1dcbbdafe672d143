package remote

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
)

// signature is what is known of a function and its types.
type signature[In, Out any] struct {
	name string
	id   identity
	in   *codec.Codec[In]
	out  *codec.Codec[Out]
}

var signatures sync.Map // *procs.Func -> *signature

func signatureOf[In, Out any](f *procs.Func[In, Out]) *signature[In, Out] {
	if s, ok := signatures.Load(f); ok {
		return s.(*signature[In, Out])
	}
	r := bridge.Registered(f)
	s := &signature[In, Out]{r.Name, identityOf(r), r.In.(*codec.Codec[In]), r.Out.(*codec.Codec[Out])}
	signatures.Store(f, s)
	return s
}

// encode encodes arguments: of a task of one (count 0), or a chunk.
func (s *signature[In, Out]) encode(xs []In, chunk bool) (body []byte, err error) {
	var w codec.Wire
	defer w.Close()
	if !chunk {
		body, err = s.in.Encode(nil, &xs[0], &w)
	} else {
		for i := range xs {
			if body, err = s.in.EncodeNext(body, &xs[i], &w); err != nil {
				break
			}
		}
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: argument of %s: %w", procs.ErrEncode, s.name, err)
	case len(w.FDs) > 0 || len(w.Buf) > 0:
		return nil, fmt.Errorf("argument of %s: %w", s.name, errShared)
	}
	return body, nil
}

// decode decodes a result into out, whose length is how many there are; the
// first of a chunk is that of element at.
func (s *signature[In, Out]) decode(r result, out []Out, chunk bool, at int) (err error) {
	if r.outcome == outcomeFailed {
		return bridge.DecodeError(r.body)
	}
	var w codec.Wire
	if !chunk {
		if err = s.out.Decode(r.body, &out[0], &w); err != nil {
			err = fmt.Errorf("remote: result of %s: %w", s.name, err)
		}
		return err
	}
	b := r.body
	for i := range out {
		if b, err = s.out.DecodeNext(b, &out[i], &w); err != nil {
			return fmt.Errorf("remote: result %d of %s: %w", at+i, s.name, err)
		}
	}
	return nil
}

// Submit has f done with in by a worker, and returns the future of its result.
// It waits if MaxUnfinished tasks are unfinished, otherwise not. All errors,
// including procs.ErrClosed after Close, are reported by the future.
//
// Cancel and Stop of the future are alike: it is cancelled, and so is the
// task's context, if a worker has begun it. In the lane AtLeastOnce a task that
// nobody had begun may still be done.
func Submit[In, Out any](by Doer, f *procs.Func[In, Out], in In, opts ...procs.Option) *procs.Future[Out] {
	p := by.pool()
	o := bridge.OptionsOf(p.config.TaskTimeout, opts)
	future := procs.NewFuture[Out]()
	notify(future, &o)
	s := signatureOf(f)
	body, err := s.encode([]In{in}, false)
	if err == nil {
		r := &request{name: s.name, task: task{function: s.id, limit: o.Timeout, body: body}, pool: p, cancel: future.Cancel,
			finish: func(r result, err error) {
				var out [1]Out
				if err == nil {
					err = s.decode(r, out[:], false, 0)
				}
				complete(future, out[0], err)
			}}
		if o.OnResult == nil && o.OnError == nil && !s.out.Calls() && !s.out.Shares {
			r.unheard = func(r result) bool {
				var out Out
				return r.outcome == outcomeDone && s.out.Decode(r.body, &out, nil) == nil && bridge.Settle(future, &out)
			}
		}
		bridge.Drive(future, r)
		err = p.begin(r)
	}
	if err != nil {
		complete(future, *new(Out), err)
	}
	return future
}

// chunkOf returns what the option procs.Chunk says, 1 if there is none.
func chunkOf(opts []procs.Option) int { return max(1, bridge.OptionsOf(0, opts).Chunk) }

// submit begins one of the requests of a future. All end if that is cancelled.
func submit[T any](p *Pool, future *procs.Future[T], r *request) error {
	r.pool, r.cancel = p, future.Cancel
	if err := p.begin(r); err != nil {
		return err
	}
	future.AddDoneCallback(func(f *procs.Future[T]) {
		if f.Cancelled() {
			p.lane.cancel(r, procs.ErrCancelled)
		}
	})
	return nil
}

// complete completes a future, unless it was cancelled.
func complete[T any](f *procs.Future[T], v T, err error) {
	switch {
	case !f.SetRunning():
	case err != nil:
		f.SetError(err)
	default:
		f.SetResult(v)
	}
}

// notify has the callbacks of the options called.
func notify[T any](f *procs.Future[T], o *bridge.Options) {
	onResult, ok := o.OnResult.(func(T))
	if o.OnResult != nil && !ok {
		panic(fmt.Sprintf("remote: OnResult takes another type than the result's, %v", reflect.TypeFor[T]()))
	}
	if onResult == nil && o.OnError == nil {
		return
	}
	f.AddDoneCallback(func(f *procs.Future[T]) {
		v, err := f.Result(context.Background())
		switch {
		case err == nil && onResult != nil:
			onResult(v)
		case err != nil && o.OnError != nil:
			o.OnError(err)
		}
	})
}

// Apply has f done with in by a worker and waits for the result. If ctx is done
// first, the task is cancelled, and Apply returns ctx's error.
func Apply[In, Out any](ctx context.Context, p *Pool, f *procs.Func[In, Out], in In, opts ...procs.Option) (Out, error) {
	return await(ctx, Submit(p, f, in, opts...))
}

func await[T any](ctx context.Context, f *procs.Future[T]) (T, error) {
	if err := f.Wait(ctx); err != nil && f.Cancel() {
		var zero T
		return zero, err
	}
	return f.Result(context.Background())
}

// Map has f done with each element of xs by the workers, and returns the
// results in the same order. If an element fails, the others are still done,
// and Map returns the first error to arrive; the field Index of a
// *procs.RemoteError says which element it was. If ctx is done first, all tasks
// are cancelled, and Map returns its error.
//
// With procs.Chunk(n), n elements are one task; the default is automatic.
func Map[In, Out any](ctx context.Context, p *Pool, f *procs.Func[In, Out], xs []In, opts ...procs.Option) ([]Out, error) {
	return await(ctx, MapAsync(p, f, xs, opts...))
}

// mapping is a Map: many requests with one future.
type mapping[Out any] struct {
	future *procs.Future[[]Out]
	out    []Out

	mu   sync.Mutex
	left int
	err  error
}

// MapAsync is Map without waiting for the results. It waits as Submit does.
func MapAsync[In, Out any](p *Pool, f *procs.Func[In, Out], xs []In, opts ...procs.Option) *procs.Future[[]Out] {
	o := bridge.OptionsOf(p.config.TaskTimeout, opts)
	m := &mapping[Out]{future: procs.NewFuture[[]Out](), out: make([]Out, len(xs))}
	notify(m.future, &o)
	chunk := o.Chunk
	if chunk == 0 {
		chunk = p.lane.chunk(len(xs))
	}
	s := signatureOf(f)
	m.left = (len(xs) + chunk - 1) / chunk
	if m.left == 0 {
		complete(m.future, m.out, nil)
	}
	for at := 0; at < len(xs); at += chunk {
		in, out := xs[at:min(at+chunk, len(xs))], m.out[at:min(at+chunk, len(xs))]
		body, err := s.encode(in, true)
		if err == nil {
			err = submit(p, m.future, &request{name: s.name, task: task{function: s.id, count: len(in), limit: o.Timeout, body: body},
				finish: func(r result, err error) {
					if err == nil {
						err = s.decode(r, out, true, at)
					}
					m.end(at, err)
				}})
		}
		if err != nil {
			m.end(at, err)
		}
	}
	return m.future
}

// end notes that the chunk that begins at an index has ended.
func (m *mapping[Out]) end(at int, err error) {
	var e *procs.RemoteError
	if errors.As(err, &e) && e.Index >= 0 {
		moved := *e
		moved.Index += at
		err = &moved
	}
	m.mu.Lock()
	m.left--
	if m.err == nil {
		m.err = err
	}
	last, first := m.left == 0, m.err
	m.mu.Unlock()
	if last {
		complete(m.future, m.out, first)
	}
}
