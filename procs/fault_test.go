//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/bench/testenv"
	"switchyard/procs/internal/proctest/wait"
)

// The short version of the faults runs always; PROCS_FAULTS=long (make faults)
// asks for 10^6 tasks and 10^3 kills.
var longFaults = testenv.Asked("PROCS_FAULTS") == "long"

// testMark works for some microseconds, and returns its argument.
var testMark = Register("test.mark", func(_ context.Context, x int) (int, error) {
	for end := time.Now().Add(time.Duration(x%50) * time.Microsecond); time.Now().Before(end); {
	}
	return x, nil
})

// TestFaultKills kills, stops and continues workers at random while they work:
// every task must end exactly once, with its own result or with ErrWorkerDied,
// and no task may fail that was not running when a worker was killed.
func TestFaultKills(t *testing.T) {
	tasks, kills := 20_000, 25
	if longFaults {
		tasks, kills = 1_000_000, 1_000
	}
	p := newPool(t, PoolConfig{Workers: 3})
	started := workerStarts(t)
	var ended, killed, stop atomic.Int64
	var deaths []time.Time
	var chaos sync.WaitGroup
	chaos.Go(func() {
		dead := make(map[int]bool) // a zombie can be killed again, which is no death
		for killed.Load() < int64(kills) && stop.Load() == 0 {
			for then := ended.Load() + rand.Int64N(1300); ended.Load() < then && stop.Load() == 0; {
				time.Sleep(100 * time.Microsecond)
			}
			pids := p.PIDs()
			if len(pids) == 0 {
				continue
			}
			pid := pids[rand.IntN(len(pids))]
			if rand.IntN(4) == 0 {
				syscall.Kill(pid, syscall.SIGSTOP)
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				syscall.Kill(pid, syscall.SIGCONT)
				continue
			}
			if !dead[pid] && syscall.Kill(pid, syscall.SIGKILL) == nil {
				dead[pid] = true
				deaths = append(deaths, time.Now())
				killed.Add(1)
			}
		}
	})
	var lost, wrong atomic.Int64
	const batch = 2000
	total := 0
	for total < tasks || killed.Load() < int64(kills) {
		counts := make([]atomic.Int32, batch)
		rs := make([]*AsyncResult[int], batch)
		for i := range rs {
			x := total + i
			once := &counts[i]
			rs[i] = ApplyAsync(p, testMark, x, OnResult(func(v int) {
				once.Add(1)
				ended.Add(1)
				if v != x {
					wrong.Add(1)
				}
			}), OnError(func(err error) {
				once.Add(1)
				ended.Add(1)
				if !errors.Is(err, ErrWorkerDied) {
					wrong.Add(1)
				}
				lost.Add(1)
			}))
		}
		ctx, cancel := context.WithTimeout(context.Background(), wait.Patience)
		for i, r := range rs {
			if err := r.Wait(ctx); err != nil {
				t.Fatalf("task %d hangs: %v", total+i, err)
			}
		}
		cancel()
		for i := range counts {
			if n := counts[i].Load(); n != 1 {
				t.Fatalf("task %d was delivered %d times", total+i, n)
			}
		}
		total += batch
	}
	stop.Store(1)
	chaos.Wait()
	if wrong.Load() != 0 {
		t.Errorf("%d wrong results", wrong.Load())
	}
	if lost.Load() == 0 {
		t.Error("no kill hit a task: the test shows nothing")
	}
	if lost.Load() > killed.Load() {
		t.Errorf("%d kills lost %d tasks: more than were running", killed.Load(), lost.Load())
	}
	p.Close()
	if err := p.Join(soon(t)); err != nil {
		t.Fatal(err)
	}
	late := replacements(deaths, started())
	t.Logf("%d tasks, %d kills, %d tasks lost with their workers; a replacement after %v (median), %v (p99)",
		total, killed.Load(), lost.Load(), late[len(late)/2], late[len(late)*99/100])
	// A start takes its time on a busy machine; a death of which nobody is
	// told, so that it is found by looking now and then, takes longer still.
	if p99 := late[len(late)*99/100]; longFaults && p99 > 2*time.Second {
		t.Errorf("the 99th percentile of replacements took %v", p99)
	}
}

// workerStarts notes when workers were started, until the test calls the
// function returned.
func workerStarts(t *testing.T) func() []time.Time {
	var mu sync.Mutex
	var starts []time.Time
	SetLog(LevelInfo, func(_ Level, msg string) {
		if strings.Contains(msg, "started with process id") {
			mu.Lock()
			starts = append(starts, time.Now())
			mu.Unlock()
		}
	})
	t.Cleanup(func() { SetLog(LevelOff, nil) })
	return func() []time.Time {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(starts)
	}
}

// replacements pairs each death with the first start after it that no earlier
// death took.
func replacements(deaths, starts []time.Time) (took []time.Duration) {
	for _, d := range deaths {
		for len(starts) > 0 && starts[0].Before(d) {
			starts = starts[1:]
		}
		if len(starts) == 0 {
			break
		}
		took = append(took, starts[0].Sub(d))
		starts = starts[1:]
	}
	slices.Sort(took)
	return append(took, 0)[:max(len(took), 1)]
}

// TestFaultRetries does the same with retries: then no task fails.
func TestFaultRetries(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2, Retries: 1000, Spares: 1})
	xs := make([]int, 20_000)
	for i := range xs {
		xs[i] = i
	}
	done := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() {
		// Not for ever: where starting a worker takes longer than it is left
		// alive, nothing would get done.
		for range 100 {
			select {
			case <-done:
				return
			case <-time.After(5 * time.Millisecond):
				if pids := p.PIDs(); len(pids) > 0 {
					syscall.Kill(pids[rand.IntN(len(pids))], syscall.SIGKILL)
				}
			}
		}
	})
	vs, err := Map(soon(t), p, testMark, xs, Chunk(50))
	close(done)
	chaos.Wait()
	if err != nil || !slices.Equal(vs, xs) {
		t.Fatal(err)
	}
}

// TestFaultStopped stops a worker for good: nothing that it has not begun waits
// for it, and Terminate ends it.
func TestFaultStopped(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	for _, pid := range p.PIDs()[:1] {
		syscall.Kill(pid, syscall.SIGSTOP)
	}
	rs := make([]*AsyncResult[int], 1000)
	for i := range rs {
		rs[i] = ApplyAsync(p, testSquare, i)
	}
	deadline := time.Now().Add(wait.Patience)
	ready := 0
	for ready < len(rs)-1 && time.Now().Before(deadline) { // it may have begun one
		time.Sleep(5 * time.Millisecond)
		ready = 0
		for _, r := range rs {
			if r.Ready() {
				ready++
			}
		}
	}
	if ready < len(rs)-1 {
		t.Fatalf("%d of %d tasks done", ready, len(rs))
	}
}

var testOOM = Register("test.oom", func(_ context.Context, limit uint64) (int, error) {
	if err := unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return 0, err
	}
	unix.Dup2(unix.Stdin, unix.Stderr) // Go prints all stacks
	var keep [][]byte
	for {
		b := make([]byte, 16<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		keep = append(keep, b)
		_ = keep
	}
})

type anyValue struct{ V any }

type unknownType struct{ X int }

var testUnencodable = Register("test.unencodable", func(_ context.Context, kind int) (anyValue, error) {
	if kind == 0 {
		return anyValue{unknownType{1}}, nil
	}
	return anyValue{kind}, nil
})

type cyclic struct{ Next *cyclic }

var testCyclic = Register("test.cyclic", func(context.Context, int) (*cyclic, error) {
	c := new(cyclic)
	c.Next = c
	return c, nil
})

// TestFaultTasks runs tasks that panic, exit, run out of memory, return what
// cannot be encoded, or never return, beside tasks that are well.
func TestFaultTasks(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2, Grace: 10 * time.Millisecond})
	rounds := 2
	if longFaults {
		rounds = 20
	}
	for range rounds {
		good := MapAsync(p, testMark, make([]int, 500), Chunk(1))
		for _, c := range []struct {
			name string
			run  func() error
			want error
		}{
			{"exit", func() error { _, err := Apply(soon(t), p, testExit, 3); return err }, ErrWorkerDied},
			{"out of memory", func() error { _, err := Apply(soon(t), p, testOOM, 1<<30); return err }, ErrWorkerDied},
			{"unregistered type", func() error { _, err := Apply(soon(t), p, testUnencodable, 0); return err }, ErrEncode},
			{"cycle", func() error { _, err := Apply(soon(t), p, testCyclic, 0); return err }, ErrEncode},
			{"endless", func() error { _, err := Apply(soon(t), p, testLoop, 0, Timeout(20*time.Millisecond)); return err }, ErrTimeout},
		} {
			if err := c.run(); !errors.Is(err, c.want) {
				t.Errorf("%s: %v", c.name, err)
			}
		}
		if _, err := Apply(soon(t), p, testPanic, "x"); err == nil {
			t.Error("no error from a panic")
		}
		if _, err := good.Get(soon(t)); err != nil && !errors.Is(err, ErrWorkerDied) {
			t.Error(err)
		}
	}
	if v, err := Apply(soon(t), p, testUnencodable, 7); err != nil || v.V != 7 {
		t.Error(v, err)
	}
}

// orphanMaker starts a pool, a daemon and an ordinary process, prints their
// ids, and waits to be killed.
var orphanMaker = Register("test.orphans", func(ctx context.Context, _ int) (int, error) {
	p, err := NewPool(PoolConfig{Workers: 2, Spares: 1})
	if err != nil {
		return 0, err
	}
	for range 200 {
		ApplyAsync(p, testLoop, 0)
	}
	pids := p.PIDs()
	for _, daemon := range []bool{true, false} {
		c := NewProcess(testHang, 0, ProcessConfig{Daemon: daemon})
		if err := c.Start(); err != nil {
			return 0, err
		}
		pids = append(pids, c.PID())
	}
	fmt.Println(strings.Trim(fmt.Sprint(pids), "[]"))
	time.Sleep(time.Hour)
	return 0, nil
})

// TestFaultParentKilled kills a parent: its workers and children must be gone
// soon after.
func TestFaultParentKilled(t *testing.T) {
	rounds := 3
	if longFaults {
		rounds = 50
	}
	for range rounds {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		p := NewProcess(orphanMaker, 0, ProcessConfig{Stdout: w})
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		w.Close()
		buf := make([]byte, 1000)
		n, err := r.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		pids := strings.Fields(string(buf[:n]))
		for i, s := range pids {
			if pid, _ := strconv.Atoi(s); i%2 == 0 {
				syscall.Kill(pid, syscall.SIGSTOP) // even then
			}
		}
		p.Kill()
		p.Join(soon(t))
		r.Close()
		for _, s := range pids {
			pid, _ := strconv.Atoi(s)
			waitGone(t, pid)
		}
	}
}

// waitGone waits until process pid is gone, or a zombie that its new parent has
// to reap.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(wait.Patience); ; time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(b), ") Z ") || strings.Contains(string(b), ") X ") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %d outlives its parent: %s", pid, b)
		}
	}
}

// fewFiles uses a pool with few descriptors; it is run in a process of its own.
var fewFiles = Register("test.fewfiles", func(ctx context.Context, limit uint64) (int, error) {
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return 0, err
	}
	if err := manyPipes(20); err != nil {
		return 0, err
	}
	p, err := NewPool(PoolConfig{Workers: 2, Retries: 1000})
	if err != nil {
		return 0, err
	}
	defer p.Terminate()
	for i := range 200 {
		if i%10 == 0 {
			syscall.Kill(p.PIDs()[0], syscall.SIGKILL)
		}
		if _, err := Apply(ctx, p, testLen, make([]byte, 100<<10)); err != nil {
			return 0, fmt.Errorf("task %d: %w", i, err)
		}
	}
	// What does not fit fails with an error, and hangs nobody.
	var pools []*Pool
	for range 100 {
		q, err := NewPool(PoolConfig{Workers: 2})
		if err != nil {
			if !errors.Is(err, syscall.EMFILE) {
				return 0, err
			}
			break
		}
		pools = append(pools, q)
	}
	if len(pools) == 100 {
		return 0, errors.New("100 pools in 64 descriptors")
	}
	for _, q := range pools {
		q.Terminate()
	}
	if v, err := Apply(ctx, p, testSquare, 5); v != 25 || err != nil {
		return 0, fmt.Errorf("afterwards: %d %w", v, err)
	}
	return 0, nil
})

// manyPipes opens n pipes at a time, and uses all of them.
func manyPipes(n int) error {
	for i := range n {
		a, b, err := NewPipe(Duplex)
		if err != nil {
			return fmt.Errorf("pipe %d: %w", i, err)
		}
		defer a.Close()
		defer b.Close()
		if err := a.SendBytes([]byte{byte(i)}); err != nil {
			return fmt.Errorf("pipe %d: %w", i, err)
		}
		defer func() {
			if got, err := b.RecvBytes(0); len(got) != 1 || got[0] != byte(i) || err != nil {
				panic(fmt.Sprintf("pipe %d: %v %v", i, got, err))
			}
		}()
	}
	return nil
}

func TestFaultFewFiles(t *testing.T) {
	var errs strings.Builder
	p := NewProcess(fewFiles, 64, ProcessConfig{Stderr: &errs})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Join(soon(t)); err != nil {
		p.Kill()
		t.Fatal(err)
	}
	if code, _ := p.ExitCode(); code != 0 {
		t.Fatal(code, errs.String())
	}
}

// TestFaultFullShm runs this program's pool tests where /dev/shm is a full file
// system.
func TestFaultFullShm(t *testing.T) {
	script := `mount -t tmpfs -o size=4096 tmpfs /dev/shm && head -c 8192 /dev/zero > /dev/shm/full 2>/dev/null; exec "$0" -test.run '^(TestPoolApply|TestPoolLarge|TestPipe|TestPoolTaskFailures)$'`
	cmd := exec.Command("unshare", "-m", "sh", "-c", script, "/proc/self/exe")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[len(cmd.Args)-1] = exe
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), "not permitted") || errors.Is(err, exec.ErrNotFound) {
		t.Skip("may not mount a file system here")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
