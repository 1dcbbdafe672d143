//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/proctest/wait"
)

func TestPoolInvalid(t *testing.T) {
	for name, c := range map[string]PoolConfig{"Workers": {Workers: -1}, "Spares": {Spares: -1}, "MaxTasksPerChild": {MaxTasksPerChild: -1},
		"Retries": {Retries: -1}, "GOMAXPROCS": {GOMAXPROCS: -1}} {
		if p, err := NewPool(c); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
			if err == nil {
				p.Terminate()
			}
		}
	}
	p := newPool(t, PoolConfig{Workers: 3})
	pids := p.PIDs()
	slices.Sort(pids)
	if len(slices.Compact(pids)) != 3 || p.Size() != 3 {
		t.Error(pids, p.Size())
	}
	q := newPool(t, PoolConfig{})
	if n := runtime.GOMAXPROCS(0); q.Size() != n || len(q.PIDs()) != n {
		t.Error(q.Size(), q.PIDs())
	}
}

var testGOMAXPROCS = Register("test.gomaxprocs", func(context.Context, int) (int, error) { return runtime.GOMAXPROCS(0), nil })

// A worker has one processor, whatever we have, unless it is to have more.
func TestPoolGOMAXPROCS(t *testing.T) {
	t.Setenv("GOMAXPROCS", "2")
	for set, want := range map[int]int{0: 1, 1: 1, 3: 3} {
		p := newPool(t, PoolConfig{Workers: 1, GOMAXPROCS: set})
		if got, err := Apply(soon(t), p, testGOMAXPROCS, 0); got != want || err != nil {
			t.Errorf("GOMAXPROCS %d: %d, want %d (%v)", set, got, want, err)
		}
	}
}

// A pool that was closed or terminated takes nothing more.
func TestPoolEnded(t *testing.T) {
	for name, end := range map[string]func(*Pool){"Close": (*Pool).Close, "Terminate": (*Pool).Terminate} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, PoolConfig{Workers: 2})
			if err := p.Join(soon(t)); err == nil {
				t.Error("joined an open pool")
			}
			if vs, err := MapAsync(p, testSquare, upTo(10)).Get(soon(t)); !slices.Equal(vs, squaresUpTo(10)) || err != nil {
				t.Fatal(vs, err)
			}
			end(p)
			for range 2 {
				if err := p.Join(soon(t)); err != nil {
					t.Error(err)
				}
				end(p)
			}
			_, apply := Apply(soon(t), p, testSquare, 1)
			_, async := ApplyAsync(p, testSquare, 1).Get(soon(t))
			_, mapped := Map(soon(t), p, testSquare, []int{1})
			_, mapAsync := MapAsync(p, testSquare, []int{1}).Get(soon(t))
			_, star := Starmap(soon(t), p, testMul, []Args[int, int]{{1, 2}})
			for i, err := range []error{apply, async, mapped, mapAsync, star, p.Resize(3)} {
				if !errors.Is(err, ErrClosed) {
					t.Error(i, err)
				}
			}
			for _, imap := range []imapFunc{Imap[int, int], ImapUnordered[int, int]} {
				n := 0
				for _, err := range imap(soon(t), p, testSquare, slices.Values([]int{1})) {
					n++
					if !errors.Is(err, ErrClosed) {
						t.Error(err)
					}
				}
				if n != 1 {
					t.Error(n)
				}
			}
			if pids := p.PIDs(); len(pids) != 0 {
				t.Error(pids)
			}
		})
	}
}

// Terminate ends a map of which little was begun.
func TestPoolTerminateMap(t *testing.T) {
	begun := must(NewSemaphore(0))(t)
	defer begun.Close()
	p := newPool(t, PoolConfig{Workers: 3})
	pids := p.PIDs()
	r := MapAsync(p, testOccupy, slices.Repeat([]*Semaphore{begun}, 10_000), Chunk(1))
	for range pids {
		if err := begun.Acquire(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	p.Terminate()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Get(soon(t)); !errors.Is(err, ErrTerminated) {
		t.Error(err)
	}
	for _, pid := range pids {
		if err := unix.Kill(pid, 0); err != unix.ESRCH {
			t.Error("worker", pid, err)
		}
	}
}

// testOccupy says that it has begun, and goes on for ever.
var testOccupy = Register("test.occupy", func(_ context.Context, begun *Semaphore) (int, error) {
	if err := begun.Release(); err != nil {
		return 0, err
	}
	select {}
})

// What a task returns as an error is the same error here: its message, its
// type, what it wraps; of a panic, also where it was.
func TestPoolErrors(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	var remote *RemoteError
	_, err := Apply(soon(t), p, testHalf, 5)
	if !errors.As(err, &remote) || !errors.Is(err, os.ErrPermission) || remote.Panic || remote.Stack != "" ||
		remote.Type != "*fmt.wrapError" || err.Error() != "5 is odd: permission denied" {
		t.Errorf("%#v", err)
	}
	_, err = Apply(soon(t), p, testDeepPanic, 123)
	if !errors.As(err, &remote) || !remote.Panic || remote.Message != "123" || remote.Type != "int" || err.Error() != "panic: 123" ||
		!strings.Contains(remote.Stack, "procs.panicDeep") || !strings.Contains(remote.Stack, "pool_error_test.go:") {
		t.Errorf("%#v", err)
	}
}

//go:noinline
func panicDeep(x int) { panic(x) }

var testDeepPanic = Register("test.deeppanic", func(_ context.Context, x int) (int, error) { panicDeep(x); return 0, nil })

// An error callback has been called, once, when the error is there.
func TestPoolErrorCallback(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	for i := range 100 {
		var got []error
		r := ApplyAsync(p, testHalf, 5, OnResult(func(int) { t.Error("a result") }), OnError(func(err error) { got = append(got, err) }))
		_, err := r.Get(soon(t))
		if !errors.Is(err, os.ErrPermission) || len(got) != 1 || got[0] != err {
			t.Fatal(i, err, got)
		}
	}
	t.Run("panics", func(t *testing.T) {
		r := ApplyAsync(p, testHalf, 5, OnError(func(error) { panic("in a callback") }))
		if _, err := r.Get(soon(t)); !errors.Is(err, os.ErrPermission) {
			t.Error(err)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		var calls atomic.Int32
		r := ApplyAsync(p, testNap, time.Hour, OnError(func(err error) {
			if errors.Is(err, ErrCancelled) {
				calls.Add(1)
			}
		}))
		r.Cancel()
		if _, err := r.Get(soon(t)); !errors.Is(err, ErrCancelled) || calls.Load() != 1 {
			t.Error(err, calls.Load())
		}
	})
}

// A result that cannot be encoded costs no worker.
func TestPoolUnencodableResult(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	pids := p.PIDs()
	for range 20 {
		var got error
		_, err := ApplyAsync(p, testUnencodable, 0, OnError(func(err error) { got = err })).Get(soon(t))
		if !errors.Is(err, ErrEncode) || got != err || !strings.Contains(err.Error(), "test.unencodable") || !strings.Contains(err.Error(), "unknownType") {
			t.Fatal(err, got)
		}
	}
	if !slices.Equal(p.PIDs(), pids) {
		t.Error("workers were replaced")
	}
}

// Arguments and results are gone when nobody has them any more, and not only
// when the pool ends.
func TestPoolKeepsNothing(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	var objects []*[100]int
	var weaks []weak.Pointer[[100]int]
	for i := range 10 {
		objects = append(objects, &[100]int{i})
		weaks = append(weaks, weak.Make(objects[i]))
	}
	vs, err := Map(soon(t), p, testIdentity, objects, Chunk(3))
	if err != nil || len(vs) != 10 || vs[9][0] != 9 {
		t.Fatal(err)
	}
	one, err := Apply(soon(t), p, testIdentity, objects[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range append(vs, one) {
		weaks = append(weaks, weak.Make(v))
	}
	objects, vs, one = nil, nil, nil
	collected(t, "what was mapped", func() bool {
		return !slices.ContainsFunc(weaks, func(w weak.Pointer[[100]int]) bool { return w.Value() != nil })
	})
	runtime.KeepAlive(p)
}

var testIdentity = Register("test.identity", func(_ context.Context, x *[100]int) (*[100]int, error) { return x, nil })

// A pool that is closed early still does what it has, with new workers.
func TestPoolMaxTasksPerChildEarlyClose(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 3, MaxTasksPerChild: 1})
	var rs []*AsyncResult[int]
	for range 6 {
		rs = append(rs, ApplyAsync(p, testNap, 20*time.Millisecond))
	}
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	pids := make(map[int]bool)
	for _, r := range rs {
		pid, err := r.Get(gone()) // it is there
		if err != nil {
			t.Error(err)
		}
		pids[pid] = true
	}
	if len(pids) != 6 {
		t.Error("6 tasks in as many processes, not", len(pids))
	}
}

var testTouch = Register("test.touch", func(_ context.Context, dir string) (int, error) {
	return 0, os.WriteFile(filepath.Join(dir, fmt.Sprint(os.Getpid())), nil, 0o600)
})

// The initializer runs in every worker, even if there is nothing else to do.
func TestPoolInitializerAlone(t *testing.T) {
	dir := t.TempDir()
	p := newPool(t, PoolConfig{Workers: 2, Initializer: NewInitializer(testTouch, dir)})
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(dir); len(files) != 2 || err != nil {
		t.Error(files, err)
	}
}

// A spare worker that died is not used, and a new one takes its place.
func TestPoolSpareDies(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1, Spares: 1})
	spare := func() (pid int) {
		proctest.Eventually(t, "a spare worker", func() bool {
			p.mu.Lock()
			defer p.mu.Unlock()
			for _, w := range p.workers {
				if w.state == workerSpare {
					pid = w.child.PID
				}
			}
			return pid != 0
		})
		return pid
	}
	for _, signal := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		first := spare()
		unix.Kill(first, signal)
		proctest.Eventually(t, "another spare worker", func() bool { return spare() != first })
		second := spare()
		unix.Kill(p.PIDs()[0], unix.SIGKILL)
		proctest.Eventually(t, "the spare worker at work", func() bool { return slices.Equal(p.PIDs(), []int{second}) })
		if v, err := Apply(soon(t), p, testSquare, 3); v != 9 || err != nil {
			t.Fatal(v, err)
		}
	}
}

// testLeavePool ends without a word about its pool.
var testLeavePool = Register("test.leavepool", func(ctx context.Context, how string) (int, error) {
	p, err := NewPool(PoolConfig{Workers: 1})
	if err != nil {
		return 0, err
	}
	vs, err := Map(ctx, p, testSquare, upTo(10))
	if err != nil || !slices.Equal(vs, squaresUpTo(10)) {
		return 0, fmt.Errorf("%v %w", vs, err)
	}
	fmt.Print(p.PIDs()[0])
	switch how {
	case "Exit":
		Exit(0)
	case "os.Exit":
		os.Exit(0)
	}
	return 0, nil
})

// A process that leaves its pool open ends well, and its workers with it.
func TestPoolLeftOpen(t *testing.T) {
	for _, how := range []string{"return", "Exit", "os.Exit"} {
		t.Run(how, func(t *testing.T) {
			var errs bytes.Buffer
			out, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testLeavePool, how, c) }, ProcessConfig{Stderr: &errs})
			var pid int
			if _, err := fmt.Sscan(out, &pid); err != nil || code != 0 || errs.Len() != 0 {
				t.Fatalf("%d %q %q", code, out, errs.String())
			}
			waitGone(t, pid)
		})
	}
}

// testPoolCannotStart makes a pool of which only some workers can be started.
var testPoolCannotStart = Register("test.poolcannotstart", func(context.Context, int) (int, error) {
	count := func() int {
		fds, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			panic(err)
		}
		return len(fds)
	}
	for range 2 { // once for what is opened only once
		if p, err := NewPool(PoolConfig{Workers: 1}); err != nil {
			return 0, err
		} else {
			p.Terminate()
		}
	}
	runtime.GC()
	before := count()
	limit := unix.Rlimit{Cur: uint64(before) + 16, Max: uint64(before) + 16}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, err
	}
	var started atomic.Int32
	SetLog(LevelInfo, func(_ Level, msg string) {
		if strings.Contains(msg, "started with process id") {
			started.Add(1)
		}
	})
	_, err := NewPool(PoolConfig{Workers: 40})
	SetLog(LevelOff, nil)
	if !errors.Is(err, unix.EMFILE) {
		return 0, fmt.Errorf("the pool: %v", err)
	}
	if started.Load() == 0 {
		return 0, errors.New("not even one worker could be started")
	}
	files, _ := filepath.Glob("/proc/self/task/*/children")
	for _, f := range files {
		if b, err := os.ReadFile(f); len(b) > 0 || err != nil {
			return 0, fmt.Errorf("children left: %s %v", b, err)
		}
	}
	for end := time.Now().Add(wait.Patience); count() > before; time.Sleep(time.Millisecond) {
		if runtime.GC(); time.Now().After(end) {
			return 0, fmt.Errorf("%d descriptors before, %d afterwards", before, count())
		}
	}
	return 0, nil
})

// If a pool cannot start all its workers, it leaves none.
func TestPoolCannotStart(t *testing.T) {
	var errs bytes.Buffer
	_, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testPoolCannotStart, 0, c) }, ProcessConfig{Stderr: &errs})
	if code != 0 {
		t.Error(code, errs.String())
	}
}

// A pool as large as nobody needs it: more workers than a word has bits.
func TestPoolOf70(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 70})
	if n := len(p.PIDs()); n != 70 {
		t.Error(n)
	}
	vs, err := Map(soon(t), p, testSquare, upTo(1000))
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, v := range vs {
		sum += v
	}
	if sum != 332833500 {
		t.Error(sum)
	}
}

var testLongErrorWraps = Register("test.longerrorwraps", func(_ context.Context, n int) (int, error) {
	return 0, fmt.Errorf("%s: %w", strings.Repeat("x", n), os.ErrPermission)
})

// An error may be longer than what goes through the ring, and stays what it is.
func TestPoolLongError(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	for _, n := range []int{1000, 100 << 10, 1 << 20} {
		_, err := Apply(soon(t), p, testLongErrorWraps, n)
		var remote *RemoteError
		if !errors.As(err, &remote) || !errors.Is(err, os.ErrPermission) || !strings.HasPrefix(err.Error(), "xxx") || remote.Type != "*fmt.wrapError" {
			t.Errorf("%d: %.120q, %s", n, err.Error(), remote.Type)
		}
	}
}
