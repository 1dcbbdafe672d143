package bench

import (
	"fmt"
	"math"
	"os"

	"switchyard/bench/proctree"
)

// treeMemory returns the peak of the tree's memory in bytes, as the kernel
// counts it: for this process and every living descendant its proportional set
// (pages that several share are split between them) plus what its resident set
// once was above today's. Children that came and went count by the largest of
// them, once.
func treeMemory(before, after usage) int64 {
	self := os.Getpid()
	sum := processMemory(self)
	for _, pid := range proctree.Descendants(self) {
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

// AvailableMemory returns how many bytes programs can have before the machine
// runs out of them, or the greatest number where that cannot be read.
func AvailableMemory() int64 {
	if kib, ok := statusFields("/proc/meminfo")["MemAvailable"]; ok {
		return kib << 10
	}
	return math.MaxInt64
}
