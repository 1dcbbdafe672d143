package bench

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/bench/proctree"
)

// readUsage sums over the tree. A child that is reaped between two readings
// moves from the living to the reaped, so a difference of two readings counts
// it once. CPU time comes from each process's own CPU clock, in nanoseconds and
// with its finished threads; the tick-based files in /proc are too coarse.
func readUsage() usage {
	var u usage
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var ru unix.Rusage
		if unix.Getrusage(who, &ru) != nil {
			continue
		}
		u.cpu += time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
		u.switches += int64(ru.Nvcsw) + int64(ru.Nivcsw)
		if who == unix.RUSAGE_CHILDREN {
			u.reaped = int64(ru.Maxrss) << 10
		}
	}
	for _, pid := range proctree.Descendants(os.Getpid()) {
		u.live++
		// CPUCLOCK_SCHED of another process is its pid, inverted and
		// shifted (clock_getcpuclockid(3)).
		var ts unix.Timespec
		if unix.ClockGettime(int32(^pid<<3|2), &ts) == nil {
			u.cpu += time.Duration(ts.Nano())
		}
		u.switches += contextSwitches(pid)
	}
	return u
}

// contextSwitches sums over the living threads of pid.
func contextSwitches(pid int) int64 {
	var sum int64
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	for _, name := range files {
		fields := statusFields(name)
		sum += fields["voluntary_ctxt_switches"] + fields["nonvoluntary_ctxt_switches"]
	}
	return sum
}

// statusFields reads the "Name:  number" lines of a /proc file; none if the
// process has just ended.
func statusFields(name string) map[string]int64 {
	f, err := os.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	fields := make(map[string]int64)
	for s := bufio.NewScanner(f); s.Scan(); {
		key, rest, ok := strings.Cut(s.Text(), ":")
		if !ok {
			continue
		}
		if words := strings.Fields(rest); len(words) > 0 {
			if n, err := strconv.ParseInt(words[0], 10, 64); err == nil {
				fields[key] = n
			}
		}
	}
	return fields
}
