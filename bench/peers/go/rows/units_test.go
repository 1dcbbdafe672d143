//go:build linux

package rows

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"switchyard/greenlet"
	"switchyard/greenlet/hub"
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
// queue, and a hub that waits for a connection; and while it has none of them.
// The program links none of what this one does for its other rows: who imports
// ants has two goroutines that wake all the time.
func BenchmarkIdle(b *testing.B) {
	exe := filepath.Join(b.TempDir(), "idle")
	if out, err := exec.Command("go", "build", "-o", exe, "./testdata/idle").CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	with := func(what string) func() float64 {
		return func() float64 {
			cmd := exec.Command(exe, what)
			cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
			cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
			return numbers(b, cmd)[0]
		}
	}
	m := inTurn(b, with("all"), with("none"))
	b.ReportMetric(m[0]/1e6, "cpu-ms/10s")
	b.ReportMetric(m[1]/1e6, "without-ms/10s")
}
