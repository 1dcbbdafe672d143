package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
)

// A pageScaling is how throughput depends on the number of CPUs.
type pageScaling struct {
	Charts []figure
	Chosen int // how many the charts are of, where that is not all
	Rows   []analysis.Scaling
	Cut    int // rows that the page leaves out
}

// The most rows and charts of the section; the results have all.
const (
	maxScalings      = 150
	maxScalingCharts = 8
)

// scaling is nil where nothing was measured on several numbers of CPUs.
func (b *builder) scaling() *pageScaling {
	all := b.run.Scalings
	if len(all) == 0 {
		return nil
	}
	p := &pageScaling{Cut: max(len(all)-maxScalings, 0)}
	p.Rows = all[:len(all)-p.Cut]
	cases := scalingCases(all)
	for _, models := range telling(cases) {
		if f, ok := b.speedupChart(models); ok {
			p.Charts = append(p.Charts, f)
		}
	}
	if len(cases) > maxScalingCharts {
		p.Chosen = len(cases)
	}
	return p
}

// scalingCases groups what follows one another by case.
func scalingCases(all []analysis.Scaling) (cases [][]analysis.Scaling) {
	for i, s := range all {
		if i == 0 || s.Case != all[i-1].Case {
			cases = append(cases, nil)
		}
		last := len(cases) - 1
		cases[last] = append(cases[last], s)
	}
	return cases
}

// telling returns the cases that get a chart, in report order: those in which
// the models' speed-ups on the most CPUs are furthest apart.
func telling(cases [][]analysis.Scaling) [][]analysis.Scaling {
	spread := func(models []analysis.Scaling) float64 {
		lo, hi := math.Inf(1), math.Inf(-1)
		for _, s := range models {
			last := s.Speedups[len(s.Speedups)-1].Center
			lo, hi = min(lo, last), max(hi, last)
		}
		return hi / lo
	}
	chosen := slices.Clone(cases)
	slices.SortStableFunc(chosen, func(a, b []analysis.Scaling) int { return cmp.Compare(spread(b), spread(a)) })
	chosen = chosen[:min(len(chosen), maxScalingCharts)]
	return slices.DeleteFunc(slices.Clone(cases), func(c []analysis.Scaling) bool {
		return !slices.ContainsFunc(chosen, func(o []analysis.Scaling) bool { return o[0].Case == c[0].Case })
	})
}

// speedupChart draws the speed-ups of one case's models over the number of
// CPUs.
func (b *builder) speedupChart(models []analysis.Scaling) (figure, bool) {
	first := models[0]
	row := b.run.ByCase[first.Case][analysis.Throughput]
	x := chart.Axis{Label: "CPUs", Log: true, Min: float64(first.CPUs[0]), Max: 1}
	xs := map[int]bool{}
	var lines []chart.Line
	for i, model := range b.run.Models {
		for _, s := range models {
			if s.Model != model {
				continue
			}
			line := chart.Line{Model: b.models[i].Model, Best: row.Entries[i].Relation == analysis.Best, Bars: true, Dots: true}
			for k, n := range s.CPUs {
				e := s.Speedups[k]
				pt := chart.Point{X: float64(n), Y: e.Center}
				if k > 0 && e.Bounded() && e.Lo > 0 {
					pt.Lo, pt.Hi = e.Lo, e.Hi
				}
				line.Points = append(line.Points, pt)
				x.Min, x.Max = min(x.Min, pt.X), max(x.Max, pt.X)
				if !xs[n] {
					xs[n] = true
					x.Ticks = append(x.Ticks, chart.Tick{Value: pt.X, Label: strconv.Itoa(n)})
				}
			}
			lines = append(lines, line)
		}
	}
	most := x.Max / x.Min
	title := format.Clean(first.Case.TitleWithoutCPUs())
	return figure{
		Title: title,
		Hint:  fmt.Sprintf("Throughput over that on %s; bars are 95 %% intervals. The dashed line is a speed-up as large as the number of CPUs.", format.Count(first.CPUs[0], "CPU")),
		Chart: chart.Chart{
			Label: "Speed-up of " + title + " by number of CPUs and model", Lines: lines, Dashed: []chart.Point{{X: x.Min, Y: 1}, {X: x.Max, Y: most}},
			X: x, Y: chart.Axis{Log: true, Covers: []float64{1, most}, Write: func(v float64) string { return format.Tick(v, "") + "×" }},
		},
	}, x.Max > x.Min
}
