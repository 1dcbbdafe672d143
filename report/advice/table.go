package advice

import (
	"cmp"

	"switchyard/report/analysis"
)

// A Table is a curve in numbers: all that [Of] knows of it, so that a page can
// show it and answer by it.
type Table struct {
	Ask      string // the part of a question that it answers: "task", "io", "payload", "wait" or "memory"
	Title    string
	Workload string
	Key      string // the parameter along which it runs
	On       string // its number of CPUs, the largest; "" if there is no other
	Unit     string
	Share    bool // the parameter is a share in percent
	Models   []TableModel
	Rows     []TableRow // ascending; none where the workload was not measured
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
	Case  string
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

// titles are what the curves are called, by what they are asked.
var titles = map[string]string{
	"task": "Computing: time per task", "io": "Waiting: time per task, by the share of it that is waiting",
	"payload": "Messages: time per round trip", "wait": "Many at once: CPU time per wait", "memory": "Many at once: memory of all",
}

// Tables returns the curves that questions are asked of. Of those with the same
// Ask the first counts that has all models' estimates.
func Tables(a *analysis.Analysis) []Table {
	out := []Table{tableOf(a, "task", computing), tableOf(a, "io", mixing), tableOf(a, "payload", messaging), tableOf(a, "wait", waiting)}
	for _, src := range keeping {
		out = append(out, tableOf(a, "memory", src))
	}
	return out
}

func tableOf(a *analysis.Analysis, ask string, src source) Table {
	t := Table{Ask: ask, Title: titles[ask], Workload: src.workload, Key: src.key, Unit: src.shown()}
	g := curveOf(a.Run, src.workload, src.key, src.fixed)
	if g == nil {
		return t
	}
	t.Share, t.On = g.share(), g.on()
	for _, model := range a.Models {
		t.Models = append(t.Models, TableModel{model, beside(a.Run, model), g.workload.Skipped[model]})
	}
	for i := range g.points {
		p := &g.points[i]
		row := TableRow{X: p.x, Size: p.text, Case: p.c.Name()}
		for _, model := range a.Models {
			row.Cells = append(row.Cells, src.cell(a, p, model))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// Why says in a word why a cell has no number; none is why the workload has
// nothing of its model.
func (c TableCell) Why(none string) string {
	if c.Few {
		return "too few results"
	}
	return cmp.Or(c.Failed, c.Skipped, none, "not measured")
}
