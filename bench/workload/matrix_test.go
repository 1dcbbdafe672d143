package workload

import (
	"os"
	"runtime"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/proctree"
	"switchyard/procs"
)

func TestMain(m *testing.M) {
	procs.Init() // a worker process of a workload ends in here
	// A program with the race detector waits for a second before it exits; so
	// would every worker.
	os.Setenv("GORACE", "atexit_sleep_ms=0")
	os.Exit(m.Run())
}

// caseDeadline is how long one case may take; a case that hangs is a failure.
const caseDeadline = 60 * time.Second

// Every cell of every workload has an implementation or a reason.
func TestDeclarations(t *testing.T) {
	if err := Suite().Check(); err != nil {
		t.Error(err)
	}
	for _, w := range All() {
		if _, err := os.Stat("../../" + w.Info(Models()).Source); err != nil {
			t.Errorf("%s: %v", w.Name, err)
		}
	}
}

// Every case, once, with as few ops as there can be: the answer is right, and
// no goroutine, child, or descriptor is left.
func TestMatrix(t *testing.T) {
	warmUp(t)
	for _, w := range All() {
		t.Run(w.Name, func(t *testing.T) {
			for _, info := range Models() {
				m := info.Name
				if w.Impls[m] == nil {
					continue
				}
				for _, p := range w.Points() {
					c := bench.Case{Workload: w.Name, Params: p, Model: m, CPUs: runtime.GOMAXPROCS(0)}
					t.Run(string(m)+"/"+string(p), func(t *testing.T) { measureTiny(t, w, c) })
				}
			}
		})
	}
}

// warmUp lets everything that starts once per process start: what is left
// after a case is then the case's own. (Package ants starts two goroutines when
// it is imported.)
func warmUp(t *testing.T) {
	for _, m := range Models() {
		c := bench.Case{Workload: nop.Name, Model: m.Name, CPUs: 1}
		if _, err := bench.Measure(nop, c, bench.Options{N: 1}); err != nil {
			t.Fatal(err)
		}
	}
}

func measureTiny(t *testing.T, w *bench.Workload, c bench.Case) {
	if testing.Short() && c.Params != "" && c.Params != w.Points()[0] {
		t.Skip("short: first parameter point only")
	}
	goroutines, files := runtime.NumGoroutine(), openFiles()
	done := make(chan error, 1)
	var r *bench.Result
	go func() {
		var err error
		r, err = bench.Measure(w, c, bench.Options{N: 3, Op: time.Microsecond})
		done <- err
	}()
	select {
	case err := <-done:
		if void, ok := err.(*bench.VoidError); ok {
			t.Skip(void.Reason)
		}
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(caseDeadline):
		buf := make([]byte, 1<<20)
		t.Fatalf("no result after %v:\n%s", caseDeadline, buf[:runtime.Stack(buf, true)])
	}
	if r.N < 3 {
		t.Errorf("%d ops were done, want 3 at least", r.N)
	}
	if want := units(c); want >= 0 && r.Units != want {
		t.Errorf("%d units were alive at once, want %d", r.Units, want)
	}
	eventually(t, "goroutines", goroutines, runtime.NumGoroutine)
	eventually(t, "descriptors", files, openFiles)
	eventually(t, "children", 0, func() int { return len(proctree.Descendants(os.Getpid())) })
}

// units is how many units a case has alive at the same moment, as its name
// says it; 0 where units come and go, -1 for a workload that is not known here.
func units(c bench.Case) int {
	p := c.Params
	switch {
	case c.Workload == "Echo": // connections, whoever serves them
		return p.Int("conns")
	case c.Model == Serial, c.Workload == "Spawn":
		return 0
	}
	switch c.Workload {
	case "Nop": // has no unit where calling a function is all there is
		if c.Model == Greenlet || c.Model == Process {
			return 0
		}
		return 1
	case "PingPong", "Pipe":
		return 2
	case "Ring", "Sleep":
		return p.Int("n")
	case "CPUMap":
		return c.CPUs
	case "ProdCons":
		return p.Int("p") + p.Int("c")
	case "Lock":
		return p.Int("tasks")
	}
	return -1
}

// eventually fails if a count does not come down to what it was: what ends on
// its own is given time.
func eventually(t *testing.T, what string, most int, count func() int) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for count() > most {
		if time.Now().After(deadline) {
			buf := make([]byte, 1<<20)
			t.Errorf("%d %s are left, %d before\n%s", count(), what, most, buf[:runtime.Stack(buf, true)])
			return
		}
		time.Sleep(time.Millisecond)
	}
}

// openFiles counts the descriptors of this process, or returns 0 where it
// cannot.
func openFiles() int {
	entries, _ := os.ReadDir("/proc/self/fd")
	return len(entries)
}

// Where many units are claimed to wait at once, they do: a workload that waited
// for one after the other would not be concurrent.
func TestUnitsWereAlive(t *testing.T) {
	for _, m := range []bench.Model{Greenlet, Goroutine, Ants, Thread} {
		c := bench.Case{Workload: sleep.Name, Params: "n=100", Model: m, CPUs: 1}
		r, err := bench.Measure(sleep, c, bench.Options{N: 100})
		if err != nil {
			t.Fatal(err)
		}
		if r.Units != 100 {
			t.Errorf("%s: %d sleepers were asleep at once, want 100", m, r.Units)
		}
	}
}
