package run

import (
	"context"
	"fmt"
	"time"

	"switchyard/bench/benchlog"
	"switchyard/bench/host"
)

// blocks passes over the cases Count times, from where an earlier part of the
// run stopped.
func (r *Run) blocks(ctx context.Context) error {
	at := benchlog.BlockStart{Block: 1, Attempt: 1}
	if p := r.Checkpoint; p != nil {
		switch {
		case p.OpenBlock.Block > 0:
			at = p.OpenBlock
		case len(p.Blocks) > 0:
			at = r.after(p.Blocks[len(p.Blocks)-1])
		}
	}
	for at.Block <= r.Count {
		done, err := r.block(ctx, at.Block, at.Attempt)
		if err != nil {
			return err
		}
		at = r.after(done)
	}
	return nil
}

// after returns what comes after a block: the same again if it was disturbed,
// and as long as repeats and budget last, else the next.
func (r *Run) after(b benchlog.BlockNote) benchlog.BlockStart {
	if !b.Disturbed || r.stats.Repeated >= r.Repeats || !r.timeFor(r.Count-b.Block+1) {
		return benchlog.BlockStart{Block: b.Block + 1, Attempt: 1}
	}
	r.stats.Repeated++
	r.note(fmt.Sprintf("block %d was disturbed by something else on the machine; it is run again", b.Block))
	return benchlog.BlockStart{Block: b.Block, Attempt: b.Attempt + 1}
}

// timeFor reports whether the budget holds n more blocks.
func (r *Run) timeFor(n int) bool {
	if r.Budget <= 0 {
		return true
	}
	var one time.Duration
	for _, s := range r.cases {
		if !s.excluded {
			one += r.cost(s)
		}
	}
	return r.Budget-r.spent() > time.Duration(n)*one
}

// cost estimates what a result of a case takes, with the warm-up of a tenth.
func (r *Run) cost(s *caseState) time.Duration {
	return s.overhead + max(r.Benchtime, s.op)*11/10
}

// block measures every case once and returns the note that it has logged.
func (r *Run) block(ctx context.Context, block, attempt int) (end benchlog.BlockNote, err error) {
	resumed := r.Checkpoint != nil && r.Checkpoint.OpenBlock.Block == block && r.Checkpoint.OpenBlock.Attempt == attempt
	if !resumed {
		if err := r.Log.note(benchlog.BlockStart{Block: block, Attempt: attempt, Spent: r.spent()}); err != nil {
			return end, err
		}
	}
	steal, before := r.Steal(), r.canary()
	pass := uint64(block)<<8 | uint64(attempt)
	phase := fmt.Sprintf("block %d of %d", block, r.Count)
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
		r.step(phase, c)
		if err := r.measure(ctx, s, phase); err != nil {
			return end, err
		}
	}
	end = benchlog.BlockNote{
		BlockStart: benchlog.BlockStart{Block: block, Attempt: attempt, Spent: r.spent()},
		Benchtime:  r.Benchtime, Steal: steal(), Load1: host.This("").Load1(),
	}
	after := r.canary()
	end.Canary = []int64{int64(before), int64(after)}
	end.CanaryBase = int64(r.base)
	end.Disturbed = end.Slowdown() > benchlog.CanaryDisturbs || end.Steal > benchlog.StealDisturbs
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
	out, err := r.exec(ctx, Invocation{Case: s.Case, N: s.n, Op: s.op, Benchtime: r.Benchtime})
	if err != nil {
		return r.drop(ctx, s, phase, err)
	}
	r.stats.Results++
	return r.Log.Result(s.Case, out, began, r.Now().Sub(began))
}

// exec calls the runner under the case's deadline.
func (r *Run) exec(ctx context.Context, in Invocation) (Output, error) {
	if err := ctx.Err(); err != nil {
		return Output{}, context.Cause(ctx)
	}
	hung := fmt.Errorf("no result within %v: killed", r.Deadline)
	ctx, cancel := context.WithTimeoutCause(ctx, r.Deadline, hung)
	defer cancel()
	return r.Exec.Run(ctx, in)
}
