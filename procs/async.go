package procs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/procs/internal/kernel"
)

// AsyncResult is the result of ApplyAsync, MapAsync or StarmapAsync (Python's
// AsyncResult).
type AsyncResult[T any] struct{ f Future[T] }

// ErrNotReady: Successful was asked before the task had ended.
var ErrNotReady = errors.New("procs: result is not ready")

// Get waits for the result, or until ctx is done.
func (r *AsyncResult[T]) Get(ctx context.Context) (T, error) { return r.f.Result(ctx) }

// Wait waits until the task has ended, or until ctx is done.
func (r *AsyncResult[T]) Wait(ctx context.Context) error { return r.f.Wait(ctx) }

// C returns a channel that is closed when the task has ended.
func (r *AsyncResult[T]) C() <-chan struct{} { return r.f.C() }

// Ready reports whether the task has ended.
func (r *AsyncResult[T]) Ready() bool { return r.f.Done() }

// Successful reports whether the task ended without an error; ErrNotReady if it
// has not ended.
func (r *AsyncResult[T]) Successful() (bool, error) {
	if !r.f.Done() {
		return false, ErrNotReady
	}
	return r.f.err == nil, nil
}

// Cancel stops the task, running or not: see Future.Stop. It reports whether
// there was something to stop.
func (r *AsyncResult[T]) Cancel() bool { return r.f.Stop() }

// An Option changes how one call is made.
type Option func(*options)

type options struct {
	onResult any // func(T)
	onError  func(error)
	timeout  time.Duration
	chunk    int
}

// OnResult calls call with the result, in the parent, if there is no error. T
// must be the result's type. As in Python, the call has returned before the
// result is Ready and Get returns it, so it must not wait for it; only package
// threads calls it afterwards. If it panics, that is logged.
func OnResult[T any](call func(T)) Option { return func(o *options) { o.onResult = call } }

// OnError calls call, in the parent, if the task fails: at the time that
// OnResult has.
func OnError(call func(error)) Option { return func(o *options) { o.onError = call } }

// Timeout limits how long the task may run, instead of PoolConfig.TaskTimeout;
// negative: no limit.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// Chunk sets how many elements of a Map make up one task. 0: automatic, so that
// every worker gets several chunks, none larger than what the shared memory
// holds well.
func Chunk(n int) Option {
	if n < 0 {
		panic("procs: Chunk must not be negative")
	}
	return func(o *options) { o.chunk = n }
}

func (p *Pool) options(opts []Option) options {
	o := options{timeout: p.config.TaskTimeout}
	for _, opt := range opts {
		opt(&o)
	}
	o.timeout = max(o.timeout, 0)
	return o
}

// callbacks returns what calls those of o, nil if there are none.
func callbacks[T any](o *options) func(T, error) {
	if o.onResult == nil && o.onError == nil {
		return nil
	}
	onResult, ok := o.onResult.(func(T))
	if o.onResult != nil && !ok {
		var zero T
		panic(fmt.Sprintf("procs: OnResult takes a %T, but the result is a %T", o.onResult, zero))
	}
	return func(v T, err error) {
		guardCallback("a task", logf, func() {
			switch {
			case err == nil && onResult != nil:
				onResult(v)
			case err != nil && o.onError != nil:
				o.onError(err)
			}
		})
	}
}

// call is one function call as a job, together with its result.
type call[In, Out any] struct {
	AsyncResult[Out] // first: its address is the call's
	pool             *Pool
	fn               *Func[In, Out]
	limit            time.Duration
	taken            bool // next was called
	w                *worker
	seq              uint64
	in               []byte
	fds              []int
	small            [16]byte
	notify           func(Out, error) // callbacks, or nil
}

// newCall encodes the argument, so that the caller may change it afterwards.
func newCall[In, Out any](p *Pool, f *Func[In, Out], in *In) (*call[In, Out], error) {
	c := &call[In, Out]{pool: p, fn: f}
	c.f.owner = c
	if !f.in.Shares {
		b, err := f.in.Encode(c.small[:0], in, nil)
		c.in = b
		return c, err
	}
	var w wire
	b, err := f.in.Encode(c.small[:0], in, &w)
	c.in, c.fds = b, w.FDs
	if err != nil {
		w.Close()
	}
	return c, err
}

func (c *call[In, Out]) next() (int32, bool) {
	if c.taken {
		return 0, false
	}
	c.taken = true
	return 0, true
}

func (c *call[In, Out]) head(int32) (uint64, uint32, time.Duration) { return c.fn.id, 0, c.limit }

func (c *call[In, Out]) encode(_ int32, dst []byte, w *wire) ([]byte, error) {
	for _, fd := range c.fds { // ours stay, in case that it must be sent again
		w.PutFD(fd)
	}
	return append(dst, c.in...), w.Err()
}

func (c *call[In, Out]) placed(_ int32, w *worker, seq uint64) { c.w, c.seq = w, seq }

func (c *call[In, Out]) finish(_ int32, payload []byte, w *wire, err error) {
	for _, fd := range c.fds {
		kernel.CloseFD(fd)
	}
	c.fds, c.in = nil, nil
	if err == nil {
		if err = c.fn.out.Decode(payload, &c.f.value, w); err != nil {
			err = fmt.Errorf("procs: result of %s: %w", c.fn.fname, err)
		}
	}
	if notify := c.notify; notify != nil {
		c.notify = nil
		defer c.f.complete(nil, err) // even if the callback ends this goroutine
		notify(c.f.value, err)
		return
	}
	c.f.complete(nil, err)
}

func (c *call[In, Out]) begun() bool {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return c.pool.pieceBegun(c.w, c.seq)
}

func (c *call[In, Out]) cancel(force bool) bool {
	p := c.pool
	p.mu.Lock()
	if c.f.Done() {
		p.mu.Unlock()
		return c.f.Cancelled()
	}
	removed, stopping := !c.taken, false
	if c.taken {
		removed, stopping = p.takeBack(c, 0, c.w, c.seq, force)
	}
	c.taken = true
	p.mu.Unlock()
	if removed {
		c.finish(0, nil, nil, ErrCancelled)
	}
	return removed || stopping
}

// Apply runs f with in in a worker, and waits for the result. If ctx is done
// before, the task is stopped as by AsyncResult.Cancel, and Apply returns ctx's
// error when that has happened; a second after the pool's Grace at the latest,
// even if a callback keeps the pool from noticing. A callback itself, which the
// pool waits for, gets no result, and the error as soon as ctx is done.
func Apply[In, Out any](ctx context.Context, p *Pool, f *Func[In, Out], in In, opts ...Option) (Out, error) {
	c := newApply(p, f, &in, opts)
	callers := p.helpers.waiting.Add(1)
	defer p.helpers.waiting.Add(-1)
	if callers == 1 && len(opts) == 0 && !c.f.Done() {
		p.help(func() (*worker, uint64) { return c.w, c.seq })
	}
	return await(ctx, p, &c.f)
}

// await waits for f, which is stopped if ctx is done before.
func await[T any](ctx context.Context, p *Pool, f *Future[T]) (T, error) {
	err := f.Wait(ctx)
	if err == nil {
		return f.value, f.err
	}
	stopAll(p, f)
	if f.Done() && f.err == nil { // it was faster
		return f.value, nil
	}
	var zero T
	return zero, err
}

// stopPatience is how long, beyond the grace of its pool, one waits for the end
// of a stopped task.
const stopPatience = time.Second

// stopAll stops tasks and waits until they have ended: not for ever, because
// only the pool's collector can tell, which a callback may hold up, and not at
// all in a callback.
func stopAll[T any](p *Pool, fs ...*Future[T]) {
	for _, f := range fs {
		f.Stop()
	}
	if p.inCallback() {
		return
	}
	limit := time.NewTimer(max(p.config.Grace, 0) + stopPatience)
	defer limit.Stop()
	for _, f := range fs {
		select {
		case <-f.C():
		case <-limit.C:
			return
		}
	}
}

// ApplyAsync runs f with in in a worker, and returns at once. The argument is
// encoded before it returns. Errors, also those of a closed pool, are the
// result's.
func ApplyAsync[In, Out any](p *Pool, f *Func[In, Out], in In, opts ...Option) *AsyncResult[Out] {
	return &newApply(p, f, &in, opts).AsyncResult
}

func newApply[In, Out any](p *Pool, f *Func[In, Out], in *In, opts []Option) *call[In, Out] {
	c, err := newCall(p, f, in)
	c.limit = p.config.TaskTimeout
	if len(opts) > 0 {
		o := p.options(opts)
		c.limit = o.timeout
		c.notify = callbacks[Out](&o)
	}
	if err != nil {
		err = fmt.Errorf("%w: argument of %s: %w", ErrEncode, f.fname, err)
	} else {
		err = p.submit(c)
	}
	if err != nil {
		c.finish(0, nil, nil, err)
	}
	return c
}
