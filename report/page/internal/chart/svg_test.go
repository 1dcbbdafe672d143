package chart

import (
	"image/color"
	"math"
	"slices"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/vg"

	"switchyard/report/format"
)

func TestTenths(t *testing.T) {
	for in, want := range map[int]string{0: "0", 5: "0.5", -5: "-0.5", 10: "1", -10: "-1", 123: "12.3", -123: "-12.3", 100: "10"} {
		if got := tenths(in); got != want {
			t.Errorf("tenths(%d) = %q, want %q", in, got, want)
		}
	}
}

func TestCanvasPaths(t *testing.T) {
	c := newSVG(100, 50, "x", "a & b")
	c.SetColor(inkGrid)
	var p vg.Path
	p.Move(vg.Point{X: 10, Y: 10})
	p.Line(vg.Point{X: 20, Y: 10})
	p.Line(vg.Point{X: 20, Y: 15.04})
	p.Line(vg.Point{X: 20, Y: 15.0}) // nothing, in tenths
	p.Line(vg.Point{X: 10, Y: 10})
	p.Close()
	c.Stroke(p)
	var q vg.Path
	q.Move(vg.Point{X: 0, Y: 0})
	q.Line(vg.Point{X: 5, Y: 0})
	c.Stroke(q) // the same looks: one element
	c.SetColor(inkMuted)
	c.Stroke(q)
	got := string(c.markup())
	want := `<svg class="plot x" viewBox="0 0 100 50" role="group" tabindex="0" aria-label="a &amp; b">` +
		`<path class="l i-grid" d="M10 40h10v-5l-10 5zm-10 10h5"/><path class="l i-muted" d="M0 50h5"/></svg>`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCanvasStateAndTransforms(t *testing.T) {
	c := newSVG(100, 100, "", "")
	c.Push()
	c.Translate(vg.Point{X: 10, Y: 20})
	c.Scale(2, 3)
	if x, y := c.at(vg.Point{X: 1, Y: 1}); x != 12 || y != 77 {
		t.Errorf("translated and scaled: %v %v", x, y)
	}
	c.Pop()
	c.Rotate(math.Pi / 2)
	if x, y := c.at(vg.Point{X: 10, Y: 0}); math.Abs(x) > 1e-9 || math.Abs(y-90) > 1e-9 {
		t.Errorf("rotated: %v %v", x, y)
	}
	if x, y := c.at(vg.Point{X: 0, Y: 10}); math.Abs(x+10) > 1e-9 || math.Abs(y-100) > 1e-9 {
		t.Errorf("rotated: %v %v", x, y)
	}
	c.Pop() // nothing to pop: no panic
	if x, y := newSVG(10, 10, "", "").at(vg.Point{X: vg.Length(math.NaN()), Y: vg.Length(math.Inf(1))}); !format.Finite(x) || !format.Finite(y) {
		t.Errorf("what is no number came through: %v %v", x, y)
	}
}

func TestCanvasText(t *testing.T) {
	c := newSVG(100, 100, "", "")
	c.SetColor(color.Black) // a foreign colour has no class
	face := plot.DefaultTextHandler.Cache().Lookup(sans, labelSize)
	c.FillString(face, vg.Point{X: 1, Y: 1}, `<b>&"`)
	c.FillString(face, vg.Point{X: 1, Y: 1}, "  ")
	if got := c.out.String(); got != `<text class="t" x="1" y="99">&lt;b&gt;&amp;&#34;</text>` {
		t.Errorf("got %s", got)
	}
}

// A chart that gonum cannot draw is left out; the page is not.
func TestChartPanicIsAnError(t *testing.T) {
	show := func(float64) string { return "" }
	c := Chart{Label: "bad", X: Axis{Log: true, Write: show}, Y: Axis{Write: show}, Lines: []Line{{Points: []Point{{X: 1, Y: 1}}}}}
	if svg, err := c.SVG(); err != nil || svg == "" {
		t.Errorf("a good one: %q, %v", svg, err)
	}
	c.Dashed = []Point{{X: 0}}
	if svg, err := c.SVG(); err == nil || svg != "" {
		t.Errorf("what lies beside a logarithmic axis was drawn: %s", svg)
	}
	c.Lines = nil
	if svg, err := c.SVG(); err != nil || svg != "" {
		t.Errorf("nothing was drawn: %q, %v", svg, err)
	}
}

// Tickers end, whatever the range: one made by hand once looped on zero until
// memory ran out.
func TestTicksEnd(t *testing.T) {
	tick := func(float64) string { return "x" }
	if some, none := logTicks(1, 1e60, tick), logTicks(1, 1e61, tick); len(some) == 0 || none != nil {
		t.Errorf("%d and %d ticks", len(some), len(none))
	}
	bad := []float64{0, -1, 1, math.NaN(), math.Inf(1), math.Inf(-1), 5e-324, 1e308, 1e-15, 1e18}
	for _, lo := range bad {
		for _, hi := range bad {
			if s, ok := (Axis{Log: true, Write: tick}).covering([]float64{lo, hi}); ok && (len(s.Ticks) > 30 || s.Min <= 0 || !format.Finite(s.Max)) {
				t.Errorf("log %v to %v: %+v", lo, hi, s)
			}
			if s, ok := (Axis{Write: tick}).covering([]float64{lo, hi}); ok && (len(s.Ticks) > 30 || !(s.Min < s.Max)) {
				t.Errorf("linear %v to %v: %+v", lo, hi, s)
			}
		}
	}
}

func TestSpreadApart(t *testing.T) {
	ys := []float64{10, 10, 10, 50}
	spreadApart(ys, 12, 0, 100)
	for i := 1; i < len(ys); i++ {
		if ys[i]-ys[i-1] < 11.5 {
			t.Errorf("labels touch: %v", ys)
		}
	}
	if ys[0] < 0 {
		t.Errorf("a label left the chart: %v", ys)
	}
	// However they lie: apart if they fit, as far as they can be if not, in
	// their order and inside.
	for _, n := range []int{2, 8, 9, 10, 24, 100} {
		for _, at := range []float64{0, 50, 100} {
			crowd := slices.Repeat([]float64{at}, n)
			spreadApart(crowd, 12, 0, 100)
			gap := min(12, 100/float64(n-1)) - .1
			for i, y := range crowd {
				if y < -1e-9 || y > 100+1e-9 || i > 0 && y-crowd[i-1] < gap {
					t.Fatalf("%d at %v: %.1f", n, at, crowd)
				}
			}
		}
	}
	for _, few := range [][]float64{nil, {5}} {
		spreadApart(few, 12, 0, 100)
	}
}

// What the canvas makes of dashes, widths, arcs, curves, turned text, groups.
func TestSVGElements(t *testing.T) {
	face := func(size vg.Length) font.Face { return plot.DefaultTextHandler.Cache().Lookup(sans, size) }
	line := vg.Path{{Type: vg.MoveComp}, {Type: vg.LineComp, Pos: vg.Point{X: 3}}}
	dot := func(r, angle float64) vg.Path {
		return vg.Path{{Type: vg.MoveComp}, {Type: vg.ArcComp, Pos: vg.Point{X: 5, Y: 5}, Radius: vg.Length(r), Angle: angle}, {Type: vg.CloseComp}}
	}
	for name, test := range map[string]struct {
		draw func(*svg)
		want string
	}{
		"thick, dashed": {func(c *svg) {
			c.SetLineWidth(2.5)
			c.SetLineDash([]vg.Length{4, 1.5}, 0)
			c.Stroke(line)
		}, `<path class="l" stroke-width="2.5" stroke-dasharray="4 1.5" d="M0 10h3"/>`},
		"no width":   {func(c *svg) { c.SetLineWidth(0); c.Stroke(line) }, ""},
		"no path":    {func(c *svg) { c.Stroke(nil); c.Fill(nil) }, ""},
		"filled":     {func(c *svg) { c.SetColor(inkShade); c.Fill(line) }, `<path class="f i-shade" d="M0 10h3"/>`},
		"a dot":      {func(c *svg) { c.Fill(dot(2, 2*math.Pi)) }, `<path class="l" stroke-width="4" d="M5 5h0"/>`},
		"half a dot": {func(c *svg) { c.Fill(dot(0, math.Pi)) }, `<path class="f" d="M0 10l5-5z"/>`},
		"a curve": {func(c *svg) {
			c.Stroke(vg.Path{{Type: vg.MoveComp}, {Type: vg.CurveComp, Control: []vg.Point{{X: 1, Y: 1}}, Pos: vg.Point{X: 2, Y: 3}}})
		}, `<path class="l" d="M0 10l1-1 1-2"/>`},
		"turned text":     {func(c *svg) { c.Rotate(math.Pi / 2); c.FillString(face(9), vg.Point{X: 2}, "up") }, `<text class="t" x="0" y="8" font-size="9" transform="rotate(-90 0 8)">up</text>`},
		"text of no size": {func(c *svg) { c.FillString(font.Face{}, vg.Point{}, "x") }, ""},
		"a group":         {func(c *svg) { c.open(" a b ", `m"`, "<t>"); c.Stroke(line); c.close() }, `<g class="a b" data-model="m&#34;"><title>&lt;t&gt;</title><path class="l" d="M0 10h3"/></g>`},
		"a bare group":    {func(c *svg) { c.Stroke(line); c.open("", "", ""); c.close() }, `<path class="l" d="M0 10h3"/><g></g>`},
	} {
		c := newSVG(10, 10, "", "")
		test.draw(c)
		c.flush()
		if got := c.out.String(); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	if x, y := newSVG(30, 20, "", "").Size(); x != 30 || y != 20 {
		t.Errorf("size %v by %v", x, y)
	}
}
