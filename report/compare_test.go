package report

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/internal/reporttest"
)

// Cases that do not meet differ in something, and it is said in what.
func TestWhyNothingMeets(t *testing.T) {
	for name, test := range map[string]struct{ old, new, want string }{
		"CPUs":        {"BenchmarkSave-8 100 200 ns/op\n", "BenchmarkSave-4 100 300 ns/op\n", "The CPU counts differ: 1 case ran on 4, and on 8 before."},
		"one CPU":     {"BenchmarkA-12 1 2 ns/op\nBenchmarkB-12 1 2 ns/op\nBenchmarkB-4 1 2 ns/op\n", "BenchmarkA 1 3 ns/op\nBenchmarkB 1 3 ns/op\n", "The CPU counts differ: 2 cases ran on 1, and on 4 and 12 before."},
		"packages":    {"pkg: example.com/a\nBenchmarkSave-8 1 2 ns/op\n", "pkg: example.com/b\nBenchmarkSave-8 1 2 ns/op\n", "The packages differ: 1 case is in example.com/b, and in example.com/a before."},
		"parameters":  {"BenchmarkSave/n=1-8 1 2 ns/op\n", "BenchmarkSave/n=2-8 1 2 ns/op\n", "The parameters differ: Save has other cases than before."},
		"parameters2": {"BenchmarkA/n=1 1 2 ns/op\nBenchmarkB/n=1 1 2 ns/op\n", "BenchmarkA/n=2 1 2 ns/op\nBenchmarkB/n=2 1 2 ns/op\n", "The parameters differ: A and B have other cases than before."},
		"models":      {"BenchmarkSave/model=a-8 1 2 ns/op\n", "BenchmarkSave/model=b-8 1 2 ns/op\n", "The models differ: 1 case has results of b, and of a before."},
		"units":       {"BenchmarkSave-8 1 2 build-ns\n", "BenchmarkSave-8 1 2 build-ms 3 x\n", "The units differ: Save: build-ms and x, were build-ns."},
		"nothing":     {"BenchmarkA 1 2 ns/op\n", "BenchmarkB 1 2 ns/op\n", ""},
	} {
		d := Compare(read(t, test.old), read(t, test.new))
		if got := strings.Join(d.Apart, " "); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if s := d.Sentence(); s != "Nothing to compare: the runs have no case and model in common." {
			t.Errorf("%s: %s", name, s)
		}
		var text, page bytes.Buffer
		if err := WriteCompare(&text, d, TextOptions{Width: 500}); err != nil {
			t.Fatal(err)
		}
		if err := WriteHTML(&page, Analyze(d.New), PageOptions{Baseline: d.Old}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(text.String(), test.want) || !strings.Contains(page.String(), test.want) {
			t.Errorf("%s: not said by text and page", name)
		}
	}
	// The two sides of another number of CPUs do not look alike.
	d := Compare(read(t, "BenchmarkSave-8 100 200 ns/op\n"), read(t, "BenchmarkSave-4 100 300 ns/op\n"))
	if fmt.Sprint(d.OnlyOld, d.OnlyNew) != "[Save on 8 CPUs] [Save on 4 CPUs]" {
		t.Errorf("%q, %q", d.OnlyOld, d.OnlyNew)
	}
}

// Long lists of what differs say how much more there is.
func TestLongListsSayMore(t *testing.T) {
	var a, b, c strings.Builder
	for i := range 45 {
		fmt.Fprintf(&a, "BenchmarkX%d-2 1 2 u%d\n", i, i)
		fmt.Fprintf(&b, "BenchmarkX%d-2 1 2 v%d\n", i, i)
		fmt.Fprintf(&c, "BenchmarkY%d-2 1 2 v%d\n", i, i)
	}
	if d := Compare(read(t, a.String()), read(t, b.String())); len(d.Apart) != 1 || !strings.HasSuffix(d.Apart[0], "; and 41 more.") {
		t.Errorf("%q", d.Apart)
	}
	old, new := read(t, a.String()), read(t, c.String())
	var text, page bytes.Buffer
	if err := WriteCompare(&text, Compare(old, new), TextOptions{Width: 5000}); err != nil {
		t.Fatal(err)
	}
	if err := WriteHTML(&page, Analyze(new), PageOptions{Baseline: old}); err != nil {
		t.Fatal(err)
	}
	if strings.Count(text.String(), "and 33 more") != 2 || strings.Count(page.String(), "and 5 more") != 2 {
		t.Errorf("the lists end without a word:\n%s", &text)
	}
}

// Units of other tools are compared as what they are: a number with a name.
func TestForeignUnits(t *testing.T) {
	many := func(unit string, from float64) string {
		s := ""
		for i := range 6 {
			s += fmt.Sprintf("BenchmarkBuild 1 %v %s\n", from+float64(i), unit)
		}
		return s
	}
	for _, test := range []struct {
		unit string
		head string
		want analysis.ChangeKind // when it grows
	}{
		{"build-ns", "", analysis.Moved}, {"p99-ns", "", analysis.Moved}, {"widgets/op", "", analysis.Regressed}, {"B/op", "", analysis.Regressed}, {"MB/s", "", analysis.Gained}, {"ops/s", "", analysis.Gained}, {"req/sec", "", analysis.Gained},
		{"score", "Unit score better=higher\n", analysis.Gained}, {"score", "Unit score better=lower\n", analysis.Regressed}, {"MB/s", "Unit MB/s better=lower\n", analysis.Regressed}, {"x", "Unit x assume=exact\n", analysis.Moved},
		{"peak-RSS-bytes", "", analysis.Moved}, {"ns", "", analysis.Regressed},
	} {
		d := Compare(read(t, test.head+many(test.unit, 100)), read(t, test.head+many(test.unit, 200)))
		if len(d.Changes) != 1 || d.Changes[0].Kind != test.want || d.Changes[0].Metric.Name != test.unit || !d.Changes[0].Told() {
			t.Errorf("%s%s: %+v", test.head, test.unit, d.Changes)
			continue
		}
		if s := d.Sentence(); s != map[analysis.ChangeKind]string{
			analysis.Regressed: "1 comparison: 1 worse, 0 better.", analysis.Gained: "1 comparison: 0 worse, 1 better.", analysis.Moved: "1 comparison: 0 worse, 0 better, 1 changed.",
		}[test.want] {
			t.Errorf("%s: %s", test.unit, s)
		}
	}
	// Nothing to nothing is no change; nothing to something is one without a
	// share.
	zero := strings.Repeat("BenchmarkX 1 5 ns/op 0 allocs/op\n", 6)
	if d := Compare(read(t, zero), read(t, zero)); len(d.Changes) != 2 || d.Changes[0].Kind == analysis.Inconclusive || d.Changes[1].Kind != analysis.Same {
		t.Errorf("zero to zero: %+v", d.Changes)
	}
	some := strings.ReplaceAll(zero, "0 allocs", "2 allocs")
	d := Compare(read(t, zero), read(t, some))
	var text bytes.Buffer
	if err := WriteCompare(&text, d, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if d.Changes[0].Kind != analysis.Regressed || d.Changes[0].Metric.Name != "allocs/op" || !strings.Contains(text.String(), "from 0") {
		t.Errorf("zero to two: %+v\n%s", d.Changes, &text)
	}
	// In a foreign file a unit of our name is not ours: throughput is of ns/op,
	// and there is no latency.
	run := read(t, strings.Repeat("BenchmarkX 1 100 ns/op 7 ops/s 5 p99-ns 3 peak-RSS-bytes\n", 6))
	cell := run.Cases()[0].Cells[""]
	sample := func(m analysis.Metric) []float64 { return Analyze(run).ByCase[cell.Case][m].Entry("").Sample.Values() }
	if s := sample(analysis.Throughput); len(s) != 6 || s[0] != 1e7 {
		t.Errorf("throughput %v", s)
	}
	for _, m := range []analysis.Metric{analysis.TailP99, analysis.CPUTime, analysis.Memory} {
		if s := sample(m); len(s) != 0 {
			t.Errorf("%s: %v", m.Name, s)
		}
	}
	if s := Analyze(run).Sums[cell]["p99-ns"]; s.N != 0 {
		t.Errorf("a latency of 5 ns: %+v", s)
	}
	text.Reset()
	if err := WriteText(&text, Analyze(run), TextOptions{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"p99-ns median", "5.00 ±", "peak-RSS-bytes median", "10.0M ±"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, &text)
		}
	}
	sound(t, pageOf(t, run))
}

func TestCompare(t *testing.T) {
	rates := func(lock, ring float64) map[string]map[string]float64 {
		return map[string]map[string]float64{
			"Lock/tasks=2": {"greenlet": lock, "goroutine": 100, "process": 10},
			"Ring/n=10":    {"greenlet": ring, "goroutine": 50},
		}
	}
	order := []string{"Lock/tasks=2", "Ring/n=10"}
	old := read(t, reporttest.Table{Count: 8, Noise: 0.005, Seed: 1, Order: order, Rates: rates(200, 100)}.Text())
	new := read(t, reporttest.Table{Count: 8, Noise: 0.005, Seed: 2, Order: order, Rates: rates(150, 130)}.Text())
	d := Compare(old, new)
	if d.Machine || len(d.OnlyOld)+len(d.OnlyNew) != 0 || len(d.Changes) != 5 {
		t.Fatalf("%+v", d)
	}
	first, second := d.Changes[0], d.Changes[1]
	if first.Kind != analysis.Regressed || first.Model != "greenlet" || first.Case.Workload.Name != "Lock" || first.Center < 0.74 || first.Center > 0.76 {
		t.Errorf("first is %+v, want the regression of greenlet in Lock", first)
	}
	if second.Kind != analysis.Gained || second.Lo > 1.3 || second.Hi < 1.3 {
		t.Errorf("second is %+v, want the gain of greenlet in Ring", second)
	}
	for _, c := range d.Changes[2:] {
		if c.Kind != analysis.Same || c.Told() || !format.Finite(c.Detectable) {
			t.Errorf("%s %s changed: %v", c.Case.Title(), c.Model, c.Center)
		}
	}
	var text bytes.Buffer
	if err := WriteCompare(&text, Compare(old, new), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Lock tasks=2  greenlet", "-25.3 to -24.5 % worse", "+29.2 to +30.7 % better", "5 comparisons: 1 worse, 1 better, 3 the same within 5 %."} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, &text)
		}
	}
	var page bytes.Buffer
	if err := WriteHTML(&page, Analyze(new), PageOptions{Baseline: old}); err != nil {
		t.Fatal(err)
	}
	sound(t, page.String())
	if !strings.Contains(page.String(), `id="compare"`) || strings.Contains(page.String(), "Different machines") {
		t.Error("the page has no comparison, or a banner it should not have")
	}
}

// Two machines are never compared silently.
func TestCompareMachines(t *testing.T) {
	line := strings.Repeat("BenchmarkX/model=a-2 1 5 ns/op\n", 6)
	old, new := read(t, "cpu: A\ngo: go1.25\n"+line), read(t, "cpu: B\ngo: go1.26\n"+line+"BenchmarkY/model=a-2 1 5 ns/op\n")
	d := Compare(old, new)
	if !d.Machine || len(d.Hosts) != 2 || len(d.OnlyNew) != 1 {
		t.Errorf("%+v: %s", d.Hosts, d.Sentence())
	}
	var page, text bytes.Buffer
	if err := WriteHTML(&page, Analyze(new), PageOptions{Baseline: old}); err != nil {
		t.Fatal(err)
	}
	if err := WriteCompare(&text, Compare(old, new), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	sound(t, page.String())
	if !strings.Contains(page.String(), "Different machines") || !strings.Contains(text.String(), "Different machines") {
		t.Error("no banner")
	}
	same := Compare(read(t, "go: go1.25\n"+line), read(t, "go: go1.26\n"+line))
	if same.Machine || len(same.Hosts) != 1 {
		t.Errorf("another compiler is no other machine: %+v", same.Hosts)
	}
	// The load of one minute is not that of another; an unplugged laptop is
	// another machine.
	moment := Compare(read(t, "load: 0.10\nmemory-free: 9 MiB\npower: mains\n"+line), read(t, "load: 3.10\nmemory-free: 7 MiB\npower: battery\n"+line))
	if !moment.Machine || len(moment.Hosts) != 1 || moment.Hosts[0].Key != "power" {
		t.Errorf("two minutes: %+v", moment.Hosts)
	}
	if s := Compare(old, read(t, "BenchmarkZ/model=a-2 1 5 ns/op\n")).Sentence(); !strings.Contains(s, "Nothing to compare") {
		t.Error(s)
	}
}

// abRun is an A/B run of four workloads of two kinds: Ring got worse by a
// fifth, Lock better by half, Nap is noisy, and PingPong as it was, in all of 8
// blocks.
func abRun(t *testing.T, sums ...string) *Run {
	t.Helper()
	s := `# switchyard {"format":1,"count":8,"benchtime_ns":50000000,"cpus":"0-1","models":["greenlet","process"],"builds":[{"name":"old","from":"0123456789abcdef","sum":"` + sums[0] + `","only":["the model thread"]},{"name":"new","from":"bin/runner","sum":"` + sums[1] + `"}]}
# model {"name":"greenlet","note":"a"}
# model {"name":"process","note":"b","processes":true}
`
	kinds := map[string]string{"PingPong": "handing over", "Ring": "handing over", "Lock": "synchronising", "Nap": "synchronising"}
	order := []string{"PingPong", "Ring", "Lock", "Nap"}
	for _, w := range order {
		s += fmt.Sprintf(`# workload {"name":%q,"kind":%q,"story":"s","op":"o","cases":["build=old/n=1","build=new/n=1","build=control/n=1"],"models":["greenlet","process"]}`+"\n", w, kinds[w])
	}
	s += "goos: linux\ncpu: A\nUnit ops/s better=higher\n"
	r := rand.New(rand.NewPCG(1, 2))
	for block := range 8 {
		drift := 1 + 0.3*float64(block) // which hits all alike
		for _, w := range order {
			for _, build := range []string{"new", "old", "control"} {
				for i, model := range []string{"greenlet", "process"} {
					ns, noise := 100.0*float64(1+9*i)*drift, 0.004
					switch {
					case w == "Ring" && build == "new":
						ns *= 1.25
					case w == "Lock" && build == "new":
						ns /= 1.5
					case w == "Nap":
						noise = 0.2
					}
					ns *= math.Exp(noise * r.NormFloat64())
					s += fmt.Sprintf("Benchmark%s/build=%s/n=1/model=%s-2 1000 %.2f ns/op %.0f ops/s %d peak-RSS-bytes\n", w, build, model, ns, 1e9/ns, 4<<20)
				}
			}
		}
		s += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1,\"canary_ns\":[100,100],\"canary_base_ns\":100}\n", block+1)
	}
	return read(t, s)
}

// TestGoldenAB keeps the comparison of two builds in all formats. The drift of
// the machine, a factor of three, is in none of the numbers.
func TestGoldenAB(t *testing.T) {
	for name, write := range map[string]func(w io.Writer, d *Diff) error{
		"text":         func(w io.Writer, d *Diff) error { return WriteCompare(w, d, TextOptions{}) },
		"text-verbose": func(w io.Writer, d *Diff) error { return WriteCompare(w, d, TextOptions{Verbose: true}) },
		"markdown":     func(w io.Writer, d *Diff) error { return WriteCompareMarkdown(w, d, false) },
		"csv":          WriteCompareCSV,
		"json":         WriteCompareJSON,
	} {
		var out bytes.Buffer
		if err := write(&out, CompareBuilds(abRun(t, "aa", "bb"))); err != nil {
			t.Fatal(err)
		}
		golden(t, "ab-"+name+".golden", out.String())
	}
}

// TestGoldenComparePrograms keeps the comparison of two odd runs as programs
// and pull requests read it: with its hosts, failures, lists and notes.
func TestGoldenComparePrograms(t *testing.T) {
	d := Compare(goldenPair(t))
	for name, write := range map[string]func(w io.Writer) error{
		"text-verbose":     func(w io.Writer) error { return WriteCompare(w, d, TextOptions{Verbose: true}) },
		"markdown":         func(w io.Writer) error { return WriteCompareMarkdown(w, d, false) },
		"markdown-verbose": func(w io.Writer) error { return WriteCompareMarkdown(w, d, true) },
		"csv":              func(w io.Writer) error { return WriteCompareCSV(w, d) },
		"json":             func(w io.Writer) error { return WriteCompareJSON(w, d) },
	} {
		var out bytes.Buffer
		if err := write(&out); err != nil {
			t.Fatal(err)
		}
		golden(t, "compare-"+name+".golden", out.String())
	}
}

// Names of a file mean nothing to Markdown, to a spreadsheet or to JSON: what
// is meant to end a cell, a row or a code span does not.
func TestCompareFormatsHostile(t *testing.T) {
	names := []string{"X|Y", "`x`", "a``b", "<script>", "=cmd|'/c'!A0", "**bold**", "@everyone", `"quoted"`, "x,y;z", "\u202eback", "[a](b)", "$(x)", "ä\\|b", strings.Repeat("long", 400)}
	file := func(ns int) *Run {
		s := ""
		for _, name := range names {
			for i := range 6 {
				s += fmt.Sprintf("Benchmark%s-2 1 %d ns/op %d u|`%d\n", name, ns+i, i%2, i%2)
			}
			s += fmt.Sprintf("--- FAIL: BenchmarkFails/%s-2\n    %s\n", name, name)
		}
		return read(t, s+"kernel: a|b`c\nBenchmarkNaN-2 1 NaN ns/op\nBenchmarkInf-2 1 +Inf ns/op\n")
	}
	d := Compare(file(100), file(200))
	var md, csvText, jsonText bytes.Buffer
	if err := errors.Join(WriteCompareMarkdown(&md, d, true), WriteCompareCSV(&csvText, d), WriteCompareJSON(&jsonText, d)); err != nil {
		t.Fatal(err)
	}
	columns := 0
	for line := range strings.Lines(md.String()) {
		if !strings.HasPrefix(line, "|") {
			columns = 0
			continue
		}
		if n := strings.Count(line, "|"); columns > 0 && n != columns {
			t.Errorf("a row of %d bars below one of %d: %s", n, columns, line)
		} else {
			columns = n
		}
	}
	outside := outsideCode(md.String())
	for _, bad := range []string{"<", "@", "[", "$", "`", "="} {
		if i := strings.Index(outside, bad); i >= 0 {
			t.Errorf("%q stands outside of code: %.60q", bad, outside[max(0, i-30):])
		}
	}
	rows, err := csv.NewReader(&csvText).ReadAll()
	if err != nil || len(rows) != 1+len(d.Changes) {
		t.Errorf("%d rows for %d comparisons: %v", len(rows), len(d.Changes), err)
	}
	var back struct {
		Changes []struct{ Workload string }
		Failed  []string
	}
	if err := json.Unmarshal(jsonText.Bytes(), &back); err != nil || len(back.Changes) != len(d.Changes) || len(back.Failed) != len(names) {
		t.Errorf("%d changes, %d failures: %v", len(back.Changes), len(back.Failed), err)
	}
	has := map[string]bool{}
	for _, c := range back.Changes {
		has[c.Workload] = true
	}
	for _, name := range names {
		if !has[strings.SplitN(name, "/", 2)[0]] {
			t.Errorf("JSON has no %.40q", name)
		}
	}
}

// outsideCode is what stands outside of the code spans of each line: a span
// ends with as many backticks as it began with.
func outsideCode(text string) (out string) {
	runs := regexp.MustCompile("`+")
	for line := range strings.Lines(text) {
		for {
			open := runs.FindStringIndex(line)
			if open == nil {
				break
			}
			end := -1
			for _, r := range runs.FindAllStringIndex(line[open[1]:], -1) {
				if r[1]-r[0] == open[1]-open[0] {
					end = open[1] + r[1]
					break
				}
			}
			if end < 0 {
				break
			}
			out, line = out+line[:open[0]], line[end:]
		}
		out += line
	}
	return out
}

// The machine's noise, and a run that is a null run, are spoken of.
func TestCompareNull(t *testing.T) {
	d := CompareBuilds(abRun(t, "aa", "aa"))
	var text bytes.Buffer
	if err := WriteCompare(&text, d, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Noise of this machine, between builds that are one, side by side in one session", "  Throughput: 50 %", "It is one build: what is called worse or better is false."} {
		if !strings.Contains(strings.ReplaceAll(text.String(), "\n", " "), strings.TrimSpace(want)) {
			t.Errorf("no %q in\n%s", want, &text)
		}
	}
	text.Reset()
	file := read(t, "cpu: A\n"+strings.Repeat("BenchmarkX-2 1 5 ns/op\n", 6))
	if err := WriteCompare(&text, CompareWith(file, file, CompareOptions{Null: abRun(t, "aa", "aa")}), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if want := "No change below the noise of this machine is claimed (bench.txt).\n"; !strings.Contains(text.String(), want) {
		t.Errorf("no %q in\n%s", want, &text)
	}
}
