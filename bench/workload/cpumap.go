package workload

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var cpuMap = &bench.Workload{
	Name: "CPUMap",
	Kind: "computing",
	Story: "Map a pure function over a list of inputs, with as many workers as CPUs: hashing, scoring, thumbnails. " +
		"The size of a task varies, since handing one over has a fixed price: from which size on does each model pay? " +
		"Latency is not recorded: a map answers when all is done.",
	Op: "task",
	Cases: []bench.Params{
		"task=1us/chunk=1", "task=10us/chunk=1", "task=100us/chunk=1", "task=1ms/chunk=1", "task=10ms/chunk=1",
		"task=1us/chunk=64", "task=10us/chunk=64",
	},
	Refine: []string{"task"},
	// At least eight chunks, however long a task is: with one or two, nothing
	// can be done at once.
	Batch: func(p bench.Params) int { return 8 * p.Int("chunk") },
	Want: func(b *bench.B) uint64 {
		n := uint64(b.N)
		return n*cpuTask(0, b.Duration("task")) + n*(n-1)/2
	},
	Impls: map[bench.Model]bench.Func{
		Serial:    cpuMapSerial,
		Greenlet:  cpuMapGreenlet,
		Goroutine: cpuMapShared(goroutines),
		Ants:      cpuMapAnts,
		Thread:    cpuMapShared(threads),
		Process:   cpuMapProcess,
	},
}

// cpuTask is the mapped function.
func cpuTask(x uint64, size time.Duration) uint64 {
	return steps(int(size*stepsPerMicrosecond/time.Microsecond)) + x
}

// chunks returns how many chunks of the given size hold n tasks.
func chunks(n, size int) int { return (n + size - 1) / size }

// cpuChunk maps chunk i and returns the sum of its results.
func cpuChunk(i, chunk, n int, size time.Duration) (sum uint64) {
	for x := i * chunk; x < min((i+1)*chunk, n); x++ {
		sum += cpuTask(uint64(x), size)
	}
	return sum
}

func cpuMapSerial(b *bench.B) (uint64, error) {
	chunk, size := b.Int("chunk"), b.Duration("task")
	b.Start()
	sum := uint64(0)
	for i := range chunks(b.N, chunk) {
		sum += cpuChunk(i, chunk, b.N, size)
	}
	b.Stop()
	return sum, nil
}

// cpuMapGreenlet switches to a fresh chunk after each: greenlets share one
// thread, so that they take turns and gain nothing from a second CPU.
func cpuMapGreenlet(b *bench.B) (uint64, error) {
	chunk, size := b.Int("chunk"), b.Duration("task")
	main := greenlet.Main[uint64]()
	defer main.Close()
	workers := make([]*greenlet.Greenlet[uint64], b.CPUs)
	for w := range workers {
		workers[w] = greenlet.New(main, func(_ *greenlet.Greenlet[uint64], i uint64) (uint64, error) {
			for {
				var err error
				if i, err = main.Switch(cpuChunk(int(i), chunk, b.N, size)); err != nil {
					return 0, err
				}
			}
		})
	}
	b.Units(b.CPUs)
	b.Start()
	sum := uint64(0)
	for i := range chunks(b.N, chunk) {
		part, err := workers[i%len(workers)].Switch(uint64(i))
		if err != nil {
			return 0, err
		}
		sum += part
	}
	b.Stop()
	return sum, nil
}

// cpuWorker is one worker of the models that have channels.
func cpuWorker(next <-chan int, chunk, n int, size time.Duration) (sum uint64) {
	for i := range next {
		sum += cpuChunk(i, chunk, n, size)
	}
	return sum
}

// cpuMapShared keeps one worker per CPU, fed by a channel.
func cpuMapShared(launch launcher) bench.Func {
	return func(b *bench.B) (uint64, error) {
		chunk, size := b.Int("chunk"), b.Duration("task")
		next, sums := make(chan int, b.CPUs), make([]uint64, b.CPUs)
		team, err := gather(b, launch, b.CPUs, func(w int) { sums[w] = cpuWorker(next, chunk, b.N, size) })
		if err != nil {
			return 0, err
		}
		b.Start()
		team.open()
		for i := range chunks(b.N, chunk) {
			next <- i
		}
		close(next)
		team.wait()
		b.Stop()
		team.dismiss()
		return sum(sums), nil
	}
}

// cpuMapAnts submits every chunk to the pool, as its documentation shows.
func cpuMapAnts(b *bench.B) (uint64, error) {
	chunk, size := b.Int("chunk"), b.Duration("task")
	pool, err := ants.NewPool(b.CPUs)
	if err != nil {
		return 0, err
	}
	defer release(pool)
	var total atomic.Uint64
	var wg sync.WaitGroup
	b.Units(b.CPUs)
	b.Start()
	for i := range chunks(b.N, chunk) {
		wg.Add(1)
		err := pool.Submit(func() {
			total.Add(cpuChunk(i, chunk, b.N, size))
			wg.Done()
		})
		if err != nil {
			return 0, err
		}
	}
	wg.Wait()
	b.Stop()
	return total.Load(), nil
}

type cpuArgs struct {
	X    uint64
	Size time.Duration
}

var cpuMapTask = procs.Register("bench.cpumap", func(_ context.Context, in cpuArgs) (uint64, error) {
	return cpuTask(in.X, in.Size), nil
})

func cpuMapProcess(b *bench.B) (uint64, error) {
	chunk, size := b.Int("chunk"), b.Duration("task")
	pool, err := newPool(b.CPUs)
	if err != nil {
		return 0, err
	}
	defer pool.Terminate()
	xs := make([]cpuArgs, b.N)
	for i := range xs {
		xs[i] = cpuArgs{uint64(i), size}
	}
	b.Units(b.CPUs)
	b.Start()
	results, err := procs.Map(context.Background(), pool, cpuMapTask, xs, procs.Chunk(chunk))
	b.Stop()
	return sum(results), err
}
