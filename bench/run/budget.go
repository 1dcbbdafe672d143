package run

import (
	"fmt"
	"math"
	"slices"
	"time"

	"switchyard/bench/benchlog"
)

// spent returns how much of the budget is used, by an earlier part of the run
// too.
func (r *Run) spent() time.Duration { return r.Now().Sub(r.began) }

// reserve is the part of a budget that is not planned with.
const reserve = 0.03

// left returns how much of the budget may still be used.
func (r *Run) left() time.Duration {
	return time.Duration(float64(r.Budget)*(1-reserve)) - r.spent()
}

// pauses returns how long the machine is left alone between sessions.
func (r *Run) pauses() time.Duration { return time.Duration(max(r.Sessions, 1)-1) * sessionPause }

// timeFor reports whether the budget holds n more blocks.
func (r *Run) timeFor(n int) bool {
	return r.Budget <= 0 || r.left() > time.Duration(n)*r.blockCost()
}

// blockCost estimates what a block takes.
func (r *Run) blockCost() (block time.Duration) {
	for _, s := range r.cases {
		if !s.excluded {
			block += r.cost(s)
		}
	}
	return block
}

// cost estimates what a result of a case takes, by how the last block went.
func (r *Run) cost(s *caseState) time.Duration {
	return time.Duration(r.pace * float64(s.Overhead+timed(s.Timed)))
}

// fits reports whether the budget holds one more result of the case, with all
// builds of it.
func (r *Run) fits(c benchlog.Case) bool {
	var all time.Duration
	for _, s := range r.cases {
		if !s.excluded && anyBuild(s.Case) == anyBuild(c) {
			all += r.cost(s)
		}
	}
	return r.Budget <= 0 || all <= r.left()
}

// anyFits reports whether the budget holds one more result.
func (r *Run) anyFits() bool {
	return r.Budget <= 0 || slices.ContainsFunc(r.cases, func(s *caseState) bool { return !s.excluded && r.fits(s.Case) })
}

// costAt estimates what a result of a calibrated case takes at a bench time.
func (r *Run) costAt(s *caseState, benchtime time.Duration) time.Duration {
	if s.N == 0 {
		return 0
	}
	one := *s
	one.scale(r.opsFor(s, benchtime))
	return r.cost(&one)
}

// leastBenchtime returns how far the bench time is cut before cases go. The N
// of an earlier run stays: it is what makes both comparable.
func (r *Run) leastBenchtime() time.Duration {
	if r.Like != nil {
		return r.Benchtime
	}
	return min(minBenchtime, r.asked)
}

// blocksAt estimates what all blocks take at a bench time.
func (r *Run) blocksAt(benchtime time.Duration) (all time.Duration) {
	for _, s := range r.cases {
		if !s.excluded {
			all += time.Duration(r.Count) * r.costAt(s, benchtime)
		}
	}
	return all
}

// tooSmall returns the error of a budget that holds no block, with one that
// would do.
func (r *Run) tooSmall(cases int, need time.Duration) error {
	return fmt.Errorf("the budget of %v is too small for %d cases with %d results each: give it %v, or take fewer workloads, models or results",
		r.Budget, cases, r.Count, roundUp(need))
}

// roundUp returns a duration for readers, in whole seconds.
func roundUp(d time.Duration) time.Duration {
	return time.Duration(math.Ceil(d.Seconds())) * time.Second
}
