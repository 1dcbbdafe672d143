package report

import (
	"math"
	"strconv"

	"golang.org/x/perf/benchunit"
)

// A Metric is one of the questions that models are compared in.
type Metric struct {
	ID     string // in the page: "throughput"
	Name   string // for readers: "Throughput"
	Unit   string // as in the file: "ops/s"
	Higher bool   // higher is better
}

// The metrics of the matrix, in its order. The verdict is spoken on the first.
var (
	Throughput = Metric{"throughput", "Throughput", "ops/s", true}
	TailP99    = Metric{"p99", "Latency p99", "p99-ns", false}
	CPUTime    = Metric{"cpu", "CPU time", "cpu-ns/op", false}
	Memory     = Metric{"memory", "Memory", "peak-RSS-bytes", false}

	Metrics = []Metric{Throughput, TailP99, CPUTime, Memory}
)

// value is the result's measurement of the metric. Throughput of files that
// give only time per op is the inverse of it.
func (m Metric) value(r *Result) (float64, bool) {
	v, ok := r.Get(m.Unit)
	if !ok && m.Unit == "ops/s" {
		if v, ok = r.Get("ns/op"); ok && v > 0 {
			v = 1e9 / v
		}
	}
	return v, ok
}

// better reports whether a is better than b.
func (m Metric) better(a, b float64) bool {
	if m.Higher {
		return a > b
	}
	return a < b
}

// sample collects a cell's values of the metric in run order. Values that are
// no measurement, NaN, infinite or negative, are counted and kept out, and so is
// zero where it could not be one: nothing takes no time and no memory.
func (m Metric) sample(c *Cell) (values []float64, invalid int) {
	if !c.usable() {
		return nil, 0
	}
	for i := range c.Results {
		v, ok := m.value(&c.Results[i])
		switch {
		case !ok:
		case !finite(v) || v <= 0:
			invalid++
		default:
			values = append(values, v)
		}
	}
	return values, invalid
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// unitStyles say how a file's units are shown: scaled to base units first, then
// with an SI or binary prefix.
var unitStyles = map[string]struct {
	factor float64
	class  benchunit.Class
	suffix string
}{
	"ops/s":          {1, benchunit.Decimal, "/s"},
	"ns/op":          {1e-9, benchunit.Decimal, "s"},
	"cpu-ns/op":      {1e-9, benchunit.Decimal, "s"},
	"p50-ns":         {1e-9, benchunit.Decimal, "s"},
	"p90-ns":         {1e-9, benchunit.Decimal, "s"},
	"p99-ns":         {1e-9, benchunit.Decimal, "s"},
	"p99.9-ns":       {1e-9, benchunit.Decimal, "s"},
	"max-ns":         {1e-9, benchunit.Decimal, "s"},
	"ns":             {1e-9, benchunit.Decimal, "s"},
	"peak-RSS-bytes": {1, benchunit.Binary, "B"},
	"bytes":          {1, benchunit.Binary, "B"},
	"B/op":           {1, benchunit.Binary, "B"},
	"B/s":            {1, benchunit.Binary, "B/s"},
}

// formatValue shows a value of a unit in three or four digits: "988k/s",
// "1.01µs", "4.59MiB". What is no number is shown as such.
func formatValue(v float64, unit string) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 0):
		return "∞"
	}
	style, ok := unitStyles[unit]
	switch {
	case !ok && v > 0 && v < 0.001:
		return "<0.001"
	case !ok && math.Abs(v) < 1:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case !ok:
		return digits(v, benchunit.Decimal)
	}
	return digits(v*style.factor, style.class) + style.suffix
}
