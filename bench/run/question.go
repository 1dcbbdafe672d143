package run

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// A question is where a model begins or ceases to be better than another; or,
// without another, to keep the limit of latency.
type question struct {
	w     benchlog.WorkloadInfo
	key   string          // what is refined
	fixed benchlog.Params // the other parameters
	lane  int
	a, b  benchlog.Model
}

// models returns those that must be measured to answer it.
func (q question) models() []benchlog.Model {
	if q.b == "" {
		return []benchlog.Model{q.a}
	}
	return []benchlog.Model{q.a, q.b}
}

func (q question) at(p benchlog.Params, m benchlog.Model) benchlog.Case {
	return benchlog.Case{Workload: q.w.Name, Params: p, Model: m, CPUs: q.lane}
}

// questions lists what is asked of the plan's workloads: of every model against
// the baselines, whether it pays, and against the others, which of them is
// better; of open loops, up to which rate it keeps the limit.
func (f *refiner) questions() (all []question) {
	declared := func(m benchlog.Model) (info benchlog.ModelInfo) {
		if i := slices.IndexFunc(f.Declared, func(d benchlog.ModelInfo) bool { return d.Name == m }); i >= 0 {
			info = f.Declared[i]
		}
		return info
	}
	baseline := func(m benchlog.Model) bool { return declared(m).Baseline }
	peer := func(m benchlog.Model) bool { return declared(m).Beside != "" }
	var pays, better []question
	for _, q := range f.curves() {
		for i, a := range f.Models {
			if peer(a) {
				continue // shown, and not in the competition
			}
			if q.a = a; q.w.Open {
				pays = append(pays, q)
				continue
			}
			for k, b := range f.Models {
				switch q.b = b; {
				case baseline(a), i == k, peer(b):
				case baseline(b):
					pays = append(pays, q)
				case k < i:
					better = append(better, q)
				}
			}
		}
	}
	return append(pays, better...)
}

// curves returns the questions without their models.
func (f *refiner) curves() (all []question) {
	for _, w := range f.Workloads {
		for _, key := range w.Refine {
			var seen []benchlog.Params
			for _, p := range w.Cases {
				_, fixed, ok := p.Cut(key)
				if !ok || slices.Contains(seen, fixed) {
					continue
				}
				seen = append(seen, fixed)
				for _, lane := range f.Lanes {
					all = append(all, question{w: w, key: key, fixed: fixed, lane: lane})
				}
			}
		}
	}
	return all
}

// A rung is a size at which a question is decided.
type rung struct {
	p     benchlog.Params
	size  float64
	lead  float64 // above 0: the model is better, or keeps the limit; by so much, as a logarithm
	tries int
}

func (q question) rung(f *refiner, p benchlog.Params) (r rung, known bool) {
	r.p = p
	r.size, _ = p.Size(q.key)
	r.lead, known = f.lead(q, p)
	if a := f.tried[q.at(p, q.a)]; a != nil {
		r.tries = len(a.ns)
	}
	return r, known
}

// rungs returns the sizes at which the question is known, ascending.
func (f *refiner) rungs(q question) (all []rung) {
	for c := range f.tried {
		if _, fixed, ok := c.Params.Cut(q.key); !ok || fixed != q.fixed || c != q.at(c.Params, q.a) {
			continue
		}
		if r, known := q.rung(f, c.Params); known {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b rung) int { return cmp.Compare(a.size, b.size) })
	return all
}

// lead returns by how much a model leads at a point, as a logarithm; known says
// whether the calls so far tell.
func (f *refiner) lead(q question, p benchlog.Params) (lead float64, known bool) {
	a := f.tried[q.at(p, q.a)]
	if a == nil {
		return 0, false
	}
	if q.b != "" {
		b := f.tried[q.at(p, q.b)]
		if b == nil || len(a.ns) == 0 || len(b.ns) == 0 || a.err != nil || b.err != nil {
			return 0, false
		}
		return math.Log(median(b.ns) / median(a.ns)), true
	}
	var void *bench.VoidError
	switch {
	case errors.As(a.err, &void):
		return math.Inf(-1), true
	case a.err != nil || len(a.ns) == 0:
		return 0, false
	}
	return math.Log(float64(f.P99Limit) / median(a.ns)), true
}
