// Package report turns the files of a benchmark run into something that a
// reader understands in ten seconds and can check to the last digit: benchmark
// files in; text and HTML out. It imports none of the packages that are
// measured, and keeps no list of models or workloads: what they are, which is a
// baseline and which a control, the files say.
//
// A report is made in three steps, each of which is a package that imports only
// those before it: [switchyard/report/results] reads files,
// [switchyard/report/analysis] computes what is said of them, and
// [switchyard/report/text] and [switchyard/report/page] write it. This package
// is their face.
//
// # What goes in
//
// A results directory holds bench.txt and latency.hlog, in the format of
// package benchlog. Read takes any file in Go benchmark format; our own records
// add stories, order and noise.
//
// Read understands what go test itself prints, plain, with -v or as -json:
// failures of the first iteration and of later ones, skips, trees of
// benchmarks, prints in the midst of a result, panics, packages that did not
// build. It unpacks gzip and decodes UTF-16. Files may be cut off at any byte
// and may come from anywhere: names are escaped, lines and counts are bounded,
// and what was left out is said in the notes of the [Run], which every text and
// page repeats. A latency log belongs to the run whose header names the moment
// at which it was begun, wherever it lies.
//
// Units mean what our runner says only in its own files and where a name has a
// model; those of other tools are shown and compared as they stand.
//
// # What is said
//
//   - Of each case: the median and its 95 % confidence interval, by order
//     statistics ([analysis.Summary]). Outliers are counted, never dropped.
//   - Of two models: their ratio, paired by block, with its 95 % interval
//     ([analysis.Comparison]; package switchyard/report/inference).
//   - Of a row: who is best, who ties with it, and who is worse, each by the
//     whole interval ([analysis.Ranking]). What is none of these is undecided,
//     and beside it stands the smallest effect that would have been seen.
//   - Of a size that varies: between which measured sizes one model becomes
//     better than another ([analysis.BreakEven]).
//   - Of a kind of work: who is clearly ahead over its workloads, or among whom
//     nobody is, in words that hold on the next run; by how much, and where the
//     next run is expected, in numbers; apart from that every case where it is
//     otherwise, and what the winner spends less of ([analysis.Decision]).
//   - Of the run: no winner of everything, but which model is near the best how
//     often ([analysis.Profile]), and how far all that can be trusted
//     ([analysis.Verdict], [analysis.Warning]).
//   - Of two runs, or of two builds in one: what got worse and what got better
//     ([Compare], [CompareBuilds]), beyond the noise of the machine and with
//     one correction over all cases and metrics; first what makes the two hard
//     to compare. What failed is never a gain; why cases do not meet is said.
//
// Baselines and controls are shown but do not compete. In files that declare no
// models "serial" is the baseline, and where no control is declared it is the
// workload Nop.
//
// [WriteText] prints the verdict, and tables. [WriteHTML] writes one page that
// needs no network and no script, below three megabytes; what does not fit is
// left out with a note. The examples of [Read] and [WriteText] show the whole
// way.
//
// # What it is not
//
// It measures nothing. It mixes no results of two machines silently: host facts
// that change within a file are a grave warning, those that differ between two
// runs stand above their comparison. And it gives no probabilities for a whole
// page: each ratio is a claim of its own.
package report
