package run

import (
	"time"

	"golang.org/x/sys/unix"
)

// ownCPU returns the CPU time of this process and of all its descendants that
// have ended and were waited for.
func ownCPU() (own time.Duration) {
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var ru unix.Rusage
		if unix.Getrusage(who, &ru) == nil {
			own += time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
		}
	}
	return own
}
