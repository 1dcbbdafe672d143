//go:build linux

package procs_test

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"switchyard/procs"
	"switchyard/procs/threads"
)

// eachExecutor runs a test with both kinds.
func eachExecutor(t *testing.T, workers int, test func(t *testing.T, e *procs.Executor)) {
	t.Run("processes", func(t *testing.T) {
		e, err := procs.NewExecutor(procs.PoolConfig{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Terminate()
		test(t, e)
	})
	t.Run("goroutines", func(t *testing.T) {
		e, err := threads.NewExecutor(threads.Config{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Terminate()
		test(t, e)
	})
}

func TestExecutorSubmit(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
		var fs []*procs.Future[int]
		for i := range 1000 {
			fs = append(fs, procs.Submit(e, procs.TestSquare, i))
		}
		for i, f := range fs {
			if v, err := f.Result(procs.Soon(t)); v != i*i || err != nil {
				t.Fatal(i, v, err)
			}
		}
		f := procs.Submit(e, procs.TestHalf, 3)
		if err := f.Err(procs.Soon(t)); err == nil || err.Error() != "3 is odd: permission denied" {
			t.Fatal(err)
		}
		var remote *procs.RemoteError
		if _, err := procs.Submit(e, procs.TestPanic, "oh").Result(procs.Soon(t)); !errors.As(err, &remote) || !remote.Panic || remote.Message != "oh" {
			t.Fatal(err)
		}
		if _, err := procs.Submit(e, procs.TestGoexit, 0).Result(procs.Soon(t)); err == nil {
			t.Fatal("no error from Goexit")
		}
		e.Shutdown(true, false)
		if _, err := procs.Submit(e, procs.TestSquare, 1).Result(procs.Soon(t)); !errors.Is(err, procs.ErrClosed) {
			t.Fatal(err)
		}
	})
}

func TestExecutorMap(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
		for _, chunk := range []int{0, 1, 3, 100} {
			var got []int
			for v, err := range procs.ExecutorMap(procs.Soon(t), e, procs.TestSquare, []int{1, 2, 3, 4, 5}, procs.Chunk(chunk)) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, v)
			}
			if !slices.Equal(got, []int{1, 4, 9, 16, 25}) {
				t.Fatal(chunk, got)
			}
		}
		var errs int
		for _, err := range procs.ExecutorMap(procs.Soon(t), e, procs.TestHalf, []int{2, 3, 4}) {
			if err != nil {
				errs++
			}
		}
		if errs != 1 {
			t.Fatal(errs)
		}
	})
}

func TestExecutorCancel(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
		first := procs.Submit(e, procs.TestNap, time.Hour)
		for !first.Running() {
			time.Sleep(time.Millisecond)
		}
		if first.Cancel() {
			t.Fatal("cancelled what runs")
		}
		second := procs.Submit(e, procs.TestSquare, 2)
		var called atomic.Bool
		second.AddDoneCallback(func(f *procs.Future[int]) { called.Store(f.Cancelled()) })
		if second.Running() || !second.Cancel() || !second.Cancelled() || !called.Load() {
			t.Fatal(second, called.Load())
		}
		if _, err := second.Result(procs.Soon(t)); !errors.Is(err, procs.ErrCancelled) {
			t.Fatal(err)
		}
		first.Stop()
		if err := first.Err(procs.Soon(t)); !errors.Is(err, procs.ErrCancelled) && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if v, err := procs.Submit(e, procs.TestSquare, 3).Result(procs.Soon(t)); v != 9 || err != nil {
			t.Fatal(v, err)
		}
	})
}

func TestExecutorShutdownCancels(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
		first := procs.Submit(e, procs.TestNap, 50*time.Millisecond)
		for !first.Running() {
			time.Sleep(time.Millisecond)
		}
		var rest []*procs.Future[int]
		for range 20 {
			rest = append(rest, procs.Submit(e, procs.TestSquare, 1))
		}
		e.Shutdown(true, true)
		if !first.Done() || first.Err(procs.Soon(t)) != nil {
			t.Fatal(first)
		}
		for _, f := range rest {
			if !f.Cancelled() {
				t.Fatal(f)
			}
		}
	})
}

func TestWaitFutures(t *testing.T) {
	a, b, c := procs.NewFuture[int](), procs.NewFuture[int](), procs.NewFuture[int]()
	all := []*procs.Future[int]{a, b, c, a}
	go a.SetResult(1)
	done, rest, err := procs.WaitFutures(procs.Soon(t), all, procs.FirstCompleted)
	if !slices.Equal(done, []*procs.Future[int]{a}) || !slices.Equal(rest, []*procs.Future[int]{b, c}) || err != nil {
		t.Fatal(done, rest, err)
	}
	go b.SetError(errors.New("no"))
	if done, _, err = procs.WaitFutures(procs.Soon(t), all, procs.FirstError); len(done) != 2 || err != nil {
		t.Fatal(done, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if done, _, err = procs.WaitFutures(ctx, all, procs.AllCompleted); len(done) != 2 || !errors.Is(err, context.Canceled) {
		t.Fatal(done, err)
	}
	go c.Cancel()
	if done, _, err = procs.WaitFutures(procs.Soon(t), all, procs.AllCompleted); len(done) != 3 || err != nil {
		t.Fatal(done, err)
	}
	n := 0
	for f, err := range procs.AsCompleted(procs.Soon(t), all) {
		if err != nil || !f.Done() {
			t.Fatal(err)
		}
		n++
	}
	if n != 3 {
		t.Fatal(n)
	}
}

func TestExecutorConfig(t *testing.T) {
	if _, err := procs.NewExecutor(procs.PoolConfig{Workers: -1}); err == nil {
		t.Error("no error")
	}
	if _, err := threads.NewExecutor(threads.Config{Workers: -1}); err == nil {
		t.Error("no error")
	}
}

func TestExecutorShutdownRace(t *testing.T) {
	for range 10 {
		eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
			var fs []*procs.Future[int]
			for i := range 50 {
				fs = append(fs, procs.Submit(e, procs.TestSquare, i))
			}
			late := make(chan *procs.Future[int])
			go func() { late <- procs.Submit(e, procs.TestSquare, 3) }()
			e.Shutdown(true, false)
			for i, f := range fs {
				done := f.Done()
				if v, err := f.Result(context.Background()); !done || v != i*i || err != nil {
					t.Fatal(i, f)
				}
			}
			// The one that raced was done or refused, and does not hang.
			if v, err := (<-late).Result(procs.Soon(t)); err == nil && v != 9 {
				t.Fatal(v)
			}
			e.Shutdown(true, true)
		})
	}
}

func TestExecutorShutdownNoWait(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
		first := procs.Submit(e, procs.TestNap, 100*time.Millisecond)
		for !first.Running() {
			time.Sleep(time.Millisecond)
		}
		second := procs.Submit(e, procs.TestSquare, 4)
		third := procs.Submit(e, procs.TestSquare, 5)
		e.Shutdown(false, false)
		if first.Done() {
			t.Log("slow machine: the task was done before Shutdown returned")
		}
		if v, err := second.Result(procs.Soon(t)); v != 16 || err != nil {
			t.Fatal(v, err)
		}
		e.Shutdown(false, true)
		if _, err := third.Result(procs.Soon(t)); err != nil && !third.Cancelled() {
			t.Fatal(err)
		}
		if err := first.Err(procs.Soon(t)); err != nil {
			t.Fatal(err)
		}
	})
}

var testPointer = procs.Register("test.pointer", func(_ context.Context, p *[1000]int) (int, error) { return p[0], nil })

// A future that is kept does not keep its argument.
func TestFutureKeepsNoArgument(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
		arg := &[1000]int{7}
		w := weak.Make(arg)
		f := procs.Submit(e, testPointer, arg)
		arg = nil
		if v, err := f.Result(procs.Soon(t)); v != 7 || err != nil {
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

func TestExecutorMapTimeout(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		var vs int
		var last error
		for _, err := range procs.ExecutorMap(ctx, e, procs.TestNap, []time.Duration{0, 0, time.Hour}) {
			if last = err; err == nil {
				vs++
			} else {
				e.Terminate()
			}
		}
		if vs != 2 || !errors.Is(last, context.DeadlineExceeded) {
			t.Fatal(vs, last)
		}
	})
}
