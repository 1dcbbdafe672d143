package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// A pageMatrix is the table workload by model in one metric.
type pageMatrix struct {
	Metric  analysis.Metric
	Rows    []matrixRow
	Geomean []matrixCell
	Over    string // what the geometric mean is taken over
	Wins    []matrixWin
	Empty   bool
}

// A matrixRow is one workload, whose cases can be unfolded below it, or a case.
type matrixRow struct {
	Name, ID string
	Note     string // "control"
	Cells    []matrixCell
	Cases    []matrixRow
}

// A matrixCell is one model's place in a row.
type matrixCell struct {
	verdictMark
	Class string // of its step on the ramp, or of its state
	Ratio string
	Value string // for sorting
	Title string
	Href  string
	Warn  bool
}

// A verdictMark is what stands before a number, and its words for screen
// readers.
type verdictMark struct{ Mark, Spoken string }

// marks are those of relations; one that is only worse, or does not compete,
// has none.
var marks = map[analysis.Relation]verdictMark{
	analysis.Absent: {"–", "not measured"}, analysis.Partial: {"◐", "only some of the cases"},
	analysis.Best: {"★", "best"}, analysis.Tied: {"≈", "too near to the best to matter"}, analysis.Unknown: {"?", "undecided"},
}

// A matrixWin counts the workloads in which a model is best or tied.
type matrixWin struct {
	Count string
	Value int
}

func (b *builder) matrix(m analysis.Metric) pageMatrix {
	out := pageMatrix{Metric: m}
	wins := make([]int, len(b.models))
	for _, w := range b.shown {
		row, good := b.matrixRow(m, w)
		out.Rows = append(out.Rows, row)
		for i, g := range good {
			if g {
				wins[i]++
			}
		}
	}
	r := b.run.Overall[m]
	out.Empty = r.Best() == nil
	out.Over = format.Count(len(r.Cases), "case")
	for i := range r.Entries {
		c := matrixCellOf(&r.Entries[i])
		c.Title = b.entryTitle(m, &r.Entries[i], r)
		out.Geomean = append(out.Geomean, c)
		win := matrixWin{Count: "–"}
		if !b.models[i].Aside {
			win = matrixWin{fmt.Sprint(wins[i]), wins[i]}
		}
		out.Wins = append(out.Wins, win)
	}
	return out
}

func (b *builder) matrixRow(m analysis.Metric, w *results.Workload) (row matrixRow, good []bool) {
	row = matrixRow{Name: w.Name, ID: b.anchor[w]}
	if w.Info.Control {
		row.Note = "control"
	}
	r := b.run.ByWorkload[w][m]
	row.Cells = b.matrixCells(m, r, w, nil, row.ID)
	for i := range r.Entries {
		good = append(good, r.Entries[i].Relation.Good() && !w.Info.Control)
	}
	if len(w.Cases) > 1 {
		for _, k := range b.first[w] {
			id := b.anchor[k]
			row.Cases = append(row.Cases, matrixRow{Name: k.Label(), ID: id, Cells: b.matrixCells(m, b.run.ByCase[k][m], w, k, id)})
		}
	}
	return row, good
}

// matrixCells are those of a workload, or of its case k, which lead to id.
func (b *builder) matrixCells(m analysis.Metric, r *analysis.Ranking, w *results.Workload, k *results.Case, id string) (cells []matrixCell) {
	for i := range r.Entries {
		e := &r.Entries[i]
		c := matrixCellOf(e)
		b.state(&c, m, w, k, e)
		if e.Relation != analysis.Absent {
			c.Href = "#" + id
			// A failed cell says why; other metrics of a case are in its table.
			if c.Class != "fail" && (k == nil || m.ID == analysis.Throughput.ID) {
				c.Title = b.entryTitle(m, e, r)
			}
		}
		cells = append(cells, c)
	}
	return cells
}

// matrixCell shows an entry: mark, ratio, step of the ramp.
func matrixCellOf(e *analysis.Entry) matrixCell {
	c := matrixCell{Class: "na", verdictMark: marks[e.Relation]}
	if len(e.Sample) > 0 && format.Finite(e.Ratio) {
		c.Ratio, c.Value = format.Ratio(e.Ratio), number(e.Ratio)
		c.Class = fmt.Sprintf("r%d", logStep(e.Ratio))
		c.Warn = e.Half > benchlog.IntervalWarns
	}
	switch e.Relation {
	case analysis.Best, analysis.Tied:
		c.Class += " top"
	case analysis.Unranked:
		c.Class = "base"
	case analysis.Partial:
		c.Value = "" // over other cases than its neighbours
		c.Class, c.Ratio = "part", fmt.Sprintf("%d of %d", e.Have, e.Of)
	}
	return c
}

// state overrides a cell that failed, or says why there is none. A nil case
// means the whole workload's row.
func (b *builder) state(c *matrixCell, m analysis.Metric, w *results.Workload, k *results.Case, e *analysis.Entry) {
	failed, skipped, cases, failures := w.Failed[e.Model], w.Skipped[e.Model], w.Cases, 0
	if k != nil {
		cases = []*results.Case{k}
	}
	for _, one := range cases {
		cell := one.Cells[e.Model]
		switch {
		case cell == nil:
		case k != nil:
			failed, skipped = cell.Failed+failed, cell.Skipped+skipped
		default:
			if skipped = cmp.Or(skipped, cell.Skipped); cell.Failed != "" {
				failed, failures = cmp.Or(failed, one.Label()+": "+cell.Failed), failures+1
			}
		}
	}
	switch {
	case failed != "":
		c.Class, c.Mark, c.Spoken = "fail", "✕", "failed"
		c.Title, c.Ratio, c.Value, c.Warn = "failed: "+format.CleanTo(failed, 200), "failed", "", false
		if failures > 0 && len(w.Cases) > 1 {
			c.Ratio = fmt.Sprintf("%d of %d failed", failures, len(w.Cases))
		}
	case e.Relation == analysis.Absent && skipped != "":
		c.Title = "not measured: " + format.CleanTo(skipped, 200)
	case e.Relation == analysis.Absent && !slices.ContainsFunc(cases, func(c *results.Case) bool { return c.Cells[e.Model].Usable() }):
		c.Title = "no results"
	case e.Relation == analysis.Absent:
		c.Title = fmt.Sprintf("%s was not recorded", strings.ToLower(m.Name))
	}
}

// entryTitle says in full what a cell shows. Its row and column say where it
// is.
func (b *builder) entryTitle(m analysis.Metric, e *analysis.Entry, r *analysis.Ranking) string {
	var s strings.Builder
	if e.Relation == analysis.Partial {
		return fmt.Sprintf("results in %d of %d cases: not ranked over them", e.Have, e.Of)
	}
	if len(r.Cases) == 1 && len(e.Sample) > 0 {
		s.WriteString(format.Value(e.Center, m.Unit))
		if e.Untimed {
			s.WriteString(" or less, which cannot be timed")
		}
	} else if len(e.Sample) > 0 {
		fmt.Fprintf(&s, "geometric mean of %s", format.Count(len(r.Cases), "case"))
	}
	if v := e.Versus; v.A != "" {
		fmt.Fprintf(&s, "; %s %s (95 %% interval %s)", format.Ratio(v.Ratio), format.Clean(v.B), format.Interval(v.Lo, v.Hi))
	}
	switch e.Relation {
	case analysis.Best:
		s.WriteString("; best")
	case analysis.Tied:
		s.WriteString("; within " + format.Percent(analysis.Practical) + " of the best")
	case analysis.Unknown:
		if format.Finite(e.Versus.Detectable) {
			fmt.Fprintf(&s, "; undecided: could detect %s", format.Percent(e.Versus.Detectable))
		} else {
			fmt.Fprintf(&s, "; undecided: too few results, %d are needed", benchlog.MinResults)
		}
	case analysis.Unranked:
		is := "peer"
		if b.model[e.Model].Baseline {
			is = "baseline"
		}
		s.WriteString("; a " + is + ", not in the competition")
	}
	return s.String()
}

// ramp are the steps of the matrix's colours, by how many times worse than the
// best.
var ramp = []float64{1 + analysis.Practical, 1.25, 1.6, 2.5, 5}

func logStep(ratio float64) int {
	worse := math.Max(ratio, 1/ratio)
	for i, limit := range ramp {
		if worse <= limit {
			return i
		}
	}
	return 5
}
