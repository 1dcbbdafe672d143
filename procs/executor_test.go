//go:build linux

package procs

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"
)

// eachExecutor runs a test with both kinds.
func eachExecutor(t *testing.T, workers int, test func(t *testing.T, e *Executor)) {
	t.Run("processes", func(t *testing.T) {
		e, err := NewExecutor(PoolConfig{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Terminate()
		test(t, e)
	})
	t.Run("goroutines", func(t *testing.T) {
		e, err := NewThreadExecutor(ThreadConfig{Workers: workers})
		if err != nil {
			t.Fatal(err)
		}
		defer e.Terminate()
		test(t, e)
	})
}

func TestExecutorSubmit(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *Executor) {
		var fs []*Future[int]
		for i := range 1000 {
			fs = append(fs, Submit(e, testSquare, i))
		}
		for i, f := range fs {
			if v, err := f.Result(soon(t)); v != i*i || err != nil {
				t.Fatal(i, v, err)
			}
		}
		f := Submit(e, testHalf, 3)
		if err := f.Err(soon(t)); err == nil || err.Error() != "3 is odd: permission denied" {
			t.Fatal(err)
		}
		var remote *RemoteError
		if _, err := Submit(e, testPanic, "oh").Result(soon(t)); !errors.As(err, &remote) || !remote.Panic || remote.Message != "oh" {
			t.Fatal(err)
		}
		if _, err := Submit(e, testGoexit, 0).Result(soon(t)); err == nil {
			t.Fatal("no error from Goexit")
		}
		e.Shutdown(true, false)
		if _, err := Submit(e, testSquare, 1).Result(soon(t)); !errors.Is(err, ErrClosed) {
			t.Fatal(err)
		}
	})
}

func TestExecutorMap(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *Executor) {
		for _, chunk := range []int{0, 1, 3, 100} {
			var got []int
			for v, err := range ExecutorMap(soon(t), e, testSquare, []int{1, 2, 3, 4, 5}, Chunk(chunk)) {
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
		for _, err := range ExecutorMap(soon(t), e, testHalf, []int{2, 3, 4}) {
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
	eachExecutor(t, 1, func(t *testing.T, e *Executor) {
		first := Submit(e, testNap, time.Hour)
		for !first.Running() {
			time.Sleep(time.Millisecond)
		}
		if first.Cancel() {
			t.Fatal("cancelled what runs")
		}
		second := Submit(e, testSquare, 2)
		var called atomic.Bool
		second.AddDoneCallback(func(f *Future[int]) { called.Store(f.Cancelled()) })
		if second.Running() || !second.Cancel() || !second.Cancelled() || !called.Load() {
			t.Fatal(second, called.Load())
		}
		if _, err := second.Result(soon(t)); !errors.Is(err, ErrCancelled) {
			t.Fatal(err)
		}
		first.Stop()
		if err := first.Err(soon(t)); !errors.Is(err, ErrCancelled) && !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if v, err := Submit(e, testSquare, 3).Result(soon(t)); v != 9 || err != nil {
			t.Fatal(v, err)
		}
	})
}

func TestExecutorShutdownCancels(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *Executor) {
		first := Submit(e, testNap, 50*time.Millisecond)
		for !first.Running() {
			time.Sleep(time.Millisecond)
		}
		var rest []*Future[int]
		for range 20 {
			rest = append(rest, Submit(e, testSquare, 1))
		}
		e.Shutdown(true, true)
		if !first.Done() || first.Err(soon(t)) != nil {
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
	a, b, c := NewFuture[int](), NewFuture[int](), NewFuture[int]()
	all := []*Future[int]{a, b, c, a}
	go a.SetResult(1)
	done, rest, err := WaitFutures(soon(t), all, FirstCompleted)
	if !slices.Equal(done, []*Future[int]{a}) || !slices.Equal(rest, []*Future[int]{b, c}) || err != nil {
		t.Fatal(done, rest, err)
	}
	go b.SetError(errors.New("no"))
	if done, _, err = WaitFutures(soon(t), all, FirstError); len(done) != 2 || err != nil {
		t.Fatal(done, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if done, _, err = WaitFutures(ctx, all, AllCompleted); len(done) != 2 || !errors.Is(err, context.Canceled) {
		t.Fatal(done, err)
	}
	go c.Cancel()
	if done, _, err = WaitFutures(soon(t), all, AllCompleted); len(done) != 3 || err != nil {
		t.Fatal(done, err)
	}
	n := 0
	for f, err := range AsCompleted(soon(t), all) {
		if err != nil || !f.Done() {
			t.Fatal(err)
		}
		n++
	}
	if n != 3 {
		t.Fatal(n)
	}
}

func TestWait(t *testing.T) {
	a, b, err := NewPipe(Duplex)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	defer b.Close()
	p := NewProcess(testHang, 0, ProcessConfig{})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	f := NewFuture[int]()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if ready, err := Wait(ctx, a, p, f); len(ready) != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(ready, err)
	}
	b.SendBytes([]byte("x"))
	if ready, err := Wait(soon(t), a, p, f); !slices.Equal(ready, []any{a}) || err != nil {
		t.Fatal(ready, err)
	}
	a.RecvBytes(0)
	p.Kill()
	if ready, err := Wait(soon(t), a, p, f); !slices.Equal(ready, []any{p}) || err != nil {
		t.Fatal(ready, err)
	}
	f.SetResult(1)
	p.Join(soon(t))
	if ready, err := Wait(soon(t), a, p, f); !slices.Equal(ready, []any{p, f}) || err != nil {
		t.Fatal(ready, err)
	}
}
