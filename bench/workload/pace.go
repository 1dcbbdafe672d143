package workload

import (
	"time"

	"switchyard/bench"
)

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
