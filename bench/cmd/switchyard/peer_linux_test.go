package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/bench/benchlog"
)

// A runner in another language, with a model and a workload of its own, is
// measured beside ours: in one run, which is interrupted, resumed and reported.
func TestPeer(t *testing.T) {
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here")
	}
	dir := t.TempDir()
	out, runner, peer, hold := filepath.Join(dir, "out"), filepath.Join(dir, "runner"), filepath.Join(dir, "peer.sh"), filepath.Join(dir, "hold")
	if text, err := exec.Command("go", "build", "-o", runner, "../runner").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	script, err := filepath.Abs("testdata/peer.sh")
	if err != nil {
		t.Fatal(err)
	}
	// It lists and calibrates, and hangs when it is to measure, as long as
	// there is a file.
	wrapper := fmt.Sprintf("#!/bin/sh\ncase \" $* \" in *' -n '*) [ ! -e %s ] || exec sleep 3600 ;; esac\nexec %s \"$@\"\n",
		shellWords([]string{hold}), shellWords([]string{script}))
	if err := os.WriteFile(peer, []byte(wrapper), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(hold, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := switchyard("run", "--runner", runner, "--runner", peer, "--workloads", "PingPong|Fork", "--models", "serial,goroutine,sh",
		"--count", "3", "--benchtime", "2ms", "--cpu", "1", "--repeats", "0", "--deadline", "1h", "--out", out)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	waitFor(t, "the first block", func() bool {
		text, _ := os.ReadFile(filepath.Join(out, benchlog.BenchFile))
		return bytes.Contains(text, []byte("\n# begin "))
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	hint := fmt.Sprintf("run --resume --out %s --runner %s --runner %s\n", out, runner, peer)
	if status := cmd.ProcessState.ExitCode(); status != exitInterrupted || !strings.HasSuffix(stderr.String(), hint) {
		t.Fatalf("exit status %d, printed %q, want %d and %q", status, &stderr, exitInterrupted, hint)
	}
	if err := os.Remove(hold); err != nil {
		t.Fatal(err)
	}

	status, _, errText := result(t, "run", "--resume", "--out", out, "--runner", runner)
	want := "switchyard: cannot resume " + out + `: no runner has the model "sh"; name all runners that it was begun with` + "\n"
	if status != exitFailed || errText != want {
		t.Errorf("without the peer: exit status %d, printed %q, want %q", status, errText, want)
	}
	status, stdout, errText := result(t, "run", "--resume", "--out", out, "--runner", runner, "--runner", peer)
	if status != 0 {
		t.Fatalf("resume: exit status %d\n%s", status, errText)
	}
	checkPeerResults(t, readFile(t, out, benchlog.BenchFile))
	page := readFile(t, out, reportFile)
	for where, text := range map[string]string{"text": stdout, "page": page} {
		if !strings.Contains(text, "Fork") || !strings.Contains(text, "PingPong") {
			t.Errorf("the %s lacks a workload", where)
		}
	}
	for _, want := range []string{"runner has no Fork", "Start children that do next to nothing."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// checkPeerResults looks at a finished run of three models and two workloads.
func checkPeerResults(t *testing.T, text string) {
	t.Helper()
	f, err := benchlog.Read(strings.NewReader(text))
	if err != nil || len(f.Damaged) > 0 || len(f.Notes) > 0 {
		t.Fatalf("error %v, damaged %v, notes %q", err, f.Damaged, f.Notes)
	}
	results := make(map[string]int)
	for _, r := range f.Results {
		results[r.Name]++
	}
	want := map[string]int{
		"PingPong/model=serial-1": 3, "PingPong/model=goroutine-1": 3, "PingPong/model=sh-1": 3,
		"Fork/n=1/model=sh-1": 3, "Fork/n=8/model=sh-1": 3,
	}
	if fmt.Sprint(results) != fmt.Sprint(want) {
		t.Errorf("results %v, want %v", results, want)
	}
	var models, skipped []string
	for _, m := range f.Models {
		models = append(models, fmt.Sprintf("%s: %s (%v, %v)", m.Name, m.Note, m.Baseline, m.Processes))
	}
	if want := "serial: one task after another: what the work itself costs (true, false)\n" +
		"goroutine: goroutines, scheduled by the Go runtime (false, false)\n" +
		"sh: a POSIX shell and its children (false, true)"; strings.Join(models, "\n") != want {
		t.Errorf("models\n%s, want\n%s", strings.Join(models, "\n"), want)
	}
	for _, v := range f.Verdicts {
		skipped = append(skipped, fmt.Sprint(v.Failed, " ", v.Name, ": ", v.Reason))
	}
	if want := "[false Fork/model=goroutine-1: runner has no Fork false Fork/model=serial-1: runner has no Fork]"; fmt.Sprint(skipped) != want {
		t.Errorf("left out: %v, want %s", skipped, want)
	}
}

// What is wrong with one of several runners is said in one sentence.
func TestRunnersThatDoNotFit(t *testing.T) {
	dir := t.TempDir()
	program := func(name, list string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\ncat <<'END'\n"+list+"\nEND\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const model, workload = `# model {"name":"m","note":"n"}` + "\n", `# workload {"name":"W","story":"s","op":"o","cases":[""],"models":["m"]}`
	good := program("good", model+workload)
	for _, tt := range []struct {
		runners []string
		want    string
	}{
		{[]string{program("chatty", "hello\n"+model)}, `DIR/chatty -list: the line "hello" declares neither a model nor a workload`},
		{[]string{program("empty", "")}, "DIR/empty -list: no model"},
		{[]string{good, good}, "DIR/good and DIR/good both have the model m"},
		{[]string{good, program("again", model+workload)}, "DIR/good and DIR/again both have the model m"},
		{[]string{good, program("cases", strings.ReplaceAll(strings.ReplaceAll(model+workload, `"m"`, `"k"`), `[""]`, `["n=1"]`))},
			`DIR/cases has another W than the runner before it: its op is "o" and its cases are ["n=1"], not "o" and [""]`},
		{[]string{good, program("op", strings.ReplaceAll(strings.ReplaceAll(model+workload, `"m"`, `"k"`), `"o"`, `"p"`))},
			`DIR/op has another W than the runner before it: its op is "p" and its cases are [""], not "o" and [""]`},
		{[]string{program("fails", "END\necho no such thing as -list >&2; exit 2\ncat <<'END'")}, "DIR/fails -list: no such thing as -list"},
		{[]string{program("floods", "END\nhead -c 5000000 /dev/zero\ncat <<'END'")}, "DIR/floods -list: the runner printed more than 4194304 bytes"},
	} {
		args := []string{"list"}
		for _, r := range tt.runners {
			args = append(args, "--runner", r)
		}
		status, stdout, stderr := result(t, args...)
		if want := "switchyard: " + strings.ReplaceAll(tt.want, "DIR", dir) + "\n"; status != exitFailed || stdout != "" || stderr != want {
			t.Errorf("%q: exit status %d, printed %q and %q, want %q", tt.runners, status, stdout, stderr, want)
		}
	}
	// A name without a slash is a file here, not a program of $PATH.
	cmd := switchyard("list", "--runner", "good")
	cmd.Dir = dir
	text, err := cmd.CombinedOutput()
	want := "WORKLOAD  OP  MODELS  CASES  MORE (--profile full)\nW         o   m              \n\nMODEL  WHAT IT IS\nm      n\n"
	if err != nil || string(text) != want {
		t.Errorf("%v, printed %q, want %q", err, text, want)
	}
}
