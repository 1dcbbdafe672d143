package bench

import (
	"fmt"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
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
	Latency *hdrhistogram.Histogram // nil if no op was timed

	// Of a calibration: how often the workload was run, and the time between
	// Start and Stop of all these passes together.
	Passes int
	Timed  time.Duration
}

// percentiles of the latency that stand in a result.
var percentiles = []struct {
	unit string
	p    float64
}{{"p50-ns", 50}, {"p90-ns", 90}, {"p99-ns", 99}, {"p99.9-ns", 99.9}, {"max-ns", 100}}

// String returns the result as a line of the Go benchmark format, without a
// newline. Allocations are given for in-process models alone: those of worker
// processes cannot be read from here.
func (r *Result) String() string {
	var s strings.Builder
	per := func(total float64, unit string) {
		fmt.Fprintf(&s, "\t%s %s", number(total/float64(r.N)), unit)
	}
	fmt.Fprintf(&s, "Benchmark%s\t%d", r.Case, r.N)
	per(float64(r.Elapsed), "ns/op")
	fmt.Fprintf(&s, "\t%s ops/s", number(float64(r.N)/r.Elapsed.Seconds()))
	if r.CPU > 0 {
		per(float64(r.CPU), "cpu-ns/op")
	}
	if r.Latency != nil {
		for _, q := range percentiles {
			fmt.Fprintf(&s, "\t%d %s", r.Latency.ValueAtPercentile(q.p), q.unit)
		}
	}
	if r.Memory > 0 {
		fmt.Fprintf(&s, "\t%d peak-RSS-bytes", r.Memory)
	}
	if r.Case.Model != Process {
		per(float64(r.Bytes), "B/op")
		per(float64(r.Allocs), "allocs/op")
	}
	if r.CPU > 0 {
		per(float64(r.Csw), "csw/op")
	}
	if r.Units > 0 {
		fmt.Fprintf(&s, "\t%d units", r.Units)
	}
	fmt.Fprintf(&s, "\t%d gcs", r.GCs)
	return s.String()
}

// number prints at least four significant digits, and never an exponent, which
// some readers of the format do not know.
func number(v float64) string {
	switch a := max(v, -v); {
	case a == 0:
		return "0"
	case a >= 1000:
		return fmt.Sprintf("%.0f", v)
	case a >= 100:
		return fmt.Sprintf("%.1f", v)
	case a >= 10:
		return fmt.Sprintf("%.2f", v)
	case a >= 1:
		return fmt.Sprintf("%.3f", v)
	default:
		return fmt.Sprintf("%.6f", v)
	}
}

// ResultUnits are the lines that tell benchstat which way is better.
const ResultUnits = "Unit ops/s better=higher\n"
