// Command mutants measures what the tests see: it makes one small change at a
// time to the product's code, runs the tests, and counts the changes that no
// test noticed.
//
//	mutants [flags] PACKAGE...
//
// Each package is parsed and type-checked, and every one-place change of the
// kinds in [kinds] is listed. A sample is drawn with a seed: first a kind,
// weighted by the square root of how many changes it has, so that numbers do
// not crowd out the rest, then one of its changes. A change that does not
// compile is replaced by another.
//
// A change is never written to the tree: "go test -overlay" shows it to the
// compiler, also to go commands that a test starts (by GOFLAGS). All changes
// that the tests of a package may see are built into one program, and an
// environment variable names the one that it makes: a function that has some
// holds its changed bodies beside its own. (Untch, Offutt and Harrold,
// "Mutation analysis using mutant schemata", 1993.) A child without that
// variable makes none. A change outside of functions is built by itself, and so
// is one that cannot stand beside the others, or makes a test fail by doing so.
//
// The tests of the package come first, then those of the packages that import
// it (not with -own); for X/internal/... those of X, once for all of these.
// Each test is run by itself without a change, which tells how long it takes and
// which functions it comes to; a change is tried on the tests that come to its
// function. Those come first that are near, which is that their files have the
// changed file's name, or that they mention the function; once all changes are
// caught, the others are not run at all. Tests run with -short, without the race
// detector and without vet. A change is caught if a test fails, panics, exceeds
// the time limit (derived from the runs without a change) or the memory limit,
// and does not when it is run again without the change: a test that fails by
// chance, or since the machine is busy, sees nothing.
// Everything that a run started is killed with it: on Linux, as root, it lives
// in a PID namespace of its own, in which the module is read-only.
//
// A survivor is a hole in the tests, or a change that makes no difference. The
// latter, once judged, go into a file of known changes (-known), each under the
// reason:
//
//	# The loop ends one turn later, with nothing to do.
//	bench/benchlog/hlog.go:(*decoder).varint: n < 8 -> n <= 8
//
// Survivors are printed in that form. It has no line number, so it outlives
// edits elsewhere. Entries for the given packages that match no change any more
// are reported, also with -list; a test finds all whose line is gone. Known
// changes are not run and not counted.
//
// The score is caught / (caught + survived), with Wilson's interval.
//
// There is github.com/go-gremlins/gremlins; by its documentation it changes
// operators only (no dropped calls, assignments, defers, cases or errors, no
// swapped arguments, no numbers), runs all changes rather than a sample, and
// has no list of judged changes.
package main
