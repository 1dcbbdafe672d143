package advice

import (
	"cmp"
	"errors"
	"fmt"
	"math"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/results"
)

// Farthest is how far apart, as a factor, two measured sizes may be for what
// lies between them to be estimated.
const Farthest = 20

// An Estimate is a number that was measured, or lies between two that were.
type Estimate struct {
	Center, Lo, Hi float64
	Cases          []*results.Case // that it rests on: one, or two
}

// at estimates what a model has at x, or says why it cannot.
func (g *curve) at(x float64, model string, value func(*results.Cell) (analysis.Summary, bool)) (Estimate, error) {
	var below, above *point
	var low, high analysis.Summary
	failed, void := "", ""
	for i := range g.points {
		p := &g.points[i]
		cell := p.c.Cells[model]
		if !cell.Usable() {
			if cell != nil {
				failed = cmp.Or(failed, cell.Failure())
			}
			if cell != nil && p.x <= x { // what is too many stays so
				void = cmp.Or(void, cell.Skipped)
			}
			continue
		}
		s, ok := value(cell)
		switch {
		case !ok:
		case near(p.x, x):
			if !s.Bounded() {
				return Estimate{}, fmt.Errorf("too few results at %s", p.c.Name())
			}
			return Estimate{s.Center, s.Lo, s.Hi, []*results.Case{p.c}}, nil
		case p.x < x:
			below, low = p, s
		case above == nil:
			above, high = p, s
		}
	}
	switch {
	case below == nil && above == nil && g.workload.Skipped[model] != "":
		return Estimate{}, noneError{g.workload.Skipped[model]}
	case above == nil && void != "":
		return Estimate{}, noneError{void}
	case below == nil && above == nil:
		return Estimate{}, errors.New(cmp.Or(failed, "not measured"))
	case below == nil:
		return Estimate{}, fmt.Errorf("measured from %s=%s on", g.key, above.text)
	case above == nil:
		return Estimate{}, fmt.Errorf("measured up to %s=%s", g.key, below.text)
	case !low.Bounded() || !high.Bounded():
		return Estimate{}, errors.New("too few results")
	case !g.close(below.x, above.x):
		return Estimate{}, fmt.Errorf("measured at %s=%s and %s only", g.key, below.text, above.text)
	}
	e := Estimate{Cases: []*results.Case{below.c, above.c}}
	straight := (x - below.x) / (above.x - below.x)
	bent := straight
	if below.x > 0 && !g.share() {
		bent = math.Log(x/below.x) / math.Log(above.x/below.x)
	}
	e.Center = geometric(low.Center, high.Center, bent)
	e.Lo = min(linear(low.Lo, high.Lo, straight), geometric(low.Lo, high.Lo, bent))
	e.Hi = max(linear(low.Hi, high.Hi, straight), geometric(low.Hi, high.Hi, bent))
	return e, nil
}

// A noneError says why a model has no number there, however long one measures.
type noneError struct{ reason string }

func (e noneError) Error() string { return e.reason }

// close reports whether what lies between two sizes can be estimated.
func (g *curve) close(below, above float64) bool {
	return g.share() || below > 0 && above/below <= Farthest
}

func linear(a, b, at float64) float64 { return a + (b-a)*at }

func geometric(a, b, at float64) float64 {
	return math.Exp(linear(math.Log(a), math.Log(b), at))
}

// measure returns the points that would tell what is at x, as WORKLOADS takes
// them: that point if the workload has it, or its nearest neighbours. There are
// none where the workload does not go.
func (g *curve) measure(x float64) (names []string) {
	info := g.workload.Info
	template := benchlog.Params(g.points[0].c.Name())
	_, fixed, _ := template.Cut(g.key)
	if p := template.Resize(g.key, x); info.Has(p) && near(number(p, g.key), x) {
		return []string{g.workload.Name + "/" + string(p)}
	}
	below, above := benchlog.Params(""), benchlog.Params("")
	for _, p := range info.Points() { // ascending
		_, rest, ok := p.Cut(g.key)
		v := number(p, g.key)
		switch {
		case !ok || rest != fixed || math.IsNaN(v):
		case near(v, x):
			return []string{g.workload.Name + "/" + string(p)}
		case v < x:
			below = p
		case above == "":
			above = p
		}
	}
	if below == "" || above == "" || !g.close(number(below, g.key), number(above, g.key)) {
		return nil
	}
	return []string{g.workload.Name + "/" + string(below), g.workload.Name + "/" + string(above)}
}
