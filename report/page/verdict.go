package page

import (
	"fmt"
	"slices"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
)

// maxLosses bounds the exceptions of one kind of work on the page.
const maxLosses = 300

// A pageVerdict is the verdict, with what the page shows of it.
type pageVerdict struct {
	analysis.Verdict
	Decisions []analysis.Decision
	Fewer     []analysis.Decision // those on fewer CPUs than the first
	Charts    []figure            // the performance profile, if there is one
	Within    []float64
}

func (b *builder) verdict() pageVerdict {
	v := pageVerdict{Verdict: b.run.Verdict, Within: analysis.Within}
	all := v.Verdict.Decisions
	if more := len(all) - maxWorkloads; more > 0 {
		b.cut = append(b.cut, fmt.Sprintf("What was decided of %s beyond the first %d is left out of this page; switchyard report -v has it.", format.Count(more, "kind")+" of work", maxWorkloads))
		all = all[:maxWorkloads]
	}
	for _, d := range all {
		if d.Kind.CPUs < all[0].Kind.CPUs {
			v.Fewer = append(v.Fewer, d)
		} else {
			v.Decisions = append(v.Decisions, d)
		}
	}
	if v.Advice != "" {
		v.Charts = []figure{b.profileChart(&v.Profile)}
	}
	return v
}

// losses lead to where a winner is worse than another model.
func (b *builder) losses(all []analysis.Loss) (out []link) {
	for i, l := range all {
		if i == maxLosses {
			return append(out, link{"matrix", fmt.Sprintf("%d more, in the matrix", len(all)-i)})
		}
		to := b.anchor[l.Workload]
		if len(l.Cases) == 1 {
			to = b.anchor[l.Cases[0]]
		}
		out = append(out, link{to, l.Text})
	}
	return out
}

// profileChart draws the share of cases over the factor: a step where a case
// comes within it.
func (b *builder) profileChart(p *analysis.Profile) figure {
	last := analysis.Within[len(analysis.Within)-1]
	f := figure{Title: "How near each model comes to the best", Hint: "share of cases within a factor of the case’s best, by throughput; higher is better"}
	f.Chart = chart.Chart{
		Label: "Performance profile",
		X:     chart.Axis{Label: "times worse than the best", Log: true, Covers: []float64{1, last}, Write: func(v float64) string { return fmt.Sprintf("%v×", v) }},
		Y:     chart.Axis{Covers: []float64{100}, Write: func(v float64) string { return fmt.Sprintf("%v %%", v) }},
	}
	for _, m := range p.Models {
		l := chart.Line{Model: b.model[m.Model].Model, Title: m.Model, Best: slices.Contains(p.Pick, m.Model)}
		share := 0.0
		for i, f := range m.Factors {
			if f > last {
				break
			}
			next := 100 * float64(i+1) / float64(p.Cases)
			if i == 0 && f > 1 {
				l.Points = append(l.Points, chart.Point{X: 1})
			}
			l.Points = append(l.Points, chart.Point{X: f, Y: share}, chart.Point{X: f, Y: next})
			share = next
		}
		if len(l.Points) > 0 {
			l.Points = append(l.Points, chart.Point{X: last, Y: share})
			f.Chart.Lines = append(f.Chart.Lines, l)
		}
	}
	return f
}
