package workload

import (
	"context"
	"slices"
	"time"

	"switchyard/bench"
	"switchyard/greenlet/hub"
)

// nap is how long a sleeper sleeps.
const nap = 10 * time.Millisecond

var sleep = &bench.Workload{
	Name: "Sleep",
	Kind: "waiting and IO",
	Story: "N tasks sleep 10 ms again and again, all at once: what a program does that waits for many slow answers. Perfect is " +
		"N ops in 10 ms, whatever the model; what differs is what the waiting costs, and how late a sleeper wakes. " +
		"Latency is that lateness alone. Each has touched so many bytes of its stack before: what a task takes in memory " +
		"depends on that.",
	Op:    "sleep",
	Cases: []bench.Params{"n=1000/stack=0"},
	More:  []bench.Params{"n=100/stack=0", "n=1000/stack=1024", "n=1000/stack=8192", "n=10000/stack=0"},
	Batch: func(p bench.Params) int { return p.Int("n") },
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Ledger: func(b *bench.B) bench.Ledger {
		n := b.Int("n")
		rounds := b.N / n
		return bench.Ledger{
			Units: n, Ops: b.N, Each: rounds, Suspensions: b.N,
			Elapsed: time.Duration(rounds) * nap, InTurn: time.Duration(b.N) * nap,
		}
	},
	Impls: byModel(nil, sleepGreenlet, sleepShared, sleepProcess),
	NA: map[bench.Model]string{
		Serial: "one task cannot sleep for many at once; one after another would take N times as long",
	},
	Limit: fewUnits,
}

// A sleeper naps again and again, on top of a stack that it has touched, and
// notes how late it woke.
func sleeper(b *bench.B, u *bench.Unit, sleep func(time.Duration) error) error {
	return onStack(b.Int("stack"), func() error { return naps(b.N/b.Int("n"), u, sleep) })
}

func naps(n int, u *bench.Unit, sleep func(time.Duration) error) error {
	for i := range n {
		t := u.Begin(i)
		if err := sleep(nap); err != nil {
			return err
		}
		if t != 0 {
			u.Add(u.Now() - t - int64(nap))
		}
		u.Ops++
		u.Answer++
	}
	return nil
}

func sleepGreenlet(b *bench.B) (uint64, error) {
	return raceGreenlets(b, b.Int("n"), func(h *hub.Hub) work {
		return func(_ int, u *bench.Unit) error { return sleeper(b, u, h.Sleep) }
	})
}

// block sleeps as every model does but greenlets.
func block(d time.Duration) error { time.Sleep(d); return nil }

func sleepShared(b *bench.B, launch launcher) (uint64, error) {
	return race(b, launch, b.Int("n"), func(_ int, u *bench.Unit) error { return sleeper(b, u, block) })
}

type sleepArgs struct{ Rounds, Stack int }

var sleepWorker = registerWorker("bench.sleep", func(_ context.Context, in sleepArgs, u *bench.Unit) error {
	err := onStack(in.Stack, func() error { return naps(in.Rounds, u, block) })
	u.Waits = u.Ops
	return err
})

func sleepProcess(b *bench.B) (uint64, error) {
	n := b.Int("n")
	return raceWorkers(b, sleepWorker, slices.Repeat([]sleepArgs{{b.N / n, b.Int("stack")}}, n))
}
