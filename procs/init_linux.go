package procs

import (
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
)

// waitForParent returns when our parent has ended.
func waitForParent() {
	fd, err := kernel.OpenFD(func() (int, error) { return unix.PidfdOpen(me.parentOwner.PID(), 0) })
	if err == nil {
		defer unix.Close(fd)
	}
	for parentLives() {
		n := 1
		if err == nil {
			n, _ = unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 1000)
		}
		if n != 0 { // no pidfd; or it says that a process has ended, which is not the parent
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// monotonic is a clock that all processes share, in nanoseconds.
func monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
