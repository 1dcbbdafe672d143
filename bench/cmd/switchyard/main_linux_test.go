package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"

	"switchyard/bench"
)

// The test program is also switchyard, and the runner that it starts.
const roleVariable = "SWITCHYARD_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "switchyard":
		os.Setenv(roleVariable, "runner")
		main()
	case "runner":
		os.Exit(bench.Runner(os.Args[1:], doubles(), os.Stdout, os.Stderr))
	case "worker":
		time.Sleep(time.Hour)
	default:
		os.Exit(m.Run())
	}
}

// doubles are workloads that stand in for real ones.
func doubles() []*bench.Workload {
	double := func(name string, impl bench.Func) *bench.Workload {
		w := &bench.Workload{
			Name: name, Story: "A test double.", Op: "op",
			Want:  func(b *bench.B) uint64 { return uint64(b.N) },
			Impls: map[bench.Model]bench.Func{bench.Serial: good, bench.Goroutine: impl},
			NA:    make(map[bench.Model]string),
		}
		for _, m := range bench.Models() {
			if w.Impls[m] == nil {
				w.NA[m] = "the double has no " + string(m)
			}
		}
		return w
	}
	return []*bench.Workload{
		double("Good", good),
		double("Wrong", func(b *bench.B) (uint64, error) { n, err := good(b); return n + 1, err }),
		double("Hangs", func(b *bench.B) (uint64, error) {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), roleVariable+"=worker")
			// As the workers of package procs do, it dies with its parent.
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
			if err := cmd.Start(); err != nil {
				return 0, err
			}
			time.Sleep(time.Hour) // not select: the runtime would see a deadlock
			return 0, nil
		}),
	}
}

// good takes about a microsecond an op.
func good(b *bench.B) (uint64, error) {
	lat := b.Recorder(b.N)
	b.Start()
	for i := range b.N {
		t := lat.Begin(i)
		for end := time.Now().Add(time.Microsecond); time.Now().Before(end); {
		}
		lat.End(t)
	}
	b.Stop()
	return uint64(b.N), nil
}

// switchyard returns a command that runs this program as switchyard.
func switchyard(args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	// A program with the race detector waits for a second before it exits.
	cmd.Env = append(os.Environ(), roleVariable+"=switchyard", "GORACE=atexit_sleep_ms=0")
	return cmd
}

// runArgs are the arguments of a short run in dir.
func runArgs(dir string, more ...string) []string {
	return append([]string{"run", "--runner", "/proc/self/exe", "--benchtime", "1ms", "--out", dir, "--cpu", "1", "--repeats", "0"}, more...)
}

// result runs switchyard and returns its exit status and outputs.
func result(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	cmd := switchyard(args...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

func readFile(t *testing.T, dir, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	status, stdout, stderr := result(t, runArgs(dir, "--workloads", "Good")...)
	if status != 0 {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	text := readFile(t, dir, bench.BenchFile)
	if got := strings.Count(text, "\nBenchmarkGood/model="); got != 2*6 {
		t.Errorf("%d results, want 6 of each of 2 models", got)
	}
	if log := readFile(t, dir, bench.LatencyFile); strings.Count(log, "Tag=Good/model=serial-1,") != 6 {
		t.Errorf("not one histogram per result in\n%.500s", log)
	}
	if page := readFile(t, dir, reportFile); !strings.Contains(page, "Good") || !strings.Contains(page, "the double has no ants") {
		t.Error("the page lacks the workload, or the reason of an empty cell")
	}
	if !strings.Contains(stdout, "Good") {
		t.Errorf("the verdict says nothing of the workload:\n%s", stdout)
	}
}

// Tools that know nothing of us read the results.
func TestStockFormat(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if status, _, stderr := result(t, runArgs(dir, "--workloads", "Good", "--count", "2")...); status != 0 {
		t.Fatal(stderr)
	}
	r := benchfmt.NewReader(strings.NewReader(readFile(t, dir, bench.BenchFile)), "bench.txt")
	results := 0
	for r.Scan() {
		switch rec := r.Result().(type) {
		case *benchfmt.Result:
			results++
			if rec.GetConfig("goos") != "linux" || rec.GetConfig("cpu") == "" {
				t.Errorf("configuration %v", rec.Config)
			}
		case *benchfmt.SyntaxError:
			t.Error(rec)
		}
	}
	if err := r.Err(); err != nil || results != 4 {
		t.Errorf("%d results, error %v", results, err)
	}
}

// A wrong answer is a failed case in the text, on the page and in the exit
// status, and has no number anywhere.
func TestWrongAnswer(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	status, stdout, stderr := result(t, runArgs(dir, "--workloads", "Wrong|Good")...)
	if status != exitFailed {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	text := readFile(t, dir, bench.BenchFile)
	if strings.Contains(text, "\nBenchmarkWrong/model=goroutine-1") {
		t.Error("the failed case has a result line")
	}
	if !strings.Contains(text, "--- FAIL: BenchmarkWrong/model=goroutine-1\n    calibrate: wrong answer: got 2, want 1\n") {
		t.Errorf("no entry of the failure in\n%s", text)
	}
	for where, text := range map[string]string{"text": stdout, "page": readFile(t, dir, reportFile)} {
		if !strings.Contains(strings.ToLower(text), "fail") || !strings.Contains(text, "wrong answer") {
			t.Errorf("the %s does not show the failure", where)
		}
	}
	if got := strings.Count(text, "\nBenchmarkWrong/model=serial-1\t"); got != 6 {
		t.Errorf("%d results of the model beside the failed one, want 6", got)
	}
}

// A case that hangs fails alone, with its worker processes.
func TestHungCase(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	status, _, stderr := result(t, runArgs(dir, "--workloads", "Hangs", "--deadline", "5s", "--count", "2")...)
	if status != exitFailed || !strings.Contains(stderr, "no result within 5s: killed") {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	if got := strings.Count(readFile(t, dir, bench.BenchFile), "\nBenchmarkHangs/model=serial-1\t"); got != 2 {
		t.Errorf("%d results beside the hung case, want 2", got)
	}
}

func TestUsage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	for _, tt := range []struct {
		args []string
		want string
	}{
		{runArgs(dir, "--workloads", "Godo"), `unknown workload "Godo"; there are: Good Wrong Hangs`},
		{runArgs(dir, "--models", "fork"), `unknown model "fork"; there are: serial greenlet goroutine ants thread process`},
		{runArgs(dir, "--cpu", "1000000"), "want \"all\" or a number of CPUs"},
		{runArgs(dir, "--count", "0"), "must be positive"},
		{runArgs(dir, "--benchtime", "soon"), "invalid"},
		{runArgs(dir, "extra"), "extra"},
		{runArgs(dir, "--resume", "--count", "3"), "cannot take --count"},
		{[]string{"run", "--runner", "/nonexistent"}, "the runner is not there"},
		{[]string{"nonsense"}, "nonsense"},
	} {
		status, _, stderr := result(t, tt.args...)
		if status != exitUsage || !strings.Contains(stderr, tt.want) {
			t.Errorf("%q: exit status %d, want 2 and %q\n%s", tt.args, status, tt.want, stderr)
		}
	}
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Error("bad usage left a results directory")
	}
}

// Older results are moved aside, not overwritten.
func TestSetAside(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "out")
	for range 2 {
		if status, _, stderr := result(t, runArgs(dir, "--workloads", "Good", "--count", "1")...); status != 0 {
			t.Fatal(stderr)
		}
	}
	runs, err := filepath.Glob(filepath.Join(parent, "*", bench.BenchFile))
	if err != nil || len(runs) != 2 {
		t.Errorf("results: %q, %v", runs, err)
	}
}

// startHanging starts a run that hangs in its calibrating pass, and returns once it does.
func startHanging(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := switchyard(runArgs(dir, "--workloads", "Good|Hangs", "--models", "goroutine", "--deadline", "1h")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	waitFor(t, "a hung worker", func() bool { return len(bench.Descendants(cmd.Process.Pid)) >= 2 })
	return cmd
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

func allGone(pids []int) func() bool {
	return func() bool {
		for _, pid := range pids {
			// A zombie that waits to be reaped by somebody else has ended too.
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err == nil && !bytes.Contains(stat, []byte(") Z ")) {
				return false
			}
		}
		return true
	}
}

// Ctrl-C ends runner and workers, and exits as a shell expects.
func TestInterrupt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	cmd := startHanging(t, dir)
	pids := bench.Descendants(cmd.Process.Pid)
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if got := cmd.ProcessState.ExitCode(); got != exitInterrupted {
		t.Errorf("exit status %d, want %d", got, exitInterrupted)
	}
	if !allGone(pids)() {
		t.Error("a worker is left after the interrupted run has ended")
	}
	if !strings.HasPrefix(readFile(t, dir, bench.BenchFile), "# switchyard {") {
		t.Error("the results are not there")
	}
}

// SIGKILL leaves no time to tidy up: the kernel does it.
func TestKilled(t *testing.T) {
	cmd := startHanging(t, filepath.Join(t.TempDir(), "out"))
	pids := bench.Descendants(cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waitFor(t, "the end of the orphans", allGone(pids))
}

// What was measured before an interrupt is kept, and resuming adds the rest.
func TestResume(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	cmd := switchyard(runArgs(dir, "--workloads", "Good", "--count", "8", "--benchtime", "50ms")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	results := func() int {
		text, _ := os.ReadFile(filepath.Join(dir, bench.BenchFile))
		return bytes.Count(text, []byte("\nBenchmarkGood/"))
	}
	waitFor(t, "three results", func() bool { return results() >= 3 })
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	kept := results()
	if cmd.ProcessState.ExitCode() != exitInterrupted || kept < 3 || kept >= 16 {
		t.Fatalf("exit status %d, %d results kept\n%s", cmd.ProcessState.ExitCode(), kept, &stderr)
	}
	before := readFile(t, dir, bench.BenchFile)
	status, _, errText := result(t, "run", "--runner", "/proc/self/exe", "--resume", "--repeats", "0", "--out", dir)
	if status != 0 {
		t.Fatalf("resume: exit status %d\n%s", status, errText)
	}
	after := readFile(t, dir, bench.BenchFile)
	if !strings.HasPrefix(after, before) {
		t.Error("resuming changed what was there")
	}
	if got := results(); got != 16 {
		t.Errorf("%d results in the end, want 16", got)
	}
}

// Two runs can be set against each other, as text and on the page.
func TestCompare(t *testing.T) {
	older, newer := filepath.Join(t.TempDir(), "older"), filepath.Join(t.TempDir(), "newer")
	for _, dir := range []string{older, newer} {
		if status, _, stderr := result(t, runArgs(dir, "--workloads", "Good")...); status != 0 {
			t.Fatal(stderr)
		}
	}
	status, stdout, stderr := result(t, "compare", older, newer)
	if status != 0 || !strings.Contains(stdout, "Good") {
		t.Errorf("exit status %d, printed %q and %q", status, stdout, stderr)
	}
	if status, _, stderr = result(t, "report", newer, "--baseline", older); status != 0 {
		t.Errorf("exit status %d, printed %q", status, stderr)
	}
	if !strings.Contains(readFile(t, newer, reportFile), "id=\"compare\"") {
		t.Error("the page has no section that compares")
	}
	if status, _, _ = result(t, "compare", older); status != exitUsage {
		t.Errorf("exit status %d for one run, want %d", status, exitUsage)
	}
}

// A results directory that is not there, or nonsense, gets one sentence.
func TestReportErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, bench.BenchFile), []byte{0, 1, 2, 0xff}, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{filepath.Join(dir, "none"), dir} {
		status, stdout, stderr := result(t, "report", path)
		if status != exitFailed || strings.Count(stderr, "\n") != 1 || stdout != "" {
			t.Errorf("report %s: exit status %d, printed %q and %q", path, status, stdout, stderr)
		}
		if _, err := os.Stat(filepath.Join(dir, reportFile)); err == nil {
			t.Error("a page was written")
		}
	}
}

func TestList(t *testing.T) {
	status, stdout, _ := result(t, "list", "--runner", "/proc/self/exe")
	if status != 0 || !strings.Contains(stdout, "Good      op  serial goroutine") {
		t.Errorf("exit status %d\n%s", status, stdout)
	}
}

func TestVersion(t *testing.T) {
	status, stdout, _ := result(t, "version")
	if status != 0 || !strings.Contains(stdout, "go go1.") {
		t.Errorf("exit status %d\n%s", status, stdout)
	}
}
