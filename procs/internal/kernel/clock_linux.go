package kernel

import "golang.org/x/sys/unix"

// Monotonic is a clock that all processes share, in nanoseconds.
func Monotonic() int64 {
	var ts unix.Timespec
	unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts)
	return ts.Nano()
}
