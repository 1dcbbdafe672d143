package workload

import (
	"context"
	"runtime"
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
		"The results are in the order of the inputs. Latency is not recorded: a map answers when all is done.",
	Op:     "task",
	Cases:  []bench.Params{"task=1us/chunk=1", "task=10us/chunk=1", "task=100us/chunk=1", "task=1ms/chunk=1"},
	More:   []bench.Params{"task=10ms/chunk=1", "task=1us/chunk=64", "task=10us/chunk=64"},
	Refine: []string{"task"},
	// At least eight chunks, however long a task is: with one or two, nothing
	// can be done at once.
	Batch: func(p bench.Params) int { return 8 * p.Int("chunk") },
	Want: func(b *bench.B) uint64 {
		results, least := make([]uint64, b.N), cpuTask(0, b.Duration("task"))
		for i := range results {
			results[i] = least + uint64(i)
		}
		return digest(results)
	},
	Ledger: func(b *bench.B) bench.Ledger {
		all := b.N * cpuSteps(b.Duration("task"))
		return concurrent(b, bench.Ledger{
			Units: b.CPUs, Ops: b.N + chunks(b.N, b.Int("chunk")), // each task is done, each chunk taken
			Inside: inFlight * b.CPUs, Elapsed: quickest(all) / time.Duration(runtime.NumCPU()),
		})
	},
	Exceptions: map[int]string{
		2:  "tasks that compute wait for nobody",
		24: "how many chunks a pool of processes has in flight is not seen from outside",
	},
	Impls: map[bench.Model]bench.Func{
		Serial:    cpuMapSerial,
		Greenlet:  cpuMapGreenlet,
		Goroutine: launched(cpuMapShared, goroutines),
		Ants:      cpuMapAnts,
		Thread:    launched(cpuMapShared, threads),
		Process:   cpuMapProcess,
	},
}

// inFlight is how many chunks may be given out, per CPU, before the first has
// been done: as many as a pool of processes keeps for a worker.
const inFlight = 4096

// lookEvery is how many chunks are given out between two looks at how many are
// in flight: a look is at what the workers write.
const lookEvery = 64

func cpuSteps(size time.Duration) int { return int(size * stepsPerMicrosecond / time.Microsecond) }

// cpuTask is the mapped function.
func cpuTask(x uint64, size time.Duration) uint64 { return steps(cpuSteps(size)) + x }

// digest is a number that depends on all results and on their order.
func digest(results []uint64) (d uint64) {
	for _, r := range results {
		d = d*31 + r
	}
	return d
}

// chunks returns how many chunks of the given size hold n tasks.
func chunks(n, size int) int { return (n + size - 1) / size }

// A cpuJob is a map in this process. Its results are made when the clock runs,
// as those of [procs.Map] are.
type cpuJob struct {
	chunk   int
	size    time.Duration
	results []uint64
}

func newCPUJob(b *bench.B) *cpuJob {
	return &cpuJob{b.Int("chunk"), b.Duration("task"), make([]uint64, b.N)}
}

// do maps chunk i and returns the ops of it: its tasks, and that it was taken.
func (j *cpuJob) do(i int) (ops int) {
	first := i * j.chunk
	part := j.results[first:min(first+j.chunk, len(j.results))]
	for k := range part {
		part[k] = cpuTask(uint64(first+k), j.size)
	}
	return len(part) + 1
}

func (j *cpuJob) chunks() int { return chunks(len(j.results), j.chunk) }

func cpuMapSerial(b *bench.B) (uint64, error) {
	u := b.Unit(0)
	b.Start()
	j := newCPUJob(b)
	for i := range j.chunks() {
		u.Ops += j.do(i)
	}
	b.Stop()
	return digest(j.results), nil
}

// cpuMapGreenlet switches to a fresh chunk after each: greenlets share one
// thread, so that they take turns and gain nothing from a second CPU.
func cpuMapGreenlet(b *bench.B) (uint64, error) {
	main := greenlet.Main[int]()
	defer main.Close()
	var j *cpuJob
	workers := make([]*greenlet.Greenlet[int], b.CPUs)
	for w := range workers {
		u := b.Unit(0)
		workers[w] = greenlet.New(main, func(_ *greenlet.Greenlet[int], i int) (int, error) {
			for {
				u.Ops += j.do(i)
				var err error
				if i, err = main.Switch(0); err != nil {
					return 0, err
				}
			}
		})
	}
	b.Units(len(workers))
	b.Start()
	j = newCPUJob(b)
	for i := range j.chunks() {
		if _, err := workers[i%len(workers)].Switch(i); err != nil {
			return 0, err
		}
	}
	b.Stop()
	return digest(j.results), nil
}

// cpuMapShared keeps one worker per CPU, fed by a channel.
func cpuMapShared(b *bench.B, launch launcher) (uint64, error) {
	return cpuMapFed(b, launch, inFlight*b.CPUs)
}

// cpuMapFed has a channel with room for so many chunks.
func cpuMapFed(b *bench.B, launch launcher, room int) (uint64, error) {
	next, u, members := make(chan int, room), b.Unit(0), units(b, b.CPUs)
	var j *cpuJob
	team, err := gather(b, launch, b.CPUs, func(w int) {
		for i := range next {
			members[w].Ops += j.do(i)
		}
	})
	if err != nil {
		return 0, err
	}
	b.Start()
	j = newCPUJob(b)
	team.open()
	for i := range j.chunks() {
		next <- i
		if i%lookEvery == 0 {
			u.Inside = max(u.Inside, len(next))
		}
	}
	close(next)
	team.wait()
	b.Stop()
	team.dismiss()
	return digest(j.results), nil
}

// cpuMapAnts submits every chunk to the pool, as its documentation shows. A
// pool of ants has no queue: what is given out is a goroutine.
func cpuMapAnts(b *bench.B) (uint64, error) { return cpuMapAntsIn(b, inFlight*b.CPUs) }

// cpuMapAntsIn has a pool of so many.
func cpuMapAntsIn(b *bench.B, room int) (uint64, error) {
	pool, err := ants.NewPool(room)
	if err != nil {
		return 0, err
	}
	defer release(pool)
	u := b.Unit(0)
	var done atomic.Int64
	var wg sync.WaitGroup
	b.Units(min(pool.Cap(), b.CPUs)) // so many can run at once
	b.Start()
	j := newCPUJob(b)
	for i := range j.chunks() {
		wg.Add(1)
		err := pool.Submit(func() {
			done.Add(int64(j.do(i)))
			wg.Done()
		})
		if err != nil {
			return 0, err
		}
		if i%lookEvery == 0 {
			u.Inside = max(u.Inside, pool.Running())
		}
	}
	wg.Wait()
	b.Stop()
	u.Ops = int(done.Load())
	return digest(j.results), nil
}

type cpuArgs struct {
	X    uint64
	Size time.Duration
}

var cpuMapTask = procs.Register("bench.cpumap", func(ctx context.Context, in cpuArgs) (uint64, error) {
	noteChunk(ctx)
	return cpuTask(in.X, in.Size), nil
})

// mapping counts the chunks that this process, a worker, has taken: those of
// one have one context. The first place is the number of workers that count.
var mapping struct {
	taken *procs.RawArray[uint64]
	place int
	last  context.Context
}

var cpuMapInit = procs.Register("bench.cpumap.init", func(_ context.Context, taken *procs.RawArray[uint64]) (none struct{}, err error) {
	mapping.taken, mapping.place = taken, int(atomic.AddUint64(&taken.Raw()[0], 1))
	return none, nil
})

func noteChunk(ctx context.Context) {
	if ctx == mapping.last {
		return
	}
	mapping.last = ctx
	taken := places(mapping.taken.Raw())
	taken.set(mapping.place, taken.get(mapping.place)+1)
}

func cpuMapProcess(b *bench.B) (uint64, error) { return cpuMapPool(b, b.CPUs) }

// cpuMapPool has a pool of so many processes.
func cpuMapPool(b *bench.B, workers int) (uint64, error) {
	chunk, size := b.Int("chunk"), b.Duration("task")
	taken, err := procs.NewRawArray[uint64]((1 + workers) * placeWords)
	if err != nil {
		return 0, err
	}
	defer taken.Close()
	pool, err := startPool(procs.PoolConfig{Workers: workers, Initializer: procs.NewInitializer(cpuMapInit, taken)})
	if err != nil {
		return 0, err
	}
	defer pool.Terminate()
	xs := make([]cpuArgs, b.N)
	for i := range xs {
		xs[i] = cpuArgs{uint64(i), size}
	}
	u := b.Unit(0)
	b.Units(pool.Size())
	b.Start()
	results, err := procs.Map(context.Background(), pool, cpuMapTask, xs, procs.Chunk(chunk))
	b.Stop()
	u.Ops = len(results) + places(taken.Raw()[placeWords:]).sum()
	return digest(results), err
}
