package workload

import "switchyard/bench"

// The models.
const (
	Serial    bench.Model = "serial"
	Greenlet  bench.Model = "greenlet"
	Goroutine bench.Model = "goroutine"
	Ants      bench.Model = "ants"
	Thread    bench.Model = "thread"
	Process   bench.Model = "process"
)

// Models returns every model, in the order of every table.
func Models() []bench.ModelInfo {
	return []bench.ModelInfo{
		{Name: Serial, Note: "one task after another: what the work itself costs", Baseline: true},
		{Name: Greenlet, Note: "coroutines that switch explicitly, on one thread", For: "waiting and IO"},
		{Name: Goroutine, Note: "goroutines, scheduled by the Go runtime"},
		{Name: Ants, Note: "goroutines from a pool (github.com/panjf2000/ants/v2)", Of: Goroutine},
		{Name: Thread, Note: "goroutines locked to an operating system thread each", Of: Goroutine},
		{Name: Process, Note: "processes of package procs, with shared memory", Processes: true, For: "computing"},
	}
}
