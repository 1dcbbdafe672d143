package report

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// table writes a run: per case and model one rate, with a little noise around
// it.
type table struct {
	count int
	noise float64
	seed  uint64
	rates map[string]map[string]float64 // case -> model -> ops/s
	order []string
}

func (tb table) run(t testing.TB) *Run {
	t.Helper()
	r := rand.New(rand.NewPCG(tb.seed, 3))
	var b strings.Builder
	for range tb.count {
		for _, c := range tb.order {
			for _, m := range []string{"serial", "greenlet", "goroutine", "process"} {
				if rate := tb.rates[c][m]; rate > 0 {
					rate *= math.Exp(tb.noise * r.NormFloat64())
					fmt.Fprintf(&b, "Benchmark%s/model=%s-2 100 %g ns/op %g ops/s\n", c, m, 1e9/rate, rate)
				}
			}
		}
	}
	return read(t, b.String())
}

func TestVerdictWinner(t *testing.T) {
	v := table{count: 6, noise: 0.01, order: []string{"A", "B/n=1", "B/n=2"}, rates: map[string]map[string]float64{
		"A":     {"serial": 1e9, "greenlet": 200, "goroutine": 100, "process": 10},
		"B/n=1": {"greenlet": 400, "goroutine": 100, "process": 10},
		"B/n=2": {"greenlet": 50, "goroutine": 100, "process": 10},
	}}.run(t).Verdict()
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
	v := table{count: 10, noise: 0.01, seed: 2, order: []string{"A"}, rates: map[string]map[string]float64{
		"A": {"greenlet": 100, "goroutine": 100.1, "process": 10},
	}}.run(t).Verdict()
	if v.Winner != "" || !strings.HasPrefix(v.Sentence, "No clear winner") || !strings.Contains(v.Sentence, "not told apart") {
		t.Errorf("winner %q: %s", v.Winner, v.Sentence)
	}
}

func TestVerdictNoise(t *testing.T) {
	v := table{count: 6, noise: 0.6, seed: 3, order: []string{"A"}, rates: map[string]map[string]float64{
		"A": {"greenlet": 120, "goroutine": 100, "process": 90},
	}}.run(t).Verdict()
	if v.Winner != "" || !strings.Contains(v.Sentence, "too noisy") {
		t.Errorf("winner %q: %s", v.Winner, v.Sentence)
	}
}

func TestVerdictFewResults(t *testing.T) {
	for count := 1; count < 4; count++ {
		v := table{count: count, noise: 0.001, order: []string{"A"}, rates: map[string]map[string]float64{
			"A": {"greenlet": 1000, "goroutine": 10, "process": 1},
		}}.run(t).Verdict()
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
		v := read(t, test.file).Verdict()
		if !strings.Contains(v.Sentence, test.want) || !strings.HasPrefix(v.Sentence, v.Headline) {
			t.Errorf("%s: %q, want it to say %q", name, v.Sentence, test.want)
		}
	}
}

// A model that lacks most cases is not ranked, and does not shrink the cases
// that the others are ranked over.
func TestCommonCases(t *testing.T) {
	run := table{count: 6, noise: 0.01, order: []string{"A", "B", "C", "D"}, rates: map[string]map[string]float64{
		"A": {"greenlet": 200, "goroutine": 100, "process": 1000, "serial": 5},
		"B": {"greenlet": 200, "goroutine": 100, "serial": 5},
		"C": {"greenlet": 200, "goroutine": 100, "serial": 5},
		"D": {"goroutine": 100},
	}}.run(t)
	r := run.Overall(Throughput)
	if len(r.Cases) != 3 || r.Entry("process").Relation != Partial || r.Entry("serial").Relation != Outside || r.Best().Model != "greenlet" {
		t.Errorf("over %d cases, process %v, serial %v, best %s", len(r.Cases), r.Entry("process").Relation, r.Entry("serial").Relation, r.Best().Model)
	}
	if v := run.Verdict(); v.Cases != 3 || len(v.LeftOut) != 1 || !strings.Contains(v.LeftOut[0], "process (1 of 4 cases)") {
		t.Errorf("verdict over %d cases, left out %v", v.Cases, v.LeftOut)
	}
}

// Serial is far faster than every model here, and Nop is won by another model:
// neither has a say.
func TestBaselineAndControlDoNotCompete(t *testing.T) {
	run := table{count: 6, noise: 0.01, order: []string{"Nop", "A"}, rates: map[string]map[string]float64{
		"Nop": {"greenlet": 1, "goroutine": 1e6, "serial": 1e9},
		"A":   {"greenlet": 200, "goroutine": 100, "serial": 1e9},
	}}.run(t)
	if v := run.Verdict(); v.Winner != "greenlet" || v.Cases != 1 {
		t.Errorf("winner %q over %d cases", v.Winner, v.Cases)
	}
	r := run.Case(run.Workloads[1].Cases[0], Throughput)
	if e := r.Entry("serial"); e.Relation != Outside || e.Ratio < 1e6 || r.Family != 1 {
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
	r := read(t, file).Overall(TailP99)
	if len(r.Cases) != 1 || r.Second() == nil || r.Best().Model != "greenlet" {
		t.Errorf("p99 is ranked over %d cases, runner-up %v", len(r.Cases), r.Second())
	}
}

func sizes(t *testing.T, count int, a, b map[string]float64) *Run {
	tb := table{count: count, noise: 0.01, rates: map[string]map[string]float64{}}
	for _, s := range []string{"1us", "10us", "100us", "1ms"} {
		c := "Map/task=" + s
		tb.order = append(tb.order, c)
		tb.rates[c] = map[string]float64{"process": a[s], "serial": b[s]}
	}
	return tb.run(t)
}

func TestBreakEven(t *testing.T) {
	even := map[string]float64{"1us": 100, "10us": 100, "100us": 100, "1ms": 100}
	for name, test := range map[string]struct {
		process map[string]float64
		want    Outcome
		text    string
	}{
		// In double logarithmic scale the line from 0.1 at 10 us to 10 at 100
		// us passes one half way.
		"crosses": {map[string]float64{"1us": 1, "10us": 10, "100us": 1000, "1ms": 1000}, Crosses, "from task = 3"},
		"falling": {map[string]float64{"1us": 1000, "10us": 1000, "100us": 10, "1ms": 1}, Crosses, "up to task = 3"},
		"never":   {map[string]float64{"1us": 1, "10us": 5, "100us": 20, "1ms": 50}, Never, "never within the range measured"},
		"always":  {map[string]float64{"1us": 150, "10us": 180, "100us": 200, "1ms": 200}, Always, "at every size measured"},
		"wanders": {map[string]float64{"1us": 1, "10us": 500, "100us": 1, "1ms": 500}, Wandering, "take turns"},
		"partly":  {map[string]float64{"1us": 100, "10us": 100, "100us": 200, "1ms": 200}, Undecided, "better at 100µs and 1ms"},
	} {
		evens := sizes(t, 8, test.process, even).BreakEvens()
		if len(evens) != 1 {
			t.Fatalf("%s: %d answers", name, len(evens))
		}
		e := evens[0]
		if e.Outcome != test.want || !strings.Contains(e.Text, test.text) {
			t.Errorf("%s: outcome %d: %s; want %d, %q", name, e.Outcome, e.Text, test.want, test.text)
		}
		if e.Outcome == Crosses && !(e.Lo <= e.At && e.At <= e.Hi && math.Abs(math.Log(e.At/math.Sqrt(10e-6*100e-6))) < 0.1) {
			t.Errorf("%s: at %v, interval %v to %v", name, e.At, e.Lo, e.Hi)
		}
	}
	// Without intervals nothing is shown.
	for _, e := range sizes(t, 2, map[string]float64{"1us": 1, "10us": 10, "100us": 1000, "1ms": 1000}, even).BreakEvens() {
		if e.Outcome != Undecided {
			t.Errorf("two results: outcome %d: %s", e.Outcome, e.Text)
		}
	}
}

func TestCurves(t *testing.T) {
	run := read(t, `BenchmarkM/task=10us/chunk=1/model=a-2 1 5 ns/op
BenchmarkM/task=1us/chunk=1/model=a-2 1 5 ns/op
BenchmarkM/task=1ms/chunk=1/model=a-2 1 5 ns/op
BenchmarkM/task=1us/chunk=64/model=a-2 1 5 ns/op
BenchmarkM/task=other/chunk=64/model=a-2 1 5 ns/op
`)
	all, rest := curves(run.Workloads[0])
	if len(all) != 1 || len(rest) != 2 {
		t.Fatalf("%d curves, %d rest", len(all), len(rest))
	}
	g := all[0]
	if g.Key != "task" || g.Fixed != "chunk=1" || fmt.Sprintf("%.3g", g.X) != "[1e-06 1e-05 0.001]" || g.value(2) != "1ms" || g.formatX(3.4e-5) != "34µs" {
		t.Errorf("curve %+v", g)
	}
}

func TestTrust(t *testing.T) {
	quiet := table{count: 12, noise: 0.002, order: []string{"A"}, rates: map[string]map[string]float64{"A": {"greenlet": 200, "goroutine": 100}}}.run(t)
	if tr := quiet.Verdict().Trust; tr.Level != "high" {
		t.Errorf("a quiet run has trust %s: %v", tr.Level, tr.Reasons)
	}
	for id, lines := range map[string]string{
		"virtual":   "virtual: kvm\n",
		"governor":  "governor: powersave\n",
		"smt":       "smt: on\n",
		"quota":     "cgroup-quota: 150000\n",
		"disturbed": "# block {\"block\":1,\"disturbed\":true}\n",
		"steal":     "# block {\"block\":1,\"steal_pct\":7}\n",
		"canary":    "# block {\"block\":1,\"canary_ns\":[100,130],\"canary_base_ns\":100}\n",
		"load":      "cores: 2\n# block {\"block\":1,\"load1\":9}\n",
		"failed":    "--- FAIL: BenchmarkX/model=a-2\n    no\n",
		"few":       "",
		"short":     "",
	} {
		run := read(t, "BenchmarkX/model=a-2 1 5 ns/op\n"+lines)
		found := false
		for _, w := range run.Warnings() {
			if w.ID == id {
				found = true
				if w.Value == "" || w.Threshold == "" || w.Effect == "" || w.Remedy == "" || w.Title == "" {
					t.Errorf("%s says too little: %+v", id, w)
				}
			}
		}
		if !found {
			t.Errorf("no warning %q", id)
		}
	}
}
