package results

import (
	"io"
	"math"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/bench/benchlog"
	"switchyard/report/format"
)

// A Latency is a case's merged latency histogram, seen at fixed percentiles.
type Latency struct {
	Count  int64
	Points []Quantile // ascending in percentile
	Max    float64    // ns
}

// A Quantile is a percentile, 0 to 100, and its latency in nanoseconds.
type Quantile struct{ P, NS float64 }

// readLatency reads the run's latency log and merges the histograms of each tag
// into the tag's cell. It reports whether the log is the run's own.
func (run *Run) readLatency(r io.Reader) (own bool) {
	cells := run.byTag()
	merged := map[*Cell]*hdrhistogram.PackedHistogram{}
	unknown := 0
	own = run.ReadLatency(io.LimitReader(r, maxBytes), func(tag string, h *hdrhistogram.PackedHistogram) {
		cell := cells[benchlog.ParseCase(tag)]
		switch have := merged[cell]; {
		case cell == nil:
			unknown++
		case have != nil:
			have.Merge(h)
		default:
			merged[cell] = h
		}
	})
	for cell, h := range merged {
		cell.Latency = newLatency(h)
	}
	if unknown > 0 {
		run.Note("%s of no result in %s left out", format.Count(unknown, "latency histogram"), benchlog.BenchFile)
	}
	return own
}

// byTag finds cells by the tag of their histograms. Our runner's files know no
// packages.
func (run *Run) byTag() map[benchlog.Case]*Cell {
	tags := map[benchlog.Case]*Cell{}
	for _, c := range run.Cases() {
		for model, cell := range c.Cells {
			tags[benchlog.Case{
				Workload: c.Workload.Name, Params: benchlog.Params(c.Name()),
				Model: benchlog.Model(model), CPUs: c.CPUs,
			}] = cell
		}
	}
	return tags
}

// percentiles are where a latency curve is sampled: even steps within each
// nine, so that the tail, where models differ, keeps its shape.
var percentiles = func() []float64 {
	ps := []float64{0, 5, 10, 20, 30, 40, 50, 60, 65, 70, 75, 80, 85}
	for nine := range 4 {
		start, width := 100-math.Pow10(1-nine), 9*math.Pow10(-nine)
		for i := range 12 {
			ps = append(ps, start+width*float64(i)/12)
		}
	}
	return append(ps, 99.999, 100)
}()

// newLatency reads a histogram at the percentiles. Those beyond what its
// count can resolve are left out: of 200 values none is the 99.9th percentile.
func newLatency(h *hdrhistogram.PackedHistogram) *Latency {
	l := &Latency{Count: h.TotalCount(), Max: float64(h.Max())}
	if l.Count <= 0 {
		return nil
	}
	values := h.ValueAtPercentilesSlice(percentiles)
	for i, p := range percentiles {
		if p == 100 || (1-p/100)*float64(l.Count) >= 1 {
			l.Points = append(l.Points, Quantile{p, float64(values[i])})
		}
	}
	return l
}
