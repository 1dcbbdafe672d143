//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"
)

// groupArgs say which signal the group of a process gets, and how many tasks
// its pool runs meanwhile.
type groupArgs struct {
	Signal syscall.Signal
	Tasks  int
}

// testGroupSignal is a program that handles a signal, and finishes its tasks.
var testGroupSignal = Register("test.groupsignal", func(ctx context.Context, in groupArgs) (int, error) {
	if err := syscall.Setpgid(0, 0); err != nil {
		return 0, err
	}
	got := make(chan os.Signal, 10)
	signal.Notify(got, in.Signal)
	p, err := NewPool(PoolConfig{Workers: 2})
	if err != nil {
		return 0, err
	}
	begun, err := NewSemaphore(0)
	if err != nil {
		return 0, err
	}
	var rs []*AsyncResult[int]
	for range in.Tasks {
		rs = append(rs, ApplyAsync(p, testBeginAndNap, beginAndNap{begun, 200 * time.Millisecond}))
	}
	for range 2 {
		if err := begun.Acquire(ctx); err != nil {
			return 0, err
		}
	}
	if err := syscall.Kill(0, in.Signal); err != nil {
		return 0, err
	}
	<-got
	p.Close()
	for i, r := range rs {
		if _, err := r.Get(ctx); err != nil {
			return 0, fmt.Errorf("task %d: %w", i, err)
		}
	}
	return 0, p.Join(ctx)
})

type beginAndNap struct {
	Begun *Semaphore
	D     time.Duration
}

var testBeginAndNap = Register("test.beginandnap", func(_ context.Context, in beginAndNap) (int, error) {
	in.Begun.Release()
	time.Sleep(in.D)
	return os.Getpid(), nil
})

type beginAndHeed struct {
	Begun  *Semaphore
	Signal syscall.Signal
}

// testBeginAndHeed lasts until its process has got the signal, and a while
// longer, so that the worker has noted it.
var testBeginAndHeed = Register("test.beginandheed", func(_ context.Context, in beginAndHeed) (int, error) {
	got := make(chan os.Signal, 1)
	signal.Notify(got, in.Signal)
	defer signal.Stop(got)
	in.Begun.Release()
	<-got
	time.Sleep(200 * time.Millisecond)
	return os.Getpid(), nil
})

type beginAndPass struct{ Begun, Gate *Semaphore }

// testBeginAndPass says that it runs, and lasts until it may end.
var testBeginAndPass = Register("test.beginandpass", func(ctx context.Context, in beginAndPass) (int, error) {
	in.Begun.Release()
	return os.Getpid(), in.Gate.Acquire(ctx)
})

// testPass lasts until it may end.
var testPass = Register("test.pass", func(ctx context.Context, gate *Semaphore) (int, error) { return 0, gate.Acquire(ctx) })

// A signal that asks all processes of a family to end leaves it to the first
// what becomes of its tasks, as Ctrl-C does (celery/celery#2700): those that
// run, and those that wait.
func TestSignalOfGroup(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			var errs strings.Builder
			_, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testGroupSignal, groupArgs{s, 6}, c) },
				ProcessConfig{Name: "Group", Stderr: &errs})
			if code != 0 {
				t.Error(code, errs.String())
			}
			if stacks := strings.Count(errs.String(), "SIGQUIT: quit"); stacks > 0 != (s == syscall.SIGQUIT) {
				t.Errorf("stacks were printed %d times: %s", stacks, errs.String())
			}
		})
	}
}

// A worker that alone is told to end does: at once if it has nothing to do,
// else after its task, and other workers get what waits for it. Told again it
// ends whatever it does.
func TestSignalOfLoneWorker(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			testLoneWorker(t, s)
		})
	}
}

func testLoneWorker(t *testing.T, s syscall.Signal) {
	p := newPool(t, PoolConfig{Workers: 1})
	begun, err := NewSemaphore(0)
	if err != nil {
		t.Fatal(err)
	}
	defer begun.Close()
	idle, err := Apply(soon(t), p, testPID, struct{}{})
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(idle, s)
	eventually(t, "an idle worker has ended", func() bool { return syscall.Kill(idle, 0) == syscall.ESRCH })

	first := ApplyAsync(p, testBeginAndHeed, beginAndHeed{begun, s})
	second := ApplyAsync(p, testBeginAndNap, beginAndNap{begun, 0})
	if err := begun.Acquire(soon(t)); err != nil {
		t.Fatal(err)
	}
	busy := p.PIDs()[0]
	syscall.Kill(busy, s)
	a, err := first.Get(soon(t))
	if a != busy || err != nil {
		t.Errorf("%d has run in %d: %v", busy, a, err)
	}
	if b, err := second.Get(soon(t)); b == busy || err != nil {
		t.Errorf("what waited has run in %d (as before: %v): %v", b, b == busy, err)
	}
	if err := begun.Acquire(soon(t)); err != nil { // of the second
		t.Fatal(err)
	}

	// A second signal that comes too soon is none of its own. The worker
	// measures that: on a slow machine it may be late with the second one.
	var stuck *AsyncResult[int]
	var pid int
	eventually(t, "a task outlives two signals at once", func() bool {
		stuck = ApplyAsync(p, testBeginAndNap, beginAndNap{begun, time.Hour})
		if err := begun.Acquire(soon(t)); err != nil {
			t.Fatal(err)
		}
		pid = p.PIDs()[0]
		syscall.Kill(pid, s)
		time.Sleep(50 * time.Millisecond)
		syscall.Kill(pid, s)
		time.Sleep(1100 * time.Millisecond)
		return !stuck.Ready()
	})
	// One more is enough, once a second has passed where it is measured.
	eventually(t, "the task is ended", func() bool {
		syscall.Kill(pid, s)
		time.Sleep(100 * time.Millisecond)
		return stuck.Ready()
	})
	var died *WorkerDiedError
	if _, err := stuck.Get(soon(t)); !errors.As(err, &died) || died.PID != pid {
		t.Error(err)
	}
}

var testIgnoresHangup = Register("test.ignoreshangup", func(ctx context.Context, _ int) (int, error) {
	signal.Ignore(syscall.SIGHUP) // as nohup does
	p, err := NewPool(PoolConfig{Workers: 1})
	if err != nil {
		return 0, err
	}
	defer p.Terminate()
	for range 3 {
		pid, err := Apply(ctx, p, testPID, struct{}{})
		if err != nil {
			return 0, err
		}
		syscall.Kill(pid, syscall.SIGHUP)
		time.Sleep(50 * time.Millisecond)
		if again, err := Apply(ctx, p, testPID, struct{}{}); again != pid || err != nil {
			return 0, fmt.Errorf("the worker was %d and is %d: %w", pid, again, err)
		}
	}
	return 0, nil
})

// What nohup protects from the end of the terminal it protects with its
// workers.
func TestSignalIgnored(t *testing.T) {
	var errs strings.Builder
	_, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testIgnoresHangup, 0, c) }, ProcessConfig{Stderr: &errs})
	if code != 0 {
		t.Error(errs.String())
	}
}

var testAtExitOfWorker = Register("test.atexitofworker", func(_ context.Context, q *Queue[string]) (int, error) {
	AtExit(func() { q.Put(context.Background(), "bye") })
	return os.Getpid(), nil
})

// A worker that is told to end runs its functions of AtExit, and its death is
// the signal's.
func TestSignalRunsAtExit(t *testing.T) {
	q, err := NewQueue[string](10)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	deaths := make(chan string, 10)
	SetLog(LevelWarning, func(_ Level, m string) { deaths <- m })
	defer SetLog(LevelOff, nil)
	p := newPool(t, PoolConfig{Workers: 1})
	pid, err := Apply(soon(t), p, testAtExitOfWorker, q)
	if err != nil {
		t.Fatal(err)
	}
	syscall.Kill(pid, syscall.SIGTERM)
	if s, err := q.Get(soon(t)); s != "bye" || err != nil {
		t.Error(s, err)
	}
	select {
	case m := <-deaths:
		if !strings.HasSuffix(m, fmt.Sprintf("(process %d) died: signal 15", pid)) {
			t.Error(m)
		}
	case <-soon(t).Done():
		t.Error("nobody says that it died")
	}
}

// Ctrl-Z stops a program with its workers, and fg continues them: nothing
// fails.
func TestSignalStopsAndContinues(t *testing.T) {
	p := newPool(t, PoolConfig{Workers: 2})
	rs := make([]*AsyncResult[int], 50)
	for i := range rs {
		rs[i] = ApplyAsync(p, testNap, 5*time.Millisecond)
	}
	for range 3 {
		for _, s := range []syscall.Signal{syscall.SIGTSTP, syscall.SIGCONT} {
			for _, pid := range p.PIDs() {
				syscall.Kill(pid, s)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	for _, r := range rs {
		if _, err := r.Get(soon(t)); err != nil {
			t.Error(err)
		}
	}
}
