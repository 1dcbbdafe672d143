package run

import (
	"testing"
	"time"

	"switchyard/bench/benchlog"
)

// What others did in a block is what its CPUs did, less what the run itself
// used. Readings of ten seconds on two CPUs.
func TestNoise(t *testing.T) {
	const s = time.Second
	at := time.Unix(1_000_000_000, 0)
	for name, tt := range map[string]struct {
		idle, stolen, own     time.Duration
		cpu, memory, io       time.Duration
		took                  time.Duration
		cpus                  int
		steal, others         float64
		waited, short, inDisk float64
	}{
		"idle":                               {20 * s, 0, 0, 0, 0, 0, 10 * s, 2, 0, 0, 0, 0, 0},
		"busy with itself":                   {2 * s, 0, 18 * s, 9 * s, 0, 0, 10 * s, 2, 0, 0, 90, 0, 0},
		"a busy loop beside, one CPU each":   {0, 0, 10 * s, 2 * s, 0, 0, 10 * s, 2, 0, 50, 20, 0, 0},
		"a busy loop beside, that shares":    {0, 0, 15 * s, 10 * s, 0, 0, 10 * s, 2, 0, 25, 100, 0, 0},
		"a busy loop, the run has one CPU":   {10 * s, 0, 5 * s, 5 * s, 0, 0, 10 * s, 2, 0, 25, 50, 0, 0},
		"the hypervisor had a tenth":         {0, 2 * s, 18 * s, 0, 0, 0, 10 * s, 2, 10, 0, 0, 0, 0},
		"memory was short, the disk slow":    {10 * s, 0, 10 * s, 0, 1 * s, 3 * s, 10 * s, 2, 0, 0, 0, 10, 30},
		"ticks and clocks disagree a little": {3 * s, 0, 18 * s, 0, 0, 0, 10 * s, 2, 0, 0, 0, 0, 0},
		"no time has passed":                 {0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0},
		"the CPUs are not known":             {0, 0, 9 * s, 0, 0, 0, 10 * s, 0, 0, 0, 0, 0, 0},
	} {
		readings := []machine{
			{at: at, cpus: tt.cpus, idle: 100 * s, stolen: 7 * s, own: 50 * s, load1: 9},
			{at: at.Add(tt.took), cpus: tt.cpus, idle: 100*s + tt.idle, stolen: 7*s + tt.stolen, own: 50*s + tt.own, load1: 1.5},
		}
		for i, p := range []time.Duration{s, 2 * s, 3 * s} { // what was before does not count
			was := readings[0].pressures()
			*was[i] = p
			*readings[1].pressures()[i] = p + []time.Duration{tt.cpu, tt.memory, tt.io}[i]
		}
		since := watch(func() machine {
			m := readings[0]
			readings = readings[1:]
			return m
		})
		want := benchlog.Noise{Steal: tt.steal, Others: tt.others, CPUPressure: tt.waited, MemoryPressure: tt.short, IOPressure: tt.inDisk, Load1: 1.5}
		if got := since(); got != want {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
}

func (m *machine) pressures() []*time.Duration {
	return []*time.Duration{&m.pressure.cpu, &m.pressure.memory, &m.pressure.io}
}

// How long tasks waited is a share of the CPUs' time, of more than all of it if
// many wait; a counter that goes back, as it does where one is unplugged, is
// none.
func TestNoiseRunQueue(t *testing.T) {
	at := time.Unix(1_000_000_000, 0)
	for _, tt := range []struct {
		cpus   int
		took   time.Duration
		queued time.Duration
		want   float64
	}{
		{2, 10 * time.Second, 0, 0},
		{2, 10 * time.Second, time.Second, 5},
		{2, 10 * time.Second, 60 * time.Second, 300},
		{2, 10 * time.Second, -time.Second, 0},
		{0, 10 * time.Second, time.Second, 0},
		{2, 0, time.Second, 0},
	} {
		before := machine{at: at, cpus: 2, queued: time.Minute}
		got := before.noise(machine{at: at.Add(tt.took), cpus: tt.cpus, queued: time.Minute + tt.queued})
		if got.RunQueue != tt.want {
			t.Errorf("%+v: %v", tt, got.RunQueue)
		}
	}
}

// On this machine, whatever runs on it, shares are shares. What this process
// does is not others' doing: a second of work is in its own time.
func TestWatch(t *testing.T) {
	before := readMachine()
	since := Watch()
	for began := time.Now(); time.Since(began) < 200*time.Millisecond; {
		if spin(1000) == 0 {
			t.Fatal("xorshift reached zero")
		}
	}
	noise := since()
	for _, share := range []float64{noise.Steal, noise.Others, noise.CPUPressure, noise.MemoryPressure, noise.IOPressure} {
		if !(share >= 0 && share <= 100) {
			t.Errorf("%+v", noise)
		}
	}
	after := readMachine()
	if used := after.own - before.own; used <= 0 {
		t.Errorf("this process used %v of CPU time", used)
	}
	if after.cpus != len(AllCPUs()) { // idle times may go back a little
		t.Errorf("from %+v to %+v", before, after)
	}
}
