package page

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"

	"switchyard/bench/benchlog"
	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
	"switchyard/report/results"
)

// rows are a case's models with numbers, the fastest first.
func (b *builder) rows(c *results.Case) (rows []chart.Row) {
	for i, e := range b.run.ByCase[c][analysis.Throughput].Entries {
		if len(e.Sample) == 0 {
			continue
		}
		s := b.run.Sums[c.Cells[e.Model]][analysis.Throughput.Unit]
		row := chart.Row{
			Model: b.models[i].Model, Best: e.Relation.Good(), Mark: marks[e.Relation].Mark,
			N: s.N, Center: s.Center, None: fmt.Sprintf("needs %d results", benchlog.MinResults),
			Q1: s.Q1, Q3: s.Q3, Results: e.Sample.Values(), Outliers: s.Mild + s.Extreme,
		}
		if e.Relation != analysis.Best {
			row.Ratio = e.Ratio
		}
		if s.Bounded() {
			row.Lo, row.Hi = s.Lo, s.Hi
		}
		rows = append(rows, row)
	}
	slices.SortStableFunc(rows, func(x, y chart.Row) int { return cmp.Compare(y.Center, x.Center) })
	return rows
}

// wide is the factor between throughputs from which on their axis is
// logarithmic.
const wide = 6

// throughputChart is a dot with its interval per model. The axis is
// logarithmic where models are far apart, else it begins at zero.
func throughputChart(c *results.Case, rows []chart.Row) figure {
	f := figure{Title: "Throughput", Hint: "Further right is better; bars are 95 % intervals of the median."}
	f.Chart = chart.Chart{
		Label: "Throughput of " + c.Title() + " by model", Rows: rows,
		X: chart.Axis{Write: func(v float64) string { return format.Tick(v, analysis.Throughput.Unit) }},
	}
	least, most := math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		least, most = min(least, r.Center), max(most, r.Center, r.Hi)
		if r.Hi != 0 {
			least = min(least, r.Lo)
		}
	}
	if most/least > wide {
		f.Chart.X.Log = true
		f.Hint = "Further right is better, logarithmic; bars are 95 % intervals of the median."
	}
	return f
}

// spreadChart shows every result as its deviation from the model's own
// median, so that a slow model's noise is as visible as a fast one's.
func spreadChart(c *results.Case, rows []chart.Row) figure {
	return figure{
		Title: "Run-to-run spread", Hint: "Each result against its model’s median; box: the middle half, rings: outliers. Narrow is trustworthy.",
		Chart: chart.Chart{
			Label: "Spread of results of " + c.Title() + " by model", X: chart.Axis{Deviations: true},
			Rows: slices.DeleteFunc(slices.Clone(rows), func(r chart.Row) bool { return r.N < 2 }),
		},
	}
}

// The most results of a model in their order, and those drawn one by one.
const (
	maxInOrder = 160
	maxDots    = 60
)

// progressChart shows results in run order, each against its model's median,
// with the disturbed blocks shaded.
func (b *builder) progressChart(c *results.Case) figure {
	f := figure{Title: "Progression by run order", Hint: "Each result against its model’s median; a slope or a step is the machine’s doing. Shaded: disturbed blocks."}
	f.Chart = chart.Chart{Label: "Results of " + c.Title() + " in run order", Y: chart.Axis{Deviations: true}}
	longest := 0
	rank := b.run.ByCase[c][analysis.Throughput]
	shaded := map[float64]bool{}
	for i, m := range b.run.Models {
		values := rank.Entries[i].Sample.Values()
		if len(values) < 2 {
			continue
		}
		l := chart.Line{
			Model: b.models[i].Model, Best: rank.Entries[i].Relation == analysis.Best, Dots: len(values) <= maxDots,
			Points: thinTo(values, maxInOrder), Median: rank.Entries[i].Center,
		}
		for k, r := range c.Cells[m].Results {
			if r.Block >= 0 && r.Block < len(b.run.Blocks) && b.run.Blocks[r.Block].Disturbed {
				shaded[float64(k+1)] = true
			}
		}
		longest = max(longest, len(values))
		f.Chart.Lines = append(f.Chart.Lines, l)
	}
	f.Chart.Shaded = slices.Sorted(maps.Keys(shaded))
	f.Chart.X = chart.Axis{Min: 1, Max: float64(longest), Margin: .4, Label: "result, in run order", Write: func(v float64) string {
		if v != math.Trunc(v) {
			return ""
		}
		return fmt.Sprintf("%.0f", v)
	}}
	return f
}

// thinTo keeps at most n values, with their places from one on.
func thinTo(values []float64, n int) []chart.Point {
	step := max(1, (len(values)+n-1)/n)
	var out []chart.Point
	for i := 0; i < len(values); i += step {
		out = append(out, chart.Point{X: float64(i + 1), Y: values[i]})
	}
	return out
}
