package run

import (
	"context"
	"fmt"
	"time"

	"switchyard/bench/benchlog"
)

// calibrate finds N for every case, in random order, unless an earlier part of
// the run has. This pass is discarded; it shows failures early.
func (r *Run) calibrate(ctx context.Context) error {
	if r.Checkpoint != nil && r.Checkpoint.Calibration != nil {
		return nil
	}
	var todo []benchlog.Case
	for _, s := range r.cases {
		if !s.excluded {
			todo = append(todo, s.Case)
		}
	}
	for _, c := range shuffled(todo, r.Seed, 0) {
		s := r.index[c]
		r.step("calibrate", c)
		began := r.Now()
		out, err := r.exec(ctx, Invocation{Case: c, Benchtime: r.Benchtime})
		if err != nil {
			if err := r.drop(ctx, s, "calibrate", err); err != nil {
				return err
			}
			continue
		}
		s.n, s.op = out.N, out.Op
		s.overhead = overhead(r.Now().Sub(began), out, r.Benchtime)
	}
	r.fit()
	cal := benchlog.Calibration{Benchtime: r.Benchtime, Spent: r.spent()}
	for _, s := range r.cases {
		if !s.excluded {
			cal.Cases = append(cal.Cases, benchlog.CalibratedCase{Case: s.Case.String(), N: s.n, Op: s.op, Overhead: s.overhead})
		}
	}
	return r.Log.note(cal)
}

// spent returns how much of the budget is used, by an earlier part of the run
// too.
func (r *Run) spent() time.Duration { return r.Now().Sub(r.began) }

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

// minBenchtime is how far a budget may shrink the bench time.
const minBenchtime = 2 * time.Millisecond

// fit shrinks the bench time if the blocks would otherwise break the budget.
func (r *Run) fit() {
	if r.Budget <= 0 {
		return
	}
	var fixed, timed time.Duration
	for _, s := range r.cases {
		if !s.excluded {
			fixed += s.overhead
			timed += max(r.Benchtime, s.op) * 11 / 10 // a tenth is warm-up
		}
	}
	left := r.Budget - r.spent() - time.Duration(r.Count)*fixed
	need := time.Duration(r.Count) * timed
	if need <= left || need == 0 {
		return
	}
	share := max(float64(left)/float64(need), float64(minBenchtime)/float64(r.Benchtime))
	if share >= 1 {
		return
	}
	for _, s := range r.cases {
		s.n = max(int(float64(s.n)*share), 1)
	}
	was := r.Benchtime
	r.Benchtime = time.Duration(float64(was) * share)
	r.note(fmt.Sprintf("bench time cut from %v to %v per result, to stay within the budget of %v",
		was, r.Benchtime.Round(100*time.Microsecond), r.Budget))
}
