package page

import (
	"slices"
	"strings"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
	"switchyard/report/results"
)

// maxCurveCharts bounds the curves of a workload that are drawn.
const maxCurveCharts = 6

// curveCharts are a workload's scaling curves: throughput over the number that
// varies, and the gain over the baseline where there is one; where models are
// judged by it, latency.
func (b *builder) curveCharts(w *results.Workload) (out []figure) {
	add := func(f figure, ok bool) bool {
		if ok {
			out = append(out, f)
		}
		return ok
	}
	for _, g := range b.run.Curves[w] {
		if len(out) >= maxCurveCharts {
			break
		}
		if w.Info.ByLatency() { // against load
			add(b.scalingChart(g, analysis.MedianLatency))
		} else {
			add(b.scalingChart(g, analysis.Throughput))
		}
		if !add(b.gainChart(g, false)) {
			add(b.scalingChart(g, analysis.TailP99))
		}
	}
	return out
}

// axisOf is a curve's own: logarithmic, with its cases as ticks.
func axisOf(g analysis.Curve) chart.Axis {
	x := chart.Axis{Min: g.X[0], Max: g.X[len(g.X)-1], Log: true, Label: format.Clean(strings.TrimSpace(g.Key + " " + fixedIn(g.Fixed)))}
	every := 1 + (len(g.X)-1)/8
	for i := 0; i < len(g.X); i += every {
		x.Ticks = append(x.Ticks, chart.Tick{Value: g.X[i], Label: g.Values[i]})
	}
	return x
}

func fixedIn(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// scalingChart draws a metric over the number that varies.
func (b *builder) scalingChart(g analysis.Curve, m analysis.Metric) (figure, bool) {
	row := b.run.ByWorkload[g.Workload][m]
	if row == nil { // it is none of those that are ranked
		row = b.run.ByWorkload[g.Workload][analysis.TailP99]
	}
	var lines []chart.Line
	for i, model := range b.run.Models {
		l := chart.Line{Model: b.models[i].Model, Best: row.Entries[i].Relation == analysis.Best, Bars: true, Dots: true}
		for k, c := range g.Cases {
			sum := b.run.Sums[c.Cells[model]][m.Unit]
			if sum.N == 0 || sum.Center <= 0 {
				continue
			}
			pt := chart.Point{X: g.X[k], Y: sum.Center}
			if sum.Bounded() {
				pt.Lo, pt.Hi = sum.Lo, sum.Hi
			}
			l.Points = append(l.Points, pt)
		}
		if len(l.Points) > 0 {
			lines = append(lines, l)
		}
	}
	better := map[bool]string{true: "Higher", false: "Lower"}[m.Higher]
	title := m.Name + " by " + format.Clean(g.Key)
	return figure{
		Title: title, Hint: better + " is better, both axes logarithmic; bars are 95 % intervals.",
		Chart: chart.Chart{
			Label: title + " of " + format.Clean(g.Workload.Name), Lines: lines,
			X: axisOf(g), Y: chart.Axis{Log: true, Write: func(v float64) string { return format.Tick(v, m.Unit) }},
		},
	}, len(lines) > 0
}

// gainChart draws each model's throughput over the baseline's: where a line
// passes one, the model begins to pay. Models whose units are processes can be
// stressed in place of the best. Where nothing ever gains there is nothing to
// see.
func (b *builder) gainChart(g analysis.Curve, stress bool) (f figure, ok bool) {
	i := slices.IndexFunc(b.models, func(m pageModel) bool { return m.Baseline })
	if i < 0 {
		return f, false
	}
	base := b.models[i]
	row := b.run.ByWorkload[g.Workload][analysis.Throughput]
	x := axisOf(g)
	f = figure{Title: "Gain over " + base.Name, Hint: "Above the dashed line the model pays; bars are 95 % intervals of the ratio."}
	f.Chart = chart.Chart{
		Label: "Throughput over " + base.Name + " of " + format.Clean(g.Workload.Name), Dashed: []chart.Point{{X: x.Min, Y: 1}, {X: x.Max, Y: 1}},
		X: x, Y: chart.Axis{Log: true, Covers: []float64{1}, Write: format.Ratio},
	}
	for i, m := range b.run.Models {
		if b.models[i].Baseline {
			continue
		}
		best := row.Entries[i].Relation == analysis.Best
		if stress {
			best = b.models[i].Processes
		}
		l := chart.Line{Model: b.models[i].Model, Title: b.models[i].Name + " over " + base.Name, Best: best, Bars: true, Dots: true}
		for _, p := range g.Gains[m] {
			pt := chart.Point{X: p.X, Y: p.Ratio}
			if p.Lo > 0 && format.Finite(p.Hi) {
				pt.Lo, pt.Hi = p.Lo, p.Hi
			}
			l.Points = append(l.Points, pt)
		}
		if len(l.Points) > 1 {
			f.Chart.Lines = append(f.Chart.Lines, l)
			ok = ok || slices.ContainsFunc(l.Points, func(p chart.Point) bool { return max(p.Y, p.Hi) > 1 })
		}
	}
	return f, ok
}
