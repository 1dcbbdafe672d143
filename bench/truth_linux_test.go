package bench

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"

	_ "switchyard/bench/testenv"
)

// What a result says is compared here with something of known size. The
// measured side is given wide room above: the machine may be busy.

const (
	childMemory = 64 << 20
	childBurn   = 60 * time.Millisecond
)

// The test program is also the runner and the children that the tests start:
// the variable says in which role.
const roleVariable = "SWITCHYARD_TEST_ROLE"

func TestMain(m *testing.M) {
	clockCost = func() time.Duration { return recordingCost / 2 } // on any machine
	switch role, ok := os.LookupEnv(roleVariable); {
	case !ok:
		os.Exit(m.Run())
	case role == "runner":
		os.Exit(Runner(os.Args[1:], Suite{testModels(), truthWorkloads()}, os.Stdout, os.Stderr))
	default:
		childRole(role)
	}
}

// childRole is a process that touches memory or burns CPU time, says so on
// standard output, and lives until its standard input ends; or which burns it
// then.
func childRole(role string) {
	switch role {
	case "memory":
		// Populated by the kernel: a store would touch the race detector's
		// shadow as well.
		_, err := unix.Mmap(-1, 0, childMemory, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_POPULATE)
		if err != nil {
			panic(err)
		}
	case "burn":
		burn(childBurn)
	}
	fmt.Println("done")
	_, _ = os.Stdin.Read(make([]byte, 1))
	if role == "burn at end" {
		burn(childBurn)
	}
}

// burn uses CPU time in this process until it has used so much.
func burn(d time.Duration) {
	for used := selfCPU(); selfCPU()-used < d; {
	}
}

func selfCPU() time.Duration {
	var ru unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &ru); err != nil {
		panic(err)
	}
	return time.Duration(ru.Utime.Nano() + ru.Stime.Nano())
}

// child starts a process of that role and waits until it is done with it. end
// ends and reaps it.
func child(role string) (end func() error, err error) {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return nil, err
	}
	_, err = out.Read(make([]byte, 5))
	return func() error { in.Close(); return cmd.Wait() }, err
}

// withChild is a workload that has a child of that role in the measured pass
// (of more than ten ops), which lives, or has ended, when the timer stops.
func withChild(role string, lives bool) Func {
	return func(b *B) (uint64, error) {
		b.Start()
		end := func() error { return nil }
		if b.N > 10 {
			var err error
			if end, err = child(role); err != nil {
				return 0, err
			}
			if !lives {
				if err := end(); err != nil {
					return 0, err
				}
			}
		}
		b.Stop()
		if b.N > 10 && lives {
			return uint64(b.N), end()
		}
		return uint64(b.N), nil
	}
}

// truthWorkloads are measured by the tests below in a runner of their own.
func truthWorkloads() []*Workload {
	var all []*Workload
	for name, impl := range map[string]Func{
		"MemoryOfLiving": withChild("memory", true),
		"MemoryOfEnded":  withChild("memory", false),
		"BurnOfLiving":   withChild("burn", true),
		"BurnOfEnded":    withChild("burn", false),
		"Idle":           withChild("", true),
		"IdleEnded":      withChild("", false),
	} {
		w := counting(impl)
		w.Name = name
		all = append(all, w)
	}
	return all
}

// metrics measures a workload in a process of its own and returns what the
// line of the result says.
func metrics(t *testing.T, name string) map[string]float64 {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-workload", name, "-model", string(Serial), "-n", "100", "-op", "1us")
	cmd.Env = append(os.Environ(), roleVariable+"=runner", "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return lineMetrics(t, line)
}

func lineMetrics(t *testing.T, line string) map[string]float64 {
	t.Helper()
	fields := strings.Fields(line)
	m := map[string]float64{}
	for i := 2; i+1 < len(fields); i += 2 {
		v, err := strconv.ParseFloat(fields[i], 64)
		if err != nil {
			t.Fatal(err)
		}
		m[fields[i+1]] = v
	}
	return m
}

// between fails unless a number lies in an interval.
func between(t *testing.T, what string, v, low, high float64) {
	t.Helper()
	if v < low || v > high {
		t.Errorf("%s is %v, want %v to %v", what, v, low, high)
	}
}

// The memory of a child is counted, whether it lives or has ended: 64 MiB that
// it touched, and what a process has beside that, once.
func TestMemoryOfChild(t *testing.T) {
	for name, without := range map[string]string{"MemoryOfLiving": "Idle", "MemoryOfEnded": "IdleEnded"} {
		with := metrics(t, name)["peak-RSS-bytes"]
		between(t, name+" above a child that touches nothing", with-metrics(t, without)["peak-RSS-bytes"], 0.9*childMemory, 1.5*childMemory)
		between(t, name, with, childMemory, 128<<20)
	}
}

// The CPU time of a child is counted, whether it lives or has ended.
func TestCPUTimeOfChild(t *testing.T) {
	for _, name := range []string{"BurnOfLiving", "BurnOfEnded"} {
		m := metrics(t, name)
		between(t, name+" in cpu-ns/op", m["cpu-ns/op"], float64(childBurn)/100, 5*float64(childBurn)/100)
		between(t, name+" in ns/op", m["ns/op"], 0.5*float64(childBurn)/100, 1e12)
	}
}

// truth measures a Func in this process.
func truth(t *testing.T, n int, o Options, f Func) *Result {
	t.Helper()
	o.N = n
	r, err := Measure(counting(f), countingCase, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// A known burn: its CPU time, and little else.
func TestCPUTime(t *testing.T) {
	const used = 40 * time.Millisecond
	r := truth(t, 8, Options{}, func(b *B) (uint64, error) {
		burn(used) // set-up does not count
		b.Start()
		burn(used)
		b.Stop()
		burn(used) // nor does tear-down
		return uint64(b.N), nil
	})
	between(t, "CPU time", float64(r.CPU), float64(used), 1.9*float64(used))
	m := lineMetrics(t, r.String())
	between(t, "cpu-ns/op", m["cpu-ns/op"]*8, 0.999*float64(r.CPU), 1.001*float64(r.CPU))
}

// A known sleep: its time, hardly any CPU time, and a context switch each. The
// latency is that of each op.
func TestSleepTruth(t *testing.T) {
	const op = 3 * time.Millisecond
	var all, least time.Duration // as measured from without, on a machine that may be busy
	r := truth(t, 20, Options{Op: op}, func(b *B) (uint64, error) {
		lat := b.Unit(b.N)
		time.Sleep(op)
		all, least = 0, time.Hour
		start := time.Now()
		b.Start()
		for i := range b.N {
			t := time.Now()
			began := lat.Begin(i)
			time.Sleep(op)
			lat.End(began)
			least = min(least, time.Since(t))
		}
		b.Stop()
		all = time.Since(start)
		time.Sleep(op)
		return uint64(b.N), nil
	})
	m := lineMetrics(t, r.String())
	between(t, "ns/op", m["ns/op"], float64(op), 1.001*float64(all)/20)
	between(t, "ops/s times ns/op", m["ops/s"]*m["ns/op"], 0.998e9, 1.002e9)
	between(t, "CPU time", float64(r.CPU), 1, 0.5*float64(r.Elapsed))
	between(t, "context switches", m["csw/op"], 0.9, 100)
	between(t, "the least latency", float64(r.Latency.Min()), 0.98*float64(op), 1.01*float64(least))
	if got := r.Latency.TotalCount(); got != 20 {
		t.Errorf("%d latencies, want 20", got)
	}
}

var sink []*[1000]byte

// Known allocations, and a known number of collections.
func TestAllocations(t *testing.T) {
	r := truth(t, 1000, Options{}, func(b *B) (uint64, error) {
		sink = make([]*[1000]byte, 5000)
		b.Start()
		for i := range b.N {
			for k := range 3 {
				sink[k*b.N+i] = new([1000]byte) // in a slot of 1024 bytes
			}
		}
		runtime.GC()
		runtime.GC()
		b.Stop()
		sink = make([]*[1000]byte, 5000)
		return uint64(b.N), nil
	})
	m := lineMetrics(t, r.String())
	between(t, "allocs/op", m["allocs/op"], 3, 3.2)
	between(t, "B/op", m["B/op"], 3*1024, 3*1024+300)
	between(t, "collections", m["gcs"], 2, 5)
}

// A result's line, to the last digit.
func TestResultLine(t *testing.T) {
	h := NewHistogram()
	for i := range int64(1000) {
		_ = h.RecordValue(i + 1)
	}
	r := &Result{
		Case: Case{Workload: "Lock", Params: "tasks=2/x=y", Model: Goroutine, CPUs: 4}, N: 1000, Elapsed: 50 * time.Millisecond,
		CPU: 70 * time.Millisecond, Memory: 1 << 20, Bytes: 123_456, Allocs: 2500, GCs: 3, Csw: 12, Units: 2, Latency: h,
	}
	want := "BenchmarkLock/tasks=2/x=y/model=goroutine-4\t1000\t50000 ns/op\t20000 ops/s\t70000 cpu-ns/op\t" +
		"501 p50-ns\t903 p90-ns\t991 p99-ns\t999 p99.9-ns\t1003 max-ns\t1048576 peak-RSS-bytes\t" +
		"123.5 B/op\t2.500 allocs/op\t0.012000 csw/op\t2 units\t3 gcs"
	if got := r.String(); got != want {
		t.Errorf("line\n%s, want\n%s", got, want)
	}
	r.Processes = true
	r.Memory, r.CPU, r.Units, r.Latency = 0, 0, 0, nil
	want = "BenchmarkLock/tasks=2/x=y/model=goroutine-4\t1000\t50000 ns/op\t20000 ops/s\t3 gcs"
	if got := r.String(); got != want {
		t.Errorf("line\n%s, want\n%s", got, want)
	}
}

// Latencies that a worker process recorded, or that were measured otherwise,
// are merged with the others; out of range they count as the nearest.
func TestLatencyMerge(t *testing.T) {
	var b B
	b.sampled = 0.25
	r := b.Unit(10)
	for i := range 10 {
		r.End(r.Begin(i)) // ops 0 to 3
	}
	r.Add(5000)
	b.AddSamples([]int64{-3, 7000, int64(2 * time.Hour)})
	h := b.histogram()
	if h.TotalCount() != 8 || len(r.Samples()) != 5 || r.Samples()[4] != 5000 {
		t.Errorf("%d latencies, %v recorded; want 8 and 5", h.TotalCount(), r.Samples())
	}
	if h.Min() != 1 || !h.Equals(copyOf(h)) || h.Max() < int64(time.Hour)*99/100 || h.Max() > int64(time.Hour)*101/100 {
		t.Errorf("from %d to %d, want 1 ns to an hour", h.Min(), h.Max())
	}
	var none B
	if none.histogram() != nil || none.Sampled() != 1 {
		t.Error("nothing recorded is not nothing")
	}
}

func copyOf(h *hdrhistogram.Histogram) *hdrhistogram.Histogram {
	return hdrhistogram.Import(h.Export())
}

// Every limit of the machine voids a case under its own name.
func TestExhausted(t *testing.T) {
	for errno, want := range map[syscall.Errno]string{
		syscall.EMFILE: "void: too few files may be open in a process (ulimit -n): x: too many open files",
		syscall.ENFILE: "void: too few files may be open in the system: x: too many open files in system",
		syscall.EAGAIN: "void: too few processes or threads are allowed (ulimit -u): x: resource temporarily unavailable",
		syscall.ENOMEM: "void: too little memory: x: cannot allocate memory",
		syscall.ENOSPC: "void: too little memory: x: no space left on device",

		syscall.EADDRNOTAVAIL: "void: too few local ports: x: cannot assign requested address",
	} {
		_, err := Measure(counting(func(*B) (uint64, error) { return 0, fmt.Errorf("x: %w", errno) }), countingCase, Options{N: 20})
		if want := want; err == nil || err.Error() != "warm-up: "+want {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// How N is found: growth is bounded on both sides, and batches are whole.
func TestPredict(t *testing.T) {
	for _, tt := range []struct {
		n          int
		took, goal time.Duration
		want       int
	}{
		{10, time.Second, 2 * time.Second, 20},
		{10, time.Second, time.Second, 13},      // at least 1.2 times and one more
		{10, time.Microsecond, time.Hour, 1000}, // at most 100 times
		{10, 0, time.Hour, 1000},
		{900_000_000, time.Second, time.Minute, 1_000_000_000},
	} {
		if got := predict(tt.n, tt.took, tt.goal); got != tt.want {
			t.Errorf("predict(%d, %v, %v) = %d, want %d", tt.n, tt.took, tt.goal, got, tt.want)
		}
	}
}

// A calibration says how often it ran the workload and for how long, and stops
// where the ops fill nine tenths of the bench time.
func TestCalibrationSteps(t *testing.T) {
	const op = 500 * time.Microsecond
	var passes []int
	var timed time.Duration
	r, err := Measure(counting(func(b *B) (uint64, error) {
		passes = append(passes, b.N)
		b.Start()
		time.Sleep(time.Duration(b.N) * op)
		b.Stop()
		timed += b.elapsed
		return uint64(b.N), nil
	}), countingCase, Options{Benchtime: 20 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.Passes != len(passes) || r.Timed != timed || passes[0] != 1 || r.N != passes[len(passes)-1] {
		t.Errorf("%d passes of %v and N %d, want %v of %v", r.Passes, r.Timed, r.N, passes, timed)
	}
	between(t, "elapsed", float64(r.Elapsed), 18e6, 1e12)
	for i, n := range passes[1:] {
		if n <= passes[i] || n > 100*passes[i] {
			t.Errorf("passes of %v ops", passes)
		}
	}
}
