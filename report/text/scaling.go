package text

import (
	"strings"
	"unicode/utf8"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// speedupWidth is what a speed-up with its interval takes of a line. Where they
// do not all stand in one, the table has none of their intervals, and shares
// without their sign: else each number of CPUs had a table of its own.
const speedupWidth = 26

// scaling prints how throughput depends on the number of CPUs: a row per case
// and model, where several numbers were measured.
func (t *textWriter) scaling() {
	if len(t.run.Scalings) == 0 {
		return
	}
	cpus, limit := t.run.ScalingCPUs, t.run.ScalingLimit
	label := 0
	for _, s := range t.run.Scalings {
		label = max(label, utf8.RuneCountInString(scalingName(s)))
	}
	narrow, percent := label+speedupWidth*len(cpus) > t.opt.Width, ""
	if narrow {
		percent = ", %"
	}
	header := []textCell{{"", ansiBold}}
	for _, n := range cpus {
		header = append(header, textCell{format.Count(n, "CPU"), ansiBold})
	}
	if limit == "" {
		header = append(header, textCell{"contention" + percent, ansiBold}, textCell{"coherency" + percent, ansiBold}, textCell{"peak", ansiBold})
	}
	rows := [][]textCell{header}
	for _, s := range t.run.Scalings {
		row := []textCell{{scalingName(s), ""}}
		for i, cell := range s.Row {
			switch {
			case narrow && i < len(cpus):
				cell.Interval = ""
			case narrow && cell.Interval != "":
				cell.Text = strings.TrimSuffix(cell.Text, " %")
			}
			row = append(row, textCell{strings.ReplaceAll(cell.String(), "–", "-"), ""})
		}
		rows = append(rows, row)
	}
	t.printf("%s %s\n", t.paint(ansiBold, "Scaling"), t.paint(ansiDim, "throughput over that on the fewest CPUs (95 %)"))
	t.columns(rows)
	if limit != "" {
		t.wrap("", limit, "  ")
	}
	t.printf("\n")
}

func scalingName(s analysis.Scaling) string {
	return results.WithModel(format.Clean(s.Case.TitleWithoutCPUs()), format.Clean(s.Model))
}
