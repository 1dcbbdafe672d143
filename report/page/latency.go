package page

import (
	"fmt"
	"math"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
	"switchyard/report/results"
)

func nanoseconds(v float64) string { return format.Tick(v, "ns") }

// percentiles are the ticks of an axis of nines.
var percentiles = []struct {
	p     float64
	label string
}{{0, "min"}, {50, "p50"}, {90, "p90"}, {99, "p99"}, {99.9, "p99.9"}, {99.99, "p99.99"}, {99.999, "p99.999"}}

// latencyChart shows latency by percentile, as high as the two charts of so
// many rows beside it. The x axis gives every nine the same room: that is where
// models differ.
func (b *builder) latencyChart(c *results.Case, rows int) figure {
	f := figure{Title: "Latency by percentile", Hint: "Lower is better; each nine has the same room. Merged over all results."}
	f.Chart = chart.Chart{Label: "Latency of " + c.Title() + " by percentile and model", Tall: true, Beside: rows, Y: chart.Axis{Log: true, Write: nanoseconds}}
	x := chart.Axis{Max: 1}
	rank := b.run.ByCase[c][analysis.TailP99]
	for i, m := range b.run.Models {
		cell := c.Cells[m]
		if !cell.Usable() {
			continue
		}
		if cell.Latency == nil {
			f.Hint = "Lower is better; each nine has the same room. Medians over results where no histogram was kept."
		}
		qs := quantiles(b.run, cell)
		l := chart.Line{Model: b.models[i].Model, Best: rank.Entries[i].Relation == analysis.Best, Dots: cell.Latency == nil}
		for _, q := range qs {
			if q.P < 100 && q.NS > 0 && format.Finite(q.NS) {
				l.Points = append(l.Points, chart.Point{X: nines(q.P), Y: q.NS})
				x.Max = max(x.Max, nines(q.P))
			}
		}
		if len(l.Points) < 2 {
			continue
		}
		l.Title = fmt.Sprintf("%s: p50 %s, p99 %s", l.Model.Name, quantileText(qs, 50), quantileText(qs, 99))
		f.Chart.Lines = append(f.Chart.Lines, l)
	}
	for _, t := range percentiles {
		if v := nines(t.p); v <= x.Max && !(t.p == 0 && x.Max > 3) {
			x.Ticks = append(x.Ticks, chart.Tick{Value: v, Label: t.label})
		}
	}
	f.Chart.X = x
	return f
}

// nines maps a percentile to how many nines it has: 90 to 1, 99 to 2.
func nines(p float64) float64 { return -math.Log10(1 - math.Min(p, 99.9999)/100) }

// quantiles are the cell's merged histogram, or else the medians of the
// percentiles that its results give.
func quantiles(a *analysis.Analysis, c *results.Cell) []results.Quantile {
	if c.Latency != nil {
		return c.Latency.Points
	}
	var out []results.Quantile
	for _, u := range []struct {
		p    float64
		unit string
	}{{50, "p50-ns"}, {90, "p90-ns"}, {99, "p99-ns"}, {99.9, "p99.9-ns"}} {
		if s := a.Sums[c][u.unit]; s.N > 0 {
			out = append(out, results.Quantile{P: u.p, NS: s.Center})
		}
	}
	return out
}

func quantileText(qs []results.Quantile, p float64) string {
	for _, q := range qs {
		if math.Abs(q.P-p) < 1e-6 {
			return format.Value(q.NS, "ns")
		}
	}
	return "unknown"
}

// distributionChart is the cumulative distribution of latency.
func (b *builder) distributionChart(c *results.Case) figure {
	f := figure{Title: "Latency distribution", Hint: "Share of ops at most that slow; further left is better."}
	f.Chart = chart.Chart{
		Label: "Cumulative distribution of latency of " + c.Title(), Unnamed: true,
		X: chart.Axis{Log: true, Write: nanoseconds},
		Y: chart.Axis{Max: 100, Write: func(v float64) string { return fmt.Sprintf("%.0f %%", v) }},
	}
	rank := b.run.ByCase[c][analysis.TailP99]
	for i, m := range b.run.Models {
		cell := c.Cells[m]
		if !cell.Usable() || cell.Latency == nil {
			continue
		}
		l := chart.Line{Model: b.models[i].Model, Best: rank.Entries[i].Relation == analysis.Best}
		for _, q := range cell.Latency.Points {
			if q.NS > 0 && (q.P <= 99.91 || q.P >= 100) {
				l.Points = append(l.Points, chart.Point{X: q.NS, Y: q.P})
			}
		}
		if len(l.Points) > 1 {
			f.Chart.Lines = append(f.Chart.Lines, l)
		}
	}
	return f
}
