package analysis

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"

	"switchyard/report/format"
	"switchyard/report/results"
)

// A Verdict is what a reader takes away in ten seconds.
type Verdict struct {
	Winner   string // the model that is better than every other by the test; "" when none is
	Leader   string // the best center; "" when nothing could be compared
	RunnerUp string
	Headline string // the sentence's first half: winner and effect
	Sentence string // the whole: winner, effect, interval, and over what

	// Ratio is the leader's throughput over the runner-up's, with its interval.
	Ratio, Lo, Hi float64

	Cases, Workloads int         // that the geometric mean is taken over
	LeftOut          []string    // why models are not in it
	Unless           []Exception // at most three, the largest first
	Tiles            []Tile
	Trust            Trust
}

// An Exception is where another model than the leader is better.
type Exception struct {
	Workload      *results.Workload
	Model         string // better there
	Where         string // "task of 1ms or more"; "" for the whole workload
	Cases         []*results.Case
	Ratio, Lo, Hi float64 // its throughput over the leader's
}

// String is the exception as the verdict speaks it.
func (e Exception) String() string {
	s := format.Clean(e.Model) + " for " + format.Clean(e.Workload.Name)
	if e.Where != "" {
		s += " " + e.Where
	}
	return fmt.Sprintf("%s: %s (%s)", s, format.Ratio(e.Ratio), format.Interval(e.Lo, e.Hi))
}

// A Tile is one metric's answer in a few words.
type Tile struct {
	Metric string // "Throughput"
	ID     string // metric's ID, "" when the matrix has no such metric
	Value  string // the best model, or "no clear best"
	Detail string
	Model  string // for its colour
}

func verdictOf(a *Analysis) Verdict {
	r := a.overall[Throughput.ID]
	v := Verdict{Cases: len(r.Cases), Ratio: math.NaN(), Lo: math.Inf(-1), Hi: math.Inf(1)}
	seen := map[*results.Workload]bool{}
	for _, c := range r.Cases {
		seen[c.Workload] = true
	}
	v.Workloads = len(seen)
	if best := r.Best(); best != nil {
		v.Leader = best.Model
		if second := r.Second(); second != nil {
			v.RunnerUp = second.Model
			v.Ratio, v.Lo, v.Hi = best.Versus.Ratio, best.Versus.Lo, best.Versus.Hi
		}
		if r.Clear() {
			v.Winner = v.Leader
		}
	}
	v.LeftOut = leftOut(a, r)
	var rest string
	v.Headline, rest = v.sentence(a.Results(), r)
	v.Sentence = v.Headline + rest
	if r.Second() != nil {
		v.Unless = exceptions(a, v.Leader)
	}
	v.Tiles = tiles(a)
	v.Trust = trust(a.Warnings)
	return v
}

// leftOut names the models that the run's row could not rank.
func leftOut(a *Analysis, r *Ranking) []string {
	var out []string
	for _, e := range r.Entries {
		if e.Relation == Partial && !a.Model(e.Model).Baseline {
			out = append(out, fmt.Sprintf("%s (%d of %d cases)", format.Clean(results.ModelName(e.Model)), e.Have, e.Of))
		}
	}
	return out
}

// sentence is the verdict in words, in two halves: what to remember, and what
// it stands on.
func (v *Verdict) sentence(measured int, r *Ranking) (head, rest string) {
	over := v.over(r)
	lead, up := format.Clean(results.ModelName(v.Leader)), format.Clean(results.ModelName(v.RunnerUp))
	switch {
	case r.Best() == nil && measured == 0:
		return "No verdict: no case has a result", "."
	case r.Best() == nil:
		return "No verdict: no case has results of models that compete", "."
	case r.Second() == nil:
		return fmt.Sprintf("Nothing to compare: %s is the only competing model with results", lead), "."
	case v.Winner != "" && v.Cases == 1:
		return fmt.Sprintf("%s is the best choice for %s: %s the throughput of %s", lead, over, format.Ratio(v.Ratio), up),
			fmt.Sprintf(", the runner-up (95 %% interval %s).", format.Interval(v.Lo, v.Hi))
	case v.Winner != "":
		return fmt.Sprintf("%s is the best all-round choice on this machine: %s the throughput of %s", lead, format.Ratio(v.Ratio), up),
			fmt.Sprintf(", the runner-up (95 %% interval %s), as a geometric mean over %s.", format.Interval(v.Lo, v.Hi), over)
	}
	var tied, open []string
	blind := 0.0
	for _, e := range r.Entries {
		switch e.Relation {
		case Unknown:
			open, blind = append(open, format.Clean(results.ModelName(e.Model))), max(blind, e.Versus.Detectable)
		case Tied:
			tied = append(tied, format.Clean(results.ModelName(e.Model)))
		}
	}
	switch {
	case len(open) > 0 && !r.tooFew():
		return "No clear winner",
			fmt.Sprintf(": %s leads with %s the throughput of %s (95 %% interval %s) over %s, but these results are too noisy to tell it from %s: a difference below %s would not have shown.",
				lead, format.Ratio(v.Ratio), up, format.Interval(v.Lo, v.Hi), over, format.List(append(tied, open...)), format.Percent(blind))
	case len(open) > 0:
		return "Too few results for a verdict",
			fmt.Sprintf(": %s has %s the throughput of %s over %s, but the test needs %d results per case to show any difference.",
				lead, format.Ratio(v.Ratio), up, over, ResultsNeeded(r.Family))
	}
	return fmt.Sprintf("No clear winner: %s", format.List(append([]string{lead}, tied...))),
		fmt.Sprintf(" are not told apart by the test over %s (%s has %s the throughput of %s, 95 %% interval %s).",
			over, lead, format.Ratio(v.Ratio), up, format.Interval(v.Lo, v.Hi))
}

// over says what the geometric mean is taken over.
func (v *Verdict) over(r *Ranking) string {
	if v.Cases == 1 {
		return format.Clean(r.Cases[0].Title())
	}
	if v.Workloads == 1 {
		return fmt.Sprintf("%d cases of %s", v.Cases, format.Clean(r.Cases[0].Workload.Name))
	}
	return fmt.Sprintf("%d cases of %d workloads", v.Cases, v.Workloads)
}

// exceptions finds where the leader is worse by the test than the best: per
// workload and rival the cases, described by the range of what varies.
func exceptions(a *Analysis, leader string) []Exception {
	var out []Exception
	for _, w := range a.Workloads {
		if w.Info.Control {
			continue
		}
		byRival := map[string][]*results.Case{}
		for _, c := range w.Cases {
			r := a.byCase[c][Throughput.ID]
			e, best := r.Entry(leader), r.Best()
			if e != nil && best != nil && e.Relation == Worse {
				byRival[best.Model] = append(byRival[best.Model], c)
			}
		}
		for _, rival := range slices.Sorted(maps.Keys(byRival)) {
			out = append(out, exception(a.Run, w, rival, leader, byRival[rival]))
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Ratio > out[j].Ratio })
	return firstPerWorkload(out, 3)
}

// firstPerWorkload takes n exceptions in their order, but a workload's second
// only when there are not enough workloads.
func firstPerWorkload(all []Exception, n int) []Exception {
	var first, more []Exception
	seen := map[*results.Workload]bool{}
	for _, e := range all {
		if seen[e.Workload] {
			more = append(more, e)
		} else {
			first = append(first, e)
		}
		seen[e.Workload] = true
	}
	first = append(first, more...)
	return first[:min(n, len(first))]
}

func exception(run *results.Run, w *results.Workload, rival, leader string, cases []*results.Case) Exception {
	r := rankOver(run, Throughput, []string{rival, leader}, cases)
	e := Exception{Workload: w, Model: rival, Cases: cases, Ratio: math.NaN(), Lo: math.Inf(-1), Hi: math.Inf(1)}
	if x, y := r.Entry(rival), r.Entry(leader); len(x.Sample) > 0 && len(y.Sample) > 0 {
		c := compare(rival, leader, x.Sample, y.Sample, x.Center, y.Center)
		e.Ratio, e.Lo, e.Hi = c.Ratio, c.Lo, c.Hi
	}
	if len(cases) < len(w.Cases) {
		e.Where = where(w, cases)
	}
	return e
}

// where describes some of a workload's cases: by the range of the varied
// number when they are one end of it, else by name.
func where(w *results.Workload, cases []*results.Case) string {
	all, _ := Curves(w)
	for _, g := range all {
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
			return fmt.Sprintf("with %s of %s or more%s", key, format.Clean(g.Value(len(g.Cases)-n)), fixed)
		case head:
			return fmt.Sprintf("with %s of %s or less%s", key, format.Clean(g.Value(n-1)), fixed)
		}
	}
	if len(cases) > 2 {
		return fmt.Sprintf("in %d of its %d cases", len(cases), len(w.Cases))
	}
	names := make([]string, len(cases))
	for i, c := range cases {
		names[i] = format.Clean(c.Label())
	}
	return "with " + format.List(names)
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

// tiles answer one metric each.
func tiles(a *Analysis) []Tile {
	var out []Tile
	for _, m := range []Metric{Throughput, TailP99, Memory} {
		out = append(out, metricTile(m, a.overall[m.ID]))
	}
	return append(out, predictability(a))
}

func metricTile(m Metric, r *Ranking) Tile {
	t := Tile{Metric: m.Name, ID: m.ID, Value: "not measured"}
	best, second := r.Best(), r.Second()
	if best == nil {
		return t
	}
	t.Value, t.Model = format.Clean(results.ModelName(best.Model)), best.Model
	if second == nil {
		t.Detail = "the only model with results"
		return t
	}
	word := map[string]string{Throughput.ID: "the throughput", TailP99.ID: "the latency", Memory.ID: "the memory", CPUTime.ID: "the CPU time"}[m.ID]
	t.Detail = fmt.Sprintf("%s %s of %s, next; %s", format.Ratio(best.Versus.Ratio), word, format.Clean(second.Model), format.Count(len(r.Cases), "case"))
	if !r.Clear() {
		var also []string
		for _, e := range r.Entries {
			if e.Relation == Tied || e.Relation == Unknown {
				also = append(also, format.Clean(e.Model))
			}
		}
		t.Value, t.Model = "no clear best", ""
		t.Detail = fmt.Sprintf("%s, not told apart from %s; %s", format.Clean(best.Model), format.List(also), format.Count(len(r.Cases), "case"))
	}
	return t
}

// predictability compares the run-to-run spread of throughput: the median,
// over the cases that all ranked models have, of the interquartile range as a
// share of the center. It is described, not tested.
func predictability(a *Analysis) Tile {
	t := Tile{Metric: "Predictability", Value: "not measured"}
	r := a.overall[Throughput.ID]
	best, second := math.Inf(1), math.Inf(1)
	var next string
	for _, e := range r.Entries {
		if len(e.Sample) == 0 || e.Relation == Unranked {
			continue
		}
		var spreads []float64
		for _, c := range r.Cases {
			if s := a.sums[c.Cells[e.Model]][Throughput.Unit].Spread(); format.Finite(s) {
				spreads = append(spreads, s)
			}
		}
		s := Summarize(spreads)
		switch {
		case s.N == 0:
		case s.Center < best:
			best, second, next, t.Model = s.Center, best, t.Model, e.Model
		case s.Center < second:
			second, next = s.Center, e.Model
		}
	}
	if t.Model == "" {
		return t
	}
	t.Value = format.Clean(t.Model)
	t.Detail = fmt.Sprintf("%s typical run-to-run spread", format.Percent(best))
	if format.Finite(second) {
		t.Detail += fmt.Sprintf("; %s %s", format.Clean(next), format.Percent(second))
	}
	return t
}
