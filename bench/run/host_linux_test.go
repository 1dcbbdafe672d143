package run

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// The facts are what others say of this machine.
func TestHostFacts(t *testing.T) {
	facts := make(map[string]string)
	for _, f := range HostFacts() {
		if _, twice := facts[f.Key]; twice || f.Value == "" || strings.ContainsAny(f.Key+f.Value, "\r\n\t") || strings.Contains(f.Key, ":") {
			t.Errorf("fact %q: %q", f.Key, f.Value)
		}
		facts[f.Key] = f.Value
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	files := strconv.FormatUint(limit.Cur, 10)
	if limit.Cur == unix.RLIM_INFINITY {
		files = "unlimited"
	}
	for key, want := range map[string]string{
		"goos": runtime.GOOS, "goarch": runtime.GOARCH, "go": runtime.Version(), "cores": strconv.Itoa(runtime.NumCPU()),
		"pkg": "switchyard", "commit": Commit(), "limit-files": files,
		"kernel": command(t, "uname", "-r"),
		"memory": command(t, "awk", `/^MemTotal:/ { printf "%d MiB", int($2 / 1024) }`, "/proc/meminfo"),
	} {
		if got := facts[key]; got != want {
			t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	for _, key := range []string{"cpu", "virtual", "smt", "governor", "mitigations", "cgroup-quota", "limit-processes"} {
		if facts[key] == "" {
			t.Errorf("nothing is said of %s", key)
		}
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

func TestOneLine(t *testing.T) {
	if got := oneLine(" Intel(R)\n  Xeon \t x "); got != "Intel(R) Xeon x" {
		t.Errorf("got %q", got)
	}
}

func TestLimitText(t *testing.T) {
	for n, want := range map[uint64]string{0: "0", 1024: "1024", unix.RLIM_INFINITY: "unlimited", unix.RLIM_INFINITY - 1: "18446744073709551614"} {
		if got := limitText(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

// files makes a directory with these files.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMitigations(t *testing.T) {
	for want, texts := range map[string]map[string]string{
		"unknown":             nil,
		"0 mitigated, 0 open": {"meltdown": "Not affected\n"},
		"2 mitigated, 1 open": {
			"a": "Mitigation: PTI\n", "b": "Mitigation; no SMT\n", "c": "Vulnerable: no microcode\n", "d": "Not affected\n", "e": "",
		},
	} {
		if got := mitigations(files(t, texts)); got != want {
			t.Errorf("%v: %q, want %q", texts, got, want)
		}
	}
}

// The quota is that of the nearest group above the process that has one.
func TestCgroupQuota(t *testing.T) {
	root := files(t, map[string]string{
		"cpu.max": "700000 100000\n", "a/cpu.max": "max 100000\n", "a/b/cpu.max": "150000 100000\n", "a/b/c/cpu.max": "max 100000\n", "a/d/cpu.max": "x y\n",
		"a/e/cpu.max": "50000 0\n",
	})
	for self, want := range map[string]string{
		"0::/a/b/c\n":                    "1.50 CPUs",
		"12:cpu:/x\n0::/a/b\n":           "1.50 CPUs",
		"0::/a\n":                        "7.00 CPUs",
		"0::/a/d\n":                      "7.00 CPUs",
		"0::/a/e\n":                      "7.00 CPUs",
		"0::/a/not/there\n":              "7.00 CPUs",
		"0::/\n":                         "7.00 CPUs",
		"":                               "7.00 CPUs",
		"0::/../../../../../../../../..": "none",
	} {
		if got := cgroupQuota(self, root); got != want {
			t.Errorf("%q: %q, want %q", self, got, want)
		}
	}
	if got := cgroupQuota("0::/a", files(t, map[string]string{"a/cpu.max": "max 100000"})); got != "none" {
		t.Errorf("no quota anywhere: %q", got)
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
		if stolen, total := ticks(text); stolen != want[0] || total != want[1] {
			t.Errorf("%q: %v of %v, want %v of %v", text, stolen, total, want[0], want[1])
		}
	}
	if _, total := cpuTicks(); total <= 0 {
		t.Error("this machine has no ticks")
	}
}

func TestLoad(t *testing.T) {
	for text, want := range map[string]float64{"1.25 0.50 0.25 2/345 6789\n": 1.25, "0.00 0 0": 0, "": 0, "x": 0} {
		if got := load(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
