package run

import (
	"cmp"
	"slices"
	"time"

	"switchyard/bench/benchlog"
)

// groupOf returns what all cells have in common that are compared with each
// other.
func groupOf(c benchlog.Case) benchlog.Case {
	c = anyBuild(c)
	c.Model = ""
	return c
}

// rank orders the cases of the plan by importance, the most important first:
// the first case of each workload on the most CPUs, of workloads of a kind one
// after another; then what makes curves of them.
func (r *Run) rank() {
	r.ranks = make(map[benchlog.Case]int)
	kinds := make(map[string]int)
	for _, w := range r.Workloads {
		for i, p := range w.Cases {
			for _, lane := range r.Lanes {
				at := groupOf(benchlog.Case{Workload: w.Name, Params: p, CPUs: lane})
				if _, have := r.ranks[at]; have {
					continue // in another build
				}
				extra := i
				for _, other := range r.Lanes {
					extra += count(other > lane)
				}
				r.ranks[at] = extra*len(r.Workloads) + kinds[w.Kind]
			}
		}
		kinds[w.Kind] += count(w.Kind != "")
	}
}

// rankOf returns the rank of a case. Those that narrow a crossing come after
// the plan, and so does what the earlier run left out.
func (r *Run) rankOf(s *caseState) int {
	rank, planned := r.ranks[groupOf(s.Case)]
	if !planned || s.back {
		rank += (len(r.cases) + 1) * (len(r.Workloads) + 1)
	}
	return rank
}

// extra reports whether a case is none of the first ones of the workloads.
func (r *Run) extra(s *caseState) bool { return r.rankOf(s) >= max(len(r.Workloads), 1) }

// byImportance brings the cases of a pass into the order in which they are
// calibrated, the cells of a group together.
func (r *Run) byImportance(order []benchlog.Case) {
	first := make(map[benchlog.Case]int)
	for i, c := range order {
		if _, have := first[groupOf(c)]; !have {
			first[groupOf(c)] = i
		}
	}
	slices.SortStableFunc(order, func(a, b benchlog.Case) int {
		return cmp.Or(cmp.Compare(r.rankOf(r.index[a]), r.rankOf(r.index[b])), cmp.Compare(first[groupOf(a)], first[groupOf(b)]))
	})
}

// A lot is what is left out together.
type lot struct {
	cells []*caseState
	took  time.Duration // by a result of each

	stage  stage // those of the first go before all others,
	weight int64 // and of a stage the heaviest
}

// A stage is what the weight of a lot is.
type stage int

const (
	dearCells   stage = iota // how long a result takes
	extraCases               // the rank: all but the first cases of the workloads
	costlyCells              // how long a result takes, of a first case
	firstCases               // the rank
)

// dearShares is how many shares of the budget a dear cell takes: it has fewer
// laps, and is the first to go. Of the others, those above costlyShares go once
// one case is left of each workload.
const dearShares, costlyShares = 16, 4

// dear returns how long a dear result is at the least; 0 is without a budget.
func (r *Run) dear() time.Duration {
	return min(dearShares*r.share, r.Budget/time.Duration(2*r.Count))
}

// stageOf returns when a cell of a group goes if it goes alone.
func (r *Run) stageOf(cell, group lot) (stage, int64) {
	result, rank := cell.took/time.Duration(len(cell.cells)), int64(r.rankOf(group.cells[0]))
	switch {
	case result > r.dear():
		return dearCells, int64(cell.took)
	case r.extra(group.cells[0]):
		return extraCases, rank
	case result > costlyShares*r.share:
		return costlyCells, int64(cell.took)
	}
	return firstCases, rank
}

// lots groups cases by a key.
func lots(cases []*caseState, key func(benchlog.Case) benchlog.Case, cost func(*caseState) time.Duration) (out []lot) {
	at := make(map[benchlog.Case]int)
	for _, s := range cases {
		i, have := at[key(s.Case)]
		if !have {
			i = len(out)
			at[key(s.Case)], out = i, append(out, lot{})
		}
		out[i].cells, out[i].took = append(out[i].cells, s), out[i].took+cost(s)
	}
	return out
}

// inOrder brings lots into the order in which they go.
func inOrder(all []lot) {
	slices.SortStableFunc(all, func(a, b lot) int {
		return cmp.Or(cmp.Compare(a.stage, b.stage), cmp.Compare(b.weight, a.weight), cmp.Compare(b.took, a.took))
	})
}

// expendable divides the cases into lots, in the order in which they go. A
// group goes as a whole, when half of its cells would; those that would before
// go alone.
func (r *Run) expendable(cases []*caseState, cost func(*caseState) time.Duration) (out []lot) {
	for _, group := range lots(cases, groupOf, cost) {
		cells := lots(group.cells, anyBuild, cost)
		for i := range cells {
			cells[i].stage, cells[i].weight = r.stageOf(cells[i], group)
		}
		inOrder(cells)
		half := cells[(len(cells)-1)/2].stage
		alone := slices.IndexFunc(cells, func(c lot) bool { return c.stage == half })
		whole := cells[alone]
		for _, c := range cells[alone+1:] {
			whole.cells, whole.took = append(whole.cells, c.cells...), whole.took+c.took
		}
		out = append(append(out, cells[:alone]...), whole)
	}
	inOrder(out)
	return out
}
