package chart

import (
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Row is one model's: a dot with its interval, or a box of results.
type Row struct {
	Model Model
	Title string // shown where the pointer is
	Note  string // at the right
	Best  bool

	At, Lo, Hi float64 // without an interval both ends are 0
	Box        *Box
}

// A Box is what the results of a row are like: the middle half, and each of
// them in run order. The middle lies at zero.
type Box struct {
	Q1, Q3  float64
	Results []Result
}

// A Result is one of a row's.
type Result struct {
	At      float64
	Outlier bool
}

// plotRows returns the plot of the rows, first on top; nil if nothing can be
// shown.
func (c *Chart) plotRows() *plot.Plot {
	var xs []float64
	for _, r := range c.Rows {
		if r.Box == nil {
			xs = append(xs, r.At)
			if r.Hi != 0 {
				xs = append(xs, r.Lo, r.Hi)
			}
			continue
		}
		for _, one := range r.Box.Results {
			xs = append(xs, one.At)
		}
	}
	x, ok := c.X.covering(xs)
	if !ok {
		return nil
	}
	p := newPlot(x, rowAxis(c.Rows))
	p.Add(grid(true, false), plotFunc(c.rows), rowNotes(c.Rows))
	return p
}

func (c *Chart) rows(cv *svg, dc draw.Canvas, p *plot.Plot) {
	for i, r := range c.Rows {
		at := float64(len(c.Rows) - 1 - i)
		cv.open("series mark "+r.Model.Class, r.Model.Name, r.Title)
		if r.Box == nil {
			drawDot(dc, p, r, at)
		} else {
			drawBox(dc, p, r.Box, at)
		}
		cv.close()
	}
}

// rowAxis is the vertical axis of charts with a row per model, first on top.
func rowAxis(rows []Row) Axis {
	a := Axis{Min: -0.5, Max: float64(len(rows)) - 0.5}
	for i, r := range rows {
		a.Ticks = append(a.Ticks, Tick{Value: float64(len(rows) - 1 - i), Label: r.Model.short()})
	}
	return a
}

// rowNotes are the texts at the right end of the rows.
type rowNotes []Row

// Plot writes the notes beside the plot.
func (rows rowNotes) Plot(dc draw.Canvas, p *plot.Plot) {
	c := ours(dc)
	_, ty := p.Transforms(&dc)
	for i, r := range rows {
		style := textStyle(inkMuted, draw.XLeft, draw.YCenter)
		class := "note"
		if r.Best {
			class, style.Color = "note best", inkText
		}
		c.open(class, "", "")
		dc.FillText(style, vg.Point{X: dc.Max.X + 12, Y: ty(float64(len(rows) - 1 - i))}, r.Note)
		c.close()
	}
}

// GlyphBoxes reserve room for the longest note.
func (rows rowNotes) GlyphBoxes(*plot.Plot) []plot.GlyphBox {
	var notes []string
	for _, r := range rows {
		notes = append(notes, r.Note)
	}
	return roomFor(notes, 18)
}

// drawDot draws one model's thin bar, interval and dot.
func drawDot(dc draw.Canvas, p *plot.Plot, r Row, at float64) {
	tx, ty := p.Transforms(&dc)
	y, center := ty(at), tx(r.At)
	dc.StrokeLine2(lineStyle("thin", 1), dc.Min.X, y, center, y)
	if r.Hi != 0 {
		lo, hi := tx(math.Max(r.Lo, p.X.Min)), tx(math.Min(r.Hi, p.X.Max))
		dc.StrokeLine2(lineStyle(inkGroup, 2), lo, y, hi, y)
		dc.StrokeLine2(lineStyle(inkGroup, 1.4), lo, y-4.5, lo, y+4.5)
		dc.StrokeLine2(lineStyle(inkGroup, 1.4), hi, y-4.5, hi, y+4.5)
	}
	dc.DrawGlyphNoClip(r.Model.Look.glyph(4.2), vg.Point{X: center, Y: y})
}

// maxDots bounds the results drawn one by one in a row.
const maxDots = 60

// drawBox draws the middle half, and the results.
func drawBox(dc draw.Canvas, p *plot.Plot, b *Box, at float64) {
	tx, ty := p.Transforms(&dc)
	y := ty(at)
	q1, q3, mid := tx(b.Q1), tx(b.Q3), tx(0)
	box := vg.Rectangle{Min: vg.Point{X: q1, Y: y - 6}, Max: vg.Point{X: q3, Y: y + 6}}
	dc.SetColor(ink("soft"))
	dc.Fill(box.Path())
	dc.StrokeLine2(lineStyle(inkGroup, 1.4), mid, y-7, mid, y+7)
	n := len(b.Results)
	for i, r := range b.Results {
		if n > maxDots && !r.Outlier {
			continue
		}
		// Later results lie lower: a drift shows as a slope.
		pt := vg.Point{X: tx(r.At), Y: y + vg.Length(4-8*float64(i)/math.Max(1, float64(n-1)))}
		if r.Outlier {
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
