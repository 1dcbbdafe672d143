package sched_test

import (
	"fmt"

	"switchyard/greenlet/sched"
)

// Four jobs, whose times are known, under two policies.
func Example() {
	jobs := []sched.Job{
		{Name: "P1", Arrival: 0, Burst: 8},
		{Name: "P2", Arrival: 1, Burst: 4},
		{Name: "P3", Arrival: 2, Burst: 9},
		{Name: "P4", Arrival: 3, Burst: 5},
	}
	for _, policy := range []sched.Policy{sched.FCFS(), sched.SRTF()} {
		result, err := sched.Run(policy, jobs...)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Print(result)
		fmt.Println(result.Gantt())
	}
	// Output:
	// FCFS
	//    job  arrival  done  turnaround  response  waiting
	//     P1        0     8           8         0        0
	//     P2        1    12          11         7        7
	//     P3        2    21          19        10       10
	//     P4        3    26          23        18       18
	//   mean                      15.25      8.75     8.75
	// 0 P1 8 P2 12 P3 21 P4 26
	// SRTF
	//    job  arrival  done  turnaround  response  waiting
	//     P1        0    17          17         0        9
	//     P2        1     5           4         0        0
	//     P3        2    26          24        15       15
	//     P4        3    10           7         2        2
	//   mean                      13.00      4.25     6.50
	// 0 P1 1 P2 5 P4 10 P1 17 P3 26
}

// A job may be a function, which computes and waits.
func ExampleJob() {
	editor := sched.Job{Name: "editor", Run: func(t *sched.Task) error {
		for range 3 {
			if err := t.Compute(1); err != nil { // show a key
				return err
			}
			if err := t.Block(9); err != nil { // wait for the next
				return err
			}
		}
		return nil
	}}
	compiler := sched.Job{Name: "compiler", Burst: 30}
	policy := sched.Feedback{Quanta: []sched.Time{4, 8, 16}, Boost: 100}.Policy()
	result, err := sched.Run(policy, editor, compiler)
	fmt.Println(result.Gantt(), err)
	// Output:
	// 0 editor 1 compiler 10 editor 11 compiler 20 editor 21 compiler 33 <nil>
}

// Of what is there, the shortest is first, and keeps the processor.
func ExampleSJF() {
	result, err := sched.Run(sched.SJF(),
		sched.Job{Name: "P1", Burst: 6}, sched.Job{Name: "P2", Burst: 8}, sched.Job{Name: "P3", Burst: 7}, sched.Job{Name: "P4", Burst: 3})
	fmt.Print(result)
	fmt.Println(err)
	// Output:
	// SJF
	//    job  arrival  done  turnaround  response  waiting
	//     P1        0     9           9         3        3
	//     P2        0    24          24        16       16
	//     P3        0    16          16         9        9
	//     P4        0     3           3         0        0
	//   mean                      13.00      7.00     7.00
	// <nil>
}

// Everyone in turn, for four at the most.
func ExampleRoundRobin() {
	result, err := sched.Run(sched.RoundRobin(4), sched.Job{Name: "P1", Burst: 24}, sched.Job{Name: "P2", Burst: 3}, sched.Job{Name: "P3", Burst: 3})
	fmt.Println(result.Gantt(), err)
	fmt.Printf("mean waiting %.2f\n", result.MeanWaiting())
	// Output:
	// 0 P1 4 P2 7 P3 10 P1 30 <nil>
	// mean waiting 5.67
}
