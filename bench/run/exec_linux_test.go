package run

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
	"switchyard/bench/proctree"
	_ "switchyard/bench/testenv"
)

// The test program is also the runner that the tests start: the variable says
// in which role, the workload's name how it misbehaves.
const roleVariable = "SWITCHYARD_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "runner":
		os.Exit(bench.Runner(os.Args[1:], bench.Suite{Models: testModels(), Workloads: testWorkloads()}, os.Stdout, os.Stderr))
	case "orchestrator":
		orchestrate()
	case "sleeper":
		time.Sleep(time.Hour)
	default:
		os.Exit(m.Run())
	}
}

// freshPasses is how many passes of Fresh this process has done.
var freshPasses int

// testWorkloads are one honest workload and the ways to misbehave.
func testWorkloads() []*bench.Workload {
	named := func(name string, impl bench.Func) *bench.Workload {
		w := counting(impl)
		w.Name = name
		w.NA = map[bench.Model]string{Greenlet: "x", Goroutine: "x", Ants: "x", Thread: "x", Process: "x"}
		return w
	}
	return []*bench.Workload{
		named("Honest", honest),
		named("Hangs", func(b *bench.B) (uint64, error) {
			if _, err := sleeper(); err != nil {
				return 0, err
			}
			time.Sleep(time.Hour) // not select: the runtime would see a deadlock
			return 0, nil
		}),
		named("Leaves", func(b *bench.B) (uint64, error) {
			if _, err := sleeper(); err != nil {
				return 0, err
			}
			return honest(b)
		}),
		named("Dies", func(b *bench.B) (uint64, error) {
			return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
		}),
		named("Wrong", func(b *bench.B) (uint64, error) { n, err := honest(b); return n + 1, err }),
		named("Void", func(b *bench.B) (uint64, error) { return 0, bench.Void("not on this machine") }),
		named("Chatty", func(b *bench.B) (uint64, error) { fmt.Println("hello"); return honest(b) }),
		named("Floods", func(b *bench.B) (uint64, error) {
			fmt.Println(strings.Repeat("x", maxStdout+1))
			return honest(b)
		}),
		named("Fresh", func(b *bench.B) (uint64, error) {
			if freshPasses++; freshPasses > 2 { // the warm-up and the result
				return 0, errors.New("this process has measured before")
			}
			return honest(b)
		}),
		named("CPUs", func(b *bench.B) (uint64, error) {
			if got := len(AllCPUs()); got != b.CPUs {
				return 0, fmt.Errorf("%d CPUs are usable, want %d", got, b.CPUs)
			}
			if got := os.Getenv("GOMAXPROCS"); got != strconv.Itoa(b.CPUs) {
				return 0, fmt.Errorf("GOMAXPROCS is %s, want %d", got, b.CPUs)
			}
			return honest(b)
		}),
	}
}

// sleeper starts a process in a session of its own, that nothing but a kill
// ends.
func sleeper() (*exec.Cmd, error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"=sleeper")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, cmd.Start()
}

func testProgram(t *testing.T) *Program {
	t.Helper()
	t.Setenv(roleVariable, "runner")
	if err := Adopt(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if left := proctree.Descendants(os.Getpid()); len(left) > 0 {
			t.Errorf("processes left: %v", left)
		}
	})
	return &Program{Path: "/proc/self/exe", CPUs: AllCPUs()}
}

func invocation(name string) Invocation {
	return Invocation{
		Case: benchlog.Case{Workload: name, Model: Serial, CPUs: 1},
		N:    100, Op: time.Microsecond, Benchtime: time.Millisecond,
	}
}

func TestProgram(t *testing.T) {
	p := testProgram(t)
	for name, want := range map[string]string{
		"Honest": "",
		"CPUs":   "",
		"Leaves": "2 worker processes were left behind", // one of the warm-up
		"Dies":   "the runner was killed by killed",
		"Wrong":  "wrong answer",
		"Void":   "void: not on this machine",
		"Chatty": "not part of the protocol",
		"Floods": "printed more than",
		"None":   "no workload \"None\"",
	} {
		out, err := p.Run(t.Context(), invocation(name))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case want == "" && out.N != 100:
			t.Errorf("%s: %d ops, want 100", name, out.N)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
}

// Every result has a process that has measured nothing before.
func TestFreshProcess(t *testing.T) {
	p := testProgram(t)
	for range 2 {
		if _, err := p.Run(t.Context(), invocation("Fresh")); err != nil {
			t.Error(err)
		}
	}
	w := testWorkloads()[slices.IndexFunc(testWorkloads(), func(w *bench.Workload) bool { return w.Name == "Fresh" })]
	for i, want := range []bool{true, false} { // in one process the second is found
		if _, err := bench.Measure(w, invocation("Fresh").Case, bench.Options{N: 100}); (err == nil) != want {
			t.Errorf("result %d of one process: %v", i+1, err)
		}
	}
}

func TestProgramTooManyCPUs(t *testing.T) {
	p := testProgram(t)
	in := invocation("Honest")
	in.Case.CPUs = len(p.CPUs) + 1
	var void *bench.VoidError
	if _, err := p.Run(t.Context(), in); !errors.As(err, &void) {
		t.Errorf("error %v, want a void case", err)
	}
}

// A hung runner is killed with its tree when its time is over.
func TestProgramHangs(t *testing.T) {
	p := testProgram(t)
	over := errors.New("over")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, over)
	defer cancel()
	if _, err := p.Run(ctx, invocation("Hangs")); !errors.Is(err, over) {
		t.Errorf("error %v, want the cause", err)
	}
}

func TestProgramList(t *testing.T) {
	p := testProgram(t)
	models, workloads, err := p.List(t.Context())
	if err != nil || len(workloads) != len(testWorkloads()) || !slices.Equal(models, testModels()) {
		t.Errorf("%d workloads, models %+v, %v", len(workloads), models, err)
	}
}

// A program that cannot list its workloads is named, with what it said.
func TestProgramListFails(t *testing.T) {
	path := filepath.Join(t.TempDir(), "runner")
	if err := os.WriteFile(path, []byte("#!/bin/sh\necho no workloads here >&2\nexit 1\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, _, err := (&Program{Path: path}).List(t.Context())
	if want := path + " -list: no workloads here"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// orchestrate runs a hanging runner, as switchyard would, until it is killed.
func orchestrate() {
	_ = os.Setenv(roleVariable, "runner")
	if err := Adopt(); err != nil {
		panic(err)
	}
	p := &Program{Path: "/proc/self/exe", CPUs: AllCPUs()}
	// The first process that a program starts is preceded by a short-lived
	// child of package os, which tries whether the kernel knows pidfds.
	if _, _, err := p.List(context.Background()); err != nil {
		panic(err)
	}
	go p.Run(context.Background(), invocation("Hangs"))
	for {
		if kids := proctree.Children(os.Getpid()); len(kids) > 0 {
			fmt.Println(kids[0])
			break
		}
		time.Sleep(time.Millisecond)
	}
	select {}
}

// When the orchestrator is killed, the kernel kills the runner.
func TestProgramOrchestratorKilled(t *testing.T) {
	testProgram(t)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"=orchestrator")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	runner, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	// The runner is adopted by this process: its end can be waited for.
	var status syscall.WaitStatus
	deadline := time.Now().Add(5 * time.Minute)
	for {
		pid, _ := syscall.Wait4(runner, &status, syscall.WNOHANG, nil)
		if pid == runner {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the runner outlived the orchestrator")
		}
		time.Sleep(time.Millisecond)
	}
	if status.Signal() != syscall.SIGKILL {
		t.Errorf("the runner ended with %v", status)
	}
	endOrphans() // the sleeper that the runner left, which is not of package procs
}
