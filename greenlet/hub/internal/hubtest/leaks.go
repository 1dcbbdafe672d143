// Package hubtest is what the tests of package hub and of those below it share:
// the look at what a run left behind. It knows nothing of hub, whose own tests
// use it.
package hubtest

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	_ "switchyard/bench/testenv"
)

// Main runs the tests, and fails the run if a goroutine or a descriptor is
// left. Use it in TestMain.
func Main(m *testing.M) (code int) {
	// The runtime's own poller opens its descriptors at first use: now.
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	before := OpenFiles()
	if code = m.Run(); code != 0 {
		return code
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	if after := OpenFiles(); after > before {
		fmt.Fprintf(os.Stderr, "descriptors: %d before, %d after\n", before, after)
		code = 1
	}
	return code
}

// OpenFiles counts this process's descriptors, 0 where they cannot be counted.
func OpenFiles() int {
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}

// Run makes what runs f as the main greenlet of a hub and fails t on its error.
// It is given hub.Run, which this package does not know.
func Run[H any](run func(func(h H) error) error) func(t testing.TB, f func(h H)) {
	return func(t testing.TB, f func(h H)) {
		t.Helper()
		Must(t, run(func(h H) error { f(h); return nil }))
	}
}

// Must fails t if err is not nil.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
