package page

import (
	"slices"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// curveCharts are a workload's scaling curves: throughput over the number
// that varies, and the gain over the baseline where there is one; where models
// are judged by it, latency.
func (b *builder) curveCharts(w *results.Workload) (out pageCharts) {
	for _, g := range b.run.Curves[w] {
		if len(out) >= 6 {
			break
		}
		if w.Info.ByLatency() { // against load
			out.add(b.scalingChart(g, analysis.MedianLatency))
		}
		out.add(b.scalingChart(g, analysis.Throughput))
		if !out.add(b.gainChart(g, false)) {
			out.add(b.scalingChart(g, analysis.TailP99))
		}
	}
	return out
}

// xScale is a curve's own axis: logarithmic, with its cases as ticks.
func xScale(g analysis.Curve) scale {
	x := scale{min: g.X[0], max: g.X[len(g.X)-1], log: true, label: format.Clean(strings.TrimSpace(g.Key + " " + fixedIn(g.Fixed)))}
	every := 1 + (len(g.X)-1)/8
	for i := 0; i < len(g.X); i += every {
		x.ticks = append(x.ticks, plot.Tick{Value: g.X[i], Label: format.CleanTo(g.Value(i), 12)})
	}
	return x
}

func fixedIn(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

func drawable(g analysis.Curve) bool {
	return len(g.X) >= 2 && g.X[0] >= tiniest && g.X[len(g.X)-1] <= hugest
}

// scalingChart draws a metric over the number that varies.
func (b *builder) scalingChart(g analysis.Curve, m analysis.Metric) (pageChart, bool) {
	if !drawable(g) {
		return pageChart{}, false
	}
	row := b.run.Workload(g.Workload, m)
	if row == nil { // it is none of those that are ranked
		row = b.run.Workload(g.Workload, analysis.TailP99)
	}
	var all []series
	var ys []float64
	for i, model := range b.run.Models {
		s := b.series(i, row)
		s.bars, s.dots = true, true
		for k, c := range g.Cases {
			v, _ := m.Sample(c.Cells[model])
			if len(v) == 0 {
				continue
			}
			sum := analysis.Summarize(v)
			pt := mark{x: g.X[k], y: sum.Center}
			ys = append(ys, pt.y)
			if sum.Bounded() {
				pt.lo, pt.hi = sum.Lo, sum.Hi
				ys = append(ys, pt.lo, pt.hi)
			}
			s.points = append(s.points, pt)
		}
		if len(s.points) > 0 {
			all = append(all, s)
		}
	}
	y, ok := logScale(ys, "", func(v float64) string { return format.Tick(v, m.Unit) })
	if !ok {
		return pageChart{}, false
	}
	better := map[bool]string{true: "Higher", false: "Lower"}[m.Higher]
	title := m.Name + " by " + format.Clean(g.Key)
	return b.lineChart(title, better+" is better, both axes logarithmic; bars are 95 % intervals.", title+" of "+format.Clean(g.Workload.Name), xScale(g), y, chartHeight, all)
}

// gainChart draws each model's throughput over the baseline's: where a line
// passes one, the model begins to pay. Models whose units are processes can be
// stressed in place of the best.
func (b *builder) gainChart(g analysis.Curve, stress bool) (pageChart, bool) {
	baseline := b.run.Baseline()
	if baseline == "" || !drawable(g) {
		return pageChart{}, false
	}
	base := b.model[baseline]
	row := b.run.Workload(g.Workload, analysis.Throughput)
	var all []series
	ys := []float64{1}
	for i, m := range b.run.Models {
		if b.models[i].Baseline {
			continue
		}
		s := b.series(i, row)
		s.bars, s.dots, s.title = true, true, s.title+" over "+base.Name
		if stress {
			s.class = map[bool]string{true: "best"}[b.run.Model(m).Processes]
		}
		for _, pt := range g.Gains[m] {
			mk := mark{x: pt.X, y: pt.Ratio}
			ys = append(ys, pt.Ratio)
			if pt.Lo > 0 && format.Finite(pt.Hi) {
				mk.lo, mk.hi = pt.Lo, pt.Hi
				ys = append(ys, pt.Lo, pt.Hi)
			}
			s.points = append(s.points, mk)
		}
		if len(s.points) > 1 {
			all = append(all, s)
		}
	}
	// Where nothing ever gains there is nothing to see.
	y, ok := logScale(ys, "", format.Ratio)
	if !ok || len(all) == 0 || slices.Max(ys) <= 1 {
		return pageChart{}, false
	}
	one := plotFunc(func(_ *svg, dc draw.Canvas, p *plot.Plot) {
		_, ty := p.Transforms(&dc)
		dc.StrokeLine2(lineStyle(inkMuted, 1.2, 5, 4), dc.Min.X, ty(1), dc.Max.X, ty(1))
	})
	return b.lineChart("Gain over "+base.Name, "Above the dashed line the model pays; bars are 95 % intervals of the ratio.", "Throughput over "+base.Name+" of "+format.Clean(g.Workload.Name), xScale(g), y, chartHeight, all, one)
}
