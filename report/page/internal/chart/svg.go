package chart

import (
	"fmt"
	"html"
	"html/template"
	"image"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/report/format"
)

// A svg is a vg.Canvas that writes inline SVG: classes in place of
// colours, groups with titles and data attributes, coordinates to a tenth. It
// turns vg's upward y axis over itself, so that text needs no transform.
type svg struct {
	w, h  float64
	class string // of the whole drawing
	label string // for screen readers
	out   strings.Builder
	pen   string // looks of the path being written, "" when none is
	d     pathData
	state svgState
	stack []svgState
}

// svgState is what Push saves: the pen and an affine transform, column by
// column.
type svgState struct {
	ink   color.Color
	width vg.Length
	dash  []vg.Length
	m     [6]float64
}

var _ vg.CanvasSizer = (*svg)(nil)

func newSVG(w, h vg.Length, class, label string) *svg {
	c := &svg{w: w.Points(), h: h.Points(), class: class, label: label}
	c.state = svgState{width: 1, m: [6]float64{1, 0, 0, 1, 0, 0}}
	return c
}

// Size returns the size of the drawing.
func (c *svg) Size() (x, y vg.Length) { return vg.Points(c.w), vg.Points(c.h) }

// SetLineWidth, SetLineDash and SetColor set the pen.
func (c *svg) SetLineWidth(w vg.Length)               { c.state.width = w }
func (c *svg) SetLineDash(d []vg.Length, _ vg.Length) { c.state.dash = d }
func (c *svg) SetColor(col color.Color)               { c.state.ink = col }

// Rotate, Translate and Scale change the transform for what follows.
func (c *svg) Rotate(rad float64) {
	sin, cos := math.Sincos(rad)
	c.transform([6]float64{cos, sin, -sin, cos, 0, 0})
}
func (c *svg) Translate(p vg.Point) {
	c.transform([6]float64{1, 0, 0, 1, p.X.Points(), p.Y.Points()})
}
func (c *svg) Scale(x, y float64) { c.transform([6]float64{x, 0, 0, y, 0, 0}) }

func (c *svg) transform(t [6]float64) {
	m := c.state.m
	c.state.m = [6]float64{
		m[0]*t[0] + m[2]*t[1], m[1]*t[0] + m[3]*t[1],
		m[0]*t[2] + m[2]*t[3], m[1]*t[2] + m[3]*t[3],
		m[0]*t[4] + m[2]*t[5] + m[4], m[1]*t[4] + m[3]*t[5] + m[5],
	}
}

// Push saves the pen and the transform, Pop restores them.
func (c *svg) Push() { c.stack = append(c.stack, c.state) }
func (c *svg) Pop() {
	if n := len(c.stack) - 1; n >= 0 {
		c.state, c.stack = c.stack[n], c.stack[:n]
	}
}

// at is a point on the page. What is no number lands outside the drawing.
func (c *svg) at(p vg.Point) (x, y float64) {
	px, py, m := p.X.Points(), p.Y.Points(), c.state.m
	x = m[0]*px + m[2]*py + m[4]
	y = c.h - (m[1]*px + m[3]*py + m[5])
	return clamp(x, -2*c.w, 3*c.w), clamp(y, -2*c.h, 3*c.h)
}

func clamp(v, lo, hi float64) float64 {
	if math.IsNaN(v) {
		return lo
	}
	return math.Max(lo, math.Min(hi, v))
}

func (c *svg) inked(base string) string {
	if i, ok := c.state.ink.(ink); ok && i != "" {
		return base + " " + string(i)
	}
	return base
}

// path begins a path, or goes on with the one being written when it has the
// same looks, which most neighbours have: grid lines, interval bars, dots. That
// halves a page.
func (c *svg) path(attributes string) *pathData {
	if c.pen != attributes {
		c.flush()
		c.pen = attributes
		c.out.WriteString("<path " + attributes + ` d="`)
		c.d = pathData{c: c, first: true}
	}
	return &c.d
}

// flush ends the path being written.
func (c *svg) flush() {
	if c.pen != "" {
		c.out.WriteString(`"/>`)
		c.pen = ""
	}
}

// Stroke writes a path's outline.
func (c *svg) Stroke(p vg.Path) {
	if c.state.width <= 0 || len(p) == 0 {
		return
	}
	looks := `class="` + c.inked("l") + `"`
	if w := c.state.width.Points(); w != 1 {
		looks += ` stroke-width="` + tenth(w) + `"`
	}
	if len(c.state.dash) > 0 {
		var dash []string
		for _, d := range c.state.dash {
			dash = append(dash, tenth(d.Points()))
		}
		looks += ` stroke-dasharray="` + strings.Join(dash, " ") + `"`
	}
	c.path(looks).add(p)
}

// Fill writes a path's inside. A round glyph becomes the round end of a line
// of no length.
func (c *svg) Fill(p vg.Path) {
	if len(p) == 0 {
		return
	}
	if at, r, ok := circle(p); ok {
		d := c.path(fmt.Sprintf(`class="%s" stroke-width="%s"`, c.inked("l"), tenth(2*r.Points())))
		d.move(at)
		c.out.WriteString("h0")
		d.slanted = false
		return
	}
	c.path(`class="` + c.inked("f") + `"`).add(p)
}

// circle recognises the path that vg draws a round glyph with.
func circle(p vg.Path) (at vg.Point, r vg.Length, ok bool) {
	if len(p) == 3 && p[0].Type == vg.MoveComp && p[1].Type == vg.ArcComp && p[2].Type == vg.CloseComp && math.Abs(p[1].Angle) >= 2*math.Pi {
		return p[1].Pos, p[1].Radius, true
	}
	return vg.Point{}, 0, false
}

// FillString writes text at its baseline's start.
func (c *svg) FillString(f font.Face, pt vg.Point, text string) {
	if f.Font.Size <= 0 || strings.TrimSpace(text) == "" {
		return
	}
	c.flush()
	x, y := c.at(pt)
	fmt.Fprintf(&c.out, `<text class="%s" x="%s" y="%s"`, c.inked("t"), tenth(x), tenth(y))
	if size := f.Font.Size.Points(); size != labelSize {
		fmt.Fprintf(&c.out, ` font-size="%s"`, tenth(size))
	}
	if m := c.state.m; m[1] != 0 {
		angle := -math.Atan2(m[1], m[0]) * 180 / math.Pi
		fmt.Fprintf(&c.out, ` transform="rotate(%s %s %s)"`, tenth(angle), tenth(x), tenth(y))
	}
	fmt.Fprintf(&c.out, `>%s</text>`, html.EscapeString(format.Clean(text)))
}

// DrawImage is part of vg.Canvas. Charts here hold no images.
func (c *svg) DrawImage(vg.Rectangle, image.Image) {}

// open starts a group with a class, a model it belongs to, and a title that
// browsers show as a tooltip. The caller closes it.
func (c *svg) open(class, model, title string) {
	c.flush()
	c.out.WriteString("<g")
	if class != "" {
		fmt.Fprintf(&c.out, ` class="%s"`, html.EscapeString(strings.TrimSpace(class)))
	}
	if model != "" {
		fmt.Fprintf(&c.out, ` data-model="%s"`, html.EscapeString(model))
	}
	c.out.WriteString(">")
	if title != "" {
		fmt.Fprintf(&c.out, "<title>%s</title>", html.EscapeString(title))
	}
}

func (c *svg) close() {
	c.flush()
	c.out.WriteString("</g>")
}

// markup returns the whole drawing as an SVG element. It is one tab stop; role
// "group" leaves its marks and their titles readable.
func (c *svg) markup() template.HTML {
	c.flush()
	return template.HTML(fmt.Sprintf(`<svg class="plot %s" viewBox="0 0 %s %s" role="group" tabindex="0" aria-label="%s">%s</svg>`,
		c.class, tenth(c.w), tenth(c.h), html.EscapeString(format.CleanTo(c.label, 200)), c.out.String()))
}

// ours finds the canvas under gonum's wrappers: plotters are handed a
// draw.Canvas that may hold another.
func ours(c vg.Canvas) *svg {
	for {
		switch v := c.(type) {
		case *svg:
			return v
		case draw.Canvas:
			c = v.Canvas
		case *draw.Canvas:
			c = v.Canvas
		default:
			panic(fmt.Sprintf("report: drawing on a foreign canvas %T", c))
		}
	}
}
