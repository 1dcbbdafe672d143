package sched

import "fmt"

// FCFS is first come, first served: tasks run in the order in which they became
// ready, each until it blocks or ends.
func FCFS() Policy { return &fifo{name: "FCFS"} }

// RoundRobin is FCFS with slices: a task that has run for quantum goes to the
// end of the queue. It panics unless quantum is positive.
func RoundRobin(quantum Time) Policy {
	if quantum <= 0 {
		panic("sched: RoundRobin needs a positive quantum")
	}
	return &fifo{name: fmt.Sprintf("RR(%d)", quantum), quantum: quantum}
}

// fifo is a queue of tasks.
type fifo struct {
	name    string
	quantum Time
	tasks   []*Task
	began   Time // what the running task had used when its slice began
}

func (f *fifo) String() string { return f.name }

func (f *fifo) Ready(t *Task, _ Reason) { f.tasks = append(f.tasks, t) }

func (f *fifo) Next() *Task {
	if len(f.tasks) == 0 {
		return nil
	}
	t := f.tasks[0]
	f.tasks = f.tasks[1:]
	f.began = t.Used()
	return t
}

func (f *fifo) Slice(running *Task) Time {
	if f.quantum == 0 {
		return Forever
	}
	return f.quantum - (running.Used() - f.began)
}

func (f *fifo) Preempts(*Task) bool { return false }
