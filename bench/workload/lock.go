package workload

import (
	"context"
	"runtime"
	"sync"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var lock = &bench.Workload{
	Name: "Lock",
	Story: "The last tickets: everybody decrements one counter under one lock, until it is zero. The section is as short as " +
		"can be, so this is the price of the lock and of waiting for it. Greenlets give way after each ticket: " +
		"otherwise the first would sell them all. Latency is from asking for the lock to having released it.",
	Op:    "ticket",
	Cases: []bench.Params{"tasks=2", "tasks=8"},
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Impls: map[bench.Model]bench.Func{
		bench.Serial:    lockSerial,
		bench.Greenlet:  lockGreenlet,
		bench.Goroutine: lockGoroutine,
		bench.Ants:      lockAnts,
		bench.Thread:    lockThread,
		bench.Process:   lockProcess,
	},
}

// tickets is the shared counter of the models that share memory.
type tickets struct {
	sync.Mutex
	left int
}

// sell takes one ticket, and reports whether there was one.
func (t *tickets) sell() bool {
	t.Lock()
	defer t.Unlock()
	if t.left == 0 {
		return false
	}
	t.left--
	return true
}

func lockSerial(b *bench.B) (uint64, error) {
	left := b.N
	lat := b.Recorder(b.N)
	b.Start()
	sold := uint64(0)
	for left > 0 {
		t := lat.Begin(int(sold))
		left--
		sold = addOne(sold)
		lat.End(t)
	}
	b.Stop()
	return sold, nil
}

func lockGreenlet(b *bench.B) (uint64, error) {
	n := b.Int("tasks")
	sold := make([]uint64, n)
	err := hub.Run(func(h *hub.Hub) error {
		mutex, left, lats := hub.NewSemaphore(h, 1), b.N, recorders(b, n)
		clerks := make([]*hub.Greenlet, n)
		b.Units(n)
		b.Start()
		for i := range clerks {
			clerks[i] = h.Spawn(func() error {
				for {
					t := lats[i].Begin(int(sold[i]))
					if err := mutex.Acquire(); err != nil {
						return err
					}
					if left == 0 {
						mutex.Release()
						return nil
					}
					left--
					mutex.Release()
					lats[i].End(t)
					sold[i]++
					if err := h.Yield(); err != nil {
						return err
					}
				}
			})
		}
		err := h.GetAll(clerks...)
		b.Stop()
		return err
	})
	return sum(sold), err
}

// clerk sells tickets until there are none.
func clerk(t *tickets, lat *bench.Recorder) (sold uint64) {
	for {
		began := lat.Begin(int(sold))
		if !t.sell() {
			return sold
		}
		lat.End(began)
		sold++
	}
}

func lockGoroutine(b *bench.B) (uint64, error) {
	n := b.Int("tasks")
	counter, sold, lats := &tickets{left: b.N}, make([]uint64, n), recorders(b, n)
	var wg sync.WaitGroup
	b.Units(n)
	b.Start()
	for i := range n {
		wg.Go(func() { sold[i] = clerk(counter, lats[i]) })
	}
	wg.Wait()
	b.Stop()
	return sum(sold), nil
}

func lockAnts(b *bench.B) (uint64, error) {
	n := b.Int("tasks")
	pool, err := ants.NewPool(n)
	if err != nil {
		return 0, err
	}
	defer release(pool)
	counter, sold, lats := &tickets{left: b.N}, make([]uint64, n), recorders(b, n)
	var wg sync.WaitGroup
	wg.Add(n)
	b.Units(n)
	b.Start()
	for i := range n {
		err := pool.Submit(func() { defer wg.Done(); sold[i] = clerk(counter, lats[i]) })
		if err != nil {
			return 0, err
		}
	}
	wg.Wait()
	b.Stop()
	return sum(sold), nil
}

func lockThread(b *bench.B) (uint64, error) {
	n := b.Int("tasks")
	counter, sold, lats := &tickets{left: b.N}, make([]uint64, n), recorders(b, n)
	var wg sync.WaitGroup
	b.Units(n)
	b.Start()
	for i := range n {
		wg.Go(func() { runtime.LockOSThread(); sold[i] = clerk(counter, lats[i]) })
	}
	wg.Wait()
	b.Stop()
	return sum(sold), nil
}

type lockArgs struct {
	Gate  *gate
	Left  *procs.Value[int64]
	Tasks int
	N     int
	Every int
}

// lockWorker is a clerk in a process of its own; the counter, with its lock, is
// in shared memory.
var lockWorker = procs.Register("bench.lock", func(ctx context.Context, in lockArgs) (struct{}, error) {
	if err := in.Gate.pass(ctx); err != nil {
		return struct{}{}, err
	}
	lat := bench.NewRecorder(in.Every, in.N/in.Tasks)
	mutex, left := in.Left.Lock(), in.Left.Raw()
	sold := uint64(0)
	for {
		t := lat.Begin(int(sold))
		if err := mutex.Acquire(ctx); err != nil {
			return struct{}{}, err
		}
		none := *left == 0
		if !none {
			*left--
		}
		if err := mutex.Release(); err != nil {
			return struct{}{}, err
		}
		if none {
			return struct{}{}, in.Gate.report(ctx, outcome{sold, lat.Samples()})
		}
		lat.End(t)
		sold++
	}
})

func lockProcess(b *bench.B) (uint64, error) {
	n := b.Int("tasks")
	g, err := newGate()
	defer g.close()
	if err != nil {
		return 0, err
	}
	left, err := procs.NewValue(int64(b.N))
	if err != nil {
		return 0, err
	}
	defer left.Close()
	args := make([]lockArgs, n)
	for i := range args {
		args[i] = lockArgs{g, left, n, b.N, b.Every()}
	}
	crew, err := startCrew(lockWorker, args)
	if err != nil {
		return 0, err
	}
	defer crew.kill()
	if err := g.muster(n); err != nil {
		return 0, err
	}
	b.Units(n)
	sold, err := g.race(b, n)
	return sold, firstError(err, crew.join())
}
