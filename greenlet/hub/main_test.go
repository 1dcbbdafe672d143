package hub

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails the run if a goroutine or a descriptor is left.
func TestMain(m *testing.M) {
	// The runtime's own poller opens its descriptors at first use: now.
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	before := openFiles()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		if after := openFiles(); after > before {
			fmt.Fprintf(os.Stderr, "descriptors: %d before, %d after\n", before, after)
			code = 1
		}
	}
	os.Exit(code)
}

// openFiles counts this process's descriptors, 0 where they cannot be counted.
func openFiles() int {
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}

// run runs f as the main greenlet of a hub and fails t on its error.
func run(t testing.TB, f func(h *Hub)) {
	t.Helper()
	if err := Run(func(h *Hub) error { f(h); return nil }); err != nil {
		t.Fatal(err)
	}
}

// must fails t if err is not nil.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
