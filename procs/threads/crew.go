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
	"switchyard/procs/internal/inproc"
)

// crew is the queue of an executor, and its workers: functions that take tasks
// until there are none, each in a goroutine that ants lends it meanwhile.
//
// The number of workers is bounded here, and not by ants: a full pool of ants
// makes Submit wait, which must not, and one whose goroutine is ended by a task
// (runtime.Goexit) may forget to wake who waits.
type crew struct {
	config     Config
	goroutines *ants.Pool
	worker     func() // work
	ctx        context.Context
	cancel     context.CancelFunc
	ended      chan struct{} // closed when all tasks are done after Shutdown, and all goroutines are gone

	mu      sync.Mutex
	tasks   []inproc.Task // tasks[first:] wait
	first   int
	working int      // workers that have a goroutine
	own     []uint64 // goroutine.ID of these
	resting int      // workers that have none, and ran the initializer once
	closed  bool
	ending  bool
	broken  error
}

var _ inproc.Crew = (*crew)(nil)

func newCrew(config Config) (*crew, error) {
	goroutines, err := ants.NewPool(-1, ants.WithDisablePurge(true))
	if err != nil {
		return nil, err
	}
	c := &crew{config: config, goroutines: goroutines, ended: make(chan struct{})}
	c.worker = c.work
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

func (c *crew) Size() int { return c.config.Workers }

func (c *crew) Submit(t inproc.Task) error {
	more, err := c.enqueue(t)
	if more {
		c.start()
	}
	return err
}

// enqueue reports whether a worker is to be started for the task. It counts as
// working then.
func (c *crew) enqueue(t inproc.Task) (more bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.broken != nil:
		return false, c.broken
	case c.closed:
		return false, procs.ErrClosed
	}
	if c.first > 1024 && c.first > len(c.tasks)/2 { // a queue that is never empty
		n := copy(c.tasks, c.tasks[c.first:])
		clear(c.tasks[n:])
		c.tasks, c.first = c.tasks[:n], 0
	}
	c.tasks = append(c.tasks, t)
	if c.working == c.config.Workers {
		return false, nil
	}
	c.working++
	return true, nil
}

func (c *crew) start() {
	if err := c.goroutines.Submit(c.worker); err != nil {
		panic("threads: " + err.Error()) // it is not bounded, and released when no worker works
	}
}

var errGoexit = errors.New("it called runtime.Goexit")

// work is a worker, from when tasks wait until none do.
func (c *crew) work() {
	initialised, returned := c.wake(), false
	defer func() {
		switch {
		case returned:
		case initialised: // a task ended the goroutine
			c.disown()
			c.start()
		default:
			c.breakDown(errGoexit)
			c.take()
		}
	}()
	if !initialised {
		if err := guard(c.config.Initializer); err != nil {
			c.breakDown(err)
		}
		initialised = true
	}
	for t := c.take(); t != nil; t = c.take() {
		t.Run(c.ctx)
	}
	returned = true
}

// wake reports whether the worker that starts ran the initializer before, or
// there is none.
func (c *crew) wake() (initialised bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.own = append(c.own, goroutine.ID())
	if c.resting > 0 {
		c.resting--
		return true
	}
	return c.config.Initializer == nil
}

// take returns the next task. If there is none, the worker rests: it must
// return.
func (c *crew) take() inproc.Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.first == len(c.tasks) {
		c.tasks, c.first = c.tasks[:0], 0
		c.working--
		c.resting++
		c.forget()
		c.endIfDone()
		return nil
	}
	t := c.tasks[c.first]
	c.tasks[c.first] = nil
	c.first++
	return t
}

// disown is for a goroutine that ends before its worker does.
func (c *crew) disown() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
}

// forget notes that the calling goroutine, whose number another may have soon,
// is a worker no more. c.mu is held.
func (c *crew) forget() {
	if i := slices.Index(c.own, goroutine.ID()); i >= 0 {
		c.own = slices.Delete(c.own, i, i+1)
	}
}

// drop returns the tasks that wait, which then do so no more. c.mu is held.
func (c *crew) drop() []inproc.Task {
	rest := c.tasks[c.first:]
	c.tasks, c.first = nil, 0
	return rest
}

func (c *crew) breakDown(err error) {
	err = fmt.Errorf("%w: initializer: %w", procs.ErrBroken, err) // not under the mutex: it asks err for its text
	c.mu.Lock()
	first := c.broken == nil
	if first {
		c.broken = err
	}
	err = c.broken
	dropped := c.drop()
	c.mu.Unlock()
	if first {
		bridge.Logf(int32(procs.LevelError), "an executor over goroutines: %v", err)
	}
	for _, t := range dropped {
		t.Fail(err)
	}
}

func (c *crew) Shutdown(wait, cancelFutures bool) {
	c.mu.Lock()
	c.closed = true
	if slices.Contains(c.own, goroutine.ID()) {
		wait = false // a worker would wait for itself
	}
	var dropped []inproc.Task
	if cancelFutures {
		dropped = c.drop()
	}
	c.endIfDone()
	c.mu.Unlock()
	for _, t := range dropped {
		t.Fail(procs.ErrCancelled)
	}
	if wait {
		<-c.ended
	}
}

// endIfDone lets the goroutines go when nothing will be done any more. c.mu is
// held.
func (c *crew) endIfDone() {
	if !c.closed || c.ending || c.working > 0 {
		return
	}
	c.ending = true
	go func() {
		defer close(c.ended)
		c.cancel()
		c.goroutines.ReleaseContext(context.Background()) // waits for the goroutines; it fails only if called twice
	}()
}

func (c *crew) Stop() { c.cancel() }

// guard turns a panic into the error that one in another process gives.
func guard(f func() error) error {
	err := recovered(f)
	if p, ok := err.(*fault.Panic); ok {
		return bridge.DecodeError(bridge.EncodeError(p))
	}
	return err
}

func recovered(f func() error) (err error) {
	defer fault.Recover(&err)
	return f()
}
