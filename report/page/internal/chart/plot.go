package chart

import (
	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// An ink is a colour by name: the canvas writes it as a class, and the style
// sheet gives it a value for light, dark and print. The empty ink takes the
// colour of the group around it.
type ink string

// RGBA makes an ink a color.Color. Nothing reads it: the canvas writes names.
func (ink) RGBA() (r, g, b, a uint32) { return 0, 0, 0, 0xffff }

// The inks that are not a model's.
const (
	inkText  ink = "i-text"
	inkMuted ink = "i-muted"
	inkGrid  ink = "i-grid"
	inkPanel ink = "i-panel"
	inkShade ink = "i-shade"
	inkGroup ink = ""
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

// newPlot sets up axes and grid.
func newPlot(x, y Axis) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for _, a := range []struct {
		axis *plot.Axis
		s    Axis
	}{{&p.X, x}, {&p.Y, y}} {
		a.axis.Min, a.axis.Max = a.s.Min, a.s.Max
		a.axis.Padding = 0
		a.axis.LineStyle = lineStyle(inkGrid, 0)
		a.axis.Tick.LineStyle = lineStyle(inkGrid, 0)
		ticks := a.s.Ticks
		if a.axis == &p.X {
			ticks = thinLabels(a.s)
		}
		a.axis.Tick.Marker = plot.ConstantTicks(ticks)
		a.axis.Tick.Label.Color, a.axis.Tick.Label.Font = inkMuted, sans
		a.axis.Label.TextStyle.Color, a.axis.Label.TextStyle.Font = inkMuted, sans
		a.axis.Label.Text = a.s.Label
		a.axis.Label.Padding = 5
		a.axis.Scale = plot.LinearScale{}
		if a.s.Log {
			a.axis.Scale = plot.LogScale{}
		}
	}
	p.X.Tick.Label.YAlign = draw.YTop
	return p
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
