//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"switchyard/procs/internal/proctest"
)

// testServe tells that it is there, and runs until SIGTERM, which it obeys with
// exit code 0, or not at all.
var testServe = Register("test.serve", func(ctx context.Context, in serveArgs) (int, error) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGTERM)
	if err := in.Up.Put(ctx, os.Getpid()); err != nil {
		return 0, err
	}
	if in.Deaf {
		select {}
	}
	<-told
	return 0, in.Down.Put(ctx, in.Number)
})

type serveArgs struct {
	Number   int
	Deaf     bool
	Up, Down *Queue[int]
}

// servers are children that run testServe, and where they tell of themselves.
type servers struct {
	up, down *Queue[int]
}

func newServers(t *testing.T) *servers {
	s := &servers{up: must(NewQueue[int](0))(t), down: must(NewQueue[int](0))(t)}
	t.Cleanup(func() { s.up.Close(); s.down.Close() })
	return s
}

func (s *servers) spec(i int, deaf bool) ChildSpec {
	return ChildSpec{Name: fmt.Sprint("server-", i), New: func() *Process {
		return NewProcess(testServe, serveArgs{i, deaf, s.up, s.down}, ProcessConfig{GOMAXPROCS: 1})
	}}
}

func allGone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		eventually(t, fmt.Sprintf("process %d is gone", pid), func() bool { return syscall.Kill(pid, 0) == syscall.ESRCH })
	}
}

// running waits until all children are, and returns how they are doing: a child
// may tell of itself before its supervisor has noted that it was started.
func running(t *testing.T, s *Supervisor) (states []ChildState) {
	t.Helper()
	eventually(t, "all children run", func() bool {
		states = s.States()
		return !slices.ContainsFunc(states, func(c ChildState) bool { return c.Phase != ChildRunning })
	})
	return states
}

// Real processes: killed ones are started again, and all are stopped, in
// reverse, the deaf one by force; none is left, not even as a zombie.
func TestSupervisorProcesses(t *testing.T) {
	servers := newServers(t)
	deaf := servers.spec(2, true)
	deaf.Grace = 10 * time.Millisecond
	s := NewSupervisor(SupervisorConfig{}, servers.spec(1, false), deaf, servers.spec(3, false))
	ctx, cancel := context.WithCancel(soon(t))
	ended := make(chan error)
	go func() { ended <- s.Run(ctx) }()
	var pids []int
	for range 3 {
		pids = append(pids, must(servers.up.Get(ctx))(t))
	}
	first := running(t, s)
	syscall.Kill(first[1].PID, syscall.SIGKILL)
	again := must(servers.up.Get(ctx))(t)
	second := running(t, s)
	if second[1].PID != again || second[1].Restarts != 1 || second[0] != first[0] || second[2] != first[2] {
		t.Errorf("after one was killed: %+v, before %+v", second, first)
	}
	var last *ChildError
	if !errors.As(second[1].Last, &last) || *last != (ChildError{Name: "server-2", ExitCode: -9}) {
		t.Errorf("it ended by %+v", second[1].Last)
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, want := range []int{3, 1} {
		if got := must(servers.down.GetNowait())(t); got != want {
			t.Errorf("child %d was stopped where %d was to be", got, want)
		}
	}
	allGone(t, append(pids, again)...)
}

// testSupervise is a program that supervises servers, of which the last one is
// deaf to SIGTERM.
var testSupervise = Register("test.supervise", func(ctx context.Context, s superviseArgs) (int, error) {
	all := servers{s.Up, s.Down}
	return 0, NewSupervisor(SupervisorConfig{}, all.spec(1, false), all.spec(2, true)).Run(ctx)
})

type superviseArgs struct{ Up, Down *Queue[int] }

// A supervisor's process that is killed takes its children along.
func TestSupervisorKilled(t *testing.T) {
	servers := newServers(t)
	p := proctest.Started(t, NewProcess(testSupervise, superviseArgs{servers.up, servers.down}, ProcessConfig{}))
	a, b := must(servers.up.Get(soon(t)))(t), must(servers.up.Get(soon(t)))(t)
	proctest.Slay(t, p)
	allGone(t, a, b)
}

// TestFaultSupervisor kills, stops and continues children at random, with every
// strategy, while their supervisor restarts them and is told to end or gives
// up. Whatever happens, it returns, with an error that fits, and nothing is
// left.
func TestFaultSupervisor(t *testing.T) {
	rounds := 15
	if longFaults {
		rounds = 1000
	}
	servers := newServers(t)
	before := -1
	for range rounds {
		faultSupervisor(t, servers)
		if before < 0 { // what a first start opens for good, as /dev/null, is open
			proctest.Tidy(t)
			before = proctest.Descriptors(t)
		}
		for _, err := servers.up.GetNowait(); err == nil; _, err = servers.up.GetNowait() {
		}
		for _, err := servers.down.GetNowait(); err == nil; _, err = servers.down.GetNowait() {
		}
	}
	eventually(t, "descriptors are closed", func() bool { return proctest.Descriptors(t) <= before })
	if left := ActiveChildren(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func faultSupervisor(t *testing.T, servers *servers) {
	config := SupervisorConfig{Strategy: Strategy(rand.IntN(3)), MaxRestarts: 1 + rand.IntN(40)}
	if rand.IntN(2) == 0 {
		config.Backoff, config.MaxBackoff = time.Millisecond, 4*time.Millisecond
	}
	var specs []ChildSpec
	for i := range 1 + rand.IntN(4) {
		c := servers.spec(i, rand.IntN(2) == 0)
		c.Restart = Restart(rand.IntN(3))
		c.Grace = time.Duration(rand.IntN(10)-1) * time.Millisecond
		if c.Grace == 0 {
			c.Grace = time.Minute // it is killed by us, or ends
			c.New = servers.spec(i, false).New
		}
		specs = append(specs, c)
	}
	s := NewSupervisor(config, specs...)
	ctx, cancel := context.WithTimeout(soon(t), time.Duration(rand.IntN(60))*time.Millisecond)
	defer cancel()
	over := make(chan struct{})
	var chaos sync.WaitGroup
	chaos.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(time.Duration(rand.IntN(2000)) * time.Microsecond):
			}
			states := s.States()
			pid := states[rand.IntN(len(states))].PID
			if pid == 0 {
				continue
			}
			// It may have ended, but its number is hardly another's yet.
			kind := []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGSTOP}[rand.IntN(3)]
			syscall.Kill(pid, kind)
			if kind == syscall.SIGSTOP {
				time.Sleep(time.Duration(rand.IntN(2000)) * time.Microsecond)
				syscall.Kill(pid, syscall.SIGCONT)
			}
		}
	})
	err := s.Run(ctx)
	close(over)
	chaos.Wait()
	if err != nil && !errors.Is(err, ErrGaveUp) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v: %v", config, err)
	}
	for _, c := range s.States() {
		if c.PID != 0 || c.Phase == ChildRunning || c.Phase == ChildStopping {
			t.Errorf("afterwards %+v", c)
		}
	}
}
