package host

import (
	"io/fs"
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

// RunQueueWait sums over some CPUs for how long tasks that could run have
// waited there so far, those that have ended too; 0 where the kernel does not
// count that (/proc/schedstat).
func (m *Machine) RunQueueWait(cpus []int) (waited time.Duration) {
	for line := range strings.Lines(m.file("proc/schedstat")) {
		number, ok := strings.CutPrefix(word(line, 0), "cpu")
		cpu, err := strconv.Atoi(number)
		if !ok || err != nil || !slices.Contains(cpus, cpu) {
			continue
		}
		ns, _ := strconv.ParseInt(word(line, 8), 10, 64)
		waited += time.Duration(ns)
	}
	return waited
}

// Stalled returns for how long some task has waited for a resource so far:
// "cpu", "memory" or "io"; 0 where the kernel does not count that.
func (m *Machine) Stalled(resource string) time.Duration {
	some, _, _ := strings.Cut(m.file("proc/pressure/"+resource), "\n")
	_, total, _ := strings.Cut(some, "total=")
	us, _ := strconv.ParseInt(strings.TrimSpace(total), 10, 64)
	return time.Duration(us) * time.Microsecond
}

// KernelThreads returns for how long the kernel's own threads have run so far.
// What they do is mostly left over by programs: memory to be given back,
// packets to be delivered. It is 0 where they are not to be seen, as in a
// container with process numbers of its own.
func (m *Machine) KernelThreads() (ran time.Duration) {
	processes, _ := fs.ReadDir(m.Root, "proc")
	for _, p := range processes {
		if name := p.Name(); name[0] < '0' || name[0] > '9' {
			continue
		}
		stat := m.file("proc/" + p.Name() + "/stat")
		rest := stat[strings.LastIndexByte(stat, ')')+1:] // a name may hold anything
		if word(rest, 1) != kthreadd {
			continue
		}
		for _, field := range []int{11, 12} { // in user mode, and in the kernel
			n, _ := strconv.ParseInt(word(rest, field), 10, 64)
			ran += time.Duration(n) * tick
		}
	}
	return ran
}

// kthreadd is the process number of the parent of all kernel threads.
const kthreadd = "2"
