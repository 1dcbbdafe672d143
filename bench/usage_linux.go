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

// ownUsage is what this process and the children that it has reaped have
// consumed so far. It neither allocates nor takes long.
func ownUsage() usage {
	u, _ := rusage(unix.RUSAGE_SELF)
	children, largest := rusage(unix.RUSAGE_CHILDREN)
	u.cpu, u.switches, u.reaped = u.cpu+children.cpu, u.switches+children.switches, largest
	return u
}

// reapedUsage is what the children that this process has reaped have consumed.
func reapedUsage() usage {
	u, _ := rusage(unix.RUSAGE_CHILDREN)
	return u
}

// rusage returns what getrusage says, and the largest resident set in bytes.
func rusage(who int) (u usage, largest int64) {
	var ru unix.Rusage
	if unix.Getrusage(who, &ru) != nil {
		return u, 0
	}
	u.cpu = time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
	u.switches = int64(ru.Nvcsw) + int64(ru.Nivcsw)
	return u, int64(ru.Maxrss) << 10
}

// descendants returns the living descendants of this process. It takes about a
// tenth of a millisecond each.
func descendants() []int { return proctree.Descendants(os.Getpid()) }

// cpuOf is the CPU time of living processes, by each one's own CPU clock: in
// nanoseconds, with its finished threads. The tick-based files in /proc are too
// coarse. It takes about a microsecond each.
func cpuOf(pids []int) (cpu time.Duration) {
	for _, pid := range pids {
		// CPUCLOCK_SCHED of another process is its pid, inverted and
		// shifted (clock_getcpuclockid(3)).
		var ts unix.Timespec
		if unix.ClockGettime(int32(^pid<<3|2), &ts) == nil {
			cpu += time.Duration(ts.Nano())
		}
	}
	return cpu
}

// switchesOf sums up the context switches of living processes.
func switchesOf(pids []int) (switches int64) {
	for _, pid := range pids {
		switches += contextSwitches(pid)
	}
	return switches
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
