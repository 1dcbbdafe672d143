package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// A Config says what to measure and for how long. Of the header's fields zero
// Models are all that are declared, zero Lanes {1}, a zero Count is
// benchlog.MinResults, a zero Benchtime 50 ms, a zero Deadline 20 s and 20
// bench times.
type Config struct {
	benchlog.Header
	Declared  []benchlog.ModelInfo // what the models are, in the order of every table
	Workloads []benchlog.WorkloadInfo
}

// chosen returns the declarations of the models that are measured.
func (c Config) chosen() []benchlog.ModelInfo {
	return slices.DeleteFunc(slices.Clone(c.Declared), func(m benchlog.ModelInfo) bool {
		return !slices.Contains(c.Models, m.Name)
	})
}

// An Executor measures one result; [Runners] are the real one.
type Executor interface {
	Run(context.Context, Invocation) (Output, error)
}

// An Observer is told how the run goes on. Total is how many runner calls are
// planned now; it changes when cases fail or blocks are repeated.
type Observer interface {
	Step(done, total int, phase string, c benchlog.Case)
	Note(text string)
}

// Stats sum up a finished or interrupted run.
type Stats struct {
	Cases    int // that were planned
	Results  int // measured, an earlier part of a resumed run included
	Failed   int // cases
	Void     int // cases
	Repeated int // blocks that were disturbed and run again
	Bench    time.Duration
}

// Run measures: a calibrating pass over all cases, then blocks.
type Run struct {
	Config
	Exec    Executor
	Log     *Log
	Past    *Past // of a resumed run; may be nil
	Observe Observer
	Now     func() time.Time                // nil is time.Now
	Canary  func() time.Duration            // nil is [Canary]
	Steal   func() (percent func() float64) // nil is [Steal]

	began time.Time
	cases []*caseState
	index map[benchlog.Case]*caseState
	stats Stats
	base  time.Duration // quietest canary
	done  int
}

type caseState struct {
	benchlog.Case
	n        int
	op       time.Duration
	overhead time.Duration // of a runner call, besides the measured time
	out      bool          // failed or void
}

// minBenchtime is how far a budget may shrink the bench time.
const minBenchtime = 2 * time.Millisecond

func (r *Run) defaults() {
	if len(r.Models) == 0 {
		for _, m := range r.Declared {
			r.Models = append(r.Models, m.Name)
		}
	}
	if len(r.Lanes) == 0 {
		r.Lanes = []int{1}
	}
	if r.Count == 0 {
		r.Count = benchlog.MinResults
	}
	if r.Benchtime == 0 {
		r.Benchtime = 50 * time.Millisecond
	}
	if r.Deadline == 0 {
		r.Deadline = 20*time.Second + 20*r.Benchtime
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Canary == nil {
		r.Canary = Canary
	}
	if r.Steal == nil {
		r.Steal = Steal
	}
}

// Do runs until everything is measured, ctx ends, or the results cannot be
// written. A failed case is not an error: it is in the log and in the stats.
func (r *Run) Do(ctx context.Context) (Stats, error) {
	r.defaults()
	r.began = r.Now()
	if err := r.prepare(); err != nil {
		return r.stats, err
	}
	err := r.calibrate(ctx)
	if err == nil {
		err = r.blocks(ctx)
	}
	r.stats.Bench = r.Benchtime
	return r.stats, err
}

// prepare lists the cases and takes over what an earlier part of the run knew.
func (r *Run) prepare() error {
	cases, absent := plan(r.Workloads, r.Models, r.Lanes)
	r.index = make(map[benchlog.Case]*caseState)
	for _, c := range cases {
		s := &caseState{Case: c}
		if r.Past != nil {
			past := r.Past.Cases[c.String()]
			s.out = past.Failed || past.Void
			r.stats.Failed += count(past.Failed)
			r.stats.Void += count(past.Void)
		}
		r.cases = append(r.cases, s)
		r.index[c] = s
	}
	r.stats.Cases = len(cases)
	r.base = r.Canary()
	if r.Past != nil {
		r.goOn()
	}
	return r.skip(absent)
}

// goOn restores what the first part of an interrupted run knew.
func (r *Run) goOn() {
	p := r.Past
	r.began = r.began.Add(-p.spent())
	r.stats.Results, r.done = len(p.Results), len(p.Results)
	for _, b := range p.Blocks {
		r.base = min(r.base, time.Duration(b.CanaryBase))
		r.stats.Repeated += count(b.Attempt > 1)
	}
	r.stats.Repeated += count(p.Begun.Attempt > 1)
	if p.Calibration == nil {
		return
	}
	r.Benchtime = p.Calibration.Benchtime
	known := make(map[string]benchlog.CalibratedCase)
	for _, c := range p.Calibration.Cases {
		known[c.Case] = c
	}
	for _, s := range r.cases {
		c := known[s.Case.String()]
		s.n, s.op, s.overhead = c.N, c.Op, c.Overhead
		s.out = s.out || c.N == 0
		r.done++
		if _, have := p.current[s.Case.String()]; have {
			r.began = r.began.Add(-r.cost(s)) // since the block began
		}
	}
}

// skip logs the cells that cannot be measured, if that was not done before.
func (r *Run) skip(absent map[benchlog.Case]string) error {
	var names []benchlog.Case
	for c := range absent {
		if r.Past == nil || !r.Past.Cases[c.String()].Void {
			names = append(names, c)
		}
	}
	sort.Slice(names, func(i, j int) bool { return names[i].String() < names[j].String() })
	for _, c := range names {
		if err := r.Log.Skip(c, absent[c]); err != nil {
			return err
		}
	}
	return nil
}

// calibrate finds N for every case, in random order, unless an earlier part of
// the run has. This pass is discarded; it shows failures early.
func (r *Run) calibrate(ctx context.Context) error {
	if r.Past != nil && r.Past.Calibration != nil {
		return nil
	}
	var todo []benchlog.Case
	for _, s := range r.cases {
		if !s.out {
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
		if !s.out {
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

// fit shrinks the bench time if the blocks would otherwise break the budget.
func (r *Run) fit() {
	if r.Budget <= 0 {
		return
	}
	var fixed, timed time.Duration
	for _, s := range r.cases {
		if !s.out {
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

// blocks passes over the cases Count times, from where an earlier part of the
// run stopped.
func (r *Run) blocks(ctx context.Context) error {
	at := benchlog.BlockStart{Block: 1, Attempt: 1}
	if p := r.Past; p != nil {
		switch {
		case p.Begun.Block > 0:
			at = p.Begun
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
		if !s.out {
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
	resumed := r.Past != nil && r.Past.Begun.Block == block && r.Past.Begun.Attempt == attempt
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
		if s.out {
			continue
		}
		if resumed {
			if _, have := r.Past.current[c.String()]; have {
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
		Benchtime:  r.Benchtime, Steal: steal(), Load1: load1(),
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
	return shuffled(cases, r.Seed, pass)
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

// drop logs a case that failed or is void and leaves it out from now on. If
// the run itself was cancelled, that is the error.
func (r *Run) drop(ctx context.Context, s *caseState, where string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.out = true
	var void *bench.VoidError
	if errors.As(err, &void) {
		r.stats.Void++
		return r.Log.Skip(s.Case, void.Reason)
	}
	r.stats.Failed++
	r.note(fmt.Sprintf("%s failed: %s", s.Case, firstLine(err.Error())))
	return r.Log.Fail(s.Case, where, err)
}

func (r *Run) step(phase string, c benchlog.Case) {
	if r.Observe == nil {
		return
	}
	live := 0
	for _, s := range r.cases {
		if !s.out {
			live++
		}
	}
	r.Observe.Step(r.done, live*(1+r.Count+r.stats.Repeated), phase, c)
	r.done++
}

func (r *Run) note(text string) {
	if r.Observe != nil {
		r.Observe.Note(text)
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Plan returns what the run will measure, with nothing left to defaults.
func (r *Run) Plan(started time.Time) Config {
	r.defaults()
	c := r.Config
	c.Format, c.Started = benchlog.Format, benchlog.Time{Time: started.UTC()}
	return c
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
