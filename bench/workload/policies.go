package workload

import (
	"context"
	"fmt"
	"sync"
	"time"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/greenlet/sched"
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

// jobMix is the jobs, in units of time.
var jobMix = []sched.Job{
	{Name: "A", Arrival: 0, Burst: 3}, {Name: "B", Arrival: 2, Burst: 6}, {Name: "C", Arrival: 4, Burst: 4},
	{Name: "D", Arrival: 6, Burst: 5}, {Name: "E", Arrival: 8, Burst: 2},
}

// mixUnits is how long they compute together.
func mixUnits() (sum int) {
	for _, j := range jobMix {
		sum += int(j.Burst)
	}
	return sum
}

// A textbook's policy, and when it is done with each job of the mix.
type textbook struct {
	policy func() sched.Policy
	done   [5]sched.Time
}

// textbooks have the table of package sched's documentation.
func textbooks(name string) (textbook, error) {
	switch name {
	case "FCFS":
		return textbook{sched.FCFS, [5]sched.Time{3, 9, 13, 18, 20}}, nil
	case "SJF":
		return textbook{sched.SJF, [5]sched.Time{3, 9, 15, 20, 11}}, nil
	case "SRTF":
		return textbook{sched.SRTF, [5]sched.Time{3, 15, 8, 20, 10}}, nil
	case "RR":
		return textbook{func() sched.Policy { return sched.RoundRobin(1) }, [5]sched.Time{4, 18, 17, 20, 15}}, nil
	case "MLFQ":
		levels := sched.Feedback{Quanta: []sched.Time{1, 2, 4, 8}, Patient: true, Considerate: true}
		return textbook{levels.Policy, [5]sched.Time{4, 17, 18, 20, 14}}, nil
	}
	return textbook{}, fmt.Errorf("no policy %q", name)
}

// plan runs the mix in virtual time. What differs from the textbook is an
// error.
func (t textbook) plan() (*sched.Result, error) {
	r, err := sched.Run(t.policy(), jobMix...)
	if err != nil {
		return nil, err
	}
	for i, j := range r.Jobs {
		if j.Done != t.done[i] {
			return nil, fmt.Errorf("%s is done with job %s at %d, in the textbook at %d", r.Policy, j.Name, j.Done, t.done[i])
		}
	}
	return r, nil
}

// A pace is that of the mix in real time: what a unit takes here.
type pace struct {
	Steps int           // of a unit
	Unit  time.Duration // that these take
}

func newPace(b *bench.B) pace {
	p := pace{cpuSteps(b.Duration("unit")), time.Hour}
	for range 5 {
		began := time.Now()
		p.compute(1, new(bench.Unit))
		p.Unit = min(p.Unit, time.Since(began))
	}
	return p
}

// due is when job i of a round is to arrive that begins at start.
func (p pace) due(start time.Duration, i int) time.Duration {
	return start + time.Duration(jobMix[i].Arrival)*p.Unit
}

// compute is n units of work.
func (p pace) compute(n int, u *bench.Unit) {
	for range n {
		u.Answer += steps(p.Steps)
	}
}

// spent are the times of jobs, added up.
type spent struct{ Turnaround, Response, Waiting time.Duration }

func (s *spent) add(t spent) {
	s.Turnaround += t.Turnaround
	s.Response += t.Response
	s.Waiting += t.Waiting
}

// report gives the means.
func (s spent) report(b *bench.B) {
	for _, m := range []struct {
		unit string
		sum  time.Duration
	}{{"turnaround-ns", s.Turnaround}, {"response-ns", s.Response}, {"waiting-ns", s.Waiting}} {
		b.Report(float64(m.sum)/float64(b.N), m.unit)
	}
}

// did notes that u has done its op, job i, which was to arrive, began and ended
// at these times.
func (p pace) did(i int, u *bench.Unit, due, began, ended time.Duration) spent {
	turnaround := ended - due
	if u.Timed(u.Ops) {
		u.Add(int64(turnaround))
	}
	u.Ops++
	return spent{turnaround, max(0, began-due), max(0, turnaround-time.Duration(jobMix[i].Burst)*p.Unit)}
}

// job does job i of each round, for which all come together. The unit's clock
// is that of its recorder.
func (p pace) job(i, rounds int, u *bench.Unit, together func(round int) error) (s spent, err error) {
	now := func() time.Duration { return time.Duration(u.Now()) }
	for r := range rounds {
		if err := together(r); err != nil {
			return s, err
		}
		s.add(p.take(now(), i, u, now))
	}
	return s, nil
}

// take waits until a job of the round that begins at start is due, and does it
// in one go.
func (p pace) take(start time.Duration, i int, u *bench.Unit, now func() time.Duration) spent {
	due := p.due(start, i)
	time.Sleep(due - now())
	began := now()
	p.compute(int(jobMix[i].Burst), u)
	return p.did(i, u, due, began, now())
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
