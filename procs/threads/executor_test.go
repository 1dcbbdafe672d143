package threads_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"switchyard/procs"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/threads"
)

// What executors over processes and over goroutines have in common is tested in
// package procs, with both.

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent()) // ants has a pool of its own from its import on
}

var (
	square = procs.Register("test.square", func(_ context.Context, x int) (int, error) { return x * x, nil })
	goexit = procs.Register("test.goexit", func(context.Context, int) (int, error) { runtime.Goexit(); return 0, nil })
	call   = procs.Register("test.call", func(_ context.Context, f *meeting) (int, error) { return f.join(), nil })
)

// meeting is joined by tasks that wait until so many are there.
type meeting struct {
	all  *sync.WaitGroup
	here *atomic.Int64
}

func newMeeting(n int, here *atomic.Int64) *meeting {
	m := &meeting{new(sync.WaitGroup), here}
	m.all.Add(n)
	return m
}

// join returns how many were there.
func (m *meeting) join() int {
	n := m.here.Add(1)
	m.all.Done()
	m.all.Wait()
	return int(n)
}

// MarshalBinary makes it an argument that could travel; it never does.
func (m *meeting) MarshalBinary() ([]byte, error) { return nil, errors.ErrUnsupported }

func (m *meeting) UnmarshalBinary([]byte) error { return errors.ErrUnsupported }

var soon = proctest.Soon

func newExecutor(t *testing.T, config threads.Config) *procs.Executor {
	t.Helper()
	e, err := threads.NewExecutor(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Terminate)
	return e
}

// All workers work at once, and each ran the initializer once.
func TestWorkers(t *testing.T) {
	const workers = 5
	var begun atomic.Int64
	e := newExecutor(t, threads.Config{Workers: workers, Initializer: func() error { begun.Add(1); return nil }})
	for range 3 {
		m := newMeeting(workers, new(atomic.Int64))
		var fs []*procs.Future[int]
		for range workers {
			fs = append(fs, procs.Submit(e, call, m))
		}
		done, rest, err := procs.WaitFutures(soon(t), fs, procs.AllCompleted)
		if len(done) != workers || len(rest) != 0 || err != nil {
			t.Fatal(len(done), len(rest), err)
		}
	}
	if n := begun.Load(); n != workers {
		t.Fatal(n, "initializers for", workers, "workers")
	}
	if s := e.String(); s != "<Executor over 5 goroutines>" || e.Pool() != nil {
		t.Fatal(s, e.Pool())
	}
}

// One worker runs tasks in order.
func TestOrder(t *testing.T) {
	e := newExecutor(t, threads.Config{Workers: 1})
	var here atomic.Int64
	var fs []*procs.Future[int]
	for range 5000 {
		fs = append(fs, procs.Submit(e, call, newMeeting(1, &here)))
	}
	for i, f := range fs {
		if n, err := f.Result(soon(t)); n != i+1 || err != nil {
			t.Fatal(i, n, err)
		}
	}
}

func TestInitializerFails(t *testing.T) {
	for name, c := range map[string]struct {
		init func() error
		want string
	}{
		"error":  {func() error { return os.ErrPermission }, "permission denied"},
		"panic":  {func() error { panic("no") }, "panic: no"},
		"goexit": {func() error { runtime.Goexit(); return nil }, "Goexit"},
		"panic while Goexit unwinds": {func() error {
			defer func() { panic("late") }()
			runtime.Goexit()
			return nil
		}, "panic: late"},
		"Goexit while a panic unwinds": {func() error { defer runtime.Goexit(); panic("lost") }, "Goexit"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newExecutor(t, threads.Config{Workers: 2, Initializer: c.init})
			for range 10 {
				if _, err := procs.Submit(e, square, 0).Result(soon(t)); !errors.Is(err, procs.ErrBroken) || !strings.Contains(err.Error(), c.want) {
					t.Fatal(err)
				}
			}
			e.Shutdown(true, false)
		})
	}
	e := newExecutor(t, threads.Config{Workers: 1, Initializer: func() error { return os.ErrPermission }})
	if err := procs.Submit(e, square, 0).Err(soon(t)); !errors.Is(err, os.ErrPermission) {
		t.Fatal(err)
	}
}

// Tasks that end their goroutines cost no worker and no other task, and their
// successors run the initializer.
func TestGoexit(t *testing.T) {
	var begun atomic.Int64
	e := newExecutor(t, threads.Config{Workers: 2, Initializer: func() error { begun.Add(1); return nil }})
	var ends, squares []*procs.Future[int]
	for i := range 500 {
		ends = append(ends, procs.Submit(e, goexit, i))
		squares = append(squares, procs.Submit(e, square, i))
	}
	for i, f := range ends {
		if err := f.Err(soon(t)); err == nil || !strings.Contains(err.Error(), "Goexit") {
			t.Fatal(i, err)
		}
		if v, err := squares[i].Result(soon(t)); v != i*i || err != nil {
			t.Fatal(i, v, err)
		}
	}
	e.Shutdown(true, false)
	if n := begun.Load(); n < 500 || n > 502 {
		t.Error(n, "initializers for 500 workers that ended and at most two that did not")
	}
}

func TestConcurrentUse(t *testing.T) {
	e := newExecutor(t, threads.Config{Workers: 3})
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			for i := range 2000 {
				if v, err := procs.Submit(e, square, i).Result(soon(t)); v != i*i || err != nil {
					t.Error(i, v, err)
					return
				}
			}
		})
	}
	users.Wait()
	for range 4 {
		users.Go(func() { e.Shutdown(true, true) })
	}
	users.Wait()
	if err := procs.Submit(e, square, 1).Err(soon(t)); !errors.Is(err, procs.ErrClosed) {
		t.Fatal(err)
	}
}

// An executor that was let go does its tasks, and its goroutines end: TestMain
// looks for them.
func TestForgotten(t *testing.T) {
	before := runtime.NumGoroutine()
	f := func() *procs.Future[int] {
		e, err := threads.NewExecutor(threads.Config{})
		if err != nil {
			t.Fatal(err)
		}
		procs.Submit(e, square, 2)
		return procs.Submit(e, square, 3)
	}()
	if v, err := f.Result(soon(t)); v != 9 || err != nil {
		t.Fatal(v, err)
	}
	wait.Until(t, "no goroutine is left", func() bool { runtime.GC(); return runtime.NumGoroutine() <= before })
}

func TestConfig(t *testing.T) {
	if _, err := threads.NewExecutor(threads.Config{Workers: -1}); err == nil {
		t.Error("no error")
	}
	e := newExecutor(t, threads.Config{})
	if want := fmt.Sprintf("<Executor over %d goroutines>", min(32, runtime.NumCPU()+4)); e.String() != want {
		t.Error(e, want)
	}
}

// A task, or a callback, that shuts its own executor down does not wait for
// itself.
func TestShutdownInTask(t *testing.T) {
	for what, end := range map[string]func(e *procs.Executor){
		"Shutdown":  func(e *procs.Executor) { e.Shutdown(true, false) },
		"Terminate": func(e *procs.Executor) { e.Terminate() },
	} {
		t.Run(what, func(t *testing.T) {
			e, err := threads.NewExecutor(threads.Config{Workers: 2})
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan struct{})
			procs.Submit(e, square, 3, procs.OnResult(func(int) { end(e); close(ended) }))
			select {
			case <-ended:
			case <-soon(t).Done():
				t.Fatal("it waits for itself")
			}
			e.Shutdown(true, false)
			if _, err := procs.Submit(e, square, 3).Result(soon(t)); !errors.Is(err, procs.ErrClosed) {
				t.Error(err)
			}
		})
	}
}
