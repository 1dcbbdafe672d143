package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"switchyard/report/inference"
	"switchyard/report/internal/reporttest"
	"switchyard/report/results"
)

// six are six results of a benchmark, of which none is like another's.
func six(name, unit string, from float64) string {
	s := ""
	for i := range 6 {
		s += fmt.Sprintf("Benchmark%s 100 %g %s\n", name, from+float64(i)/10, unit)
	}
	return s
}

// The sum of a comparison, in each of its forms.
func TestSentences(t *testing.T) {
	ok, failed := six("X-2", "ns/op", 100), "--- FAIL: BenchmarkX-2\n    no\n"
	for name, test := range map[string]struct{ old, new, want string }{
		"nothing in common":   {ok, six("Y-2", "ns/op", 5), "Nothing to compare: the runs have no case and model in common."},
		"failed now":          {ok, failed, "Nothing to compare: no case and model has numbers in both runs. 1 failure in the new run."},
		"failed then":         {failed, ok, "Nothing to compare: no case and model has numbers in both runs."},
		"worse, and one fell": {ok, six("X-2", "ns/op", 200) + "--- FAIL: BenchmarkY-2\n    no\n", "1 comparison: 1 worse, 0 better. 1 failure in the new run."},
		"better":              {ok, six("X-2", "ns/op", 50) + six("Y-2", "ns/op", 5), "1 comparison: 0 worse, 1 better."},
		"the same":            {ok, ok, "1 comparison: 0 worse, 0 better, 1 the same within 5 %."},
		"few":                 {"BenchmarkX-2 1 5 ns/op\n", "BenchmarkX-2 1 9 ns/op\n", "1 comparison: 0 worse, 0 better, 1 undecided (too few results)."},
		"noisy":               {six("X-2", "ns/op", 1), six("X-2", "ns/op", 1), "1 comparison: 0 worse, 0 better, 1 undecided (could detect 28 %)."},
		"of a unit":           {six("X-2", "Widgets", 100), six("X-2", "Widgets", 200), "1 comparison: 0 worse, 0 better, 1 changed."},
		"two units":           {six("X-2", "b/op", 100) + six("X-2", "a/op", 100), six("X-2", "b/op", 200) + six("X-2", "a/op", 100), "2 comparisons: 1 worse, 0 better, 1 the same within 5 %."},
	} {
		if got := Compare(read(t, test.old), read(t, test.new)).Sentence(); got != test.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// A change is judged by what was shown, in each of its kinds.
func TestKindsOfChange(t *testing.T) {
	for name, test := range map[string]struct {
		unit     string
		old, new []float64
		want     ChangeKind
	}{
		"constant":             {"ns/op", []float64{5, 5}, []float64{5, 5}, Same},
		"constant, once":       {"ns/op", []float64{5}, []float64{5, 5}, Inconclusive},
		"once, constant":       {"ns/op", []float64{5, 5}, []float64{5}, Inconclusive},
		"constant, another":    {"ns/op", []float64{5, 5}, []float64{6, 6}, Inconclusive},
		"constant, few then":   {"ns/op", []float64{5, 5}, []float64{6, 6, 6}, Inconclusive},
		"constant, few now":    {"ns/op", []float64{5, 5, 5}, []float64{6, 6}, Inconclusive},
		"constant, of three":   {"ns/op", []float64{5, 5, 5}, []float64{6, 6, 6}, Regressed},
		"all but constant":     {"ns/op", []float64{5, 5}, []float64{5, 6}, Inconclusive},
		"noisy":                {"ns/op", []float64{10, 20, 30, 40, 50, 60}, []float64{12, 22, 32, 42, 52, 62}, Inconclusive},
		"steady":               {"ns/op", []float64{100, 101, 102, 103, 104, 105}, []float64{100.5, 101.5, 102.5, 103.5, 104.5, 105.5}, Same},
		"zero, always":         {"allocs/op", []float64{0, 0, 0}, []float64{0, 0, 0}, Same},
		"zero to something":    {"allocs/op", []float64{0, 0, 0, 0}, []float64{1, 1, 1, 1}, Regressed},
		"something to nothing": {"allocs/op", []float64{1, 1, 1, 1}, []float64{0, 0, 0, 0}, Gained},
		"more widgets":         {"widgets", []float64{1, 1, 1, 1}, []float64{2, 2, 2, 2}, Moved},
	} {
		text := func(values []float64) (s string) {
			for _, v := range values {
				s += fmt.Sprintf("BenchmarkX-2 1 %g %s\n", v, test.unit)
			}
			return s
		}
		d := Compare(read(t, text(test.old)), read(t, text(test.new)))
		if len(d.Changes) != 1 || d.Changes[0].Kind != test.want || d.Changes[0].New.N != len(test.new) || d.Changes[0].Old.N != len(test.old) {
			t.Errorf("%s: %+v, want %s", name, d.Changes, test.want)
		}
	}
	for k, want := range map[ChangeKind]string{Regressed: "worse", Moved: "changed", Gained: "better", Inconclusive: "undecided", Same: "same"} {
		if k.String() != want {
			t.Errorf("%d is %s, want %s", k, k, want)
		}
	}
}

// Names in sentences: none, one, and more than are listed; each with its verb.
func TestNamesInSentences(t *testing.T) {
	set := func(all ...string) map[string]bool {
		out := map[string]bool{}
		for _, s := range all {
			out[s] = true
		}
		return out
	}
	for got, want := range map[string]string{
		names(set("b", "")): "no package and b", names(set("a", "b", "c", "d")): "a, b, c and d", names(set("e", "a", "b", "c", "d")): "a, b, c, d and 1 more",
		counted(1, "case", "is", "are"): "1 case is", counted(2, "case", "is", "are"): "2 cases are", counted(1, "case", "has", "have"): "1 case has", counted(3, "case", "has", "have"): "3 cases have",
		verb(1, "has", "have"): "has", verb(2, "has", "have"): "have", cpuList(map[int]bool{0: true, 16: true, 2: true}): "1, 2 and 16",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// What a break-even comes to where nothing is shown, or only in part.
func TestUndecided(t *testing.T) {
	even := map[string]float64{"1us": 100, "10us": 100, "100us": 100, "1ms": 100}
	for want, process := range map[string]map[string]float64{
		"at no size that is shown; alike at 1µs, 10µs, 100µs and 1ms":                even,
		"from task = 1ms at the latest; alike at 1µs, 10µs and 100µs":                {"1us": 100, "10us": 100, "100us": 100, "1ms": 200},
		"at no size that is shown: not at 1µs and 10µs; alike at 100µs and 1ms":      {"1us": 10, "10us": 50, "100us": 100, "1ms": 100},
		"at no size measured (1µs to 1ms): 0.10× to 0.50×":                           {"1us": 10, "10us": 50, "100us": 50, "1ms": 50},
		"at every size measured (1µs to 1ms): 2.00× to 3.00×":                        {"1us": 200, "10us": 200, "100us": 200, "1ms": 300},
		"at no single range of sizes: better and worse take turns within 1µs to 1ms": {"1us": 200, "10us": 10, "100us": 10, "1ms": 300},
		"from task = 100µs at the latest, not at 10µs; 100× at 1ms":                  {"1us": 1, "10us": 10, "100us": 1000, "1ms": 10000},
		"up to task = 10µs at least, not at 100µs; 100× at 1µs":                      {"1us": 10000, "10us": 1000, "100us": 10, "1ms": 1},
		"from task = 100µs at the latest, not at 1µs; alike at 10µs; 2.00× at 1ms":   {"1us": 50, "10us": 100, "100us": 200, "1ms": 200},
	} {
		tb := reporttest.Table{Count: 8, Rates: map[string]map[string]float64{}}
		for _, s := range []string{"1us", "10us", "100us", "1ms"} {
			tb.Order = append(tb.Order, "Map/task="+s)
			tb.Rates["Map/task="+s] = map[string]float64{"process": process[s], "serial": 100}
		}
		evens := tabled(t, tb).BreakEvens
		if len(evens) != 1 || evens[0].Text != want {
			t.Errorf("%s, want %s", evens[0].Text, want)
		}
	}
}

// A curve's numbers at the limits of their forms.
func TestFormatOfCurves(t *testing.T) {
	whole, parts := []float64{1, 2, 4}, []float64{0.5, 1}
	for _, test := range []struct {
		kind string
		x    []float64
		v    float64
		want string
	}{
		{"s", whole, 0.0015, "1.5ms"}, {"B", whole, 65536, "64KiB"}, {"", whole, 2.2, "3"}, {"", whole, 3, "3"}, {"", whole, 99.5, "100"}, {"", whole, 100.4, "100"},
		{"", whole, 1234.5, "1234"}, {"", whole, 9999999, "9999999"}, {"", whole, 1e7, "1e+07"}, {"", parts, 2.25, "2.25"}, {"", parts, 99.96, "100"}, {"%", whole, 80, "80%"}, {"%", whole, 123.4, "123%"},
	} {
		g := Curve{Kind: test.kind, X: test.x}
		if got := g.FormatX(test.v); got != test.want {
			t.Errorf("%v of %q: %s, want %s", test.v, test.kind, got, test.want)
		}
	}
	for n, want := range map[int]bool{2: false, 3: true} {
		if g := (&Curve{Kind: "s", X: make([]float64, n)}); g.Sizes() != want {
			t.Errorf("%d points: %v", n, g.Sizes())
		}
	}
	if g := (&Curve{Kind: "B", X: make([]float64, 5)}); g.Sizes() {
		t.Error("bytes are no time")
	}
}

// Where there is nothing to rank or to compare there is no answer, and no
// winner.
func TestNothingToRank(t *testing.T) {
	a := Of(read(t, six("X/model=a-2", "ns/op", 5)))
	r := a.Overall[Throughput]
	if len(a.Verdict.Decisions) > 0 || r.Entry("b") != nil || r.Second() != nil {
		t.Errorf("one model: %+v", a.Verdict)
	}
	if r := Of(read(t, "--- FAIL: BenchmarkX-2\n    no\n")).Overall[Throughput]; r.Best() != nil {
		t.Error("a failure wins")
	}
	for _, c := range []Comparison{compare("a", "b", nil, inference.Of([]float64{1})), compare("a", "b", inference.Of([]float64{1}), nil)} {
		if !math.IsNaN(c.Ratio) || c.Lo != 0 || !math.IsInf(c.Hi, 1) || c.Claim != inference.Undecided {
			t.Errorf("with nothing: %+v", c)
		}
	}
	if c := compare("a", "b", inference.Of([]float64{0, 1}), inference.Of([]float64{2, 1})); c.Lo != 0 || !math.IsInf(c.Hi, 1) || math.Abs(c.Ratio-1./3) > 1e-15 {
		t.Errorf("with zero: %+v", c)
	}
	if passes := geomeans(nil, nil); len(passes) != 0 {
		t.Errorf("of nothing: %v", passes)
	}
	if got := fmt.Sprint(Metrics[0].Format(1e6), foreignMetric("B/op", "").Format(2048), foreignMetric("x", "").Format(2048)); got != "1.00M/s2.00KiB2.05k" {
		t.Error(got)
	}
}

// Exceptions say where: at one end of a curve, or by name; never of a control.
func TestExceptions(t *testing.T) {
	rates := map[string]map[string]float64{}
	var order []string
	put := func(name string, leader, rival float64) {
		order = append(order, name)
		rates[name] = map[string]float64{"greenlet": leader, "goroutine": rival}
	}
	for i := range 12 {
		put(fmt.Sprintf("Lead%d", i), 1000, 10)
	}
	put("Nop", 1, 1000)
	for _, n := range []string{"1", "2", "4", "8"} {
		put("Tail/n="+n, 100, map[string]float64{"4": 200, "8": 200}[n]+10)
		put("Head/n="+n, 100, map[string]float64{"1": 300, "2": 300}[n]+10)
		put("Mid/n="+n, 100, map[string]float64{"1": 400, "4": 400, "8": 400}[n]+10)
		put("One/k="+n, 100, map[string]float64{"2": 500}[n]+10)
	}
	put("All", 100, 600)
	a := tabled(t, reporttest.Table{Count: 8, Noise: 0.001, Order: order, Rates: rates})
	for _, w := range a.Workloads {
		var cases []*results.Case
		for _, c := range w.Cases {
			if rates[w.Name+"/"+c.Name()]["goroutine"] > 100 {
				cases = append(cases, c)
			}
		}
		want, ok := map[string]string{"Tail": "with n of 4 or more", "Head": "with n of 2 or less", "Mid": "with n=1, n=4, n=8", "One": "with k=2"}[w.Name]
		if ok && where(w, cases) != want {
			t.Errorf("%s: %s, want %s", w.Name, where(w, cases), want)
		}
	}
	got := ""
	for _, d := range decisions(a) {
		for _, l := range d.Losses {
			got += fmt.Sprintf("%s|", l.Text[:strings.LastIndex(l.Text, " ")])
			if r := rates[l.Cases[0].Workload.Name+"/"+l.Cases[0].Name()]; math.Abs(l.Ratio/r["goroutine"]*r["greenlet"]-1) > 0.01 && l.Model == "goroutine" {
				t.Errorf("%s: %v", l.Text, l.Ratio)
			}
		}
	}
	for _, want := range []string{"Tail with n of 4 or more (goroutine|", "Head with n of 2 or less (goroutine|", "One with k=2 (goroutine|", "Mid with n=2 (greenlet|"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in %q", want, got)
		}
	}
	if strings.Count(got, "|") != 4 {
		t.Error(got)
	}
}

// A model that only one of the runs has is named there, beside those that both
// have.
func TestModelsOfOneRun(t *testing.T) {
	a, b, c := six("X/model=a-2", "ns/op", 100), six("X/model=b-2", "ns/op", 100), six("X/model=c-2", "ns/op", 100)
	d := Compare(read(t, a+b), read(t, a+c))
	if fmt.Sprint(d.OnlyOld, d.OnlyNew, len(d.Changes)) != "[X, b] [X, c] 1" {
		t.Errorf("only old %q, only new %q, %d changes", d.OnlyOld, d.OnlyNew, len(d.Changes))
	}
}

// Cells whose units differ are listed up to four.
func TestUnitsThatDiffer(t *testing.T) {
	for n, want := range map[int]string{
		1: "The units differ: X0: b0, were a0.",
		4: "The units differ: X0: b0, were a0; X1: b1, were a1; X2: b2, were a2; X3: b3, were a3.",
		5: "The units differ: X0: b0, were a0; X1: b1, were a1; X2: b2, were a2; X3: b3, were a3; and 1 more.",
	} {
		var old, new string
		for i := range n {
			old += fmt.Sprintf("BenchmarkX%d-2 1 5 a%d\n", i, i)
			new += fmt.Sprintf("BenchmarkX%d-2 1 5 b%d\n", i, i)
		}
		if d := Compare(read(t, old), read(t, new)); len(d.Apart) != 1 || d.Apart[0] != want {
			t.Errorf("%d: %q, want %q", n, d.Apart, want)
		}
	}
}

// The drift of a run is between its first and its last third, at least one pass
// each, over all cells that have them.
func TestTrend(t *testing.T) {
	text := func(model string, rates ...float64) (s string) {
		for _, r := range rates {
			s += fmt.Sprintf("BenchmarkX/model=%s-2 1 %g ops/s\n", model, r)
		}
		return s
	}
	for _, test := range []struct {
		text   string
		change float64
		passes int
	}{
		{"--- FAIL: BenchmarkX-2\n    no\n", 0, 0}, {text("a", 100), 0, 1}, {text("a", 100, 110), 0.1, 2}, {text("a", 100, 1, 1, 1, 120), 0.2, 5},
		{text("a", 100, 100, 7, 7, 400, 100), 1, 6}, {text("a", 100, 7, 400, 7) + text("b", 100, 7, 100), 1, 3},
	} {
		trend := Of(read(t, test.text)).Trend
		if math.Abs(trend.Change-test.change) > 1e-9 || trend.Passes != test.passes {
			t.Errorf("%q: %v over %d passes, want %v over %d", test.text, trend.Change, trend.Passes, test.change, test.passes)
		}
	}
}

// Cases of several curves are described by none of them.
func TestExceptionsOfSeveralCurves(t *testing.T) {
	w := read(t, `BenchmarkM/n=1/k=a-2 1 5 ns/op
BenchmarkM/n=2/k=a-2 1 5 ns/op
BenchmarkM/n=4/k=a-2 1 5 ns/op
BenchmarkM/n=1/k=b-2 1 5 ns/op
BenchmarkM/n=2/k=b-2 1 5 ns/op
`).Workloads[0]
	c := w.Cases
	for _, test := range []struct {
		cases []*results.Case
		want  string
	}{
		{c[:4], "with n=1 k=a, n=2 k=a, n=4 k=a, n=1 k=b"}, {c[1:3], "with n of 2 or more (k=a)"}, {c[:2], "with n of 2 or less (k=a)"}, {c[3:5], "with n of 1 or more (k=b)"},
		{c[2:3], "with n of 4 or more (k=a)"}, {c[:1], "with n=1 k=a"}, {c[4:5], "with n=2 k=b"}, {c[1:2], "with n=2 k=a"}, {c[2:4], "with n=4 k=a, n=1 k=b"},
	} {
		if got := where(w, test.cases); got != test.want {
			t.Errorf("%d cases: %s, want %s", len(test.cases), got, test.want)
		}
	}
}

// Lists in sentences hold what they may, and say how many more there are.
func TestListsInSentencesAtTheirLimits(t *testing.T) {
	standings := func(n int) (all []Standing) {
		for i := range n {
			all = append(all, Standing{Comparison: Comparison{B: fmt.Sprint("m", i), Ratio: float64(10 - i)}})
		}
		return all
	}
	for n, want := range map[int]string{3: "m0 m1 m2 ", 4: "m0 m1 m2 m3 ", 5: "m1 m2 m3 m4 ", 6: "m2 m3 m4 m5 "} {
		got := ""
		for _, s := range nearest(standings(n)) {
			got += s.B + " "
		}
		if got != want {
			t.Errorf("nearest of %d: %s", n, got)
		}
	}
	for n, more := range map[int]string{4: "", 5: " and 1 more.", 7: " and 3 more."} {
		text := "# switchyard {\"format\":1}\n"
		for range 8 {
			text += "BenchmarkA/model=best-2 1 10 ns/op\n"
			for i := range n {
				text += fmt.Sprintf("BenchmarkA/model=m%d-2 1 %d ns/op\n", i, 1000-100*i)
			}
		}
		d := only(t, Of(read(t, text)))
		claim := d.Claim()
		if strings.Count(claim, "× m") != 4 || !strings.Contains(claim, fmt.Sprintf("× m%d (", n-4)) || !strings.HasSuffix(claim, more) || strings.Contains(claim, "more") != (more != "") {
			t.Errorf("%d behind: %s", n, claim)
		}
	}
	for n, want := range map[int]string{12: "x", 13: "1 more", 15: "3 more"} {
		if got := most(slices.Repeat([]string{"x"}, n)); len(got) != min(n, 13) || got[len(got)-1] != want || got[11] != "x" {
			t.Errorf("most of %d: %q", n, got)
		}
	}
	text := ""
	for i := range 20 {
		text += fmt.Sprintf("BenchmarkX/%c-2 1 5 ns/op\n", 'a'+i)
	}
	w := read(t, text).Workloads[0]
	for n, want := range map[int]string{1: "with a", 12: "with a, b, c, d, e, f, g, h, i, j, k, l", 13: "in 13 of its 20 cases"} {
		if got := where(w, w.Cases[:n]); got != want {
			t.Errorf("%d cases: %s", n, got)
		}
	}
}

// What makes two of our runs hard to compare, at its limits: reasons not to
// trust one, N, and the bench time that the last block tells.
func TestUnlikeAtItsLimits(t *testing.T) {
	run := func(header string, iters int, tail string) *results.Run {
		return read(t, "# switchyard {\"format\":1"+header+"}\n"+strings.Repeat(fmt.Sprintf("BenchmarkX/model=m-2 %d 5 ns/op\n", iters), 10)+tail)
	}
	with := func(d *Diff, prefix string) (all []string) {
		for _, s := range d.Unlike {
			if strings.HasPrefix(s, prefix) {
				all = append(all, s)
			}
		}
		return all
	}
	old := run(`,"benchtime_ns":50000000`, 1000, "")
	for iters, want := range map[int]string{1000: "[]", 1200: "[]", 834: "[]", 1201: "[N differs in 1 of 1 cell, by up to 1.20× (X, m: 1201, was 1000).]", 833: "[N differs in 1 of 1 cell, by up to 1.20× (X, m: 833, was 1000).]"} {
		if got := fmt.Sprint(with(Compare(old, run("", iters, "")), "N differs")); got != want {
			t.Errorf("N of %d: %s", iters, got)
		}
	}
	blocks := "# block {\"block\":1,\"benchtime_ns\":30000000}\n# block {\"block\":2,\"benchtime_ns\":20000000}\n# block {\"block\":3}\n"
	if got := fmt.Sprint(with(Compare(old, run(`,"benchtime_ns":50000000`, 1000, blocks)), "The bench times")); got != "[The bench times differ: 20.0ms per result, was 50.0ms.]" {
		t.Error(got)
	}
	grave := "--- FAIL: BenchmarkY/model=m-2\n    no\n# block {\"block\":1,\"steal_pct\":9,\"others_pct\":50,\"canary_ns\":[100,200],\"canary_base_ns\":100}\nsmt: on\n"
	bad := run("", 1000, grave)
	reasons := Of(bad).Verdict.Trust.Reasons
	if len(reasons) < 4 {
		t.Fatalf("only %d reasons", len(reasons))
	}
	want := fmt.Sprintf("[Trust in the old run is low: %s, %s and %s.]", reasons[0].Title, reasons[1].Title, reasons[2].Title)
	if got := fmt.Sprint(with(Compare(bad, old), "Trust in")); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
