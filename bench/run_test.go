package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

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
	line := fmt.Sprintf("Benchmark%s\t%d\t%d ns/op", in.Case, n, op)
	out := Output{Line: line, N: n, Op: op}
	if in.N == 0 {
		out.Passes, out.Timed = 2, in.Benchtime*13/10
	}
	return out, nil
}

func twoWorkloads() []WorkloadInfo {
	return []WorkloadInfo{
		{Name: "A", Op: "op", Story: "s", Cases: []Params{"n=1", "n=2"}, Models: []Model{Serial, Goroutine}, NA: map[Model]string{Ants: "no ants"}},
		{Name: "B", Op: "op", Story: "s", Cases: []Params{""}, Models: []Model{Serial, Goroutine, Ants}},
	}
}

// newRun plans a run of 7 cases in dir, with everything faked.
func newRun(t *testing.T, dir string) (*Run, *fakeExec) {
	t.Helper()
	clock := &fakeClock{time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)}
	exec := &fakeExec{clock: clock}
	r := &Run{
		Config: Config{
			Workloads: twoWorkloads(), Models: []Model{Serial, Goroutine, Ants}, Lanes: []int{2},
			Count: 3, Benchtime: 50 * time.Millisecond, Repeats: 2, Seed: 7, CPUs: "0-1", Command: "test",
		},
		Exec: exec, Now: clock.Now,
		Canary: func() time.Duration { return time.Millisecond },
		Steal:  func() func() float64 { return func() float64 { return 0 } },
	}
	var err error
	r.Log, err = CreateLog(dir, r.Header(clock.now), []Fact{{"goos", "test"}, {"cpu", "none"}}, r.Workloads)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Log.Close() })
	return r, exec
}

func readBench(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, BenchFile))
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
	if got := len(linesWith(text, blockPrefix)); got != 3 {
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
			return Void("too few files")
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
		again.Log, again.Past = log, past
		t.Cleanup(func() { log.Close() })
		stats, err := again.Do(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text := readBench(t, dir)
		if got := len(linesWith(text, "Benchmark")); got != 3*fakeCases || stats.Results != got {
			t.Errorf("interrupted at call %d: %d results in the end, stats %+v", stopAt, got, stats)
		}
		if got := len(linesWith(text, blockPrefix)); got != 3 {
			t.Errorf("interrupted at call %d: %d blocks in the end", stopAt, got)
		}
		if got := len(linesWith(text, headerPrefix)); got != 1 {
			t.Errorf("interrupted at call %d: %d headers", stopAt, got)
		}
		if most := 4*fakeCases - min(stopAt, 4*fakeCases); stopAt >= fakeCases*2 && len(exec2.calls) > most {
			t.Errorf("interrupted at call %d: %d calls more, want at most %d", stopAt, len(exec2.calls), most)
		}
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
		if err := os.WriteFile(filepath.Join(dir, BenchFile), []byte(text[:cut]), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, LatencyFile), nil, 0o644); err != nil {
			t.Fatal(err)
		}
		log, past, err := OpenLog(dir)
		if err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		again, _ := newRun(t, t.TempDir())
		again.Log.Close()
		again.Log, again.Past = log, past
		if _, err := again.Do(t.Context()); err != nil {
			t.Fatalf("cut at %d: %v", cut, err)
		}
		log.Close()
		if got := len(linesWith(readBench(t, dir), "Benchmark")); got != 3*fakeCases {
			t.Errorf("cut at %d: %d results in the end, want %d", cut, got, 3*fakeCases)
		}
	}
}

func TestOpenLogRejects(t *testing.T) {
	for name, text := range map[string]string{
		"empty":           "",
		"no plan":         "goos: linux\nBenchmarkA 1 1 ns/op\n",
		"broken plan":     "# switchyard {\n",
		"another format":  `# switchyard {"format":99,"count":1,"benchtime_ns":1,"lanes":[1]}` + "\n",
		"incomplete plan": `# switchyard {"format":1}` + "\n",
		"broken block":    `# switchyard {"format":1,"count":1,"benchtime_ns":1,"lanes":[1]}` + "\n# block x\n",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, BenchFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, _, err := OpenLog(dir); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	if _, _, err := OpenLog(t.TempDir()); err == nil {
		t.Error("a directory without results was opened")
	}
}

func TestCreateLogKeepsResults(t *testing.T) {
	dir := t.TempDir()
	r, _ := newRun(t, dir)
	before := readBench(t, dir)
	if _, err := CreateLog(dir, r.Header(time.Now()), nil, nil); err == nil {
		t.Error("results were overwritten")
	}
	if readBench(t, dir) != before {
		t.Error("results were changed")
	}
}

// The budget shortens the bench time, never the number of results.
func TestRunBudget(t *testing.T) {
	r, exec := newRun(t, t.TempDir())
	r.Budget = 1200 * time.Millisecond
	var notes notes
	r.Observe = &notes
	stats, err := r.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if stats.Results != 3*fakeCases {
		t.Errorf("%d results, want all %d", stats.Results, 3*fakeCases)
	}
	took := exec.clock.now.Sub(time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))
	if took > r.Budget*11/10 {
		t.Errorf("took %v of a budget of %v", took, r.Budget)
	}
	if stats.Bench >= 50*time.Millisecond || len(notes.texts) != 1 {
		t.Errorf("bench time %v, notes %q", stats.Bench, notes.texts)
	}
}

type notes struct{ texts []string }

func (*notes) Step(done, total int, phase string, c Case) {}
func (n *notes) Note(text string)                         { n.texts = append(n.texts, text) }

// A block at whose edge the canary is slow, or during which the hypervisor stole
// time, is run again, a bounded number of times, and nothing of it is dropped.
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
		"steal": func(r *Run) {
			block := 0
			r.Steal = func() func() float64 {
				block++
				stolen := 0.0
				if block == 2 {
					stolen = 2 * stealLimit
				}
				return func() float64 { return stolen }
			}
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
			blocks := linesWith(text, blockPrefix)
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
