package verify

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/internal/reporttest"
	"switchyard/report/page"
	"switchyard/report/results"
)

// pageOf writes a page of the results at a path into a file.
func pageOf(t *testing.T, path string, baseline *results.Run) string {
	t.Helper()
	run, err := results.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := page.Render(&b, analysis.Of(run), page.Options{Version: "abc123", Baseline: baseline}); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

func check(t *testing.T, path, page string, baseline *results.Run) *Report {
	t.Helper()
	r, err := Page(path, page, baseline)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// file writes results into a directory of their own.
func file(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bench.txt"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func keptRuns(t *testing.T) []string {
	kept, err := filepath.Glob("../../results/*/*/bench.txt")
	if err != nil || len(kept) == 0 {
		t.Fatalf("no run is kept: %v", err)
	}
	for i := range kept {
		kept[i] = filepath.Dir(kept[i])
	}
	return kept
}

// The pages of the runs that are kept, of a made one, of other tools and of two
// numbers of CPUs say what their results say.
func TestPagesSayWhatTheirResultsSay(t *testing.T) {
	made := t.TempDir()
	reporttest.Synthetic{Seed: 1, Count: 6, Only: "Lock"}.Write(t, made)
	sessions := "# switchyard {\"format\":1}\n"
	for i := range 21 {
		for m, ns := range map[string]int{"a": 100, "b": 150} {
			sessions += fmt.Sprintf("BenchmarkX/n=1/model=%s-2 1 %d ns/op %d p99-ns\n", m, ns+i*i%31+40*(i/7), 1000+i)
		}
		sessions += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1,\"session\":%d}\n", i+1, i/7+1)
	}
	paths := append(keptRuns(t), made, file(t, sessions), file(t, reporttest.Small),
		file(t, "# switchyard {\"format\":1}\n# workload {\"name\":\"O\",\"open\":true}\n"+strings.Repeat("BenchmarkO/rate=5/model=a-2 1 5 ns/op 5 ops/s 900 p99-ns\nBenchmarkO/rate=5/model=b-2 1 5 ns/op 5 ops/s 700 p99-ns\nBenchmarkW/build=old/n=2/model=a-2 1 5 ns/op\nBenchmarkW/build=new/n=2/model=a-2 1 6 ns/op\nBenchmarkW/build=control/n=2/model=a-2 1 5 ns/op\n", 6)),
		file(t, strings.Repeat("BenchmarkX/a-2 1 5 ns/op 3 B/op\nBenchmarkX/a-4 1 4 ns/op\n", 6)),
		file(t, "# switchyard {\"format\":1}\n"+strings.Repeat("BenchmarkX/n=1/model=a 1 5 ns/op 2e8 ops/s\nBenchmarkX/n=1/model=b 1 7 ns/op 14e7 ops/s\nBenchmarkX/n=1/model=a-4 1 4 ns/op\nBenchmarkX/n=1/model=b-4 1 NaN ns/op\n", 6)+"--- FAIL: BenchmarkX/n=1/model=b-4\n    no\n"))
	for _, path := range paths {
		r := check(t, path, pageOf(t, path, nil), nil)
		for _, d := range r.Differences {
			t.Errorf("%s: %s", path, d)
		}
		if r.Results == 0 || r.Said < 500 {
			t.Errorf("%s: %+v", path, r)
		}
	}
	older, err := results.Load(made)
	if err != nil {
		t.Fatal(err)
	}
	with := pageOf(t, made, older)
	if r := check(t, made, with, older); len(r.Differences) > 0 || r.Numbers < 100 {
		t.Errorf("with a baseline: %d numbers, %v", r.Numbers, r.Differences)
	}
	if r := check(t, made, with, nil); len(r.Differences) == 0 {
		t.Error("the section of a baseline that nobody gave is not told")
	}
}

// Whatever is changed on a page or in the results is found, where it is.
func TestChangesAreFound(t *testing.T) {
	made := t.TempDir()
	reporttest.Synthetic{Seed: 1, Count: 6, Only: "Lock"}.Write(t, made)
	good, err := os.ReadFile(pageOf(t, made, nil))
	if err != nil {
		t.Fatal(err)
	}
	median := regexp.MustCompile(`data-v="(\d\.\d+e(?:\+|&#43;)\d+)" title="median of 6[^>]*>([^<]*)<`).FindStringSubmatch(string(good))
	if median == nil {
		t.Fatal("the page has no median")
	}
	for name, test := range map[string]struct{ old, new, where string }{
		"a value to sort by": {median[1], "9" + median[1], "numbers of Lock"},
		"a median":           {">" + median[2] + "<", ">9" + median[2] + "<", "w-Lock"},
		"a sentence":         {"Synchronising", "Ending", "verdict"},
		"a digit of it":      {"× goroutine (next run", "0× goroutine (next run", "verdict"},
		"a point of a chart": {` d="M`, ` d="M1`, "verdict"},
		"a threshold":        {"<dt>Limits</dt>", "<dt>No limits</dt>", "method"},
		"a fact":             {"AMD EPYC", "Intel", "verdict"},
		"a whole section":    {`<section id="environment">`, `<section id="environs">`, "environment"},
		"embedded data":      {`"units":["ns/op"`, `"units":["ms/op"`, "data"},
		"a failure":          {`"failed":"block`, `"failed":"clock`, "data"},
		"an embedded line":   {`"results":[[`, `"results":[[9`, "data"},
	} {
		if !bytes.Contains(good, []byte(test.old)) {
			t.Errorf("%s: the page has no %q", name, test.old)
			continue
		}
		bad := filepath.Join(t.TempDir(), "bad.html")
		if err := os.WriteFile(bad, bytes.Replace(good, []byte(test.old), []byte(test.new), 1), 0o644); err != nil {
			t.Fatal(err)
		}
		found := ""
		for _, d := range check(t, made, bad, nil).Differences {
			found += d.Where + ";"
		}
		if !strings.Contains(found, test.where) {
			t.Errorf("%s: found in %q, want %s", name, found, test.where)
		}
	}
	// One digit of the file, and the page as it was.
	page := pageOf(t, made, nil)
	text, err := os.ReadFile(filepath.Join(made, "bench.txt"))
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(text, []byte(" ns/op"))
	text[i-1] = '0' + (text[i-1]-'0'+1)%10
	if err := os.WriteFile(filepath.Join(made, "bench.txt"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	if r := check(t, made, page, nil); len(r.Differences) == 0 || r.Differences[0].Where != "data" {
		t.Errorf("a changed file: %v", r.Differences)
	}
}

// A median that the report itself computed wrongly would stand on both pages:
// it is found by the other reader.
func TestNumbersAreCountedByOtherCode(t *testing.T) {
	const shown = `<section data-workload="X"><table class="numbers sortable"><thead><tr><th>model</th><th>throughput</th><th>of best</th><th>verdict</th><th>p99</th></tr></thead>
<tbody><tr><th data-v="a">a</th><td data-v="%s"></td><td data-v="%s"></td><td></td><td data-v="%s"></td></tr><tr><th data-v="b">b</th><td data-v="1e+09"></td><td data-v="1"></td><td>best</td><td></td></tr></tbody></table></section>
<section id="verdict">v</section><script id="results">{}</script>`
	tally := count("BenchmarkX/model=a-2 1 1 ns/op 7 p99-ns\nBenchmarkX/model=a-2 1 2 ns/op 9 p99-ns\nBenchmarkX/model=b-2 1 1 ns/op\nBenchmarkX/model=serial-2 1 0.1 ns/op\nBenchmarkX/model=a-2 1 9")
	for _, test := range []struct {
		numbers [3]any
		want    string
	}{
		{[3]any{"7.5e+08", "0.75", "8"}, ""},
		{[3]any{"1e+09", "0.75", "8"}, "X, a: 1e+09 ops/s"},
		{[3]any{"7.5e+08", "0.07", "8"}, "X, a: 0.07 of the best"},
		{[3]any{"7.5e+08", "0.75", "7"}, "X, a: 7 p99-ns"},
		{[3]any{"7.5e+08", "0.75", "many"}, "X, a: many p99-ns"},
	} {
		d, err := read([]byte(fmt.Sprintf(shown, test.numbers[:]...)))
		if err != nil {
			t.Fatal(err)
		}
		r := &Report{}
		r.numbers(d, tally, func(m string) bool { return m != "serial" })
		got := ""
		for _, d := range r.Differences {
			got += d.Page
		}
		if got != test.want || r.Numbers != 5 {
			t.Errorf("%v: %q of %d, want %q", test.numbers, got, r.Numbers, test.want)
		}
	}
}

// The verdict of each kept run, computed again from its lines: which factors
// lie between which, how near each model comes to the best how often, and where
// it comes least near.
func TestVerdictIsCountedByOtherCode(t *testing.T) {
	for _, path := range keptRuns(t) {
		text, err := os.ReadFile(filepath.Join(path, "bench.txt"))
		if err != nil {
			t.Fatal(err)
		}
		run, err := results.Load(path)
		if err != nil {
			t.Fatal(err)
		}
		tally, v := count(string(text)), analysis.Of(run).Verdict
		for _, d := range v.Decisions {
			if d.Kind.Metric.ID != analysis.Throughput.ID {
				continue
			}
			checkDecision(t, tally, &d)
		}
		checkProfile(t, tally, run, &v.Profile)
	}
}

func checkDecision(t *testing.T, tally *tally, d *analysis.Decision) {
	t.Helper()
	few := strings.HasSuffix(d.Claim(), " results per case are needed.") // so it names no factor
	for i, s := range append(slices.Clone(d.Among), d.Behind...) {
		got := tally.factor(d.Ranking.Cases, s.A, s.B)
		// Where results are far out, by more than the report's own interval
		// allows.
		if near := s.Lo <= got && got <= s.Hi; !near && math.Abs(got/s.Ratio-1) > 0.05 {
			t.Errorf("%s: %s is %v × %s, the verdict says %v", d.Kind.Name, s.A, got, s.B, s.Ratio)
		} else if i >= len(d.Among) && !near && got < analysis.Clear {
			t.Errorf("%s: %s is %v × %s, which is called behind", d.Kind.Name, s.A, got, s.B)
		}
		if !few && (!slices.Contains(d.Winners, s.A) || !strings.Contains(d.Claim(), format.Ratio(s.Ratio)+" "+s.B+" (")) {
			t.Errorf("%s does not say %v × %s", d.Claim(), s.Ratio, s.B)
		}
	}
	for _, l := range d.Losses {
		for _, c := range l.Cases {
			if tally.ratio(cell{c.Workload.Name, c.Label(), l.Model}, cell{c.Workload.Name, c.Label(), l.Winner}) < 1 {
				t.Errorf("%s does not lose %s to %s", l.Winner, c.Title(), l.Model)
			}
		}
	}
}

// factor is how many times model x is better than y: the median over the blocks
// of the mean of the logarithms of all cases, every workload worth the same.
// The report moves values that are far out to their median, so it differs a
// little.
func (t *tally) factor(cases []*results.Case, x, y string) float64 {
	n := map[string]float64{}
	for _, c := range cases {
		n[c.Workload.Name]++
	}
	sums, seen := map[int]float64{}, map[int]int{}
	for _, c := range cases {
		weight := 1 / n[c.Workload.Name] / float64(len(n))
		for sign, model := range map[float64]string{1: x, -1: y} {
			in := cell{c.Workload.Name, c.Label(), model}
			for _, r := range t.values(in, "ops/s") {
				sums[r.block] += sign * weight * math.Log(r.v)
				seen[r.block]++
			}
		}
	}
	var all []reading
	for block, sum := range sums {
		if seen[block] == 2*len(cases) {
			all = append(all, reading{sum, block})
		}
	}
	return math.Exp(t.middle(all))
}

func checkProfile(t *testing.T, tally *tally, run *results.Run, p *analysis.Profile) {
	t.Helper()
	competes := func(m string) bool { return !run.Model(m).Baseline }
	for _, m := range p.Models {
		within, worst, of := make([]float64, len(analysis.Within)), 0.0, 0.0
		for _, c := range run.Cases() {
			others := 0
			for _, o := range p.Models {
				if !math.IsNaN(tally.median(cell{c.Workload.Name, c.Label(), o.Model}, "ops/s")) && c.Cells[o.Model].Usable() {
					others++
				}
			}
			if c.Workload.Info.Control || c.Workload.Info.ByLatency() || c.Refined() || others < 2 {
				continue
			}
			of++
			x := tally.median(tally.best(cell{workload: c.Workload.Name, label: c.Label()}, competes), "ops/s") / tally.median(cell{c.Workload.Name, c.Label(), m.Model}, "ops/s")
			for i, f := range analysis.Within {
				if x <= f {
					within[i]++
				}
			}
			if x > worst {
				worst = x
			}
		}
		for i := range within {
			if math.Abs(within[i]/of-m.Share[i]) > 1e-9 {
				t.Errorf("%s is within %v in %v of %v cases, the verdict says %v", m.Model, analysis.Within[i], within[i], of, m.Share[i])
			}
		}
		if math.Abs(worst/m.Worst-1) > 1e-9 {
			t.Errorf("%s is at worst %v, the verdict says %v", m.Model, worst, m.Worst)
		}
	}
}

// Words that stand because an earlier run has said them are recomputed from the
// file alone, and are found where that run is another, or none.
func TestWordsThatStandAreVerified(t *testing.T) {
	text := "# switchyard {\"format\":1}\n# workload {\"name\":\"A\",\"kind\":\"k\"}\n"
	like := func(ahead string) string {
		return `# like {"run":"2026-11-19T08:00:00Z","said":{"kinds":[{"kind":"K","models":["a","b"],"ahead":{` + ahead + `},"lead":["a","b"]}]}}` + "\n"
	}
	results := strings.Repeat("BenchmarkA/model=a-2 1 100 ns/op\nBenchmarkA/model=b-2 1 165 ns/op\n", 6)
	stands := file(t, text+like("")+results)
	page := pageOf(t, stands, nil)
	if r := check(t, stands, page, nil); len(r.Differences) > 0 {
		t.Error(r.Differences)
	}
	for name, line := range map[string]string{"none": "#\n", "another": like(`"a":["b"]`)} {
		found := false
		for _, d := range check(t, file(t, text+line+results), page, nil).Differences {
			found = found || d.Where == "verdict" && strings.HasPrefix(d.Page, "a or b ") && strings.HasPrefix(d.Results, "a , 1.65× b ")
		}
		if !found {
			t.Errorf("%s: the sentence is not found", name)
		}
	}
}

// What is no page, or not there, is an error and no difference.
func TestNoPage(t *testing.T) {
	dir := file(t, reporttest.Small)
	no := filepath.Join(dir, "no.html")
	if _, err := Page(dir, no, nil); !os.IsNotExist(err) && !strings.Contains(fmt.Sprint(err), "no such file") {
		t.Error(err)
	}
	if err := os.WriteFile(no, []byte("<p>Hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Page(dir, no, nil); err == nil || !strings.Contains(err.Error(), "it is no page of results") {
		t.Error(err)
	}
	if _, err := Page(filepath.Join(dir, "nothing"), pageOf(t, dir, nil), nil); err == nil {
		t.Error("results that are not there")
	}
}

// What two pages say differently is told text by text where they have as many,
// else from the first to the last that differs; what is long is cut.
func TestDifferencesInWords(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, test := range []struct{ got, want []string }{
		{nil, nil},
		{[]string{"a", "b", "c"}, []string{"a", "b", "c"}},
		{[]string{"a", "b", "c", "d"}, []string{"a", "B", "c", "D"}},
		{[]string{"a", "b", "c", "d"}, []string{"a", "d"}},
		{[]string{"a", "d"}, []string{"a", "b", "c", "d"}},
		{[]string{"a"}, nil},
		{nil, []string{"a", "b"}},
		{[]string{"a", "a"}, []string{"a", "a", "a"}},
		{[]string{x(200)}, []string{x(201)}},
	} {
		want := map[string]string{
			"[a b c d] [a B c D]": `s: the page has "b", the results give "B"; s: the page has "d", the results give "D"`,
			"[a b c d] [a d]":     `s: the page has "b c", the results give nothing`,
			"[a d] [a b c d]":     `s: the page has nothing, the results give "b c"`,
			"[a] []":              `s: the page has "a", the results give nothing`,
			"[] [a b]":            `s: the page has nothing, the results give "a b"`,
			"[a a] [a a a]":       `s: the page has nothing, the results give "a"`,
			fmt.Sprint([]string{x(200)}, " ", []string{x(201)}): fmt.Sprintf(`s: the page has %q, the results give %q`, x(200), x(200)+"…"),
		}[fmt.Sprint(test.got, " ", test.want)]
		page := &document{said: map[string][]string{"s": test.got, "page": {"1", "2"}}}
		anew := &document{said: map[string][]string{"s": test.want, "page": {"1", "2"}}}
		if test.got != nil {
			page.sections = []string{"s"}
		}
		if test.want != nil {
			anew.sections = []string{"s"}
		}
		r := &Report{}
		r.compare(page, anew)
		var said []string
		for _, d := range r.Differences {
			said = append(said, d.String())
		}
		if got := strings.Join(said, "; "); got != want || r.Said != 2+len(test.got) {
			t.Errorf("%q and %q, %d compared: %s\nwant %s", test.got, test.want, r.Said, got, want)
		}
	}
}

// A number is as it was counted to the digits that are shown, and the best may
// be any that is nearly so.
func TestNumbersAtTheirLimits(t *testing.T) {
	for shown, differs := range map[string]bool{"1": false, "1.000009": false, "0.999991": false, "1.000011": true, "0.999989": true, "-1": true, "": true, "NaN": true} {
		r := &Report{}
		if r.number(cell{"W", "c", "m"}, "ops/s", shown, 1); (len(r.Differences) == 1) != differs || r.Numbers != 1 {
			t.Errorf("%q: %v", shown, r.Differences)
		}
	}
	for ns, differs := range map[string]bool{"1.04": false, "1.06": true} {
		d, err := read([]byte(`<section data-workload="X"><table class="numbers sortable"><thead><tr><th>model</th><th>verdict</th></tr></thead><tbody><tr><th data-v="a">a</th><td>best</td></tr></tbody></table></section>
<section id="verdict">v</section><script id="results">{}</script>`))
		if err != nil {
			t.Fatal(err)
		}
		r := &Report{}
		r.numbers(d, count("BenchmarkX/model=a-2 1 "+ns+" ns/op\nBenchmarkX/model=b-2 1 1 ns/op\n"), func(string) bool { return true })
		if got := fmt.Sprint(r.Differences); got != map[bool]string{true: `[numbers of X: the page has "X, a: best", the results give "b"]`, false: "[]"}[differs] {
			t.Errorf("%s: %s", ns, got)
		}
	}
}

// What our own reader finds in lines of every kind.
func TestCountReadsLines(t *testing.T) {
	tally := count(`# block {"block":1,"session":1}
BenchmarkA/n=1/model=a/k=2-2 10 5 ns/op 7 x -1 y +Inf z 3
BenchmarkA/n=1/model=a/k=2-2 10 6 ns/op
BenchmarkB 10 5 ns/op
BenchmarkB/model=m-x 10 4 ns/op
# block {"block":2,"attempt":1}
# block {"block":3,"session":12}
BenchmarkC-2 10
BenchmarkD/model=a-2 10 5 ns/op
BenchmarkD/model=b-2 10 5 ns/op
BenchmarkD/k/model=b-2 10 5 ns/op
BenchmarkD/k/model=b-4 10 5 ns/op
--- FAIL: BenchmarkD/model=b-2
BenchmarkE-2 10 5 ns/op`)
	var got []string
	for c, units := range tally.cells {
		for unit, all := range units {
			got = append(got, fmt.Sprintf("%s|%s|%s %s %v", c.workload, c.label, c.model, unit, all))
		}
	}
	slices.Sort(got)
	want := []string{
		"A|n=1 k=2 on 2 CPUs|a ns/op [{5 1} {6 1}]", "A|n=1 k=2 on 2 CPUs|a x [{7 1}]", "B|on 1 CPU| ns/op [{5 1}]", "B|on 1 CPU|m-x ns/op [{4 1}]",
		"D|k on 4 CPUs|b ns/op [{5 3}]", "D|on 2 CPUs|a ns/op [{5 3}]",
	}
	if !slices.Equal(got, want) || !slices.Equal(tally.sessions, []int{1, 1, 12}) {
		t.Errorf("%q, sessions %v", got, tally.sessions)
	}
	for text, want := range map[string]float64{"1 2 3": 2, "1 2 3 9": 2.5, "4": 4} {
		var v []float64
		for _, s := range strings.Fields(text) {
			f := 0.0
			if _, err := fmt.Sscan(s, &f); err != nil {
				t.Fatal(err)
			}
			v = append(v, f)
		}
		slices.Reverse(v)
		if got := middle(v); got != want {
			t.Errorf("the middle of %s: %v", text, got)
		}
	}
	if !math.IsNaN(middle(nil)) {
		t.Error("a middle of nothing")
	}
}

// A page may be anybody's: of tables without a head, with rows that are longer
// than it, and without rows, the numbers that can be told are compared.
func TestOddTables(t *testing.T) {
	const row = `<tr><th data-v="n=1">n=1</th><th data-v="a">a</th><td data-v="2e+08"></td></tr>`
	tally := count("BenchmarkX/n=1/model=a-2 1 5 ns/op\nBenchmarkX/n=2/model=a-2 1 4 ns/op\n")
	for table, want := range map[string]string{
		"<tbody>" + row + "</tbody>":                                                                                   "0 []",
		"<thead></thead><tbody>" + row + "</tbody>":                                                                    "0 []",
		"<thead><tr><th>case</th><th>model</th><th>throughput</th></tr></thead>":                                       "0 []",
		"<thead><tr><th>case</th><th>model</th><th>throughput</th></tr></thead><tbody>" + row + "</tbody>":             "1 []",
		"<thead><tr><th>case</th><th>model</th></tr></thead><tbody>" + row + "</tbody>":                                "0 []",
		"<thead><tr><th>case</th><th>model</th><th>p99</th></tr></thead><tbody>" + row + "</tbody>":                    `1 [numbers of X: the page has "n=1, a: 2e+08 p99-ns", the results give "NaN"]`,
		"<thead><tr><th>case</th><th>model</th><th>throughput</th><th>p50</th></tr></thead><tbody>" + row + "</tbody>": "1 []",
	} {
		d, err := read([]byte(`<section data-workload="X"><table class="sortable">` + table + `</table></section><section id="verdict">v</section><script id="results">{}</script>`))
		if err != nil {
			t.Fatal(err)
		}
		r := &Report{}
		r.numbers(d, tally, func(string) bool { return true })
		if got := fmt.Sprint(r.Numbers, " ", r.Differences); got != want {
			t.Errorf("%s: %s, want %s", table, got, want)
		}
	}
}
