package analysis

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/report/format"
)

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
	if v := Of(run).Verdict; len(v.Decisions) > 0 || !strings.Contains(v.Headline, "Nothing to compare") {
		t.Errorf("verdict: %s", v.Headline)
	}
	if s := located(run, Throughput, run.Workloads[1].Cases[0].Cells[""]); len(s) != 1 || s[0].V != 2e8 {
		t.Errorf("throughput from ns/op: %v", s)
	}
}

func TestValuesThatAreNoMeasurement(t *testing.T) {
	text := ""
	for _, v := range []string{"NaN", "Inf", "-Inf", "-5", "0", "1e400", "1e308", "100", "101", "102"} {
		text += "BenchmarkX/model=a-2 10 " + v + " ns/op " + v + " ops/s\nBenchmarkX/model=b-2 10 50 ns/op 2e7 ops/s\n"
	}
	run := read(t, text)
	cell := run.Workloads[0].Cases[0].Cells["a"]
	s := located(run, Throughput, cell).Values()
	if len(s) != 4 || len(cell.Results) < 9 {
		t.Errorf("%d values of %d results: %v", len(s), len(cell.Results), s)
	}
	for _, v := range s {
		if !format.Finite(v) || v <= 0 {
			t.Errorf("%v is in the sample", v)
		}
	}
	found := false
	for _, w := range Of(run).Warnings {
		found = found || w.ID == "invalid"
	}
	if !found {
		t.Error("no warning about them")
	}
}

// The rate of an open loop is its parameter: no model has a throughput there,
// though its lines have a time per op, as all must.
func TestOpenLoopHasNoThroughput(t *testing.T) {
	for _, pace := range []string{"open", "paced"} {
		run := read(t, `# switchyard {"format":1,"run":"2026-11-27T12:00:00Z","models":["a","b"]}
# workload {"name":"EchoOpen","op":"request","vary":["rate"],"cases":["rate=1000"],"`+pace+`":true}
BenchmarkEchoOpen/rate=1000/model=a-2 100 1000000 ns/op 20000 p99-ns
BenchmarkEchoOpen/rate=1000/model=b-2 100 1000000 ns/op 90000 p99-ns
`)
		c := run.Workloads[0].Cases[0]
		if s := located(run, Throughput, c.Cells["a"]); len(s) > 0 {
			t.Errorf("%s: throughput %v", pace, s)
		}
		if best := Of(run).ByCase[c][TailP99].Best(); best == nil || best.Model != "a" {
			t.Errorf("%s: the best p99 is %+v", pace, best)
		}
	}
}

// A mean is over the sizes that were planned: those that a run has added lie
// where two models are close, and only these two have them.
func TestRefinedCasesAreInNoMean(t *testing.T) {
	head := `# switchyard {"format":1,"run":"2026-11-27T12:00:00Z","models":["a","b","c"]}
# workload {"name":"Map","op":"task","vary":["task"],"cases":["task=1us","task=100us"],"refine":["task"],"kind":"computing"}
`
	lines := func(task string, models ...string) (text string) {
		for i, m := range models {
			for range 6 {
				text += fmt.Sprintf("BenchmarkMap/task=%s/model=%s-2 10 %d ns/op\n", task, m, 100*(i+1))
			}
		}
		return text
	}
	plain := head + lines("1us", "a", "b", "c") + lines("100us", "a", "b", "c")
	refined := plain + lines("10us", "b", "a")
	for _, m := range []string{"a", "b", "c"} {
		with, without := Of(read(t, refined)), Of(read(t, plain))
		x, y := with.Overall[Throughput].Entry(m), without.Overall[Throughput].Entry(m)
		if x.Center != y.Center || x.Of != y.Of || with.ByWorkload[with.Workloads[0]][Throughput].Entry(m).Center != y.Center {
			t.Errorf("%s: %v over %d cases with the added size, %v over %d without", m, x.Center, x.Of, y.Center, y.Of)
		}
		if with.Verdict.Profile.Cases != 2 || len(with.Verdict.Decisions[0].Kind.Cases) != 2 {
			t.Errorf("a profile over %d cases, and a decision over %d; want 2", with.Verdict.Profile.Cases, len(with.Verdict.Decisions[0].Kind.Cases))
		}
	}
	curves := curvesOf(read(t, refined).Workloads[0])
	if len(curves) != 1 || len(curves[0].X) != 3 {
		t.Errorf("curves %+v, want one of three sizes", curves)
	}
}
