package benchlog

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A FactGrade says what a fact of the host means for a measurement.
type FactGrade int

const (
	FactUnknown FactGrade = iota // it could not be read
	FactGood                     // nothing to be said
	FactNote                     // to be known when the numbers are read
	FactBad                      // to be mended before measuring
)

func (g FactGrade) String() string { return [...]string{"unknown", "good", "note", "bad"}[g] }

// A Judgement is what a fact means for a measurement.
type Judgement struct {
	Fact
	Grade  FactGrade
	Trust  bool   // if not good, it speaks against numbers; others keep cases from running, or are seen block by block
	Title  string // what is wrong, in a few words
	Good   string // what would be good
	Effect string // what it does to a run
	Remedy string // what to do about it
}

// Judge says what the facts mean, in an order from the processor to the Go
// program. It is the only opinion on them: that of "switchyard doctor" before a
// run, and of the report after it. Facts that mean nothing are left out.
func Judge(facts []Fact) []Judgement {
	values := make(map[string]string)
	for _, f := range facts {
		values[f.Key] = f.Value
	}
	cores, err := strconv.ParseFloat(values["cores"], 64)
	if err != nil || cores < 1 {
		cores = 1
	}
	var out []Judgement
	for _, r := range factRules(cores) {
		value, ok := values[r.key]
		if !ok {
			continue
		}
		j := Judgement{Fact: Fact{Key: r.key, Value: value}, Grade: FactGood, Trust: r.trust, Title: r.key + " " + value, Good: r.good, Effect: r.effect, Remedy: r.remedy}
		if r.title != "" {
			j.Title = strings.ReplaceAll(r.title, "%s", value)
		}
		switch lower := strings.ToLower(value); {
		case lower == "" || lower == "unknown":
			j.Grade = FactUnknown
		case r.grade != nil:
			j.Grade = r.grade(lower)
		}
		out = append(out, j)
	}
	return out
}

// A FactKind says what it means when two runs differ in a fact.
type FactKind int

const (
	FactOfProgram FactKind = iota // the program, its settings or its limits are others
	FactOfMachine                 // the machine is another: its numbers are, too
	FactOfMoment                  // it differs from minute to minute
)

// KindOfFact returns a fact's kind.
func KindOfFact(key string) FactKind {
	for _, r := range factRules(1) {
		if r.key == key {
			return r.kind
		}
	}
	return FactOfProgram
}

// A factRule is what is held of a fact. Without a grade every value is good.
type factRule struct {
	key    string
	kind   FactKind
	grade  func(value string) FactGrade // of a value in lower case
	trust  bool
	title  string // %s is the value
	good   string
	effect string
	remedy string
}

// factRules is the table. It is a function, since what a child links has no
// work to do before main.
func factRules(cores float64) []factRule {
	const (
		machine   = FactOfMachine
		moment    = FactOfMoment
		container = "Run outside the container, or lift its limit."
	)
	sysctl := func(key, value string) string { return "sysctl -w " + key + "=" + value }
	return []factRule{
		{key: "goos", kind: machine},
		{key: "goarch", kind: machine},
		{key: "go"},
		{key: "cores", kind: machine, grade: atLeast(FactNote, 2), trust: true, title: "one core", good: "2 or more",
			effect: "Nothing runs in parallel: no model can gain from a second core.", remedy: "A machine with more cores."},
		{key: "cpu", kind: machine},
		{key: "virtual", kind: machine, grade: unless(FactNote, "none", "no", "false"), trust: true, title: "virtual machine", good: "none",
			effect: "Neighbours and the hypervisor's scheduler are in the numbers. Ratios within one run stand, absolute figures do not.", remedy: "Bare metal."},
		{key: "hypervisor", kind: machine},
		{key: "container"},
		{key: "smt", kind: machine, grade: is(FactNote, "on", "1", "active"), trust: true, title: "SMT on", good: "off, or a CPU set without siblings",
			effect: "Two CPUs may share one core: parallel models gain less from the second.", remedy: "Run on one CPU of each core, as in: taskset -c 0,2 make bench"},
		{key: "threads-per-core", kind: machine},
		{key: "governor", kind: machine, grade: unless(FactNote, "performance", "none"), trust: true, title: "frequency governor %s", good: "performance",
			effect: "The processor's frequency follows the load: short results may be slower than long ones.", remedy: "cpupower frequency-set -g performance"},
		{key: "cpu-frequency", kind: machine},
		{key: "turbo", kind: machine, grade: is(FactNote, "on"), trust: true, title: "turbo on", good: "off",
			effect: "A core is faster while it is cool and others rest: what runs on one core looks better than on all.",
			remedy: "echo 1 > /sys/devices/system/cpu/intel_pstate/no_turbo, or echo 0 > /sys/devices/system/cpu/cpufreq/boost"},
		{key: "throttled", kind: moment, grade: atMost(FactNote, 0), good: "0 times",
			effect: "The processor has been slowed down for its heat, and may be again.", remedy: "Better cooling, or a lower frequency that is fixed."},
		{key: "power", kind: machine, grade: is(FactBad, "battery"), trust: true, title: "on battery", good: "mains",
			effect: "The processor saves power as it sees fit.", remedy: "Plug the machine in."},
		{key: "mitigations", kind: machine},
		{key: "affinity"},
		{key: "isolated-cpus", kind: machine},
		{key: "numa-nodes", kind: machine, grade: atMost(FactNote, 1), trust: true, title: "%s NUMA nodes", good: "1",
			effect: "Memory of another node is slower, and which node it is of differs from run to run.", remedy: "Stay on one: numactl --cpunodebind=0 --membind=0 make bench"},
		{key: "cgroup-quota", kind: machine, grade: unless(FactBad, "none", "max", "unlimited"), trust: true, title: "cgroup CPU quota", good: "none",
			effect: "The kernel throttles the run within each period: long pauses that no model made.", remedy: "Run outside the container, or lift the quota."},
		{key: "cgroup-memory", kind: machine, grade: atLeast(FactBad, 1024), good: "1024 MiB or more",
			effect: "Processes that need more are killed: cases of many units fail.", remedy: container},
		{key: "cgroup-processes", grade: atLeast(FactBad, 4096), good: "4096 or more",
			effect: "Cases of more threads or processes are void.", remedy: container},
		{key: "memory", kind: machine, grade: atLeast(FactBad, 1024), good: "1024 MiB or more",
			effect: "Cases of many units do not fit.", remedy: "A larger machine."},
		{key: "memory-free", kind: moment, grade: atLeast(FactBad, 512), good: "512 MiB or more",
			effect: "Cases of many units push others' pages out, or are killed.", remedy: "Stop other programs."},
		{key: "swap", kind: moment, grade: atMost(FactNote, 0), good: "none in use",
			effect: "Pages come back from the disk in the midst of a measurement.", remedy: "Free memory, then: swapoff -a && swapon -a"},
		{key: "thp", kind: machine, grade: is(FactNote, "always"), trust: true, title: "huge pages always", good: "madvise",
			effect: "Memory comes in pages of 2 MiB, so that small units look large, and the kernel copies it to make such pages.",
			remedy: "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"},
		{key: "load", kind: moment, grade: atMost(FactBad, LoadBefore*cores), good: fmt.Sprintf("%.2g or less", LoadBefore*cores),
			effect: "Other programs take time from the benchmark.", remedy: "Stop them (top shows which), and wait a minute."},
		{key: "pressure-cpu", kind: moment, grade: atMost(FactBad, PressureBefore), good: fmt.Sprintf("%g %% or less", PressureBefore),
			effect: "Tasks wait for a processor.", remedy: "Stop other programs."},
		{key: "pressure-memory", kind: moment, grade: atMost(FactBad, PressureBefore), good: fmt.Sprintf("%g %% or less", PressureBefore),
			effect: "Tasks wait for memory to be freed.", remedy: "Stop other programs."},
		{key: "pressure-io", kind: moment, grade: atMost(FactBad, PressureBefore), good: fmt.Sprintf("%g %% or less", PressureBefore),
			effect: "Tasks wait for the disk.", remedy: "Stop other programs, or wait until they have written."},
		{key: "steal", kind: moment, grade: atMost(FactNote, StealWarns), good: fmt.Sprintf("%g %% or less", StealWarns),
			effect: "The hypervisor gives the processor to other guests.", remedy: "A dedicated machine, or another hour."},
		{key: "nice", grade: atMost(FactBad, 0), trust: true, title: "niceness %s", good: "0",
			effect: "Whatever else runs goes before the benchmark.", remedy: "Start it without nice."},
		{key: "clock-source", kind: machine, grade: unless(FactBad, "tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter"), good: "tsc",
			effect: "Reading the clock is slow: see clock-read-ns.", remedy: "echo tsc > /sys/devices/system/clocksource/clocksource0/current_clocksource, if it is in available_clocksource there."},
		{key: "clock-read-ns", kind: moment, grade: atMost(FactBad, ClockReadWarns), trust: true, title: "reading the clock takes %s ns", good: fmt.Sprintf("%g or less", ClockReadWarns),
			effect: "A latency includes one reading of the clock: those of short ops are mostly that.", remedy: "See clock-source; or compare throughput alone."},
		{key: "timer-slack-ns", grade: atMost(FactNote, 50_000), trust: true, title: "timer slack of %s ns", good: "50000",
			effect: "Sleeps end later than on other machines.", remedy: "Start it from a login shell: what started it has raised its slack."},
		{key: "kernel", kind: machine},
		{key: "aslr", kind: machine, grade: is(FactNote, "0"), trust: true, title: "no address randomisation", good: "2",
			effect: "Every process has the same layout in memory: what that does to its speed does not average out.", remedy: sysctl("kernel.randomize_va_space", "2")},
		{key: "limit-files", grade: atLeast(FactBad, 4096), good: "4096 or more",
			effect: "Cases of many connections or processes are void.", remedy: "ulimit -n 20000"},
		{key: "limit-processes", grade: atLeast(FactBad, 4096), good: "4096 or more",
			effect: "Cases of many threads or processes are void.", remedy: "ulimit -u 20000"},
		{key: "threads-max", grade: atLeast(FactBad, 16384), good: "16384 or more",
			effect: "Cases of many threads are void.", remedy: sysctl("kernel.threads-max", "100000")},
		{key: "pid-max", grade: atLeast(FactBad, 16384), good: "16384 or more",
			effect: "Cases of many threads or processes are void.", remedy: sysctl("kernel.pid_max", "100000")},
		{key: "mappings-max", grade: atLeast(FactBad, 65530), good: "65530 or more",
			effect: "A program of many threads runs out of mappings.", remedy: sysctl("vm.max_map_count", "262144")},
		{key: "ports", grade: atLeast(FactBad, 10_000), good: "10000 or more",
			effect: "Cases of many connections run out of local ports.", remedy: sysctl("net.ipv4.ip_local_port_range", "'32768 60999'")},
		{key: "somaxconn", grade: atLeast(FactBad, 1024), good: "1024 or more",
			effect: "Of connections that come at once some are refused, and try again a second later.", remedy: sysctl("net.core.somaxconn", "4096")},
		{key: "disk-free", kind: moment, grade: atLeast(FactBad, 256), good: "256 MiB or more",
			effect: "The results may not fit.", remedy: "Free some, or write elsewhere: OUT=DIR"},
		{key: "perf-event-paranoid"},
		{key: "perf-counters", kind: machine, grade: unless(FactNote, "yes"), good: "yes",
			effect: "Results have no instructions, cycles and cache misses per op, or not all of them.",
			remedy: "Bare metal, or a virtual machine with counters of its own. If they may not be read: " + sysctl("kernel.perf_event_paranoid", "1")},
		{key: "godebug", grade: unless(FactNote, "not set"), trust: true, title: "GODEBUG is set", good: "not set",
			effect: "The Go runtime behaves otherwise than by default.", remedy: "unset GODEBUG"},
		{key: "gogc", grade: unless(FactNote, "not set", "100"), trust: true, title: "GOGC is set", good: "not set",
			effect: "Garbage is collected at other moments than by default: memory and speed of in-process models are others.", remedy: "unset GOGC"},
		{key: "gomemlimit", grade: unless(FactNote, "not set", "off"), trust: true, title: "GOMEMLIMIT is set", good: "not set",
			effect: "Near the limit garbage is collected more often than by default.", remedy: "unset GOMEMLIMIT"},
	}
}

// is grades what is one of the values, unless what is not.
func is(g FactGrade, values ...string) func(string) FactGrade {
	return func(v string) FactGrade {
		if slices.Contains(values, v) {
			return g
		}
		return FactGood
	}
}

func unless(g FactGrade, values ...string) func(string) FactGrade {
	return func(v string) FactGrade {
		if word, _, _ := strings.Cut(v, " "); slices.Contains(values, v) || slices.Contains(values, word) {
			return FactGood
		}
		return g
	}
}

// atLeast grades values whose first word is a smaller number, atMost those
// whose first word is a larger one. Other words, such as "none", are good.
func atLeast(g FactGrade, n float64) func(string) FactGrade {
	return func(v string) FactGrade { return compared(v, func(x float64) bool { return x < n }, g) }
}

func atMost(g FactGrade, n float64) func(string) FactGrade {
	return func(v string) FactGrade { return compared(v, func(x float64) bool { return x > n }, g) }
}

func compared(value string, beyond func(float64) bool, g FactGrade) FactGrade {
	word, _, _ := strings.Cut(value, " ")
	if x, err := strconv.ParseFloat(word, 64); err == nil && beyond(x) {
		return g
	}
	return FactGood
}
