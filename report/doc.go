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
//     would have been seen; where that is large the row is not a tie, it cannot
//     be told.
//   - Of a size that varies: from where on one model is better than another,
//     when both sides of the crossing are shown ([BreakEven]).
//   - Of the run: one sentence, its exceptions, and how far it can be trusted
//     ([Verdict], [Warning]).
//   - Of two runs: what got worse, what got better ([Compare]), host facts first.
//
// "serial" is a baseline of the work itself and the workload Nop a control: they
// are shown but do not compete.
//
// [WriteText] prints tables and the verdict. [WriteHTML] writes one page that needs
// no network and no script, below three megabytes; what does not fit is left out
// with a note. The examples of [Read] and [WriteText] show the whole way.
//
// # What it is not
//
// It measures nothing. It mixes no results of two machines silently: host facts
// that change within a file are a grave warning, those that differ between two
// runs stand above their comparison. And it gives no probabilities for a whole
// page: each row in each metric is a family of its own.
package report
