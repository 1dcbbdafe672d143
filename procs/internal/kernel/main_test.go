//go:build linux

package kernel

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// limitFDs lowers the limit of descriptors to room more than are open now.
func limitFDs(t *testing.T, room int) {
	t.Helper()
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
			t.Fatal(err)
		}
	})
	// The limit is one of numbers: it is the lowest free ones that count.
	low := firstFree(t, room)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(low), Max: old.Max}); err != nil {
		t.Fatal(err)
	}
}

// firstFree returns the number above which there would be no room for room
// more.
func firstFree(t *testing.T, room int) int {
	t.Helper()
	var fds []int
	defer func() { CloseAll(fds) }()
	for range room {
		fd, err := unix.FcntlInt(1, unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			t.Fatal(err)
		}
		fds = append(fds, fd)
	}
	return fds[len(fds)-1] + 1
}

// openFDs counts this process's descriptors.
func openFDs(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
