package benchlog

// What disturbs a block, so that it is run again: a fixed piece of arithmetic
// (the canary) took this much longer at its edges than at the quietest moment
// of the session, or this share of the time went to somebody else.
const (
	CanaryDisturbs   = 1.25
	StealDisturbs    = 3.0  // percent of the CPUs' time, to the hypervisor
	OthersDisturb    = 10.0 // percent of the CPUs' time, to other processes
	PressureDisturbs = 10.0 // percent of the time in which something waited for memory
)

// What a report warns of. It asks more than the run did: a block that is not
// worth the time to run it again may still explain a small difference.
const (
	CanaryWarns   = 1.05 // slowest canary of a block over the base
	StealWarns    = 1.0  // percent of a block's time taken by other guests
	OthersWarn    = 5.0  // percent of the CPUs' time used by other processes
	PressureWarns = 5.0  // percent of a block's time in which something waited for memory or a disk
	ControlWarns  = 1.05 // ratio of two models' medians in a workload that measures the harness
	LoadWarns     = 1.5  // one-minute load per core at a block's end
	OpsWarn       = 10   // fewer ops in a result
	IntervalWarns = 0.05 // half width of a throughput interval
	OutliersWarn  = 0.10 // share of results beyond the fences
	TrendWarns    = 0.03 // change from first to last pass
)

// What is too much before a run has begun. While one runs, part of it is the
// benchmark itself.
const (
	LoadBefore     = 0.25  // one-minute load per core
	PressureBefore = 5.0   // percent of the last ten seconds in which a task waited
	ClockReadWarns = 200.0 // nanoseconds that reading the clock takes
)

// How many results a case has.
const (
	MinResults    = 6  // the fewest that give a 95 % interval: what a run measures
	SteadyResults = 10 // intervals are steady; a report warns of fewer
)
