package run

import (
	"errors"
	"fmt"
	"time"
)

const (
	// calibrationShare is the part of the budget after which no further case is
	// calibrated.
	calibrationShare = 1.0 / 3

	// backShare is the part of the time for the blocks that they may take with
	// a case that the earlier run left out, for it to come back: were it all of
	// the time, runs would have the case in turn.
	backShare = 0.7

	// leastPatience is what a call has to calibrate, however small the budget.
	leastPatience = time.Second
)

// longLaps returns how long a result may become for the sake of its laps.
func (r *Run) longLaps() time.Duration {
	if r.share > 0 {
		return min(longLaps, r.dear())
	}
	return longLaps
}

// noRoom says why a case is not even calibrated, or "".
func (r *Run) noRoom(s *caseState) string {
	if r.Budget <= 0 {
		return ""
	}
	if float64(r.spent()) > calibrationShare*float64(r.Budget) {
		return fmt.Sprintf("left out: to calibrate other cases took the part of the budget of %v that there is for it", r.Budget)
	}
	if r.extra(s) && r.over(s) {
		return fmt.Sprintf("left out: %d results of other cases take the budget of %v", r.Count, r.Budget)
	}
	return ""
}

// over reports whether the blocks of what is calibrated take so long that a
// case beyond the first of its workload is not to be one of them.
func (r *Run) over(s *caseState) bool {
	var block, same, before time.Duration
	for _, c := range r.cases {
		cost := r.costAt(c, r.leastBenchtime())
		if c.excluded || c.N == 0 || cost > r.dear() && !c.back { // what is dear may go yet
			continue
		}
		block += cost
		if like := r.likes[c.CalibratedCase.Case]; like.N > 0 {
			same, before = same+r.cost(c), before+r.cost(&caseState{CalibratedCase: like})
		}
	}
	room := r.left() - r.pauses()
	if s.back {
		room = time.Duration(backShare * float64(room))
		for _, c := range r.backWith(s) {
			if c.N == 0 { // it takes longer than it did if the others do
				was := r.cost(&caseState{CalibratedCase: r.likes[c.CalibratedCase.Case]})
				block += time.Duration(float64(was) * float64(max(same, 1)) / float64(max(before, 1)))
			}
		}
	}
	return time.Duration(r.Count)*block > room
}

// backWith returns the cases of a group that the earlier run left out.
func (r *Run) backWith(s *caseState) (cells []*caseState) {
	for _, c := range r.cases {
		if c.back && s.back && !c.excluded && groupOf(c.Case) == groupOf(s.Case) {
			cells = append(cells, c)
		}
	}
	return cells
}

// patience returns how long a call may take before the blocks: a case that
// takes longer is too dear. It is 0 without a budget.
func (r *Run) patience() time.Duration {
	if r.Budget <= 0 {
		return 0
	}
	return max(2*r.dear(), leastPatience)
}

// afford leaves a case out after its call if it took too long.
func (r *Run) afford(s *caseState, err error) {
	switch {
	case errors.Is(err, r.tooLong):
		s.Overhead = r.patience()
		for _, c := range r.cases {
			if anyBuild(c.Case) == anyBuild(s.Case) && !c.excluded {
				r.leave(c, r.tooLong.Reason)
			}
		}
	case s.back && err == nil && r.over(s):
		for _, c := range r.backWith(s) {
			r.leave(c, fmt.Sprintf("left out, as in the run before: %d results of other cases take the budget of %v", r.Count, r.Budget))
		}
	}
}
