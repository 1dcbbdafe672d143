package report

import (
	"fmt"
	"math"
	"slices"
)

// A BreakEven answers from which size on model A is better than model B.
type BreakEven struct {
	Workload *Workload
	Key      string // what varies: "task"
	Fixed    string // the other parameters
	A, B     string

	// At is where the ratio of throughputs, drawn as straight lines between the
	// measured points in double logarithmic scale, passes one. Lo and Hi are
	// where the bounds of its interval do. All are NaN unless the outcome is
	// Crosses.
	At, Lo, Hi float64
	First      float64 // smallest size measured
	Last       float64 // largest size measured
	Outcome    Outcome
	Falling    bool // A is better below the crossing, not above

	Text string // the answer, one sentence

	curve curve
}

// An Outcome says what a break-even came to.
type Outcome int

const (
	Crosses   Outcome = iota // within the range measured
	Always                   // A is better at every size measured
	Never                    // A is better at no size measured
	Undecided                // the intervals do not say
	Wandering                // the ratio passes one more than once
)

// questions are the pairs that break-evens are asked for: does it pay to use
// a model at all, and which of two rivals from where on.
var questions = [][2]string{
	{"process", "serial"}, {"goroutine", "serial"},
	{"process", "goroutine"}, {"process", "greenlet"},
	{"goroutine", "greenlet"}, {"ants", "goroutine"},
}

// breakEvens asks the questions of every curve that has both models at two or
// more points.
func breakEvens(run *Run, a *analysis) []BreakEven {
	var out []BreakEven
	for _, w := range run.Workloads {
		if w.Name == controlWorkload {
			continue
		}
		all, _ := curves(w)
		for _, g := range all {
			for _, q := range questions {
				if b, ok := breakEven(g, q[0], q[1]); ok {
					out = append(out, b)
				}
			}
		}
	}
	return out
}

// ratioPoint is the throughput ratio of two models at one size.
type ratioPoint struct{ x, ratio, lo, hi float64 }

// ratios are the comparable points of two models along a curve.
func (g *curve) ratios(a, b string) []ratioPoint {
	var out []ratioPoint
	for i, c := range g.Cases {
		sa, _ := Throughput.sample(c.Cells[a])
		sb, _ := Throughput.sample(c.Cells[b])
		if len(sa) == 0 || len(sb) == 0 {
			continue
		}
		cmp := compare(a, b, sa, sb, Summarize(sa).Center, Summarize(sb).Center)
		out = append(out, ratioPoint{g.X[i], cmp.Ratio, cmp.Lo, cmp.Hi})
	}
	return out
}

func breakEven(g curve, a, b string) (BreakEven, bool) {
	pts := g.ratios(a, b)
	if len(pts) < 2 {
		return BreakEven{}, false
	}
	e := BreakEven{
		Workload: g.Workload, Key: g.Key, Fixed: g.Fixed, A: a, B: b, curve: g,
		First: pts[0].x, Last: pts[len(pts)-1].x,
		At: math.NaN(), Lo: math.NaN(), Hi: math.NaN(),
	}
	turns, before, after := turns(pts)
	switch {
	case len(turns) > 2:
		e.Outcome = Wandering
	case len(turns) == 2:
		e.Outcome, e.Falling = Crosses, turns[0] > 0
		e.cross(pts[before : after+1])
	case len(turns) == 1 && every(pts, func(p ratioPoint) bool { return p.sign() != 0 }):
		e.Outcome = map[int]Outcome{1: Always, -1: Never}[turns[0]]
	default:
		e.Outcome = Undecided
	}
	e.Text = e.sentence(pts)
	return e, true
}

// sign says what is shown at a point: A is better, worse, or neither.
func (p ratioPoint) sign() int { return btoi(p.lo > 1) - btoi(p.hi < 1) }

// turns lists the signs along the points, without repetition and without what
// is undecided; before and after are the last point of the first sign and the
// first point of the second.
func turns(pts []ratioPoint) (signs []int, before, after int) {
	for i, p := range pts {
		s := p.sign()
		switch {
		case s == 0:
		case len(signs) == 0 || signs[len(signs)-1] != s:
			if signs = append(signs, s); len(signs) == 2 {
				after = i
			}
			fallthrough
		default:
			if len(signs) == 1 {
				before = i
			}
		}
	}
	return signs, before, after
}

// cross finds the crossing and its bounds among points of which the first is
// shown to lie on one side of one and the last on the other.
func (e *BreakEven) cross(pts []ratioPoint) {
	mid := crossings(pts, func(p ratioPoint) float64 { return p.ratio })
	hi := crossings(pts, func(p ratioPoint) float64 { return p.hi })
	lo := crossings(pts, func(p ratioPoint) float64 { return p.lo })
	ends := append(append(hi, lo...), mid...)
	if len(ends) == 0 {
		ends = []float64{pts[0].x, pts[len(pts)-1].x}
	}
	e.Lo, e.Hi = slices.Min(ends), slices.Max(ends)
	e.At = math.Sqrt(e.Lo * e.Hi)
	if len(mid) > 0 {
		e.At = mid[len(mid)/2]
	}
}

func every(pts []ratioPoint, ok func(ratioPoint) bool) bool {
	return !slices.ContainsFunc(pts, func(p ratioPoint) bool { return !ok(p) })
}

// crossings are the sizes where y passes one, by straight lines in double
// logarithmic scale. Unbounded points have no crossing beside them.
func crossings(pts []ratioPoint, y func(ratioPoint) float64) []float64 {
	var out []float64
	for i := 1; i < len(pts); i++ {
		y0, y1 := math.Log(y(pts[i-1])), math.Log(y(pts[i]))
		if !finite(y0) || !finite(y1) || (y0 < 0) == (y1 < 0) {
			continue
		}
		x0, x1 := math.Log(pts[i-1].x), math.Log(pts[i].x)
		out = append(out, math.Exp(x0+(x1-x0)*y0/(y0-y1)))
	}
	return out
}

// sentence is the answer in words.
func (e *BreakEven) sentence(pts []ratioPoint) string {
	key, f := clean(e.Key), e.curve.formatX
	first, last := pts[0], pts[len(pts)-1]
	span := fmt.Sprintf("%s to %s", f(e.First), f(e.Last))
	switch e.Outcome {
	case Crosses:
		dir, end := "from", last
		if e.Falling {
			dir, end = "up to", first
		}
		return fmt.Sprintf("%s %s = %s (95 %% interval %s to %s); %s at %s", dir, key, f(e.At), f(e.Lo), f(e.Hi), formatRatio(end.ratio), f(end.x))
	case Always:
		return fmt.Sprintf("at every size measured (%s): %s to %s", span, formatRatio(first.ratio), formatRatio(last.ratio))
	case Never:
		return fmt.Sprintf("never within the range measured (%s): %s to %s", span, formatRatio(first.ratio), formatRatio(last.ratio))
	case Wandering:
		return fmt.Sprintf("no single size: better and worse take turns within %s", span)
	}
	return "not decided" + e.decided(pts)
}

// decided says what is shown where not everything is.
func (e *BreakEven) decided(pts []ratioPoint) string {
	var better, worse []string
	for _, p := range pts {
		switch p.sign() {
		case 1:
			better = append(better, e.curve.formatX(p.x))
		case -1:
			worse = append(worse, e.curve.formatX(p.x))
		}
	}
	switch {
	case len(better) > 0:
		return fmt.Sprintf(" everywhere: better at %s, the other intervals include 1", list(better))
	case len(worse) > 0:
		return fmt.Sprintf(" everywhere: worse at %s, the other intervals include 1", list(worse))
	}
	return fmt.Sprintf(" within %s to %s: all intervals include 1", e.curve.formatX(e.First), e.curve.formatX(e.Last))
}
