package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"switchyard/report/format"
	"switchyard/report/results"
)

// Within are the factors that a performance profile is read at.
var Within = []float64{1.1, 1.5, 2, 5, 10}

// picked is the factor that decides which model a profile picks, before the
// smaller and then the larger ones.
const picked = 2

// A Profile says of each competing model how near it comes to the best, case by
// case (Dolan and Moré, Benchmarking optimization software with performance
// profiles, 2002). A case counts where two of them or more have a result; a
// model that has none there is within no factor of the best.
type Profile struct {
	Metric  Metric
	Cases   int
	Models  []ProfileModel // in the run's order
	Untimed int            // cases in which the best is faster than can be timed
	Pick    []string       // the model to take where only one can be; several when their profiles are the same
	Stands  bool           // an earlier run picked it, and this one by itself would pick another
}

// A ProfileModel is one model's profile.
type ProfileModel struct {
	Model   string
	Factors []float64       // by how much it is worse than the best, ascending; of the cases that it has
	Share   []float64       // of all cases in which it is within each of Within
	Worst   float64         // the largest of Factors
	At      *results.Case   // where that is
	Missing []*results.Case // where it has no result

	surely, perhaps int // cases in which it is within picked, wherever between the edges its factor is; see [Clear]
}

// profile computes the profile of a metric over the cases that compete.
func profile(a *Analysis, m Metric) Profile {
	p := Profile{Metric: m}
	for _, model := range a.Models {
		if !a.Aside(model) {
			p.Models = append(p.Models, ProfileModel{Model: model, Worst: math.NaN()})
		}
	}
	for _, c := range a.Cases() {
		if !c.Workload.Info.Control && !c.Refined() {
			p.add(a, c)
		}
	}
	p.Models = slices.DeleteFunc(p.Models, func(m ProfileModel) bool { return len(m.Factors) == 0 })
	for i := range p.Models {
		m := &p.Models[i]
		slices.Sort(m.Factors)
		for _, f := range Within {
			n := 0
			for n < len(m.Factors) && m.Factors[n] <= f {
				n++
			}
			m.Share = append(m.Share, float64(n)/float64(p.Cases))
		}
	}
	p.pick()
	if earlier := a.picks[m.ID]; p.stand(earlier) {
		p.Stands, p.Pick = !slices.Equal(p.Pick, earlier), earlier
	}
	return p
}

// add counts a case, unless nobody can be compared there.
func (p *Profile) add(a *Analysis, c *results.Case) {
	r := a.ByCase[c][p.Metric]
	centers, best, have, untimed := make([]float64, len(p.Models)), math.NaN(), 0, false
	for i := range p.Models {
		e := r.Entry(p.Models[i].Model)
		centers[i] = math.NaN()
		if len(e.Sample) == 0 {
			continue
		}
		centers[i] = e.Center
		untimed = untimed || e.Untimed
		if have++; have == 1 || p.Metric.better(centers[i], best) {
			best = centers[i]
		}
	}
	if have < 2 {
		return
	}
	p.Cases++
	if untimed {
		p.Untimed++
	}
	edge := func(e *Entry) (down, up float64) {
		if e == r.Best() {
			return 1, 1
		}
		return e.Versus.Times(p.Metric).edges()
	}
	for i := range p.Models {
		m := &p.Models[i]
		factor := p.Metric.times(best, centers[i])
		switch {
		case math.IsNaN(factor):
			m.Missing = append(m.Missing, c)
			continue
		case !(factor <= m.Worst): // the first is larger than none
			m.Worst, m.At = factor, c
		}
		m.Factors = append(m.Factors, factor)
		down, up := edge(r.Entry(m.Model))
		if factor*down <= picked {
			m.surely++
		}
		if factor <= picked*up {
			m.perhaps++
		}
	}
}

// stand reports whether models that an earlier run picked are still those to
// pick: no other is more often near the best, whichever way the edges count.
func (p *Profile) stand(earlier []string) bool {
	surely, perhaps := 0, math.MaxInt
	for _, m := range p.Models {
		if slices.Contains(earlier, m.Model) {
			perhaps = min(perhaps, m.perhaps)
		} else {
			surely = max(surely, m.surely)
		}
	}
	return len(earlier) > 0 && !slices.ContainsFunc(earlier, func(m string) bool { return p.Of(m) == nil }) && surely <= perhaps
}

// pick finds the models with the largest shares.
func (p *Profile) pick() {
	at := slices.Index(Within, picked)
	var order []int
	for d := range Within {
		order = append(order, at-d, at+d)
	}
	better := func(x, y *ProfileModel) int {
		for _, i := range order {
			if i >= 0 && i < len(Within) && x.Share[i] != y.Share[i] {
				return int(math.Copysign(1, y.Share[i]-x.Share[i]))
			}
		}
		return 0
	}
	var best *ProfileModel
	for i := range p.Models {
		m := &p.Models[i]
		switch {
		case best == nil || better(m, best) < 0:
			best, p.Pick = m, []string{m.Model}
		case better(m, best) == 0:
			p.Pick = append(p.Pick, m.Model)
		}
	}
}

// Of returns a model's profile, or nil.
func (p *Profile) Of(model string) *ProfileModel {
	for i := range p.Models {
		if p.Models[i].Model == model {
			return &p.Models[i]
		}
	}
	return nil
}

// ShareWithin is the share of all cases in which the model is within a factor
// of Within.
func (m *ProfileModel) ShareWithin(factor float64) float64 {
	return m.Share[slices.Index(Within, factor)]
}

// Sentence is the advice that the profile gives, or "" where there is none to
// give: with one case, or one model.
func (p *Profile) Sentence() string {
	if p.Cases < 2 || len(p.Models) < 2 {
		return ""
	}
	m := p.Of(p.Pick[0])
	for _, other := range p.Pick { // all alike, unless they stand
		if o := p.Of(other); o.ShareWithin(picked) < m.ShareWithin(picked) {
			m = o
		}
	}
	s := fmt.Sprintf("If you must pick one: %s; within %v× of the best in %s of %d cases, worst %s",
		modelNames(p.Pick, "or"), picked, format.Percent(m.ShareWithin(picked)), p.Cases, format.Ratio(m.Worst))
	if n := len(m.Missing); n > 0 {
		s += fmt.Sprintf(", no result in %d, which count as worse than that", n)
	}
	return s + "."
}

// modelNames lists models as a sentence does: "a, b or c".
func modelNames(models []string, word string) string {
	names := make([]string, len(models))
	for i, m := range models {
		names[i] = format.Clean(results.ModelName(m))
	}
	s := format.List(names)
	if i := strings.LastIndex(s, " and "); i >= 0 && len(models) > 1 {
		s = s[:i] + " " + word + s[i+len(" and"):]
	}
	return s
}
