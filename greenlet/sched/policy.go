package sched

import "fmt"

// A Policy decides which task runs. It holds the tasks that are ready; one that
// runs or is blocked is not among them. A Policy has the state of one
// run, and must not be used for another at the same time.
type Policy interface {
	// String names the policy with its parameters.
	String() string

	// Ready adds a task, and says why it is ready.
	Ready(t *Task, why Reason)

	// Next removes and returns the task to run next, or nil if none is ready.
	Next() *Task

	// Slice returns how much longer the running task may have the processor
	// before it becomes ready again, or Forever. It is asked whenever
	// something happens, so it may change while the task runs; it must be
	// positive for one that Next has just returned.
	Slice(running *Task) Time

	// Preempts reports whether a ready task shall take the processor from the
	// running one before its slice is over. It is asked when tasks became ready
	// and after a Ticker's Tick.
	Preempts(running *Task) bool
}

// A Ticker is a Policy that does something at certain times.
type Ticker interface {
	Policy

	// NextTick returns when, after now, Tick shall be called, or Forever.
	NextTick(now Time) Time
	Tick(now Time)
}

// Reason says why a task became ready.
type Reason uint8

const (
	Arrived   Reason = iota // the job is new
	Woke                    // it was blocked
	Expired                 // it used its slice up
	Preempted               // Preempts said so
)

// String returns the name of the reason, as "arrived".
func (r Reason) String() string {
	names := [...]string{"arrived", "woke", "expired", "preempted"}
	if int(r) < len(names) {
		return names[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}
