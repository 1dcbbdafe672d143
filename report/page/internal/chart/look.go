package chart

import (
	"fmt"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A Look is how a model is drawn: colour, marker and dashes. Marker and dashes
// tell it from the others where colour does not, on paper or to the
// colour-blind.
type Look struct {
	Place    int // among those that compete, or among the baselines
	Baseline bool
}

// Colours is how many of models there are, beside that of baselines, in the
// style sheet.
const Colours = 8

// A marker is a polygon in a square of two by two around zero, y upward. One
// without corners is a circle.
type marker []vg.Point

// markers and dashes have no common factor in their numbers, so that no two of
// forty models have the same of both.
var (
	markers = []marker{
		nil, // a circle
		{{X: -.75, Y: -.75}, {X: -.75, Y: .75}, {X: .75, Y: .75}, {X: .75, Y: -.75}},
		{{X: 0, Y: .9}, {X: .95, Y: -.8}, {X: -.95, Y: -.8}},
		{{X: 0, Y: 1}, {X: .9, Y: 0}, {X: 0, Y: -1}, {X: -.9, Y: 0}},
		{{X: 0, Y: -.9}, {X: .95, Y: .8}, {X: -.95, Y: .8}},
		{{X: -.35, Y: 1}, {X: .35, Y: 1}, {X: .35, Y: .35}, {X: 1, Y: .35}, {X: 1, Y: -.35}, {X: .35, Y: -.35},
			{X: .35, Y: -1}, {X: -.35, Y: -1}, {X: -.35, Y: -.35}, {X: -1, Y: -.35}, {X: -1, Y: .35}, {X: -.35, Y: .35}}, // plus
		{{X: -.8, Y: .9}, {X: .8, Y: .9}, {X: -.8, Y: -.9}, {X: .8, Y: -.9}}, // hourglass
		{{X: -.8, Y: .95}, {X: .9, Y: 0}, {X: -.8, Y: -.95}},
	}
	dashes = [][]vg.Length{nil, {9, 3}, {2, 2.5}, {9, 3, 2, 3}, {4.5, 2}}

	baselineDashes = []vg.Length{5, 5}
)

// Class names colour and marker for the style sheet.
func (l Look) Class() string {
	colour := fmt.Sprintf("s%d", l.Place%Colours)
	if l.Baseline {
		colour = "s-base"
	}
	return fmt.Sprintf("%s m%d", colour, l.marker())
}

// marker is the place of the look's marker in markers. Baselines begin with the
// last.
func (l Look) marker() int {
	n := l.Place % len(markers)
	if l.Baseline {
		return len(markers) - 1 - n
	}
	return n
}

// Dashes are the lengths of strokes and gaps; none are a whole line.
func (l Look) Dashes() []vg.Length {
	if l.Baseline {
		return baselineDashes
	}
	return dashes[l.Place%len(dashes)]
}

// glyph is the look's marker at a radius.
func (l Look) glyph(radius vg.Length) draw.GlyphStyle {
	m := markers[l.marker()]
	if m == nil {
		return draw.GlyphStyle{Color: inkGroup, Radius: radius, Shape: draw.CircleGlyph{}}
	}
	return draw.GlyphStyle{Color: inkGroup, Radius: radius * 1.3, Shape: m}
}

// DrawGlyph fills the polygon around a point.
func (m marker) DrawGlyph(c *draw.Canvas, s draw.GlyphStyle, at vg.Point) {
	var p vg.Path
	for i, corner := range m {
		to := at.Add(corner.Scale(s.Radius))
		if i == 0 {
			p.Move(to)
		} else {
			p.Line(to)
		}
	}
	p.Close()
	c.SetColor(s.Color)
	c.Fill(p)
}

// MarkerCSS gives the swatch beside a model's name the shape of its marker.
func MarkerCSS() string {
	var b strings.Builder
	for i, m := range markers {
		if m == nil {
			fmt.Fprintf(&b, ".m%d .dot { border-radius: 50%% }\n", i)
			continue
		}
		var corners []string
		for _, p := range m {
			corners = append(corners, fmt.Sprintf("%.0f%% %.0f%%", 50+50*p.X, 50-50*p.Y))
		}
		fmt.Fprintf(&b, ".m%d .dot { clip-path: polygon(%s) }\n", i, strings.Join(corners, ", "))
	}
	return b.String()
}
