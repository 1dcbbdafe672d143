package run

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// blocks passes over the cases, from where an earlier part of the run stopped.
func (r *Run) blocks(ctx context.Context) error {
	var at benchlog.BlockStart
	more := true
	if p := r.Checkpoint; p != nil && p.OpenBlock.Block > 0 {
		at = p.OpenBlock
	} else {
		at, more = r.next()
	}
	for more {
		if err := r.sitting(ctx, at.Session); err != nil {
			return err
		}
		done, err := r.block(ctx, at)
		if err != nil {
			return err
		}
		r.past = append(r.past, done)
		if at, more = r.next(); more && at.Attempt == 1 {
			if err := r.leaveAfter(ctx, at.Block); err != nil {
				return err
			}
		}
	}
	return nil
}

// next returns the block to measure, and whether there is one. As long as
// repeats and budget last, a block that was disturbed comes again: at once, or
// in the end if it is only then known to have been. What a budget that has cut
// the bench time has left after that goes into more blocks.
func (r *Run) next() (at benchlog.BlockStart, more bool) {
	benchlog.JudgeBlocks(r.past)
	attempts, quiet := make(map[int]int), make(map[int]bool)
	highest, last := 0, 0
	for _, b := range r.past {
		highest, last = max(highest, b.Block), b.Block
		attempts[b.Block] = max(attempts[b.Block], b.Attempt)
		quiet[b.Block] = quiet[b.Block] || !b.Disturbed
	}
	again := func(block int) bool {
		if block == 0 || quiet[block] || r.stats.Repeated >= r.Repeats || !r.timeFor(max(r.Count-highest, 0)+1) {
			return false
		}
		r.stats.Repeated++
		r.note(fmt.Sprintf("block %d was disturbed by something else on the machine; it is run again", block))
		at = benchlog.BlockStart{Block: block, Attempt: attempts[block] + 1, Session: r.session}
		return true
	}
	if again(last) {
		return at, true
	}
	if highest >= r.Count {
		for block := 1; block <= r.Count; block++ {
			if again(block) {
				return at, true
			}
		}
	}
	at = benchlog.BlockStart{Block: highest + 1, Attempt: 1, Session: r.sessionOf(highest + 1)}
	return at, (at.Block <= r.Count || r.filling()) && r.anyFits()
}

// sessionOf returns the session of a block: each has about as many. Where a
// budget does not hold a pause and the block, the session goes on.
func (r *Run) sessionOf(block int) int {
	session := 1 + (min(block, r.Count)-1)*max(r.Sessions, 1)/r.Count
	if session > r.session && r.Budget > 0 && r.left() < sessionPause+r.blockCost() {
		return r.session
	}
	return session
}

// sessionPause is how long the machine is left alone between two sessions.
const sessionPause = 5 * time.Second

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// sitting begins a new session if the block is of one: after a pause, with
// another base for its canaries.
func (r *Run) sitting(ctx context.Context, session int) error {
	if session <= r.session {
		return nil
	}
	r.Pause(ctx, sessionPause)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.session, r.base = session, r.Canary()
	return nil
}

// filling reports whether what is left of the budget goes into more blocks than
// were asked for: they were shortened for it, or others left out.
func (r *Run) filling() bool {
	return r.Budget > 0 && (r.Benchtime < r.asked || len(r.leftOut) > 0)
}

// block measures every case once that the budget holds, and returns the note
// that it has logged.
func (r *Run) block(ctx context.Context, at benchlog.BlockStart) (end benchlog.BlockNote, err error) {
	resumed := r.Checkpoint != nil && r.Checkpoint.OpenBlock.Block == at.Block && r.Checkpoint.OpenBlock.Attempt == at.Attempt
	if !resumed {
		at.Spent = r.spent()
		if err := r.Log.note(at); err != nil {
			return end, err
		}
	}
	since, before := r.Watch(), r.canary()
	pass := uint64(at.Block)<<8 | uint64(at.Attempt)
	phase := fmt.Sprintf("block %d of %d", at.Block, max(at.Block, r.Count))
	var took, expected time.Duration
	var group benchlog.Case // that is measured or left out as a whole
	var fits bool
	for _, c := range r.order(pass) {
		s := r.index[c]
		if s.excluded {
			continue
		}
		if resumed {
			if _, have := r.Checkpoint.current[c.String()]; have {
				continue
			}
		}
		if group != anyBuild(c) {
			group, fits = anyBuild(c), r.fits(c)
		}
		if !fits {
			continue
		}
		r.step(phase, c)
		began := r.Now()
		if err := r.measure(ctx, s, phase); err != nil {
			return end, err
		}
		took, expected = took+r.Now().Sub(began), expected+r.cost(s)
	}
	end = benchlog.BlockNote{BlockStart: at, Benchtime: r.Benchtime, Noise: since()}
	if end.Spent = r.spent(); expected > 0 {
		r.pace *= float64(took) / float64(expected)
	}
	end.Pace = r.pace
	end.Canary = []int64{int64(before), int64(r.canary())}
	end.CanaryBase = int64(r.base)
	one := []benchlog.BlockNote{end}
	benchlog.JudgeBlocks(one)
	end.Disturbed = one[0].Disturbed
	return end, r.Log.note(end)
}

func (r *Run) order(pass uint64) []benchlog.Case {
	var cases []benchlog.Case
	for _, s := range r.cases {
		cases = append(cases, s.Case)
	}
	return together(shuffled(cases, r.Seed, pass))
}

func (r *Run) canary() time.Duration {
	d := r.Canary()
	r.base = min(r.base, d)
	return d
}

// measure takes one result and logs it.
func (r *Run) measure(ctx context.Context, s *caseState, phase string) error {
	began := r.Now()
	out, err := r.exec(ctx, Invocation{Case: s.Case, N: s.N, Op: s.Op, Benchtime: r.Benchtime}, r.cost(s))
	var void *bench.VoidError
	if errors.As(err, &void) && s.results > 0 && r.info(s.Case.Workload).Open && ctx.Err() == nil {
		// The case can be measured: this time something else kept the load from
		// being the intended one.
		r.note(fmt.Sprintf("%s has no result in %s: %s", s.Case, phase, void.Reason))
		return nil
	}
	if err != nil {
		return r.drop(ctx, s, phase, err)
	}
	s.results++
	r.stats.Results++
	return r.Log.Result(s.Case, out, began, r.Now().Sub(began))
}

// patience is how many times as long as expected a call may take. Where nothing
// is known of the case yet, and nobody has said when to give it up, it has
// firstPatience times the deadline: to start and end a million units takes up
// to a minute and a half on two busy CPUs.
const (
	patience      = 4
	firstPatience = 6
)

// exec calls the runner. A call that takes more than the deadline has hung,
// unless it was expected to take long: it has to do ten laps or rounds if it
// can, and one of a million units takes seconds.
func (r *Run) exec(ctx context.Context, in Invocation, expected time.Duration) (Output, error) {
	if err := ctx.Err(); err != nil {
		return Output{}, context.Cause(ctx)
	}
	deadline := max(r.Deadline, patience*expected)
	if expected == 0 && r.Deadline == usualDeadline(r.asked) {
		deadline *= firstPatience
	}
	hung := fmt.Errorf("no result within %v: killed", deadline)
	ctx, cancel := context.WithTimeoutCause(ctx, deadline, hung)
	defer cancel()
	out, err := r.Exec.Run(ctx, in)
	r.scout(in.Case, out, err)
	return out, err
}
