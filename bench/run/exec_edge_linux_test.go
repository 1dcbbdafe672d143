package run

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
	"switchyard/bench/output"
)

// script is a program that a shell runs.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "runner")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// How a runner ended, in one sentence.
func TestRunnerErrors(t *testing.T) {
	if err := Adopt(); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"echo not enough >&2; exit 3":       "void: not enough",
		"exit 3":                            "void: ",
		"echo ' bad ' >&2; exit 1":          "bad",
		"exit 2":                            "the runner: exit status 2",
		"echo why >&2; kill -KILL $$":       "the runner was killed by killed. why",
		"kill -TERM $$":                     "the runner was killed by terminated.",
		"exit 0":                            "the runner printed no result",
		"yes x | head -c 4194305":           "the runner printed more than 4194304 bytes",
		"yes x | head -c 4194304":           `the runner printed "x", which is not part of the protocol`,
		"yes 1 | head -c 70000 >&2; exit 1": strings.TrimSpace(strings.Repeat("1\n", 32<<10)),
	} {
		p := &Program{Path: script(t, text), CPUs: AllCPUs()}
		if _, err := p.Run(t.Context(), invocation("X")); err == nil || err.Error() != want {
			t.Errorf("%s: error %.200v, want %.200q", text, err, want)
		}
	}
	p := &Program{Path: filepath.Join(t.TempDir(), "none"), CPUs: AllCPUs()}
	if _, err := p.Run(t.Context(), invocation("X")); err == nil || err.Error() != "start the runner: fork/exec "+p.Path+": no such file or directory" {
		t.Errorf("no program: %v", err)
	}
	p.CPUs = []int{1000}
	if _, err := p.Run(t.Context(), invocation("X")); err == nil || err.Error() != "set the CPU set: invalid argument" {
		t.Errorf("no such CPU: %v", err)
	}
	p.CPUs = nil
	if _, err := p.Run(t.Context(), invocation("X")); err == nil || err.Error() != "void: needs 1 CPUs, and 0 may be used" {
		t.Errorf("no CPU: %v", err)
	}
	if err := runnerError(nil, errors.New("lost"), "x"); err.Error() != "the runner: lost" {
		t.Errorf("no state: %v", err)
	}
}

// A thread that has started a runner may use its CPUs again.
func TestRunRestoresCPUs(t *testing.T) {
	p := testProgram(t)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, err := p.Run(t.Context(), invocation("Honest")); err != nil {
		t.Fatal(err)
	}
	if got := AllCPUs(); !slices.Equal(got, p.CPUs) {
		t.Errorf("the thread may use the CPUs %v, want %v", got, p.CPUs)
	}
}

// A list that is given up says why, and one that a program cannot give says
// which program.
func TestListGivenUp(t *testing.T) {
	if err := Adopt(); err != nil {
		t.Fatal(err)
	}
	over := errors.New("over")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, over)
	defer cancel()
	if _, _, err := (&Program{Path: script(t, "exec sleep 600")}).List(ctx); err != over {
		t.Errorf("error %v, want %v", err, over)
	}
	p := &Program{Path: script(t, "echo hello")}
	if _, _, err := p.List(t.Context()); err == nil || err.Error() != p.Path+` -list: the line "hello" declares neither a model nor a workload` {
		t.Errorf("error %v", err)
	}
	if r, err := OpenRunners(t.Context(), []*Program{p}); r != nil || err == nil || !strings.HasPrefix(err.Error(), p.Path) {
		t.Errorf("%v, error %v", r, err)
	}
}

// A program that cannot run on this machine is left out, with its reason, and
// is an error where it is the only one.
func TestRunnersThatCannotRunHere(t *testing.T) {
	void := &Program{Path: script(t, "echo no python3 >&2; exit 3")}
	list := `echo '# model {"name":"m","note":"n"}'; echo '# workload {"name":"W","story":"s","op":"o","cases":[""],"models":["m"]}'`
	good := &Program{Path: script(t, list)}
	for _, programs := range [][]*Program{{good, void}, {void, good}} {
		r, err := OpenRunners(t.Context(), programs)
		if err != nil || len(r.Models) != 1 || len(r.Workloads) != 1 || !slices.Equal(r.Notes, []string{void.Path + " is left out: no python3"}) {
			t.Errorf("%+v, error %v", r, err)
		}
	}
	if r, err := OpenRunners(t.Context(), []*Program{void}); r != nil || err == nil || err.Error() != void.Path+" -list: void: no python3" {
		t.Errorf("%v, error %v", r, err)
	}
	fails := &Program{Path: script(t, "echo broken >&2; exit 1")}
	if r, err := OpenRunners(t.Context(), []*Program{good, fails}); r != nil || err == nil {
		t.Errorf("%v, error %v", r, err)
	}
}

// A buffer keeps what it may, and says whether there was more.
func TestLimitedBuffer(t *testing.T) {
	b := &limitedBuffer{max: 5}
	for _, tt := range []struct {
		write, have string
		over        bool
	}{{"abc", "abc", false}, {"", "abc", false}, {"de", "abcde", false}, {"", "abcde", false}, {"f", "abcde", true}, {"", "abcde", true}} {
		n, err := b.Write([]byte(tt.write))
		if n != len(tt.write) || err != nil || b.String() != tt.have || b.over != tt.over {
			t.Errorf("wrote %q: %d, %v, have %q, over %v; want %q, %v", tt.write, n, err, b, b.over, tt.have, tt.over)
		}
	}
	b = &limitedBuffer{max: 5}
	if n, err := b.Write([]byte("abcdefg")); n != 7 || err != nil || b.String() != "abcde" || !b.over {
		t.Errorf("all at once: %d, %v, have %q, over %v", n, err, b, b.over)
	}
}

// The programs of a run: whose a model is, and what of a workload each has.
func TestRunnersAdd(t *testing.T) {
	one, two := &Program{Path: "/x/one"}, &Program{Path: "/y/two"}
	models := func(names ...benchlog.Model) (all []benchlog.ModelInfo) {
		for _, n := range names {
			all = append(all, benchlog.ModelInfo{Name: n, Note: "n"})
		}
		return all
	}
	w := func(name, op string, na map[benchlog.Model]string, has ...benchlog.Model) benchlog.WorkloadInfo {
		return benchlog.WorkloadInfo{Name: name, Story: "s", Op: op, Cases: []benchlog.Params{""}, Models: has, NA: na}
	}
	open := func() *Runners {
		r := &Runners{programs: make(map[benchlog.Model]*Program)}
		na := map[benchlog.Model]string{"b": "why"}
		if err := r.add(one, models("a", "b"), []benchlog.WorkloadInfo{w("Both", "op", na, "a"), w("First", "op", nil, "a", "b")}); err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := open()
	if err := r.add(two, models("c", "d"), []benchlog.WorkloadInfo{w("Second", "op", nil, "c", "d"), w("Both", "op", map[benchlog.Model]string{"c": "no"}, "d")}); err != nil {
		t.Fatal(err)
	}
	want := []benchlog.WorkloadInfo{
		w("Both", "op", map[benchlog.Model]string{"b": "why", "c": "no"}, "a", "d"),
		w("First", "op", map[benchlog.Model]string{"c": "two has no First", "d": "two has no First"}, "a", "b"),
		w("Second", "op", map[benchlog.Model]string{"a": "one has no Second", "b": "one has no Second"}, "c", "d"),
	}
	if !reflect.DeepEqual(r.Workloads, want) || !reflect.DeepEqual(r.Models, models("a", "b", "c", "d")) {
		t.Errorf("models %v, workloads\n%v, want\n%v", r.Models, r.Workloads, want)
	}
	r.Use([]int{7})
	if !slices.Equal(one.CPUs, []int{7}) || !slices.Equal(two.CPUs, []int{7}) || r.programs["b"] != one || r.programs["c"] != two {
		t.Errorf("CPUs %v and %v, programs %v", one.CPUs, two.CPUs, r.programs)
	}
	if _, err := r.Run(t.Context(), Invocation{Case: benchlog.Case{Model: "e"}}); err == nil || err.Error() != `no runner has the model "e"` {
		t.Errorf("error %v", err)
	}
	shared := func(name string) benchlog.WorkloadInfo {
		return benchlog.WorkloadInfo{Name: name, Models: []benchlog.Model{"c"}}
	}
	r = open()
	if err := r.add(&Program{Path: "/y/one"}, models("c"), []benchlog.WorkloadInfo{shared("Both")}); err != nil {
		t.Fatal(err)
	}
	want = []benchlog.WorkloadInfo{
		w("Both", "op", map[benchlog.Model]string{"b": "why"}, "a", "c"),
		w("First", "op", map[benchlog.Model]string{"c": "y/one has no First"}, "a", "b"),
	}
	if !reflect.DeepEqual(r.Workloads, want) {
		t.Errorf("workloads\n%v, want\n%v", r.Workloads, want)
	}
	r = open()
	note := "New of /y/two is left out: no runner before it has New"
	if err := r.add(two, models("c"), []benchlog.WorkloadInfo{shared("New")}); err != nil || len(r.Workloads) != 2 || !slices.Equal(r.Notes, []string{note}) {
		t.Errorf("error %v, %+v", err, r)
	}
	if err := open().add(two, models("c", "b"), nil); err == nil || err.Error() != "/x/one and /y/two both have the model b" {
		t.Errorf("error %v", err)
	}
	if err := open().add(two, models("c"), []benchlog.WorkloadInfo{w("Both", "ops", nil, "c")}); err == nil ||
		err.Error() != `/y/two has another Both than the runner before it: its op is "ops" and its cases are [""], not "op" and [""]` {
		t.Errorf("error %v", err)
	}
	if err := open().add(two, models("c"), []benchlog.WorkloadInfo{w("New", "op", nil)}); err == nil || err.Error() != "workload New: c needs an implementation or the reason why it has none" {
		t.Errorf("error %v", err)
	}
}

// Logs that cannot be begun or gone on with leave nothing open, and the
// directory free.
func TestLogFailures(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what was forgotten
	dir := t.TempDir()
	r, _ := newRun(t, dir)
	if err := r.Log.Close(); err != nil {
		t.Fatal(err)
	}
	plan := r.Plan(time.Now())
	broken, noLatency, blocked, finished := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	whole := readBench(t, dir)
	write := func(dir, name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(broken, benchlog.BenchFile, "x\n")
	write(noLatency, benchlog.BenchFile, whole)
	write(finished, benchlog.LatencyFile, "")
	if err := os.Mkdir(filepath.Join(blocked, benchlog.BenchFile), 0o755); err != nil {
		t.Fatal(err)
	}
	create := func(dir string) func() error {
		return func() error { _, err := CreateLog(dir, plan, nil); return err }
	}
	open := func(dir string) func() error {
		return func() error { _, _, err := OpenLog(dir); return err }
	}
	taken := " has results already: resume them, or choose another directory"
	file := filepath.Join(dir, benchlog.BenchFile)
	for what, tt := range map[string]struct {
		do   func() error
		want string
	}{
		"create over results":   {create(dir), dir + taken},
		"create over a latency": {create(finished), finished + taken},
		"create in a file":      {create(file), "make the directory " + file + ": not a directory"},
		"open what is broken":   {open(broken), filepath.Join(broken, benchlog.BenchFile) + " cannot be resumed: it has no plan in its first line"},
		"open without latency": {open(noLatency), filepath.Join(noLatency, benchlog.BenchFile) + " cannot be resumed: open " +
			filepath.Join(noLatency, benchlog.LatencyFile) + ": no such file or directory"},
		"open a directory": {open(blocked), filepath.Join(blocked, benchlog.BenchFile) + " cannot be resumed: read " +
			filepath.Join(blocked, benchlog.BenchFile) + ": is a directory"},
	} {
		_ = tt.do() // opens what is opened once, for the poller
		before := descriptors()
		err := tt.do()
		if after := descriptors(); err == nil || err.Error() != tt.want || after != before {
			t.Errorf("%s: error %v, want %q; %d descriptors, %d before", what, err, tt.want, after, before)
		}
	}
	for _, dir := range []string{dir, broken, noLatency, blocked, finished} {
		owner, err := output.Own(dir)
		if err != nil {
			t.Error(err)
			continue
		}
		owner.Release()
	}
	// While somebody writes there, it is said who.
	owner, err := output.Own(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Release()
	_, asideErr := SetAside(dir)
	for _, err := range []error{create(dir)(), open(dir)(), asideErr} {
		var owned *output.OwnedError
		if !errors.As(err, &owned) || owned.Pid != os.Getpid() {
			t.Errorf("error %v, want that it is owned", err)
		}
	}
}

func descriptors() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// Whose results are in a directory is asked without leaving the file open.
func TestIsOursCloses(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what was forgotten
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, benchlog.BenchFile), []byte(benchlog.HeaderStart), 0o600); err != nil {
		t.Fatal(err)
	}
	isOurs(dir) // opens what is opened once, for the poller
	before := descriptors()
	if !isOurs(dir) || isOurs(t.TempDir()) {
		t.Error("a directory of ours is another's, or the other way round")
	}
	if after := descriptors(); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// A cancelled run calls no runner more, and its error is the cause.
func TestRunCancelled(t *testing.T) {
	r, exec := newRun(t, t.TempDir())
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	stats, err := r.Do(ctx)
	if err != stop || len(exec.calls) > 0 || stats.Failed > 0 || stats.Bench != 50*time.Millisecond {
		t.Errorf("%d calls, stats %+v, error %v", len(exec.calls), stats, err)
	}
	for what, disk := range map[string]int{"the calibration": 0, "a failure": 1, "a void case": 2} {
		r, exec := newRun(t, t.TempDir())
		exec.fail = func(Invocation) error {
			r.Log.bench.Close()
			return map[int]error{1: errors.New("no"), 2: bench.Void("no")}[disk]
		}
		if _, err := r.Do(t.Context()); err == nil || !errors.Is(err, os.ErrClosed) || !strings.HasPrefix(err.Error(), "write the results: ") {
			t.Errorf("%s cannot be written: error %v", what, err)
		}
	}
	r, exec = newRun(t, t.TempDir())
	r.Log.bench.Close()
	if _, err := r.Do(t.Context()); !errors.Is(err, os.ErrClosed) || len(exec.calls) > 0 {
		t.Errorf("a cell that has no implementation cannot be written: error %v, %d calls", err, len(exec.calls))
	}
	if err := r.Log.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed twice: %v", err)
	}
	for text, want := range map[string]string{"a\nb\nc": "a", "a": "a", "": "", "\nb": ""} {
		if got := firstLine(text); got != want {
			t.Errorf("the first line of %q is %q, want %q", text, got, want)
		}
	}
}
