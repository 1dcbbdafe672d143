package results

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"switchyard/report/internal/reporttest"
)

// A file is read up to its limit, and one byte above it that is said.
func TestFileLimit(t *testing.T) {
	defer func(n int64) { maxBytes = n }(maxBytes)
	text := "BenchmarkX-2 1 5 ns/op\nBenchmarkX-2 1 6 ns/op\n"
	maxBytes = 3 << 20
	pad := strings.Repeat("# "+strings.Repeat("x", 1021)+"\n", 3<<10)
	for _, test := range []struct {
		text    string
		results int
		said    bool
	}{
		{text + pad[:3<<20-len(text)-1] + "\n", 2, false},
		{text + pad[:3<<20-len(text)-1] + "\n" + "B", 2, true},
		{text + pad[:3<<20-len(text)-1] + "\n" + text, 2, true},
	} {
		run := read(t, test.text)
		said := slices.Contains(run.Notes, "only the first 3 MiB were read")
		if run.Results() != test.results || said != test.said {
			t.Errorf("%d bytes: %d results, notes %q", len(test.text), run.Results(), run.Notes)
		}
	}
}

func read(t testing.TB, text string) *Run {
	t.Helper()
	run, err := Read("bench.txt", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestRead(t *testing.T) {
	run := read(t, reporttest.Small)
	if run.Header.Started.String() != "2026-11-20T19:03:11.25Z" || run.Header.CPUs != "0-1" || run.Fact("cpu") != "Test CPU" {
		t.Errorf("header %+v, facts %v", run.Header, run.Facts)
	}
	if got := fmt.Sprint(run.Models); got != "[serial greenlet goroutine]" {
		t.Errorf("models %s", got)
	}
	if len(run.Workloads) != 1 || run.Results() != 4 {
		t.Fatalf("%d workloads, %d results", len(run.Workloads), run.Results())
	}
	w := run.Workloads[0]
	if w.Info.Story != "Tickets." || w.Info.Source != "bench/workload/lock.go" || w.Skipped["serial"] != "nobody to share with" {
		t.Errorf("workload %+v", w)
	}
	if len(w.Cases) != 2 || w.Cases[0].Name() != "tasks=2" || w.Cases[0].CPUs != 2 {
		t.Fatalf("cases are not in the header's order: %v", w.Cases)
	}
	greenlet := w.Cases[0].Cells["greenlet"]
	if len(greenlet.Results) != 2 || greenlet.Results[0].Block != 0 || greenlet.Results[1].Block != 1 {
		t.Errorf("blocks of greenlet: %+v", greenlet.Results)
	}
	if v, ok := greenlet.Results[0].Get("ns/op"); !ok || v != 1000 {
		t.Errorf("ns/op = %v: the file's own unit and digits", v)
	}
	if b := w.Cases[0].Cells["goroutine"].Results[0].Block; b != 2 {
		t.Errorf("a result after the last block line is in block %d, want 2, cut off", b)
	}
	failed := w.Cases[1].Cells["goroutine"]
	if failed.Failed != "block 3: wrong answer: got 17, want 0 and more" || failed.Usable() {
		t.Errorf("failed cell %+v", failed)
	}
	if !run.Blocks[0].Disturbed || len(run.Notes) != 0 || run.Truncated {
		t.Errorf("blocks %+v, notes %v", run.Blocks, run.Notes)
	}
	if got := run.Failures(); len(got) != 1 || !strings.Contains(got[0], "wrong answer") {
		t.Errorf("failures %v", got)
	}
}

func TestReadNothing(t *testing.T) {
	for name, test := range map[string]struct{ in, want string }{
		"empty":      {"", "the file is empty"},
		"text":       {"hello\nworld\n", "none in Go benchmark format"},
		"binary":     {"\x7fELF\x00\x00\x01\n\x00\x00", "binary"},
		"no newline": {"BenchmarkX 1 2 ns/op", "incomplete"},
		"header":     {"# switchyard {}\ngoos: linux\n", "none in Go benchmark format"},
	} {
		_, err := Read("f", strings.NewReader(test.in))
		if !errors.Is(err, ErrNoResults) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want it to say %q", name, err, test.want)
		}
	}
	if _, err := Load(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing directory: %v", err)
	}
	if _, err := Load(t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("directory without results: %v", err)
	}
}

// endless is a reader of one line that never ends, of up to n bytes.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	if e.n <= 0 {
		return 0, io.EOF
	}
	p = p[:min(len(p), e.n)]
	for i := range p {
		p[i] = 'x'
	}
	e.n -= len(p)
	return len(p), nil
}

// Lines are bounded: ten megabytes without a newline are skipped, and said so.
func TestLongLines(t *testing.T) {
	good := "BenchmarkX/model=a-2 10 100 ns/op\n"
	run, err := Read("f", io.MultiReader(strings.NewReader(good), &endless{10 << 20}, strings.NewReader("\n"+good)))
	if err != nil {
		t.Fatal(err)
	}
	if run.Results() != 2 || len(run.Notes) != 1 || !strings.Contains(run.Notes[0], "longer than") {
		t.Errorf("%d results, notes %q", run.Results(), run.Notes)
	}
	long := "BenchmarkX/model=a-2 10 100 ns/op " + strings.Repeat("1 u/op ", 20000) + "\n"
	if run := read(t, good+long+good); run.Results() != 2 {
		t.Errorf("%d results, notes %q", run.Results(), run.Notes)
	}
}

func TestMalformedLinesAreNoted(t *testing.T) {
	run := read(t, "BenchmarkX/model=a-2 10 100 ns/op\nBenchmarkX/model=a-2 ten 100 ns/op\nBenchmarkY 1\n# block {broken\n# workload []\n# a comment\n")
	if run.Results() != 1 || len(run.Notes) != 4 {
		t.Errorf("%d results, notes %q", run.Results(), run.Notes)
	}
}

func TestLanesAreCases(t *testing.T) {
	run := read(t, "BenchmarkX/model=a 10 100 ns/op\nBenchmarkX/model=a-2 10 60 ns/op\n")
	cases := run.Workloads[0].Cases
	if len(cases) != 2 || cases[0].Title() == cases[1].Title() {
		t.Errorf("one core and two must be two cases with two names")
	}
}

// Sizes that a run has added stand among those of its plan, and are none of
// them. A point that the workload cannot have is not refined: it is of another
// program.
func TestRefinedCases(t *testing.T) {
	text := `# switchyard {"format":1,"run":"2026-11-27T12:00:00Z","models":["a"]}
# workload {"name":"Map","op":"task","vary":["task","chunk"],"cases":["task=1us/chunk=1","task=10us/chunk=1","task=1us/chunk=64"],"refine":["task"]}
`
	for _, p := range []string{"task=5us/chunk=64", "task=2.4us/chunk=1", "task=1us/chunk=64", "task=10us/chunk=1", "task=2.13us/chunk=1", "task=1us/chunk=1"} {
		text += "BenchmarkMap/" + p + "/model=a-2 10 100 ns/op\n"
	}
	run, err := Read("test", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	names := func(cases []*Case) (all []string) {
		for _, c := range cases {
			all = append(all, c.Name())
		}
		return all
	}
	w := run.Workloads[0]
	want := []string{"task=1us/chunk=1", "task=2.13us/chunk=1", "task=2.4us/chunk=1", "task=10us/chunk=1", "task=1us/chunk=64", "task=5us/chunk=64"}
	if got := names(w.Cases); !slices.Equal(got, want) {
		t.Errorf("cases %q, want %q", got, want)
	}
	want = []string{"task=1us/chunk=1", "task=10us/chunk=1", "task=1us/chunk=64", "task=5us/chunk=64"}
	if got := names(w.Planned()); !slices.Equal(got, want) {
		t.Errorf("planned %q, want %q", got, want)
	}
}
