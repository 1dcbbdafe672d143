package analysis

import (
	"fmt"
	"math"
	"slices"

	"switchyard/report/format"
	"switchyard/report/results"
)

// A BreakEven answers from which size on model A is better than model B.
type BreakEven struct {
	Workload *results.Workload
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

	Curve Curve
}

// An Outcome says what a break-even came to.
type Outcome int

const (
	Crosses           Outcome = iota // within the range measured
	Always                           // A is better at every size measured
	Never                            // A is better at no size measured
	Undecided                        // the intervals do not say
	MultipleCrossings                // the ratio passes one more than once
)

// questions are the pairs of models that break-evens are asked for: each
// against the baselines (does it pay at all) and against those before it in the
// run's order (which of the two, from where on).
func questions(run *results.Run) (pairs [][2]string) {
	for i, a := range run.Models {
		for k, b := range run.Models {
			if i != k && a != "" && b != "" && !run.Model(a).Baseline && (run.Model(b).Baseline || k < i) {
				pairs = append(pairs, [2]string{a, b})
			}
		}
	}
	return pairs
}

// breakEvens asks the questions of every curve that has both models at two or
// more points.
func breakEvens(a *Analysis) []BreakEven {
	var out []BreakEven
	for _, w := range a.Workloads {
		if w.Info.Control {
			continue
		}
		all, _ := Curves(w)
		for _, g := range all {
			for _, q := range questions(a.Run) {
				if b, ok := breakEven(g, q[0], q[1]); ok {
					out = append(out, b)
				}
			}
		}
	}
	return out
}

// RatioPoint is the throughput ratio of two models at one size.
type RatioPoint struct{ X, Ratio, Lo, Hi float64 }

// Ratios are the comparable points of two models along a curve.
func (g *Curve) Ratios(a, b string) []RatioPoint {
	var out []RatioPoint
	for i, c := range g.Cases {
		sa, _ := Throughput.Sample(c.Cells[a])
		sb, _ := Throughput.Sample(c.Cells[b])
		if len(sa) == 0 || len(sb) == 0 {
			continue
		}
		cmp := compare(a, b, sa, sb, Summarize(sa).Center, Summarize(sb).Center)
		out = append(out, RatioPoint{g.X[i], cmp.Ratio, cmp.Lo, cmp.Hi})
	}
	return out
}

func breakEven(g Curve, a, b string) (BreakEven, bool) {
	pts := g.Ratios(a, b)
	if len(pts) < 2 {
		return BreakEven{}, false
	}
	e := BreakEven{
		Workload: g.Workload, Key: g.Key, Fixed: g.Fixed, A: a, B: b, Curve: g,
		First: pts[0].X, Last: pts[len(pts)-1].X,
		At: math.NaN(), Lo: math.NaN(), Hi: math.NaN(),
	}
	turns, before, after := turns(pts)
	switch {
	case len(turns) > 2:
		e.Outcome = MultipleCrossings
	case len(turns) == 2:
		e.Outcome, e.Falling = Crosses, turns[0] > 0
		e.cross(pts[before : after+1])
	case len(turns) == 1 && every(pts, func(p RatioPoint) bool { return p.sign() != 0 }):
		e.Outcome = map[int]Outcome{1: Always, -1: Never}[turns[0]]
	default:
		e.Outcome = Undecided
	}
	e.Text = e.sentence(pts)
	return e, true
}

// sign returns what is shown at a point: 1 if A is better, -1 if it is worse, 0
// if neither is.
func (p RatioPoint) sign() int {
	switch {
	case p.Lo > 1:
		return 1
	case p.Hi < 1:
		return -1
	}
	return 0
}

// turns lists the signs along the points, without repetition and without what
// is undecided; before and after are the last point of the first sign and the
// first point of the second.
func turns(pts []RatioPoint) (signs []int, before, after int) {
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
func (e *BreakEven) cross(pts []RatioPoint) {
	mid := crossings(pts, func(p RatioPoint) float64 { return p.Ratio })
	hi := crossings(pts, func(p RatioPoint) float64 { return p.Hi })
	lo := crossings(pts, func(p RatioPoint) float64 { return p.Lo })
	ends := append(append(hi, lo...), mid...)
	if len(ends) == 0 {
		ends = []float64{pts[0].X, pts[len(pts)-1].X}
	}
	e.Lo, e.Hi = slices.Min(ends), slices.Max(ends)
	e.At = math.Sqrt(e.Lo * e.Hi)
	if len(mid) > 0 {
		e.At = mid[len(mid)/2]
	}
}

func every(pts []RatioPoint, ok func(RatioPoint) bool) bool {
	return !slices.ContainsFunc(pts, func(p RatioPoint) bool { return !ok(p) })
}

// crossings are the sizes where y passes one, by straight lines in double
// logarithmic scale. Unbounded points have no crossing beside them.
func crossings(pts []RatioPoint, y func(RatioPoint) float64) []float64 {
	var out []float64
	for i := 1; i < len(pts); i++ {
		y0, y1 := math.Log(y(pts[i-1])), math.Log(y(pts[i]))
		if !format.Finite(y0) || !format.Finite(y1) || (y0 < 0) == (y1 < 0) {
			continue
		}
		x0, x1 := math.Log(pts[i-1].X), math.Log(pts[i].X)
		out = append(out, math.Exp(x0+(x1-x0)*y0/(y0-y1)))
	}
	return out
}

// sentence is the answer in words.
func (e *BreakEven) sentence(pts []RatioPoint) string {
	key, f := format.Clean(e.Key), e.Curve.FormatX
	first, last := pts[0], pts[len(pts)-1]
	span := fmt.Sprintf("%s to %s", f(e.First), f(e.Last))
	switch e.Outcome {
	case Crosses:
		dir, end := "from", last
		if e.Falling {
			dir, end = "up to", first
		}
		return fmt.Sprintf("%s %s = %s (95 %% interval %s to %s); %s at %s", dir, key, f(e.At), f(e.Lo), f(e.Hi), format.Ratio(end.Ratio), f(end.X))
	case Always:
		return fmt.Sprintf("at every size measured (%s): %s to %s", span, format.Ratio(first.Ratio), format.Ratio(last.Ratio))
	case Never:
		return fmt.Sprintf("never within the range measured (%s): %s to %s", span, format.Ratio(first.Ratio), format.Ratio(last.Ratio))
	case MultipleCrossings:
		return fmt.Sprintf("no single size: better and worse take turns within %s", span)
	}
	return "not decided" + e.decided(pts)
}

// decided names the sizes at which one model is shown to be better.
func (e *BreakEven) decided(pts []RatioPoint) string {
	var better, worse []string
	for _, p := range pts {
		switch p.sign() {
		case 1:
			better = append(better, e.Curve.FormatX(p.X))
		case -1:
			worse = append(worse, e.Curve.FormatX(p.X))
		}
	}
	switch {
	case len(better) > 0:
		return fmt.Sprintf(" everywhere: better at %s, the other intervals include 1", format.List(better))
	case len(worse) > 0:
		return fmt.Sprintf(" everywhere: worse at %s, the other intervals include 1", format.List(worse))
	}
	return fmt.Sprintf(" within %s to %s: all intervals include 1", e.Curve.FormatX(e.First), e.Curve.FormatX(e.Last))
}
