package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/bench/benchlog"
	"switchyard/bench/host"
	"switchyard/bench/run"
	"switchyard/bench/workload"
)

// The exit status of every kind of error, however it is wrapped.
func TestStatus(t *testing.T) {
	boom := errors.New("boom")
	for _, tt := range []struct {
		err  error
		want int
	}{
		{nil, 0}, {boom, 1}, {usageErrorf("x: %w", boom), 2}, {fmt.Errorf("y: %w", usageErrorf("x")), 2}, {&exitError{exitFailed, boom}, 1},
		{fmt.Errorf("y: %w", errInterrupted), 130}, {usageErrorf("x: %w", errInterrupted), 130},
	} {
		if got := status(tt.err); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.err, got, tt.want)
		}
	}
	if err := usageErrorf("x: %w", boom); err.Error() != "x: boom" || !errors.Is(err, boom) {
		t.Errorf("error %v", err)
	}
}

// Bad usage says where the help is; no command at all is the help.
func TestUsageHints(t *testing.T) {
	for args, want := range map[string]string{
		"run --nonsense":                   "switchyard: unknown flag: --nonsense\nsee \"switchyard run --help\"\n",
		"run --cuont=3":                    "switchyard: unknown flag: --cuont; did you mean \"--count\"?\nsee \"switchyard run --help\"\n",
		"report --basline x":               "switchyard: unknown flag: --basline; did you mean \"--baseline\"?\nsee \"switchyard report --help\"\n",
		"rnu":                              "switchyard: unknown command \"rnu\" for \"switchyard\"; did you mean \"run\"?\nsee \"switchyard --help\"\n",
		"reports x":                        "switchyard: unknown command \"reports\" for \"switchyard\"; did you mean \"report\"?\nsee \"switchyard --help\"\n",
		"benchmark":                        "switchyard: unknown command \"benchmark\" for \"switchyard\"\nsee \"switchyard --help\"\n",
		"run --count ten":                  "switchyard: --count \"ten\": want a whole number\nsee \"switchyard run --help\"\n",
		"run --seed=-1":                    "switchyard: --seed \"-1\": want a whole number that is not negative\nsee \"switchyard run --help\"\n",
		"run --budget 90":                  "switchyard: --budget \"90\": want a time such as \"50ms\" or \"1m30s\"\nsee \"switchyard run --help\"\n",
		"run --resume=maybe":               "switchyard: --resume \"maybe\": want true or false\nsee \"switchyard run --help\"\n",
		"run --count 99999999999999999999": "switchyard: --count \"99999999999999999999\": want a whole number\nsee \"switchyard run --help\"\n",
		"list more":                        "switchyard: unknown command \"more\" for \"switchyard list\"\nsee \"switchyard list --help\"\n",
		"version more":                     "switchyard: unknown command \"more\" for \"switchyard version\"\nsee \"switchyard version --help\"\n",
		"report a b":                       "switchyard: accepts at most 1 arg(s), received 2\nsee \"switchyard report --help\"\n",
		"compare":                          "switchyard: accepts between 1 and 2 arg(s), received 0\nsee \"switchyard compare --help\"\n",
		"compare a b c":                    "switchyard: accepts between 1 and 2 arg(s), received 3\nsee \"switchyard compare --help\"\n",
		"report - --baseline -":            "switchyard: only one of results and baseline can be standard input\n",
		"list --runner /no/such":           "switchyard: the runner is not there (make builds it): stat /no/such: no such file or directory\n",
	} {
		if status, stdout, stderr := result(t, strings.Fields(args)...); status != exitUsage || stdout != "" || stderr != want {
			t.Errorf("%s: exit status %d, printed %q and %q, want %q", args, status, stdout, stderr, want)
		}
	}
	// Without a flag it is the program beside this one, which is none here.
	if status, _, stderr := result(t, "list"); status != exitUsage || !strings.Contains(stderr, "/runner: no such file or directory\n") {
		t.Errorf("list without a runner: exit status %d, printed %q", status, stderr)
	}
	if status, stdout, stderr := result(t); status != 0 || !strings.Contains(stdout, "\nAvailable Commands:\n") || stderr != "" {
		t.Errorf("no command: exit status %d, printed %q and %q", status, stdout, stderr)
	}
	for _, name := range planFlags {
		value := map[string]string{"benchtime": "1s", "budget": "1s", "deadline": "1s", "p99-limit": "1s"}[name]
		if value == "" {
			value = "1"
		}
		want := "switchyard: --resume goes on as planned: it cannot take --" + name + "\n"
		if status, _, stderr := result(t, "run", "--runner", "/proc/self/exe", "--resume", "--"+name, value, "--out", "/no/such"); status != exitUsage || stderr != want {
			t.Errorf("--%s: exit status %d, printed %q, want %q", name, status, stderr, want)
		}
	}
}

// The list is a table of the workloads, and one of the models. A runner may be
// named without a path.
func TestListTable(t *testing.T) {
	want := "WORKLOAD  OP  MODELS            CASES  MORE (--profile full)\n"
	for _, name := range []string{"Good", "Wrong", "Hangs"} {
		want += fmt.Sprintf("%-10sop  serial goroutine         \n", name)
	}
	want += "\nMODEL      WHAT IT IS\n"
	for _, m := range workload.Models() {
		want += fmt.Sprintf("%-11s%s\n", m.Name, m.Note)
	}
	dir := t.TempDir()
	self, err := os.Executable()
	if err := errors.Join(err, os.Symlink(self, filepath.Join(dir, "other"))); err != nil {
		t.Fatal(err)
	}
	cmd := switchyard("list", "--runner", "other")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil || string(out) != want {
		t.Errorf("printed (%v)\n%s, want\n%s", err, out, want)
	}
	if got := join([]string{"a", "", "b"}); got != "a b" {
		t.Errorf("joined to %q", got)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	defer full.Close()
	for _, args := range [][]string{{"list", "--runner", "/proc/self/exe"}, {"compare", os.DevNull, os.DevNull}, {}} {
		cmd := switchyard(args...)
		cmd.Stdout = full
		if err := cmd.Run(); err == nil && len(args) > 0 {
			t.Errorf("%q with a full standard output: no error", args)
		}
	}
}

// A first signal lets what cannot be interrupted come to its end; the second
// ends the program at once.
func TestSecondSignal(t *testing.T) {
	line := "BenchmarkX-2 1 5 ns/op\n"
	for _, signals := range [][]syscall.Signal{{syscall.SIGINT}, {syscall.SIGHUP}, {syscall.SIGTERM, syscall.SIGINT}, {syscall.SIGHUP, syscall.SIGTERM}} {
		cmd := switchyard("report", "-")
		in, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		// More than a pipe holds: when it is written, the program is reading.
		if _, err := io.WriteString(in, strings.Repeat(line, 10_000)); err != nil {
			t.Fatal(err)
		}
		want := 0
		for i, s := range signals {
			if err := cmd.Process.Signal(s); err != nil {
				t.Fatal(err)
			}
			if i == 1 {
				want = exitInterrupted
			}
		}
		if want == 0 {
			time.Sleep(20 * time.Millisecond) // for a program that wrongly ends
			in.Close()
		}
		guard := time.AfterFunc(5*time.Minute, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		guard.Stop()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%v: exit status %d, want %d", signals, got, want)
		}
	}
}

// Names are separated by any of three characters; what is chosen keeps its
// order.
func TestChoose(t *testing.T) {
	workloads := []benchlog.WorkloadInfo{{Name: "A", Cases: []benchlog.Params{""}}, {Name: "B"}, {Name: "C"}}
	models := []benchlog.ModelInfo{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	for names, want := range map[string]string{"": "A B C", "C|A": "A C", "C,A": "A C", "C A": "A C", "B": "B", " B ,": "B", "|": "A B C", "A|B,C A": "A B C"} {
		var got []string
		chosen, err := chooseWorkloads(workloads, names, "default")
		for _, w := range chosen {
			got = append(got, w.Name)
		}
		of, modelErr := chooseModels(models, strings.ToLower(names))
		if err := errors.Join(err, modelErr); err != nil || strings.Join(got, " ") != want || join(of) != strings.ToLower(want) {
			t.Errorf("%q: %q and %q, %v, want %q", names, got, of, err, want)
		}
	}
	if _, err := chooseWorkloads(workloads, "A|D", "full"); err == nil || err.Error() != `unknown workload "D"; there are: A B C` {
		t.Errorf("error %v", err)
	}
	if _, err := chooseModels(models, "A"); err == nil || err.Error() != `unknown model "A"; there are: a b c; did you mean "a"?` {
		t.Errorf("error %v", err)
	}
	if _, err := chooseLanes("1,9", 8); err == nil || err.Error() != `--cpu "9": want "all" or a number of CPUs from 1 to 8` {
		t.Errorf("error %v", err)
	}
}

// Where the page goes, and what is read, of a directory and of files.
func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	in := func(names ...string) (paths []string) {
		for _, name := range names {
			paths = append(paths, filepath.Join(dir, name))
		}
		return paths
	}
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		page   string
		inputs []string
	}{
		"":          {"report.html", []string{"bench.txt", "latency.hlog"}},
		"bench.txt": {"report.html", []string{"bench.txt", "latency.hlog"}},
		"a.txt":     {"a.html", []string{"a.txt", "latency.hlog"}},
		"b":         {"b.html", []string{"b", "latency.hlog"}},
		"b.html":    {"b.html.html", []string{"b.html", "latency.hlog"}},
		"c.txt.gz":  {"c.txt.html", []string{"c.txt.gz", "latency.hlog"}},
	} {
		path := filepath.Join(dir, name)
		if got := pageBeside(path); got != filepath.Join(dir, tt.page) {
			t.Errorf("the page of %q is %s, want %s", name, got, tt.page)
		}
		if got := inputsOf(path); !slices.Equal(got, in(tt.inputs...)) {
			t.Errorf("of %q are read %q, want %q", name, got, tt.inputs)
		}
	}
}

// Without a path the results are those of the last run; the text says where the
// page is, but not when that is printed.
func TestReportDefault(t *testing.T) {
	dir := t.TempDir()
	latest := filepath.Join(dir, "results", "latest")
	text := []byte("BenchmarkX-2 1 5 ns/op\n--- FAIL: BenchmarkY-2\n    no\n--- FAIL: BenchmarkZ-2\n    no\n")
	if err := errors.Join(os.MkdirAll(latest, 0o755), os.WriteFile(filepath.Join(latest, benchlog.BenchFile), text, 0o644)); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join("results", "latest", reportFile)
	for _, more := range [][]string{nil, {"--html", "-"}} {
		cmd := switchyard(append([]string{"report"}, more...)...)
		cmd.Dir = dir
		var stdout, stderr bytes.Buffer
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
		_ = cmd.Run()
		printed := &stdout
		if more != nil {
			printed = &stderr
		}
		if got := cmd.ProcessState.ExitCode(); got != exitFailed || !strings.HasSuffix(stderr.String(), "switchyard: 2 failures in results/latest\n") ||
			!strings.Contains(printed.String(), "X") || strings.Contains(printed.String(), page) != (more == nil) {
			t.Errorf("report %q: exit status %d, printed %q and %q", more, got, &stdout, &stderr)
		}
	}
	if status, stdout, stderr := result(t, "report", latest, "--baseline", filepath.Join(dir, "none")); status != exitFailed || stdout != "" || !strings.Contains(stderr, "no such file") {
		t.Errorf("no baseline: exit status %d, printed %q and %q", status, stdout, stderr)
	}
}

// A run goes on where the machine and the build are the same: what differs from
// day to day is no matter.
func TestResumable(t *testing.T) {
	model := benchlog.ModelInfo{Name: "a", Note: "n"}
	w := benchlog.WorkloadInfo{Name: "W", Story: "s"}
	for change, want := range map[string]string{
		"": "", "memory": "", "governor": "", "limit-files": "", "load": "",
		"cpu": "its cpu is", "cores": "its cores is", "go": "its go is", "commit": "its commit is", "kernel": "its kernel is",
	} {
		past := &run.Checkpoint{File: &benchlog.File{Facts: host.Facts(""), Models: []benchlog.ModelInfo{model}, Workloads: []benchlog.WorkloadInfo{w},
			Header: benchlog.Header{CPUs: "0,2-3", Lanes: []int{1, 3}}}}
		for i, f := range past.Facts {
			if f.Key == change {
				past.Facts[i].Value = "another"
			}
		}
		runners := &run.Runners{Models: []benchlog.ModelInfo{{Name: "b"}, model}, Workloads: []benchlog.WorkloadInfo{{Name: "V"}, w}}
		cpus, err := resumable(past, runners, []int{0, 1, 2, 3})
		if want != "" {
			if err == nil || !strings.HasPrefix(err.Error(), want+` "another", and here it is "`) || !strings.HasSuffix(err.Error(), "; results of two are never mixed") {
				t.Errorf("another %s: error %v", change, err)
			}
			continue
		}
		if err != nil || !slices.Equal(cpus, []int{0, 2, 3}) {
			t.Errorf("another %s: %v, %v", change, cpus, err)
		}
		if _, err := resumable(past, runners, []int{0, 1, 3}); err == nil || err.Error() != "it was measured on the CPUs 0,2-3, and here are 0-1,3" {
			t.Errorf("a CPU less: error %v", err)
		}
		past.Header.Lanes = []int{1, 4}
		if _, err := resumable(past, runners, []int{0, 1, 2, 3}); err == nil || err.Error() != `its plan has the CPUs "0,2-3"` {
			t.Errorf("more lanes than CPUs: error %v", err)
		}
	}
}

// A run is of this machine, and its words are taken over, if what decides how
// fast it is is the same.
func TestOtherMachine(t *testing.T) {
	for change, want := range map[string]bool{
		"": false, "memory": false, "governor": false, "go": false, "commit": false,
		"cpu": true, "cores": true, "kernel": true, "mitigations": true,
	} {
		before := &benchlog.File{Facts: host.Facts("")}
		for i, f := range before.Facts {
			if f.Key == change {
				before.Facts[i].Value = "another"
			}
		}
		if got := otherMachine(before); (got != "") != want || want && !strings.HasPrefix(got, "its "+change+` is "another", and here it is "`) {
			t.Errorf("another %s: %q", change, got)
		}
	}
}

// A shell is offered the names that the runners have, in every command that
// measures, and no files.
func TestCompletion(t *testing.T) {
	for args, want := range map[string]string{
		"run --runner /proc/self/exe --workloads ":       "Good Wrong Hangs :6",
		"run --runner /proc/self/exe --workloads Good|W": "Good|Wrong :6",
		"run --runner /proc/self/exe --models greenlet,": "greenlet,serial greenlet,goroutine greenlet,ants greenlet,thread greenlet,process :6",
		"run --runner /no/such --models ":                ":1",
		"ab --profile ":                                  "default full smoke :4",
		"compare --format ":                              "csv json markdown text :4",
	} {
		status, stdout, _ := result(t, append([]string{"__complete"}, strings.Split(args, " ")...)...)
		if got := strings.Join(strings.Fields(stdout), " "); status != 0 || got != want {
			t.Errorf("%s: exit status %d, %q, want %q", args, status, got, want)
		}
	}
}

// terminal opens a pseudo-terminal of that width.
func terminal(t *testing.T, width uint16) *os.File {
	t.Helper()
	main, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { main.Close() })
	fd := int(main.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)); err != nil {
		t.Skip(err)
	}
	f, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
		t.Skip(err)
	}
	return f
}

// A terminal has colours, unless the user wants none, its own width, and a bar.
func TestTerminal(t *testing.T) {
	t.Setenv("TERM", "xterm")
	f := terminal(t, 100)
	for _, noColor := range []string{"", "1"} {
		t.Setenv("NO_COLOR", noColor)
		if opt := textOptions(f); opt.Color != (noColor == "") || opt.Width != 100 {
			t.Errorf("NO_COLOR=%s: %+v", noColor, opt)
		}
	}
	t.Setenv("NO_COLOR", "")
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, w := range []io.Writer{null, new(bytes.Buffer)} {
		if opt := textOptions(w); opt.Color || opt.Width != 0 {
			t.Errorf("no terminal: %+v", opt)
		}
	}
	if p := newProgress(f); p.bar == nil || p.room != 28 {
		t.Errorf("a bar %v with %d columns for the case, want 28", p.bar != nil, p.room)
	}
}

// A terminal that obeys no control sequences gets none, neither colours nor a
// bar, and one without the room for a bar gets lines; both keep their width.
func TestPoorTerminals(t *testing.T) {
	t.Setenv("NO_COLOR", "")
	for _, test := range []struct {
		term       string
		width      uint16
		color, bar bool
	}{
		{"dumb", 100, false, false},
		{"dumb", 20, false, false},
		{"xterm", leastWidth, true, true},
		{"xterm", leastWidth - 1, true, false},
		{"xterm", 1, true, false},
		{"xterm", 0, true, true}, // it does not say
		{"", 100, true, true},
	} {
		t.Setenv("TERM", test.term)
		f := terminal(t, test.width)
		opt := textOptions(f)
		if bar := newProgress(f).bar != nil; opt.Color != test.color || opt.Width != int(test.width) || bar != test.bar {
			t.Errorf("TERM=%s, %d columns: colour %v, width %d, bar %v", test.term, test.width, opt.Color, opt.Width, bar)
		}
	}
}

// What runners write for a while is in the directory of the results, and gone
// afterwards: what they left, and what a killed run did.
func TestScratch(t *testing.T) {
	out := t.TempDir()
	t.Setenv("TMPDIR", "/before")
	left := filepath.Join(out, ".switchyard-scratch-1", "file")
	for _, dir := range []string{filepath.Dir(left), filepath.Join(out, "kept")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(left, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	err := withScratch(out, func() error {
		dir := os.TempDir()
		if filepath.Dir(dir) != out {
			t.Errorf("temporary files are in %s, want a directory in %s", dir, out)
		}
		if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
			t.Error(err)
		}
		return boom
	})
	entries, readErr := os.ReadDir(out)
	if err != boom || readErr != nil || len(entries) != 1 || entries[0].Name() != "kept" || os.TempDir() != "/before" {
		t.Errorf("%v, left %v (%v), temporary files are in %s", err, entries, readErr, os.TempDir())
	}
	os.Unsetenv("TMPDIR") // t.Setenv puts back what was
	if err := withScratch(out, func() error { return nil }); err != nil {
		t.Error(err)
	}
	if v, had := os.LookupEnv("TMPDIR"); had {
		t.Errorf("TMPDIR is %q, and was not set", v)
	}
	if err := withScratch(filepath.Join(out, "none"), func() error { return nil }); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no directory: %v", err)
	}
}
