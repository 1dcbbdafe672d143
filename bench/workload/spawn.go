package workload

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var spawn = &bench.Workload{
	Name: "Spawn",
	Kind: "starting tasks",
	Story: "Start N tasks that do next to nothing, and wait until all have ended: what it costs to hand out work without " +
		"keeping workers. The process model starts a new process for each (cold; a pool is measured by CPUMap). " +
		"Latency is that of a whole round divided by N.",
	Op:    "task",
	Cases: []bench.Params{"n=100"},
	More:  []bench.Params{"n=1"},
	Batch: func(p bench.Params) int { return p.Int("n") },
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Ledger: func(b *bench.B) bench.Ledger {
		return bench.Ledger{Ops: b.N} // tasks end as others begin: none has to wait
	},
	Exceptions: map[int]string{
		2:  "tasks have nothing to wait for",
		3:  "the first tasks may have ended before the last one starts",
		5:  "starting and ending a task is one op",
		12: "the pool of ants has a place for each task, which is not counted",
		8:  "a task may have ended before the next one starts, whoever waits for it",
	},
	Impls: map[bench.Model]bench.Func{
		Serial:    spawnSerial,
		Greenlet:  spawnGreenlet,
		Goroutine: spawnGoroutine,
		Ants:      spawnAnts,
		Thread:    spawnThread,
		Process:   spawnProcess,
	},
}

func spawnSerial(b *bench.B) (uint64, error) {
	n := b.Int("n")
	ended := uint64(0)
	return rounds(b, n, func() error {
		for range n {
			ended = addOne(ended)
		}
		return nil
	}, func() uint64 { return ended })
}

func spawnGreenlet(b *bench.B) (uint64, error) {
	n := b.Int("n")
	main := greenlet.Main[uint64]()
	defer main.Close()
	gs := make([]*greenlet.Greenlet[uint64], n)
	ended := uint64(0)
	return rounds(b, n, func() error {
		for i := range gs {
			gs[i] = greenlet.New(main, func(_ *greenlet.Greenlet[uint64], v uint64) (uint64, error) {
				return v + 1, nil
			})
		}
		for _, g := range gs {
			var err error
			if ended, err = g.Switch(ended); err != nil {
				return err
			}
		}
		return nil
	}, func() uint64 { return ended })
}

func spawnGoroutine(b *bench.B) (uint64, error) {
	n := b.Int("n")
	var ended atomic.Uint64
	var wg sync.WaitGroup
	return rounds(b, n, func() error {
		for range n {
			wg.Go(func() { ended.Add(1) })
		}
		wg.Wait()
		return nil
	}, ended.Load)
}

func spawnAnts(b *bench.B) (uint64, error) {
	n := b.Int("n")
	pool, err := ants.NewPool(n)
	if err != nil {
		return 0, err
	}
	defer release(pool)
	var ended atomic.Uint64
	var wg sync.WaitGroup
	task := func() { ended.Add(1); wg.Done() }
	return rounds(b, n, func() error {
		wg.Add(n)
		for range n {
			if err := pool.Submit(task); err != nil {
				return err
			}
		}
		wg.Wait()
		return nil
	}, ended.Load)
}

// spawnThread locks each goroutine to a thread and ends it locked, so that the
// thread ends too.
func spawnThread(b *bench.B) (uint64, error) {
	n := b.Int("n")
	var ended atomic.Uint64
	var wg sync.WaitGroup
	return rounds(b, n, func() error {
		for range n {
			wg.Go(func() { runtime.LockOSThread(); ended.Add(1) })
		}
		wg.Wait()
		return nil
	}, ended.Load)
}

var spawnTask = procs.Register("bench.spawn", func(context.Context, struct{}) (struct{}, error) {
	return struct{}{}, nil
})

func spawnProcess(b *bench.B) (uint64, error) {
	n := b.Int("n")
	ps := make([]*procs.Process, n)
	ended := uint64(0)
	return rounds(b, n, func() error {
		for i := range ps {
			ps[i] = procs.NewProcess(spawnTask, struct{}{}, procs.ProcessConfig{GOMAXPROCS: 1})
			if err := ps[i].Start(); err != nil {
				return err
			}
		}
		ended += uint64(n)
		return joinAll(ps)
	}, func() uint64 { return ended })
}
