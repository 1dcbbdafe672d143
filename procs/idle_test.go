//go:build linux

package procs

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"switchyard/procs/internal/proctest"
)

// idler waits in one of the ways that there are.
type idler struct {
	How   string
	Queue *Queue[int]
	Conn  *Conn
	Said  *Queue[int] // ids of the processes that are idle, then 0
}

var testIdle = Register("test.idle", func(ctx context.Context, a idler) (int, error) {
	pids := []int{os.Getpid()}
	wait := func() error { _, err := a.Queue.Get(ctx); return err }
	switch a.How {
	case "pipe":
		wait = func() error { _, err := a.Conn.RecvBytes(0); return err }
	case "pool":
		p, err := NewPool(PoolConfig{Workers: 2})
		if err != nil {
			return 0, err
		}
		defer p.Terminate()
		for range 100 {
			if _, err := Apply(ctx, p, testSquare, 3); err != nil {
				return 0, err
			}
		}
		pids = append(pids, p.PIDs()...)
	}
	for _, pid := range append(pids, 0) {
		if err := a.Said.Put(ctx, pid); err != nil {
			return 0, err
		}
	}
	wait()
	return 0, nil
})

// cpuTicks is the CPU time of a process, in hundredths of a second.
func cpuTicks(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		t.Fatal(err)
	}
	fields := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err != nil || err2 != nil {
		t.Fatal(err, err2)
	}
	return user + system
}

// Processes that wait for a queue, a pipe, or as a pool for tasks, take no CPU
// time: those that own them, and workers. One that looked all the time would
// take 200 ticks, or its share of that; one that wakes twice a second, none.
func TestIdleTakesNoTime(t *testing.T) {
	said := closing(t, must(NewQueue[int](0))(t), nil)
	pids := make(map[int]string)
	for _, how := range []string{"queue", "pipe", "pool"} {
		for _, procs := range []int{1, 2} {
			q := closing(t, must(NewQueue[int](0))(t), nil)
			a, b, err := NewPipe(OneWay)
			if err != nil {
				t.Fatal(err)
			}
			p := NewProcess(testIdle, idler{how, q, a, said}, ProcessConfig{GOMAXPROCS: procs})
			proctest.Started(t, p)
			a.Close()
			t.Cleanup(func() { b.Close(); q.ShutDown(true); p.Join(context.Background()) })
			for {
				pid, err := said.Get(soon(t))
				if err != nil {
					t.Fatal(err)
				}
				if pid == 0 {
					break
				}
				pids[pid] = fmt.Sprintf("%s, GOMAXPROCS=%d, process %d of it", how, procs, len(pids))
			}
		}
	}
	// On a busy machine what they began with takes a while.
	const window, limit = time.Second, 2
	for tries := 0; len(pids) > 0; tries++ {
		before := make(map[int]int)
		for pid := range pids {
			before[pid] = cpuTicks(t, pid)
		}
		time.Sleep(window)
		for pid, what := range pids {
			switch n := cpuTicks(t, pid) - before[pid]; {
			case n <= limit:
				delete(pids, pid)
			case tries == 30:
				t.Errorf("%s: %d ticks in %v, and never at most %d", what, n, window, limit)
				delete(pids, pid)
			}
		}
	}
}
