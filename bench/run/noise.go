package run

import (
	"time"

	"switchyard/bench/benchlog"
	"switchyard/bench/host"
)

// Watch begins to watch what else the machine does on the CPUs that this
// process may use, and returns what tells of the time since. Between results
// the run has no process but this one: what the CPUs did, less what this
// process and its children used, and the kernel's threads, is what others did.
func Watch() (since func() benchlog.Noise) { return watch(readMachine) }

func watch(read func() machine) (since func() benchlog.Noise) {
	before := read()
	return func() benchlog.Noise { return before.noise(read()) }
}

// A machine is one reading of what it has done so far.
type machine struct {
	at       time.Time
	cpus     int           // that are looked at; 0 is not known
	idle     time.Duration // of these CPUs, as all below
	stolen   time.Duration // by the hypervisor
	own      time.Duration // used by this process, its children that have ended, and the kernel for them
	queued   time.Duration // waited by tasks that could run, all together
	pressure struct{ cpu, memory, io time.Duration }
	load1    float64
}

// readMachine reads what this machine has done so far.
func readMachine() machine {
	this := host.This("")
	m := machine{at: time.Now(), own: ownCPU(), load1: this.Load1()}
	m.own += this.KernelThreads()
	m.cpus, m.idle, m.stolen = this.CPUTimes(AllCPUs())
	m.queued = this.RunQueueWait(AllCPUs())
	m.pressure.cpu, m.pressure.memory, m.pressure.io = this.Stalled("cpu"), this.Stalled("memory"), this.Stalled("io")
	return m
}

// noise returns what happened between two readings.
func (m machine) noise(now machine) benchlog.Noise {
	took := now.at.Sub(m.at)
	share := func(d, of time.Duration) float64 {
		if of <= 0 {
			return 0
		}
		return 100 * min(max(float64(d)/float64(of), 0), 1)
	}
	all := time.Duration(now.cpus) * took
	queue := 0.0 // two that wait for one CPU all the time are 200 %
	if all > 0 {
		queue = 100 * max(float64(now.queued-m.queued)/float64(all), 0)
	}
	used := all - (now.idle - m.idle) - (now.stolen - m.stolen)
	return benchlog.Noise{
		Steal:          share(now.stolen-m.stolen, all),
		Others:         share(used-(now.own-m.own), all),
		RunQueue:       queue,
		CPUPressure:    share(now.pressure.cpu-m.pressure.cpu, took),
		MemoryPressure: share(now.pressure.memory-m.pressure.memory, took),
		IOPressure:     share(now.pressure.io-m.pressure.io, took),
		Load1:          now.load1,
	}
}
