// Package workload holds the questions: one file per workload, all models side
// by side. [All] is the ordered list of them.
//
// In a file the functions are named after workload and model, stand in model
// order, and have the same order of statements: set-up, Start, loop, Stop,
// tear-down, answer. Goroutine, ants and thread share a body where they differ
// in nothing but how a unit is launched. There is no shared interface for
// spawning or queueing: it would time the adapter. What looks alike is meant to
// be compared line by line.
//
// The rules that hold for all of them, kept by the kit (kit.go for units of
// this process, kit_process.go for worker processes):
//
//   - All units have arrived at a barrier before the clock starts; those that
//     wait for each other have had a turn. The last one that has done its work
//     ends the race. They stay until the memory has been read; outcomes travel
//     after.
//   - A unit enters what it has done in its own [bench.Unit], where it happens.
//     What all of them must come to is the workload's Ledger; tests run mutants
//     of every model, and find them.
//   - A process model's worker has GOMAXPROCS=1. A pool of processes has as
//     many workers as the CPU set has CPUs.
//   - ants is used as its documentation shows: one pool, made in set-up, at
//     least as large as the concurrency of its rivals.
//   - thread is a goroutine locked to an OS thread of its own.
//
// FAIRNESS.md has all rules, and which test breaks which.
package workload
