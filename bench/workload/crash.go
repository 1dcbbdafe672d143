package workload

import (
	"cmp"
	"context"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
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
		results := make([]uint64, b.N)
		for i := range results {
			results[i] = 2*steps(crashSteps) + uint64(i)
		}
		return digest(results) + uint64(b.N/b.Int("every"))
	},
	Ledger: func(b *bench.B) bench.Ledger {
		halves := 2*b.N + b.N/b.Int("every") // of tasks, those that were lost included
		return concurrent(b, bench.Ledger{
			Units: b.CPUs, Ops: b.N, Elapsed: quickest(halves*crashSteps) / time.Duration(runtime.NumCPU()),
		})
	},
	Exceptions: map[int]string{2: "tasks that compute wait for nobody"},
	Impls: map[bench.Model]bench.Func{
		Serial:    crashSerial,
		Greenlet:  crashGreenlet,
		Goroutine: crashShared(func(worker func()) { go worker() }),
		Ants:      crashAnts,
		Thread:    crashShared(func(worker func()) { go func() { runtime.LockOSThread(); worker() }() }),
		Process:   crashProcess,
	},
}

const (
	crashSteps    = 5 * stepsPerMicrosecond // half of a task
	crashInFlight = 16                      // tasks given out per CPU: a task that is begun again has few before it
)

// A crashJob is b.N tasks, and what has become of them.
type crashJob struct {
	every   int
	results []uint64
	died    []int64 // when the worker did that was killed by task every*(k+1)-1, in ns since 1970, else 0
	left    sync.WaitGroup
	done    atomic.Int64

	mu        sync.Mutex
	u         *bench.Unit // has the times to recover
	recovered uint64
	failed    error
}

func newCrashJob(b *bench.B, died []int64) *crashJob {
	j := &crashJob{every: b.Int("every"), results: make([]uint64, b.N), died: died, u: b.Unit(len(died))}
	j.left.Add(b.N)
	return j
}

// crashes returns how many workers are killed.
func crashes(b *bench.B) int { return b.N / b.Int("every") }

// deadly returns the place in died of a task that kills its worker, or -1.
func deadly(i, every int) int {
	if (i+1)%every != 0 {
		return -1
	}
	return i / every
}

// crashTask does task i. If it is deadly, and this is the first time, die ends
// the worker when half of it is done: it does not return, or returns an error.
func crashTask(i, every int, died []int64, die func() error) (uint64, error) {
	v := steps(crashSteps)
	if k := deadly(i, every); k >= 0 && died[k] == 0 {
		died[k] = time.Now().UnixNano() // several processes have this clock in common
		if err := die(); err != nil {
			return 0, err
		}
	}
	return v + steps(crashSteps) + uint64(i), nil
}

// enter enters the result of task i. One that comes twice makes it wrong.
func (j *crashJob) enter(i int, v uint64) {
	j.results[i] += v
	if k := deadly(i, j.every); k >= 0 && j.died[k] != 0 {
		took := time.Now().UnixNano() - j.died[k]
		j.mu.Lock()
		j.recovered++
		j.u.Add(max(took, 1))
		j.mu.Unlock()
	}
	j.done.Add(1)
	j.left.Done()
}

// fail enters that a task has no result.
func (j *crashJob) fail(err error) {
	j.mu.Lock()
	j.failed = cmp.Or(j.failed, err)
	j.mu.Unlock()
	j.left.Done()
}

// answer is called when all is done.
func (j *crashJob) answer() uint64 {
	j.u.Ops = int(j.done.Load())
	return digest(j.results) + j.recovered
}

// crashed is what a worker panics with in the midst of a task.
type crashed struct{ task int }

// run does task i in this process, and panics if it kills its worker.
func (j *crashJob) run(i int) {
	v, _ := crashTask(i, j.every, j.died, func() error { panic(crashed{i}) })
	j.enter(i, v)
}

// do does task i, and reports whether it killed its worker, which is to end
// then.
func (j *crashJob) do(i int) (died bool) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case crashed:
			died = true
		default:
			panic(v)
		}
	}()
	j.run(i)
	return false
}

func crashSerial(b *bench.B) (uint64, error) {
	j := newCrashJob(b, make([]int64, crashes(b)))
	b.Start()
	for i := range b.N {
		for j.do(i) {
		}
	}
	b.Stop()
	return j.answer(), nil
}

// crashShared has a supervisor, which replaces a worker that has died; the new
// one begins with the task of the old one.
func crashShared(start func(worker func())) bench.Func {
	return func(b *bench.B) (uint64, error) {
		j := newCrashJob(b, make([]int64, crashes(b)))
		tasks, lost := make(chan int, crashInFlight*b.CPUs), make(chan int, b.CPUs)
		var arrived, alive, supervisor sync.WaitGroup
		hire := func(begin func() (died bool, i int)) {
			alive.Add(1)
			start(func() {
				defer alive.Done()
				died, i := begin()
				for more := true; !died; died = j.do(i) {
					if i, more = <-tasks; !more {
						return
					}
				}
				lost <- i
			})
		}
		arrived.Add(b.CPUs)
		for range b.CPUs {
			hire(func() (bool, int) { arrived.Done(); return false, 0 })
		}
		arrived.Wait()
		supervisor.Go(func() {
			for i := range lost {
				hire(func() (bool, int) { return j.do(i), i })
			}
		})
		b.Units(b.CPUs)
		b.Start()
		for i := range b.N {
			tasks <- i
		}
		j.left.Wait()
		b.Stop()
		close(tasks)
		alive.Wait()
		close(lost)
		supervisor.Wait()
		return j.answer(), nil
	}
}

// crashAnts leaves it to the pool to replace a worker, which ends when its task
// panics. The task is submitted again.
func crashAnts(b *bench.B) (uint64, error) {
	j := newCrashJob(b, make([]int64, crashes(b)))
	var submit func(i int)
	pool, err := ants.NewPool(b.CPUs, ants.WithPanicHandler(func(v any) { submit(v.(crashed).task) }))
	if err != nil {
		return 0, err
	}
	defer release(pool)
	submit = func(i int) {
		if err := pool.Submit(func() { j.run(i) }); err != nil {
			j.fail(err)
		}
	}
	b.Units(b.CPUs)
	b.Start()
	for i := range b.N {
		submit(i)
	}
	j.left.Wait()
	b.Stop()
	return j.answer(), j.failed
}

// crashGreenlet is crashShared with a killer: greenlets can be killed, while
// they wait. Workers give way after each task, else nobody would be killed, or
// replaced, before one of them has nothing to do.
func crashGreenlet(b *bench.B) (uint64, error) {
	j := newCrashJob(b, make([]int64, crashes(b)))
	err := hub.Run(func(h *hub.Hub) error {
		tasks, lost := hub.NewQueue[int](h, crashInFlight*b.CPUs), hub.NewQueue[int](h, 0)
		victims, workers := hub.NewQueue[*hub.Greenlet](h, 0), hub.NewGroup(h)
		never, finished := hub.NewEvent(h), hub.NewEvent(h)
		hire := func(i int, err error) {
			workers.Spawn(func() error {
				for ; err == nil; i, err = tasks.Get() {
					if i < 0 { // no task yet
						continue
					}
					v, err := crashTask(i, j.every, j.died, func() error { return cmp.Or(victims.Put(h.Current()), never.Wait()) })
					if err != nil {
						return cmp.Or(lost.TryPut(i), err)
					}
					if j.enter(i, v); int(j.done.Load()) == b.N {
						finished.Set()
					}
					if err := h.Yield(); err != nil {
						return err
					}
				}
				return nil // the queue is shut down
			})
		}
		killer := h.Spawn(func() error {
			for victim, err := range victims.All() {
				if err := cmp.Or(err, victim.Kill()); err != nil {
					return err
				}
			}
			return nil
		})
		supervisor := h.Spawn(func() error {
			for i, err := range lost.All() {
				hire(i, err)
			}
			return nil
		})
		for range b.CPUs {
			hire(-1, nil)
		}
		if err := h.Yield(); err != nil { // they wait for tasks
			return err
		}
		b.Units(workers.Len())
		b.Start()
		for i := range b.N {
			if err := tasks.Put(i); err != nil {
				return err
			}
		}
		err := finished.Wait()
		b.Stop()
		tasks.ShutDown(false)
		lost.ShutDown(false)
		victims.ShutDown(false)
		return cmp.Or(err, workers.Join(), h.GetAll(killer, supervisor))
	})
	return j.answer(), err
}

// crashState is what a worker process of the pool has.
var crashState struct {
	every int
	died  []int64
}

type crashArgs struct {
	Every int
	Died  *procs.RawArray[int64]
}

var (
	crashInit = procs.Register("bench.crash.init", func(_ context.Context, in crashArgs) (none struct{}, err error) {
		crashState.every, crashState.died = in.Every, in.Died.Raw()
		return none, nil
	})
	crashWork = procs.Register("bench.crash", func(_ context.Context, i int) (uint64, error) {
		return crashTask(i, crashState.every, crashState.died, killSelf)
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
	j := newCrashJob(b, died.Raw())
	room := make(chan struct{}, crashInFlight*b.CPUs)
	b.Units(b.CPUs)
	b.Start()
	for i := range b.N {
		room <- struct{}{}
		procs.ApplyAsync(pool, crashWork, i,
			procs.OnResult(func(v uint64) { j.enter(i, v); <-room }), procs.OnError(func(err error) { j.fail(err); <-room }))
	}
	j.left.Wait()
	b.Stop()
	return j.answer(), j.failed
}
