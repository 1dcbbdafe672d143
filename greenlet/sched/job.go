package sched

import (
	"math"

	"switchyard/greenlet"
)

// Time is virtual time, in units of the user's choice, from 0, the start.
type Time int64

// Forever is the end of time. What would come later never happens.
const Forever Time = math.MaxInt64

// plus returns t + d, at most Forever.
func (t Time) plus(d Time) Time {
	if d > Forever-t {
		return Forever
	}
	return t + d
}

// A Job is what is to be scheduled.
type Job struct {
	Name    string
	Arrival Time // when it is there to be run; at least 0
	Burst   Time // how long it computes, if Run is nil; at least 0

	// Run, if set, is what the job does. What it computes between two calls of
	// Compute or Block takes no virtual time.
	Run func(t *Task) error
}

// A Task is a job that runs. Its methods Compute, Block and Now are for the
// job's function, the others for policies too.
type Task struct {
	job  Job
	sim  *simulation
	self *greenlet.Greenlet[struct{}]

	left  Time // of the burst
	until Time // blocked until
	doing activity
	stats Stats
}

type activity uint8

const (
	computing activity = iota // or ready to
	blocked
	done
)

// Compute uses the processor for d. It returns when the task has had it for so
// long, in slices if the policy says so. The error is greenlet.ErrExit if the
// run has been given up; then the job's function must return.
func (t *Task) Compute(d Time) error {
	return t.pause("Compute", d, computing)
}

// Block leaves the processor for d, as for input or output: any number of
// tasks may do so at once. The error is as that of Compute.
func (t *Task) Block(d Time) error {
	return t.pause("Block", d, blocked)
}

func (t *Task) pause(what string, d Time, doing activity) error {
	if d < 0 {
		panic("sched: " + what + " for a negative time")
	}
	if t.self.Current() != t.self {
		panic("sched: " + what + " outside the job's function")
	}
	if d == 0 {
		return nil
	}
	t.doing = doing
	if doing == computing {
		t.left = d
	} else {
		t.until = t.sim.now.plus(d)
	}
	_, err := t.self.Main().Switch(struct{}{})
	return err
}

// Now returns the time.
func (t *Task) Now() Time { return t.sim.now }

// Name returns the job's name.
func (t *Task) Name() string { return t.job.Name }

// Arrival returns when the job arrived.
func (t *Task) Arrival() Time { return t.job.Arrival }

// Left returns how long the task still has to compute before it ends, blocks
// or decides anew. Real schedulers must guess it.
func (t *Task) Left() Time { return t.left }

// Used returns how long the task has computed.
func (t *Task) Used() Time { return t.stats.CPU }

// run is the task's greenlet.
func (t *Task) run(*greenlet.Greenlet[struct{}], struct{}) (struct{}, error) {
	if t.job.Run != nil {
		t.stats.Err = t.job.Run(t)
	} else {
		t.stats.Err = t.Compute(t.job.Burst)
	}
	t.doing = done
	return struct{}{}, nil
}
