package chart

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Point is a place with the interval round it; without one both ends are 0.
type Point struct{ X, Y, Lo, Hi float64 }

// A Line is one model's.
type Line struct {
	Model  Model
	Title  string // shown where the pointer is; "" is the model's name
	Best   bool
	Points []Point
	Median float64 // that they are set against, where Y is of deviations
	Bars   bool    // draw the intervals
	Dots   bool    // a marker at every point, else at some
}

// class is what the style sheet knows the line by.
func (l Line) class() string {
	switch {
	case l.Best:
		return "best"
	case l.Model.Look.Baseline:
		return "base"
	}
	return ""
}

// plotLines returns the plot of the lines, the muted ones first so that the
// best lies on top, with names at their ends; nil if nothing can be shown.
func (c *Chart) plotLines() *plot.Plot {
	var xs, ys []float64
	lines := slices.Clone(c.Lines)
	for i := range lines {
		l := &lines[i]
		if c.Y.Deviations {
			l.Points = slices.Clone(l.Points)
			for k := range l.Points {
				l.Points[k].Y = deviation(l.Points[k].Y, l.Median)
			}
		}
		for _, p := range l.Points {
			xs, ys = append(xs, p.X), append(ys, p.Y)
			if p.Hi != 0 {
				ys = append(ys, p.Lo, p.Hi)
			}
		}
	}
	x, ok := c.X.covering(xs)
	y, ok2 := c.Y.covering(ys)
	if len(lines) == 0 || !ok || !ok2 {
		return nil
	}
	p := newPlot(x, y)
	if c.Unnamed {
		p.Add(grid(true, true))
		for _, l := range lines {
			p.Add(drawLine(l))
		}
		return p
	}
	p.Add(grid(false, true), plotFunc(c.under))
	for _, best := range []bool{false, true} {
		for _, l := range lines {
			if l.Best == best {
				p.Add(drawLine(l))
			}
		}
	}
	p.Add(endLabels(lines))
	return p
}

// under draws what lies under the lines.
func (c *Chart) under(_ *svg, dc draw.Canvas, p *plot.Plot) {
	tx, ty := p.Transforms(&dc)
	for _, x := range c.Shaded {
		dc.SetColor(inkShade)
		dc.Fill(vg.Rectangle{Min: vg.Point{X: tx(x - .4), Y: dc.Min.Y}, Max: vg.Point{X: tx(x + .4), Y: dc.Max.Y}}.Path())
	}
	var dashed []vg.Point
	for _, at := range c.Dashed {
		dashed = append(dashed, vg.Point{X: tx(at.X), Y: ty(at.Y)})
	}
	dc.StrokeLines(lineStyle(inkMuted, 1.2, 5, 4), dashed)
}

// someMarkers is about how many a line has that has not one at every point.
const someMarkers = 6

// drawLine draws one model's line, with its interval bars and dots.
func drawLine(l Line) plotFunc {
	return func(c *svg, dc draw.Canvas, p *plot.Plot) {
		tx, ty := p.Transforms(&dc)
		c.open("series "+l.Model.Class+" "+l.class(), l.Model.Name, cmp.Or(l.Title, l.Model.Name))
		defer c.close()
		width := 1.5
		if l.Best {
			width = 2.4
		}
		style := lineStyle(inkGroup, width, l.Model.Look.Dashes()...)
		line := make([]vg.Point, len(l.Points))
		for i, m := range l.Points {
			line[i] = vg.Point{X: tx(m.X), Y: ty(m.Y)}
		}
		if l.Bars {
			for i, m := range l.Points {
				drawBar(dc, line[i], ty, m, p.Y.Min, p.Y.Max)
			}
		}
		dc.StrokeLines(style, line)
		every := 1
		if !l.Dots {
			every = max(1, len(line)/someMarkers)
		}
		for i := (len(line) - 1) % every; i < len(line); i += every {
			dc.DrawGlyphNoClip(l.Model.Look.glyph(2.8), line[i])
		}
	}
}

// drawBar draws a vertical interval; an open end reaches the chart's edge.
func drawBar(dc draw.Canvas, at vg.Point, ty func(float64) vg.Length, m Point, min, max float64) {
	if m.Lo >= m.Hi {
		return
	}
	lo, hi := ty(math.Max(m.Lo, min)), ty(math.Min(m.Hi, max))
	style := lineStyle(inkGroup, 1)
	dc.StrokeLine2(style, at.X, lo, at.X, hi)
	dc.StrokeLine2(style, at.X-2.5, lo, at.X+2.5, lo)
	dc.StrokeLine2(style, at.X-2.5, hi, at.X+2.5, hi)
}
