package procs

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// randomKey fills b from the kernel; crypto/rand would be linked into, and set up in, every child.
func randomKey(b []byte) {
	for n := 0; n < len(b); {
		k, err := unix.Getrandom(b[n:], 0)
		if err != nil && err != unix.EINTR {
			panic("procs: no random numbers: " + err.Error())
		}
		n += max(k, 0)
	}
}

// waitForParent returns when process pid is not our parent any more.
func waitForParent(pid int) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		defer unix.Close(fd)
	}
	for os.Getppid() == pid {
		if err != nil {
			time.Sleep(50 * time.Millisecond)
			continue
		}
		unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
	}
}

// monotonic is a clock that all processes share, in nanoseconds.
func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
