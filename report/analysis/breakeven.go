package analysis

import (
	"fmt"
	"math"
	"slices"

	"switchyard/report/format"
	"switchyard/report/inference"
	"switchyard/report/results"
)

// A BreakEven answers from which size on model A is better than model B.
type BreakEven struct {
	Curve
	A, B string

	// Lo and Hi bracket the crossing: measured sizes, the last that is shown
	// to be on its one side and the first that is shown to be on the other.
	// Nothing is drawn between measurements. Both are NaN unless the outcome
	// is Crosses.
	Lo, Hi  float64
	Outcome Outcome
	Falling bool // A is better below the crossing, not above

	Text  string // the answer, one sentence
	Short string // the same in words that do not depend on what is open: "from task = 10µs at the latest, 1.95× at 1ms"
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

// String is what an answer looks like; one that is open looks like text.
func (o Outcome) String() string { return [...]string{"crosses", "always", "never", "", ""}[o] }

// questions are the pairs of models that break-evens are asked for: each
// against the baselines (does it pay at all) and against those before it in the
// run's order (which of the two, from where on).
func questions(run *results.Run) (pairs [][2]string) {
	for i, a := range run.Models {
		for k, b := range run.Models {
			if i != k && a != "" && b != "" && !run.Aside(a) && (run.Model(b).Baseline || !run.Aside(b) && k < i) {
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
		for _, g := range a.Curves[w] {
			for _, q := range questions(a.Run) {
				if b, ok := a.breakEven(g, q[0], q[1]); ok {
					out = append(out, b)
				}
			}
		}
	}
	return out
}

// RatioPoint is the throughput ratio of two models at one size, and what may
// be claimed of it.
type RatioPoint struct {
	X, Ratio, Lo, Hi float64
	Claim            inference.Claim
	Refined          bool // the run has added the size, to bracket a crossing
}

// ratios are the comparable points of two models along a curve.
func (a *Analysis) ratios(g *Curve, x, y string) []RatioPoint {
	var out []RatioPoint
	for i, c := range g.Cases {
		sx, sy := a.sample(Throughput, c, x), a.sample(Throughput, c, y)
		if len(sx) > 0 && len(sy) > 0 {
			r := compare(x, y, sx, sy)
			out = append(out, RatioPoint{g.X[i], r.Ratio, r.Lo, r.Hi, r.Claim, c.Refined()})
		}
	}
	return out
}

func (a *Analysis) breakEven(g Curve, x, y string) (BreakEven, bool) {
	pts := g.Gains[x]
	if y != a.Baseline() {
		pts = a.ratios(&g, x, y)
	}
	if len(pts) < 2 {
		return BreakEven{}, false
	}
	e := BreakEven{Curve: g, A: x, B: y, Lo: math.NaN(), Hi: math.NaN()}
	turns, before, after := turns(pts)
	switch {
	case len(turns) > 2:
		e.Outcome = MultipleCrossings
	case len(turns) == 2:
		e.Outcome, e.Falling = Crosses, turns[0] > 0
		e.Lo, e.Hi = tighten(pts, before, after)
	case len(turns) == 1 && every(pts, func(p RatioPoint) bool { return p.sign() != 0 }):
		e.Outcome = map[int]Outcome{1: Always, -1: Never}[turns[0]]
	default:
		e.Outcome = Undecided
	}
	short, rest := e.sentence(pts)
	e.Short, e.Text = short, short+rest
	e.Short = e.pays(turns, pts)
	return e, true
}

// pays is the answer without what is open: where A is better from some size on
// to the last, that size, and by how much at the last.
func (e *BreakEven) pays(turns []int, pts []RatioPoint) string {
	from, last := e.Hi, pts[len(pts)-1]
	switch {
	case !slices.Contains(turns, 1):
		return "at no size that is shown"
	case len(turns) == 1:
		from = pts[slices.IndexFunc(pts, func(p RatioPoint) bool { return p.sign() > 0 })].X
	case e.Outcome != Crosses || e.Falling:
		return e.Short
	}
	return fmt.Sprintf("%s, %s at %s", e.from(from), format.Ratio(last.Ratio), e.FormatX(last.X))
}

// sign returns what is claimed at a point: 1 if A is better, -1 if it is worse,
// 0 if neither is.
func (p RatioPoint) sign() int {
	switch p.Claim {
	case inference.Above:
		return 1
	case inference.Below:
		return -1
	}
	return 0
}

// tighten returns the bracket between two points of which opposite claims are
// made, narrowed by the sizes that were added for that. At these it counts on
// which side of one a whole interval is, not whether it is so by more than
// matters: close to a crossing no difference is. Where they contradict each
// other the bracket stays.
func tighten(pts []RatioPoint, before, after int) (lo, hi float64) {
	first := pts[before].sign()
	i, j := before, after
	for k := before + 1; k < after; k++ {
		p, side := pts[k], 0
		switch {
		case p.Refined && p.Lo > 1:
			side = 1
		case p.Refined && p.Hi < 1:
			side = -1
		}
		switch {
		case side == first:
			i = k
		case side == -first:
			j = min(j, k)
		}
	}
	if i > j {
		i, j = before, after
	}
	return pts[i].X, pts[j].X
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

func every(pts []RatioPoint, ok func(RatioPoint) bool) bool {
	return !slices.ContainsFunc(pts, func(p RatioPoint) bool { return !ok(p) })
}

// sentence is the answer in words, to be read after "A beats B", and its
// beginning alone. It tells of sizes that were measured.
func (e *BreakEven) sentence(pts []RatioPoint) (short, rest string) {
	f := e.FormatX
	first, last := pts[0], pts[len(pts)-1]
	span := fmt.Sprintf("%s to %s", f(first.X), f(last.X))
	better, worse := e.sizes(pts, inference.Above), e.sizes(pts, inference.Below)
	n := len(better)
	switch {
	case e.Outcome == Crosses && e.Falling:
		return e.upTo(e.Lo), fmt.Sprintf(", not at %s%s; %s at %s", f(e.Hi), e.open(pts), format.Ratio(first.Ratio), f(first.X))
	case e.Outcome == Crosses:
		return e.from(e.Hi), fmt.Sprintf(", not at %s%s; %s at %s", f(e.Lo), e.open(pts), format.Ratio(last.Ratio), f(last.X))
	case e.Outcome == Always:
		return "at every size measured", fmt.Sprintf(" (%s): %s to %s", span, format.Ratio(first.Ratio), format.Ratio(last.Ratio))
	case e.Outcome == Never:
		return "at no size measured", fmt.Sprintf(" (%s): %s to %s", span, format.Ratio(first.Ratio), format.Ratio(last.Ratio))
	case e.Outcome == MultipleCrossings:
		return "at no single range of sizes", fmt.Sprintf(": better and worse take turns within %s", span)
	case n == 0 && len(worse) == 0:
		return "at no size that is shown", e.open(pts)
	case n == 0:
		return "at no size that is shown", fmt.Sprintf(": not at %s%s", format.List(worse), e.open(pts))
	case every(pts[len(pts)-n:], func(p RatioPoint) bool { return p.sign() > 0 }):
		return e.from(pts[len(pts)-n].X), e.open(pts)
	case every(pts[:n], func(p RatioPoint) bool { return p.sign() > 0 }):
		return e.upTo(pts[n-1].X), e.open(pts)
	}
	return "at " + format.List(better), e.open(pts)
}

func (e *BreakEven) from(x float64) string {
	return fmt.Sprintf("from %s = %s at the latest", format.Clean(e.Key), e.FormatX(x))
}

func (e *BreakEven) upTo(x float64) string {
	return fmt.Sprintf("up to %s = %s at least", format.Clean(e.Key), e.FormatX(x))
}

// open names the sizes at which neither is better: both are alike, or nothing
// is shown.
func (e *BreakEven) open(pts []RatioPoint) (s string) {
	if e.Outcome == Crosses { // what matters lies inside the bracket
		pts = slices.DeleteFunc(slices.Clone(pts), func(p RatioPoint) bool { return p.X <= e.Lo || p.X >= e.Hi })
	}
	if alike := e.sizes(pts, inference.Tie); len(alike) > 0 {
		s = "; alike at " + format.List(alike)
	}
	if open := e.sizes(pts, inference.Undecided); len(open) > 0 {
		s += "; undecided at " + format.List(open)
	}
	return s
}

// sizes are those of which the claim is made.
func (e *BreakEven) sizes(pts []RatioPoint, claim inference.Claim) []string {
	var out []string
	for _, p := range pts {
		if p.Claim == claim {
			out = append(out, e.FormatX(p.X))
		}
	}
	return out
}
