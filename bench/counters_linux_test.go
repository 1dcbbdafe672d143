package bench

import (
	"errors"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// software are events that the kernel counts itself, also in virtual machines.
var software = []event{
	{"task-ns/op", unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_TASK_CLOCK, 0},
	{"faults/op", unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_PAGE_FAULTS, 0},
}

func countSoftware(t *testing.T) *counters {
	t.Helper()
	c, err := openCounters(software)
	if err != nil {
		t.Skip(err)
	}
	t.Cleanup(c.close)
	return c
}

// What is counted is what the whole tree has used between start and stop: this
// thread, those that are started later, a child that was started before and one
// that is started after. The kernel's account of CPU time is the measure.
func TestCountersOfTree(t *testing.T) {
	c := countSoftware(t)
	burn(100 * time.Millisecond) // before: not counted
	endEarly, err := child("")
	if err != nil {
		t.Fatal(err)
	}
	defer endEarly()
	before := readUsage()
	c.start()
	burn(30 * time.Millisecond)
	thread := make(chan bool)
	go func() {
		runtime.LockOSThread() // the thread ends with it
		burn(60 * time.Millisecond)
		close(thread)
	}()
	<-thread
	end, err := child("burn")
	if err != nil {
		t.Fatal(err)
	}
	if err := end(); err != nil {
		t.Fatal(err)
	}
	c.stop()
	used := readUsage().cpu - before.cpu
	burn(100 * time.Millisecond) // after: not counted
	counts := c.read()
	if len(counts) != 2 {
		t.Fatalf("counted %v", counts)
	}
	if got := time.Duration(counts[0].n); used < 90*time.Millisecond+childBurn || got < used*7/10 || got > used*13/10 {
		t.Errorf("counted %v, and %v were used", got, used)
	}
}

// A child that was started before the counters were is counted too: it inherits
// what does not count yet.
func TestCountersOfEarlyChild(t *testing.T) {
	c := countSoftware(t)
	end, err := child("burn at end")
	if err != nil {
		t.Fatal(err)
	}
	c.start()
	if err := end(); err != nil {
		t.Fatal(err)
	}
	c.stop()
	if counts := c.read(); len(counts) != 2 || time.Duration(counts[0].n) < childBurn*8/10 {
		t.Errorf("counted %v, and the child used %v", counts, childBurn)
	}
}

const touchedPages = 1024

// touch touches some pages that were not there before, several times.
func touch(times int) error {
	for range times {
		if err := touchOnce(); err != nil {
			return err
		}
	}
	return nil
}

func touchOnce() error {
	memory, err := unix.Mmap(-1, 0, touchedPages<<12, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	if err := unix.Madvise(memory, unix.MADV_NOHUGEPAGE); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	for i := 0; i < len(memory); i += 1 << 12 {
		memory[i] = 1
	}
	return unix.Munmap(memory)
}

// A result has the counts of its warm-up, per op of that: a fault for every
// page that was touched there between Start and Stop. The timed pass is not
// counted, and no counter is left open.
func TestMeasureCounts(t *testing.T) {
	countSoftware(t)
	defer func(were []event) { hardware = were }(hardware)
	hardware = software
	const ops, warmUp = 80, 8
	w := &Workload{Name: "Touch", Want: func(b *B) uint64 { return uint64(b.N) }, Impls: map[Model]Func{"a": func(b *B) (uint64, error) {
		times := 0
		if b.N == warmUp {
			times = b.N
		}
		err := touch(2 * times)
		b.Start()
		err = errors.Join(err, touch(times))
		b.Stop()
		return uint64(b.N), errors.Join(err, touch(2*times))
	}}}
	open := func() int { entries, _ := os.ReadDir("/proc/self/fd"); return len(entries) }
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	c := Case{Workload: "Touch", Model: "a", CPUs: 1}
	if _, err := Measure(w, c, Options{N: ops}); err != nil {
		t.Fatal(err)
	}
	before := open()
	r, err := Measure(w, c, Options{N: ops})
	if err != nil {
		t.Fatal(err)
	}
	if after := open(); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	if len(r.Counts) != 2 || r.Counts[1].Unit != "faults/op" || r.Counts[1].V < touchedPages || r.Counts[1].V > touchedPages*2 {
		t.Errorf("counted %v per op, want %d faults", r.Counts, touchedPages)
	}
	if line := r.String(); !strings.Contains(line, " faults/op") || strings.Index(line, "faults/op") < strings.Index(line, "ns/op") {
		t.Errorf("the result is %q", line)
	}
	// Where there are no counters a result is without.
	hardware = []event{{unit: "none/op", kind: math.MaxUint32 - 1}}
	if r, err = Measure(w, c, Options{N: ops}); err != nil || len(r.Counts) > 0 || strings.Contains(r.String(), "none") {
		t.Errorf("without counters: %v, %v", r, err)
	}
}

// Counters are closed again, and there are none where they are not.
func TestCountersClose(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	open := func() int { entries, _ := os.ReadDir("/proc/self/fd"); return len(entries) }
	Counters()
	before := open()
	if said := Counters(); said != "yes" && !strings.Contains(said, ": ") {
		t.Errorf("it says %q", said)
	}
	for range 3 {
		c, _ := openCounters(software)
		c.close()
	}
	none := event{unit: "none/op", kind: math.MaxUint32 - 1}
	c, err := openCounters([]event{none})
	if c != nil || err == nil {
		t.Errorf("what there is none of: %v, error %v", c, err)
	}
	c.start()
	c.stop()
	c.close()
	if counts := c.read(); counts != nil {
		t.Errorf("counted %v without counters", counts)
	}
	if some, err := openCounters(append([]event{none}, software...)); some != nil {
		if len(some.events) != len(software) || err == nil {
			t.Errorf("%d of %d events, error %v", len(some.events), len(software), err)
		}
		some.close()
	}
	if after := open(); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
}

// Why there are none, in words.
func TestCounterErrors(t *testing.T) {
	for err, want := range map[error]string{
		unix.ENOENT: "virtual machines", unix.EOPNOTSUPP: "virtual machines", unix.EACCES: "perf-event-paranoid", unix.EPERM: "perf-event-paranoid",
		unix.ENOSYS: "the kernel has none", unix.EMFILE: "too many open files",
	} {
		if got := counterError(err); got == nil || !strings.Contains(got.Error(), want) {
			t.Errorf("%v: %v, want %q", err, got, want)
		}
	}
	if err := counterError(nil); err != nil {
		t.Error(err)
	}
}

// A counter that took turns is scaled up; one that missed more than half of the
// time is not told.
func TestScaled(t *testing.T) {
	for _, tt := range []struct {
		reading
		want float64
		ok   bool
	}{
		{reading{100, 50, 50}, 100, true},
		{reading{100, 50, 40}, 125, true},
		{reading{100, 50, 25}, 200, true},
		{reading{100, 50, 24}, 0, false},
		{reading{0, 50, 0}, 0, false},
		{reading{0, 0, 0}, 0, true}, // of a thread that did not run
	} {
		if got, ok := tt.scaled(); got != tt.want || ok != tt.ok {
			t.Errorf("%+v: %v, %v, want %v, %v", tt.reading, got, ok, tt.want, tt.ok)
		}
	}
}
