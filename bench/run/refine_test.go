package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// crossExec is an executor whose models cross where it is told. A model other
// than serial has a price per op, and is then twice as fast.
type crossExec struct {
	clock    *fakeClock
	seed     uint64
	crossing map[benchlog.Model]float64 // in ns
	noise    float64                    // of an op's length, as a share
	capacity float64                    // of an open loop, in requests per second
	run      *Run
	calls    []Invocation
	blocks   []Invocation                // those of them that are of the blocks
	ops      map[benchlog.Case][]float64 // of the blocks
	tries    map[benchlog.Case]int       // before them
	stop     func(call int)
}

func (e *crossExec) Run(ctx context.Context, in Invocation) (Output, error) {
	e.calls = append(e.calls, in)
	if e.stop != nil {
		e.stop(len(e.calls))
	}
	if err := ctx.Err(); err != nil {
		return Output{}, context.Cause(ctx)
	}
	h := fnv.New64()
	measured := e.run.scouted == nil
	if measured {
		e.blocks = append(e.blocks, in)
	} else {
		e.tries[in.Case]++
	}
	fmt.Fprint(h, in.Case, in.N, e.seed, len(e.ops[in.Case]), e.tries[in.Case])
	noise := math.Exp(e.noise * rand.New(rand.NewPCG(h.Sum64(), 1)).NormFloat64())
	line := func(n int, op float64, more string) (Output, error) {
		e.clock.now = e.clock.now.Add(fakeOverhead + time.Duration(float64(n)*op*1.1))
		if measured {
			e.ops[in.Case] = append(e.ops[in.Case], op)
		}
		out, err := ReadOutput(in.Case, fmt.Sprintf("Benchmark%s\t%d\t%f ns/op%s\n", in.Case, n, op, more))
		out.Passes, out.Timed = 1, time.Duration(float64(n)*op)
		return out, err
	}
	if rate, ok := in.Case.Params.Size("rate"); ok {
		load := rate * noise / e.capacity
		if load >= 1 {
			return Output{}, bench.Void("saturated")
		}
		n := max(in.N, int(rate*in.Benchtime.Seconds()))
		return line(n, 1e9/rate, fmt.Sprintf("\t%f p99-ns", 1e5/(1-load)))
	}
	size, _ := in.Case.Params.Size("task")
	op := size
	if c, ok := e.crossing[in.Case.Model]; ok {
		op = c/2 + size/2
	}
	op *= noise
	return line(max(in.N, int(float64(in.Benchtime)/op), 1), op, "")
}

func crossWorkload() benchlog.WorkloadInfo {
	return benchlog.WorkloadInfo{
		Name: "Map", Op: "task", Story: "s", Models: []benchlog.Model{Serial, Goroutine, Process}, Refine: []string{"task"},
		Cases: []benchlog.Params{"task=1us/chunk=1", "task=10us/chunk=1", "task=100us/chunk=1", "task=1ms/chunk=1"},
	}
}

func openWorkload() benchlog.WorkloadInfo {
	return benchlog.WorkloadInfo{
		Name: "EchoOpen", Op: "request", Story: "s", Models: []benchlog.Model{Goroutine, Process}, Refine: []string{"rate"}, Open: true,
		Cases: []benchlog.Params{"conns=10/rate=1000", "conns=10/rate=64000"},
	}
}

// newCross plans a run of the workload, with everything faked.
func newCross(t *testing.T, dir string, w benchlog.WorkloadInfo, crossing map[benchlog.Model]float64, seed uint64) (*Run, *crossExec) {
	t.Helper()
	clock := &fakeClock{time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	e := &crossExec{clock: clock, seed: seed, crossing: crossing, noise: 0.02, capacity: 20_000, ops: make(map[benchlog.Case][]float64), tries: make(map[benchlog.Case]int)}
	models := []benchlog.ModelInfo{{Name: Serial, Note: "n", Baseline: true}, {Name: Goroutine, Note: "n"}, {Name: Process, Note: "n", Processes: true}}
	w.NA = make(map[benchlog.Model]string)
	for _, m := range models {
		if !slices.Contains(w.Models, m.Name) {
			w.NA[m.Name] = "none"
		}
	}
	r := &Run{
		Config: Config{Declared: models, Workloads: []benchlog.WorkloadInfo{w}, Header: benchlog.Header{
			Lanes: []int{2}, Count: 6, Benchtime: 50 * time.Millisecond, Seed: seed, CPUs: "0-1", Command: "test", Refine: 0.9,
		}},
		Exec: e, Now: clock.Now,
		Canary: func() time.Duration { return time.Millisecond },
		Watch:  func() func() benchlog.Noise { return func() benchlog.Noise { return benchlog.Noise{} } },
		Pause:  func(context.Context, time.Duration) {},
	}
	e.run = r
	if dir == "" {
		return r, e
	}
	var err error
	if r.Log, err = CreateLog(dir, r.Plan(clock.now), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Log.Close() })
	return r, e
}

// bracket returns the neighbouring sizes between which a model's median passes
// serial's, by the results of the blocks alone.
func (e *crossExec) bracket(m benchlog.Model) (lo, hi float64) {
	type point struct{ size, ratio float64 }
	var all []point
	for c, ops := range e.ops {
		serial := c
		serial.Model = Serial
		if c.Model == m && len(e.ops[serial]) == len(ops) {
			size, _ := c.Params.Size("task")
			all = append(all, point{size, median(e.ops[serial]) / median(ops)})
		}
	}
	slices.SortFunc(all, func(a, b point) int { return cmp.Compare(a.size, b.size) })
	for i := 1; i < len(all); i++ {
		if all[i-1].ratio < 1 && all[i].ratio > 1 {
			return all[i-1].size, all[i].size
		}
	}
	return 0, 0
}

// Wherever two models cross, the sizes of the blocks bracket it closely, and
// all have as many results.
func TestRefineBracketsCrossing(t *testing.T) {
	const seeds = 150
	missed, wide := 0, 0
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 2))
		at := func() float64 { return math.Exp(math.Log(1500) + rng.Float64()*math.Log(700e3/1500)) }
		crossing := map[benchlog.Model]float64{Goroutine: at(), Process: at()}
		r, e := newCross(t, t.TempDir(), crossWorkload(), crossing, seed)
		r.Refine = 10 // all that it needs
		stats, err := r.Do(t.Context())
		r.Log.Close()
		if err != nil {
			t.Fatal(err)
		}
		for m, truth := range crossing {
			lo, hi := e.bracket(m)
			if !(lo < truth && truth < hi) {
				missed++
			} else if hi/lo > bracketWidth {
				wide++
			}
		}
		results := 0
		for c, ops := range e.ops {
			results += len(ops)
			if len(ops) != r.Count {
				t.Errorf("seed %d: %s has %d results of %d", seed, c, len(ops), r.Count)
			}
		}
		if stats.Cases != len(e.ops) || stats.Results != results {
			t.Errorf("seed %d: %d cases with %d results, and the stats are %+v", seed, len(e.ops), results, stats)
		}
	}
	t.Logf("of %d crossings %d missed, %d wide", 2*seeds, missed, wide)
	if n := missed + wide; n > 2*seeds*5/100 {
		t.Errorf("of %d crossings %d are not in their bracket, and %d brackets are wide", 2*seeds, missed, wide)
	}
}

// Refining takes its share of the time and no more; what does not fit stays
// wide.
func TestRefineKeepsShare(t *testing.T) {
	crossing := map[benchlog.Model]float64{Goroutine: 2e3, Process: 40e3}
	took := func(share float64, budget time.Duration, repeats int) (time.Duration, int) {
		r, e := newCross(t, "", crossWorkload(), crossing, 1)
		r.Refine, r.Budget, r.Count = share, budget, repeats
		var err error
		if r.Log, err = CreateLog(t.TempDir(), r.Plan(e.clock.now), nil); err != nil {
			t.Fatal(err)
		}
		defer r.Log.Close()
		began := e.clock.now
		if _, err := r.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		return e.clock.now.Sub(began), len(e.ops) - 12
	}
	plain, added := took(0, 0, 6)
	if added != 0 {
		t.Errorf("a share of nothing added %d cases", added)
	}
	for _, share := range []float64{.05, .2, .5, .7, .9, 1.2, 1.4} {
		whole, added := took(share, 0, 6)
		if most := plain + time.Duration(1.02*share*float64(plain)); whole > most {
			t.Errorf("%.0f %%: %v with %d cases more, %v without: more than %v", 100*share, whole, added, plain, most)
		}
		if few := share < .3; few != (added == 0) {
			t.Errorf("%.0f %%: %d cases more", 100*share, added)
		}
	}
	for _, budget := range []time.Duration{2 * time.Second, 4 * time.Second, time.Hour} {
		if whole, added := took(.9, budget, 6); whole > budget*105/100 || added == 0 && budget == time.Hour {
			t.Errorf("a budget of %v: %v with %d cases more", budget, whole, added)
		}
	}
	if _, added := took(.9, 0, benchlog.MinResults-1); added != 0 {
		t.Errorf("%d cases were added to a run whose results show no difference", added)
	}
}

// The sizes that an interrupted run has added are those of the rest: its parts
// make the very calls of a run that was not interrupted.
func TestRefineResumes(t *testing.T) {
	interrupt := errors.New("interrupted")
	for _, w := range []benchlog.WorkloadInfo{crossWorkload(), openWorkload()} {
		crossing := map[benchlog.Model]float64{Goroutine: 2e3, Process: 40e3}
		// part runs until a call; it returns the calls of its blocks.
		part := func(dir string, stopAt int) ([]string, Stats, error) {
			r, e := newCross(t, "", w, crossing, 5)
			if w.Open { // whose blocks take time, of which refining has a share
				more := crossWorkload()
				more.Refine = nil
				r.Workloads = append(r.Workloads, more)
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			e.stop = func(call int) {
				if call > stopAt {
					cancel(interrupt)
				}
			}
			var err error
			if log, past, e := OpenLog(dir); e == nil {
				r.Log, r.Checkpoint, r.Header = log, past, past.Header
			} else {
				r.Log, err = CreateLog(dir, r.Plan(e0), nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			defer r.Log.Close()
			stats, err := r.Do(ctx)
			var blocks []string
			for _, in := range e.blocks {
				blocks = append(blocks, fmt.Sprint(in))
			}
			return blocks, stats, err
		}
		want, wantStats, err := part(filepath.Join(t.TempDir(), "whole"), math.MaxInt)
		if err != nil {
			t.Fatal(err)
		}
		for stopAt := 1; stopAt < len(want)+60; stopAt += 7 {
			dir := filepath.Join(t.TempDir(), "parts")
			var got []string
			var stats Stats
			err := interrupt
			for parts := 0; errors.Is(err, interrupt); parts++ {
				var calls []string
				if calls, stats, err = part(dir, stopAt+parts*40); parts > 40 {
					t.Fatalf("%s: interrupted at call %d: never ends", w.Name, stopAt)
				}
				got = append(got, calls...)
			}
			if err != nil || !slices.Equal(got, want) || stats != wantStats {
				t.Fatalf("%s: interrupted at call %d: %d calls in the blocks and %+v, error %v; want %d and %+v", w.Name, stopAt, len(got), stats, err, len(want), wantStats)
			}
		}
	}
}

// A run like an earlier one has the sizes that it added, where they still
// bracket the crossing, with its N, and hardly looks for others. Where models
// cross elsewhere by now, it finds its own.
func TestRefineLike(t *testing.T) {
	dir := t.TempDir()
	crossing := map[benchlog.Model]float64{Goroutine: 2e3, Process: 40e3}
	measured := func(e *crossExec) map[string]int {
		n := make(map[string]int)
		for _, in := range e.blocks {
			n[in.Case.String()] = in.N
		}
		return n
	}
	tries := func(r *Run, e *crossExec) (n int) { return len(e.calls) - len(e.blocks) - len(r.cases) }
	first, e1 := newCross(t, dir, crossWorkload(), crossing, 1)
	if _, err := first.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	first.Log.Close()
	like, _, err := LikeOf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(e1.ops) <= 12 {
		t.Fatal("nothing was added")
	}
	for seed := uint64(2); seed < 12; seed++ {
		again, e2 := newCross(t, t.TempDir(), crossWorkload(), crossing, seed)
		again.Like = like
		if _, err := again.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := measured(e2), measured(e1); !maps.Equal(got, want) {
			t.Errorf("seed %d: cases and N\n%v, want those of the first run,\n%v", seed, got, want)
		}
		if first, again := tries(first, e1), tries(again, e2); 3*again > 2*first {
			t.Errorf("seed %d: %d tries beside the cases, and the first run had %d", seed, again, first)
		}
	}
	moved, e3 := newCross(t, t.TempDir(), crossWorkload(), map[benchlog.Model]float64{Goroutine: 2e3, Process: 300e3}, 3)
	moved.Like, moved.Refine = like, 10
	if _, err := moved.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	for m, truth := range map[benchlog.Model]float64{Goroutine: 2e3, Process: 300e3} {
		if lo, hi := e3.bracket(m); lo > truth || hi < truth || hi/lo > bracketWidth {
			t.Errorf("%s crosses at %v, and the bracket is %v to %v", m, truth, lo, hi)
		}
	}
}

var e0 = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// The highest rate that keeps a limit is bracketed from both sides: by a rate
// that keeps it, with as many results as others, and by one that does not, or
// at which the model is saturated.
func TestRefineHighestRate(t *testing.T) {
	for _, tt := range []struct {
		limit time.Duration
		truth float64 // p99 is 100 us of an idle server, over the idle share
	}{{time.Millisecond, 18_000}, {200 * time.Microsecond, 10_000}, {time.Hour, 20_000}} {
		dir := t.TempDir()
		r, e := newCross(t, "", openWorkload(), nil, 3)
		r.P99Limit, e.noise = tt.limit, 0.002
		r.Workloads = append(r.Workloads, crossWorkload()) // whose blocks take time, of which refining has a share
		var err error
		if r.Log, err = CreateLog(dir, r.Plan(e.clock.now), nil); err != nil {
			t.Fatal(err)
		}
		_, err = r.Do(t.Context())
		r.Log.Close()
		if err != nil {
			t.Fatal(err)
		}
		file, err := readCheckpoint([]byte(readBench(t, dir)))
		if err != nil {
			t.Fatal(err)
		}
		lo, hi := 0.0, math.Inf(1)
		for name, past := range file.Cases {
			rate, _ := benchlog.ParseCase(name).Params.Size("rate")
			switch {
			case rate == 0:
			case rate < tt.truth && past.Results == r.Count:
				lo = max(lo, rate)
			case rate > tt.truth && (past.Void || past.Results == r.Count):
				hi = min(hi, rate)
			default:
				t.Errorf("limit %v: %s has %+v", tt.limit, name, past)
			}
		}
		if hi/lo > bracketWidth {
			t.Errorf("limit %v: %v to %v, want %v between rates that are close", tt.limit, lo, hi, tt.truth)
		}
	}
}

// What is compared with another build of the same cases is not refined.
func TestRefineNotBuilds(t *testing.T) {
	r, e := newCross(t, t.TempDir(), crossWorkload(), map[benchlog.Model]float64{Goroutine: 2e3, Process: 40e3}, 1)
	r.Builds = []benchlog.Build{{}, {}}
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(e.ops) != 12 {
		t.Errorf("%d cases, want the 12 of the plan", len(e.ops))
	}
}

// A workload that names nothing to refine has the sizes of the plan.
func TestRefineOnlyWhatIsDeclared(t *testing.T) {
	w := crossWorkload()
	w.Refine = nil
	r, e := newCross(t, t.TempDir(), w, map[benchlog.Model]float64{Goroutine: 2e3, Process: 40e3}, 1)
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(e.ops) != 12 {
		t.Errorf("%d cases, want the 12 of the plan", len(e.ops))
	}
}

// A load that was once not the intended one costs an open loop that result, and
// not the case; one that never is leaves the reason.
func TestOpenLoopVoidInBlock(t *testing.T) {
	for name, tt := range map[string]struct {
		void          func(block int) bool // of the lower rate
		results, skip int                  // of it
	}{
		"once":           {func(block int) bool { return block == 3 }, 5, 0},
		"never":          {func(int) bool { return false }, 6, 0},
		"from the first": {func(int) bool { return true }, 0, 1},
	} {
		w := openWorkload()
		w.Refine = nil
		dir := t.TempDir()
		r, e := newCross(t, dir, w, nil, 1)
		block := 0
		r.Exec = execFunc(func(ctx context.Context, in Invocation) (Output, error) {
			if rate, _ := in.Case.Params.Size("rate"); r.scouted == nil && rate == 1000 && in.Case.Model == Goroutine {
				if block++; tt.void(block) {
					return Output{}, bench.Void("the generator was late")
				}
			}
			return e.Run(ctx, in)
		})
		stats, err := r.Do(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		file, err := readCheckpoint([]byte(readBench(t, dir)))
		if err != nil {
			t.Fatal(err)
		}
		got := file.Cases["EchoOpen/conns=10/rate=1000/model=goroutine-2"]
		if got.Results != tt.results || count(got.Void) != tt.skip || stats.Void != 2+tt.skip { // the higher rate is, of both models
			t.Errorf("%s: %+v, stats %+v; want %d results and %d reasons", name, got, stats, tt.results, tt.skip)
		}
	}
}

// Models that are alike at every size do not cross, and cost no call.
func TestRefineNotTies(t *testing.T) {
	r, e := newCross(t, t.TempDir(), crossWorkload(), nil, 1)
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(e.ops) != 12 || len(e.calls) != 12*(1+r.Count) {
		t.Errorf("%d cases and %d calls, want 12 and %d", len(e.ops), len(e.calls), 12*(1+r.Count))
	}
}

// A case of the plan that has been measured stays one, though it is tried again
// and is void then.
func TestRefineKeepsThePlan(t *testing.T) {
	w := openWorkload()
	w.Cases = []benchlog.Params{"conns=10/rate=1000", "conns=10/rate=6000", "conns=10/rate=64000"}
	r, e := newCross(t, "", w, nil, 1)
	r.P99Limit, e.noise = 150*time.Microsecond, 0 // 6000 are within it by 5 %
	r.Workloads = append(r.Workloads, crossWorkload())
	dir := t.TempDir()
	var err error
	if r.Log, err = CreateLog(dir, r.Plan(e.clock.now), nil); err != nil {
		t.Fatal(err)
	}
	defer r.Log.Close()
	tries := map[benchlog.Model]int{}
	r.Exec = execFunc(func(ctx context.Context, in Invocation) (Output, error) {
		if in.Case.Params == w.Cases[1] && r.scouted != nil {
			if tries[in.Case.Model]++; tries[in.Case.Model] > 1 {
				return Output{}, bench.Void("the generator was late")
			}
		}
		return e.Run(ctx, in)
	})
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	for m, n := range tries {
		c := benchlog.Case{Workload: w.Name, Params: w.Cases[1], Model: m, CPUs: 2}
		if n < 2 || len(e.ops[c]) != r.Count {
			t.Errorf("%s: tried %d times, %d results; want more than one try and %d", c, n, len(e.ops[c]), r.Count)
		}
	}
}
