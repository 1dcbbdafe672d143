package page

import (
	"fmt"
	"html/template"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/report/format"
)

// Sizes of every chart, in the units of its view box.
const (
	chartWidth  = 420
	chartHeight = 270
	labelSize   = 11
	rowHeight   = 25 // of charts with a row per model

	tickRoom = 215 // for the labels of the axis below, beside names and notes
	nameRoom = 18  // characters of a model's name; the titles have all
)

// sans is what charts are set in. gonum places text by the widths of Liberation
// Sans; the style sheet asks for Arial first, which has the same.
var sans = font.Font{Typeface: "Liberation", Variant: "Sans", Size: labelSize}

func textStyle(i ink, x text.XAlignment, y text.YAlignment) text.Style {
	return text.Style{Color: i, Font: sans, XAlign: x, YAlign: y, Handler: plot.DefaultTextHandler}
}

func lineStyle(i ink, width float64, dashes ...vg.Length) draw.LineStyle {
	return draw.LineStyle{Color: i, Width: vg.Points(width), Dashes: dashes}
}

// A scale is one axis: its range, whether it is logarithmic, and its ticks.
type scale struct {
	min, max float64
	log      bool
	ticks    []plot.Tick
	label    string
}

// Bounds of what a logarithmic axis can show.
const (
	tiniest = 1e-15
	hugest  = 1e18
)

// spanOf is the range of the values that an axis can show; ok is false when
// there is none. Zero, NaN and infinities have no place on a logarithmic axis:
// plot.LogScale panics at them.
func spanOf(values []float64, log bool) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !format.Finite(v) || math.Abs(v) > hugest || log && v < tiniest {
			continue
		}
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	return lo, hi, lo <= hi
}

// logScale covers the values with a little room at both ends.
func logScale(values []float64, label string, tick func(float64) string) (scale, bool) {
	lo, hi, ok := spanOf(values, true)
	if !ok {
		return scale{}, false
	}
	room := math.Pow(math.Max(hi/lo, 1.5), 0.04)
	s := scale{min: lo / room, max: hi * room, log: true, label: label}
	s.ticks = logTicks(s.min, s.max, tick)
	return s, true
}

// linearScale covers the values, and zero when asked to.
func linearScale(values []float64, zero bool, label string, tick func(float64) string) (scale, bool) {
	lo, hi, ok := spanOf(values, false)
	if !ok {
		return scale{}, false
	}
	if zero {
		lo, hi = math.Min(0, lo), math.Max(0, hi)
	}
	if lo == hi {
		pad := math.Max(math.Abs(lo)*0.1, tiniest)
		lo, hi = lo-pad, hi+pad
	}
	room := (hi - lo) * 0.04
	s := scale{min: lo - room, max: hi + room, label: label}
	if zero && lo == 0 {
		s.min = 0
	}
	s.ticks = linearTicks(s.min, s.max, tick)
	return s, true
}

// linearTicks are three to six round numbers.
func linearTicks(lo, hi float64, tick func(float64) string) []plot.Tick {
	raw := (hi - lo) / 5
	if !format.Finite(raw) || raw <= 0 {
		return nil
	}
	mag := math.Pow(10, math.Floor(math.Log10(raw)))
	step := mag
	for _, f := range []float64{1, 2, 5, 10} {
		if step = f * mag; step >= raw {
			break
		}
	}
	var out []plot.Tick
	first := math.Ceil(lo / step)
	for i := range 12 {
		v := (first + float64(i)) * step
		if v > hi {
			break
		}
		out = append(out, plot.Tick{Value: v, Label: tick(v)})
	}
	return out
}

// logTicks are powers of ten, thinned to at most seven, or 1-2-5 steps where
// the range is short. The loops count, they do not multiply up to a limit: that
// never ends at zero.
func logTicks(lo, hi float64, tick func(float64) string) []plot.Tick {
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	if last-first > 60 {
		return nil
	}
	factors := []float64{1}
	if math.Log10(hi/lo) < 2.2 {
		factors = []float64{1, 2, 5}
	}
	if math.Log10(hi/lo) < 0.35 {
		return linearTicks(lo, hi, tick)
	}
	step := 1 + (last-first)/8
	var out []plot.Tick
	for d := first; d <= last; d += step {
		for _, f := range factors {
			if v := f * math.Pow(10, float64(d)); v >= lo && v <= hi {
				out = append(out, plot.Tick{Value: v, Label: tick(v)})
			}
		}
	}
	return out
}

// newPlot sets up axes and grid.
func newPlot(x, y scale) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []struct {
		axis *plot.Axis
		s    scale
	}{{&p.X, x}, {&p.Y, y}} {
		a.axis.Min, a.axis.Max = a.s.min, a.s.max
		a.axis.Padding = 0
		a.axis.LineStyle = lineStyle(inkGrid, 0)
		a.axis.Tick.LineStyle = lineStyle(inkGrid, 0)
		ticks := a.s.ticks
		if a.axis == &p.X {
			ticks = thinLabels(a.s)
		}
		a.axis.Tick.Marker = plot.ConstantTicks(ticks)
		a.axis.Tick.Label.Color, a.axis.Tick.Label.Font = inkMuted, sans
		a.axis.Label.TextStyle.Color, a.axis.Label.TextStyle.Font = inkMuted, sans
		a.axis.Label.Text = a.s.label
		a.axis.Label.Padding = 5
		a.axis.Scale = plot.LinearScale{}
		if a.s.log {
			a.axis.Scale = plot.LogScale{}
		}
	}
	p.X.Tick.Label.YAlign = draw.YTop
	return p
}

// thinLabels returns the ticks of an axis below, of which those have no label
// that would run into the one before. Ticks need not be evenly spaced: sizes
// that were added to a run lie close together.
func thinLabels(s scale) []plot.Tick {
	out := slices.Clone(s.ticks)
	end := vg.Length(math.Inf(-1))
	for i := range out {
		if out[i].Label == "" {
			continue
		}
		half := textStyle(inkMuted, draw.XCenter, draw.YTop).Width(out[i].Label) / 2
		at := vg.Length(s.share(out[i].Value)) * tickRoom
		if at-half < end {
			out[i].Label = ""
			continue
		}
		end = at + half + 3
	}
	return out
}

// share is where a value lies on the axis, from 0 to 1.
func (s scale) share(v float64) float64 {
	if s.log {
		return math.Log(v/s.min) / math.Log(s.max/s.min)
	}
	return (v - s.min) / (s.max - s.min)
}

// A chart is a plot with its size and what it says to a screen reader.
type chart struct {
	plot  *plot.Plot
	h     vg.Length
	class string
	label string
}

// render draws the chart. gonum panics at values it cannot place; our scales
// keep them away, and should one slip through the chart is left out, not the
// page.
func (ch chart) render() (svg template.HTML, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("report: chart %q: %v", ch.label, r)
		}
	}()
	c := newSVG(chartWidth, ch.h)
	ch.plot.Draw(draw.Crop(draw.New(c), 2, -8, 2, -8))
	return c.markup(ch.class, ch.label), nil
}

// plotFunc is a Plotter from a function that gets our canvas too.
type plotFunc func(*svg, draw.Canvas, *plot.Plot)

func (f plotFunc) Plot(c draw.Canvas, p *plot.Plot) { f(ours(c), c, p) }

// grid draws lines at the ticks of the axes asked for.
func grid(x, y bool) plotFunc {
	return func(_ *svg, dc draw.Canvas, p *plot.Plot) {
		tx, ty := p.Transforms(&dc)
		for _, t := range p.X.Tick.Marker.Ticks(p.X.Min, p.X.Max) {
			if x && t.Value >= p.X.Min && t.Value <= p.X.Max {
				dc.StrokeLine2(lineStyle(inkGrid, 1), tx(t.Value), dc.Min.Y, tx(t.Value), dc.Max.Y)
			}
		}
		for _, t := range p.Y.Tick.Marker.Ticks(p.Y.Min, p.Y.Max) {
			if y && t.Value >= p.Y.Min && t.Value <= p.Y.Max {
				dc.StrokeLine2(lineStyle(inkGrid, 1), dc.Min.X, ty(t.Value), dc.Max.X, ty(t.Value))
			}
		}
	}
}

// pageCharts are those of a section that could be drawn.
type pageCharts []pageChart

// add appends a chart if there is one.
func (cs *pageCharts) add(ch pageChart, ok bool) bool {
	if ok {
		*cs = append(*cs, ch)
	}
	return ok
}

// draw renders a chart into the page, unless there is no room left or it
// could not be drawn: then the table still has the numbers.
func (b *builder) draw(title, hint string, ch chart) (pageChart, bool) {
	if b.charts > b.room {
		b.cutOnce("Some charts were left out to keep the page small; the tables have their numbers.")
		return pageChart{}, false
	}
	svg, err := ch.render()
	if err != nil {
		b.cutOnce("A chart could not be drawn; the tables have its numbers.")
		return pageChart{}, false
	}
	b.charts += len(svg)
	return pageChart{Title: title, Hint: hint, SVG: svg}, true
}

func (b *builder) cutOnce(s string) {
	if !slices.Contains(b.cut, s) {
		b.cut = append(b.cut, s)
	}
}
