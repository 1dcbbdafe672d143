//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

var (
	testSquare = Register("test.square", func(_ context.Context, x int) (int, error) { return x * x, nil })
	testUpper  = Register("test.upper", func(_ context.Context, s string) (string, error) { return strings.ToUpper(s), nil })
	testPID    = Register("test.pid", func(context.Context, struct{}) (int, error) { return os.Getpid(), nil })
	testNap    = Register("test.nap", func(ctx context.Context, d time.Duration) (int, error) {
		select {
		case <-time.After(d):
			return os.Getpid(), nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
	testPanic = Register("test.panic", func(_ context.Context, s string) (int, error) { panic(s) })
	testLoop  = Register("test.loop", func(_ context.Context, x int) (int, error) {
		for x >= 0 {
			x = (x + 1) & 1023
		}
		return x, nil
	})
	testSuicide = Register("test.suicide", func(_ context.Context, s syscall.Signal) (int, error) {
		syscall.Kill(os.Getpid(), s)
		select {}
	})
	testGoexit = Register("test.goexit", func(_ context.Context, _ int) (int, error) { goexit(); return 0, nil })
	testHalf   = Register("test.half", func(_ context.Context, x int) (int, error) {
		if x%2 != 0 {
			return 0, fmt.Errorf("%d is odd: %w", x, os.ErrPermission)
		}
		return x / 2, nil
	})
	testBig = Register("test.big", func(_ context.Context, n int) ([]byte, error) { return make([]byte, n), nil })
	testLen = Register("test.len", func(_ context.Context, b []byte) (int, error) { return len(b), nil })
)

func newPool(t testing.TB, c PoolConfig) *Pool {
	t.Helper()
	p, err := NewPool(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Terminate)
	return p
}

func TestPoolApply(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	for i := range 100 {
		v, err := Apply(soon(t), p, testSquare, i)
		if v != i*i || err != nil {
			t.Fatal(i, v, err)
		}
	}
	s, err := Apply(soon(t), p, testUpper, "hello")
	if s != "HELLO" || err != nil {
		t.Fatal(s, err)
	}
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(soon(t), p, testSquare, 1); !errors.Is(err, ErrClosed) {
		t.Fatal(err)
	}
}

func TestPoolApplyAsync(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	var sum, calls atomic.Int64
	var rs []*AsyncResult[int]
	const n = 20000
	for i := range n {
		rs = append(rs, ApplyAsync(p, testSquare, i, OnResult(func(v int) { sum.Add(int64(v)); calls.Add(1) })))
	}
	for i, r := range rs {
		if v, err := r.Get(soon(t)); v != i*i || err != nil {
			t.Fatal(i, v, err)
		}
	}
	p.Close()
	p.Join(soon(t))
	if calls.Load() != n || sum.Load() != (n-1)*n*(2*n-1)/6 {
		t.Fatal(calls.Load(), sum.Load())
	}
}

func TestPoolMap(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	xs := make([]int, 20000)
	for i := range xs {
		xs[i] = i
	}
	for _, chunk := range []int{0, 1, 7, 30000} {
		vs, err := Map(soon(t), p, testSquare, xs, Chunk(chunk))
		if err != nil || len(vs) != len(xs) {
			t.Fatal(chunk, err)
		}
		for i, v := range vs {
			if v != i*i {
				t.Fatal(chunk, i, v)
			}
		}
	}
	ss, err := Map(soon(t), p, testUpper, []string{"a", "b", "c"}, Chunk(2))
	if err != nil || strings.Join(ss, "") != "ABC" {
		t.Fatal(ss, err)
	}
	if vs, err := Map(soon(t), p, testSquare, nil); len(vs) != 0 || err != nil {
		t.Fatal(vs, err)
	}
	for chunk := 1; chunk <= 4; chunk++ { // the index is that of the whole slice
		_, err = Map(soon(t), p, testHalf, []int{2, 4, 5, 6}, Chunk(chunk))
		var remote *RemoteError
		if !errors.As(err, &remote) || remote.Index != 2 || !errors.Is(err, os.ErrPermission) || err.Error() != "5 is odd: permission denied" {
			t.Fatalf("chunk %d: %#v", chunk, err)
		}
	}
}

func TestPoolLarge(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	for _, n := range []int{0, 1, 65535, 65536, 65537, 1 << 20, 10 << 20} {
		b, err := Apply(soon(t), p, testBig, n)
		if err != nil || len(b) != n {
			t.Fatal(n, len(b), err)
		}
		k, err := Apply(soon(t), p, testLen, b)
		if err != nil || k != n {
			t.Fatal(n, k, err)
		}
	}
}

func TestPoolTaskFailures(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	_, err := Apply(soon(t), p, testPanic, "oh")
	var remote *RemoteError
	if !errors.As(err, &remote) || !remote.Panic || remote.Message != "oh" || !strings.Contains(remote.Stack, "pool_test.go") {
		t.Fatalf("%#v", err)
	}
	if _, err = Apply(soon(t), p, testGoexit, 0); err == nil || !strings.Contains(err.Error(), "Goexit") {
		t.Fatal(err)
	}
	var died *WorkerDiedError
	if _, err = Apply(soon(t), p, testExit, 5); !errors.Is(err, ErrWorkerDied) || !errors.As(err, &died) || died.ExitCode != 5 {
		t.Fatal(err)
	}
	if _, err = Apply(soon(t), p, testSuicide, syscall.SIGKILL); !errors.As(err, &died) || died.ExitCode != -9 {
		t.Fatal(err)
	}
	if v, err := Apply(soon(t), p, testSquare, 9); v != 81 || err != nil {
		t.Fatal(v, err)
	}
}

func TestPoolTimeout(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2, Grace: 20 * time.Millisecond})
	for range 3 {
		if _, err := Apply(soon(t), p, testLoop, 0, Timeout(30*time.Millisecond)); !errors.Is(err, ErrTimeout) {
			t.Fatal(err)
		}
		if _, err := Apply(soon(t), p, testNap, time.Hour, Timeout(30*time.Millisecond)); !errors.Is(err, ErrTimeout) {
			t.Fatal(err)
		}
	}
	r := ApplyAsync(p, testNap, time.Hour)
	for !r.f.Running() {
		time.Sleep(time.Millisecond)
	}
	if !r.Cancel() {
		t.Fatal("not cancelled")
	}
	if _, err := r.Get(soon(t)); !errors.Is(err, ErrCancelled) {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := Apply(ctx, p, testNap, time.Hour); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	if v, err := Apply(soon(t), p, testSquare, 9); v != 81 || err != nil {
		t.Fatal(v, err)
	}
}

// The time limit, or the cancellation, of a task that was behind others in its
// worker's ring reaches that task and no other: it ends, and its worker stays.
func TestPoolStopsTheRightTask(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1, Grace: time.Hour})
	gate := closing(t, must(NewSemaphore(0))(t), nil)
	begun := closing(t, must(NewSemaphore(0))(t), nil)
	pid, err := Apply(soon(t), p, testPID, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []bool{true, false} {
		var before []*AsyncResult[largeTask]
		for range 3 {
			before = append(before, ApplyAsync(p, testLarge, largeTask{Go: gate}))
		}
		var opts []Option
		if limit {
			opts = append(opts, Timeout(time.Millisecond))
		}
		stopped := ApplyAsync(p, testWaits, begun, opts...)
		after := ApplyAsync(p, testSquare, 7)
		for range before {
			if err := gate.Release(); err != nil {
				t.Fatal(err)
			}
		}
		if err := begun.Acquire(soon(t)); err != nil {
			t.Fatal(err)
		}
		want := ErrTimeout
		if !limit {
			want = ErrCancelled
			stopped.Cancel()
		}
		if _, err := stopped.Get(soon(t)); !errors.Is(err, want) {
			t.Error(err)
		}
		for _, r := range before {
			if _, err := r.Get(soon(t)); err != nil {
				t.Error(err)
			}
		}
		if v, err := after.Get(soon(t)); v != 49 || err != nil {
			t.Error(v, err)
		}
		if now, err := Apply(soon(t), p, testPID, struct{}{}); now != pid || err != nil {
			t.Errorf("the worker is %d, not %d any more (%v)", now, pid, err)
		}
	}
}

// testWaits says that it has begun, and waits until it is stopped.
var testWaits = Register("test.waits", func(ctx context.Context, begun *Semaphore) (int, error) {
	if err := begun.Release(); err != nil {
		return 0, err
	}
	<-ctx.Done()
	return 0, ctx.Err()
})

func TestPoolTerminate(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	var rs []*AsyncResult[int]
	for range 100 {
		rs = append(rs, ApplyAsync(p, testNap, time.Hour))
	}
	p.Terminate()
	for _, r := range rs {
		if _, err := r.Get(soon(t)); !errors.Is(err, ErrTerminated) {
			t.Fatal(err)
		}
	}
}

func goexit() { runtime.Goexit() }
