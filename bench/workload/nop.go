package workload

import (
	"context"
	"runtime"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var nop = &bench.Workload{
	Name: "Nop",
	Story: "Nothing of interest: one unit of each model runs a loop of arithmetic, so what is measured is the harness. " +
		"The cells must agree; where they do not, differences of that size in the other workloads mean nothing either.",
	Op:   "step of a loop",
	Want: func(b *bench.B) uint64 { return steps(b.N) },
	Impls: map[bench.Model]bench.Func{
		bench.Serial:    nopSerial,
		bench.Greenlet:  nopGreenlet,
		bench.Goroutine: nopGoroutine,
		bench.Ants:      nopAnts,
		bench.Thread:    nopThread,
		bench.Process:   nopProcess,
	},
}

// steps does n dependent multiplications; no compiler can shorten the loop.
//
//go:noinline
func steps(n int) uint64 {
	x := uint64(1)
	for range n {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

func nopSerial(b *bench.B) (uint64, error) {
	b.Start()
	x := steps(b.N)
	b.Stop()
	return x, nil
}

func nopGreenlet(b *bench.B) (uint64, error) {
	main := greenlet.Main[uint64]()
	defer main.Close()
	g := greenlet.New(main, func(_ *greenlet.Greenlet[uint64], n uint64) (uint64, error) {
		return steps(int(n)), nil
	})
	b.Start()
	x, err := g.Switch(uint64(b.N))
	b.Stop()
	return x, err
}

func nopGoroutine(b *bench.B) (uint64, error) {
	done := make(chan uint64)
	b.Start()
	go func() { done <- steps(b.N) }()
	x := <-done
	b.Stop()
	return x, nil
}

func nopAnts(b *bench.B) (uint64, error) {
	pool, err := ants.NewPool(1)
	if err != nil {
		return 0, err
	}
	defer release(pool)
	done := make(chan uint64)
	b.Start()
	if err := pool.Submit(func() { done <- steps(b.N) }); err != nil {
		return 0, err
	}
	x := <-done
	b.Stop()
	return x, nil
}

func nopThread(b *bench.B) (uint64, error) {
	done := make(chan uint64)
	b.Start()
	go func() {
		runtime.LockOSThread()
		done <- steps(b.N)
	}()
	x := <-done
	b.Stop()
	return x, nil
}

var nopSteps = procs.Register("bench.nop", func(_ context.Context, n int) (uint64, error) {
	return steps(n), nil
})

func nopProcess(b *bench.B) (uint64, error) {
	ctx := context.Background()
	pool, err := newPool(1)
	if err != nil {
		return 0, err
	}
	defer pool.Terminate()
	b.Start()
	x, err := procs.Apply(ctx, pool, nopSteps, b.N)
	b.Stop()
	return x, err
}
