package shm

import (
	"bytes"
	"math"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// plenty is the size above which available memory is checked first.
const plenty = 16 << 20

// checkMemory refuses sizes that the machine or our control group cannot give.
// A file system has a limit and says so; anonymous memory has none, and asking
// for too much of it would make the kernel kill a process instead.
func checkMemory(size int) error {
	if size > plenty && uint64(size) > min(memAvailable("/proc"), cgroupRoom("/proc", "/sys/fs/cgroup")) {
		return unix.ENOMEM
	}
	return nil
}

func memAvailable(proc string) uint64 {
	b, err := os.ReadFile(proc + "/meminfo")
	_, rest, ok := bytes.Cut(b, []byte("\nMemAvailable:"))
	if err != nil || !ok {
		return math.MaxUint64
	}
	f := bytes.Fields(rest)
	if len(f) == 0 {
		return math.MaxUint64
	}
	kib, err := strconv.ParseUint(string(f[0]), 10, 54)
	if err != nil {
		return math.MaxUint64
	}
	return kib << 10
}

// cgroupRoom returns what the control group (version 2) leaves us.
func cgroupRoom(proc, groups string) uint64 {
	b, err := os.ReadFile(proc + "/self/cgroup")
	if err != nil {
		return math.MaxUint64
	}
	path, ok := strings.CutPrefix(strings.TrimSpace(string(b)), "0::")
	if !ok {
		return math.MaxUint64
	}
	limit, ok1 := readNumber(groups + path + "/memory.max")
	used, ok2 := readNumber(groups + path + "/memory.current")
	if !ok1 || !ok2 {
		return math.MaxUint64
	}
	return limit - min(used, limit)
}

func readNumber(file string) (uint64, bool) {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	return n, err == nil
}
