package chart

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/report/format"
)

// A Row is one model's rate: a dot with its interval, or, where the axis is of
// deviations from the median, a box of its results.
type Row struct {
	Model Model
	Best  bool
	Mark  string  // how it stands to the best
	Ratio float64 // to the best; 0 is not told

	N              int
	Center, Lo, Hi float64 // without an interval both ends are 0
	None           string  // why there is no interval
	Q1, Q3         float64
	Results        []float64 // in run order
	Outliers       int
}

// spread is that of the results, as a share of their median.
func (r *Row) spread() float64 { return (r.Q3 - r.Q1) / r.Center }

// outlier reports whether a result is beyond 1.5 interquartile ranges.
func (r *Row) outlier(v float64) bool {
	fence := 1.5 * (r.Q3 - r.Q1)
	return v < r.Q1-fence || v > r.Q3+fence
}

// deviation is a result against the median, at most half and double: further
// ones are drawn at the edge.
func deviation(v, median float64) float64 {
	if d := v/median - 1; d > -0.5 {
		return min(d, 1)
	}
	return -0.5
}

// words are a row's note, at its right, and its title, where the pointer is.
func (c *Chart) words(r *Row) (note, title string) {
	if c.X.Deviations {
		if note = "±" + format.Percent(r.spread()/2); r.Outliers > 0 {
			note += fmt.Sprintf("  %d out", r.Outliers)
		}
		return note, fmt.Sprintf("%s: middle half within %s of the median, %s", r.Model.Name, format.Percent(r.spread()), format.Count(r.Outliers, "outlier"))
	}
	bounds := "no interval: " + r.None
	if r.Hi != 0 {
		bounds = fmt.Sprintf("95 %% interval %s to %s", format.Rate(r.Lo), format.Rate(r.Hi))
	}
	mark := r.Mark
	if r.Ratio != 0 {
		mark = strings.TrimSpace(mark + " " + format.Ratio(r.Ratio))
	}
	return format.Rate(r.Center) + "  " + mark, fmt.Sprintf("%s: %s, %s, n = %d", r.Model.Name, format.Rate(r.Center), bounds, r.N)
}

// plotRows returns the plot of the rows, first on top; nil if nothing can be
// shown.
func (c *Chart) plotRows() *plot.Plot {
	var xs []float64
	for _, r := range c.Rows {
		switch {
		case c.X.Deviations:
			for _, v := range r.Results {
				xs = append(xs, deviation(v, r.Center))
			}
		case r.Hi != 0:
			xs = append(xs, r.Center, r.Lo, r.Hi)
		default:
			xs = append(xs, r.Center)
		}
	}
	x, ok := c.X.covering(xs)
	if !ok {
		return nil
	}
	p := newPlot(x, rowAxis(c.Rows))
	p.Add(grid(true, false), plotFunc(c.rows), rowNotes{c})
	return p
}

func (c *Chart) rows(cv *svg, dc draw.Canvas, p *plot.Plot) {
	for i := range c.Rows {
		r, at := &c.Rows[i], float64(len(c.Rows)-1-i)
		_, title := c.words(r)
		cv.open("series mark "+r.Model.Class, r.Model.Name, title)
		if c.X.Deviations {
			drawBox(dc, p, r, at)
		} else {
			drawDot(dc, p, r, at)
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

// rowNotes are the texts at the right end of a chart's rows.
type rowNotes struct{ *Chart }

// Plot writes the notes beside the plot.
func (n rowNotes) Plot(dc draw.Canvas, p *plot.Plot) {
	c := ours(dc)
	_, ty := p.Transforms(&dc)
	for i := range n.Rows {
		style := textStyle(inkMuted, draw.XLeft, draw.YCenter)
		class := "note"
		if n.Rows[i].Best && !n.X.Deviations { // nobody is the best by scatter
			class, style.Color = "note best", inkText
		}
		note, _ := n.words(&n.Rows[i])
		c.open(class, "", "")
		dc.FillText(style, vg.Point{X: dc.Max.X + 12, Y: ty(float64(len(n.Rows) - 1 - i))}, note)
		c.close()
	}
}

// GlyphBoxes reserve room for the longest note.
func (n rowNotes) GlyphBoxes(*plot.Plot) []plot.GlyphBox {
	var notes []string
	for i := range n.Rows {
		note, _ := n.words(&n.Rows[i])
		notes = append(notes, note)
	}
	return roomFor(notes, 18)
}

// drawDot draws one model's thin bar, interval and dot.
func drawDot(dc draw.Canvas, p *plot.Plot, r *Row, at float64) {
	tx, ty := p.Transforms(&dc)
	y, center := ty(at), tx(r.Center)
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
func drawBox(dc draw.Canvas, p *plot.Plot, r *Row, at float64) {
	tx, ty := p.Transforms(&dc)
	y := ty(at)
	q1, q3, mid := tx(deviation(r.Q1, r.Center)), tx(deviation(r.Q3, r.Center)), tx(0)
	box := vg.Rectangle{Min: vg.Point{X: q1, Y: y - 6}, Max: vg.Point{X: q3, Y: y + 6}}
	dc.SetColor(ink("soft"))
	dc.Fill(box.Path())
	dc.StrokeLine2(lineStyle(inkGroup, 1.4), mid, y-7, mid, y+7)
	n := len(r.Results)
	for i, v := range r.Results {
		if n > maxDots && !r.outlier(v) {
			continue
		}
		// Later results lie lower: a drift shows as a slope.
		pt := vg.Point{X: tx(deviation(v, r.Center)), Y: y + vg.Length(4-8*float64(i)/math.Max(1, float64(n-1)))}
		if r.outlier(v) {
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
