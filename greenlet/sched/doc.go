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
// The definitions are those of Silberschatz, Galvin and Gagne, "Operating
// System Concepts", chapter "CPU scheduling", and of Arpaci-Dusseau, "Operating
// Systems: Three Easy Pieces", chapters 7 and 8; the tests are their examples,
// and those of Stallings, "Operating Systems", chapter "Uniprocessor
// scheduling".
//
// It is not a way to run real work concurrently: for that see package hub.
package sched
