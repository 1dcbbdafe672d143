package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"

	"switchyard/bench"
	"switchyard/bench/benchlog"
	"switchyard/bench/host"
	"switchyard/bench/proctree"
	"switchyard/bench/run"
	"switchyard/bench/workload"
)

// The test program is also switchyard, and the runner that it starts.
const roleVariable = "SWITCHYARD_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "switchyard":
		os.Setenv(roleVariable, "runner")
		main()
	case "runner":
		os.Exit(bench.Runner(os.Args[1:], bench.Suite{Models: workload.Models(), Workloads: doubles()}, os.Stdout, os.Stderr))
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
			Impls: map[bench.Model]bench.Func{workload.Serial: good, workload.Goroutine: impl},
			NA:    make(map[bench.Model]string),
		}
		for _, m := range workload.Models() {
			if w.Impls[m.Name] == nil {
				w.NA[m.Name] = "the double has no " + string(m.Name)
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
	lat := b.Unit(b.N)
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
	cmd.Env = append(os.Environ(), roleVariable+"=switchyard")
	return cmd
}

// runArgs are the arguments of a short run in dir.
func runArgs(dir string, more ...string) []string {
	return append([]string{"run", "--runner", "/proc/self/exe", "--benchtime", "1ms", "--out", dir, "--cpu", "1", "--repeats", "0"}, more...)
}

// notWithRace leaves a test to a run without the race detector; make test has
// one. A command that nobody disturbs has one goroutine at work, beside those
// of package run, whose own tests have the race detector. Here it is for those
// that send signals to a command.
func notWithRace(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("the race detector looks at commands that get signals")
	}
}

// result runs switchyard and returns its exit status and outputs.
func result(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	notWithRace(t)
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

// The doctor exits with 1 only where it was asked to, and something is bad.
func TestDoctor(t *testing.T) {
	status, stdout, stderr := result(t, "doctor", "--strict", "--format", "json")
	var facts []struct{ Key, Value, Grade string }
	if err := json.Unmarshal([]byte(stdout), &facts); err != nil || len(facts) < 25 {
		t.Fatalf("%d facts: %v\n%s", len(facts), err, stderr)
	}
	bad := 0
	for _, f := range facts {
		if f.Grade == "bad" {
			bad++
		}
	}
	if bad == 0 && (status != 0 || stderr != "") || bad > 0 && (status != exitFailed || !strings.Contains(stderr, fmt.Sprint(bad, " fact"))) {
		t.Errorf("%d bad facts: exit status %d, printed %q", bad, status, stderr)
	}
	if status, stdout, stderr := result(t, "doctor", "--out", t.TempDir()); status != 0 || stderr != "" || !strings.Contains(stdout, "disk-free") {
		t.Errorf("exit status %d, printed %q and %q", status, stdout, stderr)
	}
	if status, stdout, stderr := result(t, "doctor", "--format", "xml"); status != exitUsage || stdout != "" || !strings.Contains(stderr, `"xml": there are text and json`) {
		t.Errorf("exit status %d, printed %q and %q", status, stdout, stderr)
	}
}

func TestRun(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	status, stdout, stderr := result(t, runArgs(dir, "--workloads", "Good")...)
	if status != 0 {
		t.Fatalf("exit status %d\n%s", status, stderr)
	}
	text := readFile(t, dir, benchlog.BenchFile)
	if got := strings.Count(text, "\nBenchmarkGood/model="); got != 2*6 {
		t.Errorf("%d results, want 6 of each of 2 models", got)
	}
	if log := readFile(t, dir, benchlog.LatencyFile); strings.Count(log, "Tag=Good/model=serial-1,") != 6 {
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
	r := benchfmt.NewReader(strings.NewReader(readFile(t, dir, benchlog.BenchFile)), "bench.txt")
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
	text := readFile(t, dir, benchlog.BenchFile)
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
	if got := strings.Count(readFile(t, dir, benchlog.BenchFile), "\nBenchmarkHangs/model=serial-1\t"); got != 2 {
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
		{runArgs(dir, "--benchtime", "soon"), `want a time such as "50ms"`},
		{runArgs(dir, "extra"), "extra"},
		{runArgs(dir, "--resume", "--count", "3"), "cannot take --count"},
		{[]string{"run", "--runner", "/proc/self/exe", "--resume", "--repeats", "1", "--out", dir}, "cannot take --repeats"},
		{[]string{"run", "--runner", "/proc/self/exe", "--resume", "--deadline", "1s", "--out", dir}, "cannot take --deadline"},
		{[]string{"run", "--runner", "/proc/self/exe", "--resume", "--seed", "1", "--out", dir}, "cannot take --seed"},
		{runArgs("", "--workloads", "Good"), "results need a directory"},
		{runArgs("-", "--workloads", "Good"), "results need a directory"},
		{runArgs(dir, "--benchtime", "0s"), "must be positive"},
		{runArgs(dir, "--budget", "-1s"), "must be positive"},
		{runArgs(dir, "--deadline", "-1s"), "must be positive"},
		{runArgs(dir, "--repeats", "-1"), "must be positive"},
		{runArgs(dir, "--sessions", "0"), "--sessions 0: want at least 1, and at most one per result (--count 6)"},
		{runArgs(dir, "--sessions", "4", "--count", "3"), "--sessions 4: want at least 1, and at most one per result (--count 3)"},
		{[]string{"run", "--runner", "/proc/self/exe", "--resume", "--sessions", "1", "--out", dir}, "cannot take --sessions"},
		{[]string{"run", "--runner", "/proc/self/exe", "--resume", "--like", "x", "--out", dir}, "cannot take --like"},
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

// Older results are moved aside, not overwritten: the three files, and nothing
// of the directory that is somebody else's, whatever kind of directory it is.
func TestSetAside(t *testing.T) {
	notWithRace(t)
	for _, out := range []string{"out", ".", "link", "with space's"} {
		parent := t.TempDir()
		dir := filepath.Join(parent, out)
		if out == "link" {
			if err := errors.Join(os.Mkdir(filepath.Join(parent, "real"), 0o755), os.Symlink("real", dir)); err != nil {
				t.Fatal(err)
			}
		}
		for turn := range 2 {
			cmd := switchyard(runArgs(out, "--workloads", "Good", "--count", "1")...)
			cmd.Dir = parent
			text, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, text)
			}
			said := bytes.Contains(text, []byte("note: older results are now in "+out+"/2")) || bytes.Contains(text, []byte("note: older results are now in 2"))
			if said != (turn == 1) || turn == 1 && !bytes.Contains(text, []byte(": bench.txt latency.hlog report.html\n")) {
				t.Errorf("run %d in %q printed\n%s", turn, out, text)
			}
			if err := os.WriteFile(filepath.Join(dir, "notes.md"), []byte("mine"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		aside, err := filepath.Glob(filepath.Join(dir, "2*"))
		if err != nil || len(aside) != 1 {
			t.Fatalf("set aside in %q: %q, %v", out, aside, err)
		}
		for _, name := range []string{benchlog.BenchFile, benchlog.LatencyFile, reportFile} {
			if _, err := os.Stat(filepath.Join(aside[0], name)); err != nil {
				t.Error(err)
			}
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 5 && out != "." && out != "link" {
			t.Errorf("in %q: %v, %v", out, entries, err)
		}
		if readFile(t, dir, "notes.md") != "mine" {
			t.Error("somebody else's file was changed")
		}
		if out == "link" {
			if to, err := os.Readlink(dir); err != nil || to != "real" {
				t.Errorf("the link leads to %q (%v)", to, err)
			}
		}
	}
}

// Of the results that were moved aside the five newest are kept; what no run of
// ours has written stays.
func TestOldResults(t *testing.T) {
	dir := t.TempDir()
	written := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name, benchlog.BenchFile)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	const ours, foreign = "# switchyard {}\n", "BenchmarkX 1 1 ns/op\n"
	for _, name := range []string{"20251101T000000.000", "20251102T000000.000", "20251103T000000.000", "20251104T000000.000", "20251105T000000.000", "20251105T000000.000-2"} {
		written(name, ours)
	}
	written("20250101T000000.000", foreign)
	written("20250102T000000.000", "# switchyar")
	written("", ours) // which is in the way
	status, _, stderr := result(t, runArgs(dir, "--workloads", "Good", "--count", "1")...)
	if status != 0 || !strings.Contains(stderr, "\nnote: the oldest results there were deleted: 20251101T000000.000 20251102T000000.000\n") {
		t.Errorf("exit status %d, printed\n%s", status, stderr)
	}
	entries, err := filepath.Glob(filepath.Join(dir, "2*"))
	if err != nil || len(entries) != 7 || filepath.Base(entries[0]) != "20250101T000000.000" || filepath.Base(entries[2]) != "20251103T000000.000" {
		t.Errorf("left are %q, %v", entries, err)
	}
}

// criterion.rs#473: a second run, or a resume, of a directory that a run writes
// to is refused, and leaves the first alone; a report of it is made.
func TestTwoRuns(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	cmd := switchyard(runArgs(dir, "--workloads", "Good", "--count", "1000", "--benchtime", "20ms")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	waitFor(t, "a result", func() bool {
		text, _ := os.ReadFile(filepath.Join(dir, benchlog.BenchFile))
		return bytes.Contains(text, []byte("\nBenchmarkGood/"))
	})
	want := fmt.Sprintf("switchyard: process %d has been writing to %s since 2", cmd.Process.Pid, dir)
	for _, args := range [][]string{
		runArgs(dir, "--workloads", "Good"),
		{"run", "--runner", "/proc/self/exe", "--resume", "--out", dir},
	} {
		status, stdout, stderr := result(t, args...)
		if status != exitFailed || stdout != "" || !strings.HasPrefix(stderr, want) || strings.Count(stderr, "\n") != 1 {
			t.Errorf("%q: exit status %d, printed %q and %q, want %q", args, status, stdout, stderr, want)
		}
	}
	if status, stdout, stderr := result(t, "report", dir); status != 0 || !strings.Contains(stdout, "Good") {
		t.Errorf("a report meanwhile: exit status %d, printed %q and %q", status, stdout, stderr)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if entries, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(entries) != 3 {
		t.Errorf("in the directory: %q, %v", entries, err)
	}
	if _, err := os.Stat(filepath.Join(dir, ".lock")); err == nil {
		t.Error("the lock is left")
	}
}

// A run prints what it measured, although somebody replaced its file meanwhile.
func TestRunReportsFromMemory(t *testing.T) {
	notWithRace(t)
	dir := filepath.Join(t.TempDir(), "out")
	cmd := switchyard(runArgs(dir, "--workloads", "Good", "--count", "20", "--benchtime", "20ms")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, benchlog.BenchFile)
	waitFor(t, "a result", func() bool {
		text, _ := os.ReadFile(name)
		return bytes.Contains(text, []byte("\nBenchmarkGood/"))
	})
	if err := errors.Join(os.Remove(name), os.WriteFile(name, []byte("BenchmarkForeign 1 1 ns/op\n"), 0o644)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	page := readFile(t, dir, reportFile)
	for where, text := range map[string]string{"text": stdout.String(), "page": page} {
		if !strings.Contains(text, "Good") || strings.Contains(text, "Foreign") {
			t.Errorf("the %s is not of what was measured:\n%.1000s", where, text)
		}
	}
	if readFile(t, dir, benchlog.BenchFile) != "BenchmarkForeign 1 1 ns/op\n" {
		t.Error("the foreign file was written to")
	}
}

// netdata#18642, hyperfine#615: a page is not written over what is read.
func TestReportOverInput(t *testing.T) {
	dir, older := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "older")
	for _, d := range []string{dir, older} {
		if status, _, stderr := result(t, runArgs(d, "--workloads", "Good", "--count", "2")...); status != 0 {
			t.Fatal(stderr)
		}
	}
	link, hard := filepath.Join(dir, "link"), filepath.Join(dir, "hard")
	if err := errors.Join(os.Symlink(benchlog.BenchFile, link), os.Link(filepath.Join(older, benchlog.BenchFile), hard)); err != nil {
		t.Fatal(err)
	}
	before := map[string]string{}
	for _, d := range []string{dir, older} {
		for _, name := range []string{benchlog.BenchFile, benchlog.LatencyFile} {
			before[filepath.Join(d, name)] = readFile(t, d, name)
		}
	}
	for _, html := range []string{
		filepath.Join(dir, benchlog.BenchFile), filepath.Join(dir, benchlog.LatencyFile), link, hard,
		filepath.Join(older, benchlog.BenchFile), filepath.Join(older, benchlog.LatencyFile),
	} {
		for _, path := range []string{dir, filepath.Join(dir, benchlog.BenchFile)} {
			status, stdout, stderr := result(t, "report", path, "--baseline", older, "--html", html)
			want := "switchyard: write " + html + ": it is an input of this command\n"
			if status != exitFailed || stderr != want || !strings.Contains(stdout, "Good") {
				t.Errorf("report %s: exit status %d, printed %.80q and %q, want %q", path, status, stdout, stderr, want)
			}
		}
	}
	for name, text := range before {
		if readFile(t, filepath.Dir(name), filepath.Base(name)) != text {
			t.Errorf("%s was written to", name)
		}
	}
}

// The page goes to standard output alone, the text then to standard error.
func TestReportToStdout(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if status, _, stderr := result(t, runArgs(dir, "--workloads", "Good", "--count", "2")...); status != 0 {
		t.Fatal(stderr)
	}
	if err := os.Remove(filepath.Join(dir, reportFile)); err != nil {
		t.Fatal(err)
	}
	for _, html := range []string{"-", "/dev/stdout"} {
		status, stdout, stderr := result(t, "report", dir, "--html", html)
		if status != 0 || !strings.HasPrefix(strings.ToLower(stdout), "<!doctype html>") || !strings.HasSuffix(strings.TrimSpace(stdout), "</html>") ||
			!strings.Contains(stderr, "Good") {
			t.Errorf("--html %s: exit status %d, printed %.80q and %.80q", html, status, stdout, stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, reportFile)); err == nil {
		t.Error("a page was written beside the results too")
	}
}

// An unwritable place for the page: the verdict is on the terminal, then one
// sentence.
func TestReportUnwritable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if status, _, stderr := result(t, runArgs(dir, "--workloads", "Good", "--count", "2")...); status != 0 {
		t.Fatal(stderr)
	}
	page := filepath.Join(dir, reportFile)
	if err := errors.Join(os.Remove(page), os.Mkdir(page, 0o755)); err != nil {
		t.Fatal(err)
	}
	for html, want := range map[string]string{
		"":             page + ": is a directory",
		"/proc/page":   "/proc/page: ",
		dir + "/no/no": dir + "/no/no: no such file or directory",
	} {
		args := []string{"report", dir}
		if html != "" {
			args = append(args, "--html", html)
		}
		status, stdout, stderr := result(t, args...)
		if status != exitFailed || !strings.Contains(stdout, "Good") || strings.Count(stderr, "\n") != 1 ||
			!strings.HasPrefix(stderr, "switchyard: write "+want) {
			t.Errorf("--html %q: exit status %d, printed %.80q and %q, want %q", html, status, stdout, stderr, want)
		}
	}
	// A run ends the same way, with its results kept.
	status, stdout, stderr := result(t, runArgs(filepath.Join(dir, reportFile, "bench.txt"), "--workloads", "Good", "--count", "2")...)
	if status != 0 || !strings.Contains(stdout, "Good") {
		t.Errorf("a run: exit status %d\n%s", status, stderr)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	cmd := switchyard("report", dir, "--html", filepath.Join(t.TempDir(), "page.html"))
	var errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = full, &errOut
	if err := cmd.Run(); err == nil || !strings.Contains(errOut.String(), "no space left") {
		t.Errorf("a full standard output: %v, %q", err, &errOut)
	}
}

// What a run cannot write ends it before anything is measured, in one sentence.
func TestRunUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for out, want := range map[string]string{
		file:        "make the directory " + file + ": not a directory",
		"/proc/out": "make the directory /proc/out: no such file or directory",
	} {
		status, stdout, stderr := result(t, runArgs(out, "--workloads", "Good")...)
		if status != exitFailed || stdout != "" || stderr != "switchyard: "+want+"\n" {
			t.Errorf("exit status %d, printed %q and %q, want %q", status, stdout, stderr, want)
		}
	}
}

// plan returns the first line of bench.txt.
func plan(t *testing.T, dir string) benchlog.Header {
	t.Helper()
	line, _, _ := strings.Cut(readFile(t, dir, benchlog.BenchFile), "\n")
	var h benchlog.Header
	if err := json.Unmarshal([]byte(strings.TrimPrefix(line, "# switchyard ")), &h); err != nil {
		t.Fatal(err)
	}
	return h
}

// Every flag, with a value other than the default, is found again in the plan
// and in what was measured.
func TestRunFlags(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	args := []string{"run", "--runner", "/proc/self/exe", "--workloads", "Good,Wrong", "--models", "serial", "--count", "3",
		"--benchtime", "3ms", "--budget", "7m", "--deadline", "99s", "--repeats", "5", "--sessions", "1", "--cpu", "1", "--seed", "77", "--out", dir}
	if status, _, stderr := result(t, args...); status != 0 {
		t.Fatal(stderr)
	}
	h := plan(t, dir)
	if h.Count != 3 || h.Benchtime != 3*time.Millisecond || h.Budget != 7*time.Minute || h.Deadline != 99*time.Second ||
		h.Repeats != 5 || h.Seed != 77 || len(h.Lanes) != 1 || h.Lanes[0] != 1 || len(h.Models) != 1 || h.Models[0] != workload.Serial ||
		h.CPUs != host.FormatCPUs(run.AllCPUs()) || time.Since(h.Started.Time) > time.Minute || time.Since(h.Started.Time) < 0 {
		t.Errorf("plan %+v", h)
	}
	if want := "exe " + shellWords(args); h.Command != want {
		t.Errorf("command %q, want %q", h.Command, want)
	}
	text := readFile(t, dir, benchlog.BenchFile)
	for _, want := range []string{"\nBenchmarkGood/model=serial-1\t", "\nBenchmarkWrong/model=serial-1\t"} {
		if got := strings.Count(text, want); got < 3 {
			t.Errorf("%d lines %q, want 3", got, want)
		}
	}
	if strings.Contains(text, "Hangs") || strings.Contains(text, "goroutine-") {
		t.Error("more was measured than was asked for")
	}
	// An op takes a microsecond.
	for line := range strings.Lines(text) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "BenchmarkGood/") {
			if n, err := strconv.Atoi(fields[1]); err != nil || n < 10 || n > 6000 { // a busy machine takes longer
				t.Errorf("%s ops of 1 µs in a bench time of 3 ms", fields[1])
			}
		}
	}
}

// The same run again has the N of the first one, and so has a run that is told
// to; another run finds its own. What cannot be taken over is named.
func TestLike(t *testing.T) {
	first, next := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "next")
	args := func(dir string, more ...string) []string {
		return runArgs(dir, append([]string{"--workloads", "Good", "--models", "serial", "--count", "1"}, more...)...)
	}
	n := func(dir string) string {
		_, line, _ := strings.Cut(readFile(t, dir, benchlog.BenchFile), "\nBenchmarkGood/model=serial-1\t")
		n, _, _ := strings.Cut(line, "\t")
		return n
	}
	if status, _, stderr := result(t, args(first)...); status != 0 {
		t.Fatal(stderr)
	}
	found := n(first)
	odd := strings.TrimSuffix(found, "0") + "7" // no calibrating pass finds that
	text := strings.ReplaceAll(readFile(t, first, benchlog.BenchFile), `"n":`+found+`,`, `"n":`+odd+`,`)
	if err := os.WriteFile(filepath.Join(first, benchlog.BenchFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, run := range []struct {
		dir  string
		args []string
		like bool
	}{
		{first, args(first), true},
		{first, args(first, "--seed", "9"), true},
		{next, args(next), false},
		{next, args(next, "--like", first), true},
		{next, args(next, "--count", "2"), false}, // another plan than that of the run before it
	} {
		status, _, stderr := result(t, run.args...)
		said := strings.Contains(stderr, "note: 1 case has the N of the run of 2")
		if status != 0 || (n(run.dir) == odd) != run.like || said != run.like {
			// On a machine that is so busy that an op takes more than four
			// times as long, that N does not suit.
			if run.like && strings.Contains(stderr, "another N") {
				t.Skipf("%q: this machine is too busy: %s", run.args, stderr)
			}
			t.Errorf("%q: exit status %d, %s ops, printed\n%s", run.args, status, n(run.dir), stderr)
		}
	}
	if status, _, stderr := result(t, args(next, "--like", filepath.Join(next, "none"))...); status != exitFailed || !strings.Contains(stderr, "--like "+filepath.Join(next, "none")+": open ") {
		t.Errorf("exit status %d, printed %s", status, stderr)
	}
	text = strings.ReplaceAll(readFile(t, first, benchlog.BenchFile), `,"batch":1`, "")
	if err := os.WriteFile(filepath.Join(first, benchlog.BenchFile), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := result(t, args(next, "--like", first)...); status != exitFailed || !strings.Contains(stderr, "it says of no case how many whole batches its results have") {
		t.Errorf("a file from before batches were noted: exit status %d, printed %s", status, stderr)
	}
}

// A run whose directory is new has the N of another with the same plan: the
// newest of this machine below results/, or else of another machine; and its
// own where it is told to. Of one of this machine it also has what was said.
func TestLikeKept(t *testing.T) {
	t.Chdir(t.TempDir())
	out := filepath.Join(t.TempDir(), "out")
	args := func(dir string, more ...string) []string {
		return runArgs(dir, append([]string{"--workloads", "Good", "--models", "serial", "--count", "1"}, more...)...)
	}
	if status, _, stderr := result(t, args(out)...); status != 0 {
		t.Fatal(stderr)
	}
	text := readFile(t, out, benchlog.BenchFile)
	found := regexp.MustCompile(`"n":(\d+),`)
	cpu := regexp.MustCompile(`(?m)^cpu: .*$`)
	started := regexp.MustCompile(`"run":"[^"]*"`)
	n, err := strconv.Atoi(found.FindStringSubmatch(text)[1])
	if err != nil {
		t.Fatal(err)
	}
	keep := func(machine, run string, n int, here bool) {
		dir := filepath.Join("results", machine, run)
		kept := found.ReplaceAllString(text, fmt.Sprintf(`"n":%d,`, n))
		kept = started.ReplaceAllString(kept, fmt.Sprintf(`"run":"%sT00:00:00Z"`, run))
		if !here {
			kept = cpu.ReplaceAllString(kept, "cpu: of another kind")
		}
		if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, benchlog.BenchFile), []byte(kept), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		what string
		kept func()
		more []string
		want int // 0: its own
	}{
		{"another machine's", func() { keep("other", "2026-01-03", n+1, false) }, nil, n + 1},
		{"this machine's", func() { keep("here", "2026-01-01", n+2, true) }, nil, n + 2},
		{"a newer one", func() { keep("here", "2026-01-02", n+3, true) }, nil, n + 3},
		{"a newer one beside it", func() { keep("", "2026-01-04", n+4, true) }, nil, n + 4},
		{"a newer one of another machine", func() { keep("", "2026-01-05", n+5, false) }, nil, n + 4},
		{"another plan", func() {}, []string{"--count", "2"}, 0},
		{"none", func() {}, []string{"--like", "none"}, 0},
	} {
		tt.kept()
		dir := filepath.Join(t.TempDir(), "out")
		status, _, stderr := result(t, args(dir, tt.more...)...)
		_, line, _ := strings.Cut(readFile(t, dir, benchlog.BenchFile), "\nBenchmarkGood/model=serial-1\t")
		got, _, _ := strings.Cut(line, "\t")
		if status == 0 && tt.want > 0 && strings.Contains(stderr, "another N") {
			t.Skipf("%s: this machine is too busy: %s", tt.what, stderr) // ops take four times as long
		}
		if said := strings.Contains(readFile(t, dir, benchlog.BenchFile), `,"said":{`); said != (tt.want > n+1) {
			t.Errorf("%s: it has taken over words: %v", tt.what, said)
		}
		if own := !strings.Contains(stderr, "the N of the run of"); status != 0 || own != (tt.want == 0) || !own && got != strconv.Itoa(tt.want) {
			t.Errorf("%s: exit status %d, %s ops, want %d (0 is its own); printed\n%s", tt.what, status, got, tt.want, stderr)
		}
	}
}

// A budget that cannot be kept is refused in one sentence, before the results
// that are there are touched.
func TestBudgetRefused(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if status, _, stderr := result(t, runArgs(dir, "--workloads", "Good", "--count", "1")...); status != 0 {
		t.Fatal(stderr)
	}
	before := readFile(t, dir, benchlog.BenchFile)
	status, _, stderr := result(t, runArgs(dir, "--workloads", "Good", "--count", "1000", "--budget", "2s")...)
	if status != exitFailed || !strings.HasPrefix(stderr, "switchyard: the budget of 2s is too small for 2 cases with 1000 results each: give it ") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("exit status %d, printed %s", status, stderr)
	}
	if readFile(t, dir, benchlog.BenchFile) != before {
		t.Error("the results that were there have changed")
	}
}

// startHanging starts a run that hangs in its calibrating pass, and returns
// once it does.
func startHanging(t *testing.T, dir string) *exec.Cmd {
	t.Helper()
	cmd := switchyard(runArgs(dir, "--workloads", "Good|Hangs", "--models", "goroutine", "--deadline", "1h")...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	waitFor(t, "a hung worker", func() bool { return len(proctree.Descendants(cmd.Process.Pid)) >= 2 })
	return cmd
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Minute); !ok(); time.Sleep(time.Millisecond) {
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
	pids := proctree.Descendants(cmd.Process.Pid)
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
	if !strings.HasPrefix(readFile(t, dir, benchlog.BenchFile), "# switchyard {") {
		t.Error("the results are not there")
	}
}

// A run of which nobody reads any more what it prints is interrupted: it ends
// without a word, its results are kept, and nothing else is. A report that is
// read in part is no failure to tell of.
func TestBrokenPipe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	for _, c := range []struct {
		args  []string
		lines int // that are read
	}{
		{runArgs(dir, "--workloads", "Good", "--count", "1000"), 1},
		{[]string{"report", "-v", filepath.Join(readmeRoot, keptRun)}, 0},
		{[]string{"list", "--runner", "/proc/self/exe"}, 0},
	} {
		cmd := switchyard(c.args...)
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		var errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = w, &errs
		if c.lines > 0 {
			cmd.Stderr = w
		} else {
			r.Close()
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		in := bufio.NewReader(r)
		for range c.lines {
			if _, err := in.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
		r.Close()
		_ = cmd.Wait()
		if got := cmd.ProcessState.ExitCode(); got != exitBrokenPipe || strings.Contains(errs.String(), "switchyard:") {
			t.Errorf("%q: exit status %d, want %d; printed %s", c.args, got, exitBrokenPipe, errs.Bytes())
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
			t.Errorf("%q left %v", c.args, left)
		}
	}
	if !strings.HasPrefix(readFile(t, dir, benchlog.BenchFile), "# switchyard {") {
		t.Error("the results are not there")
	}
}

// SIGKILL leaves no time to tidy up: the kernel does it.
func TestKilled(t *testing.T) {
	cmd := startHanging(t, filepath.Join(t.TempDir(), "out"))
	pids := proctree.Descendants(cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	waitFor(t, "the end of the orphans", allGone(pids))
}

// interrupted starts a run under its own name, and sends it a signal when it
// has three results. It returns what the run printed, and how many results
// there are to be in the end: so many that the signal comes in time on this
// machine.
func interrupted(t *testing.T, dir string, sig os.Signal) (cmd *exec.Cmd, stderr string, want int) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for count := 8; ; count *= 2 {
		cmd = switchyard(runArgs(dir, "--workloads", "Good", "--count", strconv.Itoa(count), "--benchtime", "50ms")...)
		cmd.Path, cmd.Args[0] = self, self
		var text bytes.Buffer
		cmd.Stderr = &text
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "three results", func() bool { return countResults(dir) >= 3 })
		if err := cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if cmd.ProcessState.ExitCode() != 0 || count > 100 {
			return cmd, text.String(), 2 * count
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// countResults counts the results of a directory, as far as they are there.
func countResults(dir string) int {
	text, _ := os.ReadFile(filepath.Join(dir, benchlog.BenchFile))
	return bytes.Count(text, []byte("\nBenchmarkGood/"))
}

// What was measured before an interrupt is kept, and resuming adds the rest.
func TestResume(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	cmd, stderr, want := interrupted(t, dir, os.Interrupt)
	kept := countResults(dir)
	if cmd.ProcessState.ExitCode() != exitInterrupted || kept < 3 || kept >= want {
		t.Fatalf("exit status %d, %d results kept\n%s", cmd.ProcessState.ExitCode(), kept, stderr)
	}
	before := readFile(t, dir, benchlog.BenchFile)
	status, _, errText := result(t, "run", "--runner", "/proc/self/exe", "--resume", "--out", dir)
	if status != 0 {
		t.Fatalf("resume: exit status %d\n%s", status, errText)
	}
	after := readFile(t, dir, benchlog.BenchFile)
	if !strings.HasPrefix(after, before) {
		t.Error("resuming changed what was there")
	}
	if got := countResults(dir); got != want {
		t.Errorf("%d results in the end, want %d", got, want)
	}
	// What both parts measured alike.
	ops := map[string]string{}
	for line := range strings.Lines(after) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "BenchmarkGood/") {
			if had := ops[fields[0]]; had != "" && had != fields[1] {
				t.Errorf("%s: %s ops, then %s", fields[0], had, fields[1])
			}
			ops[fields[0]] = fields[1]
		}
	}
	// Nothing is left to do, and the report is made anew.
	if status, stdout, stderr := result(t, "run", "--runner", "/proc/self/exe", "--resume", "--out", dir); status != 0 || !strings.Contains(stdout, "Good") {
		t.Errorf("a second time: exit status %d, printed %q and %q", status, stdout, stderr)
	}
	if readFile(t, dir, benchlog.BenchFile) != after {
		t.Error("resuming a finished run changed it")
	}
}

// What an interrupted run prints can be pasted into a shell, whatever the name
// of the directory.
func TestHintPastes(t *testing.T) {
	notWithRace(t)
	dir := filepath.Join(t.TempDir(), "it's $HOME; a `name` \"with\" \\ spaces")
	cmd, stderr, want := interrupted(t, dir, syscall.SIGTERM)
	_, hint, ok := strings.Cut(strings.TrimSuffix(stderr, "\n"), ", go on with: ")
	if !ok || strings.Contains(hint, "\n") {
		t.Fatalf("no hint in %q", stderr)
	}
	sh := exec.Command("sh", "-c", hint)
	sh.Env = cmd.Env
	if out, err := sh.CombinedOutput(); err != nil {
		t.Errorf("%s: %v\n%s", hint, err, out)
	}
	if got := countResults(dir); got != want {
		t.Errorf("%d results in the end, want %d", got, want)
	}
}

// SIGKILL at any moment leaves a directory that can be resumed.
func TestKilledAnywhere(t *testing.T) {
	for turn := range 6 {
		dir := filepath.Join(t.TempDir(), "out")
		cmd := switchyard(runArgs(dir, "--workloads", "Good", "--count", "3", "--benchtime", "10ms")...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the plan", func() bool { _, err := os.Stat(filepath.Join(dir, benchlog.BenchFile)); return err == nil })
		time.Sleep(time.Duration(turn) * 25 * time.Millisecond)
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if status, _, stderr := result(t, "run", "--runner", "/proc/self/exe", "--resume", "--out", dir); status != 0 {
			t.Fatalf("turn %d: exit status %d\n%s", turn, status, stderr)
		}
		text := readFile(t, dir, benchlog.BenchFile)
		if got := strings.Count(text, "\nBenchmarkGood/"); got != 6 {
			t.Errorf("turn %d: %d results in the end, want 6", turn, got)
		}
		if got := strings.Count(readFile(t, dir, benchlog.LatencyFile), "\nTag=Good/"); got != 6 {
			t.Errorf("turn %d: %d histograms in the end, want 6", turn, got)
		}
	}
}

// A plan that is none, or of something else, is refused in one sentence.
func TestResumeRefuses(t *testing.T) {
	whole := filepath.Join(t.TempDir(), "out")
	if status, _, stderr := result(t, runArgs(whole, "--workloads", "Good", "--count", "1")...); status != 0 {
		t.Fatal(stderr)
	}
	text := readFile(t, whole, benchlog.BenchFile)
	for name, tt := range map[string]struct{ old, new, want string }{
		"count 0":          {`"count":1`, `"count":0`, "its plan is not complete"},
		"no lanes":         {`"lanes":[1]`, `"lanes":[]`, "its plan is not complete"},
		"lane 0":           {`"lanes":[1]`, `"lanes":[0]`, "its plan is not complete"},
		"another format":   {`"format":1`, `"format":9`, "its format is 9"},
		"foreign":          {"# switchyard ", "# switchboard ", "it has no plan in its first line"},
		"another kernel":   {"\nkernel: ", "\nkernel: not-", "its kernel is"},
		"another workload": {`"name":"Good"`, `"name":"Better"`, `no runner has the workload "Better"; name all runners that it was begun with`},
		"another model":    {`# model {"name":"serial"`, `# model {"name":"parallel"`, "its plan is not complete"},
		"another note":     {`"baseline":true`, `"baseline":false`, "the runner's serial is not the one that was planned"},
		"another story":    {`"story":"A test`, `"story":"Another`, "the runner's Good is not the one that was planned"},
		"other CPUs":       {`"cpus":"`, `"cpus":"8000,`, "it was measured on the CPUs 8000,"},
		"no CPUs":          {`"cpus":"`, `"cpus":"x`, "its plan has the CPUs"},
		"more lanes":       {`"lanes":[1]`, `"lanes":[9000]`, "its plan has the CPUs"},
	} {
		dir := t.TempDir()
		changed := strings.Replace(text, tt.old, tt.new, 1)
		if changed == text {
			t.Fatalf("%s: nothing was changed", name)
		}
		for file, text := range map[string]string{benchlog.BenchFile: changed, benchlog.LatencyFile: ""} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		status, stdout, stderr := result(t, "run", "--runner", "/proc/self/exe", "--resume", "--out", dir)
		if status != exitFailed || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, tt.want) {
			t.Errorf("%s: exit status %d, printed %q and %q, want %q", name, status, stdout, stderr, tt.want)
		}
		if readFile(t, dir, benchlog.BenchFile) != changed {
			t.Errorf("%s: the file was changed", name)
		}
		if _, err := os.Stat(filepath.Join(dir, ".lock")); err == nil {
			t.Errorf("%s: the lock is left", name)
		}
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
	status, stdout, stderr := result(t, "compare", "-v", older, newer)
	if status != 0 || !strings.Contains(stdout, "Good") {
		t.Errorf("exit status %d, printed %q and %q", status, stdout, stderr)
	}
	if status, _, stderr = result(t, "report", newer, "--baseline", older, "--html", filepath.Join(newer, reportFile)); status != 0 {
		t.Errorf("exit status %d, printed %q", status, stderr)
	}
	if !strings.Contains(readFile(t, newer, reportFile), "id=\"compare\"") {
		t.Error("the page has no section that compares")
	}
	if status, _, _ = result(t, "compare", older); status != exitUsage {
		t.Errorf("exit status %d for one run, want %d", status, exitUsage)
	}
}

// The page of a kept run is a part of it: a report of later code prints what it
// says, and writes over the page only when told to.
func TestReportLeavesThePage(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, reportFile)
	for name, text := range map[string]string{benchlog.BenchFile: "BenchmarkX-2 1 5 ns/op\n", reportFile: "kept"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{dir, filepath.Join(dir, benchlog.BenchFile)} {
		status, stdout, stderr := result(t, "report", path)
		if want := page + " is left as it is; to write it anew: --html " + page + "\n"; status != 0 || stderr != want || !strings.Contains(stdout, "X") {
			t.Errorf("report %s: exit status %d, printed %q and %q, want %q", path, status, stdout, stderr, want)
		}
		if text := readFile(t, dir, reportFile); text != "kept" {
			t.Fatalf("report %s wrote the page: %.80q", path, text)
		}
	}
	if status, _, stderr := result(t, "report", dir, "--html", page); status != 0 || stderr != "" || !strings.Contains(readFile(t, dir, reportFile), "<html") {
		t.Errorf("with --html: exit status %d, printed %q", status, stderr)
	}
	if err := os.Remove(page); err != nil {
		t.Fatal(err)
	}
	if status, _, stderr := result(t, "report", dir); status != 0 || stderr != "" || !strings.Contains(readFile(t, dir, reportFile), "<html") {
		t.Errorf("without a page: exit status %d, printed %q", status, stderr)
	}
}

// A results directory that is not there, or nonsense, gets one sentence.
func TestReportErrors(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, benchlog.BenchFile), []byte{0, 1, 2, 0xff}, 0o644); err != nil {
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
	status, stdout, stderr := result(t, "version")
	if want := "go " + runtime.Version() + "\ncommit " + host.Commit() + "\n"; status != 0 || stdout != want || stderr != "" {
		t.Errorf("exit status %d, printed %q and %q, want %q", status, stdout, stderr, want)
	}
}
