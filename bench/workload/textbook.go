package workload

import (
	"fmt"

	"switchyard/greenlet/sched"
)

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
