// Package results reads the results of a benchmark run and puts every line
// where it belongs: workload, case, model.
//
// [Load] reads a results directory or a file, [Read] any text in Go benchmark
// format. What they return is a [Run]. The records themselves, and all that can
// be wrong with a file, are of package benchlog; here they find their cells,
// within bounds, and what is left out is said in the run's notes.
package results
