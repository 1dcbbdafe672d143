package host

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of the times in /proc/stat, on all systems that Go runs on.
const tick = time.Second / 100

// CPUTimes sums over some CPUs for how long each has had nothing to do so far,
// and for how long the hypervisor has had it. It returns how many of the CPUs
// there are; none where /proc/stat is not known.
func (m *Machine) CPUTimes(cpus []int) (found int, idle, stolen time.Duration) {
	for line := range strings.Lines(m.file("proc/stat")) {
		number, ok := strings.CutPrefix(word(line, 0), "cpu")
		cpu, err := strconv.Atoi(number)
		if !ok || err != nil || !slices.Contains(cpus, cpu) {
			continue
		}
		ticks := func(field int) time.Duration {
			n, _ := strconv.ParseInt(word(line, field), 10, 64)
			return time.Duration(n) * tick
		}
		found++
		idle += ticks(4) + ticks(5) // who waits for a disk has nothing to do
		stolen += ticks(8)
	}
	return found, idle, stolen
}

// Stalled returns for how long some task has waited for a resource so far:
// "cpu", "memory" or "io"; 0 where the kernel does not count that.
func (m *Machine) Stalled(resource string) time.Duration {
	some, _, _ := strings.Cut(m.file("proc/pressure/"+resource), "\n")
	_, total, _ := strings.Cut(some, "total=")
	us, _ := strconv.ParseInt(strings.TrimSpace(total), 10, 64)
	return time.Duration(us) * time.Microsecond
}
