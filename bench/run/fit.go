package run

import (
	"fmt"
	"time"
)

// Of what is left of the budget, headroom is the part that fit leaves free, as
// blocks may take longer than the calibrating pass says. A run with the N of an
// earlier one leaves none: it would rather keep N.
const headroom = 0.08

// likeGrows is how much longer, as a factor, the bench time would have to be
// for the N of the run before to be given up: that may have had less time.
const likeGrows = 2.5

// fit gives every case its N, for the longest bench time with which the blocks
// keep the budget. It returns an error if not even one of them does.
func (r *Run) fit() error {
	r.settle()
	if r.Budget <= 0 {
		return nil
	}
	was, left := r.Benchtime, r.left()-r.pauses()
	r.leaveBefore(left)
	longest := r.longest(time.Duration((1 - headroom) * float64(left)))
	grown := r.Like == nil || !r.Like.Chosen && len(r.leftOut) == 0 && float64(longest) > likeGrows*float64(was)
	if grown || r.blockCost()*time.Duration(r.Count) > left {
		r.Benchtime = longest
		r.settle()
	}
	if r.Benchtime < r.asked && (r.Like == nil || r.Benchtime < was) {
		r.note(fmt.Sprintf("bench time cut from %v to %v per result, to stay within the budget of %v", was, r.Benchtime, r.Budget))
	}
	switch block := r.blockCost(); {
	case block > left:
		for _, l := range r.leftOut {
			block += r.cost(&caseState{CalibratedCase: l.known})
		}
		return r.tooSmall(len(r.cases), r.spent()+r.pauses()+block*time.Duration(r.Count))
	case block*time.Duration(r.Count) > left:
		r.note(fmt.Sprintf("the budget of %v holds about %d of %d results per case", r.Budget, left/block, r.Count))
	}
	return nil
}

// longest returns the longest bench time that was asked for or is below, with
// which all blocks take no more than that.
func (r *Run) longest(all time.Duration) time.Duration {
	benchtime := r.asked
	for benchtime > minBenchtime && r.blocksAt(benchtime) > all {
		benchtime = shorter(benchtime)
	}
	return benchtime
}

// settle gives every case the N for the bench time.
func (r *Run) settle() {
	for _, s := range r.cases {
		if !s.excluded && s.N > 0 {
			s.scale(r.opsFor(s, r.Benchtime))
		}
	}
}

// opsFor returns the N of a case at a bench time. Where it has that of an
// earlier run, it goes by what that one knew alone: what this run has measured
// differs from what the next will.
func (r *Run) opsFor(s *caseState, benchtime time.Duration) int {
	if n := s.like.N; n > 0 {
		if benchtime != r.Like.Benchtime {
			n = ops(max(float64(s.like.Timed)/float64(n), float64(s.like.Op)), benchtime, s.Batch, r.longLaps())
		}
		if r.suits(s, n, benchtime) {
			return n
		}
	}
	return ops(s.length(), benchtime, s.Batch, r.longLaps())
}
