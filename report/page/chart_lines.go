package page

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A mark is a point with the interval round it.
type mark struct{ x, y, lo, hi float64 }

// A series is one model's line.
type series struct {
	model  pageModel
	title  string
	class  string // "best", "base" or ""
	points []mark
	bars   bool // draw the intervals
	dots   bool // a marker at every point, else at some
}

// someMarkers is about how many a line has that has not one at every point.
const someMarkers = 6

// drawSeries draws one model's line, with its interval bars and dots.
func drawSeries(s series) plotFunc {
	return func(c *svg, dc draw.Canvas, p *plot.Plot) {
		tx, ty := p.Transforms(&dc)
		c.open("series "+s.model.Class+" "+s.class, s.model.Name, s.title)
		defer c.close()
		width := 1.5
		if s.class == "best" {
			width = 2.4
		}
		style := lineStyle(inkGroup, width, s.model.look.dashes()...)
		line := make([]vg.Point, len(s.points))
		for i, m := range s.points {
			line[i] = vg.Point{X: tx(m.x), Y: ty(m.y)}
		}
		if s.bars {
			for i, m := range s.points {
				drawBar(dc, line[i], ty, m, p.Y.Min, p.Y.Max)
			}
		}
		dc.StrokeLines(style, line)
		every := 1
		if !s.dots {
			every = max(1, len(line)/someMarkers)
		}
		for i := (len(line) - 1) % every; i < len(line); i += every {
			dc.DrawGlyphNoClip(s.model.look.glyph(2.8), line[i])
		}
	}
}

// drawBar draws a vertical interval; an open end reaches the chart's edge.
func drawBar(dc draw.Canvas, at vg.Point, ty func(float64) vg.Length, m mark, min, max float64) {
	if m.lo >= m.hi {
		return
	}
	lo, hi := ty(math.Max(m.lo, min)), ty(math.Min(m.hi, max))
	style := lineStyle(inkGroup, 1)
	dc.StrokeLine2(style, at.X, lo, at.X, hi)
	dc.StrokeLine2(style, at.X-2.5, lo, at.X+2.5, lo)
	dc.StrokeLine2(style, at.X-2.5, hi, at.X+2.5, hi)
}

// endLabels names each line at its right end, pushed apart so that no two
// labels touch.
type endLabels []series

// Plot draws the labels with a short leader where one was moved.
func (ls endLabels) Plot(dc draw.Canvas, p *plot.Plot) {
	c := ours(dc)
	tx, ty := p.Transforms(&dc)
	type label struct {
		s        series
		from, at vg.Point
	}
	var out []label
	for _, s := range ls {
		if n := len(s.points); n > 0 {
			pt := vg.Point{X: tx(s.points[n-1].x), Y: ty(s.points[n-1].y)}
			out = append(out, label{s, pt, vg.Point{X: dc.Max.X + 10, Y: pt.Y}})
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].at.Y < out[j].at.Y })
	ys := make([]float64, len(out))
	for i, l := range out {
		ys[i] = l.at.Y.Points()
	}
	spreadApart(ys, 12, dc.Min.Y.Points(), dc.Max.Y.Points()+4)
	for i, l := range out {
		l.at.Y = vg.Points(ys[i])
		c.open("series end "+l.s.model.Class+" "+l.s.class, l.s.model.Name, "")
		// A line that ends early gets a dotted leader, or it would seem to go
		// on.
		leader := lineStyle(inkGroup, .7)
		if dc.Max.X-l.from.X > 12 {
			leader.Dashes = []vg.Length{1, 4}
		}
		dc.StrokeLine2(leader, l.from.X+3, l.from.Y, l.at.X-2, l.at.Y)
		dc.DrawGlyphNoClip(l.s.model.look.glyph(2.8), vg.Point{X: l.at.X + 2, Y: l.at.Y})
		dc.FillText(textStyle(inkText, draw.XLeft, draw.YCenter), vg.Point{X: l.at.X + 8, Y: l.at.Y}, l.s.model.short())
		c.close()
	}
}

// GlyphBoxes reserve room at the right for the longest name.
func (ls endLabels) GlyphBoxes(*plot.Plot) []plot.GlyphBox {
	w := vg.Length(0)
	for _, s := range ls {
		w = max(w, textStyle(inkText, draw.XLeft, draw.YCenter).Width(s.model.short()))
	}
	return []plot.GlyphBox{{X: 1, Y: .5, Rectangle: vg.Rectangle{Max: vg.Point{X: w + 24, Y: 1}}}}
}

// spreadApart moves ascending positions so that neighbours are at least gap
// apart and all lie within lo and hi; nearer to each other if they do not fit.
func spreadApart(ys []float64, gap, lo, hi float64) {
	last := len(ys) - 1
	if last < 0 {
		return
	}
	gap = min(gap, (hi-lo)/float64(max(last, 1)))
	for range 40 {
		moved := false
		for i := 1; i < len(ys); i++ {
			if short := gap - (ys[i] - ys[i-1]); short > 0.05 {
				ys[i-1] -= short / 2
				ys[i] += short / 2
				moved = true
			}
		}
		ys[0] = math.Max(ys[0], lo)
		ys[last] = math.Min(ys[last], hi)
		if !moved {
			return
		}
	}
	// A crowd is not yet apart: the rest is pushed up, and down again.
	for i := 1; i <= last; i++ {
		ys[i] = math.Max(ys[i], ys[i-1]+gap)
	}
	ys[last] = math.Min(ys[last], hi)
	for i := last - 1; i >= 0; i-- {
		ys[i] = math.Min(ys[i], ys[i+1]-gap)
	}
}

// lineChart draws series into a plot, the muted ones first so that the best
// lies on top, and names their ends.
func (b *builder) lineChart(title, hint, label string, x, y scale, h vg.Length, all []series, under ...plot.Plotter) (pageChart, bool) {
	p := newPlot(x, y)
	p.Add(grid(false, true))
	p.Add(under...)
	for _, best := range []bool{false, true} {
		for _, s := range all {
			if (s.class == "best") == best {
				p.Add(drawSeries(s))
			}
		}
	}
	p.Add(endLabels(all))
	h = max(h, vg.Length(len(all))*12+60) // every line has a label
	return b.draw(title, hint, chart{p, h, "lines", label})
}

// series begins the line of the i-th model, which stands out where the model is
// the best of the row or a baseline.
func (b *builder) series(i int, r *analysis.Ranking) series {
	m := b.models[i]
	s := series{model: m, title: m.Name}
	switch {
	case r.Best() != nil && r.Best().Model == b.run.Models[i]:
		s.class = "best"
	case m.Baseline:
		s.class = "base"
	}
	return s
}

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
	return b.lineChart("Latency by percentile", hint, "Latency of "+c.Title()+" by percentile and model", x, y, h, all)
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
func (b *builder) foldedCharts(c *results.Case) []pageChart {
	var out []pageChart
	if b.sparse {
		return nil
	}
	if ch, ok := b.progressChart(c); ok {
		out = append(out, ch)
	}
	if ch, ok := b.distributionChart(c); ok {
		out = append(out, ch)
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

// curveCharts are a workload's scaling curves: throughput over the number
// that varies, and the gain over the baseline where there is one; where models
// are judged by it, latency.
func (b *builder) curveCharts(w *results.Workload) []pageChart {
	var out []pageChart
	for _, g := range b.run.Curves[w] {
		if len(out) >= 6 {
			break
		}
		if w.Info.ByLatency() { // against load
			if ch, ok := b.scalingChart(g, analysis.MedianLatency, "Lower is better, both axes logarithmic; bars are 95 % intervals."); ok {
				out = append(out, ch)
			}
		}
		if ch, ok := b.scalingChart(g, analysis.Throughput, "Higher is better, both axes logarithmic; bars are 95 % intervals."); ok {
			out = append(out, ch)
		}
		if ch, ok := b.gainChart(g, false); ok {
			out = append(out, ch)
		} else if ch, ok := b.scalingChart(g, analysis.TailP99, "Lower is better, both axes logarithmic; bars are 95 % intervals."); ok {
			out = append(out, ch)
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
func (b *builder) scalingChart(g analysis.Curve, m analysis.Metric, hint string) (pageChart, bool) {
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
	title := m.Name + " by " + format.Clean(g.Key)
	return b.lineChart(title, hint, title+" of "+format.Clean(g.Workload.Name), xScale(g), y, chartHeight, all)
}

// gains are the gain charts of the workloads that vary a task's size: the
// picture of the break-even.
func (b *builder) gains() []pageChart {
	var out []pageChart
	stress := slices.ContainsFunc(b.run.Models, func(m string) bool { return b.run.Model(m).Processes })
	for _, w := range b.shown {
		for _, g := range b.run.Curves[w] {
			if !g.Sizes() || len(out) == 2 {
				continue
			}
			if ch, ok := b.gainChart(g, stress); ok {
				ch.Workload = format.Clean(w.Name)
				ch.Title = format.Clean(w.Name) + ": " + strings.ToLower(ch.Title[:1]) + ch.Title[1:]
				out = append(out, ch)
			}
		}
	}
	return out
}

// gainChart draws each model's throughput over the baseline's: where a line
// passes one, the model begins to pay. Models whose units are processes can be
// stressed in place of the best.
func (b *builder) gainChart(g analysis.Curve, stress bool) (pageChart, bool) {
	baseline := b.run.Baseline()
	if baseline == "" || !drawable(g) {
		return pageChart{}, false
	}
	base := b.model(baseline)
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
