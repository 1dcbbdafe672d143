package run

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

// The models of the tests.
const (
	Serial    benchlog.Model = "serial"
	Greenlet  benchlog.Model = "greenlet"
	Goroutine benchlog.Model = "goroutine"
	Ants      benchlog.Model = "ants"
	Thread    benchlog.Model = "thread"
	Process   benchlog.Model = "process"
)

func testModels() []benchlog.ModelInfo {
	var models []benchlog.ModelInfo
	for _, m := range []benchlog.Model{Serial, Greenlet, Goroutine, Ants, Thread, Process} {
		models = append(models, benchlog.ModelInfo{Name: m, Note: "a test's", Processes: m == Process})
	}
	return models
}

// fakeClock moves only when something is measured.
type fakeClock struct{ now time.Time }

func (c *fakeClock) Now() time.Time { return c.now }

// fakeExec is an executor that takes as long as it says and measures nothing.
type fakeExec struct {
	clock *fakeClock
	calls []Invocation
	fail  func(Invocation) error
}

const fakeOverhead = 10 * time.Millisecond

func (e *fakeExec) Run(ctx context.Context, in Invocation) (Output, error) {
	e.calls = append(e.calls, in)
	if e.fail != nil {
		if err := e.fail(in); err != nil {
			return Output{}, err
		}
	}
	if err := ctx.Err(); err != nil {
		return Output{}, context.Cause(ctx)
	}
	n := in.N
	op := time.Microsecond
	if n == 0 {
		n = int(in.Benchtime / op)
		e.clock.now = e.clock.now.Add(in.Benchtime * 3 / 10)
	}
	e.clock.now = e.clock.now.Add(fakeOverhead + time.Duration(n)*op*11/10)
	if in.N > 0 { // measured, an op takes longer than when it was calibrated
		op = op * 3 / 2
	}
	line := fmt.Sprintf("Benchmark%s\t%d\t%d ns/op", in.Case, n, op)
	out := Output{Line: line, N: n, Op: op, Elapsed: time.Duration(n) * op}
	if in.N == 0 {
		out.Passes, out.Timed = 2, in.Benchtime*13/10
	}
	return out, nil
}

// quiet is a machine on which nothing else runs; noisy one on which something
// else takes this share of the CPUs in one block, counted from 1.
func quiet() func() benchlog.Noise { return func() benchlog.Noise { return benchlog.Noise{} } }

func noisy(others map[int]float64) func() func() benchlog.Noise {
	block := 0
	return func() func() benchlog.Noise {
		block++
		noise := benchlog.Noise{Others: others[block]}
		return func() benchlog.Noise { return noise }
	}
}

func twoWorkloads() []benchlog.WorkloadInfo {
	return []benchlog.WorkloadInfo{
		{Name: "A", Op: "op", Story: "s", Cases: []benchlog.Params{"n=1", "n=2"}, Models: []benchlog.Model{Serial, Goroutine}, NA: map[benchlog.Model]string{Ants: "no ants"}},
		{Name: "B", Op: "op", Story: "s", Cases: []benchlog.Params{""}, Models: []benchlog.Model{Serial, Goroutine, Ants}},
	}
}

// newRun plans a run of 7 cases in dir, with everything faked.
func newRun(t *testing.T, dir string) (*Run, *fakeExec) {
	t.Helper()
	clock := &fakeClock{time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	exec := &fakeExec{clock: clock}
	r := &Run{
		Config: Config{Declared: testModels(), Workloads: twoWorkloads(), Header: benchlog.Header{
			Models: []benchlog.Model{Serial, Goroutine, Ants}, Lanes: []int{2},
			Count: 3, Benchtime: 50 * time.Millisecond, Repeats: 2, Seed: 7, CPUs: "0-1", Command: "test",
		}},
		Exec: exec, Now: clock.Now,
		Canary: func() time.Duration { return time.Millisecond },
		Watch:  quiet,
		Pause:  func(_ context.Context, d time.Duration) { clock.now = clock.now.Add(d) },
	}
	var err error
	r.Log, err = CreateLog(dir, r.Plan(clock.now), []benchlog.Fact{{Key: "goos", Value: "test"}, {Key: "cpu", Value: "none"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Log.Close() })
	return r, exec
}

func readBench(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, benchlog.BenchFile))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func linesWith(text, prefix string) (lines []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

const fakeCases = 7 // A: 2 points x 2 models, B: 3 models

func TestRun(t *testing.T) {
	dir := t.TempDir()
	r, exec := newRun(t, dir)
	stats, err := r.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if stats.Cases != fakeCases || stats.Results != 3*fakeCases || stats.Failed+stats.Void+stats.Repeated != 0 {
		t.Errorf("stats %+v", stats)
	}
	if len(exec.calls) != 4*fakeCases {
		t.Errorf("%d runner calls, want one calibrating and three measuring per case", len(exec.calls))
	}
	for i, in := range exec.calls {
		if calibrates := i < fakeCases; calibrates != (in.N == 0) {
			t.Errorf("call %d has N = %d", i, in.N)
		}
		if i >= fakeCases && in.N != 50_000 {
			t.Errorf("call %d has N = %d, want the calibrated 50000", i, in.N)
		}
	}
	text := readBench(t, dir)
	if got := len(linesWith(text, "Benchmark")); got != 3*fakeCases {
		t.Errorf("%d result lines, want %d", got, 3*fakeCases)
	}
	if skips := linesWith(text, "--- SKIP: "); !slices.Equal(skips, []string{"--- SKIP: BenchmarkA/model=ants-2"}) {
		t.Errorf("skipped %q", skips)
	}
	if got := len(linesWith(text, "# block ")); got != 3 {
		t.Errorf("%d blocks noted, want 3", got)
	}
}

// Every block has every case once, in an order that is random but repeatable.
func TestRunOrder(t *testing.T) {
	order := func() [][]string {
		r, exec := newRun(t, t.TempDir())
		if _, err := r.Do(t.Context()); err != nil {
			t.Fatal(err)
		}
		var blocks [][]string
		for pass := range slices.Chunk(exec.calls, fakeCases) {
			var names []string
			for _, in := range pass {
				names = append(names, in.Case.String())
			}
			blocks = append(blocks, names)
		}
		return blocks
	}
	first, second := order(), order()
	for i := range first {
		if !slices.Equal(first[i], second[i]) {
			t.Errorf("block %d differs between two runs of one seed", i)
		}
		if i > 0 && slices.Equal(first[i], first[i-1]) {
			t.Errorf("blocks %d and %d have the same order", i-1, i)
		}
		sorted := slices.Sorted(slices.Values(first[i]))
		if len(slices.Compact(sorted)) != fakeCases {
			t.Errorf("block %d has not every case once: %q", i, first[i])
		}
	}
}

// A failed case is logged, left out from then on, and the rest goes on.
func TestRunFailedCase(t *testing.T) {
	dir := t.TempDir()
	r, exec := newRun(t, dir)
	const bad = "B/model=goroutine-2"
	n := 0
	exec.fail = func(in Invocation) error {
		if in.Case.String() != bad {
			return nil
		}
		if n++; n == 3 { // in the second block
			return errors.New("wrong answer: got 1, want 2\nwith a second line")
		}
		return nil
	}
	stats, err := r.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if stats.Failed != 1 || stats.Results != 3*fakeCases-2 {
		t.Errorf("stats %+v", stats)
	}
	text := readBench(t, dir)
	want := "--- FAIL: Benchmark" + bad + "\n    block 2 of 3: wrong answer: got 1, want 2\n    with a second line\n"
	if !strings.Contains(text, want) {
		t.Errorf("no entry %q in\n%s", want, text)
	}
}

func TestRunVoidCase(t *testing.T) {
	dir := t.TempDir()
	r, exec := newRun(t, dir)
	exec.fail = func(in Invocation) error {
		if in.Case.Workload == "B" {
			return bench.Void("too few files")
		}
		return nil
	}
	stats, err := r.Do(t.Context())
	if err != nil || stats.Void != 3 || stats.Failed != 0 {
		t.Errorf("stats %+v, error %v", stats, err)
	}
	if got := len(linesWith(readBench(t, dir), "--- SKIP: BenchmarkB/")); got != 3 {
		t.Errorf("%d void cases logged, want 3", got)
	}
}

// A case that does not answer is killed by its deadline; the run goes on.
func TestRunDeadline(t *testing.T) {
	dir := t.TempDir()
	r, _ := newRun(t, dir)
	r.Deadline = time.Millisecond
	r.Exec = hangingExec{}
	stats, err := r.Do(t.Context())
	if err != nil || stats.Failed != fakeCases {
		t.Fatalf("stats %+v, error %v", stats, err)
	}
	if !strings.Contains(readBench(t, dir), "no result within 1ms: killed") {
		t.Error("the deadline is not in the log")
	}
}

// A result that takes long by itself has not hung: ten rounds of a million
// units, or fewer if they are long, of which the calibrating pass did one. That
// is not known to take long, and has more time unless somebody has said how
// much.
func TestRunPatience(t *testing.T) {
	const minute = time.Minute
	for _, tt := range []struct{ round, deadline, want time.Duration }{
		{time.Millisecond, 0, 21 * time.Second},
		{time.Millisecond, minute, minute},
		{time.Second, minute, minute},
		{900 * time.Millisecond, 10 * time.Second, 4 * 11 * 900 * time.Millisecond},
		{4 * time.Second, 20 * time.Second, 4 * 22 * 400 * time.Millisecond}, // two rounds
		{minute, time.Hour, time.Hour},
		{20 * minute, time.Hour, 4 * 22 * minute}, // one
	} {
		first := true
		var like *benchlog.Like
		for range 2 { // the second time with the N of the first
			r, exec := newRun(t, t.TempDir())
			r.Deadline, r.Like = tt.deadline, like
			r.Exec = execFunc(func(ctx context.Context, in Invocation) (Output, error) {
				const units = 1_000_000
				want := tt.want
				if in.N == 0 {
					in.N, want = units, cmp.Or(tt.deadline, 6*21*time.Second)
				}
				ends, ok := ctx.Deadline()
				if left := time.Until(ends); !ok || left > want+time.Second || left < want-minute {
					t.Errorf("rounds of %v, deadline %v: a call of %d has %v, want %v", tt.round, tt.deadline, in.N, left, want)
				}
				took := time.Duration(in.N/units) * tt.round
				exec.clock.now = exec.clock.now.Add(took * 11 / 10)
				out := Output{Line: fmt.Sprintf("Benchmark%s\t%d\t%d ns/op", in.Case, in.N, tt.round/units), N: in.N, Op: tt.round / units, Elapsed: took}
				if first {
					out.Passes, out.Timed, out.Batch = 1, took*11/10, units
				}
				return out, nil
			})
			if stats, err := r.Do(t.Context()); err != nil || stats.Failed > 0 {
				t.Fatalf("%+v, %v", stats, err)
			}
			like = &benchlog.Like{Calibration: benchlog.Calibration{Benchtime: r.Benchtime}}
			for _, s := range r.cases {
				like.Cases = append(like.Cases, s.CalibratedCase)
			}
			first = false
		}
	}
}

type hangingExec struct{}

func (hangingExec) Run(ctx context.Context, _ Invocation) (Output, error) {
	<-ctx.Done()
	return Output{}, context.Cause(ctx)
}

// However a run is interrupted, resuming measures what is missing and no more.
func TestRunResume(t *testing.T) {
	interrupt := errors.New("interrupted")
	for stopAt := range 4*fakeCases + 1 {
		dir := t.TempDir()
		r, exec := newRun(t, dir)
		ctx, cancel := context.WithCancelCause(t.Context())
		exec.fail = func(Invocation) error {
			if len(exec.calls) > stopAt {
				cancel(interrupt)
			}
			return nil
		}
		_, err := r.Do(ctx)
		if stopAt < 4*fakeCases && !errors.Is(err, interrupt) {
			t.Fatalf("interrupted at call %d: error %v", stopAt, err)
		}
		r.Log.Close()

		log, past, err := OpenLog(dir)
		if err != nil {
			t.Fatal(err)
		}
		again, exec2 := newRun(t, t.TempDir())
		again.Log.Close()
		again.Log, again.Checkpoint = log, past
		t.Cleanup(func() { log.Close() })
		stats, err := again.Do(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text := readBench(t, dir)
		if got := len(linesWith(text, "Benchmark")); got != 3*fakeCases || stats.Results != got {
			t.Errorf("interrupted at call %d: %d results in the end, stats %+v", stopAt, got, stats)
		}
		if got := len(linesWith(text, "# block ")); got != 3 {
			t.Errorf("interrupted at call %d: %d blocks in the end", stopAt, got)
		}
		if got := len(linesWith(text, "# switchyard ")); got != 1 {
			t.Errorf("interrupted at call %d: %d headers", stopAt, got)
		}
		if most := 4*fakeCases - min(stopAt, 4*fakeCases); stopAt >= fakeCases*2 && len(exec2.calls) > most {
			t.Errorf("interrupted at call %d: %d calls more, want at most %d", stopAt, len(exec2.calls), most)
		}
	}
}

// However often a run is interrupted, and wherever, its parts together make the
// very calls of one that was not: the same cases in the same order, with the
// same ops, bench time and length of an op, the same repeats of blocks.
func TestRunResumeIsOneRun(t *testing.T) {
	interrupt := errors.New("interrupted")
	for name, budget := range map[string]time.Duration{"no budget": 0, "a budget that cuts": 700 * time.Millisecond, "a budget that allows": time.Hour} {
		// part runs until call stopAt of this part; it returns its calls.
		part := func(dir string, stopAt int) ([]Invocation, Stats, error) {
			r, exec := newRun(t, t.TempDir())
			r.Log.Close()
			r.Benchtime, r.Budget, r.Repeats = 20*time.Millisecond, budget, 3
			var err error
			if _, e := os.Stat(filepath.Join(dir, benchlog.BenchFile)); e != nil {
				r.Log, err = CreateLog(dir, r.Plan(exec.clock.now), nil)
			} else {
				r.Log, r.Checkpoint, err = OpenLog(dir)
				if err == nil {
					h := r.Checkpoint.Header
					r.Benchtime, r.Budget, r.Repeats = h.Benchtime, h.Budget, h.Repeats
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			defer r.Log.Close()
			// The first block is disturbed, the first time; so is what comes
			// third.
			r.Watch = func() func() benchlog.Noise {
				n := len(linesWith(readBench(t, dir), "# block "))
				return func() benchlog.Noise { return benchlog.Noise{Others: map[int]float64{0: 50, 2: 50}[n]} }
			}
			ctx, cancel := context.WithCancelCause(t.Context())
			exec.fail = func(Invocation) error {
				if len(exec.calls) > stopAt {
					cancel(interrupt)
				}
				return nil
			}
			stats, err := r.Do(ctx)
			return exec.calls, stats, err
		}
		whole := t.TempDir()
		all, stats, err := part(whole, 1000)
		if err != nil {
			t.Fatal(err)
		}
		// What a cut has left holds one more block, but not all of it.
		want := map[string]int{"a budget that cuts": 4*fakeCases + 5}[name]
		if want == 0 {
			want = 6 * fakeCases
		}
		if cut := stats.Bench < 20*time.Millisecond; cut != (stats.Repeated == 0) || cut != (want < 6*fakeCases) || len(all) != want {
			t.Fatalf("%s: %d calls, stats %+v", name, len(all), stats)
		}
		for stopAt := range len(all) {
			for _, then := range []int{1000, 3} {
				if then == 3 && budget != 0 {
					continue
				}
				dir := t.TempDir()
				calls, _, err := part(dir, stopAt)
				for next := then; err != nil; next = 1000 {
					if !errors.Is(err, interrupt) {
						t.Fatal(err)
					}
					calls = calls[:len(calls)-1] // it was interrupted, and is made again
					if len(calls) < fakeCases {
						calls = nil // the calibrating pass begins anew
					}
					var more []Invocation
					more, _, err = part(dir, next)
					calls = append(calls, more...)
				}
				// What is left of a budget in the end is known to about the
				// length of what was measured in a block that was cut off.
				if got, want := len(calls), len(all); want == 4*fakeCases+5 && got >= want-1 && got <= want+1 {
					calls = append(calls[:4*fakeCases], all[4*fakeCases:]...)
				}
				if !slices.Equal(calls, all) {
					t.Fatalf("%s, interrupted at call %d and %d later: %d calls\n%v\nwant %d\n%v", name, stopAt, then, len(calls), calls, len(all), all)
				}
				// The files too, but for moments and the budget spent.
				if got, want := shape(readBench(t, dir)), shape(readBench(t, whole)); got != want {
					t.Fatalf("%s, interrupted at call %d and %d later:\n%s\nwant\n%s", name, stopAt, then, got, want)
				}
			}
		}
	}
}

// shape is a bench.txt without what depends on when it was written, and without
// blocks beyond those that were asked for.
func shape(text string) string {
	text, _, _ = strings.Cut(text, `# begin {"block":4,`)
	return regexp.MustCompile(`"(spent_ns|load1|overhead_ns|pace)":[0-9.e+-]+,?`).ReplaceAllString(text, "")
}

// A kill between a histogram and its result leaves one too many: it is cut off,
// and no other.
func TestResumeCutsUnpairedHistogram(t *testing.T) {
	dir := t.TempDir()
	r, _ := newRun(t, dir)
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	out := Output{Line: "BenchmarkB/model=ants-2\t1\t1 ns/op", Latency: "AAAA", Max: 250_000}
	c := benchlog.Case{Workload: "B", Model: Ants, CPUs: 2}
	if err := r.Log.Result(c, out, r.Log.started.Add(1500*time.Millisecond), 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	r.Log.Close()
	name := filepath.Join(dir, benchlog.LatencyFile)
	whole, err := os.ReadFile(name)
	if err != nil || !strings.HasSuffix(string(whole), "\nTag=B/model=ants-2,1.500,0.020,0.250,AAAA\n") {
		t.Fatalf("%q, %v", whole, err)
	}
	line := "Tag=B/model=ants-2,2.500,0.020,0.250,AAAA\n"
	many := strings.Repeat(line, 4) // there are four results of it
	for text, want := range map[string]string{
		string(whole):                                string(whole),
		string(whole) + "Tag=B/mod":                  string(whole),
		string(whole) + many:                         string(whole) + many[:3*len(line)],
		string(whole) + "Tag=C/model=x-1,1,1,1,AA\n": string(whole),
		"": "",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		log, _, err := OpenLog(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, latency := log.Texts()
		if string(latency) != want {
			t.Errorf("%q in memory, want %q", latency, want)
		}
		log.Close()
		if got, _ := os.ReadFile(name); string(got) != want {
			t.Errorf("%q is left of %q, want %q", got, text, want)
		}
	}
}

// What a log has in memory is what is in its files, after a resume too.
func TestLogTexts(t *testing.T) {
	dir := t.TempDir()
	r, _ := newRun(t, dir)
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		results, latency := r.Log.Texts()
		file, err := os.ReadFile(filepath.Join(dir, benchlog.LatencyFile))
		if string(results) != readBench(t, dir) || string(latency) != string(file) || err != nil {
			t.Error("memory and files differ")
		}
		r.Log.Close()
		if r.Log, _, err = OpenLog(dir); err != nil {
			t.Fatal(err)
		}
		if err := r.Log.Skip(benchlog.Case{Workload: "B", Model: Ants, CPUs: 2}, "one\ntwo"); err != nil {
			t.Fatal(err)
		}
	}
	if want := "--- SKIP: BenchmarkB/model=ants-2\n    one\n    two\n"; !strings.HasSuffix(readBench(t, dir), want) {
		t.Errorf("no %q at the end", want)
	}
}

// A bench time other than the default is that of every call, of the plan, of
// the calibration and of the blocks; a zero Config has the documented values.
func TestRunBenchtime(t *testing.T) {
	dir := t.TempDir()
	r, exec := newRun(t, t.TempDir())
	r.Log.Close()
	r.Benchtime, r.Deadline = 7*time.Millisecond, 0
	var err error
	if r.Log, err = CreateLog(dir, r.Plan(exec.clock.now), nil); err != nil {
		t.Fatal(err)
	}
	stats, err := r.Do(t.Context())
	if err != nil || stats.Bench != 7*time.Millisecond {
		t.Fatalf("stats %+v, %v", stats, err)
	}
	for i, in := range exec.calls {
		if in.Benchtime != 7*time.Millisecond || i >= fakeCases && (in.N != 5000 || in.Op != time.Microsecond) {
			t.Errorf("call %d is %+v", i, in)
		}
	}
	r.Log.Close()
	_, past, err := OpenLog(dir)
	if err != nil {
		t.Fatal(err)
	}
	if past.Header.Benchtime != 7*time.Millisecond || past.Calibration.Benchtime != 7*time.Millisecond || past.Blocks[0].Benchtime != 7*time.Millisecond {
		t.Errorf("past %+v", past)
	}
	if h := past.Header; h.Count != 3 || h.Repeats != 2 || h.Seed != 7 || h.Deadline != 20*time.Second+140*time.Millisecond || h.CPUs != "0-1" || h.Command != "test" {
		t.Errorf("plan %+v", h)
	}

	zero := Run{Config: Config{Declared: testModels()}}
	h := zero.Plan(time.Time{})
	if h.Count != 6 || h.Benchtime != 50*time.Millisecond || h.Deadline != 21*time.Second || h.Repeats != 0 || h.Budget != 0 ||
		!slices.Equal(h.Lanes, []int{1}) || !slices.Equal(h.Models, []benchlog.Model{Serial, Greenlet, Goroutine, Ants, Thread, Process}) {
		t.Errorf("plan of nothing in particular: %+v", h)
	}
}

// A kill may leave half a line: it is cut off, and its result taken again.
func TestResumeTruncated(t *testing.T) {
	whole := t.TempDir()
	r, _ := newRun(t, whole)
	if _, err := r.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	text := readBench(t, whole)
	header := strings.Index(text, "Unit ")
	for cut := header; cut < len(text); cut += 37 {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, benchlog.BenchFile), []byte(text[:cut]), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, benchlog.LatencyFile), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		log, past, err := OpenLog(dir)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		again, _ := newRun(t, t.TempDir())
		again.Log.Close()
		again.Log, again.Checkpoint = log, past
		if _, err := again.Do(t.Context()); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		log.Close()
		if got := len(linesWith(readBench(t, dir), "Benchmark")); got != 3*fakeCases {
			t.Errorf("cut at %d: %d results in the end, want %d", cut, got, 3*fakeCases)
		}
	}
}

// A plan that is cut off or somebody else's gets a sentence of its own.
func TestOpenLogRejects(t *testing.T) {
	const (
		plan     = `# switchyard {"format":1,"count":1,"benchtime_ns":1,"deadline_ns":1,"lanes":[1],"models":["serial"]}` + "\n"
		workload = `# model {"name":"serial"}` + "\n" + `# workload {"name":"A"}` + "\n"
		found    = `# calibrated {"benchtime_ns":1,"cases":[{"case":"A/model=serial-1","n":1}]}` + "\n"
	)
	without := func(old, new string) string { return strings.Replace(plan, old, new, 1) + workload }
	for name, tt := range map[string]struct{ text, want string }{
		"empty":                   {"", "it has no plan in its first line"},
		"no plan":                 {"goos: linux\nBenchmarkA 1 1 ns/op\n", "it has no plan in its first line"},
		"a plan, later":           {"goos: linux\n" + plan + workload, "it has no plan in its first line"},
		"half a line":             {plan[:40], "it has no plan in its first line"},
		"two plans":               {plan + workload + plan + workload, "it holds 2 runs"},
		"broken plan":             {"# switchyard {\n", "its plan is unreadable: unexpected end of JSON input"},
		"another format":          {without(`"format":1`, `"format":99`), "its format is 99, and this program writes 1"},
		"no format":               {without(`"format":1,`, ""), "its format is 0, and this program writes 1"},
		"no count":                {without(`"count":1,`, ""), "its plan is not complete"},
		"no bench time":           {without(`"benchtime_ns":1,`, ""), "its plan is not complete"},
		"no deadline":             {without(`"deadline_ns":1,`, ""), "its plan is not complete"},
		"negative budget":         {without(`"count":1`, `"count":1,"budget_ns":-1`), "its plan is not complete"},
		"negative repeats":        {without(`"count":1`, `"count":1,"repeats":-1`), "its plan is not complete"},
		"no lanes":                {without(`[1]`, `[]`), "its plan is not complete"},
		"lane 0":                  {without(`[1]`, `[2,0]`), "its plan is not complete"},
		"no models":               {without(`"serial"`, ``), "its plan is not complete"},
		"unknown model":           {without(`"serial"`, `"serial","fork"`), "its plan is not complete"},
		"a model not declared":    {plan + `# workload {"name":"A"}` + "\n", "its plan is not complete"},
		"broken model":            {plan + "# model x\n" + workload, "a model is unreadable: invalid character 'x' looking for beginning of value"},
		"no workloads":            {plan + `# model {"name":"serial"}` + "\n", "its plan is not complete"},
		"broken workload":         {plan + "# workload x\n", "a workload is unreadable: invalid character 'x' looking for beginning of value"},
		"broken begin":            {plan + workload + found + "# begin x\n", "a block is unreadable: invalid character 'x' looking for beginning of value"},
		"broken block":            {plan + workload + found + "# block x\n", "a block is unreadable: invalid character 'x' looking for beginning of value"},
		"broken calibration":      {plan + workload + "# calibrated x\n", "the calibration is unreadable: invalid character 'x' looking for beginning of value"},
		"no bench time then":      {plan + workload + "# calibrated {}\n", "its calibration is not complete"},
		"no ops":                  {plan + workload + strings.Replace(found, `"n":1`, `"n":0`, 1), "its calibration of A/model=serial-1 is not complete"},
		"negative op":             {plan + workload + strings.Replace(found, `"n":1`, `"n":1,"op_ns":-1`, 1), "its calibration of A/model=serial-1 is not complete"},
		"negative overhead":       {plan + workload + strings.Replace(found, `"n":1`, `"n":1,"overhead_ns":-1`, 1), "its calibration of A/model=serial-1 is not complete"},
		"negative batch":          {plan + workload + strings.Replace(found, `"n":1`, `"n":1,"batch":-1`, 1), "its calibration of A/model=serial-1 is not complete"},
		"negative time":           {plan + workload + strings.Replace(found, `"n":1`, `"n":1,"timed_ns":-1`, 1), "its calibration of A/model=serial-1 is not complete"},
		"negative sessions":       {without(`"count":1`, `"count":1,"sessions":-1`), "its sessions are not those of its plan"},
		"too many sessions":       {without(`"count":1`, `"count":1,"sessions":2`), "its sessions are not those of its plan"},
		"another session":         {plan + workload + found + `# begin {"block":1,"attempt":1,"session":2}` + "\n", "its sessions are not those of its plan"},
		"broken earlier run":      {plan + workload + "# like x\n", "the earlier run is unreadable: invalid character 'x' looking for beginning of value"},
		"earlier run, no time":    {plan + workload + `# like {"cases":[]}` + "\n", "what it has of an earlier run is not complete"},
		"earlier run, no N":       {plan + workload + `# like {"benchtime_ns":1,"cases":[{"case":"A","batch":1}]}` + "\n", "what it has of an earlier run is not complete"},
		"earlier run, no batch":   {plan + workload + `# like {"benchtime_ns":1,"cases":[{"case":"A","n":1}]}` + "\n", "what it has of an earlier run is not complete"},
		"an earlier run":          {plan + workload + `# like {"benchtime_ns":1,"cases":[{"case":"A","n":1,"batch":1}]}` + "\n" + found, ""},
		"results, no calibration": {plan + workload + "BenchmarkA/model=serial-1 1 1 ns/op\n", "it has results, but not the calibration that they go by"},
		"begin, no calibration":   {plan + workload + `# begin {"block":1,"attempt":1}` + "\n", "it has results, but not the calibration that they go by"},
		"block, no calibration":   {plan + workload + `# block {"block":1,"attempt":1}` + "\n", "it has results, but not the calibration that they go by"},
		"nothing wrong":           {plan + workload + found, ""},
		"nothing measured":        {plan + workload, ""},
	} {
		dir := t.TempDir()
		for file, text := range map[string]string{benchlog.BenchFile: tt.text, benchlog.LatencyFile: ""} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		log, past, err := OpenLog(dir)
		if tt.want == "" {
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else {
				log.Close()
			}
			continue
		}
		if want := filepath.Join(dir, benchlog.BenchFile) + " cannot be resumed: " + tt.want; err == nil || err.Error() != want || log != nil || past != nil {
			t.Errorf("%s: error %v, want %q", name, err, want)
		}
	}
	dir := t.TempDir()
	if _, _, err := OpenLog(dir); err == nil || !strings.HasPrefix(err.Error(), "nothing to resume: ") {
		t.Errorf("a directory without results: %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, benchlog.BenchFile), []byte(plan+workload), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenLog(dir); err == nil || !strings.Contains(err.Error(), benchlog.LatencyFile) {
		t.Errorf("no latency log: %v", err)
	}
}

func TestCreateLogKeepsResults(t *testing.T) {
	dir := t.TempDir()
	r, _ := newRun(t, dir)
	before := readBench(t, dir)
	if _, err := CreateLog(dir, r.Plan(time.Now()), nil); err == nil {
		t.Error("results were overwritten")
	}
	if readBench(t, dir) != before {
		t.Error("results were changed")
	}
}

// The budget shortens the bench time, not the number of results: what is left
// goes into more of them.
func TestRunBudget(t *testing.T) {
	r, exec := newRun(t, t.TempDir())
	r.Budget = 1200 * time.Millisecond
	var notes notes
	r.Observe = &notes
	stats, err := r.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if stats.Results < 3*fakeCases {
		t.Errorf("%d results, want at least %d", stats.Results, 3*fakeCases)
	}
	took := exec.clock.now.Sub(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	if took > r.Budget || took < r.Budget*9/10 {
		t.Errorf("took %v of a budget of %v", took, r.Budget)
	}
	if stats.Bench >= 50*time.Millisecond || len(notes.texts) != 1 {
		t.Errorf("bench time %v, notes %q", stats.Bench, notes.texts)
	}
}

type notes struct{ texts []string }

func (*notes) Step(done, total int, phase string, c benchlog.Case) {}
func (n *notes) Note(text string)                                  { n.texts = append(n.texts, text) }

// A block at whose edge the canary is slow, or during which something else ran,
// is run again, a bounded number of times, and nothing of it is
// dropped.
func TestRunDisturbed(t *testing.T) {
	for name, disturb := range map[string]func(*Run){
		"canary": func(r *Run) {
			n := 0
			r.Canary = func() time.Duration {
				if n++; n == 4 { // the edges of block 1 are the second and the third
					return 2 * time.Millisecond
				}
				return time.Millisecond
			}
		},
		"a busy loop": func(r *Run) {
			r.Watch = noisy(map[int]float64{2: 2 * benchlog.OthersDisturb})
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			r, _ := newRun(t, dir)
			disturb(r)
			stats, err := r.Do(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			text := readBench(t, dir)
			blocks := linesWith(text, "# block ")
			if stats.Repeated != 1 || stats.Results != 4*fakeCases || len(blocks) != 4 {
				t.Fatalf("stats %+v, blocks %q", stats, blocks)
			}
			if !strings.Contains(blocks[1], `"disturbed":true`) || !strings.Contains(blocks[2], `"block":2,"attempt":2`) {
				t.Errorf("blocks %q", blocks)
			}
		})
	}
}

// On a machine that is never quiet the repeats end.
func TestRunAlwaysDisturbed(t *testing.T) {
	r, _ := newRun(t, t.TempDir())
	n := time.Duration(0)
	r.Canary = func() time.Duration { n++; return time.Millisecond * n * n }
	stats, err := r.Do(t.Context())
	if err != nil || stats.Repeated != r.Repeats {
		t.Errorf("stats %+v, error %v; want %d repeats", stats, err, r.Repeats)
	}
}

// Results that cannot be written end the run with that error.
func TestRunDiskFull(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no /dev/full here")
	}
	r, _ := newRun(t, t.TempDir())
	r.Log.bench.Close()
	r.Log.bench = full
	if _, err := r.Do(t.Context()); err == nil || !strings.Contains(err.Error(), "write the results") {
		t.Errorf("error %v", err)
	}
}
