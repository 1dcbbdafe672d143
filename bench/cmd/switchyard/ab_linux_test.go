package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/bench/benchlog"
	"switchyard/bench/testenv"
)

// fixedRunner is a runner whose ops take what it says, in two models: it
// measures nothing, so that what is found of it depends on no clock.
func fixedRunner(ns map[string]int) string {
	list, times := "", ""
	for _, w := range []string{"Even", "Odd", "Rare"} {
		if ns[w] > 0 {
			list += `# workload {"name":"` + w + `","kind":"testing","story":"s","op":"o","cases":["n=1","n=2"],"models":["a","b"]}` + "\n"
			times += fmt.Sprintf("%s) ns=%d ;; ", w, ns[w])
		}
	}
	return `#!/bin/sh
if [ "$1" = -list ]; then
cat <<'END'
# model {"name":"a","note":"one"}
# model {"name":"b","note":"other"}
` + list + `END
exit
fi
case $2 in ` + times + `esac
n=${12:-1000}
printf 'Benchmark%s/%s/model=%s-%s\t%s\t%s ns/op\n' "$2" "$6" "$4" "$8" "$n" "$ns"
`
}

func program(t *testing.T, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o755)); err != nil {
		t.Fatal(err)
	}
	return path
}

func abArgs(command, out string, more ...string) []string {
	return append([]string{command, "--benchtime", "1ms", "--out", out, "--cpu", "1", "--repeats", "0"}, more...)
}

// Two programs are measured in one run. What got worse is found, and so is
// nothing where nothing changed; what only one has is named.
func TestAB(t *testing.T) {
	dir := t.TempDir()
	old := program(t, dir, "old", fixedRunner(map[string]int{"Even": 100, "Odd": 300, "Rare": 5}))
	new := program(t, dir, "new", fixedRunner(map[string]int{"Even": 200, "Odd": 300}))
	out := filepath.Join(dir, "out")
	status, stdout, stderr := result(t, abArgs("ab", out, "--old", old, "--new", new)...)
	if status != exitFailed || !strings.Contains(stderr, "note: not measured, since only the old build has it: the workload Rare\n") {
		t.Errorf("exit status %d, printed %s", status, stderr)
	}
	text := readFile(t, out, benchlog.BenchFile)
	if n := strings.Count(text, "\nBenchmarkEven/build=control/n=2/model=b-1\t10000\t100 ns/op"); n != 10 {
		t.Errorf("%d results of the control", n)
	}
	for _, want := range []string{"old: " + old + "; new: " + new, "Even n=1  a  10.0M/s  5.00M/s  -50.0 to -50.0 % worse    0.0 %", "8 comparisons: 4 worse, 0 better, 4 the same within 5 %.", "Only in the old run: the workload Rare"} {
		if !strings.Contains(strings.Join(strings.Fields(stdout), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("no %q in\n%s", want, stdout)
		}
	}
	// The page is a report's: it has the builds as cases.
	if s, _, _ := result(t, "report", out); s != 0 || !strings.Contains(readFile(t, out, reportFile), "build=control") {
		t.Errorf("a report of it: exit status %d", s)
	}
	if !strings.HasSuffix(stderr, "\nswitchyard: worse by more than 5%: 4 comparisons\n") {
		t.Errorf("printed %s", stderr)
	}
	for _, again := range []string{out, filepath.Join(out, benchlog.BenchFile)} {
		if s, text, _ := result(t, "compare", again, "--fail-on", "5%"); s != status || text != stdout {
			t.Errorf("compare %s: exit status %d, printed\n%s\nand not\n%s", again, s, text, stdout)
		}
	}
	if status, _, stderr := result(t, abArgs("ab", out, "--old", old, "--new", new, "--fail-on", "120%", "--count", "6")...); status != 0 {
		t.Errorf("of less than --fail-on: exit status %d, printed %s", status, stderr)
	}
	if status, stdout, stderr := result(t, abArgs("ab", out, "--old", old, "--new", old, "--count", "6")...); status != 0 || !strings.Contains(stdout, ": 0 worse, 0 better") {
		t.Errorf("of one program: exit status %d, printed %s%s", status, stdout, stderr)
	}
}

// A null run shows the noise of the machine, and is found and heeded by compare
// from where it lies: beside the results or above them.
func TestNullRun(t *testing.T) {
	dir := t.TempDir()
	noisy := program(t, dir, "noisy", strings.Replace(fixedRunner(map[string]int{"Even": 100, "Odd": 300}), "n=${12:-1000}\n", "n=${12:-1000}; case $2 in Odd) ns=$((300 + 100 * ($(wc -l <"+dir+"/odd) % 3))); echo >>"+dir+"/odd ;; esac\n", 1))
	program(t, dir, "odd", "")
	null := filepath.Join(dir, "results", "null")
	status, stdout, stderr := result(t, abArgs("null", null, "--runner", noisy, "--count", "6")...)
	if status != 0 || !strings.Contains(stdout, "It is one build") || !strings.Contains(stdout, "Noise of this machine, of one build between 2 sessions") {
		t.Fatalf("exit status %d, printed %s%s", status, stdout, stderr)
	}
	var dirs []string
	for _, ns := range []int{100, 114} {
		dirs = append(dirs, filepath.Join(dir, "results", "kept", strconv.Itoa(ns)))
		fixed := program(t, dir, "fixed", fixedRunner(map[string]int{"Even": ns}))
		if status, _, stderr := result(t, "run", "--runner", fixed, "--count", "6", "--benchtime", "1ms", "--cpu", "1", "--repeats", "0", "--out", dirs[len(dirs)-1]); status != 0 {
			t.Fatal(stderr)
		}
	}
	status, stdout, stderr = result(t, "compare", dirs[0], dirs[1])
	if status != 0 || !strings.Contains(strings.Join(strings.Fields(stdout), " "), "No change below the noise of this machine is claimed ("+null+").") {
		t.Errorf("exit status %d, printed %s%s", status, stdout, stderr)
	}
	if err := os.Rename(null, filepath.Join(dir, "moved")); err != nil {
		t.Fatal(err)
	}
	if _, stdout, _ := result(t, "compare", dirs[0], dirs[1]); !strings.Contains(stdout, "a null run (make null)") || !strings.Contains(stdout, ": 4 worse") {
		t.Errorf("without a null run: printed %s", stdout)
	}
	if _, stdout, _ := result(t, "compare", dirs[0], dirs[1], "--null", filepath.Join(dir, "moved")); !strings.Contains(strings.Join(strings.Fields(stdout), " "), "is claimed ("+filepath.Join(dir, "moved")+").") {
		t.Errorf("with one that is named: printed %s", stdout)
	}
}

// Of ten real null runs, each of one build as old and new in the same blocks,
// one at most claims a change. It takes minutes and a quiet machine: make
// stats.
func TestTenNullRuns(t *testing.T) {
	if testenv.Asked("STATS") != "long" {
		t.Skip("measures for minutes; TestNullRunsClaimNothing of package analysis is its simulation")
	}
	dir, claimed := t.TempDir(), 0
	runner := filepath.Join(dir, "runner")
	if text, err := exec.Command("go", "build", "-o", runner, "../runner").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for seed := range 10 {
		status, stdout, stderr := result(t, "null", "--runner", runner, "--sessions", "1", "--seed", strconv.Itoa(seed+1), "--out", filepath.Join(dir, "null"),
			"--workloads", "PingPong|Ring|Spawn|CPUMap|Pipe|Lock|Sleep", "--models", "greenlet,goroutine,process", "--benchtime", "20ms", "--budget", "80s")
		if status != 0 {
			t.Fatalf("exit status %d, printed %s", status, stderr)
		}
		of := regexp.MustCompile(`(\d+) comparisons: (\d+) worse, (\d+) better`).FindStringSubmatch(stdout)
		if of == nil || of[1] == "0" {
			t.Fatalf("it has compared nothing: %s%s", stdout, stderr)
		}
		t.Logf("run %d: %s", seed+1, of[0])
		if of[2] != "0" || of[3] != "0" {
			claimed++
			t.Log(stdout)
		}
	}
	if claimed > 1 {
		t.Errorf("%d of 10 null runs claim a change", claimed)
	}
}

// An interrupted A/B run goes on with its builds, and with no others.
func TestResumeAB(t *testing.T) {
	dir := t.TempDir()
	out, calls, hold := filepath.Join(dir, "out"), filepath.Join(dir, "calls"), program(t, dir, "hold", "")
	fixed := fixedRunner(map[string]int{"Even": 100})
	old := program(t, dir, "old", fixed)
	// It hangs in the sixth result: four cases have been tried, the first block
	// has begun.
	hangs := strings.Replace(fixed, "n=${12:-1000}", fmt.Sprintf("echo >>%s; [ ! -e %s ] || [ $(wc -l <%[1]s) -lt 6 ] || exec sleep 3600\nn=${12:-1000}", calls, hold), 1)
	new := program(t, dir, "new", hangs)
	cmd := switchyard(abArgs("ab", out, "--old", old, "--new", new, "--deadline", "1h")...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	waitFor(t, "the sixth result", func() bool {
		text, _ := os.ReadFile(calls)
		return len(text) == 6
	})
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	hint := fmt.Sprintf(" ab --resume --out %s\n", out)
	if status := cmd.ProcessState.ExitCode(); status != exitInterrupted || !strings.HasSuffix(stderr.String(), hint) {
		t.Fatalf("exit status %d, printed %q, want %d and %q", status, &stderr, exitInterrupted, hint)
	}
	if err := os.Remove(hold); err != nil {
		t.Fatal(err)
	}
	cannot := "switchyard: cannot resume " + out + ": it was begun with other builds\n"
	if status, _, stderr := result(t, "run", "--resume", "--out", out, "--runner", old); status != exitFailed || !strings.HasPrefix(stderr, "switchyard: cannot resume "+out) {
		t.Errorf("as a run: exit status %d, printed %s", status, stderr)
	}
	program(t, dir, "new", fixed)
	if status, _, stderr := result(t, "ab", "--resume", "--out", out); status != exitFailed || stderr != cannot {
		t.Errorf("with another program of that name: exit status %d, printed %s", status, stderr)
	}
	program(t, dir, "new", hangs)
	if status, _, stderr := result(t, "ab", "--resume", "--out", out); status != 0 {
		t.Errorf("resume: exit status %d, printed %s", status, stderr)
	}
	if n := strings.Count(readFile(t, out, benchlog.BenchFile), "\nBenchmarkEven/build="); n != 3*4*10 {
		t.Errorf("%d results", n)
	}
	plain := filepath.Join(dir, "plain")
	if status, _, stderr := result(t, runArgs(plain, "--workloads", "Good", "--count", "1")...); status != 0 {
		t.Fatal(stderr)
	}
	for where, want := range map[string]string{plain: "cannot resume " + plain + ": it is no A/B run", dir: "nothing to resume: open " + dir + "/bench.txt: no such file or directory"} {
		if status, _, stderr := result(t, "ab", "--resume", "--out", where); status != exitFailed || stderr != "switchyard: "+want+"\n" {
			t.Errorf("%s: exit status %d, printed %s, want %s", where, status, stderr, want)
		}
	}
}

// runnerModule is the source of a runner that measures nothing.
func runnerModule(ns int) map[string]string {
	return map[string]string{
		"go.mod": "module example.com/runner\n\ngo 1.26\n",
		"bench/cmd/runner/main.go": `package main

import (
	"fmt"
	"os"
)

func main() {
	a := os.Args[1:]
	if a[0] == "-list" {
		fmt.Println("# model {\"name\":\"a\",\"note\":\"one\"}\n# workload {\"name\":\"W\",\"story\":\"s\",\"op\":\"o\",\"cases\":[\"\"],\"models\":[\"a\"]}")
		return
	}
	n := "1000"
	if len(a) > 10 {
		n = a[11]
	}
	fmt.Printf("BenchmarkW/model=a-%s\t%s\t` + strconv.Itoa(ns) + ` ns/op\n", a[7], n)
}
`,
	}
}

// repository makes a repository whose only commit has these files in sub.
func repository(t *testing.T, sub string, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		program(t, dir, filepath.Join(sub, name), text)
	}
	for _, args := range [][]string{{"init", "-q"}, {"add", "."}, {"-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-q", "-m", "x"}} {
		cmd := exec.Command("git", args...)
		cmd.Dir = dir
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Skipf("git %q: %v\n%s", args, err, text)
		}
	}
	return dir
}

// A commit and a directory are built, without a network and without a trace:
// neither in the repository nor in the temporary directory.
func TestABBuilds(t *testing.T) {
	notWithRace(t)
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here")
	}
	repo := repository(t, "sub", runnerModule(100))
	for name, text := range runnerModule(150) { // not committed
		program(t, repo, filepath.Join("sub", name), text)
	}
	git := func(args ...string) string {
		cmd := exec.Command("git", args...)
		cmd.Dir = repo
		text, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("git %q: %v\n%s", args, err, text)
		}
		return string(text)
	}
	program(t, repo, "staged", "")
	git("add", "staged") // the index is not that of the commit
	commit, before := strings.TrimSpace(git("rev-parse", "HEAD")), git("status", "--porcelain")
	tmp, out := t.TempDir(), filepath.Join(t.TempDir(), "out")
	run := func(args ...string) (status int, printed string) {
		cmd := switchyard(args...)
		cmd.Dir, cmd.Env = filepath.Join(repo, "sub"), append(cmd.Env, "TMPDIR="+tmp, "GOPROXY=off", "GOFLAGS=-mod=mod")
		text, err := cmd.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("%q: left in the temporary directory: %v, %v", args, left, err)
		}
		return cmd.ProcessState.ExitCode(), string(text)
	}
	status, printed := run(abArgs("ab", out, "--old", "HEAD", "--new", ".", "--count", "6")...)
	if status != exitFailed || !strings.Contains(printed, "old: "+commit[:12]+"; new: .\n") {
		t.Errorf("exit status %d, printed %s", status, printed)
	}
	text := readFile(t, out, benchlog.BenchFile)
	if !strings.Contains(text, `{"name":"old","from":"`+commit+`"`) || !strings.Contains(text, `{"name":"new","from":"."`) ||
		strings.Count(text, "\nBenchmarkW/build=new/model=a-1\t10000\t150 ns/op") != 6 || strings.Count(text, "\t10000\t100 ns/op") != 12 {
		t.Errorf("results:\n%s", text)
	}
	if after := git("status", "--porcelain"); after != before || strings.TrimSpace(git("worktree", "list")) == "" || strings.Contains(git("worktree", "list"), tmp) {
		t.Errorf("the repository was changed: %s", after)
	}
	for old, want := range map[string]string{
		"no-such-commit": `"no-such-commit" is neither a program, nor a directory, nor a commit here: git rev-parse: fatal: Needed a single revision`,
		"-x":             `"-x" is no commit`,
		"":               "--old says what to compare with: a commit, a directory or a runner program",
	} {
		if status, printed := run(abArgs("ab", out, "--old="+old, "--new", ".")...); status != exitUsage || printed != "switchyard: "+want+"\n" {
			t.Errorf("--old %q: exit status %d, printed %q, want %q", old, status, printed, want)
		}
	}
	program(t, repo, "sub/bench/cmd/runner/main.go", "package main\n\nfunc main() { none() }\n")
	if status, printed := run(abArgs("ab", out, "--old", "HEAD", "--new", ".")...); status != exitFailed || !strings.Contains(printed, "main.go:3:15: undefined: none") {
		t.Errorf("a build that fails: exit status %d, printed %q", status, printed)
	}
}

// What the workflow that judges pull requests calls is there, and fills the
// summary of its job.
func TestJudgeWorkflow(t *testing.T) {
	notWithRace(t)
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go command here")
	}
	workflow := readFile(t, "../../../.github/workflows", "judge.yml")
	lines := regexp.MustCompile(`(?m)^ +- run: (bin/switchyard .*)$`).FindStringSubmatch(workflow)
	if len(lines) != 2 || !strings.Contains(workflow, "- run: make build\n") {
		t.Fatalf("it calls %q", lines)
	}
	repo := repository(t, "", runnerModule(100))
	for name, text := range runnerModule(150) {
		program(t, repo, name, text)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	program(t, repo, "bin/switchyard", string(self))
	summary := filepath.Join(repo, "summary")
	cmd := exec.Command("sh", "-c", "go build -o bin/runner ./bench/cmd/runner && "+lines[1])
	cmd.Dir, cmd.Env = repo, append(switchyard().Env, "BASE=HEAD", "GITHUB_STEP_SUMMARY="+summary, "GOFLAGS=-mod=mod", "GOPROXY=off")
	text, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(text), "\nswitchyard: worse by more than 10%: 1 comparison\n") {
		t.Errorf("%v, printed %s", err, text)
	}
	if md := readFile(t, repo, "summary"); !strings.HasPrefix(md, "**1 comparison: 1 worse, 0 better.**\n") || !strings.Contains(md, "| `W  a` | 10.0M/s | 6.67M/s | **-33.3% (-33.3 to -33.3) worse** | 0.0 % |\n") {
		t.Errorf("the summary:\n%s", md)
	}
}

// However a build is ended, nothing of it is left: by a first Ctrl-C, which
// waits for the compiler, nor by a second, which does not.
func TestABInterruptedBuild(t *testing.T) {
	for _, tt := range []struct {
		script string
		again  bool
	}{{"exec sleep 3600", false}, {"trap '' INT; exec sleep 3600", true}} {
		dir, tmp := t.TempDir(), t.TempDir()
		pid := filepath.Join(dir, "pid")
		program(t, dir, "path/go", "#!/bin/sh\necho $$ >"+pid+"-; mv "+pid+"- "+pid+"\n"+tt.script+"\n")
		cmd := switchyard(abArgs("ab", filepath.Join(dir, "out"), "--old", dir)...)
		cmd.Env = append(cmd.Env, "TMPDIR="+tmp, "PATH="+dir+"/path:"+os.Getenv("PATH"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		compiler := 0
		waitFor(t, "the compiler", func() bool {
			text, _ := os.ReadFile(pid)
			compiler, _ = strconv.Atoi(strings.TrimSpace(string(text)))
			return compiler > 0
		})
		if left, err := os.ReadDir(tmp); err != nil || len(left) != 1 {
			t.Fatalf("while it builds: %v, %v", left, err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for sent := 0; ; sent++ {
			if sent == 0 || tt.again {
				_ = cmd.Process.Signal(os.Interrupt)
			}
			if len(ended) > 0 {
				<-ended
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		_ = syscall.Kill(compiler, syscall.SIGKILL)
		if status := cmd.ProcessState.ExitCode(); status != exitInterrupted {
			t.Errorf("%s: exit status %d", tt.script, status)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Errorf("%s: left are %v, %v", tt.script, left, err)
		}
	}
}
