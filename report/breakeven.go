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
	// measured points in double logarithmic scale, passes one; NaN when it does
	// not. Lo and Hi are where the bounds of its interval do: before Lo A is
	// shown to be worse, from Hi on to be better. They are NaN at an end of the range.
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
	}
	e.Falling = pts[0].ratio > 1 && pts[len(pts)-1].ratio < 1
	mid := crossings(pts, func(p ratioPoint) float64 { return p.ratio })
	// A is shown better where the lower bound is above one, and shown worse
	// where the upper bound is below it.
	better := crossings(pts, func(p ratioPoint) float64 { return p.lo })
	worse := crossings(pts, func(p ratioPoint) float64 { return p.hi })
	e.At, e.Lo, e.Hi = one(mid), one(worse), one(better)
	if e.Falling {
		e.Lo, e.Hi = one(better), one(worse)
	}
	above := func(p ratioPoint) bool { return p.lo > 1 }
	below := func(p ratioPoint) bool { return p.hi < 1 }
	switch {
	case len(mid) > 1:
		e.Outcome = Wandering
	case len(mid) == 1:
		e.Outcome = Crosses
	case every(pts, above):
		e.Outcome = Always
	case every(pts, below):
		e.Outcome = Never
	default:
		e.Outcome = Undecided
	}
	e.Text = e.sentence(pts)
	return e, true
}

func every(pts []ratioPoint, ok func(ratioPoint) bool) bool {
	return !slices.ContainsFunc(pts, func(p ratioPoint) bool { return !ok(p) })
}

func one(xs []float64) float64 {
	if len(xs) == 1 {
		return xs[0]
	}
	return math.NaN()
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
		return fmt.Sprintf("%s %s = %s%s; %s at %s", dir, key, f(e.At), e.bounds(), formatRatio(end.ratio), f(end.x))
	case Always:
		return fmt.Sprintf("at every size measured (%s): %s to %s", span, formatRatio(first.ratio), formatRatio(last.ratio))
	case Never:
		return fmt.Sprintf("never within the range measured (%s): %s to %s", span, formatRatio(first.ratio), formatRatio(last.ratio))
	case Wandering:
		return fmt.Sprintf("no single size: the ratio passes 1 more than once within %s", span)
	}
	return fmt.Sprintf("not decided within %s: the intervals include 1 (%s to %s)", span, formatRatio(first.ratio), formatRatio(last.ratio))
}

// bounds is the crossing's interval in words.
func (e *BreakEven) bounds() string {
	f := e.curve.formatX
	switch lo, hi := finite(e.Lo), finite(e.Hi); {
	case lo && hi:
		return fmt.Sprintf(" (95 %% interval %s to %s)", f(e.Lo), f(e.Hi))
	case lo:
		return fmt.Sprintf(" (95 %% interval from %s, open above)", f(e.Lo))
	case hi:
		return fmt.Sprintf(" (95 %% interval up to %s, open below)", f(e.Hi))
	}
	return " (interval wider than the range measured)"
}
