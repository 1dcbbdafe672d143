package workload

import (
	"cmp"
	"context"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var taskQueue = &bench.Workload{
	Name: "TaskQueue",
	Kind: "messaging",
	Story: "A master puts tasks on a queue; workers take them, and put the results on another, where the master takes one for " +
		"each task that it puts: so many are in flight, and with one it is a round trip. A task is the least that there can be. " +
		"Latency is from when a task is put until its result has come. Between programs, which models of other runners have, " +
		"this is how work is shared out to many machines.",
	Op:    "task",
	Cases: []bench.Params{"workers=2/inflight=64"},
	More:  []bench.Params{"workers=1/inflight=1", "workers=1/inflight=64", "workers=4/inflight=64", "workers=8/inflight=64"},
	Want:  func(b *bench.B) uint64 { n := uint64(b.N); return n * (n + 3) / 2 }, // the sum of 2 to n+1
	Ledger: func(b *bench.B) bench.Ledger {
		inflight := b.Int("inflight")
		want := bench.Ledger{
			Units: 1 + b.Int("workers"), Ops: 2 * b.N, // each task is done, and its result taken
			Inside: inflight, Together: min(inflight, b.N),
		}
		if b.Model == Greenlet {
			want.Suspensions = b.N / inflight // elsewhere a result may be there when the master comes to wait
		}
		return concurrent(b, want)
	},
	Exceptions: map[int]string{2: "beside greenlets, master and workers may be at work at once and never wait"},
	Impls:      byModel(taskQueueSerial, taskQueueGreenlet, taskQueueShared, taskQueueProcess),
}

// manage is the master's part: it puts tasks 1 to n, of which so many are in
// flight, and takes their results, each of which is its task plus one.
func manage(n, inflight int, u *bench.Unit, put func(task uint64) error, take func() (result uint64, err error)) error {
	inflight = min(inflight, n)
	flying := 0
	began := map[uint64]int64{} // tasks in flight that are timed
	for i := range n + inflight {
		if i >= inflight {
			v, err := take()
			if err != nil {
				return err
			}
			if t, timed := began[v-1]; timed {
				u.End(t)
				delete(began, v-1)
			}
			u.Answer += v
			u.Ops++
			flying--
		}
		if i < n {
			if t := u.Begin(i); t != 0 {
				began[uint64(i+1)] = t
			}
			if err := put(uint64(i + 1)); err != nil {
				return err
			}
			flying++
			u.Inside = max(u.Inside, flying)
		}
	}
	return nil
}

// taskQueueSerial does a task when its result is asked for.
func taskQueueSerial(b *bench.B) (uint64, error) {
	queue, done := make([]uint64, b.Int("inflight")), 0
	return alone(b, func(u *bench.Unit) error {
		return manage(b.N, len(queue), u, func(task uint64) error {
			queue[int(task)%len(queue)] = task
			return nil
		}, func() (uint64, error) {
			done++
			u.Ops++
			return addOne(queue[done%len(queue)]), nil
		})
	})
}

// Unit 0 is the master, who ends the others with the queue of tasks.

func taskQueueGreenlet(b *bench.B) (uint64, error) {
	size := b.Int("inflight")
	return raceGreenlets(b, 1+b.Int("workers"), func(h *hub.Hub) work {
		tasks, results := hub.NewQueue[uint64](h, size), hub.NewQueue[uint64](h, size)
		return func(i int, u *bench.Unit) error {
			if i == 0 {
				defer tasks.ShutDown(false)
				return manage(b.N, size, u, tasks.Put, results.Get)
			}
			for task, err := range tasks.All() {
				if err != nil {
					return err
				}
				u.Ops++
				if err := results.Put(addOne(task)); err != nil {
					return err
				}
			}
			return nil
		}
	})
}

func taskQueueShared(b *bench.B, launch launcher) (uint64, error) {
	size := b.Int("inflight")
	tasks, results := make(chan uint64, size), make(chan uint64, size)
	return race(b, launch, 1+b.Int("workers"), func(i int, u *bench.Unit) error {
		if i == 0 {
			defer close(tasks)
			return manage(b.N, size, u, func(task uint64) error { tasks <- task; return nil },
				func() (uint64, error) { return <-results, nil })
		}
		for task := range tasks {
			u.Ops++
			results <- addOne(task)
		}
		return nil
	})
}

type taskQueueArgs struct {
	Tasks, Results *procs.Queue[uint64]
	I, N, Size     int
}

var taskQueueWorker = registerWorker("bench.taskqueue", func(ctx context.Context, in taskQueueArgs, u *bench.Unit) error {
	if in.I == 0 {
		return cmp.Or(manage(in.N, in.Size, u, func(task uint64) error { return in.Tasks.Put(ctx, task) },
			func() (uint64, error) { return in.Results.Get(ctx) }), in.Tasks.ShutDown(false))
	}
	for {
		task, err := in.Tasks.Get(ctx)
		if err != nil {
			return atClosed(err)
		}
		u.Ops++
		if err := in.Results.Put(ctx, addOne(task)); err != nil {
			return err
		}
	}
})

func taskQueueProcess(b *bench.B) (uint64, error) {
	size := b.Int("inflight")
	tasks, err := procs.NewQueue[uint64](size)
	if err != nil {
		return 0, err
	}
	defer tasks.Close()
	results, err := procs.NewQueue[uint64](size)
	if err != nil {
		return 0, err
	}
	defer results.Close()
	return raceWorkers(b, taskQueueWorker, inputs(1+b.Int("workers"), func(i int) taskQueueArgs {
		return taskQueueArgs{tasks, results, i, b.N, size}
	}))
}
