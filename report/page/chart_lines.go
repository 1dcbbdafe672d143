package page

import (
	"math"
	"sort"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/report/analysis"
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
