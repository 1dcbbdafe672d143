package chart

import (
	"fmt"
	"html/template"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Chart has lines, or rows. Its axes cover all of them.
type Chart struct {
	Label string // for screen readers
	X, Y  Axis   // Y is of lines only: rows have one of names

	Lines   []Line
	Unnamed bool      // without names at the ends of lines
	Dashed  []Point   // corners of a line to compare with
	Shaded  []float64 // places on X whose ground is shaded
	Tall    bool      // as high as two charts of Beside rows each
	Beside  int

	Rows []Row
}

// A Model is whom a line or a row is of.
type Model struct {
	Name  string
	Class string // of its colour and marker: "s1 m1"
	Look  Look
}

// short is the name as charts have room for it: what tells names apart is often
// at their end.
func (m Model) short() string {
	r := []rune(m.Name)
	if len(r) <= nameRoom {
		return m.Name
	}
	half := nameRoom / 2
	return string(r[:nameRoom-half-1]) + "…" + string(r[len(r)-half:])
}

// Sizes of every chart, in the units of its view box.
const (
	chartWidth  = 420
	chartHeight = 270
	labelSize   = 11
	rowHeight   = 25 // of charts with a row per model

	tickRoom = 215 // for the labels of the axis below, beside names and notes
	nameRoom = 18  // characters of a model's name; the titles have all
)

// SVG returns the chart as an SVG element, or "" where its axes can show
// nothing of it. gonum panics at values it cannot place; our scales keep them
// away, and should one slip through that is an error.
func (c *Chart) SVG() (svg template.HTML, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("report: chart %q: %v", c.Label, r)
		}
	}()
	p, class := c.plotLines(), "lines"
	if len(c.Rows) > 0 {
		p, class = c.plotRows(), "rows"
	}
	if p == nil {
		return "", nil
	}
	canvas := newSVG(chartWidth, c.height(), class, c.Label)
	p.Draw(draw.Crop(draw.New(canvas), 2, -8, 2, -8))
	return canvas.markup(), nil
}

func (c *Chart) height() vg.Length {
	rows := func(n int) vg.Length { return vg.Points(float64(n)*rowHeight + 38) }
	switch h, names := vg.Length(chartHeight), vg.Length(len(c.Lines)*12+60); {
	case len(c.Rows) > 0:
		return rows(len(c.Rows))
	case c.Unnamed:
		return h
	case c.Tall:
		return max(2*rows(c.Beside)+60, names)
	default:
		return max(h, names)
	}
}
