// Package run orders a run: which cases there are, in which order they are
// measured and for how long, with which program, and what of it is on disk.
//
//   - A [Program] is a runner: it measures one result, in a fresh process.
//   - A [Run] calibrates N once per case, then passes over all cases in blocks,
//     each in a seeded random order.
//   - What a budget does not hold is left out, whole cases and not results of
//     all, the least important first; it is void, with the reason.
//   - A [Log] has every result on disk before the next is measured; what an
//     interrupted run left is a [Checkpoint], with which a Run goes on.
//   - [Canary] and [Watch] say whether the machine was busy with other things.
//
// It is not linked by what measures: that is package bench.
package run
