package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"switchyard/report/format"
	"switchyard/report/results"
)

// A Verdict is what a reader takes away: what to use for which kind of work,
// and no winner of all of them.
type Verdict struct {
	Headline  string // what the list is worth, or why there is none
	Low       bool   // an indication only
	Decisions []Decision
	Note      string  // how they are to be read
	Since     string  // what an earlier run has to do with their words, or ""
	Profile   Profile // of throughput
	Advice    string  // what to take if only one can be taken; "" when there is nothing to choose from
	Mean      string  // the footnote: the geometric mean over everything, with its range
	Tiles     []Tile
	Trust     Trust
}

// A Tile is one metric's answer in a few words.
type Tile struct {
	Metric string // "Latency p99"
	ID     string // metric's ID, "" when the matrix has no such metric
	Value  string // the best model
	Detail string
	Model  string // for its colour
}

func verdictOf(a *Analysis) Verdict {
	m := Throughput
	if !slices.ContainsFunc(a.Workloads, func(w *results.Workload) bool { return !w.Info.Control && !w.Info.ByLatency() }) {
		m = TailP99 // no workload of the run has a throughput
	}
	v := Verdict{Profile: profile(a, m), Trust: trust(a.Warnings)}
	v.Low = v.Trust.Level == "low"
	v.Tiles = tiles(a)
	var competing []string
	for _, e := range a.Overall[m].Entries {
		if e.Have > 0 && !a.Aside(e.Model) {
			competing = append(competing, e.Model)
		}
	}
	switch {
	case a.Results() == 0:
		v.Headline = "No verdict: no case has a result."
	case len(competing) == 0:
		v.Headline = "No verdict: no case has results of models that compete."
	case len(competing) == 1:
		v.Headline = fmt.Sprintf("Nothing to compare: %s is the only competing model with results.", modelNames(competing, "or"))
	case v.Profile.Cases == 0:
		v.Headline = "Nothing to compare: no case has results of two models that compete."
	default:
		v.Headline = "What to use, by kind of work"
		if v.Low {
			v.Headline = "Indication only" + v.Trust.why() + ": what to use, by kind of work"
		}
		v.Decisions, v.Note = decisions(a), a.note()
		v.Advice = v.Profile.Sentence()
		v.Since = v.since(a)
		v.Mean = a.mean()
	}
	return v
}

// note says from which difference on a model is named, and what the next run is
// expected by.
func (a *Analysis) note() string {
	s := fmt.Sprintf("One model is named where it is %v× the others or more, by the mean and in half of the workloads; smaller differences are numbers.", Clear)
	for _, head := range a.Models {
		var forms []string
		for _, m := range a.Models {
			if m != head && a.head(m) == head {
				forms = append(forms, m)
			}
		}
		if len(forms) > 0 {
			s += fmt.Sprintf(" %s stands for its forms, %s, unless one is that much better.", format.Clean(head), modelNames(forms, "and"))
		}
	}
	if n := sessions(a.Run); n > 2 {
		return s + fmt.Sprintf(" Next run: where at least 9 of 10 more on this machine would be, by what %d sessions differ by.", n)
	}
	return s + fmt.Sprintf(" Next run: where at least 9 of 10 more on this machine would be, if each moves a factor by %s, which a run in three sessions measures.", format.Percent(Again))
}

// mean is the geometric mean over all workloads in words, or "" where it would
// be one case's.
func (a *Analysis) mean() string {
	r := a.Overall[Throughput]
	best, second := r.Best(), r.Second()
	if second == nil || len(r.Cases) < 2 {
		return ""
	}
	mean := a.standing(Throughput, r.Cases, versus(Throughput, best, second))
	what := "workloads"
	if len(workloadsOf(r.Cases)) == 1 {
		what = "cases"
	}
	s := fmt.Sprintf("Geometric mean over %s: %s %s %s (%s; %s to %s over %s).", over(r.Cases), format.Clean(best.Model),
		format.Ratio(mean.Ratio), format.Clean(second.Model), mean.next(), format.Ratio(mean.Least), format.Ratio(mean.Most), what)
	if out := leftOut(a, r); len(out) > 0 {
		s += fmt.Sprintf(" Not in it: %s.", strings.Join(out, ", "))
	}
	return s
}

// leftOut names the models that a row could not rank.
func leftOut(a *Analysis, r *Ranking) []string {
	var out []string
	for _, e := range r.Entries {
		if e.Relation == Partial && !a.Aside(e.Model) {
			out = append(out, fmt.Sprintf("%s (%d of %d cases)", format.Clean(results.ModelName(e.Model)), e.Have, e.Of))
		}
	}
	return out
}

// maxNamed bounds the cases of one workload that a sentence names.
const maxNamed = 12

// where describes some of a workload's cases: by the range of the varied
// number when they are one end of it, else by name.
func where(w *results.Workload, cases []*results.Case) string {
	planned := *w
	planned.Cases = w.Planned()
	for _, g := range curvesOf(&planned) {
		n, key, fixed := len(cases), format.Clean(g.Key), ""
		if n > len(g.Cases) {
			continue
		}
		if g.Fixed != "" {
			fixed = " (" + format.Clean(g.Fixed) + ")"
		}
		tail, head := slices.Equal(g.Cases[len(g.Cases)-n:], byCurve(g, cases)), slices.Equal(g.Cases[:n], byCurve(g, cases))
		switch {
		case n == 1 && (head || tail && len(g.Cases) == 2):
		case tail:
			return fmt.Sprintf("with %s of %s or more%s", key, format.Clean(g.Values[len(g.Cases)-n]), fixed)
		case head:
			return fmt.Sprintf("with %s of %s or less%s", key, format.Clean(g.Values[n-1]), fixed)
		}
	}
	if len(cases) > maxNamed {
		return fmt.Sprintf("in %d of its %d cases", len(cases), len(w.Cases))
	}
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = format.Clean(c.Label())
	}
	return "with " + strings.Join(names, ", ")
}

// byCurve orders cases as they lie on the curve.
func byCurve(g Curve, cases []*results.Case) []*results.Case {
	var out []*results.Case
	for _, c := range g.Cases {
		if slices.Contains(cases, c) {
			out = append(out, c)
		}
	}
	return out
}

// tiles answer one metric each, of those that were measured.
func tiles(a *Analysis) []Tile {
	var out []Tile
	for _, m := range []Metric{TailP99, CPUTime, Memory} {
		out = append(out, metricTile(a, m))
	}
	out = append(out, predictability(a))
	return slices.DeleteFunc(out, func(t Tile) bool { return t.Value == "" })
}

// nearly is the factor of Within that tiles speak of.
const nearly = 1.5

// metricTile names the model that is near the best most often. Where latencies
// cannot be timed it says so, and they rank nobody.
func metricTile(a *Analysis, m Metric) Tile {
	t := Tile{Metric: m.Name, ID: m.ID}
	p := profile(a, m)
	if len(p.Pick) == 0 || p.Cases == 0 {
		return t
	}
	if t.Value = modelNames(p.Pick, "or"); len(p.Pick) == 1 {
		t.Model = p.Pick[0]
	}
	t.Detail = fmt.Sprintf("within %v× of the best in %s of %s", nearly, format.Percent(p.Of(p.Pick[0]).ShareWithin(nearly)), format.Count(p.Cases, "case"))
	rest := Profile{Models: slices.DeleteFunc(slices.Clone(p.Models), func(m ProfileModel) bool { return slices.Contains(p.Pick, m.Model) })}
	if rest.pick(); len(rest.Pick) > 0 {
		t.Detail += fmt.Sprintf("; next %s, %s", modelNames(rest.Pick, "or"), format.Percent(rest.Of(rest.Pick[0]).ShareWithin(nearly)))
	}
	if n := p.Untimed; n > 0 {
		t.Detail += fmt.Sprintf("; in %d below what can be timed, %s, where all are alike", n, format.Tick(Untimed(a.Run), "ns"))
	}
	return t
}

// predictability compares by how much results of throughput differ: the median,
// over the cases that all ranked models have, of the interquartile range as a
// share of the center. It is described, not tested; as in a decision, models
// are told apart that differ clearly.
func predictability(a *Analysis) Tile {
	t := Tile{Metric: "Predictability"}
	r := a.Overall[Throughput]
	least, typical := math.Inf(1), map[string]float64{}
	for _, e := range r.Entries {
		if len(e.Sample) == 0 || e.Relation == Unranked {
			continue
		}
		var spreads []float64
		for _, c := range r.Cases {
			if s := a.Sums[c.Cells[e.Model]][Throughput.Unit].Spread(); format.Finite(s) {
				spreads = append(spreads, s)
			}
		}
		if s := Summarize(spreads); s.N > 0 {
			typical[e.Model], least = s.Center, min(least, s.Center)
		}
	}
	var steady, all []string
	for _, m := range a.Models {
		if s, ok := typical[m]; ok {
			all = append(all, format.Clean(results.ModelName(m))+" "+format.Percent(s))
			if s <= Clear*least {
				steady = append(steady, m)
			}
		}
	}
	if len(all) < 2 {
		return t
	}
	if len(steady) == 1 {
		t.Model = steady[0]
	}
	t.Value, t.Detail = modelNames(steady, "or"), "typical spread of results: "+strings.Join(all, ", ")
	return t
}
