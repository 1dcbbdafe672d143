package host

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// memory returns a line of /proc/meminfo, "2048 MiB".
func (m *Machine) memory(key string) string {
	if n, ok := m.meminfo(key); ok {
		return mebibytes(n)
	}
	return ""
}

func (m *Machine) meminfo(key string) (bytes uint64, ok bool) {
	n, err := strconv.ParseUint(word(m.field("proc/meminfo", key), 0), 10, 64)
	return n << 10, err == nil
}

// swap returns how much of how much is in use, or "none".
func (m *Machine) swap() string {
	total, ok1 := m.meminfo("SwapTotal")
	free, ok2 := m.meminfo("SwapFree")
	switch {
	case !ok1 || !ok2:
		return ""
	case total == 0:
		return "none"
	}
	return fmt.Sprintf("%d of %s in use", (total-min(free, total))>>20, mebibytes(total))
}

// thp returns which memory gets huge pages: the word in brackets.
func (m *Machine) thp() string {
	_, rest, _ := strings.Cut(m.file("sys/kernel/mm/transparent_hugepage/enabled"), "[")
	setting, _, _ := strings.Cut(rest, "]")
	return setting
}

// pressure returns the share of the last ten seconds in which some task waited
// for a resource, in percent.
func pressure(resource string) func(*Machine) string {
	return func(m *Machine) string {
		for line := range strings.Lines(m.file("proc/pressure/" + resource)) {
			if share, ok := strings.CutPrefix(word(line, 1), "avg10="); ok && word(line, 0) == "some" {
				return share + " %"
			}
		}
		return ""
	}
}

// steal returns the share of all CPU time since the machine was started that
// the hypervisor gave to others, in percent.
func (m *Machine) steal() string {
	stolen, total := m.Ticks()
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f %%", 100*stolen/total)
}

// Ticks returns the ticks that the hypervisor stole and all ticks so far: the
// sum of the first line of /proc/stat. Both are 0 where they are not known.
func (m *Machine) Ticks() (stolen, total float64) {
	line, _, _ := strings.Cut(m.file("proc/stat"), "\n")
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

// Load1 returns the load average of the last minute; 0 where it is not known.
func (m *Machine) Load1() float64 {
	v, _ := strconv.ParseFloat(m.firstWord("proc/loadavg"), 64)
	return v
}

// nice returns by how much this process goes behind others: -20 to 19.
func (m *Machine) nice() string {
	text := m.file("proc/self/stat")
	// The second field is the program's name in parentheses, and may have
	// any character.
	return word(text[strings.LastIndexByte(text, ')')+1:], 16)
}

var columns = regexp.MustCompile(` {2,}`)

// limit returns the soft limit of a resource, as /proc/self/limits has it.
func limit(name string) func(*Machine) string {
	return func(m *Machine) string {
		for line := range strings.Lines(m.file("proc/self/limits")) {
			if f := columns.Split(line, -1); len(f) > 1 && f[0] == name {
				return f[1]
			}
		}
		return ""
	}
}

// ports returns how many local ports connections may have, and which.
func (m *Machine) ports() string {
	text := m.file("proc/sys/net/ipv4/ip_local_port_range")
	low, err1 := strconv.Atoi(word(text, 0))
	high, err2 := strconv.Atoi(word(text, 1))
	if err1 != nil || err2 != nil || high < low {
		return ""
	}
	return fmt.Sprintf("%d (%d to %d)", high-low+1, low, high)
}

func (m *Machine) disk() string {
	if free, err := m.DiskFree(); err == nil {
		return mebibytes(free)
	}
	return ""
}
