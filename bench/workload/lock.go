package workload

import (
	"context"
	"runtime"
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
		"can be, so this is the price of the lock and of waiting for it. With yield=each everybody gives way after each " +
		"ticket; with yield=never nobody does, so that of greenlets the first sells them all, and of others whoever has the " +
		"processor sells many. Latency is from asking for the lock to having released it.",
	Op:    "ticket",
	Cases: []bench.Params{"tasks=8/yield=never", "tasks=8/yield=each"},
	More:  []bench.Params{"tasks=2/yield=never", "tasks=2/yield=each"},
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Ledger: func(b *bench.B) bench.Ledger {
		want := bench.Ledger{Units: b.Int("tasks"), Ops: b.N}
		if yields(b) {
			want.Suspensions = b.N
		}
		return concurrent(b, want)
	},
	Exceptions: map[int]string{2: "with yield=never nobody has to give way"},
	Impls:      byModel(lockSerial, lockGreenlet, lockShared, lockProcess),
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

// yields reports whether everybody gives way after each ticket.
func yields(b *bench.B) bool {
	v, _ := b.Params.Get("yield")
	return v == "each"
}

func lockSerial(b *bench.B) (uint64, error) {
	u, each, left := b.Unit(b.N), yields(b), b.N
	b.Start()
	sold := uint64(0)
	for left > 0 {
		t := u.Begin(int(sold))
		left--
		sold = addOne(sold)
		u.End(t)
		if each {
			runtime.Gosched()
		}
	}
	b.Stop()
	u.Ops = int(sold)
	return sold, nil
}

func lockGreenlet(b *bench.B) (uint64, error) {
	each := yields(b)
	return raceGreenlets(b, b.Int("tasks"), func(h *hub.Hub) work {
		mutex, left := hub.NewSemaphore(h, 1), b.N
		return func(_ int, u *bench.Unit) error {
			for {
				t := u.Begin(u.Ops)
				if err := mutex.Acquire(); err != nil {
					return err
				}
				if left == 0 {
					mutex.Release()
					return nil
				}
				left--
				mutex.Release()
				u.End(t)
				u.Ops++
				u.Answer++
				if each {
					if err := h.Yield(); err != nil {
						return err
					}
				}
			}
		}
	})
}

// clerk sells tickets until there are none.
func clerk(t *tickets, each bool, u *bench.Unit) {
	sold := 0
	for {
		began := u.Begin(sold)
		if !t.sell() {
			u.Answer, u.Ops = uint64(sold), sold
			return
		}
		u.End(began)
		sold++
		if each {
			runtime.Gosched()
		}
	}
}

func lockShared(b *bench.B, launch launcher) (uint64, error) {
	counter, each := &tickets{left: b.N}, yields(b)
	return race(b, launch, b.Int("tasks"), func(_ int, u *bench.Unit) error {
		clerk(counter, each, u)
		return nil
	})
}

type lockArgs struct {
	Counter *procs.Value[int64]
	Each    bool
}

// lockWorker is a clerk in a process of its own; the counter, with its lock, is
// in shared memory.
var lockWorker = registerWorker("bench.lock", func(ctx context.Context, in lockArgs, u *bench.Unit) error {
	mutex, left, sold := in.Counter.Lock(), in.Counter.Raw(), 0
	for {
		t := u.Begin(sold)
		if err := mutex.Acquire(ctx); err != nil {
			return err
		}
		none := *left == 0
		if !none {
			*left--
		}
		if err := mutex.Release(); err != nil {
			return err
		}
		if none {
			u.Answer, u.Ops = uint64(sold), sold
			return nil
		}
		u.End(t)
		sold++
		if in.Each {
			yieldProcess()
			u.Waits++
		}
	}
})

func lockProcess(b *bench.B) (uint64, error) {
	counter, err := procs.NewValue(int64(b.N))
	if err != nil {
		return 0, err
	}
	defer counter.Close()
	return raceWorkers(b, lockWorker, slices.Repeat([]lockArgs{{counter, yields(b)}}, b.Int("tasks")))
}
