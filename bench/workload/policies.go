package workload

import (
	"context"
	"sync"
	"time"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var policies = &bench.Workload{
	Name: "Policies",
	Kind: "scheduling",
	Story: "The five jobs of a textbook (Stallings, \"Operating Systems\") arrive one after the other and compute for 2 to 6 units, " +
		"again and again; a round begins when the one before is done. Greenlets are switched, on one thread, as package sched works out in " +
		"virtual time that the policy decides. The other models leave it to the schedulers of Go and of the kernel, whatever the " +
		"policy, on all CPUs they have, and serial takes the jobs as they come. Latency is turnaround, from when a job was to " +
		"arrive until it is done; response is until it begins, and waiting is turnaround without its own computing.",
	Op:    "job",
	Cases: []bench.Params{"policy=SRTF/unit=1ms"},
	More: []bench.Params{
		"policy=FCFS/unit=1ms", "policy=SJF/unit=1ms", "policy=RR/unit=1ms", "policy=MLFQ/unit=1ms", "policy=RR/unit=5ms",
	},
	Paced: true,
	Batch: func(bench.Params) int { return len(jobMix) },
	Want: func(b *bench.B) uint64 {
		return uint64(b.N/len(jobMix)*mixUnits()) * steps(cpuSteps(b.Duration("unit")))
	},
	Ledger: func(b *bench.B) bench.Ledger {
		rounds := b.N / len(jobMix)
		all := rounds * mixUnits() * cpuSteps(b.Duration("unit"))
		return concurrent(b, bench.Ledger{
			Units: len(jobMix), Ops: b.N, Each: rounds, Suspensions: b.N, Elapsed: quickest(all) / time.Duration(b.CPUs),
		})
	},
	Impls: byModel(policiesSerial, policiesGreenlet, policiesShared, policiesProcess),
}

func policiesSerial(b *bench.B) (uint64, error) {
	u, p, all := b.Unit(b.N), newPace(b), spent{}
	b.Start()
	began := time.Now()
	since := func() time.Duration { return time.Since(began) }
	for range b.N / len(jobMix) {
		start := since()
		for i := range jobMix {
			all.add(p.take(start, i, u, since))
		}
	}
	b.Stop()
	all.report(b)
	return u.Answer, nil
}

// policiesGreenlet works out the plan of each round, and switches by it.
func policiesGreenlet(b *bench.B) (uint64, error) {
	name, _ := b.Params.Get("policy")
	book, err := textbooks(name)
	if err != nil {
		return 0, err
	}
	main := greenlet.Main[int]()
	defer main.Close()
	p, members, all := newPace(b), units(b, len(jobMix)), spent{}
	jobs := map[string]int{}
	workers := make([]*greenlet.Greenlet[int], len(jobMix))
	for i := range workers {
		jobs[jobMix[i].Name] = i
		workers[i] = greenlet.New(main, func(_ *greenlet.Greenlet[int], n int) (_ int, err error) {
			for err == nil {
				p.compute(n, members[i])
				members[i].Waits++
				n, err = main.Switch(0)
			}
			return 0, err
		})
	}
	b.Units(len(jobMix))
	var virtual float64
	b.Start()
	epoch := time.Now()
	for range b.N / len(jobMix) {
		start := time.Since(epoch)
		plan, err := book.plan()
		if err != nil {
			return 0, err
		}
		virtual = plan.MeanTurnaround()
		began := make([]time.Duration, len(jobMix))
		for _, span := range plan.Spans {
			i := jobs[span.Name]
			if span.From == plan.Jobs[i].First {
				began[i] = time.Since(epoch)
			}
			if _, err := workers[i].Switch(int(span.To - span.From)); err != nil {
				return 0, err
			}
			if span.To == plan.Jobs[i].Done {
				all.add(p.did(i, members[i], p.due(start, i), began[i], time.Since(epoch)))
			}
		}
	}
	b.Stop()
	all.report(b)
	b.Report(virtual*float64(p.Unit), "virtual-turnaround-ns")
	return b.Answer(), nil
}

func policiesShared(b *bench.B, launch launcher) (uint64, error) {
	p, each, all := newPace(b), make([]spent, len(jobMix)), spent{}
	rounds := make([]sync.WaitGroup, b.N/len(jobMix))
	for r := range rounds {
		rounds[r].Add(len(jobMix))
	}
	answer, err := race(b, launch, len(jobMix), func(i int, u *bench.Unit) (err error) {
		each[i], err = p.job(i, len(rounds), u, func(r int) error {
			rounds[r].Done()
			rounds[r].Wait()
			return nil
		})
		return err
	})
	for _, s := range each {
		all.add(s)
	}
	all.report(b)
	return answer, err
}

type policiesArgs struct {
	Pace      pace
	I, Rounds int
	Together  *procs.Barrier
	All       *procs.Value[spent]
}

var policiesWorker = registerWorker("bench.policies", func(ctx context.Context, in policiesArgs, u *bench.Unit) error {
	s, err := in.Pace.job(in.I, in.Rounds, u, func(int) error {
		u.Waits++
		_, err := in.Together.Wait(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return in.All.Update(ctx, func(all *spent) { all.add(s) })
})

func policiesProcess(b *bench.B) (uint64, error) {
	together, err := procs.NewBarrier(len(jobMix), nil)
	if err != nil {
		return 0, err
	}
	defer together.Close()
	all, err := procs.NewValue(spent{})
	if err != nil {
		return 0, err
	}
	defer all.Close()
	p, n := newPace(b), len(jobMix)
	answer, err := raceWorkers(b, policiesWorker, inputs(n, func(i int) policiesArgs {
		return policiesArgs{p, i, b.N / n, together, all}
	}))
	if err != nil {
		return 0, err
	}
	sum, err := all.Get()
	sum.report(b)
	return answer, err
}
