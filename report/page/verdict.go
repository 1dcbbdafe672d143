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

// A pageVerdict is the verdict with the places on the page that it stands on.
type pageVerdict struct {
	analysis.Verdict
	Decisions []pageDecision
	Fewer     []pageDecision // those on fewer CPUs than the first
	Charts    []figure       // the performance profile, if there is one
	Within    []float64
	Shares    []pageShares
}

type pageDecision struct {
	analysis.Decision
	Losses   []link
	Evidence []link
}

// A pageShares is a model's row of the profile's table.
type pageShares struct {
	analysis.ProfileModel
	Model pageModel
	At    link // where its worst is
}

func (b *builder) verdict() pageVerdict {
	v := pageVerdict{Verdict: b.run.Verdict}
	all := v.Verdict.Decisions
	if more := len(all) - maxWorkloads; more > 0 {
		b.cut = append(b.cut, fmt.Sprintf("What was decided of %s beyond the first %d is left out of this page; switchyard report -v has it.", format.Count(more, "kind")+" of work", maxWorkloads))
		all = all[:maxWorkloads]
	}
	for _, d := range all {
		one := pageDecision{Decision: d}
		for i, l := range d.Losses {
			if i == maxLosses {
				one.Losses = append(one.Losses, link{"matrix", fmt.Sprintf("%d more, in the matrix", len(d.Losses)-i)})
				break
			}
			to := link{b.anchor[l.Workload], l.Text}
			if len(l.Cases) == 1 {
				to.ID = b.anchor[l.Cases[0]]
			}
			one.Losses = append(one.Losses, to)
		}
		one.Evidence = b.kindLinks(d.Kind)
		if d.Kind.CPUs < all[0].Kind.CPUs {
			v.Fewer = append(v.Fewer, one)
		} else {
			v.Decisions = append(v.Decisions, one)
		}
	}
	if v.Advice == "" {
		return v
	}
	v.Within = analysis.Within
	for _, m := range v.Profile.Models {
		v.Shares = append(v.Shares, pageShares{m, b.model[m.Model], link{b.anchor[m.At], format.Clean(m.At.Title())}})
	}
	v.Charts = []figure{b.profileChart(&v.Profile)}
	return v
}

// kindLinks lead to the workloads of a kind.
func (b *builder) kindLinks(k *analysis.Kind) (out []link) {
	for _, w := range k.Workloads {
		out = append(out, link{b.anchor[w], format.Clean(w.Name)})
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
		l := chart.Line{Model: b.model[m.Model].Model, Title: m.Model}
		if slices.Contains(p.Pick, m.Model) {
			l.Class = "best"
		}
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
