package run

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/bench/benchlog"
)

// fakeBuild is one side of an A/B run, whose ops take what it says.
type fakeBuild struct {
	*fakeExec
	factor map[string]int // by workload
	cpus   []int
}

func (b *fakeBuild) Use(cpus []int) { b.cpus = cpus }

func (b *fakeBuild) Run(ctx context.Context, in Invocation) (Output, error) {
	out, err := b.fakeExec.Run(ctx, in)
	out.Op *= time.Duration(max(1, b.factor[in.Case.Workload]))
	if in.N == 0 && b.factor["N"] > 0 {
		out.N *= b.factor["N"]
	}
	out.Line = fmt.Sprintf("Benchmark%s\t%d\t%d ns/op", in.Case, out.N, out.Op)
	return out, err
}

// both returns runners of these models and workloads.
func both(workloads []benchlog.WorkloadInfo, models ...benchlog.Model) *Runners {
	r := &Runners{Workloads: workloads}
	for _, m := range testModels() {
		if slices.Contains(models, m.Name) {
			r.Models = append(r.Models, m)
		}
	}
	return r
}

// newPair plans an A/B run of two fakes in dir.
func newPair(t *testing.T, dir string) (r *Run, old, new *fakeBuild) {
	t.Helper()
	r, exec := newRun(t, dir)
	r.Log.Close()
	listed := both(twoWorkloads(), Serial, Goroutine, Ants)
	runners, onlyOld, onlyNew, err := Pair(listed, listed)
	if err != nil || len(onlyOld)+len(onlyNew) > 0 {
		t.Fatal(err, onlyOld, onlyNew)
	}
	old, new = &fakeBuild{fakeExec: exec}, &fakeBuild{fakeExec: &fakeExec{clock: exec.clock}}
	runners.builds.old, runners.builds.new = old, new
	r.Workloads, r.Exec = runners.Workloads, runners
	r.Builds = []benchlog.Build{{Name: "old"}, {Name: "new"}}
	if r.Log, err = CreateLog(t.TempDir(), r.Plan(exec.clock.now), nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Log.Close() })
	return r, old, new
}

// measured reads back what a run has written.
func measured(t *testing.T, r *Run) *benchlog.File {
	t.Helper()
	text, _ := r.Log.Texts()
	f, err := benchlog.Read(strings.NewReader(string(text)))
	if err != nil || len(f.Damaged) > 0 {
		t.Fatal(err, f.Damaged)
	}
	return f
}

// Each build runs in every block, one right after the other, with the same N
// and under its name, and the old one twice.
func TestBuildsTakeTurns(t *testing.T) {
	r, old, new := newPair(t, t.TempDir())
	new.factor = map[string]int{"A": 2}
	stats, err := r.Do(context.Background())
	if err != nil || stats.Cases != 21 || stats.Results != 63 || stats.Failed != 0 {
		t.Fatalf("%+v, %v", stats, err)
	}
	f := measured(t, r)
	for i := 0; i < len(f.Results); i += 3 {
		builds := map[string]bool{}
		for _, res := range f.Results[i : i+3] {
			c := benchlog.ParseCase(res.Name)
			build, _, _ := c.Params.Cut(benchlog.BuildKey)
			builds[build] = true
			if anyBuild(c) != anyBuild(benchlog.ParseCase(f.Results[i].Name)) || res.Iters != f.Results[i].Iters || res.Block != i/21 {
				t.Errorf("beside %+v stands %+v", f.Results[i], res)
			}
			if v, _ := res.Get("ns/op"); v != 1500*float64(1+count(build == "new" && c.Workload == "A")) {
				t.Errorf("%s took %v ns", res.Name, v)
			}
		}
		if len(builds) != 3 {
			t.Errorf("side by side are the builds %v", builds)
		}
	}
	for _, in := range append(old.calls, new.calls...) {
		if _, _, named := in.Case.Params.Cut(benchlog.BuildKey); named {
			t.Fatalf("a runner was asked for %s", in.Case)
		}
		if in.N == 0 && slices.ContainsFunc(new.calls, func(c Invocation) bool { return c.N == 0 }) {
			t.Fatal("the new build calibrates for itself")
		}
	}
	if runners := r.Exec.(*Runners); true {
		runners.Use([]int{1, 3})
		if fmt.Sprint(old.cpus, new.cpus) != "[1 3] [1 3]" {
			t.Errorf("confined to %v and %v", old.cpus, new.cpus)
		}
	}
}

// What fails or is void in one build is lost to that alone; without an N by the
// old build there is nothing to compare.
func TestBuildFails(t *testing.T) {
	wrong := errors.New("wrong answer")
	fails := func(w string) func(Invocation) error {
		return func(in Invocation) error {
			if in.Case.Workload == w {
				return wrong
			}
			return nil
		}
	}
	r, _, new := newPair(t, t.TempDir())
	new.fail = fails("B")
	if stats, err := r.Do(context.Background()); err != nil || stats.Failed != 3 || stats.Results != 3*(21-3) {
		t.Errorf("the new build fails: %+v, %v", stats, err)
	}
	for _, v := range measured(t, r).Verdicts {
		if v.Failed && !strings.HasPrefix(v.Name, "B/build=new/") {
			t.Errorf("failed: %+v", v)
		}
	}
	r, old, _ := newPair(t, t.TempDir())
	old.fail = fails("B")
	if stats, err := r.Do(context.Background()); err != nil || stats.Failed != 9 || len(old.calls) != 3+2*4*4+4 {
		t.Errorf("the old build fails: %+v, %v, after %d calls", stats, err, len(old.calls))
	}
}

// A build that does another number of ops for the same N has other work to do.
func TestBuildOfOtherN(t *testing.T) {
	b := &builds{old: fixedOps(100), new: fixedOps(128), calibrated: map[benchlog.Case]calibrated{}}
	for build, want := range map[string]string{"old": "", "control": "", "new": "it does 128 ops where the old build does 100: they cannot be compared"} {
		out, err := b.run(context.Background(), Invocation{Case: benchlog.Case{Workload: "W", Params: benchlog.Params("build=" + build), Model: "m"}})
		if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
			t.Errorf("%s: %v, want %q", build, err, want)
		}
		if err == nil && (out.N != 100 || out.Op != 7 || out.Passes != 2 || out.Timed != 770 || out.Line != "BenchmarkW/build="+build+"/model=m\t100\t7 ns/op") {
			t.Errorf("%s: %+v", build, out)
		}
	}
	if _, err := b.run(context.Background(), Invocation{Case: benchlog.Case{Workload: "W"}, N: 1}); err == nil {
		t.Error("a case without a build was measured")
	}
}

type fixedOps int

func (fixedOps) Use([]int) {}

func (n fixedOps) Run(_ context.Context, in Invocation) (Output, error) {
	return Output{N: int(n), Op: 7, Line: fmt.Sprintf("Benchmark%s\t%d\t7 ns/op", in.Case, n)}, nil
}

// An interrupted A/B run goes on with the N that it began with.
func TestResumeBuilds(t *testing.T) {
	dir := t.TempDir()
	r, old, new := newPair(t, dir)
	ctx, cancel := context.WithCancel(context.Background())
	new.fail = func(in Invocation) error {
		if len(new.calls) == 20 {
			cancel()
		}
		return nil
	}
	if _, err := r.Do(ctx); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	text, _ := r.Log.Texts()
	past, err := readCheckpoint(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(past.Header.Builds) != 2 || past.Calibration == nil {
		t.Fatalf("%+v", past.Header)
	}
	old.factor = map[string]int{"N": 3} // would calibrate otherwise now
	again := &Run{Config: Config{Header: past.Header, Declared: past.Models, Workloads: past.Workloads}, Log: r.Log, Checkpoint: past,
		Exec: r.Exec, Now: r.Now, Canary: r.Canary, Watch: r.Watch}
	stats, err := again.Do(context.Background())
	if err != nil || stats.Results != 63 {
		t.Fatalf("%+v, %v", stats, err)
	}
	results := map[string]int{}
	for _, res := range measured(t, again).Results {
		results[res.Name]++
		if res.Iters != 50_000 {
			t.Errorf("%s did %d ops", res.Name, res.Iters)
		}
	}
	for name, n := range results {
		if n != 3 {
			t.Errorf("%d results of %s", n, name)
		}
	}
	if len(results) != 21 {
		t.Errorf("%d cases", len(results))
	}
}

// Only what both builds have is measured; the rest is named, and why.
func TestPairNamesWhatOneLacks(t *testing.T) {
	was, is := twoWorkloads(), twoWorkloads()
	was[0].Cases = append(was[0].Cases, "n=3")
	was = append(was, benchlog.WorkloadInfo{Name: "Gone", Op: "op", Story: "s", Cases: []benchlog.Params{""}, Models: []benchlog.Model{Serial}})
	is[0].Cases = append(is[0].Cases, "n=4/m=5")
	was[0].More, is[0].More = []benchlog.Params{"n=7"}, []benchlog.Params{"n=3", "n=8"} // n=3 moved
	is[1].Models = []benchlog.Model{Serial, Ants, Thread}
	is[1].NA = map[benchlog.Model]string{Goroutine: "too slow"}
	other := benchlog.WorkloadInfo{Name: "C", Op: "byte", Story: "s", Cases: []benchlog.Params{""}, Models: []benchlog.Model{Serial}}
	is = append(is, other)
	other.Op = "message"
	was = append(was, other)
	r, onlyOld, onlyNew, err := Pair(both(was, Serial, Goroutine, Ants, Process), both(is, Serial, Goroutine, Ants, Thread))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(onlyOld, "; "), "the model process; A/n=7; B in goroutine; the workload Gone; C as it is there (an op is one message)"; got != want {
		t.Errorf("only old: %s, want %s", got, want)
	}
	if got, want := strings.Join(onlyNew, "; "), "the model thread; A/n=4/m=5; A/n=8; C as it is there (an op is one byte)"; got != want {
		t.Errorf("only new: %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(r.Workloads[0].Cases), "[build=old/n=1 build=new/n=1 build=control/n=1 build=old/n=2 build=new/n=2 build=control/n=2]"; got != want || fmt.Sprint(r.Workloads[1].Cases) != "[build=old build=new build=control]" {
		t.Errorf("cases %s and %v, want %s", got, r.Workloads[1].Cases, want)
	}
	if got := fmt.Sprint(r.Workloads[0].More); got != "[build=old/n=3 build=new/n=3 build=control/n=3]" {
		t.Errorf("more %s", got)
	}
	if why := r.Workloads[1].NA[Goroutine]; why != "the new build has none: too slow" || r.Workloads[0].NA[Ants] != "no ants" {
		t.Errorf("B has no goroutine because %q, A no ants because %q", why, r.Workloads[0].NA[Ants])
	}

	if _, _, _, err := Pair(both(was, Process), both(is, Thread)); err == nil || !strings.Contains(err.Error(), "nothing in common: one has the model process, ") {
		t.Errorf("nothing in common: %v", err)
	}
	was[0].Cases, is[0].Cases = []benchlog.Params{"build=debug"}, []benchlog.Params{"build=debug"}
	if _, _, _, err := Pair(both(was, Serial, Goroutine, Ants), both(is, Serial, Goroutine, Ants)); err == nil || err.Error() != `A has a parameter "build" of its own` {
		t.Errorf("a parameter of that name: %v", err)
	}
}
