// Package inference has the statistics of the report, and nothing of its
// subject: samples of numbers with the blocks and sessions that they were
// measured in, estimates with intervals, what may be claimed of them, and which
// of many rows have changed. It knows no model, no workload and no file.
//
// All that is not a plain median happens on the logarithmic scale: a ratio is a
// difference there, and noise is about as large for every value. What each
// function promises, above all how often its interval holds the truth, is
// checked by simulation in its tests.
package inference

// Level is the confidence of every interval.
const Level = 0.95
