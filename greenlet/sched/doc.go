// Package sched runs the processor schedulers of the textbooks: first come
// first served, shortest job first, shortest remaining time first, round robin
// and the multilevel feedback queue, as policies over greenlets.
//
// A [Job] is an ordinary function that says, as it goes, how long it computes
// and how long it waits. It runs in a greenlet, on a machine with one processor
// whose time is virtual: [Task.Compute] takes the processor for some time,
// shared with the other jobs as the [Policy] decides, [Task.Block] leaves it.
// Nothing else takes time, and nothing is random, so a run can be worked out
// on paper. The [Result] holds each job's turnaround, response and waiting
// times, and who had the processor when.
//
// # Rules
//
//   - What happens at one instant happens in this order: the running task's
//     burst ends and its function goes on; jobs arrive, in the order in which
//     they were given; blocked tasks wake, in the order in which they blocked;
//     a policy's tick; a task whose slice is used up becomes ready again. So a
//     job that arrives as another's slice ends is ahead of it in the queue. A
//     tick that gives a task more time comes too late for a slice that ends
//     with it.
//   - A task that computes again without having blocked keeps the processor,
//     for the rest of its slice.
//   - Changing tasks takes no time.
//   - Time ends at Forever, the largest Time: a run that gets there is given up
//     with ErrLimit.
//
// # A table
//
// Five jobs, A to E, of Stallings, "Operating Systems", chapter "Uniprocessor
// scheduling", arrive at 0, 2, 4, 6 and 8 and compute for 3, 6, 4, 5 and 2.
// This is when each is done, and the means, under each policy; the feedback
// queues are Patient and Considerate, with as many levels as are needed:
//
//	policy         A   B   C   D   E  turnaround  response  waiting
//	FCFS           3   9  13  18  20        8.60      4.60     4.60
//	SJF            3   9  15  20  11        7.60      3.60     3.60
//	SRTF           3  15   8  20  10        7.20      2.00     3.20
//	RR(1)          4  18  17  20  15       10.80      0.80     6.80
//	RR(4)          3  17  11  20  19       10.00      3.60     6.00
//	MLFQ[1 1 ...]  4  20  16  19  11       10.00      0.00     6.00
//	MLFQ[1 2 ...]  4  17  18  20  14       10.60      0.20     6.60
//
// The shortest turnaround is that of who knows how long a job will take, the
// shortest response that of who interrupts the others. Turnaround and the times
// when jobs are done are the book's; response and waiting follow from them.
//
// The definitions are those of Silberschatz, Galvin and Gagne, "Operating
// System Concepts", chapter "CPU scheduling", and of Arpaci-Dusseau, "Operating
// Systems: Three Easy Pieces", chapters 7 and 8; the tests are their examples,
// and those of Stallings, "Operating Systems", chapter "Uniprocessor
// scheduling".
//
// It is not a way to run real work concurrently: for that see package hub.
package sched
