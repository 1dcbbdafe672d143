package text

import (
	"fmt"
	"slices"
	"unicode/utf8"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// What a first look may take: lines of the matrix, with its head and its key,
// and decisions.
const (
	matrixLines   = 16
	mostDecisions = 12
)

// matrix prints how each model's throughput stands to the best of its row: a
// row per workload, or per kind of work where the workloads are too many.
// Models that do not fit the width are counted.
func (t *textWriter) matrix() {
	if len(t.run.Verdict.Decisions) == 0 {
		return
	}
	models := slices.DeleteFunc(t.models(analysis.Throughput), func(m string) bool { return t.run.Aside(m) && !t.run.Model(m).Baseline })
	what := "Throughput"
	if slices.ContainsFunc(t.run.Verdict.Decisions, func(d analysis.Decision) bool { return !d.Kind.Metric.Higher }) && len(t.run.Workloads) > matrixLines-2 {
		what += ", or 1/p99 latency,"
	}
	key, left := what+" over the row's best; "+markKey, []string{}
	rows, widths, fit := t.matrixOf(models)
	all := len(models)
	if fit <= all { // the baselines do not compete
		models = slices.DeleteFunc(models, func(m string) bool { return t.run.Model(m).Baseline })
		rows, widths, fit = t.matrixOf(models)
	}
	if room := matrixLines - 1; len(rows) > room {
		left = append(left, fmt.Sprintf("%d more rows", len(rows)-room))
		rows = rows[:room]
	}
	if more := 1 + all - fit; more > 0 {
		left = append(left, format.Count(more, "more model"))
	}
	if len(left) > 0 {
		key += "; " + format.List(left) + " with -v"
	}
	for _, row := range rows {
		t.line(row, widths, 1, fit)
	}
	t.wrap(ansiDim, key, "  ")
	t.printf("\n")
}

// matrixOf returns the head and the rows for these models, how wide each column
// is, and how many of them fit the terminal.
func (t *textWriter) matrixOf(models []string) (rows [][]textCell, widths []int, fit int) {
	head := []textCell{{"", ansiBold}}
	for _, m := range models {
		head = append(head, textCell{format.Fit(format.Clean(results.ModelName(m)), 20), ansiBold})
	}
	rows = append([][]textCell{head}, t.matrixRows(models)...)
	used := 0
	for i := range head {
		widths = append(widths, 0)
		for _, row := range rows[:min(len(rows), matrixLines-1)] {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i].text))
		}
		if used += widths[i] + 2; used-2 <= t.opt.Width || i < 2 {
			fit = i + 1
		}
	}
	return rows, widths, fit
}

// matrixRows are those of the workloads, or of the kinds.
func (t *textWriter) matrixRows(models []string) [][]textCell {
	var rows [][]textCell
	if len(t.run.Workloads) <= matrixLines-2 {
		for _, w := range t.run.Workloads {
			rows = append(rows, matrixRow(format.Fit(format.Clean(w.Name), 24), t.run.ByWorkload[w][analysis.Throughput], models))
		}
		return rows
	}
	for _, d := range t.run.Verdict.Decisions {
		rows = append(rows, matrixRow(format.Fit(d.Kind.Short, 32), d.Ranking, models))
	}
	return rows
}

func matrixRow(name string, r *analysis.Ranking, models []string) []textCell {
	row := []textCell{{name, ""}}
	for _, m := range models {
		e := r.Entry(m)
		switch {
		case e == nil || len(e.Sample) == 0:
			row = append(row, textCell{"-  ", ansiDim})
		default:
			ratio := e.Ratio
			if !r.Metric.Higher {
				ratio = 1 / ratio
			}
			row = append(row, textCell{format.Ratio(ratio) + relationMark(e.Relation), relationCode(e.Relation)})
		}
	}
	return row
}
