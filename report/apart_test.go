package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
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
		if err := WriteCompare(&text, d.Old, d.New, Options{Width: 500}); err != nil {
			t.Fatal(err)
		}
		if err := WriteHTML(&page, d.New, Options{Baseline: d.Old}); err != nil {
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
	if err := WriteCompare(&text, old, new, Options{Width: 5000}); err != nil {
		t.Fatal(err)
	}
	if err := WriteHTML(&page, new, Options{Baseline: old}); err != nil {
		t.Fatal(err)
	}
	if strings.Count(text.String(), "and 33 more") != 2 || strings.Count(page.String(), "and 5 more") != 2 {
		t.Errorf("the lists end without a word:\n%s", &text)
	}
}

// What was picked out of the output by name says of no package, and is compared
// by name, unless a name is of several packages.
func TestPackagesLeftOut(t *testing.T) {
	bare := "BenchmarkSame-2 1 5 ns/op\n"
	if d := Compare(read(t, "pkg: a\n"+bare), read(t, bare)); len(d.Changes) != 1 {
		t.Errorf("%+v", d)
	}
	two := "pkg: a\n" + bare + "pkg: b\n" + bare
	if d := Compare(read(t, two), read(t, bare)); len(d.Changes) != 0 || len(d.OnlyOld) != 2 {
		t.Errorf("compared with whom? %+v", d.Changes)
	}
	if d := Compare(read(t, two), read(t, two)); len(d.Changes) != 2 || len(d.Apart) != 0 {
		t.Errorf("%+v", d)
	}
}

// A failed benchmark is no gain, however fast its other results were, in the
// first iteration or later, by itself or with the workload that it is part of.
func TestFailedIsNoGain(t *testing.T) {
	six := func(name string, ns int) string {
		s := ""
		for i := range 6 {
			s += fmt.Sprintf("%s 100 %d ns/op\n", name, ns+i)
		}
		return s
	}
	old := read(t, six("BenchmarkSave-8", 200)+six("BenchmarkTree/ok-8", 200))
	for name, failed := range map[string]string{
		"later":      "BenchmarkSave-8 \t--- FAIL: BenchmarkSave-8\n    wrote nothing\n",
		"first":      "--- FAIL: BenchmarkSave\n    wrote nothing\n",
		"the parent": "--- FAIL: BenchmarkTree\n    wrote nothing\n",
		"a panic":    "BenchmarkSave-8 \tpanic: wrote nothing\nFAIL\tx\t1s\n",
	} {
		where := "Save"
		if name == "the parent" {
			where = "Tree"
		}
		new := read(t, six("BenchmarkSave-8", 50)+six("BenchmarkTree/ok-8", 50)+failed)
		d := Compare(old, new)
		if d.Count(Throughput, Gained) != 1 || len(d.Failed) != 1 || !strings.HasPrefix(d.Failed[0], where+": ") || len(d.WasGood) != 1 || len(d.OnlyOld) != 0 {
			t.Errorf("%s: %d gains, failed %q, was good %q, only old %q", name, d.Count(Throughput, Gained), d.Failed, d.WasGood, d.OnlyOld)
		}
		if s := d.Sentence(); !strings.HasSuffix(s, " 1 failure in the new run.") {
			t.Errorf("%s: %s", name, s)
		}
		// The other way round it is no regression either, and it is said.
		if back := Compare(new, old); back.Count(Throughput, Regressed) != 1 || len(back.Failed) != 0 || len(back.Repaired) != 1 {
			t.Errorf("%s, the other way round: %+v", name, back)
		}
	}
	// A package that fell is a failure even when no benchmark of it did.
	if d := Compare(old, read(t, six("BenchmarkSave-8", 50)+"FAIL\tx [build failed]\n")); fmt.Sprint(d.Failed) != "[x: build failed]" {
		t.Errorf("failed %q", d.Failed)
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
		want ChangeKind // when it grows
	}{
		{"build-ns", "", Moved}, {"p99-ns", "", Moved}, {"widgets/op", "", Regressed}, {"B/op", "", Regressed}, {"MB/s", "", Gained}, {"ops/s", "", Gained}, {"req/sec", "", Gained},
		{"score", "Unit score better=higher\n", Gained}, {"score", "Unit score better=lower\n", Regressed}, {"MB/s", "Unit MB/s better=lower\n", Regressed}, {"x", "Unit x assume=exact\n", Moved},
		{"peak-RSS-bytes", "", Moved}, {"ns", "", Regressed},
	} {
		d := Compare(read(t, test.head+many(test.unit, 100)), read(t, test.head+many(test.unit, 200)))
		if len(d.Changes) != 1 || d.Changes[0].Kind != test.want || d.Changes[0].Metric.Name != test.unit || !d.Changes[0].Differs {
			t.Errorf("%s%s: %+v", test.head, test.unit, d.Changes)
			continue
		}
		if s := d.Sentence(); !strings.HasPrefix(s, "Of 1 cell, "+test.unit+" is ") {
			t.Errorf("%s: %s", test.unit, s)
		}
	}
	// Nothing to nothing is no change; nothing to something is one without a
	// share.
	zero := strings.Repeat("BenchmarkX 1 5 ns/op 0 allocs/op\n", 6)
	if d := Compare(read(t, zero), read(t, zero)); len(d.Changes) != 2 || d.Changes[0].Kind == Untold || d.Changes[1].Kind != Same {
		t.Errorf("zero to zero: %+v", d.Changes)
	}
	some := strings.ReplaceAll(zero, "0 allocs", "2 allocs")
	d := Compare(read(t, zero), read(t, some))
	var text bytes.Buffer
	if err := WriteCompare(&text, d.Old, d.New, Options{}); err != nil {
		t.Fatal(err)
	}
	if d.Changes[0].Kind != Regressed || d.Changes[0].Metric.Name != "allocs/op" || !strings.Contains(text.String(), "from 0") {
		t.Errorf("zero to two: %+v\n%s", d.Changes, &text)
	}
	// In a foreign file a unit of our name is not ours: throughput is of ns/op,
	// and there is no latency.
	run := read(t, strings.Repeat("BenchmarkX 1 100 ns/op 7 ops/s 5 p99-ns 3 peak-RSS-bytes\n", 6))
	cell := run.cases()[0].Cells[""]
	if s, _ := Throughput.sample(cell); len(s) != 6 || s[0] != 1e7 {
		t.Errorf("throughput %v", s)
	}
	for _, m := range []Metric{TailP99, CPUTime, Memory} {
		if s, _ := m.sample(cell); len(s) != 0 {
			t.Errorf("%s: %v", m.Name, s)
		}
	}
	if s := run.Summary(cell, "p99-ns"); s.N != 0 {
		t.Errorf("a latency of 5 ns: %+v", s)
	}
	text.Reset()
	if err := WriteText(&text, run, Options{Width: 80}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"p99-ns median", "5.00 ±", "peak-RSS-bytes median", "10.0M ±"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, &text)
		}
	}
	sound(t, pageOf(t, run))
}

// Cases that lie on no curve are left over, each once.
func TestCurvesLeaveTheRest(t *testing.T) {
	run := read(t, `BenchmarkM/n=1/model=a-2 1 5 ns/op
BenchmarkM/n=2/model=a-2 1 5 ns/op
BenchmarkM/n=2.0/model=a-2 1 5 ns/op
BenchmarkM/n=4B/model=a-2 1 5 ns/op
BenchmarkM/n=x/model=a-2 1 5 ns/op
BenchmarkM/n=8/k=1/model=a-2 1 5 ns/op
`)
	all, rest := curves(run.Workloads[0])
	var left []string
	for _, c := range rest {
		left = append(left, c.Name())
	}
	if len(all) != 1 || fmt.Sprint(all[0].X) != "[1 2]" || fmt.Sprint(left) != "[n=2.0 n=4B n=x n=8/k=1]" {
		t.Errorf("%d curves, %v left", len(all), left)
	}
}

// What a section comes to, in each of its forms.
func TestTakeaway(t *testing.T) {
	many := func(kase, model string, rate, step float64) string {
		s := ""
		for i := range 8 {
			s += fmt.Sprintf("BenchmarkM/%s/model=%s-2 100 %g ops/s\n", kase, model, rate+float64(i)*step)
		}
		return s
	}
	for name, test := range map[string]struct{ text, want string }{
		"alone":  {many("n=1", "a", 100, 0.1), "[a alone has results, 100/s.]"},
		"one":    {many("n=1", "a", 200, 0.1) + many("n=1", "b", 100, 0.1), "[a is fastest at 200/s: 2.00× b (1.99 to 2.00).]"},
		"all":    {many("n=1", "a", 200, 0.1) + many("n=1", "b", 100, 0.1) + many("n=2", "a", 400, 0.1) + many("n=2", "b", 100, 0.1), "[In all cases a is fastest, 2.00× to 3.99× the next.]"},
		"ranges": {many("n=1", "a", 200, 0.1) + many("n=1", "b", 100, 0.1) + many("n=2", "a", 400, 0.1) + many("n=2", "b", 100, 0.1) + many("n=4", "a", 100, 0.1) + many("n=4", "b", 300, 0.1), "[n=1 to n=2: a is fastest, 2.00× to 3.99× the next. n=4: b is fastest at 300/s: 2.99× a (2.99 to 3.00).]"},
		"tied":   {many("n=1", "a", 100, 0.1) + many("n=1", "b", 100, 0.1) + many("n=1", "c", 10, 0.1), "[a leads; no difference from b is seen.]"},
		"open":   {many("n=1", "a", 100, 40) + many("n=1", "b", 99, 40), "[a leads; these results cannot tell it from b.]"},
	} {
		run := read(t, test.text)
		if got := fmt.Sprint(newBuilder(run).takeaway(run.Workloads[0])); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}
