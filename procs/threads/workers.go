package threads

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/panjf2000/ants/v2"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/fault"
	"switchyard/procs/internal/goroutine"
)

// workers is the queue of an executor, and its workers: functions that take
// tasks until there are none, each in a goroutine that ants lends it meanwhile.
//
// The number of workers is bounded here, and not by ants: a full pool of ants
// makes Submit wait, which must not, and one whose goroutine is ended by a task
// (runtime.Goexit) may forget to wake who waits.
type workers struct {
	config     Config
	goroutines *ants.Pool
	worker     func() // work
	scope      any    // of the tasks' contexts
	cancel     context.CancelFunc
	ended      chan struct{} // closed when all tasks are done after Shutdown, and all goroutines are gone

	mu      sync.Mutex
	tasks   queue
	working int      // workers that have a goroutine
	own     []uint64 // goroutine.ID of these
	resting int      // workers that have none, and ran the initializer once
	closed  bool
	ending  bool
	broken  error
}

var _ bridge.Backend = (*workers)(nil)

func newWorkers(config Config) (*workers, error) {
	goroutines, err := ants.NewPool(-1, ants.WithDisablePurge(true))
	if err != nil {
		return nil, err
	}
	w := &workers{config: config, goroutines: goroutines, ended: make(chan struct{})}
	w.worker = w.work
	ctx, cancel := context.WithCancel(context.Background())
	w.scope, w.cancel = bridge.NewScope(ctx), cancel
	return w, nil
}

func (w *workers) Size() int { return w.config.Workers }

func (w *workers) Submit(t bridge.Task) error {
	more, err := w.enqueue(t)
	if more {
		w.start()
	}
	return err
}

// enqueue reports whether a worker is to be started for the task. It counts as
// working then.
func (w *workers) enqueue(t bridge.Task) (more bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.broken != nil:
		return false, w.broken
	case w.closed:
		return false, procs.ErrClosed
	}
	w.tasks.put(t)
	if w.working == w.config.Workers {
		return false, nil
	}
	w.working++
	return true, nil
}

func (w *workers) start() {
	if err := w.goroutines.Submit(w.worker); err != nil {
		panic("threads: " + err.Error()) // it is not bounded, and released when no worker works
	}
}

var errGoexit = errors.New("it called runtime.Goexit")

// work is a worker, from when tasks wait until none do.
func (w *workers) work() {
	initialised, returned := w.wake(), false
	failed := errGoexit // the initializer
	defer func() {
		switch {
		case returned:
		case initialised: // a task ended the goroutine
			w.disown()
			w.start()
		default:
			w.breakDown(failed)
			w.take()
		}
	}()
	if !initialised {
		if guard(w.config.Initializer, &failed); failed != nil {
			w.breakDown(failed)
		}
		initialised = true
	}
	for t := w.take(); t != nil; t = w.take() {
		t.Run(w.scope)
	}
	returned = true
}

// wake reports whether the worker that starts ran the initializer before, or
// there is none.
func (w *workers) wake() (initialised bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.own = append(w.own, goroutine.ID())
	if w.resting > 0 {
		w.resting--
		return true
	}
	return w.config.Initializer == nil
}

// take returns the next task. If there is none, the worker rests: it must
// return.
func (w *workers) take() bridge.Task {
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tasks.take()
	if t == nil {
		w.working--
		w.resting++
		w.forget()
		w.endIfDone()
	}
	return t
}

// disown is for a goroutine that ends before its worker does.
func (w *workers) disown() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.forget()
}

// forget notes that the calling goroutine, whose number another may have soon,
// is a worker no more. w.mu is held.
func (w *workers) forget() {
	if i := slices.Index(w.own, goroutine.ID()); i >= 0 {
		w.own = slices.Delete(w.own, i, i+1)
	}
}

func (w *workers) breakDown(err error) {
	err = fmt.Errorf("%w: initializer: %w", procs.ErrBroken, err) // not under the mutex: it asks err for its text
	w.mu.Lock()
	first := w.broken == nil
	if first {
		w.broken = err
	}
	err = w.broken
	dropped := w.tasks
	w.tasks = queue{}
	w.mu.Unlock()
	if first {
		bridge.Logf(int32(procs.LevelError), "an executor over goroutines: %v", err)
	}
	dropped.fail(err)
}

func (w *workers) Shutdown(wait, cancelFutures bool) {
	w.mu.Lock()
	w.closed = true
	if slices.Contains(w.own, goroutine.ID()) {
		wait = false // a worker would wait for itself
	}
	var dropped queue
	if cancelFutures {
		dropped, w.tasks = w.tasks, queue{}
	}
	w.endIfDone()
	w.mu.Unlock()
	dropped.fail(procs.ErrCancelled)
	if wait {
		<-w.ended
	}
}

// endIfDone lets the goroutines go when nothing will be done any more. w.mu is
// held.
func (w *workers) endIfDone() {
	if !w.closed || w.ending || w.working > 0 {
		return
	}
	w.ending = true
	go func() {
		defer close(w.ended)
		w.cancel()
		w.goroutines.ReleaseContext(context.Background()) // waits for the goroutines; it fails only if called twice
	}()
}

func (w *workers) Stop() { w.cancel() }

// guard turns a panic into the error that one in another process gives: also if
// it is that of a deferred function during a Goexit, after which guard does not
// return.
func guard(f func() error, err *error) {
	defer func() {
		if p, ok := (*err).(*fault.Panic); ok {
			*err = bridge.DecodeError(bridge.EncodeError(p))
		}
	}()
	defer fault.Recover(err)
	*err = f()
}
