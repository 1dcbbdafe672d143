package sched

import (
	"container/heap"
	"errors"
	"fmt"

	"switchyard/greenlet"
)

// ErrLimit is returned by a Simulator's Run if the jobs are not done at its
// limit, or at the end of time.
var ErrLimit = errors.New("sched: time limit reached")

// A Simulator runs jobs under a policy.
type Simulator struct {
	Policy Policy

	// Limit, if positive, is when the run is given up: for jobs that never end.
	Limit Time
}

// Run runs jobs under policy until all are done.
func Run(policy Policy, jobs ...Job) (*Result, error) {
	return Simulator{Policy: policy}.Run(jobs...)
}

// Run runs the jobs until all are done, and returns what happened. It returns
// an error without running if a job is invalid; and with the result, ErrLimit,
// and the errors that the jobs returned, joined. If a job panics, Run panics
// with a *greenlet.PanicError after having ended the other jobs' greenlets.
func (s Simulator) Run(jobs ...Job) (*Result, error) {
	if s.Policy == nil {
		panic("sched: Simulator without a policy")
	}
	for i, j := range jobs {
		if j.Arrival < 0 || j.Burst < 0 {
			return nil, fmt.Errorf("sched: job %d (%q): negative time: arrival %d, burst %d", i, j.Name, j.Arrival, j.Burst)
		}
	}
	sim := &simulation{Simulator: s}
	err := greenlet.Run(func(main *greenlet.Greenlet[struct{}]) error {
		for _, j := range jobs {
			t := &Task{job: j, sim: sim, stats: Stats{Name: j.Name, Arrival: j.Arrival, First: Never, Done: Never}}
			t.self = greenlet.New(main, t.run)
			sim.tasks = append(sim.tasks, t)
			sim.schedule(t, j.Arrival, Arrived)
		}
		return sim.run()
	})
	return sim.result(err)
}

// A simulation is one run.
type simulation struct {
	Simulator
	now     Time
	tasks   []*Task
	events  events
	seq     int
	running *Task
	spans   []Span
	alive   int // arrived, not done
}

// run advances time from event to event.
func (s *simulation) run() error {
	for {
		if err := s.settle(); err != nil {
			return err
		}
		if s.running == nil && len(s.events) == 0 {
			if s.alive > 0 {
				panic("sched: " + s.Policy.String() + " has lost a task")
			}
			return nil
		}
		end := s.nextEvent()
		if t := s.running; t != nil {
			end = min(end, s.now.plus(min(t.left, s.Policy.Slice(t))))
		}
		if s.Limit > 0 && end > s.Limit {
			s.advance(s.Limit)
			return ErrLimit
		}
		s.advance(end)
		if end == Forever {
			return ErrLimit
		}
	}
}

// settle does all that happens now, in the order that the package documents.
func (s *simulation) settle() error {
	expired := s.expired()
	if t := s.running; t != nil && t.left == 0 {
		if err := s.resume(t); err != nil {
			return err
		}
		if t.doing != computing {
			s.running = nil
		}
	}
	news := false
	for len(s.events) > 0 && s.events[0].at <= s.now {
		e := heap.Pop(&s.events).(event)
		if e.why == Arrived {
			s.alive++
		}
		if err := s.resume(e.task); err != nil {
			return err
		}
		if e.task.doing == computing {
			s.Policy.Ready(e.task, e.why)
			news = true
		}
	}
	news = s.tick() || news
	if t := s.running; t != nil {
		switch {
		case expired || s.expired():
			s.running = nil
			s.Policy.Ready(t, Expired)
		case news && s.Policy.Preempts(t):
			s.running = nil
			s.Policy.Ready(t, Preempted)
		}
	}
	if s.running == nil {
		s.running = s.Policy.Next()
		if s.expired() {
			panic("sched: " + s.Policy.String() + " gives a task no time")
		}
	}
	return nil
}

// expired reports whether the running task has had its slice.
func (s *simulation) expired() bool { return s.running != nil && s.Policy.Slice(s.running) <= 0 }

// resume lets t's function go on until it computes, blocks or ends.
func (s *simulation) resume(t *Task) error {
	if _, err := t.self.Switch(struct{}{}); err != nil {
		return err
	}
	switch t.doing {
	case blocked:
		t.stats.Blocked += t.until - s.now
		s.schedule(t, t.until, Woke)
	case done:
		t.stats.Done = s.now
		s.alive--
	}
	return nil
}

// advance moves the time to end.
func (s *simulation) advance(end Time) {
	if t := s.running; t != nil && end > s.now {
		d := end - s.now
		if t.stats.First == Never {
			t.stats.First = s.now
		}
		t.left -= d
		t.stats.CPU += d
		if n := len(s.spans); n > 0 && s.spans[n-1].task == t && s.spans[n-1].To == s.now {
			s.spans[n-1].To = end
		} else {
			s.spans = append(s.spans, Span{t.Name(), s.now, end, t})
		}
	}
	s.now = end
}

// tick calls the policy's Tick if it is due, and reports whether it was.
func (s *simulation) tick() bool {
	ticker, ok := s.Policy.(Ticker)
	if !ok || s.now == 0 || ticker.NextTick(s.now-1) != s.now {
		return false
	}
	ticker.Tick(s.now)
	return true
}

// nextEvent returns when something happens that is not the running task's
// doing, or Forever.
func (s *simulation) nextEvent() Time {
	at := Forever
	if len(s.events) > 0 {
		at = s.events[0].at
	}
	if ticker, ticks := s.Policy.(Ticker); ticks && s.alive > 0 {
		at = min(at, ticker.NextTick(s.now))
	}
	return at
}

// schedule makes t go on at a later time.
func (s *simulation) schedule(t *Task, at Time, why Reason) {
	heap.Push(&s.events, event{at, why, s.seq, t})
	s.seq++
}

// An event is the arrival or the waking of a task.
type event struct {
	at   Time
	why  Reason
	seq  int
	task *Task
}

// events is a heap: by time, arrivals first, then as they were scheduled.
type events []event

func (e events) Len() int      { return len(e) }
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e events) Less(i, j int) bool {
	a, b := e[i], e[j]
	if a.at != b.at {
		return a.at < b.at
	}
	if a.why != b.why {
		return a.why < b.why
	}
	return a.seq < b.seq
}
func (e *events) Push(x any) { *e = append(*e, x.(event)) }
func (e *events) Pop() any {
	last := len(*e) - 1
	x := (*e)[last]
	*e = (*e)[:last]
	return x
}
