package workload

import (
	"bytes"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
	"switchyard/bench/testenv"
)

func BenchmarkNop(b *testing.B)             { measure(b, nop) }
func BenchmarkPingPong(b *testing.B)        { measure(b, pingPong) }
func BenchmarkRing(b *testing.B)            { measure(b, ring) }
func BenchmarkChain(b *testing.B)           { measure(b, chain) }
func BenchmarkSpawn(b *testing.B)           { measure(b, spawn) }
func BenchmarkSkynet(b *testing.B)          { measure(b, skynet) }
func BenchmarkParked(b *testing.B)          { measure(b, parked) }
func BenchmarkCPUMap(b *testing.B)          { measure(b, cpuMap) }
func BenchmarkSubmit(b *testing.B)          { measure(b, submit) }
func BenchmarkGC(b *testing.B)              { measure(b, gc) }
func BenchmarkMixed(b *testing.B)           { measure(b, mixed) }
func BenchmarkProdCons(b *testing.B)        { measure(b, prodCons) }
func BenchmarkJoinQueue(b *testing.B)       { measure(b, joinQueue) }
func BenchmarkTaskQueue(b *testing.B)       { measure(b, taskQueue) }
func BenchmarkPipe(b *testing.B)            { measure(b, pipe) }
func BenchmarkPipeOpen(b *testing.B)        { measure(b, pipeOpen) }
func BenchmarkSharedDict(b *testing.B)      { measure(b, sharedDict) }
func BenchmarkSharedDictTuned(b *testing.B) { measure(b, sharedDictTuned) }
func BenchmarkSharedArray(b *testing.B)     { measure(b, sharedArray) }
func BenchmarkLock(b *testing.B)            { measure(b, lock) }
func BenchmarkSemaphore(b *testing.B)       { measure(b, semaphore) }
func BenchmarkEvent(b *testing.B)           { measure(b, event) }
func BenchmarkBarrier(b *testing.B)         { measure(b, parties) }
func BenchmarkSleep(b *testing.B)           { measure(b, sleep) }
func BenchmarkEcho(b *testing.B)            { measure(b, echo) }
func BenchmarkEchoOpen(b *testing.B)        { measure(b, echoOpen) }
func BenchmarkFetch(b *testing.B)           { measure(b, fetch) }
func BenchmarkFiles(b *testing.B)           { measure(b, files) }
func BenchmarkHeartbeat(b *testing.B)       { measure(b, heartbeat) }
func BenchmarkPolicies(b *testing.B)        { measure(b, policies) }
func BenchmarkCommand(b *testing.B)         { measure(b, command) }
func BenchmarkCrash(b *testing.B)           { measure(b, crash) }

// measure lets Go's benchmarks choose how many ops there are, and has the rest
// from the harness: every case of the workload in every model, under the names
// of bench.txt, its answer and its ledger checked, with the same units. The
// variable PROFILE=full adds the points of that profile.
func measure(b *testing.B, w *bench.Workload) {
	points := w.Info(nil).Cases
	if testenv.Asked("PROFILE") == "full" {
		points = w.Points()
	}
	for _, p := range points {
		for _, m := range Models() {
			c := bench.Case{Workload: w.Name, Params: p, Model: m.Name}
			b.Run(strings.TrimPrefix(c.String(), w.Name+"/"), func(b *testing.B) {
				if reason := w.NA[m.Name]; reason != "" {
					b.Skip(reason)
				}
				c.CPUs = runtime.GOMAXPROCS(0)
				measureCase(b, w, c, m)
			})
		}
	}
}

// ops is how long an op of a case took when it was measured before, in fewer
// ops: it decides which of them are timed.
var ops = map[bench.Case]time.Duration{}

func measureCase(b *testing.B, w *bench.Workload, c bench.Case, m bench.ModelInfo) {
	r, err := bench.Measure(w, c, bench.Options{N: b.N, Op: ops[c], Processes: m.Processes})
	if void := (*bench.VoidError)(nil); errors.As(err, &void) {
		b.Skip(void.Reason)
	}
	if err != nil {
		b.Fatal(err)
	}
	ops[c] = r.Elapsed / time.Duration(r.N)
	if !m.Processes {
		b.ReportAllocs()
	}
	for _, v := range r.Values() {
		b.ReportMetric(v.V, v.Unit)
	}
}

// Every workload is a benchmark of Go's, under its name.
func TestBenchmarksAreAll(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "benchmark_test.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var have, want []string
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(f.Name.Name, "Benchmark") {
			have = append(have, strings.TrimPrefix(f.Name.Name, "Benchmark"))
		}
	}
	for _, w := range All() {
		want = append(want, w.Name)
	}
	if !slices.Equal(have, want) {
		t.Errorf("benchmarks of %q, and the workloads are %q", have, want)
	}
}

// Go's benchmarks have the names and the units of a runner's results, so that
// benchstat finds the same cases in both; a cell that is not there says why.
func TestBenchmarkNames(t *testing.T) {
	notWithRace(t)
	cmd := exec.Command(os.Args[0], "-test.run=^$", "-test.bench=^Benchmark(Lock|Sleep)$/^(tasks=8|n=1000)$/^(yield=each|stack=0)$/^model=(serial|greenlet|process)$", "-test.benchtime=1x", "-test.v")
	cmd.Env = append(os.Environ(), "GOMAXPROCS=2")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := benchlog.Read(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range f.Results {
		got = append(got, r.Name)
		c := benchlog.ParseCase(r.Name)
		var runner, errs strings.Builder
		if status := bench.Runner([]string{"-workload", c.Workload, "-model", string(c.Model), "-params", string(c.Params), "-cpus", fmt.Sprint(c.CPUs), "-n", "1"}, Suite(), &runner, &errs); status != bench.ExitOK {
			t.Errorf("%s: status %d, %s", r.Name, status, &errs)
		}
		own, _ := benchlog.Read(strings.NewReader(runner.String()))
		for _, v := range own.Results[0].Values {
			if _, ok := r.Get(v.Unit); !ok {
				t.Errorf("%s: no %s in %v", r.Name, v.Unit, r.Values)
			}
		}
	}
	for _, v := range f.Verdicts {
		_, reason, _ := strings.Cut(v.Reason, ": ") // after the place in this file
		got = append(got, v.Name+": "+reason)
	}
	want := []string{
		"Lock/tasks=8/yield=each/model=serial-2", "Lock/tasks=8/yield=each/model=greenlet-2", "Lock/tasks=8/yield=each/model=process-2",
		"Sleep/n=1000/stack=0/model=greenlet-2",
		"Sleep/n=1000/stack=0/model=serial: " + sleep.NA[Serial],
		"Sleep/n=1000/stack=0/model=process: 1000 processes,",
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("results of %q, want %q\n%s", got, want, out)
	}
}
