package run

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strings"
	"time"

	"switchyard/bench/benchlog"
)

// calibrate finds N for every case, in random order, unless an earlier part of
// the run has. This pass is discarded; it shows failures early.
func (r *Run) calibrate(ctx context.Context) error {
	if r.Checkpoint != nil && r.Checkpoint.Calibration != nil {
		return nil
	}
	r.takeOver()
	r.scouted = make(map[benchlog.Case]*trial)
	order := r.order(0)
	if r.Budget > 0 {
		r.byImportance(order)
	}
	var last *caseState
	full := "" // why the group is left out
	for _, c := range order {
		s := r.index[c]
		if s.excluded {
			continue
		}
		if last == nil || groupOf(last.Case) != groupOf(c) || last.back != s.back {
			last, full = s, r.noRoom(s)
		}
		if full != "" {
			r.leave(s, full)
			continue
		}
		r.step("calibrate", c)
		err := r.find(ctx, s, r.likes[c.String()])
		if r.afford(s, err); err != nil && !s.excluded {
			if err := r.drop(ctx, s, "calibrate", err); err != nil {
				return err
			}
		}
	}
	if err := r.refine(ctx); err != nil {
		return err
	}
	if err := r.fit(); err != nil {
		return err
	}
	r.compareN()
	if err := r.noteLeftOut(ctx); err != nil {
		return err
	}
	cal := benchlog.Calibration{Benchtime: r.Benchtime, Spent: r.spent()}
	for _, l := range r.leftOut {
		cal.LeftOut = append(cal.LeftOut, l.known)
	}
	for _, s := range r.cases {
		if !s.excluded {
			cal.Cases = append(cal.Cases, s.CalibratedCase)
		}
	}
	return r.Log.note(cal)
}

// takeOver takes over what the earlier run knew.
func (r *Run) takeOver() {
	r.likes = make(map[string]benchlog.CalibratedCase)
	if r.Like == nil {
		return
	}
	r.Benchtime = r.Like.Benchtime
	for _, c := range r.Like.Cases {
		r.likes[c.Case] = c
	}
	if r.Budget <= 0 {
		return
	}
	for _, c := range r.Like.LeftOut {
		r.likes[c.Case] = c
		if s := r.index[benchlog.ParseCase(c.Case)]; s != nil {
			s.back = true
		}
	}
}

// find learns how long the ops and the calls of a case take, and how many ops a
// result needs: as many as in the earlier run, if that suits.
func (r *Run) find(ctx context.Context, s *caseState, like benchlog.CalibratedCase) error {
	if s.back {
		like.N = 0
	}
	if like.N > 0 {
		s.Batch = like.Batch
		n := r.enough(s, like)
		err := r.probe(ctx, s, Invocation{Case: s.Case, N: n, Op: like.Op, Benchtime: r.Benchtime}, r.cost(&caseState{CalibratedCase: like}))
		if err != nil {
			return err
		}
		if r.suits(s, like.N, r.Benchtime) {
			s.like = like
			if n < like.N {
				s.scale(like.N)
			}
			return nil
		}
	}
	if err := r.probe(ctx, s, Invocation{Case: s.Case, Benchtime: r.Benchtime}, 0); err != nil || like.N == 0 {
		return err
	}
	if r.suits(s, like.N, r.Benchtime) { // a disturbed call is no reason to give it up
		s.like = like
		s.scale(like.N)
	}
	return nil
}

// enough returns how many ops of an earlier run's N tell how long one takes:
// one lap, or a tenth, does where all of them take long.
func (r *Run) enough(s *caseState, like benchlog.CalibratedCase) int {
	if r.share == 0 || like.Timed < costlyShares*r.share || r.info(s.Case.Workload).ByLatency() {
		return like.N
	}
	return min(like.N, max(like.Batch, (like.N/leastBatches+like.Batch-1)/like.Batch*like.Batch))
}

// scale gives the case another N.
func (s *caseState) scale(n int) {
	s.Timed = time.Duration(s.length() * float64(n))
	s.N = n
}

// length returns the length of an op in nanoseconds; it may be less than one.
func (s *caseState) length() float64 { return float64(s.Timed) / float64(s.N) }

// likeWithin is how far the length of a result may be from the bench time, as a
// factor, where N is that of an earlier run. It is wide: N is what makes two
// runs comparable, and the length of an op that one call finds is often half as
// much again as another's.
const likeWithin = 4

// suits reports whether N, which an earlier run had, is still a good one. Laps
// may take twice as long as those that the run finds itself.
func (r *Run) suits(s *caseState, n int, benchtime time.Duration) bool {
	timed := s.length() * float64(n)
	return n >= leastOps(likeWithin*s.length(), s.Batch, r.longLaps()) && timed*likeWithin >= float64(benchtime) &&
		(timed <= likeWithin*float64(benchtime) || n <= leastOps(s.length()/2, s.Batch, r.longLaps()))
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

// probe calls the runner once, and learns from it.
func (r *Run) probe(ctx context.Context, s *caseState, in Invocation, expected time.Duration) error {
	if patience := r.patience(); patience > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, patience, r.tooLong)
		defer cancel()
	}
	began := r.Now()
	out, err := r.exec(ctx, in, expected)
	if err != nil {
		return err
	}
	s.N, s.Op, s.Timed, s.Batch = out.N, out.Op, out.Elapsed, cmp.Or(out.Batch, s.Batch, 1)
	if took := r.Now().Sub(began); in.N > 0 {
		s.Overhead = max(took-timed(out.Elapsed), startUp)
	} else {
		s.Overhead = overhead(took, out, r.Benchtime)
	}
	return nil
}

// timed returns how long a runner measures, with the warm-up of a tenth.
func timed(result time.Duration) time.Duration { return result * 11 / 10 }

// spent returns how much of the budget is used, by an earlier part of the run
// too.
func (r *Run) spent() time.Duration { return r.Now().Sub(r.began) }

// reserve is the part of a budget that is not planned with.
const reserve = 0.03

// left returns how much of the budget may still be used.
func (r *Run) left() time.Duration {
	return time.Duration(float64(r.Budget)*(1-reserve)) - r.spent()
}

// startUp is about what it costs to start a runner and to read its result.
const startUp = 4 * time.Millisecond

// overhead estimates what a measuring call takes beside the measured time: a
// warm-up and a measurement set up and tear down once each, as every pass of
// the calibration did.
func overhead(took time.Duration, out Output, benchtime time.Duration) time.Duration {
	passes, timed := out.Passes, out.Timed
	if passes == 0 { // a runner that does not say: assume little
		passes, timed = 4, benchtime*13/10
	}
	return max(took-timed-startUp, 0)*2/time.Duration(passes) + startUp
}

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

// blocksAt estimates what all blocks take at a bench time.
func (r *Run) blocksAt(benchtime time.Duration) (all time.Duration) {
	for _, s := range r.cases {
		if !s.excluded {
			all += time.Duration(r.Count) * r.costAt(s, benchtime)
		}
	}
	return all
}

// settle gives every case the N for the bench time.
func (r *Run) settle() {
	for _, s := range r.cases {
		if !s.excluded && s.N > 0 {
			s.scale(r.opsFor(s, r.Benchtime))
		}
	}
}

// compareN says what of the earlier run's N was not taken over.
func (r *Run) compareN() {
	if r.Like == nil {
		return
	}
	var differ, missing []string
	kept := 0
	for _, s := range r.cases {
		switch name := s.Case.String(); {
		case s.excluded, s.Refined:
		case r.likes[name].N == s.N:
			kept++
		case r.likes[name].N > 0:
			differ = append(differ, fmt.Sprintf("%s (%d, was %d)", name, s.N, r.likes[name].N))
		default:
			missing = append(missing, name)
		}
	}
	r.note(fmt.Sprintf("%s the N of the run of %s, at a bench time of %v", have(kept), r.Like.Started, r.Benchtime))
	for _, l := range []struct {
		what  string
		names []string
	}{{"another N, as their ops or the budget have changed", differ}, {"no N there", missing}} {
		if len(l.names) > 0 {
			r.note(fmt.Sprintf("%s %s: %s", have(len(l.names)), l.what, some(l.names)))
		}
	}
}

// some lists the first names of many; bench.txt has the N of all.
func some(names []string) string {
	const most = 5
	if more := len(names) - most; more > 1 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}

func have(cases int) string {
	if cases == 1 {
		return "1 case has"
	}
	return fmt.Sprintf("%d cases have", cases)
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
