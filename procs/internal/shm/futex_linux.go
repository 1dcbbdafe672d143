package shm

import (
	"math"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The operations are the shared ones (no FUTEX_PRIVATE_FLAG): the kernel finds
// the waiters by the page of the file, so that the same word wakes across
// processes.
const (
	opWait = 0
	opWake = 1
)

// futexWait sleeps while *word == val, until a wake or for at most d (d < 0: no
// limit). It says whether the time passed. It also returns early for signals
// and for no reason at all: callers look again.
func futexWait(word *atomic.Uint32, val uint32, d time.Duration) (timedOut bool) {
	var ts *unix.Timespec
	if d >= 0 {
		t := unix.NsecToTimespec(int64(d))
		ts = &t
	}
	_, _, errno := unix.Syscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), opWait, uintptr(val),
		uintptr(unsafe.Pointer(ts)), 0, 0)
	return errno == unix.ETIMEDOUT
}

// futexWake wakes up to n sleepers and returns how many there were. It never
// blocks, so it does without the bookkeeping of a blocking call.
func futexWake(word *atomic.Uint32, n int) int {
	r, _, errno := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(word)), opWake, uintptr(min(n, math.MaxInt32)), 0, 0, 0)
	if errno != 0 {
		return 0
	}
	return int(r)
}

// usableCPUs counts the processors that this process may run on.
func usableCPUs() int {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return 1
	}
	return set.Count()
}
