package bench

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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
	for _, pid := range Descendants(os.Getpid()) {
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

// Descendants returns the living processes below pid, parents before children.
func Descendants(pid int) []int {
	var all []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		kids := children(queue[0])
		all = append(all, kids...)
		queue = append(queue, kids...)
	}
	return all
}

// children returns the direct children of pid.
func children(pid int) []int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var kids []int
	for _, name := range lists {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has just ended
		}
		for _, field := range bytes.Fields(text) {
			if kid, err := strconv.Atoi(string(field)); err == nil {
				kids = append(kids, kid)
			}
		}
	}
	return kids
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

// treeMemory returns the peak of the tree's memory in bytes, as the kernel
// counts it: for this process and every living descendant its proportional set
// (pages that several share are split between them) plus what its resident set
// once was above today's. Children that came and went count by the largest of
// them, once.
func treeMemory(before, after usage) int64 {
	self := os.Getpid()
	sum := processMemory(self)
	for _, pid := range Descendants(self) {
		sum += processMemory(pid)
	}
	if after.live == 0 && before.live == 0 {
		sum += after.reaped
	}
	return sum
}

func processMemory(pid int) int64 {
	status := statusFields(fmt.Sprintf("/proc/%d/status", pid))
	rss, peak := status["VmRSS"], status["VmHWM"]
	size := rss
	if pss, ok := statusFields(fmt.Sprintf("/proc/%d/smaps_rollup", pid))["Pss"]; ok {
		size = pss
	}
	return (size + max(peak-rss, 0)) << 10
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
