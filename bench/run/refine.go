package run

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// Refining narrows what the sizes of the plan leave wide: from which size on
// one model is better than another, and up to which rate of an open loop a
// model keeps a limit of latency. After the calibrating pass such a crossing is
// bracketed by two sizes of the plan. Sizes between them are tried by
// bisection, with calls like the calibrating ones and only in the models that
// the question is about; the two that are left are cases of all blocks, as
// those of the plan are. What was tried besides decides nothing else.

// near is the difference of two models, as the logarithm of a ratio, that a few
// results do not tell from none: the crossing is close by.
const near = 0.04

// mostTries is how often a size is tried whose difference is not great.
const mostTries = 3

// A refiner finds brackets.
type refiner struct {
	*Run
	tried map[benchlog.Case]*trial
	had   map[benchlog.Case]bool // that the earlier run has added, and which were tried here
	left  time.Duration          // of the time that this may take, the blocks included
	added []*caseState
}

// A trial is what the calibrating pass, and further tries, say of a case.
type trial struct {
	ns  []float64 // per op; of an open loop, the 99th percentile
	err error     // why there is no result
}

// refine looks for the crossings that the calibrating pass brackets, adds the
// cases that narrow them, and says so. It does nothing for a run of two builds,
// whose cases are compared with each other.
func (r *Run) refine(ctx context.Context) error {
	f := &refiner{Run: r, tried: r.scouted, had: make(map[benchlog.Case]bool), left: r.refineTime()}
	defer func() { r.scouted = nil }()
	if f.left <= 0 || len(r.Builds) > 0 {
		return nil
	}
	for _, s := range r.cases { // what is void was found so by an earlier part of the run
		if f.tried[s.Case] == nil && s.excluded && r.Checkpoint != nil && r.Checkpoint.Cases[s.Case.String()].Void {
			f.tried[s.Case] = &trial{err: &bench.VoidError{}}
		}
	}
	all := f.questions()
	if err := f.tryAgain(ctx, all); err != nil {
		return err
	}
	for _, q := range all {
		if err := f.answer(ctx, q); err != nil {
			return err
		}
	}
	// Those without numbers stand behind the others: a resumed run finds them
	// so, and its blocks have the same order.
	slices.SortStableFunc(f.added, func(a, b *caseState) int { return count(a.excluded) - count(b.excluded) })
	r.cases = append(r.cases, f.added...)
	r.stats.Cases = len(r.cases)
	if len(f.added) > 0 {
		r.note(fmt.Sprintf("%d cases added between the sizes of the plan, to narrow where one model gets better than another", len(f.added)))
	}
	return nil
}

// refineTime returns how long all that refining adds may take: a share of the
// time that the blocks of the plan take, or of the budget if that is less.
// Fewer results than show a difference are worth none.
func (r *Run) refineTime() time.Duration {
	if r.Count < benchlog.MinResults {
		return 0
	}
	whole := time.Duration(r.Count) * r.blockCost()
	if r.Budget <= 0 {
		return time.Duration(float64(whole) * r.Refine)
	}
	least := r.pauses() + r.blocksAt(r.leastBenchtime())
	return min(time.Duration(float64(min(whole, r.Budget))*r.Refine), r.left()-least)
}

// scout keeps what a call before the blocks says of its case.
func (r *Run) scout(c benchlog.Case, out Output, err error) {
	if r.scouted == nil {
		return
	}
	t := r.scouted[c]
	if t == nil {
		t = new(trial)
		r.scouted[c] = t
	}
	if err != nil {
		if len(t.ns) == 0 { // else it can be measured
			t.err = err
		}
		return
	}
	ns := float64(out.Op)
	if result, err := benchlog.ParseResult(out.Line); err == nil {
		for _, unit := range []string{"ns/op", "p99-ns"} {
			if v, ok := result.Get(unit); ok && (unit == "ns/op" || r.info(c.Workload).ByLatency()) {
				ns = v
			}
		}
	}
	t.ns = append(t.ns, ns)
}

// info returns what is declared of a workload.
func (r *Run) info(workload string) (info benchlog.WorkloadInfo) {
	if i := slices.IndexFunc(r.Workloads, func(w benchlog.WorkloadInfo) bool { return w.Name == workload }); i >= 0 {
		info = r.Workloads[i]
	}
	return info
}

// answer narrows every crossing of a question, as long as there is time.
func (f *refiner) answer(ctx context.Context, q question) error {
	// Models that are close at every size do not cross: they are alike.
	better, worse := false, false
	for _, r := range f.rungs(q) {
		better, worse = better || r.lead > 3*near, worse || r.lead < -3*near
	}
	if !better || !worse {
		return nil
	}
	for _, r := range f.rungs(q) {
		if _, _, err := f.sure(ctx, q, r.p); err != nil {
			return err
		}
	}
	for _, b := range f.brackets(q) {
		lo, hi, err := f.narrow(ctx, q, b[0], b[1])
		if err != nil {
			return err
		}
		for _, end := range []rung{lo, hi} {
			for _, m := range q.models() {
				if err := f.keep(q.at(end.p, m)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// try tries a size of a question, if it lies between two others, and if there
// is time.
func (f *refiner) try(ctx context.Context, q question, lo, hi rung, size float64) (mid rung, ok bool, err error) {
	p := lo.p.Resize(q.key, size)
	if size, _ := p.Size(q.key); size <= lo.size || size >= hi.size {
		return mid, false, nil
	}
	return f.sure(ctx, q, p)
}

// sure tries a size of a question until a few tries, or a great difference,
// tell which side it is on; ok is false without the time for it and for keeping
// it.
func (f *refiner) sure(ctx context.Context, q question, p benchlog.Params) (r rung, ok bool, err error) {
	for range mostTries {
		if r, ok = q.rung(f, p); ok && (r.tries >= mostTries || math.Abs(r.lead) >= 3*near) {
			break
		}
		if f.left < f.price(q) {
			return r, false, nil
		}
		for _, m := range q.models() {
			if err := f.call(ctx, q.at(p, m)); err != nil {
				return r, false, err
			}
		}
		r, ok = q.rung(f, p)
	}
	return r, ok, nil
}

// price is about what it costs to try a size of a question, and to keep two.
func (f *refiner) price(q question) (all time.Duration) {
	for _, m := range q.models() {
		var one time.Duration
		for _, r := range f.rungs(q) {
			one = max(one, f.cost(f.index[q.at(r.p, m)]))
		}
		all += one * time.Duration(1+2*f.Count)
	}
	return all
}

// call measures a case once more. A failure is the case's answer.
func (f *refiner) call(ctx context.Context, c benchlog.Case) error {
	s := f.index[c]
	if s == nil {
		s = &caseState{Case: c, CalibratedCase: benchlog.CalibratedCase{Case: c.String()}}
		f.index[c] = s
	}
	if s.excluded {
		return nil
	}
	f.step("refine", c)
	f.done-- // it is none of the calls that are planned
	began := f.Now()
	if err := f.measureAgain(ctx, s); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		s.excluded = f.tried[c].err != nil
	}
	f.left -= f.Now().Sub(began)
	return nil
}

// measureAgain calls the runner with the N that is known, which takes it half
// as long as to look for it.
func (f *refiner) measureAgain(ctx context.Context, s *caseState) error {
	if s.N > 0 {
		return f.probe(ctx, s, Invocation{Case: s.Case, N: s.N, Op: s.Op, Benchtime: f.Benchtime}, f.cost(s))
	}
	return f.find(ctx, s, f.likes[s.Case.String()])
}

// tryAgain tries the sizes that the earlier run has added: where its brackets
// still hold, there is nothing to look for, and both runs have the same cases.
func (f *refiner) tryAgain(ctx context.Context, all []question) error {
	if f.Like == nil {
		return nil
	}
	for _, l := range f.Like.Cases {
		c := benchlog.ParseCase(l.Case)
		asked := slices.ContainsFunc(all, func(q question) bool {
			_, fixed, ok := c.Params.Cut(q.key)
			return ok && fixed == q.fixed && q.w.Name == c.Workload && q.lane == c.CPUs && slices.Contains(q.models(), c.Model)
		})
		price := time.Duration(1+f.Count) * (l.Overhead + timed(l.Timed))
		if !l.Refined || !asked || f.index[c] != nil || f.left < price {
			continue
		}
		if err := f.call(ctx, c); err != nil {
			return err
		}
		f.had[c] = true
	}
	return nil
}

// keep makes a case that was tried one of the run's. One without a result is
// logged: that a model is saturated at a rate is an answer too.
func (f *refiner) keep(c benchlog.Case) error {
	s := f.index[c]
	if s == nil || s.Refined || slices.Contains(f.cases, s) {
		return nil
	}
	s.Refined = true
	f.added = append(f.added, s)
	if err := f.tried[c].err; err != nil {
		return f.drop(context.Background(), s, "refine", err)
	}
	f.done++
	f.left -= time.Duration(f.Count) * f.cost(s)
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// refined returns the cases that an earlier part of the run has added to those
// of its plan, void and failed ones too.
func (p *Checkpoint) refined(planned []benchlog.Case) (cases []benchlog.Case) {
	if p == nil || p.Calibration == nil {
		return nil
	}
	for _, c := range p.Calibration.Cases {
		if c.Refined {
			cases = append(cases, benchlog.ParseCase(c.Case))
		}
	}
	for _, v := range p.Verdicts {
		c := benchlog.ParseCase(v.Name)
		if c.Params != "" && !slices.Contains(planned, c) && !slices.Contains(cases, c) {
			cases = append(cases, c)
		}
	}
	return cases
}
