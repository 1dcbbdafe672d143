package procs

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"

	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/fault"
)

// Future is the result of a task that may not have ended yet (Python's
// concurrent.futures.Future). Futures come from Submit, or from NewFuture for
// results that the program itself provides. All methods may be called from any
// goroutine.
//
// A future of a pool is always completed: with the result, with the error of
// the task or of its worker's death, or at the end of the pool. A future made
// by NewFuture is completed by the program. A future is not shared between
// processes.
type Future[T any] struct {
	state  atomic.Uint32
	extras atomic.Pointer[futureExtras[T]] // nil: none so far
	value  T
	owner  canceller // what can stop the task, or nil
}

// futureExtras is what most futures never need. A million of them may be alive
// at once, and where new memory is dear, that is what they cost.
type futureExtras[T any] struct {
	driver bridge.Driver // of another package's future, or nil
	err    error         // written like value: see settle

	mu    sync.Mutex
	done  chan struct{} // made when somebody waits
	calls []func(*Future[T])
}

// canceller runs a future's task.
type canceller interface {
	// cancel takes the task back if it was not begun, and reports whether it
	// did; a running task is stopped only if force. The future is then
	// completed by the canceller, perhaps later.
	cancel(force bool) bool
	// begun reports whether the task was begun.
	begun() bool
}

const (
	futurePending uint32 = iota
	futureRunning
	futureSettling // its value and error are being written: not for long
	futureCancelled
	futureDone
)

// NewFuture returns a pending future, to be completed by SetResult or SetError
// (in Python: tests and executors).
func NewFuture[T any]() *Future[T] { return new(Future[T]) }

// now returns the state, and waits while it is futureSettling.
func (f *Future[T]) now() uint32 {
	for {
		if s := f.state.Load(); s != futureSettling {
			return s
		}
		runtime.Gosched()
	}
}

// claim makes the state futureSettling, unless it is beyond last.
func (f *Future[T]) claim(last uint32) bool {
	for {
		was := f.now()
		if was > last {
			return false
		}
		if f.state.CompareAndSwap(was, futureSettling) {
			return true
		}
	}
}

// extra returns the extras, which it makes if there are none.
func (f *Future[T]) extra() *futureExtras[T] {
	if x := f.extras.Load(); x != nil {
		return x
	}
	f.extras.CompareAndSwap(nil, new(futureExtras[T]))
	return f.extras.Load()
}

// err returns the error of a future that is done.
func (f *Future[T]) err() error {
	if x := f.extras.Load(); x != nil {
		return x.err
	}
	return nil
}

// Result waits for the result, or until ctx is done. The error is the task's,
// ErrCancelled, or ctx's.
func (f *Future[T]) Result(ctx context.Context) (T, error) {
	if err := f.Wait(ctx); err != nil {
		var zero T
		return zero, err
	}
	return f.value, f.err()
}

// Err waits for the end of the task and returns its error, or ctx's (Python's
// exception).
func (f *Future[T]) Err(ctx context.Context) error {
	if err := f.Wait(ctx); err != nil {
		return err
	}
	return f.err()
}

// Wait waits until the future is done, or until ctx is.
func (f *Future[T]) Wait(ctx context.Context) error {
	if f.state.Load() >= futureCancelled {
		return nil
	}
	if x := f.extras.Load(); x != nil && x.driver != nil {
		x.driver.Await(ctx)
	}
	if _, err := receive(ctx, f.C()); err != nil {
		return waitError(ctx)
	}
	return nil
}

func waitError(ctx context.Context) error {
	return fmt.Errorf("procs: wait for a result: %w", ctx.Err())
}

// closed is a channel shared by completed futures. It is made lazily, so that
// no process pays for it before main.
var closed struct {
	once sync.Once
	c    chan struct{}
}

func closedChan() chan struct{} {
	closed.once.Do(func() { closed.c = make(chan struct{}); close(closed.c) })
	return closed.c
}

// C returns a channel that is closed when the future is done: for select, or
// for Wait on several objects.
func (f *Future[T]) C() <-chan struct{} {
	if f.Done() {
		return closedChan()
	}
	x := f.extra()
	x.mu.Lock()
	defer x.mu.Unlock()
	if f.Done() { // else settle is still to look at done
		return closedChan()
	}
	if x.done == nil {
		x.done = make(chan struct{})
	}
	return x.done
}

// Done reports whether the task has ended or was cancelled.
func (f *Future[T]) Done() bool { return f.state.Load() >= futureCancelled }

// Cancelled reports whether the future was cancelled.
func (f *Future[T]) Cancelled() bool { return f.state.Load() == futureCancelled }

// Running reports whether the task was begun and has not ended.
func (f *Future[T]) Running() bool {
	switch f.now() {
	case futureRunning:
		return true
	case futurePending:
		return f.owner != nil && f.owner.begun()
	}
	return false
}

// Cancel cancels a task that was not begun, and reports whether it did.
// Cancelling again is no error. A running task is stopped by Stop.
func (f *Future[T]) Cancel() bool { return f.stop(false) }

// Stop cancels the task even if it runs: its context is cancelled, and if it
// does not return within the pool's Grace, its worker is killed and replaced.
// Stop returns at once, and the error of the future will be ErrCancelled. It
// reports whether the task could be stopped; a running task of package threads
// cannot be.
func (f *Future[T]) Stop() bool { return f.stop(true) }

func (f *Future[T]) stop(force bool) bool {
	switch f.now() {
	case futureCancelled:
		return true
	case futureDone:
		return false
	}
	if f.owner != nil {
		return f.owner.cancel(force)
	}
	return f.cancelPending() || f.Cancelled()
}

// cancelPending cancels the future if it is pending.
func (f *Future[T]) cancelPending() bool {
	if !f.claim(futurePending) {
		return false
	}
	if x := f.extras.Load(); x != nil && x.driver != nil {
		x.mu.Lock()
		x.calls = slices.Insert(x.calls, 0, func(*Future[T]) { x.driver.Cancelled() })
		x.mu.Unlock()
	}
	f.settle(futureCancelled, nil, ErrCancelled)
	return true
}

// SetRunning notes that the task begins, and reports whether it should: false
// if it was cancelled (Python's set_running_or_notify_cancel). It panics if the
// future is running or done.
func (f *Future[T]) SetRunning() bool {
	was := f.now()
	for ; was == futurePending; was = f.now() {
		if f.state.CompareAndSwap(futurePending, futureRunning) {
			return true
		}
	}
	if was == futureCancelled {
		return false
	}
	panic("procs: SetRunning of a future that runs already or is done")
}

// SetResult completes the future. It panics if it is done already.
func (f *Future[T]) SetResult(v T) {
	if !f.complete(&v, nil) {
		panic("procs: SetResult of a future that is done already")
	}
}

// SetError completes the future with an error. It panics if it is done already,
// or err is nil.
func (f *Future[T]) SetError(err error) {
	if err == nil {
		panic("procs: SetError of nil")
	}
	if !f.complete(nil, err) {
		panic("procs: SetError of a future that is done already")
	}
}

func (f *Future[T]) complete(v *T, err error) bool {
	if !f.claim(futureRunning) {
		return false
	}
	state := futureDone
	if err == ErrCancelled {
		state = futureCancelled
	}
	f.settle(state, v, err)
	return true
}

func (f *Future[T]) drive(d bridge.Driver) { f.extra().driver = d }

// settleUnheard is bridge.Settle.
func (f *Future[T]) settleUnheard(v any) bool {
	if !f.claim(futurePending) {
		return false
	}
	if x := f.extras.Load(); x != nil {
		x.mu.Lock()
		heard := len(x.calls) > 0 // there will be no more while it is settling
		x.mu.Unlock()
		if heard {
			f.state.Store(futurePending)
			return false
		}
	}
	f.settle(futureDone, v.(*T), nil)
	return true
}

// settle is called by who has made the state futureSettling, and so alone
// writes the value and the error. The order is: these, the new state, a look at
// the extras. Who waits looks the other way round, and so one of the two sees
// the other.
func (f *Future[T]) settle(state uint32, v *T, err error) {
	if v != nil {
		f.value = *v
	}
	if err != nil {
		f.extra().err = err
	}
	f.state.Store(state)
	x := f.extras.Load()
	if x == nil {
		return
	}
	x.mu.Lock()
	calls := x.calls
	x.calls = nil
	if x.done != nil {
		close(x.done)
	}
	x.mu.Unlock()
	if len(calls) > 0 {
		f.callBackAll(calls)
	}
}

// callBackAll calls all callbacks, even if one of them ends the goroutine
// (runtime.Goexit).
func (f *Future[T]) callBackAll(calls []func(*Future[T])) {
	defer func() {
		if len(calls) > 0 {
			f.callBackAll(calls)
		}
	}()
	for len(calls) > 0 {
		call := calls[0]
		calls = calls[1:]
		f.callBack(call)
	}
}

// AddDoneCallback arranges for call to be called when the future is done or
// cancelled, by the goroutine that completes it; if it is done already, call is
// called at once. Callbacks are called in the order in which they were added. A
// panic is logged, and the other callbacks are still called.
func (f *Future[T]) AddDoneCallback(call func(*Future[T])) {
	for !f.listen(call) {
		if f.now() >= futureCancelled {
			f.callBack(call)
			return
		}
	}
}

// listen adds a callback, unless it is too late.
func (f *Future[T]) listen(call func(*Future[T])) bool {
	if f.state.Load() >= futureSettling {
		return false
	}
	x := f.extra()
	x.mu.Lock()
	defer x.mu.Unlock()
	if f.state.Load() >= futureSettling {
		return false
	}
	x.calls = append(x.calls, call)
	return true
}

func (f *Future[T]) callBack(call func(*Future[T])) {
	report := logf
	if f.owner == nil { // this is the program's own goroutine, and it may wait for the hook
		report = logNow
	}
	guardCallback(f, report, func() { call(f) })
}

// guardCallback calls a callback, whose panic is logged. runtime.Goexit passes.
func guardCallback(of any, report func(Level, string, ...any), call func()) {
	var err error
	defer func() {
		if p, ok := err.(*fault.Panic); ok {
			report(LevelError, "a callback of %s panicked: %s\n%s", fault.Text(of), fault.Text(p.Value), p.Stack)
		}
	}()
	defer fault.Recover(&err)
	call()
}

// String describes the state, for logs.
func (f *Future[T]) String() string {
	state := "pending"
	switch {
	case f.Cancelled():
		state = "cancelled"
	case f.Done() && f.err() != nil:
		state = fmt.Sprintf("finished raised %v", f.err())
	case f.Done():
		state = fmt.Sprintf("finished returned %T", f.value)
	case f.Running():
		state = "running"
	}
	return fmt.Sprintf("<Future %p %s>", f, state)
}
