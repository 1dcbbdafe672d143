//go:build linux

package procs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/taskring"
)

var poolState1 int // what an initializer leaves in a worker

var (
	testInit = Register("test.init", func(_ context.Context, x int) (int, error) {
		if x < 0 {
			return 0, fmt.Errorf("cannot start with %d: %w", x, os.ErrPermission)
		}
		poolState1 = x
		return 0, nil
	})
	testState = Register("test.state", func(context.Context, int) (int, error) { return poolState1, nil })
	testStar  = RegisterStar("test.star", func(_ context.Context, a int, b string) (string, error) { return fmt.Sprint(a, b), nil })
	testShare = Register("test.share", func(_ context.Context, c *Conn) (*Conn, error) {
		defer c.Close()
		if err := c.SendBytes([]byte("from the worker")); err != nil {
			return nil, err
		}
		a, b, err := NewPipe(Duplex)
		if err != nil {
			return nil, err
		}
		return a, b.SendBytes([]byte("left in the pipe")) // b is never closed, the worker keeps it
	})
)

func TestPoolInitializer(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2, Initializer: NewInitializer(testInit, 42), MaxTasksPerChild: 1})
	for range 4 {
		if v, err := Apply(soon(t), p, testState, 0); v != 42 || err != nil {
			t.Fatal(v, err)
		}
	}
}

func TestPoolInitializerFails(t *testing.T) {
	e, err := NewExecutor(PoolConfig{Workers: 2, Initializer: NewInitializer(testInit, -1)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Terminate()
	f := Submit(e, testState, 0)
	if _, err := f.Result(soon(t)); !errors.Is(err, ErrBroken) || !errors.Is(err, os.ErrPermission) {
		t.Fatal(err)
	}
	if _, err := Submit(e, testState, 0).Result(soon(t)); !errors.Is(err, ErrBroken) {
		t.Fatal(err)
	}
}

// A pool whose workers end by themselves before they are ready gives up.
func TestPoolWorkersNeverReady(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2, Initializer: NewInitializer(testExit, 3)})
	if _, err := Apply(soon(t), p, testState, 0); !errors.Is(err, ErrBroken) {
		t.Fatal(err)
	}
}

// It makes no difference whether the pool was closed, or how the workers end,
// but that more may be killed than exit: the last of them are.
func TestPoolWorkersNeverReadyEnds(t *testing.T) {
	for name, c := range map[string]struct {
		init            *Initializer
		crashes, starts int
	}{
		"exit":   {NewInitializer(testExit, 3), 0, 8},
		"signal": {NewInitializer(testSuicide, syscall.SIGKILL), maxCrashes - 20, 20},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, PoolConfig{Workers: 2, Initializer: c.init})
			p.mu.Lock()
			p.crashes += c.crashes
			p.mu.Unlock()
			r := ApplyAsync(p, testSquare, 1)
			p.Close()
			if _, err := r.Get(soon(t)); !errors.Is(err, ErrBroken) {
				t.Fatal(err)
			}
			if err := p.Join(soon(t)); err != nil {
				t.Fatal(err)
			}
			if p.count < c.starts {
				t.Errorf("it gave up after %d workers, want %d", p.count, c.starts)
			}
		})
	}
}

// testCrashOften ends three of four workers before they are ready.
var testCrashOften = Register("test.crashoften", func(_ context.Context, dir string) (int, error) {
	for n := 1; ; n++ {
		if os.Mkdir(filepath.Join(dir, strconv.Itoa(n)), 0o700) != nil {
			continue
		}
		if n%4 != 0 {
			os.Exit(3)
		}
		return 0, nil
	}
})

// As long as workers become ready now and then, a pool does not give up.
func TestPoolWorkersSometimesReady(t *testing.T) {
	dir := t.TempDir()
	p := newPool(t, PoolConfig{Workers: 1, MaxTasksPerChild: 1, Initializer: NewInitializer(testCrashOften, dir)})
	for i := range 6 {
		if v, err := Apply(soon(t), p, testSquare, i); v != i*i || err != nil {
			t.Fatal(i, v, err)
		}
	}
	if ends, err := os.ReadDir(dir); err != nil || len(ends)*3/4*maxCrashes/8 <= 2*maxCrashes {
		t.Errorf("%d workers were started (%v): too few to tell", len(ends), err)
	}
}

// A worker that is stopped reads no descriptors: who submits tasks that have
// some is not held up, and all are done when it goes on.
func TestPoolStoppedWorkerDescriptors(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	l := closing(t, must(NewLock())(t), nil)
	if _, err := Apply(soon(t), p, testUseLock, l); err != nil {
		t.Fatal(err)
	}
	pid := p.PIDs()[0]
	syscall.Kill(pid, syscall.SIGSTOP)
	const tasks = 500 // more than the control socket takes
	var rs []*AsyncResult[int]
	submitted := make(chan struct{})
	go func() {
		defer close(submitted)
		for range tasks {
			rs = append(rs, ApplyAsync(p, testUseLock, l))
		}
	}()
	select {
	case <-submitted:
	case <-soon(t).Done():
		t.Error("they wait for the worker")
	}
	syscall.Kill(pid, syscall.SIGCONT)
	<-submitted
	for i, r := range rs {
		if got, err := r.Get(soon(t)); got != pid || err != nil {
			t.Fatal(i, got, pid, err)
		}
	}
}

// stuck returns which workers the pool takes for stuck.
func (p *Pool) stuck() (which []int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range p.workers {
		if w.state == workerStuck {
			which = append(which, i)
		}
	}
	return which
}

// A pool is made smaller, and closed, while workers are stopped whose tasks
// others have taken, or take then: all workers may be stopped at that time,
// before one of them goes on.
func TestPoolRetiresStoppedWorkers(t *testing.T) {
	resize := func(p *Pool) error { return p.Resize(1) }
	for name, c := range map[string]struct {
		stop, goOn []int // which of the workers
		end        func(*Pool) error
	}{
		"Close":               {[]int{1, 2}, nil, nil},
		"Close, all stopped":  {[]int{0, 1, 2}, []int{1}, nil},
		"Resize":              {[]int{1, 2}, nil, resize},
		"Resize, first":       {[]int{0, 1}, nil, resize},
		"Resize, all stopped": {[]int{0, 1, 2}, []int{0}, resize},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, PoolConfig{Workers: 3})
			pids := p.PIDs()
			for _, i := range c.stop {
				stopProcess(t, pids[i])
			}
			var rs []*AsyncResult[int]
			eventually(t, "it is noticed that they are stopped", func() bool {
				for range 3 {
					rs = append(rs, ApplyAsync(p, testSquare, 7))
				}
				return slices.Equal(p.stuck(), c.stop)
			})
			if c.end != nil {
				if err := c.end(p); err != nil {
					t.Error(err)
				}
				rs = append(rs, ApplyAsync(p, testSquare, 7))
			}
			p.Close()
			for _, i := range c.goOn {
				syscall.Kill(pids[i], syscall.SIGCONT)
			}
			for i, r := range rs {
				if v, err := r.Get(soon(t)); v != 49 || err != nil {
					t.Fatalf("%d of %d: %d %v", i, len(rs), v, err)
				}
			}
			eventually(t, "no worker is stuck", func() bool { return len(p.stuck()) == 0 })
			for _, pid := range pids {
				syscall.Kill(pid, syscall.SIGCONT)
			}
			if err := p.Join(soon(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// When a pool breaks, what no worker has yet must fail as well, and not wait
// for a worker for ever.
func TestPoolBreaksWithTasksWaiting(t *testing.T) {
	t.Run("more than the workers can have", func(t *testing.T) {
		p := newPool(t, PoolConfig{Workers: 1, Initializer: NewInitializer(testExit, 3)})
		rs := make([]*AsyncResult[int], 3*maxLoad)
		for i := range rs {
			rs[i] = ApplyAsync(p, testSquare, i)
		}
		m := MapAsync(p, testSquare, make([]int, 3*maxLoad), Chunk(1))
		for i, r := range rs {
			if _, err := r.Get(soon(t)); !errors.Is(err, ErrBroken) {
				t.Fatal(i, err)
			}
		}
		if _, err := m.Get(soon(t)); !errors.Is(err, ErrBroken) {
			t.Fatal(err)
		}
	})
	t.Run("while there is no worker", func(t *testing.T) {
		p := newPool(t, PoolConfig{Workers: 2})
		in := 1
		waiting, err := newCall(p, testSquare, &in)
		if err != nil {
			t.Fatal(err)
		}
		again, err := newCall(p, testSquare, &in)
		if err != nil {
			t.Fatal(err)
		}
		p.mu.Lock() // as if both came after the last worker's death and before it was found to be the last
		p.pending = append(p.pending, waiting)
		p.requeued = append(p.requeued, ticket{job: again})
		p.breakDown(errors.New("no more workers"))
		p.mu.Unlock()
		p.parker.Wake()
		for _, c := range []*call[int, int]{waiting, again} {
			if _, err := c.Get(soon(t)); !errors.Is(err, ErrBroken) {
				t.Fatal(err)
			}
		}
	})
}

// A callback may end the pool that calls it.
func TestPoolEndsInCallback(t *testing.T) {
	joined := make(chan error, 1)
	for name, end := range map[string]func(*Pool){
		"Terminate": (*Pool).Terminate,
		"Shutdown":  func(p *Pool) { (&Executor{pool: p}).Shutdown(true, true) },
		"Join":      func(p *Pool) { p.Close(); joined <- p.Join(soon(t)) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, PoolConfig{Workers: 2})
			r := ApplyAsync(p, testSquare, 3, OnResult(func(int) { end(p) }))
			if v, err := r.Get(soon(t)); v != 9 || err != nil {
				t.Fatal(v, err)
			}
			select {
			case <-p.ended:
			case <-soon(t).Done():
				t.Fatal("the pool did not end")
			}
		})
	}
	if err := <-joined; err == nil {
		t.Error("Join in a callback said that the pool had ended")
	}
}

func TestPoolMaxTasksPerChild(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2, MaxTasksPerChild: 5})
	pids := make(map[int]int)
	for range 60 {
		pid, err := Apply(soon(t), p, testPID, struct{}{})
		if err != nil {
			t.Fatal(err)
		}
		pids[pid]++
	}
	if len(pids) < 12 {
		t.Error("too few processes:", pids)
	}
	for pid, n := range pids {
		if n > 5 {
			t.Errorf("process %d did %d tasks", pid, n)
		}
	}
	rs := MapAsync(p, testSquare, make([]int, 100), Chunk(1))
	p.Close() // early: the replacements must still come
	if _, err := rs.Get(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if _, err := NewPool(PoolConfig{MaxTasksPerChild: -1}); err == nil {
		t.Fatal("no error")
	}
}

// A task that was put behind one that waits for it goes to a worker that comes
// or goes on later, also in a pool that was closed.
func TestPoolLateWorkerTakesTasks(t *testing.T) {
	resize := func(p *Pool) error { return p.Resize(2) }
	signal := func(sig syscall.Signal) func(p *Pool) error {
		return func(p *Pool) error { return syscall.Kill(p.PIDs()[1], sig) }
	}
	closed := func(late func(*Pool) error) func(*Pool) error {
		return func(p *Pool) error { p.Close(); return late(p) }
	}
	for name, c := range map[string]struct {
		config  PoolConfig
		stopped int
		late    func(p *Pool) error
	}{
		"a new one":                         {PoolConfig{Workers: 1}, 0, resize},
		"a spare":                           {PoolConfig{Workers: 1, Spares: 1}, 0, resize},
		"a stopped one":                     {PoolConfig{Workers: 2}, 1, signal(syscall.SIGCONT)},
		"a stopped one, closed":             {PoolConfig{Workers: 2}, 1, closed(signal(syscall.SIGCONT))},
		"a dead one's successor, closed":    {PoolConfig{Workers: 2}, 1, closed(signal(syscall.SIGKILL))},
		"a stopped one, once all were":      {PoolConfig{Workers: 2}, 2, signal(syscall.SIGCONT)},
		"a dead one's spare, once all were": {PoolConfig{Workers: 2, Spares: 1}, 2, signal(syscall.SIGKILL)},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, c.config)
			begun := closing(t, must(NewSemaphore(0))(t), nil)
			gate := closing(t, must(NewSemaphore(0))(t), nil)
			pids := p.PIDs()
			for _, pid := range pids[len(pids)-c.stopped:] {
				stopProcess(t, pid)
			}
			var rs []*AsyncResult[int]
			for range 2 {
				rs = append(rs, ApplyAsync(p, testBeginAndPass, beginAndPass{begun, gate}))
			}
			if c.stopped == 2 {
				eventually(t, "both are stuck", func() bool { return len(p.stuck()) == 2 })
				syscall.Kill(pids[0], syscall.SIGCONT)
			}
			if err := begun.Acquire(soon(t)); err != nil {
				t.Fatal(err)
			}
			eventually(t, "one worker has both", func() bool {
				p.mu.Lock()
				defer p.mu.Unlock()
				return p.workers[0].load == 2
			})
			if err := errors.Join(c.late(p), begun.Acquire(soon(t)), gate.ReleaseN(2)); err != nil {
				t.Fatal(err)
			}
			for _, r := range rs {
				if _, err := r.Get(soon(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestPoolResize(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	begun := closing(t, must(NewSemaphore(0))(t), nil)
	gate := closing(t, must(NewSemaphore(0))(t), nil)
	// atOnce lets n tasks run at the same time, and returns in how many
	// processes.
	atOnce := func(n int) int {
		seen := make(map[int]bool)
		rs := make([]*AsyncResult[int], n)
		for i := range rs {
			rs[i] = ApplyAsync(p, testBeginAndPass, beginAndPass{begun, gate})
		}
		for range rs {
			if err := begun.Acquire(soon(t)); err != nil {
				t.Fatal(err)
			}
		}
		gate.ReleaseN(n)
		for _, r := range rs {
			pid, err := r.Get(soon(t))
			if err != nil {
				t.Fatal(err)
			}
			seen[pid] = true
		}
		return len(seen)
	}
	if n := atOnce(1); n != 1 {
		t.Fatal(n)
	}
	if err := p.Resize(4); err != nil {
		t.Fatal(err)
	}
	wait.Until(t, "there are four workers", func() bool { return len(p.PIDs()) == 4 })
	if n := atOnce(4); n != 4 {
		t.Fatal(n)
	}
	p.Resize(2)
	wait.Until(t, "there are two workers", func() bool { return len(p.PIDs()) == 2 })
	if err := p.Resize(0); err == nil {
		t.Fatal("no error")
	}
}

func TestPoolImap(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	numbers := func(yield func(int) bool) {
		for i := 0; yield(i); i++ { // endless
		}
	}
	for _, chunk := range []int{1, 7} {
		next := 0
		for v, err := range Imap(soon(t), p, testSquare, numbers, Chunk(chunk)) {
			if v != next*next || err != nil {
				t.Fatal(next, v, err)
			}
			if next++; next == 1000 {
				break
			}
		}
		seen := make(map[int]bool)
		for v, err := range ImapUnordered(soon(t), p, testSquare, slices.Values([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}), Chunk(chunk)) {
			if err != nil {
				t.Fatal(err)
			}
			seen[v] = true
		}
		if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, []int{0, 1, 4, 9, 16, 25, 36, 49, 64, 81}) {
			t.Fatal(got)
		}
	}
	var got []int
	errs := 0
	for v, err := range Imap(soon(t), p, testHalf, slices.Values([]int{2, 3, 4, 5, 6})) {
		if err != nil {
			errs++
			continue
		}
		got = append(got, v)
	}
	if errs != 2 || !slices.Equal(got, []int{1, 2, 3}) {
		t.Fatal(errs, got)
	}
	func() { // an iterator that panics does so here
		defer func() {
			if recover() == nil {
				t.Error("no panic")
			}
		}()
		for range Imap(soon(t), p, testSquare, func(yield func(int) bool) { yield(1); panic("iterator") }) {
		}
	}()
	if v, err := Apply(soon(t), p, testSquare, 5); v != 25 || err != nil {
		t.Fatal(v, err)
	}
}

func TestPoolStarmap(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	vs, err := Starmap(soon(t), p, testStar, []Args[int, string]{{1, "a"}, {2, "b"}})
	if err != nil || !slices.Equal(vs, []string{"1a", "2b"}) {
		t.Fatal(vs, err)
	}
	vs, err = StarmapAsync(p, testStar, []Args[int, string]{{3, "c"}}).Get(soon(t))
	if err != nil || !slices.Equal(vs, []string{"3c"}) {
		t.Fatal(vs, err)
	}
}

func TestPoolCallbacks(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	var mu sync.Mutex
	var got []string
	note := func(s string) { mu.Lock(); got = append(got, s); mu.Unlock() }
	done := make(chan bool, 4)
	ApplyAsync(p, testHalf, 4, OnResult(func(v int) { note(fmt.Sprint(v)); done <- true }), OnError(func(error) { note("error"); done <- true }))
	<-done
	ApplyAsync(p, testHalf, 5, OnResult(func(int) { note("result") }), OnError(func(err error) { note(err.Error()); done <- true }))
	<-done
	MapAsync(p, testHalf, []int{2, 4}, OnResult(func(vs []int) { note(fmt.Sprint(vs)); done <- true }))
	<-done
	ApplyAsync(p, testHalf, 6, OnResult(func(int) { done <- true; panic("in a callback") }))
	<-done
	if v, err := Apply(soon(t), p, testHalf, 8); v != 4 || err != nil { // the pool survives it
		t.Fatal(v, err)
	}
	if !slices.Equal(got, []string{"2", "5 is odd: permission denied", "[1 2]"}) {
		t.Fatal(got)
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("no panic for a callback of the wrong type")
			}
		}()
		ApplyAsync(p, testHalf, 4, OnResult(func(string) {}))
	}()
}

// One element fails: the others are done nevertheless.
func TestPoolMapGoesOn(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	var done atomic.Int32
	r := MapAsync(p, testHalf, []int{1, 2, 4, 6, 8, 10}, Chunk(1), OnError(func(error) { done.Add(1) }))
	if _, err := r.Get(soon(t)); !errors.Is(err, os.ErrPermission) {
		t.Fatal(err)
	}
	if ok, err := r.Successful(); ok || err != nil {
		t.Fatal(ok, err)
	}
	if ok, err := ApplyAsync(p, testNap, time.Hour).Successful(); ok || !errors.Is(err, ErrNotReady) {
		t.Fatal(ok, err)
	}
}

func TestPoolGetTimeout(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1})
	gate := closing(t, must(NewSemaphore(0))(t), nil)
	r := ApplyAsync(p, testPass, gate)
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if _, err := r.Get(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatal(err)
	}
	gate.Release()
	if _, err := r.Get(soon(t)); err != nil {
		t.Fatal(err)
	}
}

// Shared objects travel in arguments and results of tasks.
func TestPoolSharedObjects(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	for range 20 {
		a, b, err := NewPipe(Duplex)
		if err != nil {
			t.Fatal(err)
		}
		r := ApplyAsync(p, testShare, b)
		b.Close() // the task has its own
		got, err := r.Get(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		if s, err := a.RecvBytes(0); string(s) != "from the worker" || err != nil {
			t.Fatal(s, err)
		}
		if s, err := got.RecvBytes(0); string(s) != "left in the pipe" || err != nil {
			t.Fatal(s, err)
		}
		a.Close()
		got.Close()
	}
}

func TestPoolBusyDoesNotStarve(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	slow := ApplyAsync(p, testNap, time.Hour)
	rs := make([]*AsyncResult[int], 500) // some of them are put behind the slow one, and taken back
	for i := range rs {
		rs[i] = ApplyAsync(p, testSquare, i)
	}
	for i, r := range rs {
		if v, err := r.Get(soon(t)); v != i*i || err != nil {
			t.Fatal(i, v, err)
		}
	}
	slow.Cancel()
	if _, err := slow.Get(soon(t)); !errors.Is(err, ErrCancelled) {
		t.Fatal(err)
	}
}

func TestPoolsRapidly(t *testing.T) {
	for i := range 10 {
		p, err := NewPool(PoolConfig{Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			p.Terminate()
			continue
		}
		r := ApplyAsync(p, testSquare, i)
		p.Close()
		if err := p.Join(soon(t)); err != nil || !r.Ready() {
			t.Fatal(err)
		}
	}
}

// stopProcess stops a process and waits until it is.
func stopProcess(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for ctx := soon(t); ctx.Err() == nil; time.Sleep(time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(stat, []byte(") T ")) {
			return
		}
	}
	t.Fatal("the process does not stop")
}

// A worker that does not begin its tasks, here because it is stopped, keeps
// nobody waiting while another can work. When it goes on it is as good as
// before.
func TestPoolStoppedWorker(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	if _, err := Map(soon(t), p, testSquare, []int{1, 2, 3, 4}, Chunk(1)); err != nil {
		t.Fatal(err)
	}
	for _, pid := range p.PIDs() {
		stopProcess(t, pid)
		xs := []int{1, 2, 3, 4, 5, 6, 7}
		vs, err := Map(soon(t), p, testSquare, xs, Chunk(1))
		if err != nil || vs[6] != 49 {
			t.Fatal(vs, err)
		}
		for i := range 4 {
			if v, err := Apply(soon(t), p, testSquare, i); v != i*i || err != nil {
				t.Fatal(v, err)
			}
		}
		syscall.Kill(pid, syscall.SIGCONT)
	}
}

// The collector of a pool without tasks sleeps for as long as nothing happens,
// and yet sees that a worker does not begin what then comes.
func TestPoolRests(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	if _, err := Map(soon(t), p, testSquare, []int{1, 2, 3, 4}, Chunk(1)); err != nil {
		t.Fatal(err)
	}
	resting := func() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.resting }
	for _, pid := range p.PIDs() {
		stopProcess(t, pid)
		eventually(t, "the pool rests", resting)
		var rs []*AsyncResult[int]
		p.collecting.Lock() // it may wake, and do nothing
		for i := range 4 {
			rs = append(rs, ApplyAsync(p, testSquare, i))
		}
		if resting() {
			t.Error("it rests with tasks")
		}
		p.collecting.Unlock()
		for i, r := range rs {
			if v, err := r.Get(soon(t)); v != i*i || err != nil {
				t.Fatal(v, err)
			}
		}
		syscall.Kill(pid, syscall.SIGCONT)
	}
}

// A worker whose ring is full when it has had its last task is told to end as
// soon as there is room: four tasks of about a quarter of the ring fill it.
func TestPoolMaxTasksPerChildFullRing(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 1, MaxTasksPerChild: 4})
	most := 0
	p.mu.Lock()
	most = p.workers[0].ring.MaxTask()
	p.mu.Unlock()
	for _, size := range []int{most - 64, most - 56, most - 48, most - 40, most - 32, most - 8, most, most + 1} {
		var rs []*AsyncResult[int]
		for range 9 {
			rs = append(rs, ApplyAsync(p, testLen, make([]byte, size)))
		}
		for i, r := range rs {
			if n, err := r.Get(soon(t)); n != size || err != nil {
				t.Fatalf("task %d with %d bytes: %d, %v", i, size, n, err)
			}
		}
	}
}

// Callers of Apply, alone and several at once, with other calls and their
// callbacks, while workers are killed: everybody gets a result or is told that
// the worker died, and callbacks come once each.
func TestPoolApplyAmongKills(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	var died, called atomic.Int64
	check := func(i, v int, err error) {
		if errors.Is(err, ErrWorkerDied) {
			died.Add(1)
		} else if v != i*i || err != nil {
			t.Error(i, v, err)
		}
	}
	stop := make(chan struct{})
	var killer sync.WaitGroup
	killer.Go(func() {
		for i := range 200 { // no more, so that it ends where a worker takes longer to start than to be killed
			select {
			case <-stop:
				return
			case <-time.After(3 * time.Millisecond):
			}
			if pids := p.PIDs(); len(pids) > 0 {
				syscall.Kill(pids[i%len(pids)], syscall.SIGKILL)
			}
		}
	})
	const rounds = 300
	for callers := 1; callers <= 3; callers++ {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				for i := range rounds {
					v, err := Apply(soon(t), p, testSquare, i)
					check(i, v, err)
				}
			})
		}
		for i := range rounds {
			r := ApplyAsync(p, testSquare, i, OnResult(func(int) { called.Add(1) }), OnError(func(error) { called.Add(1) }))
			if i%3 == 0 {
				v, err := r.Get(soon(t))
				check(i, v, err)
			}
		}
		wg.Wait()
	}
	close(stop)
	killer.Wait()
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	if n := called.Load(); n != 3*rounds {
		t.Errorf("%d callbacks for %d calls", n, 3*rounds)
	}
	t.Logf("%d tasks died with their worker", died.Load())
}

// Workers that start slowly, and may do one task each, keep it until they are
// up: if those that are not up lost theirs to one another, each would end
// without having done any, and so would its successor.
func TestPoolSlowStarts(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 3, MaxTasksPerChild: 1, Initializer: NewInitializer(testNap, 3*taskring.NapLimit)})
	const tasks = 6
	var rs []*AsyncResult[int]
	for range tasks {
		rs = append(rs, ApplyAsync(p, testSquare, 7))
	}
	for i, r := range rs {
		if v, err := r.Get(soon(t)); v != 49 || err != nil {
			t.Fatalf("%d of %d: %d %v", i, tasks, v, err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if most := tasks + p.target; p.count > most {
		t.Errorf("%d workers were started for %d tasks, want %d at most", p.count, tasks, most)
	}
}
