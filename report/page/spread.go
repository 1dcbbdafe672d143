package page

import (
	"fmt"
	"maps"
	"math"
	"slices"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
	"switchyard/report/results"
)

// deviation is a result against the median, at most half and double: further
// ones are drawn at the edge.
func deviation(v, center float64) float64 {
	if d := v/center - 1; d > -0.5 {
		return min(d, 1)
	}
	return -0.5
}

// spreadChart shows every result as its deviation from the model's own
// median, so that a slow model's noise is as visible as a fast one's.
func spreadChart(c *results.Case, rows []chartRow) figure {
	f := figure{Title: "Run-to-run spread", Hint: "Each result against its model’s median; box: the middle half, rings: outliers. Narrow is trustworthy."}
	f.Chart = chart.Chart{Label: "Spread of results of " + c.Title() + " by model", X: chart.Axis{Deviations: true}}
	for _, r := range rows {
		s := r.sum
		if s.N < 2 {
			continue
		}
		box := &chart.Box{Q1: deviation(s.Q1, s.Center), Q3: deviation(s.Q3, s.Center)}
		for _, v := range r.values {
			box.Results = append(box.Results, chart.Result{At: deviation(v, s.Center), Outlier: s.Outlier(v)})
		}
		note := "±" + format.Percent(s.Spread()/2)
		if n := s.Mild + s.Extreme; n > 0 {
			note += fmt.Sprintf("  %d out", n)
		}
		f.Chart.Rows = append(f.Chart.Rows, chart.Row{
			Model: r.model, Note: note, Box: box,
			Title: fmt.Sprintf("%s: middle half within %s of the median, %s", r.model.Name, format.Percent(s.Spread()), format.Count(s.Mild+s.Extreme, "outlier")),
		})
	}
	return f
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
		l := chart.Line{Model: b.models[i].Model, Best: rank.Entries[i].Relation == analysis.Best, Dots: len(values) <= maxDots}
		for _, v := range thinTo(values, maxInOrder) {
			l.Points = append(l.Points, chart.Point{X: v.X + 1, Y: deviation(v.Y, rank.Entries[i].Center)})
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

// thinTo keeps at most n values, with their places.
func thinTo(values []float64, n int) []chart.Point {
	step := max(1, (len(values)+n-1)/n)
	var out []chart.Point
	for i := 0; i < len(values); i += step {
		out = append(out, chart.Point{X: float64(i), Y: values[i]})
	}
	return out
}
