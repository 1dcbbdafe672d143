package workload

import (
	"context"
	"runtime"
	"slices"
	"time"

	"switchyard/bench"
	"switchyard/greenlet/hub"
)

// beatEvery is the interval of the beat.
const beatEvery = 10 * time.Millisecond

var heartbeat = &bench.Workload{
	Name: "Heartbeat",
	Kind: "scheduling",
	Story: "A daemon beats every 10 ms, to say that its program is alive, while others compute. Each of these hogs computes in " +
		"bursts, and gives way after each, for about as long as there are beats. Whoever is not interrupted keeps the " +
		"daemon waiting: a greenlet until each hog has had its burst, a goroutine until the Go runtime preempts one, a " +
		"process until the kernel does. Latency is how late a beat is; when it is due does not change because the one " +
		"before was late.",
	Op:    "beat",
	Cases: []bench.Params{"hogs=2/burst=50ms"},
	More: []bench.Params{
		"hogs=0/burst=1ms", "hogs=1/burst=50ms", "hogs=2/burst=1ms", "hogs=2/burst=10ms", "hogs=8/burst=1ms", "hogs=8/burst=10ms",
	},
	Paced: true,
	Want: func(b *bench.B) uint64 {
		return uint64(b.N) + uint64(b.Int("hogs")*bursts(b))*steps(cpuSteps(b.Duration("burst")))
	},
	Ledger: func(b *bench.B) bench.Ledger {
		hogs := b.Int("hogs")
		all := hogs * bursts(b)
		waits := all // beats that are overdue do not wait
		if hogs == 0 {
			waits = b.N
		}
		return bench.Ledger{Units: 1 + hogs, Ops: b.N + all, Suspensions: waits, Elapsed: time.Duration(b.N) * beatEvery}
	},
	Impls: byModel(nil, heartbeatGreenlet, heartbeatShared, heartbeatProcess),
	NA:    map[bench.Model]string{Serial: "one task alone cannot beat while it computes"},
}

// bursts is how many a hog does. All together they fill the time of the beats
// on all CPUs, if there are enough hogs; else each fills it on one.
func bursts(b *bench.B) int {
	hogs := max(b.Int("hogs"), 1)
	each := time.Duration(b.N) * beatEvery * time.Duration(min(b.CPUs, hogs)) / time.Duration(hogs)
	return max(1, int(each/b.Duration("burst")))
}

// beat beats n times, and notes how late.
func beat(n int, u *bench.Unit, sleep func(time.Duration) error) error {
	due := u.Now()
	for i := range n {
		due += int64(beatEvery)
		if left := due - u.Now(); left > 0 {
			if err := sleep(time.Duration(left)); err != nil {
				return err
			}
		}
		if now := u.Begin(i); now != 0 {
			u.Add(now - due)
		}
		u.Ops++
		u.Answer++
	}
	return nil
}

// hog computes n bursts of so many steps.
func hog(n, size int, u *bench.Unit, yield func() error) error {
	for range n {
		u.Answer += steps(size)
		u.Ops++
		if err := yield(); err != nil {
			return err
		}
	}
	return nil
}

func heartbeatGreenlet(b *bench.B) (uint64, error) {
	return raceGreenlets(b, 1+b.Int("hogs"), func(h *hub.Hub) work {
		return heartbeatWork(b, h.Sleep, h.Yield)
	})
}

// heartbeatWork is the daemon's, which is unit 0, and that of the hogs.
func heartbeatWork(b *bench.B, sleep func(time.Duration) error, yield func() error) work {
	n, size := bursts(b), cpuSteps(b.Duration("burst"))
	return func(i int, u *bench.Unit) error {
		if i == 0 {
			return beat(b.N, u, sleep)
		}
		return hog(n, size, u, yield)
	}
}

func heartbeatShared(b *bench.B, launch launcher) (uint64, error) {
	return race(b, launch, 1+b.Int("hogs"), heartbeatWork(b, block, func() error { runtime.Gosched(); return nil }))
}

type heartbeatArgs struct{ Beats, Bursts, Size int }

var heartbeatWorker = registerWorker("bench.heartbeat", func(_ context.Context, in heartbeatArgs, u *bench.Unit) error {
	if in.Beats > 0 {
		return beat(in.Beats, u, func(d time.Duration) error { u.Waits++; return block(d) })
	}
	return hog(in.Bursts, in.Size, u, func() error { yieldProcess(); u.Waits++; return nil })
})

func heartbeatProcess(b *bench.B) (uint64, error) {
	ins := slices.Repeat([]heartbeatArgs{{0, bursts(b), cpuSteps(b.Duration("burst"))}}, 1+b.Int("hogs"))
	ins[0].Beats = b.N
	return raceWorkers(b, heartbeatWorker, ins)
}
