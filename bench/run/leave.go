package run

import (
	"context"
	"fmt"
	"slices"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// A budget that does not hold all results of all cases holds those of fewer
// cases: too few results decide nothing. What is left out is void, with the
// reason, and noted with the calibration, so that the next run like this one
// leaves out the same. What is compared goes as a whole: all builds of a cell,
// and all models of a case, unless it is one cell that takes long.

// leave leaves a case out before the blocks.
func (r *Run) leave(s *caseState, reason string) {
	s.excluded = true
	known := s.CalibratedCase
	if s.N == 0 && s.back {
		known = r.likes[known.Case]
	}
	r.leftOut = append(r.leftOut, leftOut{s, known, reason})
}

// A leftOut is a case that the budget does not hold, and what is known of it.
type leftOut struct {
	*caseState
	known  benchlog.CalibratedCase
	reason string
}

// excess returns the lots to leave out for so many more results of the others
// to take no more than goal, if all take more than most. The last lot stays.
func (r *Run) excess(results int, most, goal time.Duration, cost func(*caseState) time.Duration) (out []lot) {
	live := slices.DeleteFunc(slices.Clone(r.cases), func(s *caseState) bool { return s.excluded })
	var took time.Duration
	for _, s := range live {
		took += time.Duration(results) * cost(s)
	}
	if took <= most {
		return nil
	}
	left := len(live)
	for _, l := range r.expendable(live, cost) {
		if took <= goal || len(l.cells) == left {
			break
		}
		l.took *= time.Duration(results)
		took, left = took-l.took, left-len(l.cells)
		out = append(out, l)
	}
	return out
}

// leaveBefore leaves out, before the first block, what the budget does not
// hold.
func (r *Run) leaveBefore(left time.Duration) {
	cost := func(s *caseState) time.Duration { return r.costAt(s, r.leastBenchtime()) }
	for _, l := range r.excess(r.Count, left, time.Duration((1-headroom)*float64(left)), cost) {
		for _, s := range l.cells {
			r.leave(s, fmt.Sprintf("left out: %s would take %v of the budget of %v", r.results(r.Count, l), brief(l.took), r.Budget))
		}
	}
}

// aheadSlack is by how much more than is left what remains of the plan may
// take, for each block but the last: the pace of one says little of the next.
const aheadSlack = 0.1

// leaveAfter leaves out, before a block, what keeps the others from having all
// of their results.
func (r *Run) leaveAfter(ctx context.Context, block int) error {
	more := r.Count - block + 1
	if r.Budget <= 0 || more < 1 {
		return nil
	}
	left := r.left() - time.Duration(max(r.Sessions, 1)-r.session)*sessionPause
	most := time.Duration(float64(left) * (1 + aheadSlack*float64(more-1)))
	var names []string
	for _, l := range r.excess(more, most, left, r.cost) {
		for _, s := range l.cells {
			names = append(names, s.Case.String())
			r.done -= 1 + s.results // of what there is to do they are none any more
			reason := fmt.Sprintf("left out after %d of %d results: %s would take %v of what is left of the budget of %v", s.results, r.Count, r.results(more, l), brief(l.took), r.Budget)
			if err := r.drop(ctx, s, "", bench.Void("%s", reason)); err != nil {
				return err
			}
		}
	}
	if len(names) > 0 {
		r.note(fmt.Sprintf("slower than calibrated: from block %d on without %s", block, some(names)))
	}
	return nil
}

// results says how many results a lot is.
func (r *Run) results(n int, l lot) string {
	s := fmt.Sprintf("%d results", n)
	if n == 1 {
		s = "1 result"
	}
	if models := len(lots(l.cells, anyBuild, r.cost)); models > 1 {
		s += fmt.Sprintf(" in %d models", models)
	}
	return s
}

// brief rounds a duration for readers, to two digits.
func brief(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 100 && unit < time.Second {
		unit *= 10
	}
	return d.Round(unit)
}

// noteLeftOut logs what was left out before the blocks, and says so.
func (r *Run) noteLeftOut(ctx context.Context) error {
	if len(r.leftOut) == 0 {
		return nil
	}
	live := make(map[benchlog.Case]bool)
	for _, s := range r.cases {
		live[groupOf(s.Case)] = live[groupOf(s.Case)] || !s.excluded
	}
	var names []string
	for _, l := range r.leftOut {
		name := l.Case.String()
		if group := groupOf(l.Case); !live[group] {
			name = group.String()
		} else if plain := anyBuild(l.Case); len(r.Builds) > 0 {
			name = plain.String()
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
		if err := r.drop(ctx, l.caseState, "", bench.Void("%s", l.reason)); err != nil {
			return err
		}
	}
	r.note(fmt.Sprintf("%s not measured, for %d results of the others in the budget of %v: %s", counted(len(r.leftOut), "is", "are"), r.Count, r.Budget, some(names)))
	return nil
}
