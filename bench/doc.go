// Package bench is the vocabulary of Switchyard and its harness: what a
// workload is, and how one result is measured.
//
// The rules:
//
//   - A [Workload] is one question; a [Model] is a way of running many tasks at
//     once; a workload, a model and a parameter point make a [Case].
//   - A [Func] does b.N ops and returns the answer. Only what lies between
//     [B.Start] and [B.Stop] is timed. The answer is compared with
//     [Workload.Want] on every result: a wrong answer is a failed case, never a
//     number.
//   - Every result is measured in a fresh process ([Measure], called by the
//     runner), so that one model's garbage is not another's pause.
//   - How a whole run is ordered is package run; what a runner and a run write,
//     and how that is read, is package benchlog.
//
// The package imports none of the models and links little: the runner, and so
// every worker process that a workload starts, pays for its packages before
// main.
//
// It is not a replacement for testing.B: it measures models of concurrency
// against each other, with the whole process tree on the bill.
package bench
