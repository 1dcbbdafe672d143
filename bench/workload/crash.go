package workload

import (
	"cmp"
	"context"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var crash = &bench.Workload{
	Name: "Crash",
	Kind: "surviving crashes",
	Story: "Tasks of 10 µs on as many workers as CPUs, of which one is killed in the midst of its task again and again, once in " +
		"so many tasks: it is replaced, the task is begun again, and no result is lost or comes twice. A process is killed " +
		"by SIGKILL, and whatever else it might have done is gone with it; a greenlet by another one, while it waits. " +
		"A goroutine, with a thread of its own or not, cannot be killed: it panics and ends, and so does the one task of " +
		"serial. Latency is the time to recover: from the worker's death to the result of its task.",
	Op:    "task",
	Cases: []bench.Params{"every=100"},
	More:  []bench.Params{"every=10", "every=1000"},
	Batch: func(p bench.Params) int { return p.Int("every") },
	Want: func(b *bench.B) uint64 {
		results, halves := make([]uint64, b.N), 2*steps(crashSteps)
		for i := range results {
			results[i] = halves + uint64(i)
		}
		return digest(results) + uint64(crashes(b))
	},
	Ledger: func(b *bench.B) bench.Ledger {
		halves := 2*b.N + crashes(b) // of tasks, those that were lost included
		return concurrent(b, bench.Ledger{
			Units: b.CPUs, Ops: b.N, Elapsed: quickest(halves*crashSteps) / time.Duration(runtime.NumCPU()),
		})
	},
	Exceptions: map[int]string{
		2:  "tasks that compute wait for nobody",
		24: "how many tasks are in flight is bounded for all, and not counted",
	},
	Impls: map[bench.Model]bench.Func{
		Serial:    crashSerial,
		Greenlet:  crashGreenlet,
		Goroutine: crashShared(func(worker func()) { go worker() }),
		Ants:      crashAnts,
		Thread:    crashShared(func(worker func()) { go func() { runtime.LockOSThread(); worker() }() }),
		Process:   crashProcess,
	},
}

func crashSerial(b *bench.B) (uint64, error) {
	d := newDrill(b, make([]int64, crashes(b)))
	b.Start()
	for i := range b.N {
		for d.do(i) {
		}
	}
	b.Stop()
	return d.answer(), nil
}

// crashShared has a supervisor, which replaces a worker that has died; the new
// one begins with the task of the old one.
func crashShared(start func(worker func())) bench.Func {
	return func(b *bench.B) (uint64, error) {
		d := newDrill(b, make([]int64, crashes(b)))
		tasks, lost := make(chan int, crashInFlight*b.CPUs), make(chan int, b.CPUs)
		var arrived, alive, supervisor sync.WaitGroup
		hire := func(first func() (i int, more bool)) {
			alive.Add(1)
			start(func() {
				defer alive.Done()
				for i, more := first(); more; i, more = <-tasks {
					if d.do(i) {
						lost <- i
						return
					}
				}
			})
		}
		arrived.Add(b.CPUs)
		for range b.CPUs {
			hire(func() (int, bool) { arrived.Done(); i, more := <-tasks; return i, more })
		}
		arrived.Wait()
		supervisor.Go(func() {
			for i := range lost {
				hire(func() (int, bool) { return i, true })
			}
		})
		b.Units(b.CPUs)
		b.Start()
		for i := range b.N {
			tasks <- i
		}
		d.left.Wait()
		b.Stop()
		close(tasks)
		alive.Wait()
		close(lost)
		supervisor.Wait()
		return d.answer(), nil
	}
}

// crashAnts leaves it to the pool to replace a worker, which ends when its task
// panics. The task is submitted again.
func crashAnts(b *bench.B) (uint64, error) {
	d := newDrill(b, make([]int64, crashes(b)))
	var submit func(i int)
	pool, err := ants.NewPool(b.CPUs, ants.WithPanicHandler(func(v any) { submit(v.(crashed).task) }))
	if err != nil {
		return 0, err
	}
	defer release(pool)
	submit = func(i int) {
		if err := pool.Submit(func() { d.run(i) }); err != nil {
			d.fail(err)
		}
	}
	b.Units(pool.Cap())
	b.Start()
	for i := range b.N {
		submit(i)
	}
	d.left.Wait()
	b.Stop()
	return d.answer(), d.failed
}

// A crew are greenlets that do what crashShared's goroutines do, and a killer:
// greenlets can be killed, while they wait.
type crew struct {
	*drill
	h           *hub.Hub
	tasks, lost *hub.Queue[int]
	victims     *hub.Queue[*hub.Greenlet]
	finished    *hub.Event
	workers     *hub.Group
}

func newCrew(h *hub.Hub, d *drill, inFlight int) *crew {
	return &crew{
		drill: d, h: h, tasks: hub.NewQueue[int](h, inFlight), lost: hub.NewQueue[int](h, 0),
		victims: hub.NewQueue[*hub.Greenlet](h, 0), finished: hub.NewEvent(h), workers: hub.NewGroup(h),
	}
}

// hire starts a worker, which does its first task and then others until it is
// killed, or there are no more. It gives way after each, else nobody would be
// killed, or replaced, before one of them has nothing to do.
func (c *crew) hire(first func() (int, error)) {
	c.workers.Spawn(func() error {
		for i, err := first(); err == nil; i, err = c.tasks.Get() {
			v, err := c.task(i, c.die)
			if err != nil {
				return cmp.Or(c.lost.TryPut(i), err)
			}
			if c.enter(i, v); int(c.done.Load()) == len(c.results) {
				c.finished.Set()
			}
			if err := c.h.Yield(); err != nil {
				return err
			}
		}
		return nil // the queue is shut down
	})
}

// die waits to be killed.
func (c *crew) die() error {
	return cmp.Or(c.victims.Put(c.h.Current()), hub.NewEvent(c.h).Wait())
}

func (c *crew) kill() error {
	for victim, err := range c.victims.All() {
		if err := cmp.Or(err, victim.Kill()); err != nil {
			return err
		}
	}
	return nil
}

func (c *crew) supervise() error {
	for i, err := range c.lost.All() {
		c.hire(func() (int, error) { return i, err })
	}
	return nil
}

// dismiss lets those end who are left.
func (c *crew) dismiss() {
	c.tasks.ShutDown(false)
	c.lost.ShutDown(false)
	c.victims.ShutDown(false)
}

func crashGreenlet(b *bench.B) (uint64, error) {
	d := newDrill(b, make([]int64, crashes(b)))
	err := hub.Run(func(h *hub.Hub) error {
		c := newCrew(h, d, crashInFlight*b.CPUs)
		killer, supervisor := h.Spawn(c.kill), h.Spawn(c.supervise)
		for range b.CPUs {
			c.hire(c.tasks.Get)
		}
		if err := h.Yield(); err != nil { // they wait for tasks
			return err
		}
		b.Units(c.workers.Len())
		b.Start()
		for i := range b.N {
			if err := c.tasks.Put(i); err != nil {
				return err
			}
		}
		err := c.finished.Wait()
		b.Stop()
		c.dismiss()
		return cmp.Or(err, c.workers.Join(), h.GetAll(killer, supervisor))
	})
	return d.answer(), err
}

type crashArgs struct {
	Every int
	Died  *procs.RawArray[int64]
}

// crashState is what a worker process of the pool has; the memory of deaths is
// there for as long as the arguments are.
var crashState struct {
	crashArgs
	deaths
}

var (
	crashInit = procs.Register("bench.crash.init", func(_ context.Context, in crashArgs) (none struct{}, err error) {
		crashState.crashArgs, crashState.deaths = in, deaths{in.Every, in.Died.Raw()}
		return none, nil
	})
	crashWork = procs.Register("bench.crash", func(_ context.Context, i int) (uint64, error) {
		return crashState.task(i, killSelf)
	})
)

// killSelf ends this process, at once.
func killSelf() error {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {}
}

// crashProcess leaves it to the pool to replace workers and to begin their
// tasks again.
func crashProcess(b *bench.B) (uint64, error) {
	died, err := procs.NewRawArray[int64](crashes(b))
	if err != nil {
		return 0, err
	}
	defer died.Close()
	pool, err := startPool(procs.PoolConfig{
		Workers: b.CPUs, Retries: 1, Initializer: procs.NewInitializer(crashInit, crashArgs{b.Int("every"), died}),
	})
	if err != nil {
		return 0, err
	}
	defer pool.Terminate()
	d := newDrill(b, died.Raw())
	room := make(chan struct{}, crashInFlight*b.CPUs)
	b.Units(pool.Size())
	b.Start()
	for i := range b.N {
		room <- struct{}{}
		procs.ApplyAsync(pool, crashWork, i,
			procs.OnResult(func(v uint64) { d.enter(i, v); <-room }), procs.OnError(func(err error) { d.fail(err); <-room }))
	}
	d.left.Wait()
	b.Stop()
	return d.answer(), d.failed
}
