// Package analysis computes what a report says of a run: who is best in each
// row and who ties with it, from which size on a model pays, one verdict, how
// far it can be trusted, and what changed between two runs.
//
// [Of] analyses one run, [Compare] two. The statistics are those of package
// switchyard/report/inference; what is claimed by them, and from which
// difference on it matters, is decided here (compare.go, rank.go,
// thresholds.go).
package analysis
