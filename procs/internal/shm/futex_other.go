//go:build !linux

package shm

import (
	"runtime"
	"sync/atomic"
	"time"
)

// futexWait polls where there is no futex. Segments cannot be made on these
// systems, so nothing gets here.
func futexWait(word *atomic.Uint32, val uint32, d time.Duration) (timedOut bool) {
	time.Sleep(time.Millisecond)
	return d >= 0
}

func futexWake(word *atomic.Uint32, n int) int { return 0 }

func usableCPUs() int { return runtime.NumCPU() }
