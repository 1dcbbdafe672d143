package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
	"switchyard/bench/proctree"
	"switchyard/bench/run"
	_ "switchyard/bench/testenv"
	"switchyard/bench/workload"
	"switchyard/procs"
	"switchyard/procs/remote"
)

const asRunner = "PEERS_REMOTE_RUNNER"

func TestMain(m *testing.M) {
	if os.Getenv(asRunner) != "" {
		main()
	}
	procs.Init()
	os.Exit(m.Run())
}

var lanes = map[bench.Model]remote.Lane{Remote: remote.AtMostOnce, RemoteDurable: remote.AtLeastOnce}

// The list goes together with ours, and Python's model is beside one of it.
func TestList(t *testing.T) {
	if err := suite().Check(); err != nil {
		t.Error(err)
	}
	ours, w := workload.Find("TaskQueue"), suite().Workloads[0]
	if len(suite().Workloads) != 1 || w.Name != ours.Name || w.Op != ours.Op || fmt.Sprint(w.Points()) != fmt.Sprint(ours.Points()) {
		t.Errorf("%s of %q has the points %q", w.Op, w.Name, w.Points())
	}
	models, _, err := (&run.Program{Path: "../python/runner"}).List(t.Context())
	if err != nil {
		t.Skip(err)
	}
	for _, m := range models {
		if m.Name == "py-manager" && m.Beside != Remote {
			t.Errorf("%s is set beside %q", m.Name, m.Beside)
		}
	}
}

// What the program prints is a result of the case.
func TestProtocol(t *testing.T) {
	t.Setenv(asRunner, "1")
	p := &run.Program{Path: os.Args[0], CPUs: run.AllCPUs()}
	for m := range lanes {
		c := benchlog.Case{Workload: "TaskQueue", Params: "workers=2/inflight=64", Model: m, CPUs: 1}
		out, err := p.Run(t.Context(), run.Invocation{Case: c, N: 300, Op: time.Millisecond, Benchtime: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		r, err := benchlog.ParseResult(out.Line)
		if err != nil || out.N != 300 || out.Latency == "" {
			t.Fatalf("%+v, %v", out, err)
		}
		for _, unit := range []string{"ns/op", "cpu-ns/op", "p50-ns", "peak-RSS-bytes"} {
			if v, ok := r.Get(unit); !ok || v <= 0 {
				t.Errorf("%s: %v %s in %s", m, v, unit, out.Line)
			}
		}
		if v, _ := r.Get("units"); v != 3 {
			t.Errorf("%s: %v units", m, v)
		}
	}
}

// Every case has the right answer and ledger, and leaves nothing behind:
// goroutines, processes, or what the server has on the disk.
func TestMatrix(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	w := suite().Workloads[0]
	for m := range lanes {
		for _, p := range w.Points() {
			if p.Int("workers") > 2 && testing.Short() {
				continue
			}
			if _, err := measure(w, m, p, 100); err != nil {
				t.Errorf("%s of %s: %v", m, p, err)
			}
		}
	}
	nothingIsLeft(t)
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 || err != nil {
		t.Errorf("left on the disk: %v, %v", left, err)
	}
}

func measure(w *bench.Workload, m bench.Model, p bench.Params, n int) (*bench.Result, error) {
	return bench.Measure(w, bench.Case{Workload: w.Name, Params: p, Model: m, CPUs: 2}, bench.Options{N: n, Op: time.Microsecond, Processes: true})
}

func nothingIsLeft(t *testing.T) {
	t.Helper()
	stacks := make([]byte, 1<<20)
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		text, children := string(stacks[:runtime.Stack(stacks, true)]), proctree.Descendants(os.Getpid())
		if !strings.Contains(text, "nats-io") && len(children) == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("processes %v and these are left:\n%s", children, text)
		}
	}
}

// changed is the workload with another master.
func changed(m bench.Model, manage master) *bench.Workload {
	w := *suite().Workloads[0]
	w.Impls = map[bench.Model]bench.Func{m: taskQueue(lanes[m], manage)}
	return &w
}

// What leaves out work, does it twice, or does it elsewhere is no result.
func TestMutants(t *testing.T) {
	for name, manage := range map[string]master{
		"less": func(b *bench.B, put func(uint64) error, take func() (uint64, error)) error {
			n := b.N
			b.N /= 2
			defer func() { b.N = n }()
			return workload.Manage(b, put, take)
		},
		"twice": func(b *bench.B, put func(uint64) error, take func() (uint64, error)) error {
			return workload.Manage(b, func(task uint64) error { return errors.Join(put(task), put(task)) },
				func() (uint64, error) { _, err := take(); v, again := take(); return v, errors.Join(err, again) })
		},
		"elsewhere": func(b *bench.B, _ func(uint64) error, _ func() (uint64, error)) error {
			done := make(chan uint64, b.Int("inflight"))
			return workload.Manage(b, func(task uint64) error { done <- task + 1; return nil }, func() (uint64, error) { return <-done, nil })
		},
	} {
		for m := range lanes {
			_, err := measure(changed(m, manage), m, "workers=1/inflight=1", 40)
			if err == nil || !strings.Contains(err.Error(), "wrong answer") && !strings.Contains(err.Error(), " ops, want ") {
				t.Errorf("%s, %s: %v", m, name, err)
			}
		}
	}
	nothingIsLeft(t)
}

// A worker that is killed while tasks are in flight is the end of the result:
// it does not wait for those for ever, and leaves nothing behind.
func TestWorkerIsKilled(t *testing.T) {
	for m := range lanes {
		w := changed(m, func(b *bench.B, put func(uint64) error, take func() (uint64, error)) error {
			return workload.Manage(b, func(task uint64) error {
				if task == 100 {
					p, err := os.FindProcess(proctree.Children(os.Getpid())[0])
					if err := errors.Join(err, p.Kill()); err != nil {
						return err
					}
				}
				return put(task)
			}, take)
		})
		_, err := measure(w, m, "workers=2/inflight=64", 100_000)
		if err == nil || !strings.Contains(err.Error(), "died") && !strings.Contains(err.Error(), "a worker ended with exit code") {
			t.Errorf("%s: %v", m, err)
		}
	}
	nothingIsLeft(t)
}

// A runner that is killed leaves no process behind.
func TestRunnerIsKilled(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-workload", "TaskQueue", "-model", string(Remote), "-params", "workers=2/inflight=64", "-n", "100000000")
	cmd.Env = append(os.Environ(), asRunner+"=1", "TMPDIR="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var below []int
	for deadline := time.Now().Add(time.Minute); len(below) < 2 && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		below = proctree.Descendants(cmd.Process.Pid)
	}
	if err := cmd.Process.Kill(); err != nil || len(below) < 2 {
		t.Fatal(below, err)
	}
	_ = cmd.Wait()
	for _, pid := range below {
		for deadline := time.Now().Add(time.Minute); alive(pid); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("process %d is left", pid)
			}
		}
	}
}

// alive reports whether a process is there that has not ended.
func alive(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, state, _ := strings.Cut(string(text), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}
