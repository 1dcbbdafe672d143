package page

import (
	"cmp"
	"fmt"
	"slices"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
	"switchyard/report/results"
)

// A chartRow is one model's throughput in a case.
type chartRow struct {
	model  chart.Model
	sum    analysis.Summary
	values []float64
	note   string // at the right
	best   bool
}

// rows collects a case's models with numbers, best first.
func (b *builder) rows(c *results.Case) []chartRow {
	r := b.run.ByCase[c][analysis.Throughput]
	var rows []chartRow
	for i := range r.Entries {
		e := &r.Entries[i]
		if len(e.Sample) == 0 {
			continue
		}
		s := b.run.Sums[c.Cells[e.Model]][analysis.Throughput.Unit]
		mark := map[analysis.Relation]string{analysis.Best: "★", analysis.Tied: "≈ " + format.Ratio(e.Ratio), analysis.Unknown: "? " + format.Ratio(e.Ratio)}[e.Relation]
		if mark == "" {
			mark = format.Ratio(e.Ratio)
		}
		rows = append(rows, chartRow{
			model: b.models[i].Model, sum: s, values: e.Sample.Values(),
			note: format.Rate(s.Center) + "  " + mark, best: e.Relation.Good(),
		})
	}
	slices.SortStableFunc(rows, func(x, y chartRow) int { return cmp.Compare(y.sum.Center, x.sum.Center) })
	return rows
}

// wide is the factor between throughputs from which on their axis is
// logarithmic.
const wide = 6

// throughputChart is a dot with its interval per model. The axis is
// logarithmic where models are far apart, else it begins at zero.
func throughputChart(c *results.Case, rows []chartRow) figure {
	f := figure{Title: "Throughput", Hint: "Further right is better; bars are 95 % intervals of the median."}
	f.Chart = chart.Chart{
		Label: "Throughput of " + c.Title() + " by model",
		X:     chart.Axis{Write: func(v float64) string { return format.Tick(v, analysis.Throughput.Unit) }},
	}
	var all []float64
	for _, r := range rows {
		s := r.sum
		row := chart.Row{Model: r.model, Note: r.note, Best: r.best, At: s.Center}
		bounds := fmt.Sprintf("no interval: needs %d results", benchlog.MinResults)
		if all = append(all, s.Center); s.Bounded() {
			bounds = fmt.Sprintf("95 %% interval %s to %s", format.Rate(s.Lo), format.Rate(s.Hi))
			row.Lo, row.Hi = s.Lo, s.Hi
			all = append(all, s.Lo, s.Hi)
		}
		row.Title = fmt.Sprintf("%s: %s, %s, n = %d", r.model.Name, format.Rate(s.Center), bounds, s.N)
		f.Chart.Rows = append(f.Chart.Rows, row)
	}
	if len(all) > 0 && slices.Max(all)/slices.Min(all) > wide {
		f.Chart.X.Log = true
		f.Hint = "Further right is better, logarithmic; bars are 95 % intervals of the median."
	}
	return f
}
