// Package workload holds the questions: one file per workload, all models side
// by side. [All] is the ordered list of them.
//
// In a file the functions are named after workload and model, stand in model
// order, and have the same order of statements: set-up, Start, loop, Stop,
// tear-down, answer. There is no shared interface for spawning or queueing:
// it would time the adapter. What looks alike is meant to be compared line by
// line.
//
// The rules that hold for all of them:
//
//   - A process model's worker has GOMAXPROCS=1. A pool has as many workers as
//     the CPU set has CPUs.
//   - ants is used as its documentation shows: one pool, made in set-up, at
//     least as large as the concurrency of its rivals.
//   - thread is a goroutine locked to an OS thread of its own.
//   - A unit that needs its own latencies has its own [bench.Recorder].
package workload
