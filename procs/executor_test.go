//go:build linux

package procs_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"weak"

	"switchyard/procs"
	"switchyard/procs/internal/proctest/wait"
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
		var got []string
		for v, err := range procs.ExecutorMap(procs.Soon(t), e, procs.TestHalf, []int{2, 4, 3, 6}) {
			if err != nil && !errors.Is(err, os.ErrPermission) {
				t.Error(err)
			}
			got = append(got, fmt.Sprint(v, err))
		}
		if want := []string{"1 <nil>", "2 <nil>", "0 3 is odd: permission denied", "3 <nil>"}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
}

// Chunks that do not divide the elements, are as many as these, and more; the
// sequence can be ranged over again.
func TestExecutorMapChunks(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
		xs, want := make([]int, 40), make([]int, 40)
		for i := range xs {
			xs[i], want[i] = i, i*i
		}
		for _, chunk := range []int{6, 40, 50} {
			squares := procs.ExecutorMap(procs.Soon(t), e, procs.TestSquare, xs, procs.Chunk(chunk))
			for range 2 {
				var got []int
				for v, err := range squares {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, v)
				}
				if !slices.Equal(got, want) {
					t.Fatal(chunk, got)
				}
			}
		}
		defer func() {
			if recover() == nil {
				t.Error("no panic for a negative chunk")
			}
		}()
		procs.Chunk(-1)
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

// Of the tasks of a loop that has ended only those run on that were begun: the
// one whose result came last in it, and one behind it.
func TestExecutorMapEndsEarly(t *testing.T) {
	for _, chunk := range []int{1, 3} {
		eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
			size := chunk
			if e.Pool() == nil {
				size = 1
			}
			gate := newGate(t)
			xs := slices.Repeat([]*procs.Semaphore{gate}, 30)
			open(t, gate, size)
			for _, err := range procs.ExecutorMap(procs.Soon(t), e, testAcquire, xs, procs.Chunk(chunk)) {
				if err != nil {
					t.Fatal(err)
				}
				break
			}
			open(t, gate, len(xs))
			e.Shutdown(true, false)
			if n := size + len(xs) - gate.Value(); n > 2*size {
				t.Errorf("%d of %d elements were done in tasks of %d", n, len(xs), size)
			}
		})
	}
}

func TestExecutorShutdownCancels(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
		gate := newGate(t)
		first := procs.Submit(e, testAcquire, gate)
		wait.Until(t, "the first runs", first.Running)
		var rest []*procs.Future[int]
		for range 20 {
			rest = append(rest, procs.Submit(e, procs.TestSquare, 1))
		}
		go func() { // Shutdown waits for the first one
			for _, f := range rest {
				f.Err(procs.Soon(t))
			}
			gate.Release()
		}()
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

func TestExecutorConfig(t *testing.T) {
	if _, err := procs.NewExecutor(procs.PoolConfig{Workers: -1}); err == nil || !strings.Contains(err.Error(), "must not be negative") {
		t.Error(err)
	}
	if _, err := threads.NewExecutor(threads.Config{Workers: -1}); err == nil || !strings.Contains(err.Error(), "must not be negative") {
		t.Error(err)
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

// testAcquire is a task that lasts until the test releases the semaphore.
var testAcquire = procs.Register("test.acquire", func(ctx context.Context, s *procs.Semaphore) (int, error) { return 0, s.Acquire(ctx) })

func newGate(t *testing.T) *procs.Semaphore {
	t.Helper()
	gate, err := procs.NewSemaphore(0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { gate.Close() })
	return gate
}

// open lets n tasks go on.
func open(t *testing.T, gate *procs.Semaphore, n int) {
	t.Helper()
	if err := gate.ReleaseN(n); err != nil {
		t.Fatal(err)
	}
}

// pids returns the processes of an executor, if it has some.
func pids(e *procs.Executor) []int {
	if p := e.Pool(); p != nil {
		return p.PIDs()
	}
	return nil
}

// waitGone waits until processes have ended and were reaped.
func waitGone(t *testing.T, pids []int) {
	t.Helper()
	for _, pid := range pids {
		wait.Until(t, "the worker is gone", func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
	}
}

// shutdown waits for Shutdown, which must not hang.
func shutdown(t *testing.T, e *procs.Executor, cancelFutures bool) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); e.Shutdown(true, cancelFutures) }()
	select {
	case <-done:
	case <-procs.Soon(t).Done():
		t.Fatal("Shutdown hangs")
	}
}

func running[T any](fs []*procs.Future[T]) (n int) {
	for _, f := range fs {
		if f.Running() {
			n++
		}
	}
	return n
}

// Many more tasks than workers make no more workers, and Shutdown leaves none.
func TestExecutorSaturation(t *testing.T) {
	const workers, tasks = 3, 15 * 3
	eachExecutor(t, workers, func(t *testing.T, e *procs.Executor) {
		gate := newGate(t)
		var fs []*procs.Future[int]
		for range tasks {
			fs = append(fs, procs.Submit(e, testAcquire, gate))
		}
		wait.Until(t, "all workers work", func() bool { return running(fs) == workers })
		ps := pids(e)
		if e.Pool() != nil && len(ps) != workers {
			t.Error(len(ps), "processes")
		}
		open(t, gate, tasks)
		for _, f := range fs {
			if err := f.Err(procs.Soon(t)); err != nil {
				t.Fatal(err)
			}
		}
		shutdown(t, e, false)
		for _, pid := range ps {
			if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
				t.Error("a worker after Shutdown:", err)
			}
		}
	})
}

func TestExecutorShutdownNoWait(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
		gate := newGate(t)
		first := procs.Submit(e, testAcquire, gate)
		var rest []*procs.Future[int]
		for i := range 10 {
			rest = append(rest, procs.Submit(e, procs.TestSquare, i))
		}
		wait.Until(t, "the first runs", first.Running)
		ps := pids(e)
		e.Shutdown(false, false)
		if first.Done() {
			t.Error("Shutdown waited")
		}
		if err := procs.Submit(e, procs.TestSquare, 1).Err(procs.Soon(t)); !errors.Is(err, procs.ErrClosed) {
			t.Error(err)
		}
		open(t, gate, 1)
		for i, f := range rest {
			if v, err := f.Result(procs.Soon(t)); v != i*i || err != nil {
				t.Fatal(i, v, err)
			}
		}
		if err := first.Err(procs.Soon(t)); err != nil {
			t.Fatal(err)
		}
		waitGone(t, ps) // though nobody waits for it
	})
}

func TestExecutorShutdownNoWaitCancels(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
		gate := newGate(t)
		first := procs.Submit(e, testAcquire, gate)
		wait.Until(t, "the first runs", first.Running)
		var rest []*procs.Future[int]
		for i := range 10 {
			rest = append(rest, procs.Submit(e, procs.TestSquare, i))
		}
		ps := pids(e)
		e.Shutdown(false, true)
		for _, f := range rest {
			if err := f.Err(procs.Soon(t)); err != procs.ErrCancelled || !f.Cancelled() {
				t.Error(err, f)
			}
		}
		if first.Done() {
			t.Error("what ran did not go on:", first)
		}
		open(t, gate, 1)
		if err := first.Err(procs.Soon(t)); err != nil {
			t.Fatal(err)
		}
		waitGone(t, ps)
	})
}

// What was cancelled just before Shutdown is not waited for.
func TestExecutorShutdownAfterCancel(t *testing.T) {
	for range 5 {
		eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
			if v, err := procs.Submit(e, procs.TestSquare, 2).Result(procs.Soon(t)); v != 4 || err != nil {
				t.Fatal(v, err)
			}
			f := procs.Submit(e, procs.TestSquare, 3)
			cancelled := f.Cancel()
			shutdown(t, e, false)
			if v, err := f.Result(procs.Soon(t)); cancelled != (err == procs.ErrCancelled) || !cancelled && v != 9 {
				t.Error(cancelled, v, err)
			}
		})
	}
}

// All at once: a map, Shutdown, and nothing is left.
func TestExecutorMapThenShutdown(t *testing.T) {
	eachExecutor(t, 5, func(t *testing.T, e *procs.Executor) {
		ps := pids(e)
		func() {
			defer e.Shutdown(true, false)
			var got []int
			for v, err := range procs.ExecutorMap(procs.Soon(t), e, procs.TestSquare, []int{-3, -2, -1, 0, 1, 2}) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, v)
			}
			if !slices.Equal(got, []int{9, 4, 1, 0, 1, 4}) {
				t.Error(got)
			}
		}()
		for _, pid := range ps {
			if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
				t.Error("a worker after Shutdown:", err)
			}
		}
	})
}

// An executor over processes that was let go does its tasks, and its workers
// end. (Those over goroutines: package threads.)
func TestExecutorForgotten(t *testing.T) {
	pid, last := func() (int, *procs.Future[int]) {
		e, err := procs.NewExecutor(procs.PoolConfig{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		pid, err := procs.Submit(e, procs.TestNap, 0).Result(procs.Soon(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 100 {
			procs.Submit(e, procs.TestSquare, i)
		}
		return pid, procs.Submit(e, procs.TestSquare, 7)
	}()
	if v, err := last.Result(procs.Soon(t)); v != 49 || err != nil {
		t.Fatal(v, err)
	}
	wait.Until(t, "the worker is gone", func() bool { runtime.GC(); return syscall.Kill(pid, 0) == syscall.ESRCH })

	// Who has the pool may go on.
	pool := func() *procs.Pool {
		e, err := procs.NewExecutor(procs.PoolConfig{Workers: 1})
		if err != nil {
			t.Fatal(err)
		}
		return e.Pool()
	}()
	defer pool.Terminate()
	for i := range 10 {
		runtime.GC()
		time.Sleep(time.Millisecond)
		if v, err := procs.Apply(procs.Soon(t), pool, procs.TestSquare, i); v != i*i || err != nil {
			t.Fatal(v, err)
		}
	}
}

// The reason is logged, and everybody is told.
func TestExecutorInitializerFails(t *testing.T) {
	reasons := make(chan string, 100)
	procs.SetLog(procs.LevelError, func(_ procs.Level, message string) { reasons <- message })
	defer procs.SetLog(procs.LevelOff, nil)
	over := map[string]func() (*procs.Executor, error){
		"processes": func() (*procs.Executor, error) {
			return procs.NewExecutor(procs.PoolConfig{Workers: 2, Initializer: procs.NewInitializer(procs.TestHalf, 7)})
		},
		"goroutines": func() (*procs.Executor, error) {
			return threads.NewExecutor(threads.Config{Workers: 2, Initializer: func() error {
				return fmt.Errorf("7 is odd: %w", os.ErrPermission)
			}})
		},
	}
	for name, newExecutor := range over {
		t.Run(name, func(t *testing.T) {
			e, err := newExecutor()
			if err != nil {
				t.Fatal(err)
			}
			defer e.Terminate()
			for range 3 {
				err := procs.Submit(e, procs.TestSquare, 1).Err(procs.Soon(t))
				if !errors.Is(err, procs.ErrBroken) || !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "7 is odd") {
					t.Error(err)
				}
			}
			select {
			case reason := <-reasons:
				if !strings.Contains(reason, "7 is odd: permission denied") {
					t.Error(reason)
				}
			case <-procs.Soon(t).Done():
				t.Error("nothing was logged")
			}
		})
	}
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
		wait.Until(t, "the argument is gone", func() bool { runtime.GC(); return w.Value() == nil })
		runtime.KeepAlive(f)
	})
}

var testMake = procs.Register("test.make", func(_ context.Context, x int) (*[1000]int, error) { return &[1000]int{x}, nil })

// Neither the loop nor the executor keeps a result that was yielded. In a chunk
// that holds for the chunk.
func TestExecutorMapKeepsNoResult(t *testing.T) {
	eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
		i := 0
		for v, err := range procs.ExecutorMap(procs.Soon(t), e, testMake, []int{0, 1, 2, 3, 4}) {
			if err != nil || v[0] != i {
				t.Fatal(i, err)
			}
			w := weak.Make(v)
			v = nil
			wait.Until(t, "the result is collected", func() bool { runtime.GC(); return w.Value() == nil })
			i++
		}
		var before []weak.Pointer[[1000]int]
		i = 0
		for v, err := range procs.ExecutorMap(procs.Soon(t), e, testMake, []int{0, 1, 2, 3, 4, 5}, procs.Chunk(2)) {
			if err != nil || v[0] != i {
				t.Fatal(i, err)
			}
			if i%2 == 0 { // a new chunk
				wait.Until(t, "the chunk before is collected", func() bool {
					runtime.GC()
					return !slices.ContainsFunc(before, func(w weak.Pointer[[1000]int]) bool { return w.Value() != nil })
				})
			}
			before = append(before, weak.Make(v))
			i++
		}
	})
}

// expiring is a context whose time is over when the test says so.
type expiring struct {
	context.Context
	over chan struct{}
}

func (c expiring) Done() <-chan struct{} { return c.over }

func (c expiring) Err() error {
	select {
	case <-c.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// The time is over while a task runs: what is there was yielded, the error
// comes, tasks that were not begun never are.
func TestExecutorMapTimeout(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
		gate := newGate(t)
		open(t, gate, 2)
		ctx := expiring{context.Background(), make(chan struct{})}
		var got []error
		for _, err := range procs.ExecutorMap(ctx, e, testAcquire, []*procs.Semaphore{gate, gate, gate, gate, gate}) {
			if got = append(got, err); len(got) == 2 {
				close(ctx.over)
			}
		}
		if len(got) != 3 || got[0] != nil || got[1] != nil || !errors.Is(got[2], context.DeadlineExceeded) {
			t.Fatal(got)
		}
		open(t, gate, 1) // for the one that may run
		shutdown(t, e, false)
	})
}

// What is done is yielded even if the time is over: nothing is missing without
// an error.
func TestExecutorMapLate(t *testing.T) {
	for _, chunk := range []int{1, 2} {
		eachExecutor(t, 2, func(t *testing.T, e *procs.Executor) {
			ctx := expiring{context.Background(), make(chan struct{})}
			var got []string
			for v, err := range procs.ExecutorMap(ctx, e, procs.TestHalf, []int{0, 2, 3, 4, 6, 8}, procs.Chunk(chunk)) {
				if len(got) == 0 {
					shutdown(t, e, false) // all are done now
					close(ctx.over)
				}
				got = append(got, fmt.Sprint(v, err))
			}
			want := []string{"0 <nil>", "1 <nil>", "0 3 is odd: permission denied", "2 <nil>", "3 <nil>", "4 <nil>"}
			if chunk == 2 && e.Pool() != nil { // the error stands for two
				want = slices.Delete(want, 3, 4)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%q", got)
			}
		})
	}
}

// endings are the ways in which a task can end other than by returning. If a
// deferred function panics while a Goexit unwinds the task, that is what became
// of it: nothing else tells of the panic.
var endings = []struct {
	name string
	end  func()
	want string
}{
	{"panic", func() { panic("oh") }, "panic: oh"},
	{"panic with nil", func() { panic(nil) }, "panic: " + new(runtime.PanicNilError).Error()},
	{"panic while a panic unwinds", func() { defer func() { panic("second") }(); panic("first") }, "panic: second"},
	{"panic with an error that panics", func() { panic(quiet{func() { panic("no") }}) }, "panic: %!v(PANIC=Error method: no)"},
	{"panic with an error that exits", func() { panic(quiet{runtime.Goexit}) }, "panic: (a procs_test.quiet whose own text cannot be had)"},
	{"Goexit", runtime.Goexit, "procs: the task called runtime.Goexit"},
	{"Goexit while a panic unwinds", func() { defer runtime.Goexit(); panic("oh") }, "procs: the task called runtime.Goexit"},
	{"panic while a Goexit unwinds", func() { defer func() { panic("oh") }(); runtime.Goexit() }, "panic: oh"},
	{"panic, recovered, while a Goexit unwinds", func() {
		defer func() { recover() }()
		defer func() { panic("oh") }()
		runtime.Goexit()
	}, "procs: the task called runtime.Goexit"},
}

// A quiet error has no text.
type quiet struct{ fails func() }

func (q quiet) Error() string { q.fails(); return "" }

var testEnding = procs.Register("test.ending", func(_ context.Context, which int) (int, error) {
	if which < len(endings) {
		endings[which].end()
	}
	return which, nil
})

// However a task ends, its future says so, and the worker goes on: the next
// task hears nothing of it.
func TestEndings(t *testing.T) {
	eachExecutor(t, 1, func(t *testing.T, e *procs.Executor) {
		for i, c := range endings {
			if err := procs.Submit(e, testEnding, i).Err(procs.Soon(t)); err == nil || err.Error() != c.want {
				t.Errorf("%s: %v, not %s", c.name, err, c.want)
			}
			if v, err := procs.Submit(e, testEnding, len(endings)).Result(procs.Soon(t)); v != len(endings) || err != nil {
				t.Errorf("after %s: %v, %v", c.name, v, err)
			}
		}
		fs := []*procs.Future[int]{procs.Submit(e, testEnding, 5), procs.Submit(e, testEnding, 7), procs.Submit(e, testEnding, 5)}
		for i, f := range fs { // what one ended with is not the next one's
			if err := f.Err(procs.Soon(t)); err == nil || err.Error() != endings[5+i%2*2].want {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}
