package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
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
// bench times. What is expected to take long has four times that instead, and
// what nothing is known of yet six times what a zero Deadline is.
type Config struct {
	benchlog.Header
	Like      *benchlog.Like       // an earlier run, whose N and bench time are taken over; may be nil
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
	Exec       Executor
	Log        *Log
	Checkpoint *Checkpoint // of a resumed run; may be nil
	Observe    Observer
	Now        func() time.Time                     // nil is time.Now
	Canary     func() time.Duration                 // nil is [Canary]
	Watch      func() (since func() benchlog.Noise) // nil is [Watch]
	Pause      func(context.Context, time.Duration) // nil waits

	began   time.Time
	asked   time.Duration // bench time, before the budget cut it
	cases   []*caseState
	index   map[benchlog.Case]*caseState
	stats   Stats
	past    []benchlog.BlockNote // of the run so far
	session int
	base    time.Duration // quietest canary of the session
	pace    float64       // of the last block, see [benchlog.BlockNote]
	done    int

	scouted map[benchlog.Case]*trial           // until refine has used it
	likes   map[string]benchlog.CalibratedCase // what an earlier run knew, by case

	ranks   map[benchlog.Case]int // of the plan's cases, by what groupOf returns
	share   time.Duration         // of the budget, for one result of a case
	leftOut []leftOut             // before the first block
	tooLong *bench.VoidError      // why a call of the calibrating pass was ended
}

type caseState struct {
	benchlog.Case
	benchlog.CalibratedCase
	results  int
	like     benchlog.CalibratedCase // what an earlier run knew, if its N suits
	excluded bool                    // failed or void
	back     bool                    // the earlier run left it out
}

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
		r.Deadline = usualDeadline(r.Benchtime)
	}
	if r.P99Limit == 0 {
		r.P99Limit = time.Millisecond
	}
	if r.Now == nil {
		r.Now = time.Now
	}
	if r.Canary == nil {
		r.Canary = Canary
	}
	if r.Watch == nil {
		r.Watch = Watch
	}
	if r.Pause == nil {
		r.Pause = pause
	}
}

// usualDeadline is that of a run whose results take so long.
func usualDeadline(benchtime time.Duration) time.Duration { return 20*time.Second + 20*benchtime }

// Do runs until everything is measured, ctx ends, or the results cannot be
// written. A failed case is not an error: it is in the log and in the stats.
func (r *Run) Do(ctx context.Context) (Stats, error) {
	r.defaults()
	r.began, r.asked = r.Now(), r.Benchtime
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

// Check returns an error if the budget cannot hold one case in all its models,
// whatever a calibrating pass would find. All are the workloads that the
// runners have: calling the one that measures the harness tells what a runner
// call costs.
func (r *Run) Check(ctx context.Context, all []benchlog.WorkloadInfo) error {
	r.defaults()
	if r.Budget <= 0 {
		return nil
	}
	cases, _ := plan(r.Workloads, r.Models, r.Lanes)
	fewest, of := len(cases), make(map[benchlog.Case]int)
	for _, c := range cases {
		of[groupOf(c)]++
	}
	for _, cells := range of {
		fewest = min(fewest, cells)
	}
	result := time.Duration(1+r.Count) * (r.callCost(ctx, all) + timed(minBenchtime))
	if r.pauses()+time.Duration(fewest)*result > r.Budget {
		return r.tooSmall(len(cases), r.pauses()+time.Duration(len(cases))*result)
	}
	return ctx.Err()
}

// callCost returns the cost of a runner call that measures next to nothing, the
// least of three.
func (r *Run) callCost(ctx context.Context, all []benchlog.WorkloadInfo) time.Duration {
	i := slices.IndexFunc(all, func(w benchlog.WorkloadInfo) bool { return w.Control && len(w.Models) > 0 })
	if i < 0 {
		return startUp
	}
	least := time.Duration(math.MaxInt64)
	for range 3 {
		began := r.Now()
		c := benchlog.Case{Workload: all[i].Name, Params: all[i].Cases[0], Model: all[i].Models[0], CPUs: 1}
		if _, err := r.exec(ctx, Invocation{Case: c, N: 1, Benchtime: minBenchtime}, startUp); err != nil {
			return startUp
		}
		least = min(least, r.Now().Sub(began))
	}
	return least
}

// prepare lists the cases and takes over what an earlier part of the run knew.
func (r *Run) prepare() error {
	cases, absent := plan(r.Workloads, r.Models, r.Lanes)
	r.index = make(map[benchlog.Case]*caseState)
	planned := len(cases)
	cases = append(cases, r.Checkpoint.refined(cases)...)
	for i, c := range cases {
		s := &caseState{Case: c, CalibratedCase: benchlog.CalibratedCase{Case: c.String(), Refined: i >= planned}}
		if r.Checkpoint != nil {
			past := r.Checkpoint.Cases[c.String()]
			s.results, s.excluded = past.Results, past.Failed || past.Void
			r.stats.Failed += count(past.Failed)
			r.stats.Void += count(past.Void)
		}
		r.cases = append(r.cases, s)
		r.index[c] = s
	}
	r.stats.Cases = len(cases)
	r.rank()
	if r.Budget > 0 {
		r.share = r.Budget / time.Duration(max(planned, 1)*r.Count)
		r.tooLong = &bench.VoidError{Reason: fmt.Sprintf("left out: to calibrate it takes more than %v of the budget of %v", brief(r.patience()), r.Budget)}
	}
	r.base, r.session, r.pace = r.Canary(), 1, 1
	if r.Checkpoint != nil {
		r.goOn()
	}
	return r.skip(absent)
}

// goOn restores what the first part of an interrupted run knew.
func (r *Run) goOn() {
	p := r.Checkpoint
	r.began = r.began.Add(-p.spent())
	r.stats.Results, r.done = len(p.Results), len(p.Results)
	r.past, r.Like = p.Blocks, p.Like
	for _, b := range p.Blocks {
		r.session, r.pace = b.Session, cmp.Or(b.Pace, 1)
		r.stats.Repeated += count(b.Attempt > 1)
	}
	r.stats.Repeated += count(p.OpenBlock.Attempt > 1)
	r.session = max(r.session, p.OpenBlock.Session)
	for _, b := range p.Blocks {
		if b.Session == r.session {
			r.base = min(r.base, time.Duration(b.CanaryBase))
		}
	}
	if p.Calibration == nil {
		return
	}
	r.Benchtime = p.Calibration.Benchtime
	for _, c := range p.Calibration.LeftOut {
		r.leftOut = append(r.leftOut, leftOut{known: c})
	}
	known := make(map[string]benchlog.CalibratedCase)
	for _, c := range p.Calibration.Cases {
		known[c.Case] = c
	}
	for _, s := range r.cases {
		c := known[s.Case.String()]
		if s.excluded = s.excluded || c.N == 0; c.N > 0 {
			s.CalibratedCase = c
		}
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
		if r.Checkpoint == nil || !r.Checkpoint.Cases[c.String()].Void {
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

// drop logs a case that failed or is void and leaves it out from now on. If
// the run itself was cancelled, that is the error.
func (r *Run) drop(ctx context.Context, s *caseState, where string, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	s.excluded = true
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
		if !s.excluded {
			live++
		}
	}
	blocks := r.Count
	for _, b := range r.past { // what is left of a budget goes into more
		blocks = max(blocks, b.Block+count(r.filling()))
	}
	r.Observe.Step(r.done, live*(1+blocks+r.stats.Repeated), phase, c)
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
