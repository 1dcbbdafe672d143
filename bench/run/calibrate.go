package run

import (
	"cmp"
	"context"
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

// scale gives the case another N.
func (s *caseState) scale(n int) {
	s.Timed = time.Duration(s.length() * float64(n))
	s.N = n
}

// length returns the length of an op in nanoseconds; it may be less than one.
func (s *caseState) length() float64 { return float64(s.Timed) / float64(s.N) }

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
