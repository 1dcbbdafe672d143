package analysis

import (
	"fmt"
	"math"
	"slices"

	"switchyard/report/format"
	"switchyard/report/results"
)

// takeaway is what a workload comes to: who is best where, and by how much.
func (a *Analysis) takeaway(w *results.Workload) []string {
	var out []string
	if w.Info.Control {
		return controlTakeaway(a.ByWorkload[w][Throughput])
	}
	for _, h := range a.HighestRates {
		if h.Workload == w {
			out = append(out, h.Text)
		}
	}
	for _, g := range a.groupByBest(w) {
		out = append(out, g.sentence(len(w.Cases)))
	}
	return out
}

// controlTakeaway reports whether the control does its duty: its models should
// agree.
func controlTakeaway(r *Ranking) []string {
	lowest, name := math.Inf(1), ""
	for _, e := range r.Entries {
		if e.Relation == Worse && e.Ratio < lowest {
			lowest, name = e.Ratio, e.Model
		}
	}
	switch {
	case r.Second() == nil:
		return nil
	case name == "":
		return []string{"No difference between the models is shown, as it should be."}
	}
	return []string{fmt.Sprintf("The models should agree, but %s is shown to have %s the throughput of %s: differences of that size mean nothing elsewhere.",
		format.Clean(name), format.Ratio(lowest), format.Clean(r.Best().Model))}
}

// A bestGroup is a run of cases with the same best model and the same ties.
type bestGroup struct {
	best  string
	tied  []string
	open  []string // undecided: too few or too noisy results
	cases []*results.Case
	ranks []*Ranking
}

func (a *Analysis) groupByBest(w *results.Workload) []bestGroup {
	var out []bestGroup
	if w.Info.Open { // up to which rate is the answer
		return nil
	}
	for _, c := range w.Cases {
		r := a.Judged[c]
		best := r.Best()
		if best == nil {
			continue
		}
		var tied, open []string
		for _, e := range r.Entries {
			switch e.Relation {
			case Tied:
				tied = append(tied, format.Clean(e.Model))
			case Unknown:
				open = append(open, format.Clean(e.Model))
			}
		}
		if n := len(out) - 1; n >= 0 && out[n].best == best.Model && slices.Equal(out[n].tied, tied) && slices.Equal(out[n].open, open) {
			out[n].cases, out[n].ranks = append(out[n].cases, c), append(out[n].ranks, r)
			continue
		}
		out = append(out, bestGroup{best.Model, tied, open, []*results.Case{c}, []*Ranking{r}})
	}
	return out
}

func (g bestGroup) sentence(of int) string {
	lead := format.Clean(results.ModelName(g.best))
	where := ""
	if of > 1 {
		first, last := g.cases[0].Label(), g.cases[len(g.cases)-1].Label()
		switch {
		case len(g.cases) == of:
			where = "In all cases "
		case first == last:
			where = format.Clean(first) + ": "
		default:
			where = format.Clean(first) + " to " + format.Clean(last) + ": "
		}
	}
	lo, hi, second := math.Inf(1), 0.0, ""
	for _, r := range g.ranks {
		if s := r.Second(); s != nil {
			x := r.Best().Versus.Times(r.Metric).Ratio
			lo, hi, second = min(lo, x), max(hi, x), s.Model
		}
	}
	r := g.ranks[len(g.ranks)-1]
	is, rate := "is fastest", r.Metric.Format(r.Best().Center)
	if r.Metric.Latency() {
		is = "is best by p99 latency"
	}
	switch {
	case second == "":
		return fmt.Sprintf("%s%s alone has results, %s.", where, lead, rate)
	case len(g.tied) > 0 && len(g.open) > 0:
		return fmt.Sprintf("%s%s leads; %s too near to it to matter, and undecided against %s.", where, lead, format.List(g.tied), format.List(g.open))
	case len(g.tied) > 0:
		return fmt.Sprintf("%s%s leads; %s too near to it to matter.", where, lead, format.List(g.tied))
	case len(g.open) > 0:
		return fmt.Sprintf("%s%s leads, undecided against %s.", where, lead, format.List(g.open))
	case len(g.ranks) == 1:
		v := r.Best().Versus.Times(r.Metric)
		return fmt.Sprintf("%s%s %s at %s: %s %s (95 %% interval in this run %s).", where, lead, is, rate, format.Ratio(v.Ratio), format.Clean(second), format.Interval(v.Lo, v.Hi))
	}
	return fmt.Sprintf("%s%s %s, %s to %s the next.", where, lead, is, format.Ratio(lo), format.Ratio(hi))
}
