// Package advice answers which model suits some work, from the curves that a
// run has measured.
//
// Each thing that is known of the work is asked of one curve: the cases of a
// workload along one parameter.
//
//   - a task that computes so long: CPUMap, "task"
//   - the share of a task that is spent waiting: Mixed, "wait"
//   - so many at once: Parked or Sleep, "n", for the memory and the CPU time
//   - a message of so many bytes: Pipe, "payload"
//
// Between two measured sizes a curve may run straight on linear or on
// logarithmic axes: an estimate is that on logarithmic ones, and its interval
// holds both, with the intervals of the two measurements. Sizes more than
// [Farthest] apart, and what lies outside, are not interpolated: the answer
// says what to measure instead.
//
// A model is behind in a curve if its interval lies beyond that of the best by
// more than what matters in practice. It is ruled out if it needs more memory
// than there is. What is left over of all curves is the answer; if that is not
// one model, it is not decided.
package advice
