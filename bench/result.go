package bench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/bench/benchlog"
)

// A Result is one measured line.
type Result struct {
	Case    Case
	N       int                     // ops done
	Elapsed time.Duration           // between Start and Stop
	CPU     time.Duration           // of the whole process tree
	Memory  int64                   // peak of the tree in bytes; 0 is unknown
	Bytes   uint64                  // heap bytes allocated by the runner process
	Allocs  uint64                  // heap objects allocated by the runner process
	GCs     uint32                  // collections in the runner process
	Csw     int64                   // context switches of the tree
	Units   int                     // units alive at the same moment; 0 is not counted
	Counts  []benchlog.Value        // of the processor, per op of the warm-up; none where it has no counters
	Own     []benchlog.Value        // what the workload has reported
	Latency *hdrhistogram.Histogram // nil if no op was timed
	Lag     *Lag                    // of the generator of an open loop; else nil

	Processes bool // the units are processes: Bytes and Allocs are not theirs

	// Of a calibration: how often the workload was run, the time between Start
	// and Stop of all these passes together, and the ops of a batch.
	Passes int
	Timed  time.Duration
	Batch  int

	unsteady error // why the load was not the intended one
}

// percentiles of the latency that stand in a result.
var percentiles = []struct {
	unit string
	p    float64
}{{"p50-ns", 50}, {"p90-ns", 90}, {"p99-ns", 99}, {"p99.9-ns", 99.9}, {benchlog.LongestLatency, 100}}

// String returns the result as a line of the Go benchmark format, without a
// newline.
func (r *Result) String() string {
	line := benchlog.Result{Name: r.Case.String(), Iters: r.N, Values: r.Values()}
	return line.String()
}

// Values returns the measurements as they stand in that line. Allocations are
// given for in-process models alone: those of worker processes cannot be read
// from here.
func (r *Result) Values() (values []benchlog.Value) {
	add := func(v float64, unit string) { values = append(values, benchlog.Value{V: v, Unit: unit}) }
	per := func(total float64, unit string) { add(total/float64(r.N), unit) }
	per(float64(r.Elapsed), "ns/op")
	if r.Lag == nil { // an open loop's rate is its parameter, and its generator polls
		add(float64(r.N)/r.Elapsed.Seconds(), "ops/s")
	}
	if r.CPU > 0 && r.Lag == nil {
		per(float64(r.CPU), "cpu-ns/op")
	}
	if r.Latency != nil {
		for _, q := range percentiles {
			add(float64(r.Latency.ValueAtPercentile(q.p)), q.unit)
		}
	}
	if r.Lag != nil {
		add(float64(r.Lag.P99), "lag-p99-ns")
		add(float64(r.Lag.Max), "lag-max-ns")
	}
	values = append(values, r.Own...)
	if r.Memory > 0 {
		add(float64(r.Memory), "peak-RSS-bytes")
	}
	if !r.Processes {
		per(float64(r.Bytes), "B/op")
		per(float64(r.Allocs), "allocs/op")
	}
	if r.CPU > 0 {
		per(float64(r.Csw), "csw/op")
	}
	if r.Lag == nil {
		values = append(values, r.Counts...)
	}
	if r.Units > 0 {
		add(float64(r.Units), "units")
	}
	add(float64(r.GCs), "gcs")
	return values
}
