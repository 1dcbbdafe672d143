package workload

import (
	"context"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var nop = &bench.Workload{
	Name: "Nop",
	Story: "Nothing of interest: one unit of each model runs a loop of arithmetic, so what is measured is the harness. " +
		"The cells must agree; where they do not, differences of that size in the other workloads mean nothing either.",
	Op:      "step of a loop",
	Control: true,
	Want:    func(b *bench.B) uint64 { return steps(b.N) },
	Ledger: func(b *bench.B) bench.Ledger {
		return concurrent(b, bench.Ledger{Units: 1, Ops: b.N, Elapsed: quickest(b.N)})
	},
	Exceptions: map[int]string{2: "there is one unit"},
	Impls:      byModel(nopSerial, nopGreenlet, nopShared, nopProcess),
}

func nopSerial(b *bench.B) (uint64, error) {
	u := b.Unit(0)
	b.Start()
	nopTask(b.N, u)
	b.Stop()
	return u.Answer, nil
}

func nopTask(n int, u *bench.Unit) { u.Answer, u.Ops = steps(n), n }

func nopGreenlet(b *bench.B) (uint64, error) {
	main := greenlet.Main[uint64]()
	defer main.Close()
	u := b.Unit(0)
	g := greenlet.New(main, func(_ *greenlet.Greenlet[uint64], n uint64) (uint64, error) {
		nopTask(int(n), u)
		return u.Answer, nil
	})
	b.Units(1)
	b.Start()
	x, err := g.Switch(uint64(b.N))
	b.Stop()
	return x, err
}

func nopShared(b *bench.B, launch launcher) (uint64, error) {
	return race(b, launch, 1, func(_ int, u *bench.Unit) error { nopTask(b.N, u); return nil })
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
	u := b.Unit(0)
	b.Units(pool.Size())
	b.Start()
	x, err := procs.Apply(ctx, pool, nopSteps, b.N)
	b.Stop()
	u.Ops = b.N
	return x, err
}
