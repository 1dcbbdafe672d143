package sched

import (
	"fmt"
	"slices"
)

// A Feedback describes a multilevel feedback queue: round robin on several
// levels, of which the highest that has a task ready runs. A job starts at the
// top, and goes down a level when it has used up its allotment of processor
// time there, in one go or in several: blocking in time does not renew it.
// So tasks that compute little between waits stay on top.
type Feedback struct {
	// Quanta are the allotments, one per level, from the top; tasks at the
	// bottom stay there. At least one, all positive.
	Quanta []Time

	// Boost, if positive, is the period after which all tasks return to the
	// top, with fresh allotments; the running one goes on, with a fresh
	// allotment too. So none starves, if the period is longer than the first
	// quantum: with a shorter one the running task's allotment never ends.
	Boost Time

	// Patient makes tasks that become ready at a higher level wait until the
	// running task's allotment is used up; otherwise they preempt it, and it
	// goes on afterwards as the first of its level.
	Patient bool

	// Considerate keeps a task at its level if no other task is ready when its
	// allotment is used up.
	Considerate bool
}

// Policy returns the policy. It panics if the description is invalid.
func (f Feedback) Policy() Policy {
	if len(f.Quanta) == 0 || slices.Min(f.Quanta) <= 0 || f.Boost < 0 {
		panic("sched: Feedback needs positive quanta and no negative boost")
	}
	q := &feedback{
		Feedback: f,
		levels:   make([][]*Task, len(f.Quanta)),
		standing: map[*Task]*standing{},
	}
	if f.Boost > 0 {
		return boosted{q}
	}
	return q
}

// feedback is the queue.
type feedback struct {
	Feedback
	levels   [][]*Task // ready, from the top
	standing map[*Task]*standing
	running  *Task // the one that Next returned, until it is ready again
}

// A standing is what a task's past has earned it.
type standing struct {
	level int
	used  Time // of the allotment, up to mark
	mark  Time // processor time the task had had when used was counted
}

// spent returns what t has used of its allotment until now.
func (s *standing) spent(t *Task) Time { return s.used + t.Used() - s.mark }

func (q *feedback) String() string { return fmt.Sprintf("MLFQ%v", q.Quanta) }

func (q *feedback) Ready(t *Task, why Reason) {
	s := q.standing[t]
	if s == nil {
		s = new(standing)
		q.standing[t] = s
	}
	if t == q.running {
		q.leave()
	}
	if why == Preempted {
		q.levels[s.level] = slices.Insert(q.levels[s.level], 0, t)
	} else {
		q.levels[s.level] = append(q.levels[s.level], t)
	}
}

// leave charges the running task for what it has used, and sends it down if
// that was all. It is called when the task gives the processor up, whatever
// for: one that blocks with its allotment used up has had it.
func (q *feedback) leave() {
	t := q.running
	q.running = nil
	s := q.standing[t]
	s.used, s.mark = s.spent(t), t.Used()
	if s.used >= q.Quanta[s.level] {
		s.used = 0
		if s.level < len(q.Quanta)-1 && !(q.Considerate && q.empty()) {
			s.level++
		}
	}
}

func (q *feedback) empty() bool {
	for _, level := range q.levels {
		if len(level) > 0 {
			return false
		}
	}
	return true
}

func (q *feedback) Next() *Task {
	if q.running != nil { // it blocked, or is done
		q.leave()
	}
	for i, level := range q.levels {
		if len(level) > 0 {
			q.running, q.levels[i] = level[0], level[1:]
			return q.running
		}
	}
	return nil
}

func (q *feedback) Slice(running *Task) Time {
	s := q.standing[running]
	return q.Quanta[s.level] - s.spent(running)
}

func (q *feedback) Preempts(running *Task) bool {
	if q.Patient {
		return false
	}
	for _, level := range q.levels[:q.standing[running].level] {
		if len(level) > 0 {
			return true
		}
	}
	return false
}

// boosted is a feedback queue with a period.
type boosted struct{ *feedback }

func (b boosted) String() string { return fmt.Sprintf("MLFQ%v/%d", b.Quanta, b.Boost) }

func (b boosted) NextTick(now Time) Time { return (now - now%b.Boost).plus(b.Boost) }

func (b boosted) Tick(Time) {
	var all []*Task
	for i, level := range b.levels {
		all = append(all, level...)
		b.levels[i] = nil
	}
	b.levels[0] = all
	for t, s := range b.standing {
		*s = standing{mark: t.Used()}
	}
}
