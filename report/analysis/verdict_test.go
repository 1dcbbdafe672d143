package analysis

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"switchyard/report/internal/reporttest"
)

func tabled(t testing.TB, tb reporttest.Table) *Analysis {
	t.Helper()
	return Of(read(t, tb.Text()))
}

func TestVerdictWinner(t *testing.T) {
	v := tabled(t, reporttest.Table{Count: 6, Noise: 0.01, Order: []string{"A", "B/n=1", "B/n=2"}, Rates: map[string]map[string]float64{
		"A":     {"serial": 1e9, "greenlet": 200, "goroutine": 100, "process": 10},
		"B/n=1": {"greenlet": 400, "goroutine": 100, "process": 10},
		"B/n=2": {"greenlet": 50, "goroutine": 100, "process": 10},
	}}).Verdict
	// Per workload: 2 and sqrt(4 * 0.5); over both: 2^(1/2) * 2^(1/4).
	want := math.Sqrt(2 * math.Sqrt2)
	if v.Winner != "greenlet" || v.RunnerUp != "goroutine" || math.Abs(v.Ratio/want-1) > 0.03 {
		t.Errorf("winner %q over %q by %v, want greenlet by %.3f", v.Winner, v.RunnerUp, v.Ratio, want)
	}
	if !(v.Lo < v.Ratio && v.Ratio < v.Hi) || v.Lo < 1 || v.Cases != 3 || v.Workloads != 2 {
		t.Errorf("interval %v to %v around %v over %d cases of %d workloads", v.Lo, v.Hi, v.Ratio, v.Cases, v.Workloads)
	}
	if !strings.Contains(v.Sentence, "greenlet is the best all-round choice") || !strings.Contains(v.Sentence, "95 % interval") || strings.Contains(v.Sentence, "serial") {
		t.Errorf("sentence: %s", v.Sentence)
	}
	if len(v.Unless) != 1 || v.Unless[0].Model != "goroutine" || v.Unless[0].Workload.Name != "B" || math.Abs(v.Unless[0].Ratio-2) > 0.1 {
		t.Errorf("exceptions %v", v.Unless)
	}
}

func TestVerdictTie(t *testing.T) {
	v := tabled(t, reporttest.Table{Count: 10, Noise: 0.01, Seed: 2, Order: []string{"A"}, Rates: map[string]map[string]float64{
		"A": {"greenlet": 100, "goroutine": 100.1, "process": 10},
	}}).Verdict
	if v.Winner != "" || !strings.HasPrefix(v.Sentence, "No clear winner") || !strings.Contains(v.Sentence, "not told apart") {
		t.Errorf("winner %q: %s", v.Winner, v.Sentence)
	}
}

func TestVerdictNoise(t *testing.T) {
	v := tabled(t, reporttest.Table{Count: 6, Noise: 0.6, Seed: 3, Order: []string{"A"}, Rates: map[string]map[string]float64{
		"A": {"greenlet": 120, "goroutine": 100, "process": 90},
	}}).Verdict
	if v.Winner != "" || !strings.Contains(v.Sentence, "too noisy") {
		t.Errorf("winner %q: %s", v.Winner, v.Sentence)
	}
}

func TestVerdictFewResults(t *testing.T) {
	for count := 1; count < 4; count++ {
		v := tabled(t, reporttest.Table{Count: count, Noise: 0.001, Order: []string{"A"}, Rates: map[string]map[string]float64{
			"A": {"greenlet": 1000, "goroutine": 10, "process": 1},
		}}).Verdict
		if v.Winner != "" || !strings.Contains(v.Sentence, "Too few results") || v.Trust.Level != "low" {
			t.Errorf("%d results: winner %q, trust %s: %s", count, v.Winner, v.Trust.Level, v.Sentence)
		}
	}
}

func TestVerdictCorners(t *testing.T) {
	for name, test := range map[string]struct{ file, want string }{
		"one model":     {"BenchmarkX/model=greenlet-2 1 5 ns/op\n", "Nothing to compare"},
		"only serial":   {"BenchmarkX/model=serial-2 1 5 ns/op\n", "No verdict"},
		"only Nop":      {"BenchmarkNop/model=greenlet-2 1 5 ns/op\nBenchmarkNop/model=goroutine-2 1 9 ns/op\n", "No verdict"},
		"all failed":    {"--- FAIL: BenchmarkX/model=greenlet-2\n    broken\n--- FAIL: BenchmarkX/model=goroutine-2\n    broken\n", "No verdict: no case has a result."},
		"all skipped":   {"--- SKIP: BenchmarkX/model=greenlet-2\n    no\n", "No verdict: no case has a result."},
		"no common":     {"BenchmarkX/model=greenlet-2 1 5 ns/op\nBenchmarkY/model=goroutine-2 1 5 ns/op\n", "only competing model"},
		"all the same":  {strings.Repeat("BenchmarkX/model=greenlet-2 1 5 ns/op\nBenchmarkX/model=goroutine-2 1 5 ns/op\n", 8), "No clear winner"},
		"no throughput": {"BenchmarkX/model=greenlet-2 1 5 widgets\n", "No verdict: no case has results of models that compete."},
		"zero":          {"BenchmarkX/model=greenlet-2 1 0 ns/op 0 ops/s\nBenchmarkX/model=goroutine-2 1 1 ns/op 1e9 ops/s\n", "only competing model"},
	} {
		v := Of(read(t, test.file)).Verdict
		if !strings.Contains(v.Sentence, test.want) || !strings.HasPrefix(v.Sentence, v.Headline) {
			t.Errorf("%s: %q, want it to say %q", name, v.Sentence, test.want)
		}
	}
}

// A model that lacks most cases is not ranked, and does not shrink the cases
// that the others are ranked over.
func TestCommonCases(t *testing.T) {
	run := tabled(t, reporttest.Table{Count: 6, Noise: 0.01, Order: []string{"A", "B", "C", "D"}, Rates: map[string]map[string]float64{
		"A": {"greenlet": 200, "goroutine": 100, "process": 1000, "serial": 5},
		"B": {"greenlet": 200, "goroutine": 100, "serial": 5},
		"C": {"greenlet": 200, "goroutine": 100, "serial": 5},
		"D": {"goroutine": 100},
	}})
	r := run.Overall(Throughput)
	if len(r.Cases) != 3 || r.Entry("process").Relation != Partial || r.Entry("serial").Relation != Unranked || r.Best().Model != "greenlet" {
		t.Errorf("over %d cases, process %v, serial %v, best %s", len(r.Cases), r.Entry("process").Relation, r.Entry("serial").Relation, r.Best().Model)
	}
	if v := run.Verdict; v.Cases != 3 || len(v.LeftOut) != 1 || !strings.Contains(v.LeftOut[0], "process (1 of 4 cases)") {
		t.Errorf("verdict over %d cases, left out %v", v.Cases, v.LeftOut)
	}
}

// Serial is far faster than every model here, and Nop is won by another model:
// neither has a say.
func TestBaselineAndControlDoNotCompete(t *testing.T) {
	run := tabled(t, reporttest.Table{Count: 6, Noise: 0.01, Order: []string{"Nop", "A"}, Rates: map[string]map[string]float64{
		"Nop": {"greenlet": 1, "goroutine": 1e6, "serial": 1e9},
		"A":   {"greenlet": 200, "goroutine": 100, "serial": 1e9},
	}})
	if v := run.Verdict; v.Winner != "greenlet" || v.Cases != 1 {
		t.Errorf("winner %q over %d cases", v.Winner, v.Cases)
	}
	r := run.Case(run.Workloads[1].Cases[0], Throughput)
	if e := r.Entry("serial"); e.Relation != Unranked || e.Ratio < 1e6 || r.Family != 1 {
		t.Errorf("serial %+v in a family of %d", e.Relation, r.Family)
	}
}

// A metric that is recorded in some cases only is ranked over those.
func TestPartlyRecorded(t *testing.T) {
	file := ""
	for range 6 {
		file += "BenchmarkA/model=greenlet-2 100 5 ns/op 7 p99-ns\nBenchmarkA/model=goroutine-2 100 50 ns/op 70 p99-ns\n"
		for n := range 5 {
			file += fmt.Sprintf("BenchmarkB/n=%d/model=greenlet-2 100 5 ns/op\nBenchmarkB/n=%d/model=goroutine-2 100 50 ns/op\n", n, n)
		}
	}
	r := Of(read(t, file)).Overall(TailP99)
	if len(r.Cases) != 1 || r.Second() == nil || r.Best().Model != "greenlet" {
		t.Errorf("p99 is ranked over %d cases, runner-up %v", len(r.Cases), r.Second())
	}
}
