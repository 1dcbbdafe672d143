package host

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/bench/benchlog"
	_ "switchyard/bench/testenv"
)

// values returns facts by key.
func values(t *testing.T, facts []benchlog.Fact) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for _, f := range facts {
		if _, twice := all[f.Key]; twice || f.Value == "" || strings.ContainsAny(f.Key+f.Value, "\r\n\t") || strings.ContainsAny(f.Key, ": ") {
			t.Errorf("fact %q: %q", f.Key, f.Value)
		}
		all[f.Key] = f.Value
	}
	return all
}

// The facts are what others say of this machine.
func TestFacts(t *testing.T) {
	got := values(t, Facts(t.TempDir()))
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		t.Fatal(err)
	}
	files := strconv.FormatUint(r.Cur, 10)
	if r.Cur == unix.RLIM_INFINITY {
		files = "unlimited"
	}
	model := command(t, "sh", "-c", `sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1`)
	if model == "" {
		model = unknown
	}
	for key, want := range map[string]string{
		"goos": runtime.GOOS, "goarch": runtime.GOARCH, "go": runtime.Version(), "cores": strconv.Itoa(runtime.NumCPU()),
		"pkg": "switchyard", "commit": Commit(), "limit-files": files,
		"kernel": command(t, "uname", "-r"), "cpu": strings.Join(strings.Fields(model), " "),
		"memory":  command(t, "awk", `/^MemTotal:/ { printf "%d MiB", int($2 / 1024) }`, "/proc/meminfo"),
		"nice":    command(t, "nice"),
		"godebug": "not set", "gogc": "not set",
	} {
		if os.Getenv(strings.ToUpper(key)) == "" && got[key] != want {
			t.Errorf("%s is %q, want %q", key, got[key], want)
		}
	}
	if runtime.GOARCH == "amd64" {
		if want := command(t, "sh", "-c", `if grep -qw hypervisor /proc/cpuinfo; then echo yes; else echo no; fi`); got["virtual"] != want {
			t.Errorf("virtual is %q, want %q", got["virtual"], want)
		}
	}
	if ns, err := strconv.ParseFloat(got["clock-read-ns"], 64); err != nil || ns < 1 || ns > 1e6 {
		t.Errorf("reading the clock takes %q ns: %v", got["clock-read-ns"], err)
	}
	if c := got["perf-counters"]; c != "yes" && !strings.Contains(c, ": ") {
		t.Errorf("of the counters it says %q", c)
	}
	if len(facts) < 25 {
		t.Errorf("%d facts", len(facts))
	}
	if _, total := This("").Ticks(); total <= 0 {
		t.Error("this machine has no ticks")
	}
}

// The cost of a reading is that of one.
func TestClockRead(t *testing.T) {
	const n = 20_000
	one := math.Inf(1)
	for range 10 {
		began := time.Now()
		for range n {
			time.Since(began)
		}
		one = min(one, float64(time.Since(began))/n)
	}
	if got := clockRead(); got < one/10 || got > one*1000 { // it may be interrupted
		t.Errorf("%v ns, want some %v", got, one)
	}
}

// command returns what a program prints.
func command(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		t.Skip(err)
	}
	return strings.TrimSpace(string(out))
}

// What is read of the machine is closed again.
func TestFactsClose(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what was forgotten
	open := func() int { entries, _ := os.ReadDir("/proc/self/fd"); return len(entries) }
	Facts("") // opens what is opened once, for the poller
	before := open()
	Facts("")
	if after := open(); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// The disk is that of the nearest directory that is there.
func TestDiskFree(t *testing.T) {
	dir := t.TempDir()
	there, err := diskFree(dir)
	if err != nil || there == 0 {
		t.Fatalf("%d bytes, error %v", there, err)
	}
	if later, err := diskFree(filepath.Join(dir, "not", "there", "yet")); err != nil || later > 2*there || later < there/2 {
		t.Errorf("below it %d bytes, error %v; in it %d", later, err, there)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := diskFree(filepath.Join(dir, "file", "below")); err == nil {
		t.Error("there is room below a file")
	}
}

// tree makes a file system of files with these texts.
func tree(texts map[string]string) fs.FS {
	root := fstest.MapFS{}
	for name, text := range texts {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

// fact returns one fact of a machine that has these files alone.
func fact(t *testing.T, key string, texts map[string]string) string {
	t.Helper()
	m := Machine{
		Root: tree(texts), Env: func(string) string { return "" }, ClockRead: func() float64 { return 25 },
		DiskFree: func() (uint64, error) { return 0, errors.ErrUnsupported }, Counters: func() string { return "" },
	}
	all := m.Facts()
	i := slices.IndexFunc(all, func(f benchlog.Fact) bool { return f.Key == key })
	if i < 0 {
		t.Fatalf("no fact %q", key)
	}
	return all[i].Value
}

// Where nothing can be read nothing is known, and nothing fails.
func TestNothingThere(t *testing.T) {
	m := Machine{
		Root: fstest.MapFS{}, Env: func(string) string { return "" }, Cores: 3, ClockRead: func() float64 { return 25.04 },
		DiskFree: func() (uint64, error) { return 0, errors.ErrUnsupported }, Counters: func() string { return "" },
	}
	known := map[string]string{"cores": "3", "clock-read-ns": "25.0", "godebug": "not set", "gogc": "not set", "gomemlimit": "not set"}
	for key, got := range values(t, m.Facts()) {
		want := known[key]
		if want == "" {
			want = unknown
		}
		if got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	if load := m.Load1(); load != 0 {
		t.Errorf("load %v", load)
	}
}

// Texts of files, and what they come to.
func TestReadings(t *testing.T) {
	const limits = "Limit                     Soft Limit           Hard Limit           Units     \n" +
		"Max processes             96365                96365                processes \n" +
		"Max open files            unlimited            1048576              files     \n" +
		"Max nice priority         0                    0                    \n"
	for _, tt := range []struct {
		key  string
		want string
		file string
		text string
	}{
		{"cpu", "Intel(R) Xeon x", "proc/cpuinfo", "processor\t: 0\nmodel name\t: Intel(R)   Xeon \t x \nmodel name\t: other\n"},
		{"cpu", unknown, "proc/cpuinfo", "processor\t: 0\nFeatures\t: fp asimd\n"}, // ARM has none
		{"virtual", "yes", "proc/cpuinfo", "flags\t\t: fpu vme hypervisor lahf_lm\n"},
		{"virtual", "no", "proc/cpuinfo", "flags\t\t: fpu vme no_hypervisor\n"},
		{"virtual", "no", "proc/cpuinfo", "Features\t: fp asimd\n"},
		{"virtual", "yes", "sys/hypervisor/type", "xen\n"},
		{"virtual", unknown, "proc/none", ""},
		{"turbo", "on", "sys/devices/system/cpu/intel_pstate/no_turbo", "0\n"},
		{"turbo", "off", "sys/devices/system/cpu/intel_pstate/no_turbo", "1\n"},
		{"turbo", "on", "sys/devices/system/cpu/cpufreq/boost", "1\n"},
		{"turbo", "off", "sys/devices/system/cpu/cpufreq/boost", "0\n"},
		{"container", "docker", ".dockerenv", ""},
		{"container", "podman", "run/.containerenv", ""},
		{"container", "kubepods", "proc/self/cgroup", "0::/kubepods.slice/docker-1.scope\n"},
		{"container", "none seen", "proc/self/cgroup", "0::/user.slice\n"},
		{"throttled", "12 times", "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count", "12\n"},
		{"power", "mains", "sys/class/power_supply/AC/type", "Battery\n"}, // see below
		{"isolated-cpus", "none", "sys/devices/system/cpu/isolated", "\n"},
		{"isolated-cpus", "2-3", "sys/devices/system/cpu/isolated", "2-3\n"},
		{"numa-nodes", "1", "sys/devices/system/node/online", "0\n"},
		{"numa-nodes", "6", "sys/devices/system/node/has_memory", "0-3,6,8\n"},
		{"numa-nodes", unknown, "sys/devices/system/node/online", "0-x\n"},
		{"threads-per-core", "2", "sys/devices/system/cpu/cpu0/topology/thread_siblings_list", "0,64\n"},
		{"limit-processes", "96365", "proc/self/limits", limits},
		{"limit-files", "unlimited", "proc/self/limits", limits},
		{"limit-files", unknown, "proc/self/limits", "Max open files\n"},
		{"ports", "28233 (32768 to 61000)", "proc/sys/net/ipv4/ip_local_port_range", "32768\t61000\n"},
		{"ports", unknown, "proc/sys/net/ipv4/ip_local_port_range", "61000 32768\n"},
		{"thp", "madvise", "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n"},
		{"thp", unknown, "sys/kernel/mm/transparent_hugepage/enabled", "always\n"},
		{"load", "1.25", "proc/loadavg", "1.25 0.50 0.25 2/345 6789\n"},
		{"pressure-io", "1.50 %", "proc/pressure/io", "some avg10=1.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=9.00 avg60=0 avg300=0 total=1\n"},
		{"pressure-io", unknown, "proc/pressure/io", "full avg10=9.00 avg60=0 avg300=0 total=1\n"},
		{"steal", "10.00 %", "proc/stat", "cpu  100 0 200 500 0 50 50 100 70 0\ncpu0 1 1 1 1\n"},
		{"steal", unknown, "proc/stat", "cpu\n"},
		{"nice", "-5", "proc/self/stat", "12 (a) b) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 -5 17 18\n"},
		{"nice", unknown, "proc/self/stat", "12 (a) S\n"},
		{"memory", "3000 MiB", "proc/meminfo", "MemFree: 12 kB\nMemTotal:        3072000 kB\n"},
		{"swap", "none", "proc/meminfo", "SwapTotal: 0 kB\nSwapFree: 0 kB\n"},
		{"swap", "2 of 3 MiB in use", "proc/meminfo", "SwapTotal: 3072 kB\nSwapFree: 1024 kB\n"},
		{"swap", unknown, "proc/meminfo", "SwapTotal: 3072 kB\n"},
	} {
		texts := map[string]string{tt.file: tt.text}
		if tt.key == "power" {
			texts["sys/class/power_supply/BAT0/type"] = "Mains\n" // names say nothing
			texts["sys/class/power_supply/BAT0/online"] = "1\n"
		}
		if got := fact(t, tt.key, texts); got != tt.want {
			t.Errorf("%s of %q in %s: %q, want %q", tt.key, tt.text, tt.file, got, tt.want)
		}
	}
	// A mouse's battery is not what feeds the machine.
	mouse := map[string]string{"sys/class/power_supply/hid/type": "Battery\n", "sys/class/power_supply/hid/scope": "Device\n"}
	if got := fact(t, "power", mouse); got != unknown {
		t.Errorf("a mouse's battery: %q", got)
	}
	mouse["sys/class/power_supply/BAT1/type"] = "Battery\n"
	if got := fact(t, "power", mouse); got != "battery" {
		t.Errorf("a battery alone: %q", got)
	}
	// A cloud's virtual machine without the flag, and its metal one.
	arm := map[string]string{
		"proc/cpuinfo": "Features\t: fp\n", "sys/class/dmi/id/sys_vendor": "Amazon EC2\n", "sys/class/dmi/id/product_name": "c7g.large\n",
	}
	if got := fact(t, "virtual", arm) + ", " + fact(t, "hypervisor", arm); got != "yes, Amazon EC2 c7g.large" {
		t.Error(got)
	}
	arm["sys/class/dmi/id/product_name"] = "c7g.metal\n"
	if got := fact(t, "virtual", arm); got != "no" {
		t.Errorf("a metal instance is virtual: %q", got)
	}
}

// A case on some of the CPUs has as many cores as it can: whether the kernel
// numbers siblings apart, as on most of Intel's, or side by side.
func TestSpread(t *testing.T) {
	topology := func(groups ...string) *Machine {
		files := make(map[string]string)
		for _, g := range groups {
			cpus, err := ParseCPUs(g)
			if err != nil {
				t.Fatal(err)
			}
			for _, cpu := range cpus {
				files[fmt.Sprintf("sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu)] = g + "\n"
			}
		}
		return &Machine{Root: tree(files)}
	}
	for what, test := range map[string]struct {
		m    *Machine
		cpus []int
		want string
	}{
		"apart":        {topology("0,4", "1,5", "2,6", "3,7"), []int{0, 1, 2, 3, 4, 5, 6, 7}, "[0 1 2 3 4 5 6 7]"},
		"side by side": {topology("0-1", "2-3", "4-5"), []int{0, 1, 2, 3, 4, 5}, "[0 2 4 1 3 5]"},
		"four of each": {topology("0-3", "4-7"), []int{0, 1, 2, 3, 4, 5, 6, 7}, "[0 4 1 5 2 6 3 7]"},
		"some of them": {topology("0-1", "2-3"), []int{1, 2, 3}, "[1 2 3]"},
		"no siblings":  {topology("0", "1"), []int{0, 1}, "[0 1]"},
		"unknown":      {topology(), []int{3, 5}, "[3 5]"},
		"none":         {topology(), nil, "[]"},
	} {
		given := fmt.Sprint(test.cpus)
		if got := fmt.Sprint(test.m.Spread(test.cpus)); got != test.want || fmt.Sprint(test.cpus) != given {
			t.Errorf("%s: %s of %v, want %s", what, got, test.cpus, test.want)
		}
	}
}

func TestMitigations(t *testing.T) {
	for want, texts := range map[string]map[string]string{
		unknown:               nil,
		"0 mitigated, 0 open": {"meltdown": "Not affected\n"},
		"2 mitigated, 1 open": {
			"a": "Mitigation: PTI\n", "b": "Mitigation; no SMT\n", "c": "Vulnerable: no microcode\n", "d": "Not affected\n", "e": "",
		},
	} {
		files := make(map[string]string)
		for name, text := range texts {
			files["sys/devices/system/cpu/vulnerabilities/"+name] = text
		}
		if got := fact(t, "mitigations", files); got != want {
			t.Errorf("%v: %q, want %q", texts, got, want)
		}
	}
}

// The quota is the smallest of those of the process's group and all above: each
// of them binds.
func TestCgroupQuota(t *testing.T) {
	files := map[string]string{
		"sys/fs/cgroup/cpu.max": "700000 100000\n", "sys/fs/cgroup/a/cpu.max": "max 100000\n", "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n",
		"sys/fs/cgroup/a/b/c/cpu.max": "max 100000\n", "sys/fs/cgroup/a/d/cpu.max": "x y\n", "sys/fs/cgroup/a/e/cpu.max": "50000 0\n",
		"sys/fs/cgroup/a/b/f/cpu.max": "300000 100000\n",
	}
	for self, want := range map[string]string{
		"0::/a/b/c\n":                    "1.50 CPUs",
		"0::/a/b/f\n":                    "1.50 CPUs", // more than its parent has
		"12:cpu:/x\n0::/a/b\n":           "1.50 CPUs",
		"0::/a\n":                        "7.00 CPUs",
		"0::/a/d\n":                      "7.00 CPUs",
		"0::/a/e\n":                      "7.00 CPUs",
		"0::/a/not/there\n":              "7.00 CPUs",
		"0::/\n":                         "7.00 CPUs",
		"":                               "7.00 CPUs",
		"0::/../../../../../../../../..": "7.00 CPUs", // outside of the namespace's root: that binds too
	} {
		files["proc/self/cgroup"] = self
		if got := fact(t, "cgroup-quota", files); got != want {
			t.Errorf("%q: %q, want %q", self, got, want)
		}
	}
	for want, files := range map[string]map[string]string{
		"none":  {"proc/self/cgroup": "0::/a", "sys/fs/cgroup/a/cpu.max": "max 100000"},
		unknown: {"proc/self/cgroup": "0::/a"},
	} {
		if got := fact(t, "cgroup-quota", files); got != want {
			t.Errorf("%v: %q, want %q", files, got, want)
		}
	}
}

// Version 1 has a hierarchy per controller, or several together, and other
// files. In a container the path is often that outside of it.
func TestCgroupVersion1(t *testing.T) {
	files := map[string]string{
		"proc/self/cgroup":                                 "11:pids:/docker/1\n4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n2:cpuset:/\n1:name=systemd:/docker/1\n0::/docker/1\n",
		"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us":       "250000\n",
		"sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us":      "100000\n",
		"sys/fs/cgroup/memory/memory.limit_in_bytes":       "536870912\n",
		"sys/fs/cgroup/pids/pids.max":                      "max\n",
		"sys/fs/cgroup/pids/docker/1/pids.max":             "512\n",
		"sys/fs/cgroup/unified/docker/1/cgroup.procs":      "",
		"sys/fs/cgroup/cpuset/cpu.cfs_quota_us":            "1\n",
		"sys/fs/cgroup/cpuset/cpu.cfs_period_us":           "1\n",
		"sys/fs/cgroup/memory/other/memory.limit_in_bytes": "1\n",
	}
	for key, want := range map[string]string{"cgroup-quota": "2.50 CPUs", "cgroup-memory": "512 MiB", "cgroup-processes": "512", "container": "docker"} {
		if got := fact(t, key, files); got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	// No quota is -1, no limit of memory a huge number.
	files["sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us"] = "-1\n"
	files["sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712\n"
	for _, key := range []string{"cgroup-quota", "cgroup-memory"} {
		if got := fact(t, key, files); got != "none" {
			t.Errorf("%s is %q, want none", key, got)
		}
	}
}

// The ticks of a line of /proc/stat: user, nice, system, idle, iowait, irq,
// softirq and steal; those of guests are in user and nice already.
func TestTicks(t *testing.T) {
	for text, want := range map[string][2]float64{
		"cpu  1 20 300 4000 50000 600000 7000000 80000000 900000000 900000000\ncpu0 1 1 1 1 1 1 1 1 1 1\n": {80_000_000, 87_654_321},
		"cpu 1 2 3 4\n": {0, 10},
		"":              {0, 0},
	} {
		m := Machine{Root: tree(map[string]string{"proc/stat": text})}
		if stolen, total := m.Ticks(); stolen != want[0] || total != want[1] {
			t.Errorf("%q: %v of %v, want %v of %v", text, stolen, total, want[0], want[1])
		}
	}
}

func TestLoad1(t *testing.T) {
	for text, want := range map[string]float64{"1.25 0.50 0.25 2/345 6789\n": 1.25, "0.00 0 0": 0, "": 0, "x": 0} {
		m := Machine{Root: tree(map[string]string{"proc/loadavg": text})}
		if got := m.Load1(); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// The idle and stolen time of some CPUs, and how many of them there are; the
// line of all CPUs together is none.
func TestCPUTimes(t *testing.T) {
	const stat = "cpu  9 9 9 9 9 9 9 9\ncpu0 1 2 3 400 50 6 7 80 9 9\ncpu1 1 2 3 4 5 6 7 8 9 9\ncpu10 1 1 1 100 1 1 1 1 1 1\nintr 5\n"
	for _, tt := range []struct {
		text         string
		cpus         []int
		found        int
		idle, stolen time.Duration
	}{
		{stat, []int{0}, 1, 4500 * time.Millisecond, 800 * time.Millisecond},
		{stat, []int{0, 1}, 2, 4590 * time.Millisecond, 880 * time.Millisecond},
		{stat, []int{1, 10, 11}, 2, 1100 * time.Millisecond, 90 * time.Millisecond},
		{stat, nil, 0, 0, 0},
		{"cpu0 1 2 3 4\n", []int{0}, 1, 40 * time.Millisecond, 0}, // a kernel that counts less
		{"", []int{0}, 0, 0, 0},
	} {
		m := Machine{Root: tree(map[string]string{"proc/stat": tt.text})}
		if found, idle, stolen := m.CPUTimes(tt.cpus); found != tt.found || idle != tt.idle || stolen != tt.stolen {
			t.Errorf("%d of %q: %d, %v, %v, want %d, %v, %v", tt.cpus, tt.text, found, idle, stolen, tt.found, tt.idle, tt.stolen)
		}
	}
}

// How long tasks have waited on some CPUs is the eighth number of each in
// Documentation/scheduler/sched-stats.rst; the lines of domains are none.
func TestRunQueueWait(t *testing.T) {
	const stat = "version 17\ntimestamp 4295\ncpu0 1 0 3 4 5 6 7000 8000000 9\ndomain0 MC 3 1 2 3 4 5 6 7 8 9\ncpu1 1 0 3 4 5 6 7 1000 9\ncpu10 1 0 3 4 5 6 7 500 9\n"
	for _, tt := range []struct {
		text string
		cpus []int
		want time.Duration
	}{
		{stat, []int{0}, 8 * time.Millisecond},
		{stat, []int{0, 1}, 8*time.Millisecond + time.Microsecond},
		{stat, []int{1, 10, 11}, 1500},
		{stat, nil, 0},
		{"version 15\ncpu0 0 0\n", []int{0}, 0}, // a kernel that counts less
		{"cpu0 1 0 3 4 5 6 7 x 9\n", []int{0}, 0},
		{"", []int{0}, 0},
	} {
		m := Machine{Root: tree(map[string]string{"proc/schedstat": tt.text})}
		if got := m.RunQueueWait(tt.cpus); got != tt.want {
			t.Errorf("%d of %q: %v, want %v", tt.cpus, tt.text, got, tt.want)
		}
	}
}

// The kernel's threads are the children of kthreadd, whatever they are called.
func TestKernelThreads(t *testing.T) {
	stat := func(name string, parent, user, system int) string {
		return fmt.Sprintf("7 (%s) S %d 0 0 0 -1 69238880 0 0 0 0 %d %d 8 9 20 0 1 0 26 0 0", name, parent, user, system)
	}
	m := Machine{Root: tree(map[string]string{
		"proc/2/stat":    stat("kthreadd", 0, 1000, 1000),
		"proc/16/stat":   stat("ksoftirqd/0", 2, 0, 34),
		"proc/22/stat":   stat("odd) R 1 0 (", 2, 5, 0),
		"proc/300/stat":  stat("kthreadd) S 2 0", 1, 100, 100), // a program that would like to be one
		"proc/301/stat":  "301 (",
		"proc/302/stat":  "",
		"proc/loadavg":   "1 2 3",
		"proc/self/stat": stat("a second look", 2, 100, 100),
	})}
	if got := m.KernelThreads(); got != 390*time.Millisecond {
		t.Errorf("they ran for %v, want 390ms", got)
	}
	if got := (&Machine{Root: tree(nil)}).KernelThreads(); got != 0 {
		t.Errorf("where there are none they ran for %v", got)
	}
}

func TestStalled(t *testing.T) {
	const file = "some avg10=5.82 avg60=4.11 avg300=12.71 total=14400161409\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n"
	for text, want := range map[string]time.Duration{file: 14400161409 * time.Microsecond, "some total=5": 5 * time.Microsecond, "some\nfull total=5\n": 0, "": 0, "x": 0} {
		m := Machine{Root: tree(map[string]string{"proc/pressure/io": text})}
		if got := m.Stalled("io"); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
		if got := m.Stalled("memory"); got != 0 {
			t.Errorf("a file that is not there: %v", got)
		}
	}
}
