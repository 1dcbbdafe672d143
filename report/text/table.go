package text

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// textUnits name the base units that the tables' numbers are in.
var textUnits = map[string]string{analysis.Throughput.ID: "ops/s", analysis.TailP99.ID: "s", analysis.CPUTime.ID: "s/op", analysis.Memory.ID: "B"}

// A textCell is one cell of a table: what to print, and how.
type textCell struct{ text, code string }

// table prints a metric: a row per case, a column per model. Columns that do
// not fit the width go into further tables below.
func (t *textWriter) table(m analysis.Metric) {
	models := t.models(m)
	if len(models) == 0 {
		return
	}
	rows := [][]textCell{}
	for _, c := range t.run.Cases() {
		if row := t.row(m, c, models); row != nil {
			rows = append(rows, row)
		}
	}
	foot := t.geomean(m, models)
	header := []textCell{{"", ansiBold}}
	for _, model := range models {
		header = append(header, textCell{format.Clean(results.ModelName(model)) + "  ", ansiBold})
	}
	all := append([][]textCell{header}, rows...)
	if foot != nil {
		all = append(all, foot)
	}
	legend := textUnits[m.ID] + ": median ± 95 %, "
	switch {
	case m.Foreign:
		legend = "median ± 95 %"
	case m.Higher:
		legend += "higher is better; " + markKey
	default:
		legend += "lower is better; " + markKey
	}
	t.printf("%s %s\n", t.paint(ansiBold, format.Clean(m.Name)), t.paint(ansiDim, legend))
	t.columns(all)
	t.printf("\n")
}

// models are those with any number in the metric.
func (t *textWriter) models(m analysis.Metric) []string {
	var out []string
	for _, model := range t.run.Models {
		for _, c := range t.run.Cases() {
			if e := t.run.ByCase[c][m].Entry(model); e != nil && len(e.Sample) > 0 {
				out = append(out, model)
				break
			}
		}
	}
	return out
}

func (t *textWriter) row(m analysis.Metric, c *results.Case, models []string) []textCell {
	r := t.run.ByCase[c][m]
	row := []textCell{{format.Clean(c.Title()), ""}}
	any := false
	for _, model := range models {
		e := r.Entry(model)
		cell := c.Cells[model]
		switch {
		case len(e.Sample) > 0:
			any = true
			row = append(row, textCell{t.number(m, e), relationCode(e.Relation)})
		case cell != nil && cell.Failed != "" || c.Workload.Failed[model] != "":
			any = any || !m.Foreign
			row = append(row, textCell{"FAILED", ansiRed})
		default:
			row = append(row, textCell{"-", ansiDim})
		}
	}
	if !any {
		return nil
	}
	return row
}

// number is a cell's center, half width and mark.
func (t *textWriter) number(m analysis.Metric, e *analysis.Entry) string {
	half, mark := "∞", relationMark(e.Relation)
	if m.Foreign {
		mark = ""
	}
	switch h := e.Half; {
	case h < 10:
		half = fmt.Sprintf("%.0f%%", 100*h)
	case format.Finite(h):
		half = ">999%"
	}
	value := strings.TrimSuffix(m.Format(e.Center), format.Suffix(m.Unit))
	if e.Untimed {
		value = "<" + value
	}
	return fmt.Sprintf("%s ±%4s%s", value, half, mark)
}

// markKey explains the marks.
const markKey = "* best, ~ alike, ? undecided"

func relationMark(r analysis.Relation) string {
	return map[analysis.Relation]string{analysis.Best: " *", analysis.Tied: " ~", analysis.Unknown: " ?", analysis.Worse: "  ", analysis.Unranked: "  "}[r]
}

func relationCode(r analysis.Relation) string {
	switch r {
	case analysis.Best, analysis.Tied:
		return ansiGreen
	case analysis.Unranked:
		return ansiDim
	}
	return ""
}

// geomean is the last row: each model over the best, over the cases that all
// ranked models have.
func (t *textWriter) geomean(m analysis.Metric, models []string) []textCell {
	if m.Foreign {
		return nil
	}
	r := t.run.Overall[m]
	if len(r.Cases) < 2 || r.Second() == nil {
		return nil
	}
	row := []textCell{{fmt.Sprintf("geomean of %d", len(r.Cases)), ansiBold}}
	for _, model := range models {
		e := r.Entry(model)
		if len(e.Sample) == 0 {
			row = append(row, textCell{"-", ansiDim})
			continue
		}
		row = append(row, textCell{format.Ratio(e.Ratio) + "      " + relationMark(e.Relation), relationCode(e.Relation)})
	}
	return row
}

// columns prints rows, as many columns as fit and the rest below, the first
// column repeated.
func (t *textWriter) columns(rows [][]textCell) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for from := 1; from < len(widths); {
		to, used := from, widths[0]
		for to < len(widths) && (to == from || used+2+widths[to] <= t.opt.Width) {
			used += 2 + widths[to]
			to++
		}
		for _, row := range rows {
			t.line(row, widths, from, to)
		}
		if from = to; from < len(widths) {
			t.printf("\n")
		}
	}
}

// line prints a row's first column, and those from one place to another.
func (t *textWriter) line(row []textCell, widths []int, from, to int) {
	t.printf("%s", t.paint(row[0].code, pad(row[0].text, -widths[0])))
	for i := from; i < to; i++ {
		text := pad(row[i].text, widths[i])
		if i == to-1 {
			text = strings.TrimRight(text, " ")
		}
		t.printf("  %s", t.paint(row[i].code, text))
	}
	t.printf("\n")
}

// pad fills s with spaces to the width: before it, or behind when negative.
func pad(s string, width int) string {
	n := int(math.Abs(float64(width))) - utf8.RuneCountInString(s)
	if n <= 0 {
		return s
	}
	if width < 0 {
		return s + strings.Repeat(" ", n)
	}
	return strings.Repeat(" ", n) + s
}
