package main

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"switchyard/bench"
	"switchyard/bench/benchlog"
	_ "switchyard/bench/testenv"
	"switchyard/bench/workload"
	"switchyard/procs"
)

func TestMain(m *testing.M) {
	procs.Init()
	os.Exit(m.Run())
}

// linked is all that the runner, and so every worker process, may link beside
// the standard library and this module: a process pays for its packages before
// main.
var linked = []string{
	"github.com/HdrHistogram/hdrhistogram-go",
	"github.com/panjf2000/ants/v2",
	"golang.org/x/sync/errgroup", // of ants
	"golang.org/x/sys",
}

// notLinked is what it may not, for the same reason.
var notLinked = []string{
	"net/http", "crypto/tls", // with what they need, as many packages as all the others
	"switchyard/bench/run", "switchyard/bench/output", "switchyard/bench/host", // what orders a run
	"switchyard/report",
}

func TestLean(t *testing.T) {
	gocmd, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no go command here")
	}
	out, err := exec.Command(gocmd, "list", "-deps", "-f", "{{.Standard}} {{.ImportPath}}", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	within := func(path string, trees []string) bool {
		return slices.ContainsFunc(trees, func(p string) bool { return path == p || strings.HasPrefix(path, p+"/") })
	}
	sawItself := false
	for line := range strings.Lines(string(out)) {
		standard, path, _ := strings.Cut(strings.TrimSpace(line), " ")
		sawItself = sawItself || path == "switchyard/bench/cmd/runner"
		ours := standard == "true" || within(path, []string{"switchyard"})
		if within(path, notLinked) || !ours && !within(path, linked) {
			t.Errorf("the runner links %s", path)
		}
	}
	if !sawItself {
		t.Errorf("go list printed %q", out)
	}
}

// runner runs the program's main function and returns what it did.
func runner(args ...string) (status int, stdout, stderr string) {
	var out, errOut bytes.Buffer
	status = bench.Runner(args, workload.Suite(), &out, &errOut)
	return status, out.String(), errOut.String()
}

func TestRunner(t *testing.T) {
	for _, tt := range []struct {
		args           string
		status         int
		stdout, stderr string
	}{
		{"-workload PingPong -model greenlet -cpus 2 -n 100 -op 60ns", bench.ExitOK, "BenchmarkPingPong/model=greenlet-2\t100\t", ""},
		{"-workload PingPong -model greenlet -benchtime 1ms", bench.ExitOK, "BenchmarkPingPong/model=greenlet-1\t", ""},
		{"-workload Sleep -params n=100/stack=0 -model serial -n 1", bench.ExitFailed, "", "one task cannot sleep for many"},
		{"-workload Sleep -params n=10000/stack=0 -model thread -n 1", bench.ExitVoid, "", "10,000 threads"},
		{"-workload Sleep -params n=7 -model thread", bench.ExitUsage, "", `no parameter point "n=7"`},
		{"-workload Pong", bench.ExitUsage, "", `no workload "Pong"`},
		{"-workload Nop -model serial -n -1", bench.ExitUsage, "", "bad arguments"},
		{"-workload Nop -model serial more", bench.ExitUsage, "", "bad arguments"},
		{"-nonsense", bench.ExitUsage, "", "nonsense"},
	} {
		status, stdout, stderr := runner(strings.Fields(tt.args)...)
		if status != tt.status || !strings.Contains(stdout, tt.stdout) || !strings.Contains(stderr, tt.stderr) {
			t.Errorf("runner %s: exit status %d, want %d; printed %q and %q", tt.args, status, tt.status, stdout, stderr)
		}
	}
}

// What a runner lists is what it has.
func TestRunnerList(t *testing.T) {
	status, stdout, _ := runner("-list")
	models, workloads, err := benchlog.ReadList([]byte(stdout))
	if status != bench.ExitOK || err != nil || len(workloads) != len(workload.All()) || !slices.Equal(models, workload.Models()) {
		t.Errorf("exit status %d, %d workloads, models %v, error %v", status, len(workloads), models, err)
	}
}
