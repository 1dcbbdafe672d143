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
	Exec       Executor
	Log        *Log
	Checkpoint *Checkpoint // of a resumed run; may be nil
	Observe    Observer
	Now        func() time.Time                // nil is time.Now
	Canary     func() time.Duration            // nil is [Canary]
	Steal      func() (percent func() float64) // nil is [Steal]

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
	excluded bool          // failed or void
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
		if r.Checkpoint != nil {
			past := r.Checkpoint.Cases[c.String()]
			s.excluded = past.Failed || past.Void
			r.stats.Failed += count(past.Failed)
			r.stats.Void += count(past.Void)
		}
		r.cases = append(r.cases, s)
		r.index[c] = s
	}
	r.stats.Cases = len(cases)
	r.base = r.Canary()
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
	for _, b := range p.Blocks {
		r.base = min(r.base, time.Duration(b.CanaryBase))
		r.stats.Repeated += count(b.Attempt > 1)
	}
	r.stats.Repeated += count(p.OpenBlock.Attempt > 1)
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
		s.excluded = s.excluded || c.N == 0
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
