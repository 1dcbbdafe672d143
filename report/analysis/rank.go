package analysis

import (
	"math"
	"slices"

	"switchyard/report/inference"
	"switchyard/report/results"
)

// A Relation says how a model stands to the best of its row.
type Relation int

const (
	Absent   Relation = iota // no numbers here
	Best                     // the best center
	Tied                     // the whole interval of its ratio to the best is too near to one to matter
	Unknown                  // undecided: too few or too noisy results for either claim
	Worse                    // the whole interval is so far from one that it matters
	Unranked                 // shown, but not in the competition
	Partial                  // numbers in some of the row's cases only
)

// Good reports best or tied.
func (r Relation) Good() bool { return r == Best || r == Tied }

// An Entry is one model's place in a ranking.
type Entry struct {
	Model    string
	Sample   inference.Sample // in run order
	Center   float64
	Half     float64 // the wider half of its 95 % interval, as a share; infinite with too few results
	Untimed  bool    // a case's latency that cannot be timed: Center is the least that can
	Relation Relation
	Ratio    float64    // to the best; NaN when absent
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

// rank finds the best of the entries, whose Model, Sample and Center are filled
// in, and judges the others against it. Each is a claim of its own, about one
// ratio: there is no correction for their number. That belongs to a search for
// changes.
func rank(m Metric, entries []Entry) *Ranking {
	r := &Ranking{Metric: m, Entries: entries, best: -1, second: -1}
	for i := range r.Entries {
		r.Entries[i].Ratio = math.NaN()
	}
	r.best = r.leader()
	for tries := len(entries); r.best >= 0 && tries > 0; tries-- {
		better := r.versusBest()
		if better < 0 {
			break
		}
		r.best = better // block by block it is, though its center is not
	}
	if r.best < 0 {
		return r
	}
	r.second = r.leader()
	for i := range r.Entries {
		r.judge(&r.Entries[i])
	}
	best := r.Best()
	best.Relation, best.Ratio, best.Versus = Best, 1, Comparison{}
	if s := r.Second(); s != nil {
		best.Versus = s.Versus.reversed()
	}
	return r
}

// leader is the index of the best center of those that compete, beside the
// best; -1 if there is none.
func (r *Ranking) leader() int {
	first := -1
	for i := range r.Entries {
		if i != r.best && r.competes(i) && (first < 0 || r.Metric.better(r.Entries[i].Center, r.Entries[first].Center)) {
			first = i
		}
	}
	return first
}

// versusBest compares all with the best. It returns the first that is claimed
// to be better, or -1.
func (r *Ranking) versusBest() (better int) {
	best := r.Best()
	better = -1
	for i := range r.Entries {
		e := &r.Entries[i]
		if i == r.best || len(e.Sample) == 0 {
			continue
		}
		e.Versus = compare(e.Model, best.Model, e.Sample, best.Sample)
		e.Ratio = e.Versus.Ratio
		if better < 0 && r.competes(i) && e.Versus.reversed().worse(r.Metric) {
			better = i
		}
	}
	return better
}

func (r *Ranking) competes(i int) bool {
	e := r.Entries[i]
	return len(e.Sample) > 0 && e.Relation != Unranked && e.Relation != Partial
}

// judge says how an entry that competes stands to the best.
func (r *Ranking) judge(e *Entry) {
	switch {
	case len(e.Sample) == 0 || e.Relation != Absent:
	case e.Versus.worse(r.Metric):
		e.Relation = Worse
	case e.Versus.Claim == inference.Tie:
		e.Relation = Tied
	default:
		e.Relation = Unknown
	}
}

// center finds the middle of the sample.
func (e *Entry) center() {
	m := inference.Median(e.Sample)
	e.Center, e.Half = m.Center, Summary{N: len(e.Sample), Center: m.Center, Lo: m.Lo, Hi: m.Hi}.HalfWidth()
}

// rankCase ranks the models of one case.
func rankCase(run *results.Run, m Metric, c *results.Case) *Ranking {
	entries := make([]Entry, len(run.Models))
	for i, model := range run.Models {
		e := &entries[i]
		e.Model, e.Of = model, 1
		e.Sample = ranked(run, m, c.Cells[model])
		if len(e.Sample) > 0 {
			e.Have = 1
			e.center()
			e.Untimed = m.Latency() && e.Center <= Untimed(run)
			if run.Aside(model) {
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
func (a *Analysis) rankOver(m Metric, models []string, cases []*results.Case) *Ranking {
	have := map[string]map[*results.Case]inference.Sample{}
	for _, model := range models {
		have[model] = map[*results.Case]inference.Sample{}
		for _, c := range cases {
			if s := a.sample(m, c, model); len(s) > 0 && (len(cases) == 1 || s.Positive()) {
				have[model][c] = s
			}
		}
	}
	// Cases in which nobody recorded the metric are no part of the question.
	cases = slices.DeleteFunc(slices.Clone(cases), func(c *results.Case) bool {
		return !slices.ContainsFunc(models, func(m string) bool { return have[m][c] != nil })
	})
	competing, common := commonCases(a.Run, models, cases, func(model string, c *results.Case) bool { return have[model][c] != nil })
	entries := make([]Entry, len(models))
	for i, model := range models {
		e := &entries[i]
		e.Model, e.Have, e.Of = model, len(have[model]), len(cases)
		switch {
		case e.Have == 0:
			continue
		case slices.Contains(competing, model):
		case a.Aside(model) && len(common) > 0 && !slices.ContainsFunc(common, func(c *results.Case) bool { return have[model][c] == nil }):
			e.Relation = Unranked
		default:
			e.Relation = Partial
			continue
		}
		e.Sample = geomeans(common, have[model])
		e.center()
	}
	r := rank(m, entries)
	r.Cases = common
	return r
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
		if counts[model] > 0 && !run.Aside(model) {
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

// geomeans returns the geometric mean over the cases in each block.
func geomeans(cases []*results.Case, have map[*results.Case]inference.Sample) inference.Sample {
	if len(cases) == 1 {
		return have[cases[0]]
	}
	perWorkload := map[*results.Workload]float64{}
	for _, c := range cases {
		perWorkload[c.Workload]++
	}
	var parts []inference.Sample
	var weights []float64
	for _, c := range cases {
		parts = append(parts, have[c])
		weights = append(weights, 1/(perWorkload[c.Workload]*float64(len(perWorkload))))
	}
	return inference.GeoMean(parts, weights)
}
