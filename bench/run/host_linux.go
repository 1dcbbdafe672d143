package run

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"switchyard/bench/benchlog"
)

// hostFacts reads what else about this machine could explain a number.
func hostFacts() []benchlog.Fact {
	facts := []benchlog.Fact{
		{Key: "cpu", Value: cpuModel()},
		{Key: "virtual", Value: yesNo(strings.Contains(cpuFlags(), " hypervisor"))},
		{Key: "smt", Value: fileOr("/sys/devices/system/cpu/smt/control", "unknown")},
		{Key: "governor", Value: fileOr("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "unknown")},
		{Key: "mitigations", Value: mitigations("/sys/devices/system/cpu/vulnerabilities")},
		{Key: "memory", Value: memory()},
		{Key: "cgroup-quota", Value: cgroupQuota(fileOr("/proc/self/cgroup", ""), "/sys/fs/cgroup")},
	}
	var uts unix.Utsname
	if unix.Uname(&uts) == nil {
		facts = append(facts, benchlog.Fact{Key: "kernel", Value: unix.ByteSliceToString(uts.Release[:])})
	}
	for _, limit := range []struct {
		key      string
		resource int
	}{{"limit-files", unix.RLIMIT_NOFILE}, {"limit-processes", unix.RLIMIT_NPROC}} {
		var r unix.Rlimit
		if unix.Getrlimit(limit.resource, &r) == nil {
			facts = append(facts, benchlog.Fact{Key: limit.key, Value: limitText(r.Cur)})
		}
	}
	return facts
}

func memory() string {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return "unknown"
	}
	return fmt.Sprintf("%d MiB", uint64(info.Totalram)*uint64(info.Unit)>>20)
}

func limitText(n uint64) string {
	if n == unix.RLIM_INFINITY {
		return "unlimited"
	}
	return strconv.FormatUint(n, 10)
}

func cpuModel() string {
	if v := cpuinfo("model name"); v != "" {
		return v
	}
	return "unknown"
}

func cpuFlags() string { return " " + cpuinfo("flags") + " " }

// cpuinfo returns the first value of a key in /proc/cpuinfo.
func cpuinfo(key string) string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<20) // the line of flags is long
	for s.Scan() {
		if k, v, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// mitigations counts known CPU vulnerabilities by mitigation status, from the
// files of a directory; mitigations change the price of every system call.
func mitigations(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	mitigated, vulnerable := 0, 0
	for _, name := range files {
		switch text := fileOr(name, ""); {
		case strings.HasPrefix(text, "Mitigation"):
			mitigated++
		case strings.HasPrefix(text, "Vulnerable"):
			vulnerable++
		}
	}
	if len(files) == 0 {
		return "unknown"
	}
	return fmt.Sprintf("%d mitigated, %d open", mitigated, vulnerable)
}

// cgroupQuota returns the CPU limit of a process in CPUs, or "none": that of
// its cgroup (version 2), whose name is in the text of /proc/PID/cgroup, or of
// the nearest above it that has one.
func cgroupQuota(self, root string) string {
	_, path, _ := strings.Cut(self, "0::")
	for dir := filepath.Join(root, strings.TrimSpace(path)); ; dir = filepath.Dir(dir) {
		fields := strings.Fields(fileOr(filepath.Join(dir, "cpu.max"), ""))
		if len(fields) == 2 && fields[0] != "max" {
			quota, err1 := strconv.ParseFloat(fields[0], 64)
			period, err2 := strconv.ParseFloat(fields[1], 64)
			if err1 == nil && err2 == nil && period > 0 {
				return fmt.Sprintf("%.2f CPUs", quota/period)
			}
		}
		if len(dir) <= len(root) {
			return "none"
		}
	}
}

// load1 returns the load average of the last minute.
func load1() float64 { return load(fileOr("/proc/loadavg", "")) }

// load returns the first number of the text of /proc/loadavg.
func load(text string) float64 {
	first, _, _ := strings.Cut(text, " ")
	v, _ := strconv.ParseFloat(first, 64)
	return v
}

// cpuTicks returns the ticks that the hypervisor stole and all ticks so far.
func cpuTicks() (stolen, total float64) { return ticks(fileOr("/proc/stat", "")) }

// ticks sums up the first line of the text of /proc/stat.
func ticks(text string) (stolen, total float64) {
	line, _, _ := strings.Cut(text, "\n")
	for i, field := range strings.Fields(line) {
		if i == 0 || i > 8 { // guest time is part of user time
			continue
		}
		v, _ := strconv.ParseFloat(field, 64)
		total += v
		if i == 8 {
			stolen = v
		}
	}
	return stolen, total
}

func fileOr(name, missing string) string {
	text, err := os.ReadFile(name)
	if err != nil || len(text) == 0 {
		return missing
	}
	return strings.TrimSpace(string(text))
}
