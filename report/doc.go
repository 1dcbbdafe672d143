// Package report turns the files of a benchmark run into something that a
// reader understands in ten seconds and can check to the last digit: benchmark
// files in; text and HTML out. It knows no workload and no model beyond their
// names, and imports none of the packages that are measured.
//
// # What goes in
//
// A results directory holds bench.txt, in Go benchmark format, and latency.hlog, a
// standard HdrHistogram log with one tag per case. Read takes any file in Go
// benchmark format; lines that begin with "# switchyard", "# workload" and "# block",
// which the format treats as comments, add stories, order and noise. Files may be
// cut off at any byte and may come from anywhere: names are escaped, lines and
// counts are bounded, and what was left out is said in [Run.Notes].
//
// # What is said
//
//   - Of each case: the median and its 95 % confidence interval, by order
//     statistics ([Summary]). Outliers are counted, never dropped.
//   - Of two models: the U test, and the ratio with the interval that is this
//     test turned round ([Comparison]).
//   - Of a row: who is best and who ties with it, by the test after Holm's
//     correction over all pairs of the row ([Ranking]); never by overlap of
//     intervals. Beside every "no difference" stands the smallest effect that
//     would have been seen.
//   - Of the run: one sentence, its exceptions, and how far it can be trusted
//     ([Verdict]).
//
// "serial" is a baseline of the work itself and the workload Nop a control: they
// are shown but do not compete.
//
// # What it is not
//
// It measures nothing, and it compares no results of two machines: host facts
// that change within a file are a grave warning.
package report
