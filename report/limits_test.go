package report

import (
	"bytes"
	"fmt"
	"html"
	"strings"
	"testing"

	"switchyard/report/format"
	"switchyard/report/results"
)

// More benchmarks than a report judges are said to be left out, by report and
// by compare, in the text and on the page.
func TestTooManyCells(t *testing.T) {
	var b strings.Builder
	for i := range results.MaxCells + 3 {
		fmt.Fprintf(&b, "Benchmark%d-2 1 5 ns/op\n", i)
	}
	run := read(t, b.String())
	want := "3 results left out: a report judges at most 5000 cells, 24 models and 200000 results"
	if run.Results() != results.MaxCells || fmt.Sprint(run.Notes) != "["+want+"]" {
		t.Fatalf("%d results, notes %q", run.Results(), run.Notes)
	}
	tiny := read(t, "Benchmark1-2 1 5 ns/op\n")
	sayEverywhere(t, run, tiny, want)
}

// sayEverywhere checks that a note of a run stands in all texts and pages it is
// in.
func sayEverywhere(t *testing.T, run, other *Run, want string) {
	t.Helper()
	for name, write := range map[string]func(*bytes.Buffer) error{
		"report": func(b *bytes.Buffer) error { return WriteText(b, Analyze(run), TextOptions{Width: 1000}) },
		"report as a baseline": func(b *bytes.Buffer) error {
			return WriteText(b, Analyze(other), TextOptions{Width: 1000, Baseline: run})
		},
		"compare, new":          func(b *bytes.Buffer) error { return WriteCompare(b, Compare(other, run), TextOptions{Width: 1000}) },
		"compare, old":          func(b *bytes.Buffer) error { return WriteCompare(b, Compare(run, other), TextOptions{Width: 1000}) },
		"page":                  func(b *bytes.Buffer) error { return WriteHTML(b, Analyze(run), PageOptions{}) },
		"page of a comparison":  func(b *bytes.Buffer) error { return WriteHTML(b, Analyze(run), PageOptions{Baseline: other}) },
		"page, as the baseline": func(b *bytes.Buffer) error { return WriteHTML(b, Analyze(other), PageOptions{Baseline: run}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil || !strings.Contains(html.UnescapeString(b.String()), want) {
			t.Errorf("%s does not say %q (%v)", name, want, err)
		}
	}
}

// An incomplete last line is said wherever the file is used, and so is a line
// that is none.
func TestNotesAreSaidEverywhere(t *testing.T) {
	run := read(t, "BenchmarkX-2 1 5 ns/op\nBenchmarkX-2 ten 5 ns/op\nBenchmarkX-2 1 6 ns/op")
	other := read(t, "BenchmarkX-2 1 5 ns/op\n")
	sayEverywhere(t, run, other, "the last line is incomplete and was left out")
	sayEverywhere(t, run, other, "line 2 was left out: the iteration count \"ten\" is no number")
}

// A workload that is declared and was never reached has no rows.
func TestDeclaredWorkloadWithoutResults(t *testing.T) {
	run := read(t, `# switchyard {"format":1,"models":["a"]}
# workload {"name":"Lock","cases":["n=1"]}
# workload {"name":"Ring","cases":["n=1"]}
BenchmarkLock/n=1/model=a-2 1 5 ns/op
`)
	if len(run.Workloads) != 1 || strings.Contains(pageOf(t, run), "Ring") {
		t.Errorf("%d workloads", len(run.Workloads))
	}
}

// Different names never look alike, however long they are and whatever stands
// in them.
func TestNamesStayDifferent(t *testing.T) {
	const shownChars = 96 // of a name
	long := strings.Repeat("x", 200)
	all := []string{"", "a", `\x1b`, "\x1b", `\\x1b`, "\\\x1b", "\xff", "\xfe", "\uFFFD", `\xff`, "a b", "a\u00a0b", "a\tb", "a\nb", "\u202e", `\u202e`,
		long, long + "1", long + "2", "1" + long, "2" + long, long[:100] + "1" + long[100:], long[:100] + "2" + long[100:], long[:shownChars], long[:shownChars+1]}
	seen := map[string]string{}
	for _, s := range all {
		shown := format.Clean(s)
		if other, ok := seen[shown]; ok {
			t.Errorf("%q and %q are both shown as %q", s, other, shown)
		}
		seen[shown] = s
		if n := len([]rune(shown)); n > shownChars {
			t.Errorf("%q is shown in %d characters", s, n)
		}
	}
	if got := format.Clean(long[:shownChars]); got != long[:shownChars] {
		t.Errorf("a name that fits was cut: %q", got)
	}
	// In the tables too: a case that is named as its workload, long names.
	run := read(t, "BenchmarkX-2 1 5 ns/op\nBenchmarkX/X-2 1 5 ns/op\nBenchmark"+long+"/a-2 1 5 ns/op\nBenchmark"+long+"/b-2 1 5 ns/op\n")
	var text bytes.Buffer
	if err := WriteText(&text, Analyze(run), TextOptions{Width: 300, Verbose: true}); err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, line := range strings.Split(text.String(), "\n") {
		if name, _, ok := strings.Cut(line, "  200M"); ok {
			rows[strings.TrimSpace(name)] = true
		}
	}
	if len(rows) != 4 {
		t.Errorf("%d different rows of 4:\n%s", len(rows), &text)
	}
}
