package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const small = `# switchyard {"format":1,"run":"2026-11-20T19:03:11.25Z","command":"make bench","seed":1,"count":2,"benchtime_ns":50000000,"cpus":"0-1","models":["serial","greenlet","goroutine"]}
# workload {"name":"Lock","story":"Tickets.","op":"ticket","source":"bench/workload/lock.go","vary":["tasks"],"cases":["tasks=2","tasks=8"]}
goos: linux
cpu: Test CPU
Unit ops/s better=higher
BenchmarkLock/tasks=8/model=greenlet-2 	 50000 	 1012 ns/op	 988142 ops/s	 1400 p99-ns	 4812800 peak-RSS-bytes
BenchmarkLock/tasks=2/model=greenlet-2 	 50000 	 1000 ns/op	 1e6 ops/s
# block {"block":1,"attempt":1,"seed":1,"canary_ns":[100,110],"canary_base_ns":100,"steal_pct":0.5,"load1":0.3,"disturbed":true}
BenchmarkLock/tasks=2/model=greenlet-2 	 50000 	 1010 ns/op	 990000 ops/s
--- FAIL: BenchmarkLock/tasks=8/model=goroutine-2
    block 3: wrong answer: got 17, want 0
    and more
--- SKIP: BenchmarkLock/model=serial-2
    nobody to share with
# block {"block":2,"attempt":1}
BenchmarkLock/tasks=2/model=goroutine-2 	 50000 	 2000 ns/op	 500000 ops/s
`

// smallLog begins the latency log of that run.
const smallLog = "#[Histogram log format version 1.3]\n#[StartTime: 1795201391.250 (seconds since epoch), 2026-11-20T19:03:11Z]\n"

func read(t testing.TB, text string) *Run {
	t.Helper()
	run, err := Read("bench.txt", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return run
}

func TestRead(t *testing.T) {
	run := read(t, small)
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
	if w.Story != "Tickets." || w.Source != "bench/workload/lock.go" || w.Skipped["serial"] != "nobody to share with" {
		t.Errorf("workload %+v", w)
	}
	if len(w.Cases) != 2 || w.Cases[0].Name() != "tasks=2" || w.Cases[0].Procs != 2 {
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
	if failed.Failed != "block 3: wrong answer: got 17, want 0 and more" || failed.usable() {
		t.Errorf("failed cell %+v", failed)
	}
	if !run.Blocks[0].Disturbed || len(run.Notes) != 0 || run.Truncated {
		t.Errorf("blocks %+v, notes %v", run.Blocks, run.Notes)
	}
	if got := run.Failures(); len(got) != 1 || !strings.Contains(got[0], "wrong answer") {
		t.Errorf("failures %v", got)
	}
}

// A case with any failure shows no number, even when most of its results are
// good.
func TestFailedCellShowsNoNumber(t *testing.T) {
	text := ""
	for range 6 {
		text += "BenchmarkX/model=a-2 10 100 ns/op\nBenchmarkX/model=b-2 10 200 ns/op\n"
	}
	run := read(t, text+"--- FAIL: BenchmarkX/model=a-2\n    wrong answer\n")
	r := run.Case(run.Workloads[0].Cases[0], Throughput)
	if e := r.Entry("a"); e.Relation != Absent || len(e.Sample) != 0 {
		t.Errorf("the failed model has an entry: %+v", e)
	}
	if r.Best().Model != "b" {
		t.Errorf("best is %s", r.Best().Model)
	}
	var text1, html bytes.Buffer
	if err := WriteText(&text1, run, Options{}); err != nil {
		t.Fatal(err)
	}
	if err := WriteHTML(&html, run, Options{}); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text1.String(), "FAILED") || !strings.Contains(text1.String(), "wrong answer") {
		t.Errorf("text does not tell of the failure:\n%s", &text1)
	}
	if !strings.Contains(html.String(), "wrong answer") || strings.Contains(text1.String(), "10M") {
		t.Error("the page must tell of the failure and show no number of it")
	}
}

// A file may be cut off at any byte: what was whole before is kept, and what
// was cut is said.
func TestTruncatedAnywhere(t *testing.T) {
	results := 0
	for n := range len(small) {
		run, err := Read("bench.txt", strings.NewReader(small[:n]))
		if err != nil {
			if !errors.Is(err, ErrNoResults) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if small[n-1] != '\n' != run.Truncated {
			t.Fatalf("cut at %d: truncated = %v", n, run.Truncated)
		}
		if run.Results() < results {
			t.Fatalf("cut at %d: %d results, there were %d", n, run.Results(), results)
		}
		results = run.Results()
		if n%37 == 0 {
			if err := WriteHTML(io.Discard, run, Options{}); err != nil {
				t.Fatalf("cut at %d: %v", n, err)
			}
		}
	}
}

func TestReadPlainGoBenchmark(t *testing.T) {
	run := read(t, `goos: linux
pkg: example.com/x
BenchmarkFoo/size=10-8   	 100	 123 ns/op	 16 B/op	 1 allocs/op
BenchmarkFoo/size=20-8   	 100	 246 ns/op	 16 B/op	 1 allocs/op
BenchmarkBar-8           	 100	 5 ns/op
PASS
ok  	example.com/x	1.2s
`)
	if len(run.Workloads) != 2 || len(run.Workloads[0].Cases) != 2 || run.Models[0] != "" {
		t.Fatalf("%d workloads, models %q", len(run.Workloads), run.Models)
	}
	if v := run.Verdict(); v.Winner != "" || !strings.Contains(v.Sentence, "Nothing to compare") {
		t.Errorf("verdict: %s", v.Sentence)
	}
	if s, _ := Throughput.sample(run.Workloads[1].Cases[0].Cells[""]); len(s) != 1 || s[0] != 2e8 {
		t.Errorf("throughput from ns/op: %v", s)
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

func TestValuesThatAreNoMeasurement(t *testing.T) {
	text := ""
	for _, v := range []string{"NaN", "Inf", "-Inf", "-5", "0", "1e400", "1e308", "100", "101", "102"} {
		text += "BenchmarkX/model=a-2 10 " + v + " ns/op " + v + " ops/s\nBenchmarkX/model=b-2 10 50 ns/op 2e7 ops/s\n"
	}
	run := read(t, text)
	cell := run.Workloads[0].Cases[0].Cells["a"]
	s, invalid := Throughput.sample(cell)
	if len(s)+invalid != len(cell.Results) || len(s) < 3 {
		t.Errorf("%d values and %d that are none, of %d", len(s), invalid, len(cell.Results))
	}
	for _, v := range s {
		if !finite(v) || v <= 0 {
			t.Errorf("%v is in the sample", v)
		}
	}
	found := false
	for _, w := range run.Warnings() {
		found = found || w.ID == "invalid"
	}
	if !found {
		t.Error("no warning about them")
	}
}

func TestMixedMachines(t *testing.T) {
	run := read(t, "cpu: A\nBenchmarkX/model=a-2 10 100 ns/op\ncpu: B\nBenchmarkX/model=a-2 10 100 ns/op\n")
	ws := run.Warnings()
	if len(ws) == 0 || ws[0].Grade != Grave || run.Verdict().Trust.Level != "low" {
		t.Errorf("results of two machines are mixed silently: %+v", ws)
	}
}

func TestLanesAreCases(t *testing.T) {
	run := read(t, "BenchmarkX/model=a 10 100 ns/op\nBenchmarkX/model=a-2 10 60 ns/op\n")
	cases := run.Workloads[0].Cases
	if len(cases) != 2 || cases[0].title() == cases[1].title() {
		t.Errorf("one core and two must be two cases with two names")
	}
}

func TestParseQuantity(t *testing.T) {
	for in, want := range map[string]quantity{
		"1us": {1e-6, "s"}, "10ms": {10e-3, "s"}, "2s": {2, "s"}, "64KiB": {65536, "B"}, "1MiB": {1 << 20, "B"}, "8B": {8, "B"},
		"1000": {1000, ""}, "80%": {80, "%"}, "10k": {10e3, ""}, "1.5": {1.5, ""},
	} {
		if got, ok := parseQuantity(in); !ok || got != want && got.v/want.v-1 > 1e-12 {
			t.Errorf("parseQuantity(%q) = %v, %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "us", "inf", "nan", "NaN", "0x10", "abc", "1e999", "1_000", "fast"} {
		if got, ok := parseQuantity(in); ok {
			t.Errorf("parseQuantity(%q) = %v", in, got)
		}
	}
}

// TestLimits tries files that would make a careless reader keep too much.
func TestLimits(t *testing.T) {
	var b strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&b, "key%d: value\nBenchmarkW%d/n=%d/model=m%d-2 10 %d ns/op\n", i, i%100, i, i%50, 100+i)
	}
	run := read(t, b.String())
	if len(run.Models) > maxModels || len(run.Facts) > 256 {
		t.Errorf("%d models, %d facts", len(run.Models), len(run.Facts))
	}
	var html bytes.Buffer
	if err := WriteHTML(&html, run, Options{}); err != nil {
		t.Fatal(err)
	}
	if html.Len() > 3<<20 {
		t.Errorf("the page has %d bytes", html.Len())
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("BenchmarkX/model=a-2 1 NaN ns/op\n--- FAIL: Benchmark\n\tx\n"))
	f.Add([]byte("BenchmarkX/n=1/model=a-2 1 1e300 ops/s\nBenchmarkX/n=1e-300/model=a-2 1 1e-300 ops/s\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		run, err := Read("fuzz", bytes.NewReader(data))
		if err != nil {
			if strings.ContainsAny(err.Error(), "\n") {
				t.Errorf("the error is more than one sentence: %q", err)
			}
			return
		}
		if run.Results() > 8 {
			return // drawing pages is slow here, and the parser is what is tried
		}
		if err := WriteText(io.Discard, run, Options{Width: 80}); err != nil {
			t.Error(err)
		}
		if err := WriteHTML(io.Discard, run, Options{}); err != nil {
			t.Error(err)
		}
	})
}
