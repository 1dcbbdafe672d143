package advice

import (
	"cmp"
	"math"
	"slices"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A source is where an aspect is looked for: one curve, in one unit.
type source struct {
	workload, key string
	fixed         benchlog.Params
	unit          string
	per           bool // of a rate: time per op
}

// Where each part of a question is looked for.
var (
	computing = source{"CPUMap", "task", "chunk=1", analysis.Throughput.Unit, true}
	mixing    = source{"Mixed", "wait", "", analysis.Throughput.Unit, true}
	messaging = source{"Pipe", "payload", "", analysis.Throughput.Unit, true}
	waiting   = source{"Sleep", "n", "stack=0", analysis.CPUTime.Unit, false}
	keeping   = []source{{"Parked", "n", "stack=0", analysis.Memory.Unit, false}, {"Sleep", "n", "stack=0", analysis.Memory.Unit, false}}
)

// shown is the unit of the source's estimates.
func (src *source) shown() string {
	if src.per {
		return "ns/op"
	}
	return src.unit
}

// value is what a cell has in that unit, and whether it has anything.
func (src *source) value(a *analysis.Analysis, c *results.Cell) (analysis.Summary, bool) {
	sum := a.Sums[c][src.unit]
	if src.per && sum.Bounded() { // else it is not used
		sum.Center, sum.Lo, sum.Hi = 1e9/sum.Center, 1e9/sum.Hi, 1e9/sum.Lo
	}
	return sum, sum.N > 0 && sum.Center > 0 && format.Finite(sum.Center)
}

// A curve is the cases of a workload along one parameter, on the largest CPU
// set, with one choice of the others.
type curve struct {
	workload *results.Workload
	key      string
	points   []point // ascending
}

type point struct {
	x    float64
	text string // x as the case spells it
	c    *results.Case
}

// curveOf returns the curve of a workload along key, of those with the fixed
// part that has the most points; nil if nothing was measured.
func curveOf(run *results.Run, workload, key string, prefer benchlog.Params) *curve {
	i := slices.IndexFunc(run.Workloads, func(w *results.Workload) bool { return w.Name == workload })
	if i < 0 {
		return nil
	}
	w := run.Workloads[i]
	cpus := 0
	for _, c := range w.Cases {
		cpus = max(cpus, c.CPUs)
	}
	byFixed := make(map[benchlog.Params]*curve)
	var order []*curve
	for _, c := range w.Cases {
		text, fixed, ok := benchlog.Params(c.Name()).Cut(key)
		x := benchlog.Param{Value: text}.Number()
		if !ok || math.IsNaN(x) || c.CPUs != cpus {
			continue
		}
		g := byFixed[fixed]
		if g == nil {
			g = &curve{workload: w, key: key}
			byFixed[fixed], order = g, append(order, g)
		}
		g.points = append(g.points, point{x, text, c})
	}
	if g := byFixed[prefer]; g != nil {
		order = []*curve{g}
	}
	if len(order) == 0 {
		return nil
	}
	g := slices.MaxFunc(order, func(a, b *curve) int { return len(a.points) - len(b.points) })
	slices.SortStableFunc(g.points, func(a, b point) int { return cmp.Compare(a.x, b.x) })
	return g
}

// share reports whether the parameter is a share in percent, which has no
// logarithmic axis.
func (g *curve) share() bool { return g.key == "wait" }

// on returns the number of CPUs of the curve, "" if there is no other.
func (g *curve) on() string { return g.points[0].c.CPUSet() }

// around says at which cases the estimates rest.
func (g *curve) around(x float64) string {
	for i := range g.points {
		switch p := &g.points[i]; {
		case near(p.x, x):
			return "at " + p.text
		case p.x > x && i > 0:
			return "between " + g.points[i-1].text + " and " + p.text
		case p.x > x:
			return "from " + p.text + " on"
		}
	}
	return "up to " + g.points[len(g.points)-1].text
}

func near(a, b float64) bool { return a == b || a > 0 && math.Abs(b/a-1) < 0.005 }

func (src *source) cell(a *analysis.Analysis, p *point, model string) (out TableCell) {
	c := p.c.Cells[model]
	if !c.Usable() {
		if c != nil {
			out.Failed, out.Skipped = c.Failure(), c.Skipped
		}
		return out
	}
	switch s, ok := src.value(a, c); {
	case !ok:
	case !s.Bounded():
		out.Few = true
	default:
		out.Center, out.Lo, out.Hi = s.Center, s.Lo, s.Hi
	}
	return out
}

// beside reports whether a model is only shown.
func beside(run *results.Run, model string) bool {
	m := run.Model(model)
	return m.Baseline || m.Beside != ""
}

// number returns the value of a parameter, NaN if it is none.
func number(p benchlog.Params, key string) float64 {
	text, _ := p.Get(key)
	return benchlog.Param{Value: text}.Number()
}
