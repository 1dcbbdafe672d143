package text

import (
	"slices"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// scaling prints how throughput depends on the number of CPUs: a row per case
// and model, where several numbers were measured.
func (t *textWriter) scaling() {
	if len(t.run.Scalings) == 0 {
		return
	}
	cpus, limit := analysis.ScalingCPUs(t.run.Scalings), t.run.ScalingLimit()
	header := []textCell{{"", ansiBold}}
	for _, n := range cpus {
		header = append(header, textCell{format.Count(n, "CPU"), ansiBold})
	}
	if limit == "" {
		header = append(header, textCell{"contention", ansiBold}, textCell{"coherency", ansiBold}, textCell{"peak", ansiBold})
	}
	rows := [][]textCell{header}
	for _, s := range t.run.Scalings {
		row := []textCell{{results.WithModel(format.Clean(s.Case.TitleWithoutCPUs()), format.Clean(s.Model)), ""}}
		for _, n := range cpus {
			text := "-"
			if i := slices.Index(s.CPUs, n); i > 0 {
				text = analysis.SpeedupText(s.Speedups[i])
			}
			row = append(row, textCell{text, ""})
		}
		if limit == "" {
			contention, coherency, peak := s.LawText()
			row = append(row, textCell{contention, ""}, textCell{coherency, ""}, textCell{peak, ""})
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
