// Package analysis computes what a report says of a run: who is best in each
// row and who ties with it, from which size on a model pays, one verdict, how
// far it can be trusted, and what changed between two runs.
//
// [Of] analyses one run, [Compare] two. Each statistical assumption has a file:
// summaries by order statistics (summary.go), the exact U test (utest.go), the
// interval of a ratio and Holm's correction (compare.go), families of models
// and geometric means (rank.go).
package analysis
