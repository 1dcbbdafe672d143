package chart

import (
	"math"
	"sort"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// endLabels names each line at its right end, pushed apart so that no two
// labels touch.
type endLabels []Line

// Plot draws the labels with a short leader where one was moved.
func (ls endLabels) Plot(dc draw.Canvas, p *plot.Plot) {
	c := ours(dc)
	tx, ty := p.Transforms(&dc)
	type label struct {
		line     Line
		from, at vg.Point
	}
	var out []label
	for _, l := range ls {
		if n := len(l.Points); n > 0 {
			pt := vg.Point{X: tx(l.Points[n-1].X), Y: ty(l.Points[n-1].Y)}
			out = append(out, label{l, pt, vg.Point{X: dc.Max.X + 10, Y: pt.Y}})
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
		c.open("series end "+l.line.Model.Class+" "+l.line.class(), l.line.Model.Name, "")
		// A line that ends early gets a dotted leader, or it would seem to go
		// on.
		leader := lineStyle(inkGroup, .7)
		if dc.Max.X-l.from.X > 12 {
			leader.Dashes = []vg.Length{1, 4}
		}
		dc.StrokeLine2(leader, l.from.X+3, l.from.Y, l.at.X-2, l.at.Y)
		dc.DrawGlyphNoClip(l.line.Model.Look.glyph(2.8), vg.Point{X: l.at.X + 2, Y: l.at.Y})
		dc.FillText(textStyle(inkText, draw.XLeft, draw.YCenter), vg.Point{X: l.at.X + 8, Y: l.at.Y}, l.line.Model.short())
		c.close()
	}
}

// GlyphBoxes reserve room at the right for the longest name.
func (ls endLabels) GlyphBoxes(*plot.Plot) []plot.GlyphBox {
	var names []string
	for _, l := range ls {
		names = append(names, l.Model.short())
	}
	return roomFor(names, 24)
}

// roomFor reserves room at the right for the longest of some texts, and more.
func roomFor(texts []string, more vg.Length) []plot.GlyphBox {
	w := vg.Length(0)
	for _, s := range texts {
		w = max(w, textStyle(inkText, draw.XLeft, draw.YCenter).Width(s))
	}
	return []plot.GlyphBox{{X: 1, Y: .5, Rectangle: vg.Rectangle{Max: vg.Point{X: w + more, Y: 1}}}}
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
