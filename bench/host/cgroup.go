package host

import (
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

const cgroups = "sys/fs/cgroup"

// cgroup looks for a limit on this process: in its control group of version 2,
// or in that of a controller of version 1, and in all above, since each of them
// binds. It returns the smallest that read finds in the group's directory; ok
// is false where there is none, known where there are no groups.
func (m *Machine) cgroup(controller string, read func(dir string) (float64, bool)) (least float64, ok, known bool) {
	_, err := fs.Stat(m.Root, cgroups)
	own := m.file("proc/self/cgroup")
	if own == "" {
		own = "0::/"
	}
	for line := range strings.Lines(own) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		for _, root := range cgroupRoots(parts[1], controller) {
			// Inside a container the path may be that outside of it,
			// and the limit stands in the root.
			for dir := path.Join(root, path.Clean("/"+parts[2])); ; dir = path.Dir(dir) {
				if v, has := read(dir); has && (!ok || v < least) {
					least, ok = v, true
				}
				if len(dir) <= len(root) {
					break
				}
			}
		}
	}
	return least, ok, err == nil
}

// cgroupRoots returns where the groups of a hierarchy may be mounted: that of
// version 2, which names no controllers, or one of version 1 that has the
// controller.
func cgroupRoots(controllers, controller string) []string {
	if controllers == "" {
		return []string{cgroups, cgroups + "/unified"}
	}
	for c := range strings.SplitSeq(controllers, ",") {
		if c == controller {
			return []string{cgroups + "/" + controllers, cgroups + "/" + controller}
		}
	}
	return nil
}

// cgroupQuota returns the limit of CPU time per time, "1.50 CPUs" or "none".
func (m *Machine) cgroupQuota() string {
	quota, ok, known := m.cgroup("cpu", func(dir string) (float64, bool) {
		text := m.file(dir + "/cpu.max")
		if text == "" {
			text = m.file(dir+"/cpu.cfs_quota_us") + " " + m.file(dir+"/cpu.cfs_period_us")
		}
		quota, err1 := strconv.ParseFloat(word(text, 0), 64)
		period, err2 := strconv.ParseFloat(word(text, 1), 64)
		return quota / period, err1 == nil && err2 == nil && quota > 0 && period > 0
	})
	return limited(ok, known, func() string { return fmt.Sprintf("%.2f CPUs", quota) })
}

// cgroupMemory returns the limit of memory, "512 MiB" or "none".
func (m *Machine) cgroupMemory() string {
	return m.cgroupLimit("memory", []string{"memory.max", "memory.limit_in_bytes"}, func(v float64) string { return mebibytes(uint64(v)) })
}

// cgroupProcesses returns the limit of threads and processes, or "none".
func (m *Machine) cgroupProcesses() string {
	return m.cgroupLimit("pids", []string{"pids.max"}, func(v float64) string { return strconv.FormatFloat(v, 'f', 0, 64) })
}

func (m *Machine) cgroupLimit(controller string, files []string, show func(float64) string) string {
	const noLimit = 1 << 60 // version 1 has a huge number for it
	v, ok, known := m.cgroup(controller, func(dir string) (float64, bool) {
		for _, f := range files {
			if v, err := strconv.ParseFloat(m.file(dir+"/"+f), 64); err == nil && v < noLimit {
				return v, true
			}
		}
		return 0, false
	})
	return limited(ok, known, func() string { return show(v) })
}

func limited(ok, known bool, value func() string) string {
	switch {
	case ok:
		return value()
	case known:
		return "none"
	}
	return ""
}
