//go:build linux

package procs

// For tests that are outside of the package because they use package threads
// too.
var (
	TestSquare = testSquare
	TestHalf   = testHalf
	TestPanic  = testPanic
	TestNap    = testNap
	TestGoexit = testGoexit
	Soon       = soon
)
