package procs

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

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
