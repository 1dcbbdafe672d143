package page

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A chartRow is one model's row: where it stands, and what is written at its
// end.
type chartRow struct {
	model  pageModel
	center float64
	lo, hi float64
	note   string // at the right
	title  string
	best   bool
	sum    analysis.Summary
	values []float64
}

// rowScale is the vertical axis of charts with a row per model, first on top.
func rowScale(rows []chartRow) scale {
	s := scale{min: -0.5, max: float64(len(rows)) - 0.5}
	for i, r := range rows {
		s.ticks = append(s.ticks, plot.Tick{Value: float64(len(rows) - 1 - i), Label: r.model.short()})
	}
	return s
}

// rowNotes are the texts at the right end of the rows.
type rowNotes []chartRow

// Plot writes the notes beside the plot.
func (rows rowNotes) Plot(dc draw.Canvas, p *plot.Plot) {
	c := ours(dc)
	_, ty := p.Transforms(&dc)
	for i, r := range rows {
		style := textStyle(inkMuted, draw.XLeft, draw.YCenter)
		class := "note"
		if r.best {
			class, style.Color = "note best", inkText
		}
		c.open(class, "", "")
		dc.FillText(style, vg.Point{X: dc.Max.X + 12, Y: ty(float64(len(rows) - 1 - i))}, r.note)
		c.close()
	}
}

// GlyphBoxes reserve room for the longest note.
func (rows rowNotes) GlyphBoxes(*plot.Plot) []plot.GlyphBox {
	w := vg.Length(0)
	for _, r := range rows {
		w = max(w, textStyle(inkText, draw.XLeft, draw.YCenter).Width(r.note))
	}
	return []plot.GlyphBox{{X: 1, Y: .5, Rectangle: vg.Rectangle{Max: vg.Point{X: w + 18, Y: 1}}}}
}

// rows collects a case's models with numbers, best first.
func (b *builder) rows(c *results.Case) []chartRow {
	r := b.run.Case(c, analysis.Throughput)
	var rows []chartRow
	for i := range r.Entries {
		e := &r.Entries[i]
		if len(e.Sample) == 0 {
			continue
		}
		s := analysis.SummarizeSample(e.Sample)
		row := chartRow{model: b.models[i], center: s.Center, lo: s.Lo, hi: s.Hi, sum: s, values: e.Sample.Values(), best: e.Relation.Good()}
		row.note = format.Value(s.Center, analysis.Throughput.Unit)
		mark := map[analysis.Relation]string{analysis.Best: "  ★", analysis.Tied: "  ≈ " + format.Ratio(e.Ratio), analysis.Unknown: "  ? " + format.Ratio(e.Ratio)}[e.Relation]
		if mark == "" {
			mark = "  " + format.Ratio(e.Ratio)
		}
		row.note += mark
		bounds := fmt.Sprintf("no interval: needs %d results", benchlog.MinResults)
		if s.Bounded() {
			bounds = fmt.Sprintf("95 %% interval %s to %s", format.Value(s.Lo, analysis.Throughput.Unit), format.Value(s.Hi, analysis.Throughput.Unit))
		}
		row.title = fmt.Sprintf("%s: %s, %s, n = %d", row.model.Name, format.Value(s.Center, analysis.Throughput.Unit), bounds, s.N)
		rows = append(rows, row)
	}
	sort.SliceStable(rows, func(i, j int) bool { return rows[i].center > rows[j].center })
	return rows
}

// caseCharts are a case's open charts.
func (b *builder) caseCharts(c *results.Case) (out pageCharts) {
	rows := b.rows(c)
	out.add(b.throughputChart(c, rows))
	out.add(b.latencyChart(c, 2*rowsHeight(rows)+60))
	out.add(b.spreadChart(c, rows))
	return out
}

// throughputChart is a dot with its interval per model. The axis is
// logarithmic where models are far apart, else it begins at zero.
func (b *builder) throughputChart(c *results.Case, rows []chartRow) (pageChart, bool) {
	if len(rows) == 0 {
		return pageChart{}, false
	}
	var values []float64
	for _, r := range rows {
		values = append(values, r.center)
		if r.sum.Bounded() {
			values = append(values, r.lo, r.hi)
		}
	}
	format := func(v float64) string { return format.Tick(v, analysis.Throughput.Unit) }
	lo, hi, ok := spanOf(values, true)
	if !ok {
		return pageChart{}, false
	}
	hint := "Further right is better; bars are 95 % intervals of the median."
	x, _ := linearScale(values, true, "", format)
	if hi/lo > 6 {
		x, _ = logScale(values, "", format)
		hint = "Further right is better, logarithmic; bars are 95 % intervals of the median."
	}
	p := newPlot(x, rowScale(rows))
	p.Add(grid(true, false), plotFunc(func(cv *svg, dc draw.Canvas, p *plot.Plot) {
		for i, r := range rows {
			drawRow(cv, dc, p, r, float64(len(rows)-1-i))
		}
	}), rowNotes(rows))
	return b.draw("Throughput", hint, chart{p, rowsHeight(rows), "rows", "Throughput of " + c.Title() + " by model"})
}

func rowsHeight(rows []chartRow) vg.Length { return vg.Points(float64(len(rows))*rowHeight + 38) }

// drawRow draws one model's thin bar, interval and dot.
func drawRow(c *svg, dc draw.Canvas, p *plot.Plot, r chartRow, at float64) {
	tx, ty := p.Transforms(&dc)
	y := ty(at)
	c.open("series mark "+r.model.Class, r.model.Name, r.title)
	defer c.close()
	center := tx(r.center)
	dc.StrokeLine2(lineStyle("thin", 1), dc.Min.X, y, center, y)
	if r.sum.Bounded() {
		lo, hi := tx(math.Max(r.lo, p.X.Min)), tx(math.Min(r.hi, p.X.Max))
		dc.StrokeLine2(lineStyle(inkGroup, 2), lo, y, hi, y)
		dc.StrokeLine2(lineStyle(inkGroup, 1.4), lo, y-4.5, lo, y+4.5)
		dc.StrokeLine2(lineStyle(inkGroup, 1.4), hi, y-4.5, hi, y+4.5)
	}
	dc.DrawGlyphNoClip(r.model.look.glyph(4.2), vg.Point{X: center, Y: y})
}

// maxDots bounds the results drawn one by one in a row.
const maxDots = 60

// spreadChart shows every result as its deviation from the model's own
// median, so that a slow model's noise is as visible as a fast one's.
func (b *builder) spreadChart(c *results.Case, rows []chartRow) (pageChart, bool) {
	var values []float64
	kept := make([]chartRow, 0, len(rows))
	for _, r := range rows {
		if r.sum.N < 2 {
			continue
		}
		for _, v := range r.values {
			values = append(values, deviation(v, r.center))
		}
		r.note = "±" + format.Percent(r.sum.Spread()/2)
		if n := r.sum.Mild + r.sum.Extreme; n > 0 {
			r.note += fmt.Sprintf("  %d out", n)
		}
		r.best = false
		r.title = fmt.Sprintf("%s: middle half within %s of the median, %s", r.model.Name, format.Percent(r.sum.Spread()), format.Count(r.sum.Mild+r.sum.Extreme, "outlier"))
		kept = append(kept, r)
	}
	x, ok := deviationScale(values)
	if !ok {
		return pageChart{}, false
	}
	p := newPlot(x, rowScale(kept))
	p.Add(grid(true, false), plotFunc(func(cv *svg, dc draw.Canvas, p *plot.Plot) {
		for i, r := range kept {
			drawSpread(cv, dc, p, r, float64(len(kept)-1-i))
		}
	}), rowNotes(kept))
	return b.draw("Run-to-run spread", "Each result against its model’s median; box: the middle half, rings: outliers. Narrow is trustworthy.",
		chart{p, rowsHeight(kept), "rows", "Spread of results of " + c.Title() + " by model"})
}

// deviation is a result against the median, at most half and double: further
// ones are drawn at the edge.
func deviation(v, center float64) float64 { return clamp(v/center-1, -0.5, 1) }

func deviationScale(values []float64) (scale, bool) {
	lo, hi, ok := spanOf(values, false)
	if !ok {
		return scale{}, false
	}
	// Symmetric, and never so narrow that nothing looks like noise.
	reach := math.Max(math.Max(-lo, hi), 0.02)
	return linearScale([]float64{-math.Min(reach, 0.5), reach}, true, "", func(v float64) string {
		if v == 0 {
			return "median"
		}
		return strings.Replace(fmt.Sprintf("%+.3g %%", math.Round(v*1000)/10), "-", "−", 1)
	})
}

func drawSpread(c *svg, dc draw.Canvas, p *plot.Plot, r chartRow, at float64) {
	tx, ty := p.Transforms(&dc)
	y := ty(at)
	c.open("series mark "+r.model.Class, r.model.Name, r.title)
	defer c.close()
	q1, q3, mid := tx(deviation(r.sum.Q1, r.center)), tx(deviation(r.sum.Q3, r.center)), tx(0)
	box := vg.Rectangle{Min: vg.Point{X: q1, Y: y - 6}, Max: vg.Point{X: q3, Y: y + 6}}
	dc.SetColor(ink("soft"))
	dc.Fill(box.Path())
	dc.StrokeLine2(lineStyle(inkGroup, 1.4), mid, y-7, mid, y+7)
	n := len(r.values)
	for i, v := range r.values {
		out := r.sum.Outlier(v)
		if n > maxDots && !out {
			continue
		}
		// Later results lie lower: a drift shows as a slope.
		pt := vg.Point{X: tx(deviation(v, r.center)), Y: y + vg.Length(4-8*float64(i)/math.Max(1, float64(n-1)))}
		if out {
			ring(dc, pt, 3.2)
		} else {
			dc.DrawGlyphNoClip(draw.GlyphStyle{Color: inkGroup, Radius: 1.9, Shape: draw.CircleGlyph{}}, pt)
		}
	}
}

// ring draws an outlier: a dot with the page's ground inside.
func ring(dc draw.Canvas, at vg.Point, r vg.Length) {
	dc.DrawGlyphNoClip(draw.GlyphStyle{Color: inkGroup, Radius: r, Shape: draw.CircleGlyph{}}, at)
	dc.DrawGlyphNoClip(draw.GlyphStyle{Color: inkPanel, Radius: r - 1.3, Shape: draw.CircleGlyph{}}, at)
}
