package run

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/bench/benchlog"
)

// costly is an executor whose calls take what a case of a random profile takes,
// give or take some percent.
type costly struct {
	clock  *fakeClock
	rand   *rand.Rand
	noise  float64
	of     map[string]costs // by case
	most   time.Duration    // that one call took
	called int
}

type costs struct {
	op       float64 // ns
	overhead time.Duration
	batch    int
}

func (e *costly) Run(ctx context.Context, in Invocation) (Output, error) {
	c, n := e.of[in.Case.String()], in.N
	passes := 2 // a warm-up, and a measurement
	factor := 1 + e.noise*(2*e.rand.Float64()-1)
	if n == 0 {
		n = max(int(float64(in.Benchtime)/c.op), 1)
		passes = 4
	}
	n = (n + c.batch - 1) / c.batch * c.batch
	elapsed := time.Duration(float64(n) * c.op * factor)
	timed := elapsed
	if in.N == 0 {
		timed = elapsed * 13 / 10
	}
	took := startUp + time.Duration(float64(c.overhead)*factor)*time.Duration(passes)/2 + timed*11/10
	if in.N == 0 {
		took -= timed / 10
	}
	e.most, e.called = max(e.most, took), e.called+1
	e.clock.now = e.clock.now.Add(took)
	out := Output{Line: fmt.Sprintf("Benchmark%s\t%d\t1 ns/op", in.Case, n), N: n, Op: time.Duration(c.op), Elapsed: elapsed}
	if in.N == 0 {
		out.Passes, out.Timed, out.Batch = passes, timed, c.batch
	}
	return out, ctx.Err()
}

// profile makes a run of random cases.
func profile(t *testing.T, seed uint64, budget time.Duration) (*Run, *costly) {
	rnd := rand.New(rand.NewPCG(seed, 1))
	clock := &fakeClock{time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	exec := &costly{clock: clock, rand: rnd, noise: 0.1 * rnd.Float64(), of: make(map[string]costs)}
	w := benchlog.WorkloadInfo{Name: "A", Op: "op", Story: "s", Models: []benchlog.Model{Serial, Goroutine}}
	for i := range 5 + rnd.IntN(60) {
		w.Cases = append(w.Cases, benchlog.Params(fmt.Sprintf("n=%d", i)))
	}
	r := &Run{
		Config: Config{Declared: testModels(), Workloads: []benchlog.WorkloadInfo{w}, Header: benchlog.Header{
			Models: w.Models, Lanes: []int{2}, Count: 3 + rnd.IntN(8), Benchtime: time.Duration(10+rnd.IntN(90)) * time.Millisecond,
			Repeats: rnd.IntN(3), Sessions: 1 + rnd.IntN(3), Seed: seed, Budget: budget, CPUs: "0-1", Command: "test",
		}},
		Exec: exec, Now: clock.Now, Canary: func() time.Duration { return time.Millisecond },
		Watch: noisy(map[int]float64{1 + rnd.IntN(6): 50}),
		Pause: func(_ context.Context, d time.Duration) { clock.now = clock.now.Add(d) },
	}
	cases, _ := plan(r.Workloads, r.Models, r.Lanes)
	for _, c := range cases {
		exec.of[c.String()] = costs{
			op:       math.Exp(rnd.Float64() * math.Log(1e6)),
			overhead: time.Duration(2e6 + rnd.Float64()*6e7),
			batch:    []int{1, 1, 8, 100}[rnd.IntN(4)],
		}
	}
	var err error
	if r.Log, err = CreateLog(t.TempDir(), r.Plan(clock.now), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Log.Close() })
	return r, exec
}

// Whatever cases cost: a run never takes more than its budget, and if that has
// cut it short, it takes nine tenths of it at the least. Cases have all of
// their results, or are left out. N stays what it was in the first block.
func TestBudgetIsKept(t *testing.T) {
	binding, short := 0, 0
	for seed := range uint64(30) {
		free, exec := profile(t, seed, 0)
		began := exec.clock.now
		if _, err := free.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		whole := exec.clock.now.Sub(began)

		budget := time.Duration(float64(whole) * (0.2 + rand.New(rand.NewPCG(seed, 2)).Float64()))
		r, exec := profile(t, seed, budget)
		began = exec.clock.now
		stats, err := r.Do(t.Context())
		took := exec.clock.now.Sub(began)
		if took > r.Budget {
			t.Errorf("profile %d: took %v of a budget of %v, %v", seed, took, r.Budget, err)
		}
		if err != nil {
			t.Errorf("profile %d: %v, %+v", seed, err, stats)
			continue
		}
		text, _ := r.Log.Texts()
		past, err := readCheckpoint(text)
		if err != nil {
			t.Fatal(err)
		}
		n := make(map[string]int)
		for _, res := range past.Results {
			if was := n[res.Name]; was > 0 && was != res.Iters {
				t.Errorf("profile %d: %s has %d and %d ops", seed, res.Name, was, res.Iters)
			}
			n[res.Name] = res.Iters
			c := exec.of[res.Name]
			if least := leastOps(1.2*c.op, c.batch, r.longLaps()); res.Iters < least || res.Iters%exec.of[res.Name].batch > 0 {
				t.Errorf("profile %d: %s has %d ops, want at least %d and whole batches", seed, res.Name, res.Iters, least)
			}
		}
		for name, c := range past.Cases {
			if !c.Void && c.Results < r.Count {
				t.Errorf("profile %d: %s has %d of %d results", seed, name, c.Results, r.Count)
			}
		}
		short += count(stats.Void > 0)
		if stats.Bench == free.Benchtime && stats.Void == 0 {
			continue // all of the plan was done
		}
		if binding++; took < r.Budget*9/10 && exec.most < r.Budget/20 {
			t.Errorf("profile %d: took %v of a budget of %v", seed, took, r.Budget)
		}
	}
	if binding < 12 || short < 6 || short > 24 {
		t.Errorf("%d budgets had an effect, with %d cases were left out", binding, short)
	}
}

// A budget that cannot hold one case is refused before anything is measured:
// what is told would do.
func TestCheckRefuses(t *testing.T) {
	control := []benchlog.WorkloadInfo{{Name: "B", Cases: []benchlog.Params{""}, Models: []benchlog.Model{Serial}, Control: true}}
	for name, tt := range map[string]struct {
		budget   time.Duration
		all      []benchlog.WorkloadInfo
		sessions int
		fail     error
		want     string
		calls    int
	}{
		// A case of 2 models, 4 times each: 8 calls of 10 ms and 2.2 ms.
		"no budget":              {0, control, 1, nil, "", 0},
		"enough":                 {98 * time.Millisecond, control, 1, nil, "", 3},
		"not enough":             {97 * time.Millisecond, control, 1, nil, "the budget of 97ms is too small for 7 cases with 3 results each: give it 1s, or take fewer workloads, models or results", 3},
		"pauses":                 {10*time.Second + 97*time.Millisecond, control, 3, nil, "the budget of 10.097s is too small for 7 cases with 3 results each: give it 11s, or take fewer workloads, models or results", 3},
		"no control":             {50 * time.Millisecond, nil, 1, nil, "", 0}, // of 4 ms each
		"no control, not enough": {49 * time.Millisecond, nil, 1, nil, "the budget of 49ms is too small for 7 cases with 3 results each: give it 1s, or take fewer workloads, models or results", 0},
		"a control that fails":   {50 * time.Millisecond, control, 1, errors.New("no"), "", 1},
	} {
		r, exec := newRun(t, t.TempDir())
		r.Budget, r.Sessions = tt.budget, tt.sessions
		exec.fail = func(in Invocation) error {
			if in.N != 1 {
				t.Errorf("%s: called with %+v", name, in)
			}
			return tt.fail
		}
		err := r.Check(t.Context(), tt.all)
		if got := fmt.Sprint(err); err == nil && tt.want != "" || err != nil && got != tt.want || len(exec.calls) != tt.calls {
			t.Errorf("%s: %v after %d calls, want %q after %d", name, err, len(exec.calls), tt.want, tt.calls)
		}
	}
}

// likeRun is a run that takes over the N of an earlier one.
func likeRun(t *testing.T, like *benchlog.Like) (*Run, *fakeExec, *notes) {
	t.Helper()
	r, exec := newRun(t, t.TempDir())
	r.Log.Close()
	told := new(notes)
	r.Like, r.Observe = like, told
	var err error
	if r.Log, err = CreateLog(t.TempDir(), r.Plan(exec.clock.now), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Log.Close() })
	return r, exec, told
}

// A run like an earlier one has its N and its bench time, also where it would
// find another N by itself; where that N does not suit any more, it finds its
// own, and says so.
func TestRunLike(t *testing.T) {
	const serial, goroutine = "A/n=1/model=serial-2", "A/n=1/model=goroutine-2"
	like := &benchlog.Like{Started: benchlog.Time{Time: time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)}}
	like.Benchtime, like.Chosen = 20*time.Millisecond, true
	for name, n := range map[string]int{ // an op takes 1 us
		serial: 50_000, goroutine: 100_000, "A/n=2/model=serial-2": 5_000, "A/n=2/model=goroutine-2": 3_000, "B/model=ants-2": 10, "B/model=none-2": 7,
	} {
		like.Cases = append(like.Cases, benchlog.CalibratedCase{Case: name, N: n, Op: time.Microsecond, Batch: 1})
	}
	r, exec, told := likeRun(t, like)
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{ // a bench time of 20 ms, and no further off than 4 times
		serial: 50_000, goroutine: 20_000, "A/n=2/model=serial-2": 5_000, "A/n=2/model=goroutine-2": 20_000,
		"B/model=ants-2": 20_000, "B/model=serial-2": 20_000, "B/model=goroutine-2": 20_000,
	}
	text, _ := r.Log.Texts()
	past, err := readCheckpoint(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range past.Results {
		if res.Iters != want[res.Name] {
			t.Errorf("%s has %d ops, want %d", res.Name, res.Iters, want[res.Name])
		}
	}
	if past.Like == nil || len(past.Like.Cases) != 6 || !past.Like.Chosen || past.Calibration.Benchtime != 20*time.Millisecond || exec.calls[len(exec.calls)-1].Benchtime != 20*time.Millisecond {
		t.Errorf("%+v", past.Like)
	}
	texts := []string{
		"2 cases have the N of the run of 2026-11-19T00:00:00Z, at a bench time of 20ms",
		"3 cases have another N, as their ops or the budget have changed: A/n=1/model=goroutine-2 (20000, was 100000), A/n=2/model=goroutine-2 (20000, was 3000), B/model=ants-2 (20000, was 10)",
		"2 cases have no N there: B/model=serial-2, B/model=goroutine-2",
	}
	if !slices.Equal(told.texts, texts) {
		t.Errorf("notes %q, want %q", told.texts, texts)
	}
}

// A call that took long once is no reason to give an earlier run's N up, nor is
// a case whose ten laps take longer than they should.
func TestRunLikeDisturbedOnce(t *testing.T) {
	r, _ := newRun(t, t.TempDir())
	c := r.Workloads[1]
	one := benchlog.Case{Workload: c.Name, Model: Serial, CPUs: 2}
	for name, tt := range map[string]struct {
		like  benchlog.CalibratedCase
		op    []time.Duration // as the calls find it
		want  int
		calls int
	}{
		"quiet":             {benchlog.CalibratedCase{N: 50_000, Batch: 1}, []time.Duration{time.Microsecond}, 50_000, 1},
		"disturbed once":    {benchlog.CalibratedCase{N: 50_000, Batch: 1}, []time.Duration{9 * time.Microsecond, time.Microsecond}, 50_000, 2},
		"slower":            {benchlog.CalibratedCase{N: 50_000, Batch: 1}, []time.Duration{9 * time.Microsecond, 9 * time.Microsecond}, 5_555, 2},
		"ten long laps":     {benchlog.CalibratedCase{N: 1000, Batch: 100}, []time.Duration{time.Millisecond}, 1000, 1},
		"fewer than ten":    {benchlog.CalibratedCase{N: 900, Batch: 100}, []time.Duration{time.Millisecond, time.Millisecond}, 50, 2},
		"more than is need": {benchlog.CalibratedCase{N: 1100, Batch: 100}, []time.Duration{time.Millisecond, time.Millisecond}, 50, 2},
	} {
		calls := 0
		r.Exec = execFunc(func(_ context.Context, in Invocation) (Output, error) {
			op := tt.op[calls]
			calls++
			n := in.N
			if n == 0 {
				n = int(50 * time.Millisecond / op)
			}
			return Output{N: n, Op: op, Elapsed: time.Duration(n) * op}, nil
		})
		s := &caseState{Case: one}
		if err := r.find(t.Context(), s, tt.like); err != nil || s.N != tt.want || calls != tt.calls || (s.like.N > 0) != (tt.want == tt.like.N) {
			t.Errorf("%s: %d ops after %d calls, %v, want %d after %d", name, s.N, calls, err, tt.want, tt.calls)
		}
	}
}

type execFunc func(context.Context, Invocation) (Output, error)

func (f execFunc) Run(ctx context.Context, in Invocation) (Output, error) { return f(ctx, in) }

// Blocks are spread over sessions, each after a pause and with a base of its
// own. A run that is interrupted in a pause, or anywhere, goes on with it.
func TestRunSessions(t *testing.T) {
	for stopAt := range 5*fakeCases + 1 {
		dir := t.TempDir()
		pauses := 0
		var sessions []int
		part := func(stopAt int) error {
			r, exec := newRun(t, t.TempDir())
			r.Log.Close()
			r.Count, r.Sessions = 4, 2
			var err error
			if log, past, e := OpenLog(dir); e == nil {
				r.Log, r.Checkpoint, r.Header = log, past, past.Header
			} else if r.Log, err = CreateLog(dir, r.Plan(exec.clock.now), nil); err != nil {
				t.Fatal(err)
			}
			defer r.Log.Close()
			r.Pause = func(context.Context, time.Duration) { pauses++ }
			// The machine is half as fast in the second session: that disturbs
			// none of its blocks.
			r.Canary = func() time.Duration {
				if r.session == 2 || pauses > 0 {
					return 2 * time.Millisecond
				}
				return time.Millisecond
			}
			ctx, cancel := context.WithCancel(t.Context())
			exec.fail = func(Invocation) error {
				if len(exec.calls) > stopAt {
					cancel()
				}
				return nil
			}
			_, err = r.Do(ctx)
			for _, b := range r.past {
				sessions = append(sessions, b.Session)
			}
			return err
		}
		if err := part(stopAt); err != nil {
			sessions = nil
			if err := part(1000); err != nil {
				t.Fatal(err)
			}
		}
		text := readBench(t, dir)
		if !slices.Equal(sessions, []int{1, 1, 2, 2}) || pauses != 1 || strings.Contains(text, `"disturbed":true`) {
			t.Fatalf("interrupted at call %d: sessions %v, %d pauses\n%s", stopAt, sessions, pauses, strings.Join(linesWith(text, "# b"), "\n"))
		}
	}
}

// Each session has about as many blocks; what is measured beyond the plan is of
// the last one.
func TestSessionOf(t *testing.T) {
	for _, tt := range []struct {
		count, sessions int
		want            []int
	}{
		{6, 0, []int{1, 1, 1, 1, 1, 1, 1}}, {6, 1, []int{1, 1, 1, 1, 1, 1, 1}}, {6, 3, []int{1, 1, 2, 2, 3, 3, 3, 3}},
		{7, 3, []int{1, 1, 1, 2, 2, 3, 3, 3}}, {2, 2, []int{1, 2, 2}},
	} {
		r := &Run{}
		r.Count, r.Sessions = tt.count, tt.sessions
		for i, want := range tt.want {
			if got := r.sessionOf(i + 1); got != want {
				t.Errorf("block %d of %d in %d sessions: %d, want %d", i+1, tt.count, tt.sessions, got, want)
			}
		}
	}
}

// goOnAfter makes the rest of a run that a context ended: another process would
// read what is on disk.
func goOnAfter(t *testing.T, r *Run) *Run {
	t.Helper()
	text, _ := r.Log.Texts()
	past, err := readCheckpoint(slices.Clone(text))
	if err != nil {
		t.Fatal(err)
	}
	return &Run{
		Config: Config{Header: past.Header, Declared: past.Models, Workloads: past.Workloads}, Log: r.Log, Checkpoint: past,
		Exec: r.Exec, Now: r.Now, Canary: r.Canary, Watch: r.Watch, Pause: r.Pause, Observe: r.Observe,
	}
}

// A run that is interrupted keeps its budget too: what its first part has used
// counts, but for the call that was cut off.
func TestBudgetIsKeptResumed(t *testing.T) {
	for seed := range uint64(12) {
		r, exec := profile(t, seed, 0)
		began := exec.clock.now
		if _, err := r.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		whole, calls := exec.clock.now.Sub(began), exec.called

		r, exec = profile(t, seed, whole*3/4)
		began = exec.clock.now
		ctx, cancel := context.WithCancel(t.Context())
		stopAt := calls/2 + int(seed)
		r.Exec = execFunc(func(ctx context.Context, in Invocation) (Output, error) {
			if exec.called == stopAt {
				cancel()
			}
			return exec.Run(ctx, in)
		})
		_, err := r.Do(ctx)
		for parts := 0; err != nil && parts < 2; parts++ {
			if !errors.Is(err, context.Canceled) {
				if strings.Contains(err.Error(), "too small") {
					break
				}
				t.Fatal(err)
			}
			r = goOnAfter(t, r)
			_, err = r.Do(t.Context())
		}
		if took := exec.clock.now.Sub(began); took > r.Budget+r.Budget/20 || err == nil && took < r.Budget*85/100 {
			t.Errorf("profile %d: both parts took %v of a budget of %v, %v", seed, took, r.Budget, err)
		}
	}
}

// Wherever a run that is like an earlier one is interrupted, the rest of it has
// the N that the whole of it would have had.
func TestResumeLike(t *testing.T) {
	like := &benchlog.Like{Started: benchlog.Time{Time: time.Date(2026, 11, 19, 0, 0, 0, 0, time.UTC)}}
	like.Benchtime = 20 * time.Millisecond
	cases, _ := plan(twoWorkloads(), []benchlog.Model{Serial, Goroutine, Ants}, []int{2})
	want := make(map[string]int)
	for i, c := range cases {
		n := 30_000 + 1000*i // an op takes 1 us
		if want[c.String()] = n; i == 0 {
			n, want[c.String()] = 1_000_000, 20_000
		}
		like.Cases = append(like.Cases, benchlog.CalibratedCase{Case: c.String(), N: n, Op: time.Microsecond, Batch: 1})
	}
	for stopAt := range 4*fakeCases + 2 {
		r, exec, _ := likeRun(t, like)
		ctx, cancel := context.WithCancel(t.Context())
		exec.fail = func(Invocation) error {
			if len(exec.calls) == stopAt+1 {
				cancel()
			}
			return nil
		}
		if _, err := r.Do(ctx); err != nil {
			r = goOnAfter(t, r)
			if _, err = r.Do(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		text, _ := r.Log.Texts()
		past, err := readCheckpoint(text)
		if err != nil || len(past.Results) != 3*fakeCases {
			t.Fatalf("interrupted at call %d: %d results, %v", stopAt, len(past.Results), err)
		}
		for _, res := range past.Results {
			if res.Iters != want[res.Name] {
				t.Errorf("interrupted at call %d: %s has %d ops, want %d", stopAt, res.Name, res.Iters, want[res.Name])
			}
		}
	}
}

// What cases cost is estimated by how the last block went: here a call takes 65
// ms where the calibrating pass says 70.
func TestRunPace(t *testing.T) {
	r, _ := newRun(t, t.TempDir())
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, b := range r.past {
		if math.Abs(b.Pace-65.0/70) > 1e-6 {
			t.Errorf("block %d has pace %v, want %v", b.Block, b.Pace, 65.0/70)
		}
	}
	if cost := r.cost(r.cases[0]).Round(time.Microsecond); len(r.past) != 3 || cost != 65*time.Millisecond {
		t.Errorf("after %d blocks a result costs %v, want 65 ms", len(r.past), cost)
	}
}

// A file is gone on with only if it is whole: each of these could make the rest
// of the run another one.
func TestWholeCheckpoint(t *testing.T) {
	for want, file := range map[string]benchlog.File{
		"":                                 {Planned: true, Plans: 1},
		"it has no plan in its first line": {Plans: 1},
		"it holds 2 runs":                  {Planned: true, Plans: 2},
		"the plan is unreadable: EOF":      {Planned: true, Plans: 1, Damaged: []benchlog.Damage{{What: "the plan", Err: io.EOF}}},
		"it is too large":                  {Planned: true, Plans: 1, Full: true},
	} {
		got := ""
		if err := (&Checkpoint{File: &file}).whole(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
