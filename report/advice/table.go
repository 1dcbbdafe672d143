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

// A Table is a curve in numbers: the cases of a workload along one parameter,
// on the largest CPU set, with one choice of the others. It is all that
// questions are answered by, so that a page which shows it can answer by it.
type Table struct {
	Ask      string // the part of a question that it answers: "task", "io", "payload", "wait" or "memory"
	Title    string
	Workload string
	Key      string // the parameter along which it runs
	On       string // its number of CPUs, the largest; "" if there is no other
	Unit     string
	Share    bool // the parameter is a share in percent, which has no logarithmic axis
	Models   []TableModel
	Rows     []TableRow // ascending; none where the workload was not measured

	info benchlog.WorkloadInfo
}

// A TableModel is the head of a column.
type TableModel struct {
	Name   string
	Beside bool   // it is only shown
	None   string // why the workload has nothing of it
}

// A TableRow is a measured size, with a cell for each model.
type TableRow struct {
	X     float64
	Size  string // as the case spells it
	Case  *results.Case
	Cells []TableCell
}

// A TableCell is a number with its interval, or why there is none. The zero
// value was not measured.
type TableCell struct {
	Center, Lo, Hi float64
	Few            bool   // there are too few results for an interval
	Failed         string // what went wrong
	Skipped        string // why this size is not possible
}

// A source is where part of a question is looked for: one curve, in one unit.
type source struct {
	ask, title    string
	workload, key string
	fixed         benchlog.Params // the other parameters, if there are such cases
	unit          string
	per           bool // of a rate: time per op
}

// sources are in the order of a question's parts. Of those of one part the
// first counts that has all models' estimates.
var sources = []source{
	{"task", "Computing: time per task", "CPUMap", "task", "chunk=1", analysis.Throughput.Unit, true},
	{"io", "Waiting: time per task, by the share of it that is waiting", "Mixed", "wait", "", analysis.Throughput.Unit, true},
	{"payload", "Messages: time per round trip", "Pipe", "payload", "", analysis.Throughput.Unit, true},
	{"wait", "Many at once: CPU time per wait", "Sleep", "n", "stack=0", analysis.CPUTime.Unit, false},
	{"memory", "Many at once: memory of all", "Parked", "n", "stack=0", analysis.Memory.Unit, false},
	{"memory", "Many at once: memory of all", "Sleep", "n", "stack=0", analysis.Memory.Unit, false},
}

// Tables returns the curves that questions are asked of.
func Tables(a *analysis.Analysis) (all []Table) {
	for _, src := range sources {
		all = append(all, tableOf(a, &src))
	}
	return all
}

func tableOf(a *analysis.Analysis, src *source) Table {
	t := Table{Ask: src.ask, Title: src.title, Workload: src.workload, Key: src.key, Share: src.key == "wait", Unit: src.unit}
	if src.per {
		t.Unit = "ns/op"
	}
	i := slices.IndexFunc(a.Workloads, func(w *results.Workload) bool { return w.Name == src.workload })
	if i < 0 {
		return t
	}
	w := a.Workloads[i]
	if t.Rows = src.rows(w); len(t.Rows) == 0 {
		return t
	}
	t.info, t.On = w.Info, t.Rows[0].Case.CPUSet()
	for _, model := range a.Models {
		info := a.Model(model)
		t.Models = append(t.Models, TableModel{model, info.Baseline || info.Beside != "", w.Skipped[model]})
		for i := range t.Rows {
			t.Rows[i].Cells = append(t.Rows[i].Cells, src.cell(a, t.Rows[i].Case.Cells[model]))
		}
	}
	return t
}

// rows are the cases of the curve, without their numbers: those with the fixed
// part or else, of each choice of it, those of which there are most.
func (src *source) rows(w *results.Workload) (rows []TableRow) {
	cpus := 0
	for _, c := range w.Cases {
		cpus = max(cpus, c.CPUs)
	}
	byFixed := map[benchlog.Params][]TableRow{}
	var order []benchlog.Params
	for _, c := range w.Cases {
		text, fixed, ok := benchlog.Params(c.Name()).Cut(src.key)
		x := benchlog.Param{Value: text}.Number()
		if !ok || math.IsNaN(x) || c.CPUs != cpus {
			continue
		}
		byFixed[fixed] = append(byFixed[fixed], TableRow{X: x, Size: text, Case: c})
		order = append(order, fixed)
	}
	rows = byFixed[src.fixed]
	for _, fixed := range order {
		if byFixed[src.fixed] == nil && len(byFixed[fixed]) > len(rows) {
			rows = byFixed[fixed]
		}
	}
	slices.SortStableFunc(rows, func(a, b TableRow) int { return cmp.Compare(a.X, b.X) })
	return rows
}

// cell is what a model has in the source's unit.
func (src *source) cell(a *analysis.Analysis, c *results.Cell) (out TableCell) {
	s := a.Sums[c][src.unit]
	switch {
	case c == nil:
	case !c.Usable():
		out.Failed, out.Skipped = c.Failure(), c.Skipped
	case s.N == 0 || !(s.Center > 0) || !format.Finite(s.Center):
	case !s.Bounded():
		out.Few = true
	case src.per:
		out.Center, out.Lo, out.Hi = 1e9/s.Center, 1e9/s.Hi, 1e9/s.Lo
	default:
		out.Center, out.Lo, out.Hi = s.Center, s.Lo, s.Hi
	}
	return out
}

// Why says in a word why a cell has no number; none is why the workload has
// nothing of its model.
func (c TableCell) Why(none string) string {
	if c.Few {
		return "too few results"
	}
	return cmp.Or(c.Failed, c.Skipped, none, "not measured")
}
