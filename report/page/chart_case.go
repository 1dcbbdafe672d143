package page

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// latencyChart shows latency by percentile. The x axis gives every nine the
// same room: that is where models differ.
func (b *builder) latencyChart(c *results.Case, h vg.Length) (pageChart, bool) {
	var all []series
	var ys, xs []float64
	rank := b.run.Case(c, analysis.TailP99)
	merged := true
	for i, m := range b.run.Models {
		cell := c.Cells[m]
		if !cell.Usable() {
			continue
		}
		qs := quantiles(b.run, cell)
		merged = merged && cell.Latency != nil
		s := b.series(i, rank)
		s.dots = cell.Latency == nil
		for _, q := range qs {
			if q.P >= 100 || q.NS <= 0 || !format.Finite(q.NS) {
				continue
			}
			pt := mark{x: nines(q.P), y: q.NS}
			s.points = append(s.points, pt)
			xs, ys = append(xs, pt.x), append(ys, pt.y)
		}
		if len(s.points) < 2 {
			continue
		}
		s.title = fmt.Sprintf("%s: p50 %s, p99 %s", s.model.Name, quantileText(qs, 50), quantileText(qs, 99))
		all = append(all, s)
	}
	y, ok := logScale(ys, "", func(v float64) string { return format.Tick(v, "ns") })
	if !ok {
		return pageChart{}, false
	}
	_, reach, _ := spanOf(xs, false)
	x := scale{min: 0, max: math.Max(reach, 1)}
	for _, t := range []struct {
		p     float64
		label string
	}{{0, "min"}, {50, "p50"}, {90, "p90"}, {99, "p99"}, {99.9, "p99.9"}, {99.99, "p99.99"}, {99.999, "p99.999"}} {
		if v := nines(t.p); v <= x.max && !(t.p == 0 && x.max > 3) {
			x.ticks = append(x.ticks, plot.Tick{Value: v, Label: t.label})
		}
	}
	hint := "Lower is better; each nine has the same room. Merged over all results."
	if !merged {
		hint = "Lower is better; each nine has the same room. Medians over results where no histogram was kept."
	}
	ch, ok := b.lineChart("Latency by percentile", hint, "Latency of "+c.Title()+" by percentile and model", x, y, h, all)
	ch.Tall = true
	return ch, ok
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
		if s := a.Summary(c, u.unit); s.N > 0 {
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

// foldedCharts are the charts that a reader opens on doubt.
func (b *builder) foldedCharts(c *results.Case) (out pageCharts) {
	if !b.sparse {
		out.add(b.progressChart(c))
		out.add(b.distributionChart(c))
	}
	return out
}

// progressChart shows results in run order, each against its model's median,
// with the disturbed blocks shaded.
func (b *builder) progressChart(c *results.Case) (pageChart, bool) {
	var all []series
	var ys []float64
	longest := 0
	rank := b.run.Case(c, analysis.Throughput)
	shaded := map[int]bool{}
	for i, m := range b.run.Models {
		values, _ := analysis.Throughput.Sample(c.Cells[m])
		if len(values) < 2 {
			continue
		}
		center := analysis.Summarize(values).Center
		s := b.series(i, rank)
		s.dots = len(values) <= maxDots
		for _, v := range thinTo(values, 160) {
			d := deviation(v.y, center)
			s.points = append(s.points, mark{x: v.x + 1, y: d})
			ys = append(ys, d)
		}
		for k, r := range c.Cells[m].Results {
			if r.Block >= 0 && r.Block < len(b.run.Blocks) && b.run.Blocks[r.Block].Disturbed {
				shaded[k+1] = true
			}
		}
		longest = max(longest, len(values))
		all = append(all, s)
	}
	y, ok := deviationScale(ys)
	if !ok {
		return pageChart{}, false
	}
	x := scale{min: 0.6, max: float64(longest) + 0.4, label: "result, in run order"}
	x.ticks = linearTicks(1, float64(longest), func(v float64) string {
		if v != math.Trunc(v) {
			return ""
		}
		return fmt.Sprintf("%.0f", v)
	})
	return b.lineChart("Progression by run order", "Each result against its model’s median; a slope or a step is the machine’s doing. Shaded: disturbed blocks.",
		"Results of "+c.Title()+" in run order", x, y, chartHeight, all, shade(shaded))
}

type point struct{ x, y float64 }

// thinTo keeps at most n values, with their places.
func thinTo(values []float64, n int) []point {
	step := max(1, (len(values)+n-1)/n)
	var out []point
	for i := 0; i < len(values); i += step {
		out = append(out, point{float64(i), values[i]})
	}
	return out
}

// shade draws the ground of the results that came from disturbed blocks.
func shade(at map[int]bool) plotFunc {
	return func(c *svg, dc draw.Canvas, p *plot.Plot) {
		tx, _ := p.Transforms(&dc)
		for _, k := range slices.Sorted(maps.Keys(at)) {
			dc.SetColor(inkShade)
			dc.Fill(vg.Rectangle{Min: vg.Point{X: tx(float64(k) - .4), Y: dc.Min.Y}, Max: vg.Point{X: tx(float64(k) + .4), Y: dc.Max.Y}}.Path())
		}
	}
}

// distributionChart is the cumulative distribution of latency.
func (b *builder) distributionChart(c *results.Case) (pageChart, bool) {
	var all []series
	var xs []float64
	rank := b.run.Case(c, analysis.TailP99)
	for i, m := range b.run.Models {
		cell := c.Cells[m]
		if !cell.Usable() || cell.Latency == nil {
			continue
		}
		s := b.series(i, rank)
		for _, q := range cell.Latency.Points {
			if q.NS <= 0 || q.P > 99.91 && q.P < 100 {
				continue
			}
			s.points = append(s.points, mark{x: q.NS, y: q.P})
			xs = append(xs, q.NS)
		}
		if len(s.points) > 1 {
			all = append(all, s)
		}
	}
	x, ok := logScale(xs, "", func(v float64) string { return format.Tick(v, "ns") })
	if !ok {
		return pageChart{}, false
	}
	y := scale{min: 0, max: 100}
	y.ticks = linearTicks(0, 100, func(v float64) string { return fmt.Sprintf("%.0f %%", v) })
	p := newPlot(x, y)
	p.Add(grid(true, true))
	for _, s := range all {
		p.Add(drawSeries(s))
	}
	return b.draw("Latency distribution", "Share of ops at most that slow; further left is better.", chart{p, chartHeight, "lines", "Cumulative distribution of latency of " + c.Title()})
}
