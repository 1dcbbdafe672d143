package proctest

import (
	"os"
	"runtime"
	"testing"
)

// Descriptors counts those of this process.
func Descriptors(t testing.TB) int {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(fds)
}

// Tidy lets go what earlier tests have left to the garbage collector, so that
// it is not taken for the work of the next one.
func Tidy(t testing.TB) {
	t.Helper()
	last, same := -1, 0
	Eventually(t, "nothing more is let go", func() bool {
		runtime.GC()
		n := Descriptors(t)
		if same++; n != last {
			last, same = n, 0
		}
		return same >= 5
	})
}
