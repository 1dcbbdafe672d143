package analysis

import (
	"math"
	"slices"

	"switchyard/report/results"
)

// A Relation says how a model stands to the best of its row.
type Relation int

const (
	Absent   Relation = iota // no numbers here
	Best                     // the best center
	Tied                     // the test sees no difference from the best, and would have seen a fair one
	Unknown                  // too few or too noisy results to tell it from the best
	Worse                    // the test says so
	Unranked                 // shown, but not in the competition
	Partial                  // numbers in some of the row's cases only
)

// Good reports best or tied, by the test.
func (r Relation) Good() bool { return r == Best || r == Tied }

// An Entry is one model's place in a ranking.
type Entry struct {
	Model    string
	Sample   []float64 // in run order
	Center   float64
	Relation Relation
	Ratio    float64    // center over the best's; NaN when absent
	Versus   Comparison // against the best; of the best: against the runner-up
	Have, Of int        // cases with numbers, of the row's
}

// A Ranking sets the models of one row against each other in one metric. A row
// is a case, a workload, or the whole run: for the latter two each result is
// the geometric mean over the cases of one pass.
type Ranking struct {
	Metric  Metric
	Entries []Entry         // in model order
	best    int             // index of the best, -1 when nobody competes
	second  int             // index of the runner-up, -1 when the best is alone
	Family  int             // comparisons that the correction counts
	Cases   []*results.Case // that the row is computed from: those all ranked models have
}

// Best returns the best entry, or nil.
func (r *Ranking) Best() *Entry { return r.at(r.best) }

// Second returns the runner-up, or nil.
func (r *Ranking) Second() *Entry { return r.at(r.second) }

func (r *Ranking) at(i int) *Entry {
	if i < 0 {
		return nil
	}
	return &r.Entries[i]
}

// Entry returns a model's entry, or nil.
func (r *Ranking) Entry(model string) *Entry {
	for i := range r.Entries {
		if r.Entries[i].Model == model {
			return &r.Entries[i]
		}
	}
	return nil
}

// Clear reports whether the best is better than every other by the test.
func (r *Ranking) Clear() bool {
	if r.best < 0 || r.second < 0 {
		return false
	}
	for _, e := range r.Entries {
		if e.Relation == Tied || e.Relation == Unknown {
			return false
		}
	}
	return true
}

// rank orders the entries, whose Model, Sample and Center are filled in, and
// decides by the test who ties with the best.
//
// The best is found by looking at the data, so a correction for comparisons
// with it alone would be too mild. The family is therefore all pairs of
// competing models in the row: whichever turns out best, its comparisons are
// among them. Holm's correction over the whole run would be stricter, but six
// results could then show nothing: the smallest p of two samples of six is
// 0.002.
func rank(m Metric, entries []Entry) Ranking {
	r := Ranking{Metric: m, Entries: entries, best: -1, second: -1}
	r.order()
	if r.best < 0 {
		return r
	}
	best := &r.Entries[r.best]
	for i := range r.Entries {
		if e := &r.Entries[i]; len(e.Sample) > 0 {
			e.Ratio = e.Center / best.Center
		} else {
			e.Ratio = math.NaN()
		}
	}
	r.test()
	return r
}

// order finds the best and the runner-up by their centers.
func (r *Ranking) order() {
	for i := range r.Entries {
		e := &r.Entries[i]
		if len(e.Sample) == 0 || e.Relation == Unranked || e.Relation == Partial {
			continue
		}
		switch {
		case r.best < 0 || r.Metric.better(e.Center, r.Entries[r.best].Center):
			r.best, r.second = i, r.best
		case r.second < 0 || r.Metric.better(e.Center, r.Entries[r.second].Center):
			r.second = i
		}
	}
}

// test compares all pairs of competing entries and judges each against the
// best.
func (r *Ranking) test() {
	type pair struct{ a, b int }
	var pairs []pair
	var all []Comparison
	var ps []float64
	for i := range r.Entries {
		for j := range i {
			if !r.competes(i) || !r.competes(j) {
				continue
			}
			p := pair{i, j}
			if i == r.best { // write comparisons with the best against it
				p = pair{j, i}
			}
			a, b := &r.Entries[p.a], &r.Entries[p.b]
			c := compare(a.Model, b.Model, a.Sample, b.Sample, a.Center, b.Center)
			pairs, all, ps = append(pairs, p), append(all, c), append(ps, c.P)
		}
	}
	r.Family = len(all)
	adjusted := holm(ps)
	for k, p := range pairs {
		c := &all[k]
		c.Adjusted, c.Family, c.Differs = adjusted[k], r.Family, significant(adjusted[k])
		if p.b == r.best {
			c.detectable(r.Entries[p.a].Sample, r.Entries[p.b].Sample)
			r.judge(&r.Entries[p.a], *c)
		}
	}
	best := r.Best()
	best.Relation = Best
	if s := r.Second(); s != nil {
		best.Versus = s.Versus.reversed()
	}
	r.testUnranked()
}

// testUnranked compares the entries outside the competition with the best,
// each on its own.
func (r *Ranking) testUnranked() {
	best := r.Best()
	for i := range r.Entries {
		e := &r.Entries[i]
		if e.Relation != Unranked || len(e.Sample) == 0 {
			continue
		}
		c := compare(e.Model, best.Model, e.Sample, best.Sample, e.Center, best.Center)
		c.Adjusted, c.Family, c.Differs = c.P, 1, significant(c.P)
		c.detectable(e.Sample, best.Sample)
		e.Versus = c
	}
}

func (r *Ranking) competes(i int) bool {
	e := r.Entries[i]
	return len(e.Sample) > 0 && e.Relation != Unranked && e.Relation != Partial
}

func (r *Ranking) judge(e *Entry, c Comparison) {
	e.Versus = c
	switch {
	case c.Differs:
		e.Relation = Worse
	case c.Equivalent:
		e.Relation = Tied
	case c.Detectable > MaxDetectable || c.Lo > 1 || c.Hi < 1:
		// Nothing was shown, but nothing much could have been; or the test
		// alone would reject, and only the correction holds it back. Neither is
		// a tie.
		e.Relation = Unknown
	default:
		e.Relation = Tied
	}
}

// HeldBack reports whether the test alone would tell the model from the best,
// and only the correction kept it from that.
func (e *Entry) HeldBack() bool { return e.Relation == Unknown && e.Versus.Detectable <= MaxDetectable }

// tooFew reports whether some model has too few results for any difference from
// the best to be shown, however large.
func (r *Ranking) tooFew() bool {
	best := r.Best()
	for i := range r.Entries {
		e := &r.Entries[i]
		if e.Relation == Unknown && !significant(smallestP(len(best.Sample), len(e.Sample))*float64(r.Family)) {
			return true
		}
	}
	return false
}

// reversed is the same comparison seen from B.
func (c Comparison) reversed() Comparison {
	c.A, c.B, c.N1, c.N2 = c.B, c.A, c.N2, c.N1
	c.Ratio, c.Lo, c.Hi = 1/c.Ratio, 1/c.Hi, 1/c.Lo
	return c
}

// rankCase ranks the models of one case.
func rankCase(run *results.Run, m Metric, c *results.Case) Ranking {
	entries := make([]Entry, len(run.Models))
	for i, model := range run.Models {
		e := &entries[i]
		e.Model, e.Of = model, 1
		e.Sample, _ = m.Sample(c.Cells[model])
		if len(e.Sample) > 0 {
			e.Center, e.Have = Summarize(e.Sample).Center, 1
			if run.Model(model).Baseline {
				e.Relation = Unranked
			}
		}
	}
	r := rank(m, entries)
	r.Cases = []*results.Case{c}
	return r
}

// rankOver ranks the models over several cases by geometric means. Every
// workload weighs the same, and within it every case. Only cases that all
// ranked models have count; a model that would shrink them to less than half
// is not ranked but shown as partial.
func rankOver(run *results.Run, m Metric, models []string, cases []*results.Case) Ranking {
	have := map[string]map[*results.Case][]float64{}
	for _, model := range models {
		have[model] = map[*results.Case][]float64{}
		for _, c := range cases {
			if s, _ := m.Sample(c.Cells[model]); len(s) > 0 {
				have[model][c] = s
			}
		}
	}
	// Cases in which nobody recorded the metric are no part of the question.
	cases = slices.DeleteFunc(slices.Clone(cases), func(c *results.Case) bool {
		return !slices.ContainsFunc(models, func(m string) bool { return have[m][c] != nil })
	})
	ranked, common := commonCases(run, models, cases, func(model string, c *results.Case) bool { return have[model][c] != nil })
	entries := make([]Entry, len(models))
	for i, model := range models {
		e := &entries[i]
		e.Model, e.Have, e.Of, e.Ratio = model, len(have[model]), len(cases), math.NaN()
		over := common
		switch {
		case e.Have == 0:
			continue
		case slices.Contains(ranked, model):
		case run.Model(model).Baseline && covers(have[model], common):
			e.Relation = Unranked
		default:
			e.Relation = Partial
			continue
		}
		e.Sample, e.Center = geomeans(over, have[model])
	}
	r := rank(m, entries)
	r.Cases = common
	return r
}

func covers(have map[*results.Case][]float64, cases []*results.Case) bool {
	for _, c := range cases {
		if have[c] == nil {
			return false
		}
	}
	return len(cases) > 0
}

// commonCases finds the competing models to rank and the cases they share.
// While those are fewer than half, the model with the fewest cases goes.
func commonCases(run *results.Run, models []string, cases []*results.Case, has func(string, *results.Case) bool) (ranked []string, common []*results.Case) {
	counts := map[string]int{}
	for _, model := range models {
		for _, c := range cases {
			if has(model, c) {
				counts[model]++
			}
		}
		if counts[model] > 0 && !run.Model(model).Baseline {
			ranked = append(ranked, model)
		}
	}
	for {
		common = nil
		for _, c := range cases {
			if !slices.ContainsFunc(ranked, func(m string) bool { return !has(m, c) }) {
				common = append(common, c)
			}
		}
		if len(ranked) <= 1 || 2*len(common) >= len(cases) {
			return ranked, common
		}
		fewest := 0
		for i, m := range ranked {
			if counts[m] <= counts[ranked[fewest]] {
				fewest = i
			}
		}
		ranked = slices.Delete(ranked, fewest, fewest+1)
	}
}

// geomeans returns one geometric mean per pass over the cases, and that of the
// centers. Pass k is made of each case's k-th result; the shortest sample says
// how many passes there are.
func geomeans(cases []*results.Case, samples map[*results.Case][]float64) (passes []float64, center float64) {
	weight := map[*results.Workload]float64{}
	n := math.MaxInt
	for _, c := range cases {
		weight[c.Workload]++
		n = min(n, len(samples[c]))
	}
	if len(cases) == 0 {
		return nil, math.NaN()
	}
	logs := make([]float64, n)
	var mid float64
	for _, c := range cases {
		w := 1 / (weight[c.Workload] * float64(len(weight)))
		for k := range logs {
			logs[k] += w * math.Log(samples[c][k])
		}
		mid += w * math.Log(Summarize(samples[c]).Center)
	}
	for _, l := range logs {
		passes = append(passes, math.Exp(l))
	}
	return passes, math.Exp(mid)
}
