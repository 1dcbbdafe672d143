package host

import (
	"io/fs"
	"os"
	"runtime"
	"strconv"
	"strings"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// unknown is the value of a fact that cannot be read here.
const unknown = "unknown"

// A Machine is where facts come from. [This] returns the one we run on; tests
// describe others.
type Machine struct {
	Root      fs.FS                   // has proc and sys, as Linux lays them out
	Env       func(key string) string // the environment
	Cores     int                     // CPUs that this process may use
	ClockRead func() float64          // what reading the clock costs, in nanoseconds
	DiskFree  func() (uint64, error)  // bytes that results may still take
	Counters  func() string           // what of the processor's counters can be read
}

// This returns the machine that we run on, whose results go to dir, which need
// not be there yet.
func This(dir string) *Machine {
	return &Machine{
		Root: os.DirFS("/"), Env: os.Getenv, Cores: runtime.NumCPU(), ClockRead: clockRead,
		DiskFree: func() (uint64, error) { return diskFree(dir) }, Counters: bench.Counters,
	}
}

// Facts returns what a reader must know to trust or to compare a number of a
// run whose results go to dir: the build, and the facts of this machine. It
// takes some milliseconds, most of them to time the clock.
func Facts(dir string) []benchlog.Fact { return append(Build(), This(dir).Facts()...) }

// facts are what is asked of a machine, in the order that they are told in.
// Their keys stand in results that are kept: they do not change.
var facts = []struct {
	key  string
	read func(*Machine) string
}{
	{"cores", func(m *Machine) string { return strconv.Itoa(m.Cores) }},
	{"cpu", func(m *Machine) string { return m.cpuinfo("model name") }},
	{"virtual", (*Machine).virtual},
	{"hypervisor", (*Machine).hypervisor},
	{"container", (*Machine).container},
	{"smt", text("sys/devices/system/cpu/smt/control")},
	{"threads-per-core", (*Machine).threads},
	{"governor", text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")},
	{"cpu-frequency", (*Machine).frequency},
	{"turbo", (*Machine).turbo},
	{"throttled", (*Machine).throttled},
	{"power", (*Machine).power},
	{"mitigations", (*Machine).mitigations},
	{"affinity", func(m *Machine) string { return m.field("proc/self/status", "Cpus_allowed_list") }},
	{"isolated-cpus", (*Machine).isolated},
	{"numa-nodes", (*Machine).nodes},
	{"cgroup-quota", (*Machine).cgroupQuota},
	{"cgroup-memory", (*Machine).cgroupMemory},
	{"cgroup-processes", (*Machine).cgroupProcesses},
	{"memory", func(m *Machine) string { return m.memory("MemTotal") }},
	{"memory-free", func(m *Machine) string { return m.memory("MemAvailable") }},
	{"swap", (*Machine).swap},
	{"thp", (*Machine).thp},
	{"load", func(m *Machine) string { return m.firstWord("proc/loadavg") }},
	{"pressure-cpu", pressure("cpu")},
	{"pressure-memory", pressure("memory")},
	{"pressure-io", pressure("io")},
	{"steal", (*Machine).steal},
	{"nice", (*Machine).nice},
	{"clock-source", text("sys/devices/system/clocksource/clocksource0/current_clocksource")},
	{"clock-read-ns", func(m *Machine) string { return strconv.FormatFloat(m.ClockRead(), 'f', 1, 64) }},
	{"timer-slack-ns", text("proc/self/timerslack_ns")},
	{"kernel", text("proc/sys/kernel/osrelease")},
	{"aslr", text("proc/sys/kernel/randomize_va_space")},
	{"limit-files", limit("Max open files")},
	{"limit-processes", limit("Max processes")},
	{"threads-max", text("proc/sys/kernel/threads-max")},
	{"pid-max", text("proc/sys/kernel/pid_max")},
	{"mappings-max", text("proc/sys/vm/max_map_count")},
	{"ports", (*Machine).ports},
	{"somaxconn", text("proc/sys/net/core/somaxconn")},
	{"disk-free", (*Machine).disk},
	{"godebug", env("GODEBUG")},
	{"gogc", env("GOGC")},
	{"gomemlimit", env("GOMEMLIMIT")},
	{"perf-event-paranoid", text("proc/sys/kernel/perf_event_paranoid")},
	{"perf-counters", func(m *Machine) string { return m.Counters() }},
}

// Facts reads all facts of the machine. What cannot be read is "unknown".
func (m *Machine) Facts() []benchlog.Fact {
	var out []benchlog.Fact
	for _, f := range facts {
		value := strings.Join(strings.Fields(f.read(m)), " ")
		if value == "" {
			value = unknown
		}
		out = append(out, benchlog.Fact{Key: f.key, Value: value})
	}
	return out
}

// file returns what a file holds, without space around it; "" if it cannot be
// read.
func (m *Machine) file(name string) string {
	text, err := fs.ReadFile(m.Root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// text returns what a file holds.
func text(name string) func(*Machine) string {
	return func(m *Machine) string { return m.file(name) }
}

// env returns a variable of the environment, "not set" if there is none.
func env(key string) func(*Machine) string {
	return func(m *Machine) string {
		if v := m.Env(key); v != "" {
			return v
		}
		return "not set"
	}
}

// firstWord returns a file's first word.
func (m *Machine) firstWord(name string) string {
	return word(m.file(name), 0)
}

// word returns the ith word of a text, "" if it has none such.
func word(text string, i int) string {
	if words := strings.Fields(text); i < len(words) {
		return words[i]
	}
	return ""
}

// field returns the first value of a key in a file of lines "key: value".
func (m *Machine) field(name, key string) string {
	for line := range strings.Lines(m.file(name)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == key {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// mebibytes returns a number of bytes as a fact has it.
func mebibytes(n uint64) string { return strconv.FormatUint(n>>20, 10) + " MiB" }

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
