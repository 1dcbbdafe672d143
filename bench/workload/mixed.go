package workload

import (
	"context"
	"runtime"
	"slices"
	"time"

	"switchyard/bench"
	"switchyard/greenlet/hub"
)

// mixedTask is how long a task takes if nobody is in its way.
const mixedTask = time.Millisecond

var mixed = &bench.Workload{
	Name: "Mixed",
	Kind: "computing and waiting",
	Story: "Units do tasks of a millisecond each, of which so many percent are spent waiting (for a database, say) and the " +
		"rest computing. \"Processes for computing, coroutines for IO\" becomes a curve: on one CPU the waiting of some " +
		"hides behind the computing of others, and more CPUs help until there is more waiting than that. Latency is that " +
		"of a task; beyond a millisecond it is what others were in its way.",
	Op:    "task",
	Cases: []bench.Params{"tasks=8/wait=80"},
	More: []bench.Params{
		"tasks=8/wait=0", "tasks=8/wait=20", "tasks=8/wait=50", "tasks=8/wait=95", "tasks=8/wait=99",
	},
	Refine: []string{"wait"},
	Batch:  func(p bench.Params) int { return p.Int("tasks") },
	Want:   func(b *bench.B) uint64 { return uint64(b.N) * steps(mixedSteps(b)) },
	Ledger: func(b *bench.B) bench.Ledger {
		tasks := b.Int("tasks")
		each := b.N / tasks
		want := bench.Ledger{Units: tasks, Ops: b.N, Each: each, Elapsed: time.Duration(each) * mixedWait(b)}
		if b.Model == Serial {
			want.Elapsed *= time.Duration(tasks)
		}
		if mixedWait(b) > 0 {
			want.Suspensions = b.N
		}
		if 2*mixedWait(b) >= mixedTask { // of fewer the computing may leave none beside another
			want.Together = overlap(b, tasks)
		}
		computing := quickest(b.N*mixedSteps(b)) / time.Duration(runtime.NumCPU())
		want.Elapsed = max(want.Elapsed, computing)
		return concurrent(b, want)
	},
	Exceptions: map[int]string{
		2: "with wait=0 nobody waits",
		8: "with wait below 50 the computing may leave no wait beside another",
	},
	Impls: byModel(mixedSerial, mixedGreenlet, mixedShared, mixedProcess),
}

// mixedWait is how long a task waits, mixedSteps how much it computes.
func mixedWait(b *bench.B) time.Duration { return mixedTask * time.Duration(b.Int("wait")) / 100 }

func mixedSteps(b *bench.B) int { return cpuSteps(mixedTask - mixedWait(b)) }

// mix does n tasks.
func mix(n, compute int, wait time.Duration, u *bench.Unit, sleep func(time.Duration) error) error {
	t := u.Begin(0)
	for i := range n {
		u.Answer += steps(compute)
		if wait > 0 {
			if err := sleep(wait); err != nil {
				return err
			}
		}
		t = u.Next(t, i+1)
		u.Ops++
	}
	return nil
}

func mixedSerial(b *bench.B) (uint64, error) {
	return alone(b, func(u *bench.Unit) error { return mix(b.N, mixedSteps(b), mixedWait(b), u, block) })
}

// mixedWork is what a unit does that waits by sleep.
func mixedWork(b *bench.B, sleep func(time.Duration) error) work {
	n, compute, wait, beside := b.N/b.Int("tasks"), mixedSteps(b), mixedWait(b), newCrowd()
	return func(_ int, u *bench.Unit) error { return mix(n, compute, wait, u, beside.waiting(u, sleep)) }
}

func mixedGreenlet(b *bench.B) (uint64, error) {
	return raceGreenlets(b, b.Int("tasks"), func(h *hub.Hub) work { return mixedWork(b, h.Sleep) })
}

func mixedShared(b *bench.B, launch launcher) (uint64, error) {
	return race(b, launch, b.Int("tasks"), mixedWork(b, block))
}

type mixedArgs struct {
	Tasks, Steps int
	Wait         time.Duration
	Beside       sharedCrowd
}

var mixedWorker = registerWorker("bench.mixed", func(_ context.Context, in mixedArgs, u *bench.Unit) error {
	err := mix(in.Tasks, in.Steps, in.Wait, u, in.Beside.crowd().waiting(u, block))
	if in.Wait > 0 {
		u.Waits = u.Ops
	}
	return err
})

func mixedProcess(b *bench.B) (uint64, error) {
	return withCrowd(func(s sharedCrowd) (uint64, error) {
		tasks := b.Int("tasks")
		in := mixedArgs{b.N / tasks, mixedSteps(b), mixedWait(b), s}
		return raceWorkers(b, mixedWorker, slices.Repeat([]mixedArgs{in}, tasks))
	})
}
