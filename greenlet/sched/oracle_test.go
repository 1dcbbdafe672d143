package sched

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// This file checks the schedulers against a machine that goes from one unit of
// time to the next and follows the rules to the letter: those of the package's
// documentation, for the feedback queue those of "Operating Systems: Three Easy
// Pieces", chapter 8 (1 and 2: the highest level that is not empty runs, in
// turns; 3: jobs begin at the top; 4: who has used up an allotment goes down,
// however often it gave the processor up; 5: a boost). It counts units and
// shares nothing with the simulator, which goes from event to event and counts
// differences.

// A plan is what a job does: compute and block in turn, in units.
type plan struct {
	arrival int
	steps   []step
}

type step struct {
	blocks bool
	units  int
}

func (p plan) job(i int) Job {
	return Job{Name: string(rune('A' + i)), Arrival: Time(p.arrival), Run: func(t *Task) error {
		for _, s := range p.steps {
			do := t.Compute
			if s.blocks {
				do = t.Block
			}
			if err := do(Time(s.units)); err != nil {
				return err
			}
		}
		return nil
	}}
}

// rules are the parameters of a scheduler.
type rules struct {
	name                 string
	quanta               []int // RR: one; MLFQ: any number; else none
	boost                int
	patient, considerate bool
}

func (r rules) policy() Policy {
	var quanta []Time
	for _, q := range r.quanta {
		quanta = append(quanta, Time(q))
	}
	switch r.name {
	case "FCFS":
		return FCFS()
	case "RR":
		return RoundRobin(quanta[0])
	case "SJF":
		return SJF()
	case "SRTF":
		return SRTF()
	}
	return Feedback{Quanta: quanta, Boost: Time(r.boost), Patient: r.patient, Considerate: r.considerate}.Policy()
}

// A worker is a job in the machine.
type worker struct {
	id    int
	steps []step // after the present one
	burst int    // units of the present computation that are left
	wakes int    // when it is blocked: the end of that
	came  int    // its number among those that became ready
	level int
	used  int // units of its allotment or quantum
}

// A machine has one processor and a queue for each level.
type machine struct {
	rules
	queues   [][]*worker
	running  *worker
	departed *worker   // has just blocked or ended, its allotment used up
	blocked  []*worker // in the order in which they blocked
	readied  int
	now      int
	left     int // jobs not done
	done     []int
}

// simulateSteps returns who has each unit of time, "." for nobody, and when
// each job is done.
func simulateSteps(r rules, plans []plan) (who string, done []int) {
	m := &machine{
		rules: r, queues: make([][]*worker, max(1, len(r.quanta))),
		left: len(plans), done: make([]int, len(plans)),
	}
	var line strings.Builder
	for ; ; m.now++ {
		full := m.running != nil && len(m.quanta) > 0 && m.running.used >= m.quantum(m.running)
		if w := m.running; w != nil && w.burst == 0 && !m.goOn(w) {
			m.running = nil
			if full {
				m.departed = w
			}
		}
		news := false
		for i, p := range plans {
			if p.arrival == m.now {
				news = m.enter(&worker{id: i, steps: p.steps}) || news
			}
		}
		for _, w := range slices.Clone(m.blocked) {
			if w.wakes == m.now {
				m.blocked = slices.DeleteFunc(m.blocked, func(b *worker) bool { return b == w })
				news = m.enter(w) || news
			}
		}
		if m.boost > 0 && m.now > 0 && m.now%m.boost == 0 {
			m.raise()
			news = true
		}
		if m.departed != nil {
			m.useUp(m.departed)
			m.departed = nil
		}
		if w := m.running; w != nil && full {
			m.running = nil
			m.useUp(w)
			m.queue(w, false)
		} else if w != nil && news && m.loses(w) {
			m.running = nil
			m.queue(w, true)
		}
		if m.running == nil {
			m.pick()
		}
		if m.left == 0 {
			return line.String(), m.done
		}
		if w := m.running; w == nil {
			line.WriteByte('.')
		} else {
			line.WriteByte(byte('A' + w.id))
			w.burst--
			w.used++
		}
	}
}

// goOn lets w begin its next step, and reports whether that is to compute.
func (m *machine) goOn(w *worker) bool {
	for len(w.steps) > 0 {
		s := w.steps[0]
		w.steps = w.steps[1:]
		switch {
		case s.units == 0:
		case s.blocks:
			w.wakes = m.now + s.units
			m.blocked = append(m.blocked, w)
			return false
		default:
			w.burst = s.units
			return true
		}
	}
	m.done[w.id] = m.now
	m.left--
	return false
}

// enter is goOn for one that has not the processor.
func (m *machine) enter(w *worker) bool {
	if !m.goOn(w) {
		return false
	}
	if m.name == "RR" {
		w.used = 0 // a quantum is for one turn
	}
	m.queue(w, false)
	return true
}

func (m *machine) queue(w *worker, first bool) {
	w.came = m.readied
	m.readied++
	if q := &m.queues[w.level]; first && m.name == "MLFQ" {
		*q = slices.Insert(*q, 0, w)
	} else {
		*q = append(*q, w)
	}
}

func (m *machine) quantum(w *worker) int { return m.quanta[w.level] }

// useUp is rule 4, and the end of a quantum.
func (m *machine) useUp(w *worker) {
	if w.used < m.quantum(w) {
		return // a boost has come in between
	}
	w.used = 0
	alone := !slices.ContainsFunc(m.queues, func(q []*worker) bool { return len(q) > 0 })
	if w.level+1 < len(m.quanta) && !(m.considerate && alone) {
		w.level++
	}
}

// raise is rule 5.
func (m *machine) raise() {
	all := slices.Concat(m.queues...)
	clear(m.queues)
	m.queues[0] = all
	for _, w := range slices.Concat(all, m.blocked, []*worker{m.running, m.departed}) {
		if w != nil {
			w.level, w.used = 0, 0
		}
	}
}

// loses reports whether the running w has to give way.
func (m *machine) loses(w *worker) bool {
	switch m.name {
	case "SRTF":
		return slices.ContainsFunc(m.queues[0], func(o *worker) bool { return o.burst < w.burst })
	case "MLFQ":
		return !m.patient && slices.ContainsFunc(m.queues[:w.level], func(q []*worker) bool { return len(q) > 0 })
	}
	return false
}

func (m *machine) pick() {
	for i, q := range m.queues {
		if len(q) == 0 {
			continue
		}
		best := 0
		for k, w := range q {
			if b := q[best]; (m.name == "SJF" || m.name == "SRTF") &&
				(w.burst < b.burst || w.burst == b.burst && w.came < b.came) {
				best = k
			}
		}
		m.running = q[best]
		m.queues[i] = slices.Delete(q, best, best+1)
		return
	}
}

// asSteps writes a result as simulateSteps does.
func asSteps(r *Result) (who string, done []int) {
	var line strings.Builder
	for _, s := range r.Spans {
		line.WriteString(strings.Repeat(".", int(s.From)-line.Len()))
		line.WriteString(strings.Repeat(s.Name, int(s.To-s.From)))
	}
	line.WriteString(strings.Repeat(".", int(r.End)-line.Len()))
	for _, j := range r.Jobs {
		done = append(done, int(j.Done))
	}
	return line.String(), done
}

// check compares the simulator with the machine of steps.
func check(t *testing.T, what string, r rules, plans []plan) {
	t.Helper()
	var jobs []Job
	for i, p := range plans {
		jobs = append(jobs, p.job(i))
	}
	got, err := Run(r.policy(), jobs...)
	if err != nil {
		t.Fatal(err)
	}
	who, done := asSteps(got)
	wantWho, wantDone := simulateSteps(r, plans)
	if who != wantWho || !slices.Equal(done, wantDone) {
		t.Fatalf("%s: %+v, jobs %+v:\n%s %v\n%s %v want", what, r, plans, who, done, wantWho, wantDone)
	}
	for i, j := range got.Jobs {
		var first, computes, blocks = Never, Time(0), Time(0)
		if at := strings.IndexByte(wantWho, byte('A'+i)); at >= 0 {
			first = Time(at)
		}
		for _, s := range plans[i].steps {
			if s.blocks {
				blocks += Time(s.units)
			} else {
				computes += Time(s.units)
			}
		}
		if j.First != first || j.CPU != computes || j.Blocked != blocks ||
			j.Waiting() != Time(wantDone[i]-plans[i].arrival)-computes-blocks {
			t.Fatalf("%s: %+v, jobs %+v: %+v", what, r, plans, j)
		}
	}
}

// TestEverySmallCase: all sets of three jobs that arrive at 0 to 2, compute for
// 1 to 3, the first with a wait in the midst, under all small parameters.
func TestEverySmallCase(t *testing.T) {
	var all []rules
	for _, name := range []string{"FCFS", "SJF", "SRTF"} {
		all = append(all, rules{name: name})
	}
	for q := 1; q <= 3; q++ {
		all = append(all, rules{name: "RR", quanta: []int{q}})
	}
	for flags := range 4 {
		for _, boost := range []int{0, 1, 2, 3, 5} {
			for _, quanta := range [][]int{{1}, {2}, {1, 1}, {1, 2}, {2, 1, 1}} {
				all = append(all, rules{"MLFQ", quanta, boost, flags&1 != 0, flags&2 != 0})
			}
		}
	}
	const jobs = 3 * 3
	for n := range jobs * jobs * jobs {
		var plans []plan
		for i, rest := 0, n; i < 3; i, rest = i+1, rest/jobs {
			p := plan{rest % 3, []step{{false, rest/3%3 + 1}}}
			if i == 0 {
				p.steps = append(p.steps, step{true, 1 + n%2}, step{false, 2})
			}
			plans = append(plans, p)
		}
		r := all
		if testing.Short() {
			r = []rules{all[n%len(all)]}
		}
		for _, r := range r {
			check(t, fmt.Sprint("case ", n), r, plans)
		}
	}
}

// TestAgainstSteps: random jobs under random parameters. A failure names its
// seed, which is all that it depends on.
func TestAgainstSteps(t *testing.T) {
	for seed := range uint64(1500) {
		rng := rand.New(rand.NewPCG(seed, 8))
		var plans []plan
		for range 1 + rng.IntN(6) {
			p := plan{arrival: rng.IntN(25)}
			for range rng.IntN(7) {
				p.steps = append(p.steps, step{rng.IntN(2) == 0, rng.IntN(12)})
			}
			plans = append(plans, p)
		}
		quanta := make([]int, 1+rng.IntN(4))
		for i := range quanta {
			quanta[i] = 1 + rng.IntN(9)
		}
		boost := 0
		if rng.IntN(2) == 0 {
			boost = 1 + rng.IntN(30)
		}
		for _, r := range []rules{
			{name: "FCFS"}, {name: "SJF"}, {name: "SRTF"}, {name: "RR", quanta: quanta[:1]},
			{"MLFQ", quanta, boost, rng.IntN(2) == 0, rng.IntN(2) == 0},
		} {
			check(t, fmt.Sprint("seed ", seed), r, plans)
		}
	}
}
