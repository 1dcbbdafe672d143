//go:build linux

package rows

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/greenlet"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

// BenchmarkSleepers is a hundred thousand greenlets of a hub, or goroutines,
// that are spawned, sleep all at once, and end: the processor time of one.
func BenchmarkSleepers(b *testing.B) { besideGoroutines(b, "sleepers", "hub", "cpu-ns") }

// BenchmarkParked is the memory of a unit that waits, for ever.
func BenchmarkParked(b *testing.B) { besideGoroutines(b, "parked", "hub", "B") }

// BenchmarkParks is greenlets of the bare package that are started, suspended
// all at once, and end: the processor time of one.
func BenchmarkParks(b *testing.B) { besideGoroutines(b, "parks", "greenlet", "cpu-ns") }

func besideGoroutines(b *testing.B, what, ours, unit string) {
	of := func(kind string) func() float64 {
		return func() float64 { return numbers(b, child(what, kind, "100000"))[0] }
	}
	m := inTurn(b, of(ours), of("goroutine"))
	b.ReportMetric(m[0]/m[1], "x-goroutine")
	b.ReportMetric(m[0], unit+"/"+ours)
	b.ReportMetric(m[1], unit+"/goroutine")
}

// sleepers says how much processor time each of so many takes.
func sleepers(args []string) (string, error) {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return "", err
	}
	woke := make([]bool, n)
	limit := func(i int) time.Duration { // spread, as those of connections are
		return 400*time.Millisecond + time.Duration(uint64(i)*2654435761%100e6)
	}
	before := cpuTime()
	if args[0] == "hub" {
		err = hub.Run(func(h *hub.Hub) error {
			gs := make([]*hub.Greenlet, n)
			for i := range gs {
				gs[i] = h.Spawn(func() error { err := h.Sleep(limit(i)); woke[i] = true; return err })
			}
			return h.GetAll(gs...)
		})
	} else {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() { time.Sleep(limit(i)); woke[i] = true })
		}
		all.Wait()
	}
	took := cpuTime() - before
	for i, ok := range woke {
		if !ok {
			return "", fmt.Errorf("%d has not slept", i)
		}
	}
	return fmt.Sprint(float64(took) / float64(n)), err
}

// parks says how much processor time each of so many takes.
func parks(args []string) (string, error) {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return "", err
	}
	sum := 0
	before := cpuTime()
	if args[0] == "greenlet" {
		main := greenlet.Main[int]()
		all := make([]*greenlet.Greenlet[int], n)
		for i := range all {
			all[i] = greenlet.New(main, func(_ *greenlet.Greenlet[int], v int) (int, error) { return main.Switch(v) })
			if _, err := all[i].Switch(i); err != nil {
				return "", err
			}
		}
		for _, g := range all {
			v, err := g.Switch(1)
			if err != nil {
				return "", err
			}
			sum += v
		}
		err = main.Close()
	} else {
		begun, in, out := make(chan int), make(chan int), make(chan int)
		for range n {
			go func() { begun <- 1; out <- <-in }()
			<-begun
		}
		for range n {
			in <- 1
			sum += <-out
		}
	}
	took := cpuTime() - before
	if sum != n {
		return "", fmt.Errorf("%d of %d ended", sum, n)
	}
	return fmt.Sprint(float64(took) / float64(n)), err
}

// parked says how much memory each of so many takes.
func parked(args []string) (string, error) {
	n, err := strconv.Atoi(args[1])
	if err != nil {
		return "", err
	}
	started := 0
	if args[0] == "hub" {
		var each float64
		err := hub.Run(func(h *hub.Hub) error {
			forever := hub.NewEvent(h)
			before := proportional()
			for range n {
				h.Spawn(func() error { started++; return forever.Wait() })
			}
			for started < n {
				if err := h.Sleep(time.Millisecond); err != nil {
					return err
				}
			}
			each = (proportional() - before) / float64(n)
			fmt.Println(each)
			os.Exit(0) // to end them takes longer
			return nil
		})
		return "", err
	}
	forever, begun := make(chan int), make(chan int)
	before := proportional()
	for range n {
		go func() { begun <- 1; <-forever }()
	}
	for range n {
		started += <-begun
	}
	runtime.Gosched()
	return fmt.Sprint((proportional() - before) / float64(n)), nil
}

// proportional is the memory of this process, in bytes, without garbage.
func proportional() float64 {
	runtime.GC()
	debug.FreeOSMemory()
	data, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); f[0] == "Pss:" {
			kib, _ := strconv.Atoi(f[1])
			return float64(kib << 10)
		}
	}
	panic("no Pss in smaps_rollup")
}

// BenchmarkIdle is how much processor time a program takes in ten seconds, with
// its processes, while it has a pool without a task, a process that waits for a
// queue, and a hub that waits for a connection.
func BenchmarkIdle(b *testing.B) {
	m := inTurn(b, func() float64 { return numbers(b, child("idle"))[0] })
	b.ReportMetric(m[0]/1e6, "cpu-ms/10s")
}

var getOne = procs.Register("rows.get", func(ctx context.Context, q *procs.Queue[int]) (int, error) { return q.Get(ctx) })

func idle([]string) (string, error) {
	ctx := context.Background()
	pool, err := procs.NewPool(procs.PoolConfig{Workers: 2})
	if err != nil {
		return "", err
	}
	defer pool.Terminate()
	if v, err := procs.Apply(ctx, pool, addOne, 1); v != 2 || err != nil {
		return "", fmt.Errorf("%d, %w", v, err)
	}
	q, err := procs.NewQueue[int](0)
	if err != nil {
		return "", err
	}
	defer q.Close()
	p := procs.NewProcess(getOne, q, procs.ProcessConfig{GOMAXPROCS: 1})
	if err := p.Start(); err != nil {
		return "", err
	}
	var took int64
	err = hub.Run(func(h *hub.Hub) error {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		(&hub.StreamServer{Handle: func(*hub.Conn) error { return nil }}).Start(h, l)
		if err := h.Sleep(2 * time.Second); err != nil { // what was begun is done
			return err
		}
		before, err := treeTime()
		if err != nil {
			return err
		}
		if err := h.Sleep(10 * time.Second); err != nil {
			return err
		}
		after, err := treeTime()
		took = after - before
		return err
	})
	if err != nil {
		return "", err
	}
	if err := q.Put(ctx, 1); err != nil {
		return "", err
	}
	return fmt.Sprint(took), p.Join(ctx)
}

// treeTime is the processor time, in ns, that this process and its children
// have had, which have no children.
func treeTime() (ns int64, err error) {
	pids := []string{strconv.Itoa(os.Getpid())}
	for _, c := range procs.ActiveChildren() {
		pids = append(pids, strconv.Itoa(c.PID()))
	}
	for _, pid := range pids {
		threads, err := os.ReadDir("/proc/" + pid + "/task")
		if err != nil {
			return 0, err
		}
		for _, t := range threads {
			data, err := os.ReadFile("/proc/" + pid + "/task/" + t.Name() + "/schedstat")
			if err != nil {
				return 0, err
			}
			var run int64
			if _, err := fmt.Sscan(string(data), &run); err != nil {
				return 0, err
			}
			ns += run
		}
	}
	return ns, nil
}
