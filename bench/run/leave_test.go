package run

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/bench/benchlog"
)

// threeModels are the models of the plans below, whose workloads have two kinds
// of work and a curve.
var threeModels = []benchlog.Model{Greenlet, Goroutine, Process}

func curved() (all []benchlog.WorkloadInfo) {
	for _, w := range []struct {
		name, kind string
		points     []benchlog.Params
	}{{"A", "x", []benchlog.Params{"n=1", "n=2", "n=3", "n=4"}}, {"B", "x", []benchlog.Params{"n=1", "n=2"}}, {"C", "y", []benchlog.Params{""}}} {
		all = append(all, benchlog.WorkloadInfo{Name: w.name, Kind: w.kind, Op: "op", Story: "s", Cases: w.points, Models: threeModels})
	}
	return all
}

// short plans a run of those within a budget, where an op takes 1 us, and a
// call 50 ms besides, or what slow says.
func short(t *testing.T, budget time.Duration, seed uint64, slow map[string]time.Duration, like *benchlog.Like) (*Run, *costly, *notes) {
	t.Helper()
	clock, told := &fakeClock{e0}, new(notes)
	exec := &costly{clock: clock, rand: rand.New(rand.NewPCG(seed, 3)), noise: 0.05, of: make(map[string]costs)}
	r := &Run{
		Config: Config{Declared: testModels(), Like: like, Workloads: curved(), Header: benchlog.Header{
			Models: threeModels, Lanes: []int{2}, Count: 6, Benchtime: 5 * time.Millisecond, Seed: seed, Budget: budget, CPUs: "0-1", Command: "test",
		}},
		Exec: exec, Now: clock.Now, Canary: func() time.Duration { return time.Millisecond }, Watch: quiet, Observe: told,
		Pause: func(_ context.Context, d time.Duration) { clock.now = clock.now.Add(d) },
	}
	cases, _ := plan(r.Workloads, r.Models, r.Lanes)
	for _, c := range cases {
		overhead := 50 * time.Millisecond
		if d, ok := slow[c.String()]; ok {
			overhead = d
		}
		exec.of[c.String()] = costs{op: 1000, overhead: overhead, batch: 1}
	}
	var err error
	if r.Log, err = CreateLog(t.TempDir(), r.Plan(clock.now), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Log.Close() })
	return r, exec, told
}

// ran does a run, and returns which cases have all of their results, with
// their N, and why the others have none.
func ran(t *testing.T, r *Run) (n map[string]int, void map[string]string) {
	t.Helper()
	began := r.Now()
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := r.Now().Sub(began); r.Budget > 0 && took > r.Budget {
		t.Errorf("the run took %v of a budget of %v", took, r.Budget)
	}
	return outcome(t, r)
}

func outcome(t *testing.T, r *Run) (n map[string]int, void map[string]string) {
	t.Helper()
	text, _ := r.Log.Texts()
	past, err := readCheckpoint(text)
	if err != nil {
		t.Fatal(err)
	}
	n, void = make(map[string]int), make(map[string]string)
	for _, v := range past.Verdicts {
		void[v.Name] = v.Reason
	}
	for _, res := range past.Results {
		if n[res.Name] = res.Iters; past.Cases[res.Name].Results < r.Count {
			t.Errorf("%s has %d of %d results, and is void: %q", res.Name, past.Cases[res.Name].Results, r.Count, void[res.Name])
		}
	}
	return n, void
}

// groupsOf returns the names of cases without their models, each once.
func groupsOf[V any](of map[string]V) (names []string) {
	for name := range of {
		names = append(names, groupOf(benchlog.ParseCase(name)).String())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// What a budget does not hold goes in this order: what alone takes long, what
// makes a curve from its end on, workloads of which others are of the kind.
// All else has all of its results.
func TestLeaveOut(t *testing.T) {
	all := []string{"A/n=1-2", "A/n=2-2", "A/n=3-2", "A/n=4-2", "B/n=1-2", "B/n=2-2", "C-2"}
	slow := map[string]time.Duration{"A/n=1/model=process-2": 1600 * time.Millisecond}
	for _, tt := range []struct {
		budget time.Duration
		slow   map[string]time.Duration
		gone   []string // cells
		groups []string // that are left
	}{
		// A result takes 56 ms at the shortest bench time, and a call that
		// calibrates 106: all of them 21 * (6 * 56 + 106) ms, about 9.4 s.
		{0, nil, nil, all},
		{12 * time.Second, nil, nil, all},
		{9300 * time.Millisecond, nil, []string{"A/n=4-2"}, slices.Concat(all[:3], all[4:])},
		{7 * time.Second, nil, []string{"A/n=3-2", "A/n=4-2", "B/n=2-2"}, []string{"A/n=1-2", "A/n=2-2", "B/n=1-2", "C-2"}},
		{3500 * time.Millisecond, nil, []string{"A/n=2-2", "A/n=3-2", "A/n=4-2", "B/n=1-2", "B/n=2-2"}, []string{"A/n=1-2", "C-2"}},
		{60 * time.Second, slow, nil, all},
		{18 * time.Second, slow, []string{"A/n=1/model=process-2"}, all},
	} {
		r, _, told := short(t, tt.budget, 1, tt.slow, nil)
		n, void := ran(t, r)
		var gone []string
		for name := range void {
			if _, also := tt.slow[name]; !also {
				name = groupOf(benchlog.ParseCase(name)).String()
			}
			if gone = append(gone, name); !strings.HasPrefix(void[name], "left out: ") && void[name] != "" {
				t.Errorf("%v: %s is void: %s", tt.budget, name, void[name])
			}
		}
		slices.Sort(gone)
		if gone = slices.Compact(gone); !slices.Equal(gone, tt.gone) || !slices.Equal(groupsOf(n), tt.groups) || len(n)+len(void) != 21 {
			t.Errorf("%v: without %q, %q are left, want %q, %q; %q", tt.budget, gone, groupsOf(n), tt.gone, tt.groups, void)
		}
		note := slices.IndexFunc(told.texts, func(s string) bool { return strings.Contains(s, "not measured, for 6 results of the others") })
		if (note >= 0) != (len(tt.gone) > 0) {
			t.Errorf("%v: told %q", tt.budget, told.texts)
		}
		for _, name := range tt.gone {
			if !strings.Contains(told.texts[note], name) {
				t.Errorf("%v: told %q, nothing of %s", tt.budget, told.texts, name)
			}
		}
	}
}

// Every case is in one lot. Long results go alone, with their group where half
// of it is long; then cases beyond the first of each workload, from the end of
// their curves on; then what is costly of the first ones, and these.
func TestExpendable(t *testing.T) {
	r := &Run{Config: Config{Workloads: curved(), Header: benchlog.Header{Lanes: []int{2}, Count: 6, Budget: 126 * time.Second}}, share: time.Second}
	r.rank()
	cases, _ := plan(r.Workloads, threeModels, r.Lanes)
	for _, c := range cases {
		r.cases = append(r.cases, &caseState{Case: c})
	}
	long := map[string]time.Duration{
		"A/n=1/model=process-2": 12 * time.Second, "B/n=2/model=process-2": 11 * time.Second, "B/n=2/model=goroutine-2": 11 * time.Second,
		"A/n=3/model=process-2": 5 * time.Second, "C/model=greenlet-2": 5 * time.Second,
	}
	var got []string
	for _, l := range r.expendable(r.cases, func(s *caseState) time.Duration { return max(long[s.Case.String()], time.Second) }) {
		got = append(got, fmt.Sprintf("%d of %s", len(l.cells), groupOf(l.cells[0].Case)))
	}
	want := []string{"1 of A/n=1-2", "3 of B/n=2-2", "3 of A/n=4-2", "3 of A/n=3-2", "3 of A/n=2-2", "1 of C-2", "3 of B/n=1-2", "2 of A/n=1-2", "2 of C-2"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// The reason says what a case would take.
func TestLeaveOutReason(t *testing.T) {
	r, _, told := short(t, 18*time.Second, 1, map[string]time.Duration{"C/model=process-2": 1600 * time.Millisecond}, nil)
	_, void := ran(t, r)
	if got, want := void["C/model=process-2"], "left out: 6 results would take 9.8s of the budget of 18s"; got != want || len(void) != 1 {
		t.Errorf("%q, want %q", void, want)
	}
	if want := "1 case is not measured, for 6 results of the others in the budget of 18s: C/model=process-2"; !slices.Contains(told.texts, want) {
		t.Errorf("told %q, want %q", told.texts, want)
	}
}

// However slow calls are, to calibrate takes no more of the budget than its
// share and what one case of all models takes; the first case of each kind is
// calibrated before others.
func TestCalibrationShare(t *testing.T) {
	slow := make(map[string]time.Duration)
	cases, _ := plan(curved(), threeModels, []int{2})
	for _, c := range cases {
		slow[c.String()] = 200 * time.Millisecond
	}
	r, exec, _ := short(t, 9*time.Second, 1, slow, nil)
	n, void := ran(t, r)
	text, _ := r.Log.Texts()
	past, err := readCheckpoint(text)
	if err != nil {
		t.Fatal(err)
	}
	group := 3 * 420 * time.Millisecond
	if spent := past.Calibration.Spent; spent > 3*time.Second+group || exec.called == 0 {
		t.Errorf("to calibrate took %v of a budget of %v", spent, r.Budget)
	}
	if got := groupsOf(n); !slices.Equal(got, []string{"A/n=1-2", "C-2"}) && !slices.Equal(got, []string{"C-2"}) {
		t.Errorf("%q are left; %q", got, void)
	}
	for name, reason := range void {
		if c := benchlog.ParseCase(name); c.Workload == "A" && c.Params == "n=4" && !strings.HasPrefix(reason, "left out: to calibrate other cases") {
			t.Errorf("%s: %q", name, reason)
		}
	}
}

// A call that calibrates for too long is ended, and the case left out in all
// builds; the others stay.
func TestCalibrationTooLong(t *testing.T) {
	r, exec, _ := short(t, 5*time.Second, 1, nil, nil)
	r.Exec = execFunc(func(ctx context.Context, in Invocation) (Output, error) {
		if in.Case.Workload == "C" && in.Case.Model == Process {
			<-ctx.Done()
			return Output{}, context.Cause(ctx)
		}
		return exec.Run(ctx, in)
	})
	n, void := ran(t, r)
	if got, want := void["C/model=process-2"], "left out: "; !strings.HasPrefix(got, want+"to calibrate it takes more than 1s") || n["C/model=greenlet-2"] == 0 {
		t.Errorf("%q, and %v", got, n)
	}
}

// Runs in a row leave out the same cases, and have the same N: what one has
// left out is taken over. On a machine that is much faster it comes back.
func TestLeaveOutLike(t *testing.T) {
	for _, slow := range []map[string]time.Duration{nil, {"A/n=1/model=process-2": 1800 * time.Millisecond, "C/model=process-2": 300 * time.Millisecond}} {
		var like *benchlog.Like
		var first map[string]int
		for seed := range uint64(8) {
			budget := 7 * time.Second
			if slow != nil {
				budget = 20 * time.Second
			}
			r, exec, _ := short(t, budget, seed, slow, like)
			if seed == 7 { // faster
				for name, c := range exec.of {
					c.overhead /= 20
					exec.of[name] = c
				}
			}
			dir := t.TempDir()
			r.Log.Close()
			var err error
			if r.Log, err = CreateLog(dir, r.Plan(e0), nil); err != nil {
				t.Fatal(err)
			}
			n, void := ran(t, r)
			r.Log.Close()
			if like, _, err = LikeOf(dir); err != nil {
				t.Fatal(err)
			}
			switch {
			case seed == 0:
				if first = n; len(void) == 0 || len(like.LeftOut) != len(void) {
					t.Fatalf("%d are void, %d noted", len(void), len(like.LeftOut))
				}
			case seed == 7:
				if len(void) > 0 {
					t.Errorf("on a faster machine these are left out still: %q", void)
				}
			case !maps.Equal(n, first):
				t.Errorf("run %d measures %v, and the first %v", seed, n, first)
			}
		}
	}
}

// All builds of a case are left out together.
func TestLeaveOutBuilds(t *testing.T) {
	r, exec, _ := short(t, 20*time.Second, 1, nil, nil)
	r.Builds = []benchlog.Build{{Name: benchlog.OldBuild}, {Name: benchlog.NewBuild}}
	for i, w := range r.Workloads {
		r.Workloads[i].Cases = inBuilds(w.Cases, benchlog.WorkloadInfo{Cases: w.Cases})
	}
	cases, _ := plan(r.Workloads, r.Models, r.Lanes)
	for _, c := range cases {
		exec.of[c.String()] = costs{op: 1000, overhead: 50 * time.Millisecond, batch: 1}
	}
	r.Log.Close()
	var err error
	if r.Log, err = CreateLog(t.TempDir(), r.Plan(e0), nil); err != nil {
		t.Fatal(err)
	}
	n, void := ran(t, r)
	builds := make(map[benchlog.Case]int)
	for name := range n {
		builds[anyBuild(benchlog.ParseCase(name))]++
	}
	for c, builds := range builds {
		if builds != 3 {
			t.Errorf("%s is measured in %d builds", c, builds)
		}
	}
	if len(void) == 0 || len(builds) < 9 || len(n)+len(void) != 63 {
		t.Errorf("%d cases are measured, %d left out", len(n), len(void))
	}
}

// A machine that gets slower after the calibrating pass: what would keep the
// others from having all of their results is left out on the way.
func TestLeaveOutOnTheWay(t *testing.T) {
	r, exec, _ := short(t, 12*time.Second, 1, nil, nil)
	told := new(steps)
	r.Observe = told
	r.Exec = execFunc(func(ctx context.Context, in Invocation) (Output, error) {
		out, err := exec.Run(ctx, in)
		if in.N > 0 {
			exec.clock.now = exec.clock.now.Add(40 * time.Millisecond)
		}
		return out, err
	})
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	text, _ := r.Log.Texts()
	past, err := readCheckpoint(text)
	if err != nil {
		t.Fatal(err)
	}
	void, some := 0, 0
	for name, c := range past.Cases {
		switch {
		case c.Void:
			if void++; c.Results > 0 {
				some++
			}
		case c.Results < r.Count:
			t.Errorf("%s has %d results", name, c.Results)
		}
	}
	if took := r.Now().Sub(e0); void == 0 || some == 0 || void == len(past.Cases) || took > r.Budget {
		t.Errorf("%d of %d are void, %d of them with results, after %v", void, len(past.Cases), some, took)
	}
	if i := slices.IndexFunc(told.told, func(n [2]int) bool { return n[0] >= n[1] }); i >= 0 {
		t.Errorf("call %d: %d of %d", i, told.told[i][0], told.told[i][1])
	}
	if !slices.ContainsFunc(told.texts, func(s string) bool { return strings.HasPrefix(s, "slower than calibrated: from block ") }) {
		t.Errorf("told %q", told.texts)
	}
}

// Wherever a run is interrupted that leaves cases out, the rest of it leaves
// out the same.
func TestResumeLeftOut(t *testing.T) {
	whole, exec, _ := short(t, 7*time.Second, 1, nil, nil)
	exec.noise = 0
	want, gone := ran(t, whole)
	stop := errors.New("stop")
	for at := 0; at < exec.called; at += 3 {
		r, exec, _ := short(t, 7*time.Second, 1, nil, nil)
		exec.noise = 0
		ctx, cancel := context.WithCancelCause(t.Context())
		r.Exec = execFunc(func(ctx context.Context, in Invocation) (Output, error) {
			if exec.called == at {
				cancel(stop)
				return Output{}, stop
			}
			return exec.Run(ctx, in)
		})
		if _, err := r.Do(ctx); !errors.Is(err, stop) {
			t.Fatalf("interrupted at call %d: %v", at, err)
		}
		r = goOnAfter(t, r)
		r.Exec = exec
		if at < 12 { // the calibrating pass begins anew, and has the whole budget
			exec.clock.now = e0
		}
		if _, err := r.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n, void := outcome(t, r); !slices.Equal(groupsOf(n), groupsOf(want)) || !slices.Equal(groupsOf(void), groupsOf(gone)) {
			t.Errorf("interrupted at call %d: %q are left, want %q; %s", at, groupsOf(n), groupsOf(want), fmt.Sprint(void))
		}
	}
}
