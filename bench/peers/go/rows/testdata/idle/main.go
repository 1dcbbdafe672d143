// A program that has a pool, a queue and a hub, and nothing to do:
//
//	idle all|none
//
// prints the nanoseconds of processor time that it and its processes take in
// ten seconds; "none" has none of the three.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/greenlet/hub"
	"switchyard/procs"
)

const (
	settle = 2 * time.Second // what was begun is done
	window = 10 * time.Second
)

var (
	addOne = procs.Register("add", func(_ context.Context, x int) (int, error) { return x + 1, nil })
	getOne = procs.Register("get", func(ctx context.Context, q *procs.Queue[int]) (int, error) { return q.Get(ctx) })
)

func main() {
	procs.Init()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: idle all|none")
		os.Exit(2)
	}
	run := all
	if os.Args[1] == "none" {
		run = none
	}
	took, err := run()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(took)
}

func none() (ns int64, err error) {
	pids := []int{os.Getpid()}
	time.Sleep(settle)
	before, err := cpuTime(pids)
	time.Sleep(window)
	after, err2 := cpuTime(pids)
	return after - before, errors.Join(err, err2)
}

func all() (ns int64, err error) {
	ctx := context.Background()
	pool, err := procs.NewPool(procs.PoolConfig{Workers: 2})
	if err != nil {
		return 0, err
	}
	defer pool.Terminate()
	if v, err := procs.Apply(ctx, pool, addOne, 1); v != 2 || err != nil {
		return 0, fmt.Errorf("%d, %w", v, err)
	}
	q, err := procs.NewQueue[int](0)
	if err != nil {
		return 0, err
	}
	defer q.Close()
	p := procs.NewProcess(getOne, q, procs.ProcessConfig{GOMAXPROCS: 1})
	if err := p.Start(); err != nil {
		return 0, err
	}
	pids := append(pool.PIDs(), os.Getpid(), p.PID())
	err = hub.Run(func(h *hub.Hub) error {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		(&hub.StreamServer{Handle: func(*hub.Conn) error { return nil }}).Start(h, l)
		if err := h.Sleep(settle); err != nil {
			return err
		}
		before, err := cpuTime(pids)
		if err != nil {
			return err
		}
		if err := h.Sleep(window); err != nil {
			return err
		}
		after, err := cpuTime(pids)
		ns = after - before
		return err
	})
	if err != nil {
		return 0, err
	}
	if err := q.Put(ctx, 1); err != nil {
		return 0, err
	}
	return ns, p.Join(ctx)
}

// cpuTime is the processor time, in ns, that these processes have had: see
// clock_getcpuclockid(3).
func cpuTime(pids []int) (ns int64, err error) {
	const sched = 2
	for _, pid := range pids {
		var t unix.Timespec
		if err := unix.ClockGettime(int32(^pid<<3|sched), &t); err != nil {
			return 0, fmt.Errorf("clock of process %d: %w", pid, err)
		}
		ns += t.Nano()
	}
	return ns, nil
}
