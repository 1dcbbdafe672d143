package procs

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
)

// threads is the pool of goroutines under an executor: a queue, and goroutines that are made while tasks wait and none is free. It is
// our own, and not a library's, because every child would pay for that at its start.
type threads struct {
	config ThreadConfig
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	cond    sync.Cond // tasks or closed
	tasks   []runnable
	first   int
	started int
	idle    int
	closed  bool
	broken  error
}

type runnable interface {
	run(ctx context.Context)
	fail(err error)
}

func newThreads(config ThreadConfig) *threads {
	t := &threads{config: config}
	t.cond.L = &t.mu
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

func (t *threads) submit(r runnable) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.broken != nil:
		return t.broken
	case t.closed:
		return ErrClosed
	}
	t.tasks = append(t.tasks, r)
	if t.idle >= len(t.tasks)-t.first {
		t.cond.Signal()
	} else if t.started < t.config.Workers {
		t.started++
		t.wg.Go(t.work)
	}
	return nil
}

func (t *threads) work() {
	if init := t.config.Initializer; init != nil {
		if err := guard(init); err != nil {
			t.breakDown(fmt.Errorf("%w: initializer: %w", ErrBroken, err))
			return
		}
	}
	for {
		r := t.take()
		if r == nil {
			return
		}
		t.runOne(r)
	}
}

// runOne survives a task that ends its goroutine: another takes its place.
func (t *threads) runOne(r runnable) {
	returned := false
	defer func() {
		if !returned {
			t.wg.Go(t.work)
		}
	}()
	r.run(t.ctx)
	returned = true
}

// take returns the next task, or nil when none will come.
func (t *threads) take() runnable {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.first == len(t.tasks) {
		t.tasks, t.first = t.tasks[:0], 0
		if t.closed || t.broken != nil {
			return nil
		}
		t.idle++
		t.cond.Wait()
		t.idle--
	}
	r := t.tasks[t.first]
	t.tasks[t.first] = nil
	t.first++
	return r
}

func (t *threads) drop() []runnable {
	t.mu.Lock()
	defer t.mu.Unlock()
	rest := append([]runnable(nil), t.tasks[t.first:]...)
	t.tasks, t.first = nil, 0
	return rest
}

func (t *threads) breakDown(err error) {
	t.mu.Lock()
	if t.broken == nil {
		t.broken = err
	}
	t.cond.Broadcast()
	t.mu.Unlock()
	for _, r := range t.drop() {
		r.fail(err)
	}
}

func (t *threads) shutdown(wait, cancelFutures bool) {
	t.mu.Lock()
	t.closed = true
	t.cond.Broadcast()
	t.mu.Unlock()
	if cancelFutures {
		for _, r := range t.drop() {
			r.fail(ErrCancelled)
		}
	}
	if wait {
		t.wg.Wait()
		t.cancel()
	}
}

func (t *threads) stop() { t.cancel() }

// guard turns a panic into an error.
func guard(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = localPanic(v)
		}
	}()
	return f()
}

// localPanic is the same error that a panic in another process gives.
func localPanic(v any) error {
	return &RemoteError{Message: fmt.Sprint(v), Type: fmt.Sprintf("%T", v), Panic: true, Stack: string(debug.Stack()), Index: -1}
}

// threadTask is one call in a goroutine.
type threadTask[In, Out any] struct {
	f       Future[Out]
	threads *threads
	fn      *Func[In, Out]
	in      In

	mu   sync.Mutex
	stop context.CancelFunc // while it runs
}

func (t *threadTask[In, Out]) run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t.mu.Lock()
	begin := t.f.SetRunning()
	t.stop = cancel
	t.mu.Unlock()
	if !begin {
		return
	}
	err := errGoexit
	var v Out
	defer func() {
		var zero In
		t.in = zero // a future that is kept should not keep the argument
		if p := recover(); p != nil {
			err = localPanic(p)
		}
		if err != nil {
			t.f.complete(nil, err)
			return
		}
		t.f.complete(&v, nil)
	}()
	v, err = t.fn.call(ctx, t.in)
}

func (t *threadTask[In, Out]) fail(err error) { t.f.complete(nil, err) }

func (t *threadTask[In, Out]) begun() bool { return t.f.state.Load() == futureRunning }

// cancel completes a task that waits; the queue's entry then does nothing. A running one only has its context cancelled.
func (t *threadTask[In, Out]) cancel(force bool) bool {
	if t.f.cancelPending() {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if force && t.stop != nil {
		t.stop()
	}
	return t.f.Cancelled()
}
