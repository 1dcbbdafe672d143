package report

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"switchyard/report/analysis"
	"switchyard/report/internal/reporttest"
	"switchyard/report/results"
)

func read(t testing.TB, text string) *Run {
	t.Helper()
	run, err := Read("bench.txt", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return run
}

// A case with any failure shows no number, even when most of its results are
// good.
func TestFailedCellShowsNoNumber(t *testing.T) {
	text := ""
	for range 6 {
		text += "BenchmarkX/model=a-2 10 100 ns/op\nBenchmarkX/model=b-2 10 200 ns/op\n"
	}
	run := read(t, text+"--- FAIL: BenchmarkX/model=a-2\n    wrong answer\n")
	r := Analyze(run).ByCase[run.Workloads[0].Cases[0]][analysis.Throughput]
	if e := r.Entry("a"); e.Relation != analysis.Absent || len(e.Sample) != 0 {
		t.Errorf("the failed model has an entry: %+v", e)
	}
	if r.Best().Model != "b" {
		t.Errorf("best is %s", r.Best().Model)
	}
	var text1, html bytes.Buffer
	if err := WriteText(&text1, Analyze(run), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := WriteHTML(&html, Analyze(run), PageOptions{}); err != nil {
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
	for n := range len(reporttest.Small) {
		run, err := Read("bench.txt", strings.NewReader(reporttest.Small[:n]))
		if err != nil {
			if !errors.Is(err, ErrNoResults) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			continue
		}
		if reporttest.Small[n-1] != '\n' != run.Truncated {
			t.Fatalf("cut at %d: truncated = %v", n, run.Truncated)
		}
		if run.Results() < results {
			t.Fatalf("cut at %d: %d results, there were %d", n, run.Results(), results)
		}
		results = run.Results()
		if n%37 == 0 {
			if err := WriteHTML(io.Discard, Analyze(run), PageOptions{}); err != nil {
				t.Fatalf("cut at %d: %v", n, err)
			}
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
	if len(run.Models) > results.MaxModels || len(run.Facts) > 256 {
		t.Errorf("%d models, %d facts", len(run.Models), len(run.Facts))
	}
	var html bytes.Buffer
	if err := WriteHTML(&html, Analyze(run), PageOptions{}); err != nil {
		t.Fatal(err)
	}
	if html.Len() > 3<<20 {
		t.Errorf("the page has %d bytes", html.Len())
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(reporttest.Small))
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
		if err := WriteText(io.Discard, Analyze(run), TextOptions{Width: 80}); err != nil {
			t.Error(err)
		}
		if err := WriteHTML(io.Discard, Analyze(run), PageOptions{}); err != nil {
			t.Error(err)
		}
	})
}
