package analysis

import (
	"slices"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// A Metric is one of the questions that models are compared in.
type Metric struct {
	ID     string // in the page: "throughput"
	Name   string // for readers: "Throughput"
	Unit   string // as in the file: "ops/s"
	Higher bool   // higher is better

	Foreign bool // of another tool: shown as the file has it
	neutral bool // which way is better is not known
}

// The metrics of the matrix, in its order. The verdict is spoken on the first.
var (
	Throughput = Metric{ID: "throughput", Name: "Throughput", Unit: "ops/s", Higher: true}
	TailP99    = Metric{ID: "p99", Name: "Latency p99", Unit: "p99-ns"}
	CPUTime    = Metric{ID: "cpu", Name: "CPU time", Unit: "cpu-ns/op"}
	Memory     = Metric{ID: "memory", Name: "Memory", Unit: "peak-RSS-bytes"}

	Metrics = []Metric{Throughput, TailP99, CPUTime, Memory}
)

// MedianLatency is drawn beside the tail; models are not ranked by it.
var MedianLatency = Metric{ID: "p50", Name: "Latency p50", Unit: "p50-ns"}

// ownUnits are those whose meaning our runner decides. Under another tool's
// name they may stand for anything.
var ownUnits = []string{"ops/s", "cpu-ns/op", "p50-ns", "p90-ns", "p99-ns", "p99.9-ns", "max-ns", "peak-RSS-bytes", "csw/op", "units", "gcs", "lag-p99-ns", "lag-max-ns",
	"turnaround-ns", "response-ns", "waiting-ns", "virtual-turnaround-ns",
	"instructions/op", "cycles/op", "cache-misses/op", "kernel-instructions/op", "kernel-cycles/op", "kernel-cache-misses/op"}

// foreignMetric is the metric of another tool's unit. Which way is better the
// file may say; else the conventions of the benchmark format hold: less of what
// is counted per op and of time and memory, more of what is counted per second.
func foreignMetric(unit, better string) Metric {
	m := Metric{ID: "unit:" + unit, Name: unit, Unit: unit, Foreign: true}
	perSecond := strings.HasSuffix(unit, "/s") || strings.HasSuffix(unit, "/sec")
	perOp := strings.HasSuffix(unit, "/op") || slices.Contains([]string{"ns", "sec", "B", "bytes"}, unit)
	switch {
	case better == "higher", better == "" && perSecond:
		m.Higher = true
	case better != "lower" && !perOp:
		m.neutral = true
	}
	return m
}

// foreignMetrics are those of the run's cells of other tools, beside time per
// op, in order of appearance; at most benchlog.MaxUnits.
func foreignMetrics(run *results.Run) []Metric {
	var out []Metric
	seen := map[string]bool{"ns/op": true}
	for _, c := range run.Cases() {
		cell := c.Cells[""]
		if cell == nil || !cell.Foreign {
			continue
		}
		for _, unit := range cell.Units() {
			if !seen[unit] && len(out) < benchlog.MaxUnits {
				seen[unit] = true
				out = append(out, foreignMetric(unit, run.Better[unit]))
			}
		}
	}
	return out
}

// value is the result's measurement of the metric. Throughput of files that
// give only time per op is the inverse of it, and so is that of other tools'
// files, whatever else they call ops/s.
func (m Metric) value(c *results.Cell, r *results.Result) (float64, bool) {
	if c.Foreign && !m.Foreign && m.ID != Throughput.ID {
		return 0, false
	}
	if m.ID == Throughput.ID && c.Case != nil && c.Case.Workload.Info.ByLatency() {
		return 0, false // it was decided, not measured
	}
	if !c.Foreign || m.Foreign {
		if v, ok := r.Get(m.Unit); ok || m.ID != Throughput.ID {
			return v, ok
		}
	}
	v, ok := r.Get("ns/op")
	if ok && v > 0 {
		v = 1e9 / v
	}
	return v, ok
}

// Latency reports whether the metric is a latency, which takes a reading of the
// clock.
func (m Metric) Latency() bool { return m.ID == TailP99.ID }

// times is how many times a is better than b.
func (m Metric) times(a, b float64) float64 {
	if m.Higher {
		return a / b
	}
	return b / a
}

// better reports whether a is better than b.
func (m Metric) better(a, b float64) bool {
	if m.Higher {
		return a > b
	}
	return a < b
}

// located is a cell's sample of a metric in run order, with the place of each
// value. What is no measurement, NaN, infinite or negative, is left out, and so
// is zero where it could not be one: nothing takes no time and no memory.
// Another tool's unit may be zero or below.
func located(run *results.Run, m Metric, c *results.Cell) (s inference.Sample) {
	if !c.Usable() {
		return nil
	}
	for i := range c.Results {
		r := &c.Results[i]
		if v, ok := m.value(c, r); ok && format.Finite(v) && (v > 0 || m.Foreign) {
			s = append(s, at(run, r, v))
		}
	}
	return s
}

// ranked is the sample that models are ranked by: latencies that cannot be
// timed are raised to the least that can, so that they are alike.
func ranked(run *results.Run, m Metric, c *results.Cell) inference.Sample {
	s := located(run, m, c)
	if m.Latency() {
		least := Untimed(run)
		for i := range s {
			s[i].V = max(s[i].V, least)
		}
	}
	return s
}

// at is a value with the place of its result.
func at(run *results.Run, r *results.Result, v float64) inference.Value {
	out := inference.Value{V: v, Block: r.Block, Session: 1}
	if r.Block >= 0 && r.Block < len(run.Blocks) {
		out.Session = run.Blocks[r.Block].Session
	}
	return out
}

// Format shows a value of the metric.
func (m Metric) Format(v float64) string {
	if !m.Foreign || slices.Contains([]string{"ns/op", "B/op"}, m.Unit) {
		return format.Value(v, m.Unit)
	}
	return format.Value(v, "")
}
