//go:build linux

package procs

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
	"weak"

	"switchyard/procs/internal/proctest/wait"
)

func TestExecutorReusesWorkers(t *testing.T) {
	e, err := NewExecutor(PoolConfig{Workers: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	pids := e.Pool().PIDs()
	for range 50 {
		pid, err := Submit(e, testPID, struct{}{}).Result(soon(t))
		if err != nil || !slices.Contains(pids, pid) {
			t.Fatal(pid, pids, err)
		}
	}
	if !slices.Equal(pids, e.Pool().PIDs()) {
		t.Fatal(pids, e.Pool().PIDs())
	}
}

// A worker that is killed while it works fails its task and no other, and is
// replaced.
func TestExecutorWorkerKilled(t *testing.T) {
	e, err := NewExecutor(PoolConfig{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	f := Submit(e, testNap, time.Hour)
	behind := Submit(e, testSquare, 4)
	eventually(t, "it runs", f.Running)
	if err := syscall.Kill(e.Pool().PIDs()[0], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var died *WorkerDiedError
	if err := f.Err(soon(t)); !errors.Is(err, ErrWorkerDied) || !errors.As(err, &died) || died.ExitCode != -9 {
		t.Fatal(err)
	}
	for _, g := range []*Future[int]{behind, Submit(e, testSquare, 4)} {
		if v, err := g.Result(soon(t)); v != 16 || err != nil {
			t.Fatal(v, err)
		}
	}
}

// A worker does three tasks and no fourth; Shutdown waits for tasks whose
// workers are still to be made.
func TestExecutorMaxTasksPerChild(t *testing.T) {
	e, err := NewExecutor(PoolConfig{Workers: 1, MaxTasksPerChild: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	var pids []int
	for range 7 {
		pid, err := Submit(e, testPID, struct{}{}).Result(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		pids = append(pids, pid)
	}
	if first := slices.Compact(slices.Clone(pids)); len(first) != 3 || pids[2] != pids[0] || pids[3] == pids[0] || pids[5] != pids[3] {
		t.Error(pids)
	}
	e, err = NewExecutor(PoolConfig{Workers: 3, MaxTasksPerChild: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	var fs []*Future[int]
	for i := range 6 {
		fs = append(fs, Submit(e, testSquare, i))
	}
	e.Shutdown(true, false)
	for i, f := range fs {
		if v, err := f.Result(gone()); v != i*i || err != nil {
			t.Error(i, v, err)
		}
	}
}

// A worker that dies after Shutdown was called keeps nobody waiting: its task
// fails, those behind it are done.
func TestExecutorShutdownThenCrash(t *testing.T) {
	e, err := NewExecutor(PoolConfig{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	gate := closing(t, must(NewSemaphore(0))(t), nil)
	f := Submit(e, testCrashBehind, gate)
	behind := Submit(e, testSquare, 5)
	e.Shutdown(false, false)
	if f.Done() {
		t.Error("too early")
	}
	gate.Release()
	e.Shutdown(true, false)
	if err := f.Err(gone()); !errors.Is(err, ErrWorkerDied) {
		t.Error(err)
	}
	if v, err := behind.Result(gone()); v != 25 || err != nil {
		t.Error(v, err)
	}
}

var testCrashBehind = Register("test.crash.behind", func(ctx context.Context, gate *Semaphore) (int, error) {
	if err := gate.Acquire(ctx); err != nil {
		return 0, err
	}
	return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
})

// A task that cannot be encoded, just before Shutdown.
func TestExecutorShutdownAfterEncodeError(t *testing.T) {
	e, err := NewExecutor(PoolConfig{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	f := Submit(e, testCross, crosser{Mode: "error encoding parent"})
	e.Shutdown(false, false)
	if err := f.Err(soon(t)); !errors.Is(err, ErrEncode) {
		t.Error(err)
	}
	if err := e.Pool().Join(soon(t)); err != nil {
		t.Error(err)
	}
}

// Workers die with large arguments, some of them still on their way.
func TestExecutorCrashWithBigData(t *testing.T) {
	e, err := NewExecutor(PoolConfig{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	big := make([]byte, 4<<20)
	n := 0
	for _, err := range ExecutorMap(soon(t), e, testCrashWith, [][]byte{big, big, big, big, big, big, big, big, big, big}) {
		if n++; !errors.Is(err, ErrWorkerDied) {
			t.Error(err)
		}
	}
	if n != 10 {
		t.Error(n)
	}
	if n, err := Submit(e, testLen, big).Result(soon(t)); n != len(big) || err != nil {
		t.Error(n, err)
	}
	e.Shutdown(true, false)
}

var testCrashWith = Register("test.crash.with", func(context.Context, []byte) (int, error) {
	return 0, syscall.Kill(os.Getpid(), syscall.SIGKILL)
})

var (
	lastArgument weak.Pointer[[1000]int]

	testRemember  = Register("test.remember", func(_ context.Context, p *[1000]int) (int, error) { lastArgument = weak.Make(p); return p[0], nil })
	testForgotten = Register("test.forgotten", func(context.Context, int) (bool, error) {
		for deadline := time.Now().Add(wait.Patience); lastArgument.Value() != nil; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				return false, nil
			}
			runtime.GC()
		}
		return true, nil
	})
)

// A worker does not keep the argument of a task that is over.
func TestWorkerKeepsNoArgument(t *testing.T) {
	e, err := NewExecutor(PoolConfig{Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	if v, err := Submit(e, testRemember, &[1000]int{7}).Result(soon(t)); v != 7 || err != nil {
		t.Fatal(v, err)
	}
	if gone, err := Submit(e, testForgotten, 0).Result(soon(t)); !gone || err != nil {
		t.Fatal(gone, err)
	}
}

var testAtExit = Register("test.atexit", func(_ context.Context, f *os.File) (int, error) {
	AtExit(func() { f.WriteString("bye") })
	return 0, nil
})

func TestWorkerAtExit(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := newPool(t, PoolConfig{Workers: 2, Initializer: NewInitializer(testAtExit, w)})
	if v, err := Apply(soon(t), p, testSquare, 2); v != 4 || err != nil {
		t.Fatal(v, err)
	}
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if b, err := io.ReadAll(r); string(b) != "byebye" || err != nil {
		t.Fatalf("%q %v", b, err)
	}
}
