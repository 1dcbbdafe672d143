package shm

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func self() Owner {
	pid := os.Getpid()
	st, err := readStat(pid)
	if err != nil {
		return makeOwner(pid, 0) // no /proc: pids alone must do
	}
	return makeOwner(pid, st.started)
}

// Alive says whether the process still runs. A process that was killed is dead from the moment its last thread is, even if
// its parent has not yet collected it. It costs about 10 us.
func (o Owner) Alive() bool {
	if err := unix.Kill(o.PID(), 0); err == unix.ESRCH {
		return false
	}
	if o>>32 == 0 {
		return true
	}
	st, err := readStat(o.PID())
	if err != nil {
		return !os.IsNotExist(err)
	}
	return uint32(st.started) == uint32(o>>32) && !st.dead
}

type procStat struct {
	dead    bool
	started uint64 // clock ticks since boot
}

// readStat reads /proc/pid/stat, see proc_pid_stat(5).
func readStat(pid int) (procStat, error) {
	// One plain open and read: os.ReadFile would take twice as long, and this is asked while others wait.
	fd, err := unix.Open("/proc/"+strconv.Itoa(pid)+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return procStat{}, err
	}
	defer unix.Close(fd)
	var buf [1024]byte
	n, err := unix.Read(fd, buf[:])
	if err == unix.ESRCH {
		return procStat{dead: true}, nil
	}
	if err != nil {
		return procStat{}, err
	}
	// The second field is the command in parentheses and may hold anything: begin after the last one.
	f := bytes.Fields(buf[bytes.LastIndexByte(buf[:n], ')')+1 : n])
	if len(f) < 20 {
		return procStat{}, fmt.Errorf("shm: /proc/%d/stat: %d fields", pid, len(f))
	}
	// Fields are numbered from 1 in the manual, and f[0] is the third: state, (20) threads, (22) start time.
	threads, err := strconv.Atoi(string(f[17]))
	if err != nil {
		return procStat{}, err
	}
	started, err := strconv.ParseUint(string(f[19]), 10, 64)
	if err != nil {
		return procStat{}, err
	}
	// A zombie whose other threads are still on their way out can run for some more microseconds.
	dead := f[0][0] == 'X' || f[0][0] == 'Z' && threads <= 1
	return procStat{dead, started}, nil
}
