package procs

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"switchyard/procs/internal/shm"
)

// A result reaches the caller of Apply in one of two ways:
//
//   - directly: a lone caller polls the result ring of the worker that has its
//     task (pollOwnResult), decodes the result and completes its own future;
//   - through the collector (poolcollect.go): in all other cases, and when
//     polling takes too long, the pool's goroutine completes the future, and
//     that wakes the caller (await).

// Apply runs f with in in a worker and waits for the result. If ctx is done
// first, the task is stopped as by AsyncResult.Cancel, and Apply returns ctx's
// error once the task has ended, but at most a second after the pool's Grace,
// even if a callback holds up the pool. In a callback, which the pool itself
// waits for, Apply gets no result: it returns ctx's error as soon as ctx is
// done.
func Apply[In, Out any](ctx context.Context, p *Pool, f *Func[In, Out], in In, opts ...Option) (Out, error) {
	c := newApply(p, f, &in, opts)
	callers := p.direct.waiting.Add(1)
	defer p.direct.waiting.Add(-1)
	if callers == 1 && len(opts) == 0 && !c.f.Done() {
		p.pollOwnResult(func() (*worker, uint64) { return c.w, c.seq })
	}
	return await(ctx, p, &c.f)
}

// await waits for f. If ctx is done first, it stops f's task.
func await[T any](ctx context.Context, p *Pool, f *Future[T]) (T, error) {
	err := f.Wait(ctx)
	if err == nil {
		return f.value, f.err()
	}
	stopAll(p, f)
	if f.Done() && f.err() == nil { // it was faster
		return f.value, nil
	}
	var zero T
	return zero, err
}

// maxStopWait is how long, beyond the pool's Grace, stopAll waits for stopped
// tasks to end.
const maxStopWait = time.Second

// stopAll stops tasks and waits until they have ended. The wait is bounded,
// because the pool's collector completes them and a callback may hold it up; in
// a callback there is no wait at all.
func stopAll[T any](p *Pool, fs ...*Future[T]) {
	for _, f := range fs {
		f.Stop()
	}
	if p.inCallback() {
		return
	}
	limit := time.NewTimer(max(p.config.Grace, 0) + maxStopWait)
	defer limit.Stop()
	for _, f := range fs {
		select {
		case <-f.C():
		case <-limit.C:
			return
		}
	}
}

// ApplyAsync runs f with in in a worker and returns at once. The argument is
// encoded before ApplyAsync returns. All errors, including that of a closed
// pool, are reported by the result.
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

// directCallers holds what callers of Apply need to take their results
// themselves. A result that goes through the collector wakes two sleepers, the
// collector and then the caller, and each wake-up costs more than most tasks.
// So a lone caller polls for its result in shared memory while the collector
// stays asleep.
type directCallers struct {
	waiting atomic.Int32 // callers of Apply; with several, the collector is faster
	spin    shm.Spinner
	workers []*worker // scratch
	batch   []arrival
}

// pollOwnResult polls for the result of a call for as long as a result usually
// takes. It takes no other result, because others may have callbacks, which
// must not run under the caller's locks. When it returns, the call is finished,
// or the collector will finish it as usual.
func (p *Pool) pollOwnResult(at func() (*worker, uint64)) {
	d := &p.direct
	if !p.collecting.TryLock() {
		return // the collector is awake
	}
	defer p.collecting.Unlock()
	if !p.delivering.empty() {
		return // a callback ended the collector's goroutine: its successor comes first
	}
	p.mu.Lock()
	w, seq := at()
	// If the task is the only one of w, the next result of w is ours. The ring
	// of w stays mapped meanwhile, because a dead worker is reaped only by the
	// holder of collecting.
	if w == nil || w.load != 1 || w.at(seq) == nil || w.at(seq).revoked {
		p.mu.Unlock()
		return
	}
	d.workers = append(d.workers[:0], p.workers...)
	p.mu.Unlock()
	p.parker.Disarm()
	others := false
	d.spin.Until(func() bool {
		if w.ring.Pending() {
			return true
		}
		for _, o := range d.workers {
			if o.ring.Pending() {
				others = true
			}
		}
		return others
	})
	if !others || w.ring.Pending() {
		p.drain(w, &d.batch, 1)
	}
	// Who wanted to wake the collector meanwhile found nobody asleep, so the
	// collector must be woken if there is anything for it to do.
	if p.arm(d.workers, 0, 0) == 0 {
		p.parker.Arm()
		p.parker.Wake()
	}
	clear(d.workers)
}
