package page

import (
	"fmt"
	"slices"

	"switchyard/report/analysis"
	"switchyard/report/format"
)

// maxLosses bounds the exceptions of one kind of work on the page.
const maxLosses = 300

// A pageVerdict is the verdict with the places on the page that it stands on.
type pageVerdict struct {
	analysis.Verdict
	Decisions []pageDecision
	Fewer     []pageDecision // those on fewer CPUs than the first
	Chart     *pageChart     // the performance profile; nil without one
	Within    []string
	Shares    []pageShares
}

type pageDecision struct {
	analysis.Decision
	Losses   []link
	Evidence []link
}

// A pageShares is a model's row of the profile's table.
type pageShares struct {
	Model   pageModel
	Shares  []string
	Worst   string
	At      link // where that is
	Missing int  // cases without a result
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
	for _, f := range analysis.Within {
		v.Within = append(v.Within, fmt.Sprintf("%v×", f))
	}
	for i := range v.Profile.Models {
		m := &v.Profile.Models[i]
		row := pageShares{Model: b.model[m.Model], Worst: format.Ratio(m.Worst), At: link{b.anchor[m.At], format.Clean(m.At.Title())}, Missing: len(m.Missing)}
		for _, s := range m.Share {
			row.Shares = append(row.Shares, format.Percent(s))
		}
		v.Shares = append(v.Shares, row)
	}
	v.Chart = b.profileChart(&v.Profile)
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
func (b *builder) profileChart(p *analysis.Profile) *pageChart {
	last := analysis.Within[len(analysis.Within)-1]
	x, _ := logScale(append([]float64{1}, last), "times worse than the best", func(v float64) string { return fmt.Sprintf("%v×", v) })
	y, _ := linearScale([]float64{0, 100}, true, "", func(v float64) string { return fmt.Sprintf("%v %%", v) })
	var all []series
	for _, m := range p.Models {
		s := series{model: b.model[m.Model], title: m.Model}
		if slices.Contains(p.Pick, m.Model) {
			s.class = "best"
		}
		share := 0.0
		for i, f := range m.Factors {
			if f > last {
				break
			}
			next := 100 * float64(i+1) / float64(p.Cases)
			if i == 0 && f > 1 {
				s.points = append(s.points, mark{x: 1})
			}
			s.points = append(s.points, mark{x: f, y: share}, mark{x: f, y: next})
			share = next
		}
		if len(s.points) > 0 {
			s.points = append(s.points, mark{x: last, y: share})
			all = append(all, s)
		}
	}
	chart, ok := b.lineChart("How near each model comes to the best", "share of cases within a factor of the case’s best, by throughput; higher is better", "Performance profile", x, y, chartHeight, all)
	if !ok {
		return nil
	}
	return &chart
}
