package sched

import "container/heap"

// SJF is shortest job first: the ready task whose next burst is the shortest
// runs until it blocks or ends. Of equals, the one that became ready first
// runs.
func SJF() Policy { return &shortest{name: "SJF"} }

// SRTF is SJF with preemption, shortest remaining time first: a task that
// becomes ready with a shorter burst than what the running one has left takes
// the processor from it.
func SRTF() Policy { return &shortest{name: "SRTF", preempt: true} }

// shortest is a priority queue of tasks by the time they have left, which does
// not change while they are ready.
type shortest struct {
	name    string
	preempt bool
	tasks   byLeft
	readied int
}

type byLeft []ranked

type ranked struct {
	*Task
	turn int // how many became ready before
}

func (s *shortest) String() string { return s.name }

func (s *shortest) Ready(t *Task, _ Reason) {
	heap.Push(&s.tasks, ranked{t, s.readied})
	s.readied++
}

func (s *shortest) Next() *Task {
	if len(s.tasks) == 0 {
		return nil
	}
	return heap.Pop(&s.tasks).(ranked).Task
}

func (s *shortest) Slice(*Task) Time { return Forever }

func (s *shortest) Preempts(running *Task) bool {
	return s.preempt && len(s.tasks) > 0 && s.tasks[0].left < running.left
}

func (b byLeft) Len() int      { return len(b) }
func (b byLeft) Swap(i, j int) { b[i], b[j] = b[j], b[i] }
func (b byLeft) Less(i, j int) bool {
	if b[i].left != b[j].left {
		return b[i].left < b[j].left
	}
	return b[i].turn < b[j].turn
}
func (b *byLeft) Push(x any) { *b = append(*b, x.(ranked)) }
func (b *byLeft) Pop() any {
	last := len(*b) - 1
	t := (*b)[last]
	(*b)[last] = ranked{}
	*b = (*b)[:last]
	return t
}
