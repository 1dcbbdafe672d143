package page

import (
	"fmt"
	"slices"
	"strings"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
)

// A look is how a model is drawn: colour, marker and dashes. Marker and dashes
// tell it from the others where colour does not, on paper or to the
// colour-blind.
type look struct {
	place    int // among those that compete, or among the baselines
	baseline bool
}

// colours of models, beside that of baselines, in page.css.
const colours = 8

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

// lookOf is the look of a model: the same in every page of one order of models,
// whichever of them were measured. Those that no file declares come after the
// others.
func lookOf(run *analysis.Analysis, name string) look {
	l := look{baseline: run.Model(name).Baseline}
	var names []string
	for _, m := range run.File.Models {
		names = append(names, string(m.Name))
	}
	for _, m := range run.Models {
		if !slices.ContainsFunc(run.File.Models, func(i benchlog.ModelInfo) bool { return string(i.Name) == m }) {
			names = append(names, m)
		}
	}
	for _, m := range names[:max(0, slices.Index(names, name))] {
		if run.Model(m).Baseline == l.baseline {
			l.place++
		}
	}
	return l
}

// class names colour and marker for the style sheet.
func (l look) class() string {
	colour := fmt.Sprintf("s%d", l.place%colours)
	if l.baseline {
		colour = "s-base"
	}
	return fmt.Sprintf("%s m%d", colour, l.marker())
}

// marker is the place of the look's marker in markers. Baselines begin with the
// last.
func (l look) marker() int {
	n := l.place % len(markers)
	if l.baseline {
		return len(markers) - 1 - n
	}
	return n
}

func (l look) dashes() []vg.Length {
	if l.baseline {
		return baselineDashes
	}
	return dashes[l.place%len(dashes)]
}

// glyph is the look's marker at a radius.
func (l look) glyph(radius vg.Length) draw.GlyphStyle {
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

// markerCSS gives the swatch beside a model's name the shape of its marker.
func markerCSS() string {
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
