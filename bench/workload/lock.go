package workload

import (
	"context"
	"slices"
	"sync"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var lock = &bench.Workload{
	Name: "Lock",
	Kind: "synchronising",
	Story: "The last tickets: everybody decrements one counter under one lock, until it is zero. The section is as short as " +
		"can be, so this is the price of the lock and of waiting for it. Greenlets give way after each ticket: " +
		"otherwise the first would sell them all. Latency is from asking for the lock to having released it.",
	Op:    "ticket",
	Cases: []bench.Params{"tasks=2", "tasks=8"},
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Impls: map[bench.Model]bench.Func{
		Serial:    lockSerial,
		Greenlet:  lockGreenlet,
		Goroutine: lockShared(goroutines),
		Ants:      lockShared(pooled),
		Thread:    lockShared(threads),
		Process:   lockProcess,
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
	sold, lats := make([]uint64, n), recorders(b, n)
	err := raceGreenlets(b, n, func(h *hub.Hub) func(i int) error {
		mutex, left := hub.NewSemaphore(h, 1), b.N
		return func(i int) error {
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
		}
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

func lockShared(launch launcher) bench.Func {
	return func(b *bench.B) (uint64, error) {
		n := b.Int("tasks")
		counter, sold, lats := &tickets{left: b.N}, make([]uint64, n), recorders(b, n)
		err := race(b, launch, n, func(i int) { sold[i] = clerk(counter, lats[i]) })
		return sum(sold), err
	}
}

// lockWorker is a clerk in a process of its own; the counter, with its lock, is
// in shared memory.
var lockWorker = registerWorker("bench.lock", func(ctx context.Context, counter *procs.Value[int64], lat *bench.Recorder) (sold uint64, err error) {
	mutex, left := counter.Lock(), counter.Raw()
	for {
		t := lat.Begin(int(sold))
		if err := mutex.Acquire(ctx); err != nil {
			return 0, err
		}
		none := *left == 0
		if !none {
			*left--
		}
		if err := mutex.Release(); err != nil {
			return 0, err
		}
		if none {
			return sold, nil
		}
		lat.End(t)
		sold++
	}
})

func lockProcess(b *bench.B) (uint64, error) {
	counter, err := procs.NewValue(int64(b.N))
	if err != nil {
		return 0, err
	}
	defer counter.Close()
	return raceWorkers(b, lockWorker, slices.Repeat([]*procs.Value[int64]{counter}, b.Int("tasks")))
}
