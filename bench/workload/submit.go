package workload

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var submit = &bench.Workload{
	Name: "Submit",
	Kind: "starting tasks",
	Story: "Tiny tasks are submitted one by one. Each has a callback, which adds its result up, and a future, from which the " +
		"result is taken in the order of submission. So many are in flight: with one it is a round trip, with many the " +
		"rate at which tasks can be handed out. A greenlet or a goroutine is started for each task; threads and processes " +
		"are the executors of the textbook, with one warm worker per CPU. Latency is from submitting a task to having its " +
		"result, behind those before it.",
	Op:    "task",
	Cases: []bench.Params{"inflight=64"},
	More:  []bench.Params{"inflight=1", "inflight=8", "inflight=512"},
	Want:  func(b *bench.B) uint64 { n := uint64(b.N); return n * (n + 1) }, // 1 to n, by callbacks and by futures
	Ledger: func(b *bench.B) bench.Ledger {
		inflight := b.Int("inflight")
		want := bench.Ledger{Ops: 2 * b.N, Inside: inflight, Together: min(inflight, b.N)}
		switch b.Model {
		case Greenlet:
			want.Suspensions = b.N
		case Ants: // places in the pool
			want.Units = inflight
		case Thread, Process:
			want.Units = b.CPUs
		}
		return want
	},
	Exceptions: map[int]string{
		2: "a task has nothing to wait for",
		3: "beside the workers of an executor and the places of a pool, tasks come and go",
		8: "a task may have ended before the next one starts, whoever waits for it",
	},
	Impls: map[bench.Model]bench.Func{
		Serial:    submitSerial,
		Greenlet:  submitGreenlet,
		Goroutine: submitGoroutine,
		Ants:      submitAnts,
		Thread:    submitThread,
		Process:   submitProcess,
	},
}

// A tally is what the callbacks add up.
type tally struct {
	sum, calls atomic.Uint64
	want       uint64
	done       chan struct{}
}

func newTally(b *bench.B) *tally { return &tally{want: uint64(b.N), done: make(chan struct{})} }

// add is the callback.
func (t *tally) add(v uint64) {
	t.sum.Add(v)
	if t.calls.Add(1) == t.want {
		close(t.done)
	}
}

// enter enters what was called back, after all of it.
func (t *tally) enter(u *bench.Unit) {
	u.Answer += t.sum.Load()
	u.Ops += int(t.calls.Load())
}

// submissions times b.N tasks, with as many in flight as the parameter says:
// start returns the future of the task with input x, and get its result.
func submissions[F any](b *bench.B, t *tally, start func(x uint64) (F, error), get func(F) (uint64, error)) (uint64, error) {
	type task struct {
		future F
		began  int64
	}
	u, tasks, flying := b.Unit(b.N), make([]task, b.Int("inflight")), 0
	take := func(t *task, x int) error {
		v, err := get(t.future)
		if err == nil && v != uint64(x)+1 {
			err = fmt.Errorf("wrong answer: the future of task %d has the result %d", x, v)
		}
		flying--
		u.Answer += v
		u.Ops++
		return err
	}
	b.Start()
	for i := range b.N {
		next := &tasks[i%len(tasks)]
		if i >= len(tasks) {
			if err := take(next, i-len(tasks)); err != nil {
				return 0, err
			}
		}
		var err error
		next.began = u.Next(next.began, i)
		if next.future, err = start(uint64(i)); err != nil {
			return 0, err
		}
		flying++
		u.Inside = max(u.Inside, flying)
	}
	for i := max(0, b.N-len(tasks)); i < b.N; i++ {
		last := &tasks[i%len(tasks)]
		if err := take(last, i); err != nil {
			return 0, err
		}
		u.End(last.began)
	}
	<-t.done // who has a result may be ahead of its callback
	b.Stop()
	t.enter(u)
	return u.Answer, nil
}

func submitSerial(b *bench.B) (uint64, error) {
	t := newTally(b)
	return submissions(b, t, func(x uint64) (uint64, error) {
		v := addOne(x)
		t.add(v)
		return v, nil
	}, func(v uint64) (uint64, error) { return v, nil })
}

func submitGreenlet(b *bench.B) (answer uint64, err error) {
	err = runHub(b, func(h *hub.Hub) (err error) {
		t, pool := newTally(b), hub.NewPool(h, b.Int("inflight"))
		answer, err = submissions(b, t, func(x uint64) (*hub.Task[uint64], error) {
			task, err := hub.ApplyAsync(pool, func() (uint64, error) { return addOne(x), nil })
			if err == nil {
				task.Link(func(*hub.Greenlet) { t.add(task.Value()) })
			}
			return task, err
		}, (*hub.Task[uint64]).Get)
		return err
	})
	return answer, err
}

// A job is a task with its future: a channel with room for the result.
type job struct {
	x      uint64
	result chan uint64
}

func newJob(x uint64) job { return job{x, make(chan uint64, 1)} }

func (j job) do(t *tally) {
	v := addOne(j.x)
	t.add(v)
	j.result <- v
}

func (j job) get() (uint64, error) { return <-j.result, nil }

// submitJobs has start run the tasks, each at once.
func submitJobs(b *bench.B, start func(task func()) error) (uint64, error) {
	t := newTally(b)
	return submissions(b, t, func(x uint64) (job, error) {
		j := newJob(x)
		return j, start(func() { j.do(t) })
	}, job.get)
}

func submitGoroutine(b *bench.B) (uint64, error) {
	t := newTally(b)
	return submissions(b, t, func(x uint64) (job, error) {
		j := newJob(x)
		go j.do(t)
		return j, nil
	}, job.get)
}

func submitAnts(b *bench.B) (uint64, error) { return submitAntsIn(b, b.Int("inflight")) }

// submitAntsIn has a pool with so many places.
func submitAntsIn(b *bench.B, places int) (uint64, error) {
	pool, err := ants.NewPool(places)
	if err != nil {
		return 0, err
	}
	defer release(pool)
	b.Units(pool.Cap())
	return submitJobs(b, pool.Submit)
}

// submitThread feeds one thread per CPU by a channel.
func submitThread(b *bench.B) (uint64, error) {
	t, jobs := newTally(b), make(chan job, b.Int("inflight"))
	team, err := gather(b, threads, b.CPUs, func(int) {
		for j := range jobs {
			j.do(t)
		}
	})
	if err != nil {
		return 0, err
	}
	team.open()
	answer, err := submissions(b, t, func(x uint64) (job, error) {
		j := newJob(x)
		jobs <- j
		return j, nil
	}, job.get)
	close(jobs)
	team.wait()
	team.dismiss()
	return answer, err
}

var submitTask = procs.Register("bench.submit", func(_ context.Context, x uint64) (uint64, error) { return addOne(x), nil })

func submitProcess(b *bench.B) (uint64, error) { return submitPool(b, b.CPUs) }

// submitPool has an executor of so many processes.
func submitPool(b *bench.B, workers int) (uint64, error) {
	executor, err := newExecutor(workers)
	if err != nil {
		return 0, err
	}
	defer executor.Terminate()
	b.Units(executor.Pool().Size())
	t, ctx := newTally(b), context.Background()
	return submissions(b, t, func(x uint64) (*procs.Future[uint64], error) {
		f := procs.Submit(executor, submitTask, x)
		f.AddDoneCallback(func(f *procs.Future[uint64]) {
			if v, err := f.Result(ctx); err == nil {
				t.add(v)
			}
		})
		return f, nil
	}, func(f *procs.Future[uint64]) (uint64, error) { return f.Result(ctx) })
}
