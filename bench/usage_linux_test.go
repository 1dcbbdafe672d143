package bench

import (
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
	"time"
)

// The lines of a status file that begin with a number are read, and the file is
// closed.
func TestStatusFields(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what was forgotten
	name := filepath.Join(t.TempDir(), "status")
	if err := os.WriteFile(name, []byte("Name:\tx\nVmRSS:\t  12 kB\nno colon\nVmHWM: 13 kB 14\nEmpty:\nLast:-5"), 0o644); err != nil {
		t.Fatal(err)
	}
	open := func() int { entries, _ := os.ReadDir("/proc/self/fd"); return len(entries) }
	statusFields(name) // opens what is opened once, for the poller
	before := open()
	if got, want := statusFields(name), map[string]int64{"VmRSS": 12, "VmHWM": 13, "Last": -5}; !maps.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
	if after := open(); after != before {
		t.Errorf("%d descriptors, %d before", after, before)
	}
	if got := statusFields(filepath.Join(t.TempDir(), "none")); got != nil {
		t.Errorf("of no file: %v", got)
	}
}

// The context switches of a process are those of all its threads, of both
// kinds.
func TestContextSwitches(t *testing.T) {
	sum := func() (sum int64) {
		files, err := filepath.Glob("/proc/self/task/*/status")
		if err != nil || len(files) < 2 {
			t.Fatalf("%q, %v", files, err)
		}
		for _, name := range files {
			f := statusFields(name)
			sum += f["voluntary_ctxt_switches"] + f["nonvoluntary_ctxt_switches"]
		}
		return sum
	}
	before := sum()
	got := contextSwitches(os.Getpid())
	if after := sum(); got < before || got > after || before == 0 {
		t.Errorf("%d switches, want %d to %d", got, before, after)
	}
	if got := contextSwitches(1 << 30); got != 0 {
		t.Errorf("no process had %d switches", got)
	}
}

func readUsage() usage { return usageAfter(nil, func() {}) }

// The tree's usage counts the living children, with their context switches.
func TestUsageOfChildren(t *testing.T) {
	before := readUsage()
	end, err := child("")
	if err != nil {
		t.Fatal(err)
	}
	living := readUsage()
	if err := end(); err != nil {
		t.Fatal(err)
	}
	ended := readUsage()
	if before.live != 0 || living.live != 1 || ended.live != 0 {
		t.Errorf("%d, %d and %d children live, want 0, 1 and 0", before.live, living.live, ended.live)
	}
	if ended.reaped < 1<<20 || ended.reaped > 1<<30 {
		t.Errorf("a child that has ended had %d bytes", ended.reaped)
	}
	// What it used is in the sum while it lives, and when it has ended.
	if living.cpu <= before.cpu || ended.cpu < living.cpu || living.switches <= before.switches || ended.switches < living.switches {
		t.Errorf("CPU time %v, %v, %v; switches %d, %d, %d", before.cpu, living.cpu, ended.cpu, before.switches, living.switches, ended.switches)
	}
}

// What it costs to read the usage of many processes is on nobody's bill.
func TestReadingIsNotBilled(t *testing.T) {
	for range 20 {
		end, err := child("")
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := end(); err != nil {
				t.Error(err)
			}
		}()
	}
	readUsage() // opens what is opened once
	// The least of some: children, or the collector, may still be at work.
	least, cost := time.Hour, time.Hour
	for range 10 {
		began := ownUsage()
		before, alive := usageBefore(func() {})
		after := usageAfter(alive, func() {})
		cost = min(cost, ownUsage().cpu-began.cpu)
		least = min(least, after.cpu-before.cpu)
		if before.live < 20 || after.live < 20 {
			t.Fatalf("%d and %d children live", before.live, after.live)
		}
	}
	if least > cost/5 {
		t.Errorf("reading takes %v, of which %v are on the bill", cost, least)
	}
}
