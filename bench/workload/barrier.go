package workload

import (
	"context"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var parties = &bench.Workload{
	Name: "Barrier",
	Kind: "synchronising",
	Story: "N parties in rounds: a simulation whose parts take the next step when all have done the last. Each notes that it has " +
		"come, waits until all have, and sees that its neighbour was among them. Latency is a party's wait.",
	Op:    "wait of a party",
	Cases: []bench.Params{"n=10"},
	More:  []bench.Params{"n=2", "n=30", "n=1000"},
	Batch: func(p bench.Params) int { return p.Int("n") }, // whole rounds
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Ledger: func(b *bench.B) bench.Ledger {
		n := b.Int("n") // the last of each round does not wait
		return bench.Ledger{Units: n, Ops: b.N, Each: b.N / n, Suspensions: b.N - b.N/n}
	},
	Impls: byModel(nil, barrierGreenlet, barrierShared, barrierProcess),
	NA:    map[bench.Model]string{Serial: "one task has nobody to wait for"},
	Limit: fewUnits,
}

// attend is a party's part. Its answer is in how many rounds its neighbour had
// come too.
func attend(i, rounds int, come places, u *bench.Unit, wait func() error) error {
	for r := range rounds {
		come.set(i, r+1)
		t := u.Begin(r)
		if err := wait(); err != nil {
			return err
		}
		u.End(t)
		if come.next(i) > r {
			u.Answer++
		}
		u.Ops++
	}
	return nil
}

func barrierGreenlet(b *bench.B) (uint64, error) {
	n := b.Int("n")
	come := newPlaces(n)
	return raceGreenlets(b, n, func(h *hub.Hub) work {
		all := newHubBarrier(h, n)
		return func(i int, u *bench.Unit) error { return attend(i, b.N/n, come, u, all.wait) }
	})
}

func barrierShared(b *bench.B, launch launcher) (uint64, error) {
	n := b.Int("n")
	come, all := newPlaces(n), newGoBarrier(n)
	return race(b, launch, n, func(i int, u *bench.Unit) error { return attend(i, b.N/n, come, u, all.wait) })
}

type barrierArgs struct {
	All       *procs.Barrier
	Come      *procs.RawArray[uint64]
	I, Rounds int
}

var barrierWorker = registerWorker("bench.barrier", func(ctx context.Context, in barrierArgs, u *bench.Unit) error {
	return attend(in.I, in.Rounds, in.Come.Raw(), u, procsBarrier(ctx, in.All, u))
})

func barrierProcess(b *bench.B) (uint64, error) {
	n := b.Int("n")
	all, err := procs.NewBarrier(n, nil)
	if err != nil {
		return 0, err
	}
	defer all.Close()
	come, err := procs.NewRawArray[uint64](n * placeWords)
	if err != nil {
		return 0, err
	}
	defer come.Close()
	return raceWorkers(b, barrierWorker, inputs(n, func(i int) barrierArgs { return barrierArgs{all, come, i, b.N / n} }))
}
