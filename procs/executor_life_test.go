//go:build linux

package procs

import (
	"context"
	"io"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"
	"weak"
)

func TestExecutorConfig(t *testing.T) {
	if _, err := NewExecutor(PoolConfig{Workers: -1}); err == nil {
		t.Error("no error")
	}
	if _, err := NewThreadExecutor(ThreadConfig{Workers: -1}); err == nil {
		t.Error("no error")
	}
}

func TestExecutorShutdownRace(t *testing.T) {
	for range 10 {
		eachExecutor(t, 2, func(t *testing.T, e *Executor) {
			var fs []*Future[int]
			for i := range 50 {
				fs = append(fs, Submit(e, testSquare, i))
			}
			late := make(chan *Future[int])
			go func() { late <- Submit(e, testSquare, 3) }()
			e.Shutdown(true, false)
			for i, f := range fs {
				if !f.Done() || f.value != i*i || f.err != nil {
					t.Fatal(i, f)
				}
			}
			// The one that raced was done or refused, and does not hang.
			if v, err := (<-late).Result(soon(t)); err == nil && v != 9 {
				t.Fatal(v)
			}
			e.Shutdown(true, true)
		})
	}
}

func TestExecutorShutdownNoWait(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *Executor) {
		first := Submit(e, testNap, 100*time.Millisecond)
		for !first.Running() {
			time.Sleep(time.Millisecond)
		}
		second := Submit(e, testSquare, 4)
		third := Submit(e, testSquare, 5)
		e.Shutdown(false, false)
		if first.Done() {
			t.Log("slow machine: the task was done before Shutdown returned")
		}
		if v, err := second.Result(soon(t)); v != 16 || err != nil {
			t.Fatal(v, err)
		}
		e.Shutdown(false, true)
		if _, err := third.Result(soon(t)); err != nil && !third.Cancelled() {
			t.Fatal(err)
		}
		if err := first.Err(soon(t)); err != nil {
			t.Fatal(err)
		}
	})
}

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

var testPointer = Register("test.pointer", func(_ context.Context, p *[1000]int) (int, error) { return p[0], nil })

// A future that is kept does not keep its argument.
func TestFutureKeepsNoArgument(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *Executor) {
		arg := &[1000]int{7}
		w := weak.Make(arg)
		f := Submit(e, testPointer, arg)
		arg = nil
		if v, err := f.Result(soon(t)); v != 7 || err != nil {
			t.Fatal(v, err)
		}
		for deadline := time.Now().Add(30 * time.Second); w.Value() != nil; time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("the argument is still there")
			}
			runtime.GC()
		}
		runtime.KeepAlive(f)
	})
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
	p := newPool(t, PoolConfig{Workers: 2, Initializer: Call(testAtExit, w)})
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
