package page

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/results"
)

// Lists on the page at and one beyond their limits.
func TestListsAtTheirLimits(t *testing.T) {
	var text strings.Builder
	for i := range 62 {
		fmt.Fprintf(&text, "BenchmarkM/n=%d/model=a-2 1 %d ops/s\nBenchmarkM/n=%d/model=b-2 1 50 ops/s\n--- SKIP: BenchmarkM/n=%d/model=c-2\n    no\n", i, 60-40*(i%2), i, i)
	}
	run := analysis.Of(read(t, text.String()))
	w := run.Workloads[0]
	b := builderOf(run)
	for n, want := range map[int]string{60: "", 61: "1 further cells; the file has them", 62: "2 further cells; the file has them"} {
		b.first[w] = w.Cases[:n]
		all := b.missing(w)
		if last := all[len(all)-1]; want != "" && (len(all) != maxMissing+1 || last.Where != "more" || last.Reason != want) || want == "" && len(all) != maxMissing {
			t.Errorf("%d missing: %d, the last %+v", n, len(all), last)
		}
	}
	all := w.Cases
	for n, want := range map[int]string{8: "n=7: ", 9: "and 1 more; the table has all.", 10: "and 2 more; the table has all."} {
		w.Cases = all[:n]
		b := builderOf(analysis.Of(run.Run))
		got := b.workload(w).Takeaway
		if last := got[len(got)-1]; len(got) != min(n, 9) || !strings.HasPrefix(last, want) {
			t.Errorf("%d groups: %q", n, got)
		}
	}
	w.Cases = all
	b.plan(0)
	cell := all[0].Cells["a"]
	for n, want := range map[int]int{0: 0, 40: 40, 41: 41} {
		links := b.cells(analysis.Warning{Cells: slices.Repeat([]*results.Cell{cell}, n)})
		if len(links) != want || n == 41 && links[0] != (link{"matrix", "the first 40 of 41:"}) || n == 40 && links[0] != (link{"w-M-n-0", "M n=0, a"}) {
			t.Errorf("%d cells: %d links, %q", n, len(links), links[:min(1, len(links))])
		}
	}
	for n, want := range map[int]string{40: "x", 41: "and 1 more"} {
		if got := format.First(slices.Repeat([]string{"x"}, n), maxListed); len(got) != n || got[n-1] != want {
			t.Errorf("%d: the last is %q", n, got[len(got)-1])
		}
	}
}

// The matrix counts the cases of a workload that failed, and gives the first
// reason; a case, and what failed as a whole, has its own.
func TestFailedCells(t *testing.T) {
	run := analysis.Of(read(t, `# switchyard {"format":1,"models":["a","b","c","d"]}
BenchmarkX/n=1/model=a-2 1 5 ns/op
BenchmarkX/n=2/model=a-2 1 5 ns/op
BenchmarkX/n=3/model=a-2 1 5 ns/op
--- FAIL: BenchmarkX/n=2/model=a-2
    late
--- FAIL: BenchmarkX/n=1/model=b-2
    first
--- FAIL: BenchmarkX/n=3/model=b-2
    second
--- FAIL: BenchmarkX/model=c-2
    all
--- SKIP: BenchmarkX/n=2/model=d-2
    slow
`))
	b := builderOf(run)
	b.plan(0)
	row := b.matrix(analysis.Throughput).Rows[0]
	for i, want := range []string{"1 of 3 failed; failed: n=2: late", "2 of 3 failed; failed: n=1: first", "failed; failed: all", "; not measured: slow"} {
		if got := row.Cells[i].Ratio + "; " + row.Cells[i].Title; got != want {
			t.Errorf("%s, in all: %q, want %q", run.Models[i], got, want)
		}
	}
	for i, want := range []string{"failed; failed: late", "; no results", "failed; failed: all", "; not measured: slow"} {
		if got := row.Cases[1].Cells[i].Ratio + "; " + row.Cases[1].Cells[i].Title; got != want {
			t.Errorf("%s, n=2: %q, want %q", run.Models[i], got, want)
		}
	}
}

// A ratio's interval is told if it has two ends: 0 is none.
func TestIntervalOfRatio(t *testing.T) {
	for _, tt := range []struct {
		lo, hi float64
		want   string
	}{
		{0.5, 2, format.RatioDigits(0.5) + " – " + format.RatioDigits(2)},
		{1e-300, 2, format.RatioDigits(1e-300) + " – " + format.RatioDigits(2)},
		{0, 2, "unbounded"},
		{-1, 2, "unbounded"},
		{0.5, math.Inf(1), "unbounded"},
		{math.NaN(), 2, "unbounded"},
		{0.5, math.NaN(), "unbounded"},
	} {
		var e analysis.Entry
		e.Versus.A, e.Versus.Lo, e.Versus.Hi = "m", tt.lo, tt.hi
		if got := versusCell(&e, analysis.Summary{}).Text(); got != tt.want {
			t.Errorf("%v to %v: %q, want %q", tt.lo, tt.hi, got, tt.want)
		}
		e.Relation = analysis.Best
		if got := versusCell(&e, analysis.Summary{}); got != (tableCell{}) {
			t.Errorf("of the best: %+v", got)
		}
	}
}

// What a page has room for: cases up to a number of cells, workloads up to a
// number; what is beyond it is counted.
func TestPlan(t *testing.T) {
	file := func(workloads, cases, models int) *builder {
		var text strings.Builder
		for w := range workloads {
			for c := range cases {
				for m := range models {
					fmt.Fprintf(&text, "BenchmarkW%d/n=%d/model=m%d-2 1 5 ns/op\n", w, c, m)
				}
			}
		}
		b := builderOf(analysis.Of(read(t, text.String())))
		b.plan(0)
		return b
	}
	for _, test := range []struct {
		workloads, cases, models int
		shown, last              int // workloads, and cases of the last
		cut                      string
		sparse                   bool
	}{
		{2, 3, 2, 2, 3, "", false},
		{80, 1, 1, 80, 1, "", false},
		{81, 1, 1, 80, 1, "1 case beyond the first 80 are left out of this page to keep it small.", false},
		{1, 450, 2, 1, 450, "", true},
		{1, 451, 2, 1, 450, "1 case beyond the first 450 are left out of this page to keep it small.", true},
		{3, 250, 2, 2, 200, "300 cases beyond the first 450 are left out of this page to keep it small.", true},
	} {
		b := file(test.workloads, test.cases, test.models)
		last := b.shown[len(b.shown)-1]
		cut := strings.Join(b.cut, "|")
		want := test.cut
		if test.sparse {
			want = strings.TrimPrefix(want+"|Progression and distribution charts were left out to keep the page small.", "|")
		}
		if len(b.shown) != test.shown || len(b.first[last]) != test.last || cut != want || b.sparse != test.sparse {
			t.Errorf("%+v: %d workloads, %d cases, sparse %v, cut %q", test, len(b.shown), len(b.first[last]), b.sparse, cut)
		}
	}
	b := file(1, 2, 1)
	if want := maxPage - pageBytes - 2*tableBytes - workloadBytes; b.room != int(want) {
		t.Errorf("room %d, want %v", b.room, want)
	}
	b.plan(3e6)
	if b.room != 200e3 {
		t.Errorf("room beside much data: %d", b.room)
	}
}

// Anchors are of letters, digits and hyphens, and each is one place's.
func TestAnchors(t *testing.T) {
	for in, want := range map[string]string{
		"w-Lock": "w-Lock", "a b/c": "a-b-c", "azAZ09": "azAZ09", "`{@[/:": "", "--a--b--": "a-b", "é": "", strings.Repeat("x", 61): strings.Repeat("x", 60), strings.Repeat("x", 59) + "/y": strings.Repeat("x", 59),
	} {
		if got := slug(in); got != want {
			t.Errorf("slug(%q) = %q, want %q", in, got, want)
		}
	}
	run := analysis.Of(read(t, "BenchmarkX/a.b-2 1 5 ns/op\nBenchmarkX/a_b-2 1 5 ns/op\nBenchmarkX/a:b-2 1 5 ns/op\n--- FAIL: BenchmarkX/c-2\n    no\n"))
	b := builderOf(run)
	w := run.Workloads[0]
	b.plan(0)
	var got []string
	for range 2 {
		for _, c := range w.Cases {
			got = append(got, b.anchor[c])
		}
	}
	if fmt.Sprint(got) != "[w-X-a-b w-X-a-b-2 w-X-a-b-3 w-X w-X-a-b w-X-a-b-2 w-X-a-b-3 w-X]" {
		t.Errorf("anchors %q", got)
	}
	var many strings.Builder
	for i := range maxWorkloads + 1 {
		fmt.Fprintf(&many, "BenchmarkX%d/n=1-2 1 5 ns/op\n", i)
	}
	b = builderOf(analysis.Of(read(t, many.String())))
	b.plan(0)
	if last := b.run.Workloads[maxWorkloads]; b.anchor[last] != "workloads" || b.anchor[last.Cases[0]] != "workloads" {
		t.Error("an anchor that is not on the page")
	}
}

// Embedded results are cut where there is no room for more, and it is said how
// many cells are missing; what is no number stays what it is.
func TestEmbeddedData(t *testing.T) {
	var text strings.Builder
	name := strings.Repeat("x", 900)
	for i := range 900 {
		fmt.Fprintf(&text, "BenchmarkM/n=%d%s-2 1 NaN ns/op +Inf a -Inf b 1.5 c\n", i, name)
	}
	b := builderOf(analysis.Of(read(t, text.String())))
	js, cut := b.data()
	var d dataRun
	if err := json.Unmarshal([]byte(js), &d); err != nil {
		t.Fatal(err)
	}
	one := dataOf(b.run.Cases()[0].Cells[""])
	if n := len(d.Cells); !cut || n < 600 || n >= 900 || d.LeftOut != fmt.Sprintf("%d cells, to keep the page small; bench.txt has them", 900-n) || len(js) > maxData || len(js) < maxData*9/10 {
		t.Errorf("%d cells in %d bytes, %q", n, len(js), d.LeftOut)
	}
	if got := fmt.Sprint(d.Cells[0].Units, d.Cells[0].Results); got != "[ns/op a b c] [[1 -1 1 NaN +Inf -Inf 1.5]]" {
		t.Error(got)
	}
	if est := one.size(); est != 120+len("M")+len("n=0")+900+(5+3*1+4*3)+(24+4*11) {
		t.Errorf("estimated %d bytes", est)
	}
	for n, want := range map[int]string{10: "", 25000: "1 cell, to keep the page small; bench.txt has them"} {
		b := builderOf(analysis.Of(read(t, strings.Repeat("BenchmarkX-2 1 5 ns/op\n", n))))
		var d dataRun
		js, cut := b.data()
		if err := json.Unmarshal([]byte(js), &d); err != nil || cut != (want != "") || d.LeftOut != want {
			t.Errorf("%d results: %v, left out %q, want %q", n, err, d.LeftOut, want)
		}
	}
}

// The small sums that charts are made of.
func TestChartSums(t *testing.T) {
	for p, want := range map[float64]float64{0: 0, 90: 1, 99: 2, 99.9: 3, 99.9999: 6, 100: 6} {
		if got := nines(p); math.Abs(got-want) > 1e-9 {
			t.Errorf("nines(%v) = %v, want %v", p, got, want)
		}
	}
	for _, test := range []struct {
		n, most int
		want    string
	}{{0, 2, "[]"}, {2, 2, "[{1 0 0 0} {2 1 0 0}]"}, {3, 2, "[{1 0 0 0} {3 2 0 0}]"}, {4, 2, "[{1 0 0 0} {3 2 0 0}]"}, {5, 2, "[{1 0 0 0} {4 3 0 0}]"}} {
		values := make([]float64, test.n)
		for i := range values {
			values[i] = float64(i)
		}
		if got := fmt.Sprint(thinTo(values, test.most)); got != test.want {
			t.Errorf("%d to %d: %s, want %s", test.n, test.most, got, test.want)
		}
	}
	qs := []results.Quantile{{P: 50, NS: 1500}, {P: 99, NS: 2e6}}
	if got := quantileText(qs, 50) + quantileText(qs, 99) + quantileText(qs, 90); got != "1.50µs2.00msunknown" {
		t.Error(got)
	}
	if fixedIn("") != "" || fixedIn("a") != "(a)" {
		t.Error("what is fixed")
	}
}

// A page draws no more curves of a workload than fit.
func TestCurvesAtTheirLimit(t *testing.T) {
	var text strings.Builder
	for k := range 4 {
		for n := range 3 {
			fmt.Fprintf(&text, "BenchmarkM/n=%d/k=v%d/model=serial-2 1 10 ns/op\nBenchmarkM/n=%d/k=v%d/model=a-2 1 %d ns/op\n", 1<<n, k, 1<<n, k, 5+k)
		}
	}
	run := analysis.Of(read(t, text.String()))
	b := builderOf(run)
	if got := b.curveCharts(run.Workloads[0]); len(got) != 6 || got[0].Title != "Throughput by n" || got[1].Title != "Gain over serial" || len(b.gains()) != 0 {
		t.Errorf("%d charts", len(got))
	}
}

// The comparison names the earlier run by when it was begun, else by its file,
// and has a number of rows.
func TestComparisonAtItsLimits(t *testing.T) {
	var a, c strings.Builder
	for i := range maxChanges + 3 {
		fmt.Fprintf(&a, "BenchmarkX%d-2 1 5 ns/op\n", i)
		if i < maxChanges {
			fmt.Fprintf(&c, "BenchmarkX%d-2 1 5 ns/op\n", i)
		}
	}
	long := read(t, a.String())
	against := func(old *results.Run) *pageCompare { return compare(analysis.Compare(old, long)) }
	if p := against(long); len(p.Told) != 0 || len(p.Rest) != maxChanges || p.Cut != 3 || p.Old != "bench.txt" {
		t.Errorf("%d and %d rows, %d cut, of %s", len(p.Told), len(p.Rest), p.Cut, p.Old)
	}
	if p := against(read(t, c.String())); len(p.Rest) != maxChanges || p.Cut != 0 || len(p.OnlyNew) != 3 {
		t.Errorf("%d rows, %d cut", len(p.Rest), p.Cut)
	}
	if p := against(read(t, "# switchyard {\"format\":1,\"run\":\"2026-11-20T19:03:11.25Z\"}\n"+c.String())); p.Old != "2026-11-20T19:03:11.25Z" {
		t.Errorf("begun at %s", p.Old)
	}
	if compare(nil) != nil {
		t.Error("compared with nothing")
	}
	run := read(t, "BenchmarkX-2 1 5 ns/op\n")
	run.Files = []string{"a b.txt", "latency.hlog"}
	if got := builderOf(analysis.Of(run)).page(nil, nil, ""); got.Benchstat != "go tool benchstat 'a b.txt'" || got.Title != "Switchyard" {
		t.Errorf("%s, %s", got.Benchstat, got.Title)
	}
}
