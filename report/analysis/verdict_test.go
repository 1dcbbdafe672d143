package analysis

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"switchyard/report/internal/reporttest"
)

func tabled(t testing.TB, tb reporttest.Table) *Analysis {
	t.Helper()
	return Of(read(t, tb.Text()))
}

// only is the run's only decision.
func only(t *testing.T, a *Analysis) Decision {
	t.Helper()
	if len(a.Verdict.Decisions) != 1 {
		t.Fatalf("%d decisions: %q", len(a.Verdict.Decisions), a.Verdict.Headline)
	}
	return a.Verdict.Decisions[0]
}

const kindsHead = `# switchyard {"format":1}
# model {"name":"serial","baseline":true}
# workload {"name":"A","kind":"handing over"}
# workload {"name":"B","kind":"handing over"}
# workload {"name":"C"}
# workload {"name":"D","kind":"computing"}
# workload {"name":"Nop","control":true}
`

// Every workload of a kind weighs the same; the factor has its range over them,
// and every case that the winner loses is told. Decisions come in the order of
// the report, and there is no winner of everything.
func TestVerdictOfKinds(t *testing.T) {
	a := Of(read(t, kindsHead+reporttest.Table{Count: 10, Noise: 0.01, Order: []string{"Nop", "A", "B/n=1", "B/n=2", "B/n=3", "C", "D"}, Rates: map[string]map[string]float64{
		"Nop":   {"greenlet": 1, "goroutine": 1e9},
		"A":     {"serial": 1e9, "greenlet": 200, "goroutine": 100, "process": 10},
		"B/n=1": {"greenlet": 800, "goroutine": 100, "process": 10},
		"B/n=2": {"greenlet": 50, "goroutine": 100, "process": 10},
		"B/n=3": {"greenlet": 50, "goroutine": 100, "process": 200},
		"C":     {"greenlet": 100, "goroutine": 300},
		"D":     {"greenlet": 100, "process": 9000},
	}}.Text()))
	var order []string
	for _, d := range a.Verdict.Decisions {
		order = append(order, d.Kind.Name+"="+strings.Join(d.Winners, "+"))
	}
	if got := fmt.Sprint(order); got != "[Handing over=greenlet C=goroutine Computing=process]" {
		t.Fatal(got)
	}
	d := a.Verdict.Decisions[0]
	n := d.Behind[0]
	// Per workload 2 and (8/2/2)^(1/3); over both the root of the product.
	if b := math.Cbrt(2); math.Abs(n.Ratio/math.Sqrt(2*b)-1) > .02 || math.Abs(n.Least/b-1) > .02 || math.Abs(n.Most/2-1) > .02 || n.B != "goroutine" || len(d.Behind) != 2 {
		t.Errorf("%v × %s, %v to %v", n.Ratio, n.B, n.Least, n.Most)
	}
	if !(1 < n.Lo && n.Lo < n.Ratio && n.Ratio < n.Hi) {
		t.Errorf("interval %v to %v around %v", n.Lo, n.Hi, n.Ratio)
	}
	if got := d.Worse(); !strings.HasPrefix(got, "Worse in B with n=2 (goroutine ") || !strings.Contains(got, "; B with n of 3 or more (process ") || !strings.HasSuffix(got, "): 2 of 4 cases.") {
		t.Error(got)
	}
	if a.Verdict.Headline != "What to use, by kind of work" && !a.Verdict.Low {
		t.Error(a.Verdict.Headline)
	}
}

// However many cases and workloads a winner loses in, all are told.
func TestExceptionsAreComplete(t *testing.T) {
	var b strings.Builder
	b.WriteString("# switchyard {\"format\":1}\n")
	tb := reporttest.Table{Count: 10, Noise: 0.001, Rates: map[string]map[string]float64{}}
	for i := range 12 {
		fmt.Fprintf(&b, "# workload {\"name\":\"W%02d\",\"kind\":\"k\"}\n", i)
		for _, n := range []string{"a", "b", "c", "d"} {
			name := fmt.Sprintf("W%02d/%s", i, n)
			tb.Order = append(tb.Order, name)
			tb.Rates[name] = map[string]float64{"greenlet": 1000, "goroutine": 100}
			if i > 0 && (n == "b" || n == "d") {
				tb.Rates[name] = map[string]float64{"greenlet": 100, "goroutine": 200}
			}
		}
	}
	d := only(t, Of(read(t, b.String()+tb.Text())))
	for i := 1; i < 12; i++ {
		if want := fmt.Sprintf("W%02d with b, d (goroutine 2.00×)", i); !strings.Contains(d.Worse(), want) {
			t.Errorf("no %q in %s", want, d.Worse())
		}
	}
	if len(d.Losses) != 11 || d.Exceptions() != "Exceptions: 22 of 48 cases." || d.Winners[0] != "greenlet" {
		t.Errorf("%d losses, %s", len(d.Losses), d.Exceptions())
	}
}

// The mean over workloads lies among them, though the median of its blocks need
// not: in most blocks one of the two is slow, in none both.
func TestMeanLiesAmongItsWorkloads(t *testing.T) {
	text := kindsHead
	for block := range 6 {
		for w, ns := range map[string]int{"A": []int{210, 220, 446}[block%3], "B": []int{446, 222, 210}[block%3]} {
			text += fmt.Sprintf("Benchmark%s/model=a-2 1 100 ns/op\nBenchmark%[1]s/model=b-2 1 %d ns/op\n", w, ns)
		}
		text += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1}\n", block+1)
	}
	a := Of(read(t, text))
	d := only(t, a)
	if want := "Handing over: a, 2.20× b (next run 1.76 to 2.61; 2.20× to 2.22× over 2 workloads)."; d.Claim() != want {
		t.Errorf("%s\nwant %s", d.Claim(), want)
	}
	if want := "Geometric mean over 2 cases of 2 workloads: a 2.20× b (next run 1.76 to 2.61; 2.20× to 2.22× over workloads)."; a.Verdict.Mean != want {
		t.Errorf("%s\nwant %s", a.Verdict.Mean, want)
	}
	// However sure a mean is, what is said of the next run has it.
	for _, far := range []float64{1, 3} {
		s := a.standing(Throughput, d.Ranking.Cases, Comparison{A: "a", B: "b", Ratio: far, NextLo: 0.99 * far, NextHi: 1.01 * far})
		if s.Ratio != min(max(far, s.Least), s.Most) || s.NextLo > s.Ratio || s.NextHi < s.Ratio {
			t.Errorf("%v, among %v and %v; next run %v to %v", s.Ratio, s.Least, s.Most, s.NextLo, s.NextHi)
		}
	}
}

// A difference is told in words that is large enough and shown, wherever the
// next run is expected: words that hang on that change from run to run. What an
// earlier run has said stands while the next run may be on either side.
func TestClear(t *testing.T) {
	for _, test := range []struct {
		c               Comparison
		unsaid, yes, no bool
	}{
		{Comparison{Ratio: 1.5, Lo: 1.01, NextLo: 0.9, NextHi: 3}, true, true, false},
		{Comparison{Ratio: 1.49, Lo: 1.4, NextLo: 1.3, NextHi: 1.7}, false, true, false},
		{Comparison{Ratio: 1.9, Lo: 1, NextLo: 1, NextHi: 3}, false, true, false},
		{Comparison{Ratio: 1.3, Lo: 1.25, NextLo: 1.1, NextHi: 1.49}, false, false, false},
		{Comparison{Ratio: 1.7, Lo: 1.65, NextLo: 1.51, NextHi: 1.9}, true, true, true},
		// However wide the range: not who is no better, and who is far better.
		{Comparison{Ratio: 0.99, Lo: 0.5, NextLo: 0.4, NextHi: 9}, false, false, false},
		{Comparison{Ratio: 1, Lo: 0.5, NextLo: 0.4, NextHi: 9}, false, false, false},
		{Comparison{Ratio: 2.3, Lo: 1.1, NextLo: 0.5, NextHi: 9}, true, true, true},
		// Of too few results nothing.
		{Comparison{Ratio: 9, Lo: 0, NextLo: 0, NextHi: math.Inf(1)}, false, false, false},
		{Comparison{Ratio: math.NaN(), Lo: math.NaN(), NextLo: math.NaN(), NextHi: math.NaN()}, false, false, false},
	} {
		if test.c.clear(unsaid) != test.unsaid || test.c.clear(yes) != test.yes || test.c.clear(no) != test.no {
			t.Errorf("%+v: %v %v %v", test.c, test.c.clear(unsaid), test.c.clear(yes), test.c.clear(no))
		}
	}
}

// What a run in three sessions expects of the next it has seen in them; of one
// session it is what runs are known to do, and the note says so.
func TestNextRunBySessions(t *testing.T) {
	for sessions, want := range map[int]string{
		1: "A: a, 2.00× b (next run 1.65 to 2.43; in A). Next run: where at least 9 of 10 more on this machine would be, if each moves a factor by 7 %, which a run in three sessions measures.",
		2: "A: a, 2.00× b (next run 1.74 to 2.29; in A). Next run: where at least 9 of 10 more on this machine would be, if each moves a factor by 7 %, which a run in three sessions measures.",
		3: "A: a, 2.00× b (next run 1.77 to 2.26; in A). Next run: where at least 9 of 10 more on this machine would be, by what 3 sessions differ by.",
	} {
		text := "# switchyard {\"format\":1}\n"
		for block := range 6 * sessions {
			ns := 2000
			if sessions == 3 { // √2 times 4.30 times 0.02, the standard error of 0.0346 among three
				ns = []int{1932, 2000, 2070}[block/6]
			}
			text += fmt.Sprintf("BenchmarkA/model=a-2 1 1000 ns/op\nBenchmarkA/model=b-2 1 %d ns/op\n# block {\"block\":%d,\"attempt\":1,\"session\":%d}\n", ns, block+1, block/6+1)
		}
		v := Of(read(t, text)).Verdict
		_, note, _ := strings.Cut(v.Note, "numbers. ")
		if got := v.Decisions[0].Claim() + " " + note; got != want {
			t.Errorf("%d sessions: %s\nwant %s", sessions, got, want)
		}
	}
}

// Two models that cannot be told apart win together; with noise nobody is known
// to, and with few results nobody can be.
func TestVerdictWithoutOneWinner(t *testing.T) {
	for _, test := range []struct {
		name         string
		count        int
		noise        float64
		rates        map[string]float64
		winners, say string
	}{
		{"tie", 20, 0.001, map[string]float64{"greenlet": 100, "goroutine": 100.01, "process": 10}, "[greenlet goroutine]", "A: greenlet or goroutine: goroutine 1.00× greenlet (next run 0.82 to 1.21; in A); the best of them 10.0× process ("},
		{"all alike", 20, 0.001, map[string]float64{"greenlet": 100, "goroutine": 100.01, "process": 100}, "[greenlet goroutine process]", "A: greenlet, goroutine or process: goroutine 1.00× greenlet (next run 0.82 to 1.21; in A) and process 1.00× greenlet ("},
		{"noise", 6, 0.6, map[string]float64{"greenlet": 120, "goroutine": 100, "process": 90}, "[greenlet goroutine process]", "A: not decided between greenlet, goroutine and process: goroutine "},
		{"noise and a loser", 6, 0.1, map[string]float64{"greenlet": 105, "goroutine": 100, "process": 9}, "[greenlet goroutine]", "; the best of them "},
		{"three results", 3, 0.001, map[string]float64{"greenlet": 1000, "goroutine": 10, "process": 1}, "[greenlet goroutine process]", "A: not decided between greenlet, goroutine and process, over A: 6 results per case are needed."},
	} {
		d := only(t, tabled(t, reporttest.Table{Count: test.count, Noise: test.noise, Seed: 3, Order: []string{"A"}, Rates: map[string]map[string]float64{"A": test.rates}}))
		if got := fmt.Sprint(d.Winners); got != test.winners || !strings.Contains(d.Claim(), test.say) || (d.Exceptions() == "") != strings.HasPrefix(d.Lead, "not decided") {
			t.Errorf("%s: %s: %s %s", test.name, got, d.Claim(), d.Exceptions())
		}
	}
}

// Where nothing can be compared the verdict says why, and says no more.
func TestNoVerdict(t *testing.T) {
	for name, test := range map[string]struct{ file, want string }{
		"one model":     {"BenchmarkX/model=greenlet-2 1 5 ns/op\n", "Nothing to compare: greenlet is the only competing model with results."},
		"only serial":   {"BenchmarkX/model=serial-2 1 5 ns/op\n", "No verdict: no case has results of models that compete."},
		"only Nop":      {"BenchmarkNop/model=greenlet-2 1 5 ns/op\nBenchmarkNop/model=goroutine-2 1 9 ns/op\n", "No verdict: no case has results of models that compete."},
		"all failed":    {"--- FAIL: BenchmarkX/model=greenlet-2\n    broken\n--- FAIL: BenchmarkX/model=goroutine-2\n    broken\n", "No verdict: no case has a result."},
		"all skipped":   {"--- SKIP: BenchmarkX/model=greenlet-2\n    no\n", "No verdict: no case has a result."},
		"no common":     {"BenchmarkX/model=greenlet-2 1 5 ns/op\nBenchmarkY/model=goroutine-2 1 5 ns/op\n", "Nothing to compare: no case has results of two models that compete."},
		"no throughput": {"BenchmarkX/model=greenlet-2 1 5 widgets\n", "No verdict: no case has results of models that compete."},
		"zero":          {"BenchmarkX/model=greenlet-2 1 0 ns/op 0 ops/s\nBenchmarkX/model=goroutine-2 1 1 ns/op 1e9 ops/s\n", "Nothing to compare: goroutine is the only competing model with results."},
	} {
		v := Of(read(t, test.file)).Verdict
		if v.Headline != test.want || len(v.Decisions) > 0 || v.Advice != "" || v.Mean != "" {
			t.Errorf("%s: %q, want it to say %q; %q %q", name, v.Headline, test.want, v.Advice, v.Mean)
		}
	}
}

// A run on several numbers of CPUs has its decisions apart: nobody compares one
// core against many.
func TestVerdictOfLanes(t *testing.T) {
	text := kindsHead
	for range 6 {
		text += "BenchmarkA/model=a 1 10 ns/op\nBenchmarkA/model=b 1 20 ns/op\nBenchmarkA/model=a-2 1 20 ns/op\nBenchmarkA/model=b-2 1 10 ns/op\n"
	}
	v := Of(read(t, text)).Verdict
	got := ""
	for _, d := range v.Decisions {
		got += d.Claim() + "|"
	}
	if len(v.Decisions) != 2 || !strings.Contains(got, "Handing over on 1 CPU: a, 2.00× b (") || !strings.Contains(got, "Handing over on 2 CPUs: b, 2.00× a (") {
		t.Error(got)
	}
}

// An open loop's rate is given, and so is the pace of a clock: their models are
// judged by latency, each apart from closed loops of the same kind, and are not
// part of the profile.
func TestVerdictOfOpenLoops(t *testing.T) {
	text := `# switchyard {"format":1}
# workload {"name":"A","kind":"messaging"}
# workload {"name":"O","kind":"messaging","open":true}
# workload {"name":"P","kind":"messaging","paced":true}
`
	for i := range 6 {
		text += fmt.Sprintf(`BenchmarkA/n=1/model=a-2 1 10 ns/op
BenchmarkA/n=1/model=b-2 1 50 ns/op
BenchmarkO/rate=1/model=a-2 1 10 ns/op 100 ops/s 40%d00 p99-ns
BenchmarkO/rate=1/model=b-2 1 50 ns/op 100 ops/s 20%d00 p99-ns
BenchmarkO/rate=2/model=a-2 1 10 ns/op 200 ops/s 90%d00 p99-ns
BenchmarkO/rate=2/model=b-2 1 50 ns/op 200 ops/s 10%d00 p99-ns
BenchmarkO/rate=4/model=a-2 1 10 ns/op 200 ops/s 50%d00 p99-ns
BenchmarkO/rate=4/model=b-2 1 50 ns/op 200 ops/s 90%d00 p99-ns
BenchmarkP/n=1/model=a-2 1 10 ns/op 100 ops/s 30%d00 p99-ns
BenchmarkP/n=1/model=b-2 1 20 ns/op 50 ops/s 10%d00 p99-ns
`, i, i, i, i, i, i, i, i)
	}
	v := Of(read(t, text)).Verdict
	got := ""
	for _, d := range v.Decisions {
		got += fmt.Sprintf("%s: %v", d.Kind.Name, d.Winners)
		for _, s := range d.Behind {
			got += fmt.Sprintf(" %.2f %.2f %.2f", s.Ratio, s.Least, s.Most)
		}
		got += " " + d.Worse() + "\n"
	}
	if want := `Messaging: [a] 5.00 5.00 5.00 ` + `
Messaging at a given rate, by p99 latency: [b] 2.14 0.56 8.80 Worse in O with rate of 4 or more (a 1.80×): 1 of 3 cases.
Messaging, by p99 latency: [b] 2.95 2.95 2.95 ` + `
`; got != want || v.Profile.Cases != 1 {
		t.Errorf("profile of %d;\n%s\nwant\n%s", v.Profile.Cases, got, want)
	}
}

// From which size of a task on models pay is part of the kind's decision: by
// what is shown of measured sizes, model by model, and of this kind's workloads
// alone.
func TestVerdictOfSizes(t *testing.T) {
	tb := reporttest.Table{Count: 8, Noise: 0.001, Rates: map[string]map[string]float64{}}
	for i, s := range []string{"1us", "10us", "100us"} {
		for _, w := range []string{"D/chunk=1/task=" + s, "B/n=" + s[:len(s)-2]} {
			tb.Order = append(tb.Order, w)
			tb.Rates[w] = map[string]float64{"serial": 100, "greenlet": 99, "goroutine": float64(50 + 60*i), "process": float64(40 + 70*i)}
		}
	}
	for _, d := range Of(read(t, kindsHead+tb.Text())).Verdict.Decisions {
		want := map[string]string{
			"Computing": "In D chunk=1 serial is beaten by greenlet at no size that is shown, by goroutine from task = 10µs at the latest, 1.70× at 100µs, by process from task = 10µs at the latest, 1.80× at 100µs.",
		}[d.Kind.Name]
		if d.Sizes != want {
			t.Errorf("%s: %s", d.Kind.Name, d.Sizes)
		}
	}
}

// Who scatters least is told apart from those who scatter clearly more, and
// from nobody else.
func TestPredictability(t *testing.T) {
	for want, factors := range map[string][3]float64{
		"a: typical spread of results: a 1 %, b 2 %, c 2 %":         {1, 2, 2},
		"a or c: typical spread of results: a 1.4 %, b 2 %, c 1 %":  {1.4, 2, 1},
		"a, b or c: typical spread of results: a 0 %, b 0 %, c 0 %": {},
	} {
		text := "# switchyard {\"format\":1}\n"
		for i := range 9 { // quartiles a hundredth times the factor apart
			for m, f := range factors {
				text += fmt.Sprintf("BenchmarkA/model=%c-2 1 100 ns/op %v ops/s\n", 'a'+m, 1e4+20*f*float64(i-4))
			}
		}
		a := Of(read(t, text))
		tile := a.Verdict.Tiles[len(a.Verdict.Tiles)-1]
		if got := tile.Value + ": " + tile.Detail; got != want || (tile.Model != "") != (factors[1] == 2 && factors[0] == 1) {
			t.Errorf("%s (%s), want %s", got, tile.Model, want)
		}
	}
}

// Five runs of the same truth, whose cells differ by one per cent from run to
// run and by as much within it, give the same list in words in nine of their
// ten pairs at least: who wins, and where it is otherwise.
func TestVerdictIsTheSameOnTheNextRun(t *testing.T) {
	truth := map[string]map[string]float64{
		"A":     {"greenlet": 400, "goroutine": 100, "process": 20},
		"B/n=1": {"greenlet": 300, "goroutine": 100, "process": 10},
		"B/n=2": {"greenlet": 130, "goroutine": 200, "process": 10},
		"C":     {"greenlet": 100, "goroutine": 100.5, "process": 40},
		"D/n=1": {"greenlet": 100, "goroutine": 185, "process": 150},
		"D/n=2": {"greenlet": 100, "goroutine": 195, "process": 193},
	}
	var lists []string
	for seed := range uint64(5) {
		r := rand.New(rand.NewPCG(seed, 5))
		tb := reporttest.Table{Count: 10, Noise: 0.01, Seed: seed, Order: slices.Sorted(maps.Keys(truth)), Rates: map[string]map[string]float64{}}
		for _, c := range tb.Order {
			tb.Rates[c] = map[string]float64{}
			for _, m := range slices.Sorted(maps.Keys(truth[c])) {
				tb.Rates[c][m] = truth[c][m] * math.Exp(0.01*r.NormFloat64())
			}
		}
		lists = append(lists, inWords(Of(read(t, kindsHead+tb.Text())).Verdict))
	}
	same := 0
	for i := range lists {
		for j := range i {
			if lists[i] == lists[j] {
				same++
			}
		}
	}
	if same < 9 {
		t.Errorf("%d of 10 pairs give the same list:\n%s", same, strings.Join(lists, "\n\n"))
	}
}

// A mean that one case decides, however large, makes no winner; what nobody has
// is missing of nobody; of several workloads with more and more units the
// widest span tells what one takes; a CPU time of nothing has no ratio; and of
// two models with one share within 2 the share within 1.5 decides.
func TestVerdictAtItsEdges(t *testing.T) {
	text := strings.Replace(kindsHead, `"name":"D"`, `"name":"Odd","kind":"odd"}
# workload {"name":"D"`, 1)
	line := func(name string, a, b float64, more string) {
		text += fmt.Sprintf("Benchmark%s/model=a-2 1 %g ns/op %s\nBenchmark%[1]s/model=b-2 1 %[4]g ns/op %[3]s\n", name, a, more, b)
	}
	for range 6 {
		line("Odd/n=1", 1, 900, "")
		line("Odd/n=2", 150, 100, "")
		line("Odd/n=3", 150, 100, "")
		line("A/n=1", 100, 190, "0 cpu-ns/op 1000 peak-RSS-bytes 1 units")
		line("A/n=2", 100, 190, "0 cpu-ns/op 12000 peak-RSS-bytes 12 units")
		line("B/n=1", 100, 140, "1000 peak-RSS-bytes 1 units")
		line("B/n=2", 100, 140, "201000 peak-RSS-bytes 101 units")
	}
	text += "--- SKIP: BenchmarkA/n=3/model=a-2\n    no\n--- SKIP: BenchmarkA/n=3/model=b-2\n    no\n--- SKIP: BenchmarkB/n=3/model=a-2\n    no\nBenchmarkB/n=3/model=b-2 1 5 ns/op\n"
	v := Of(read(t, text)).Verdict
	got := ""
	for _, d := range v.Decisions {
		got += fmt.Sprintf("%s: %s. %s %s %s|", d.Kind.Name, d.Lead, d.Beside, d.Why, d.Memory)
	}
	if want := "Handing over: a. a has no result in B n=3. No model has a result in A n=3.  Memory per unit: a 1.95KiB, b 1.95KiB (B: 100 more units).|Odd: a or b.   |"; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	p := Profile{Models: []ProfileModel{{Model: "x", Share: []float64{.1, .5, .9, .95, 1}}, {Model: "y", Share: []float64{.1, .6, .9, .9, .9}}, {Model: "z", Share: []float64{.9, .9, .8, 1, 1}}}}
	if p.pick(); fmt.Sprint(p.Pick) != "[y]" {
		t.Error(p.Pick)
	}
}

// The profile by hand: of four cases, of which one lacks a model, and one is
// nobody's to compare.
func TestProfile(t *testing.T) {
	text := ""
	for range 6 {
		text += "BenchmarkA/model=a-2 1 10 ns/op\nBenchmarkA/model=b-2 1 20 ns/op\nBenchmarkA/model=serial-2 1 1 ns/op\n" +
			"BenchmarkB/model=a-2 1 10 ns/op\nBenchmarkB/model=b-2 1 14 ns/op\n" +
			"BenchmarkC/model=a-2 1 90 ns/op\nBenchmarkC/model=b-2 1 10 ns/op\n" +
			"BenchmarkD/model=c-2 1 10 ns/op\nBenchmarkD/model=b-2 1 12 ns/op\n" +
			"BenchmarkE/model=c-2 1 10 ns/op\nBenchmarkNop/model=b-2 1 9 ns/op\nBenchmarkNop/model=a-2 1 1 ns/op\n"
	}
	p := Of(read(t, text)).Verdict.Profile
	got := fmt.Sprint(p.Cases, p.Pick)
	for _, m := range p.Models {
		got += fmt.Sprintf("; %s %v %.4g %s %d", m.Model, m.Share, m.Worst, m.At.Title(), len(m.Missing))
	}
	want := "4 [b]; a [0.5 0.5 0.5 0.5 0.75] 9 C 1; b [0.25 0.75 1 1 1] 2 A 0; c [0.25 0.25 0.25 0.25 0.25] 1 D 3"
	if got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
	if s := p.Sentence(); s != "If you must pick one: b; within 2× of the best in 100 % of 4 cases, worst 2.00×." {
		t.Error(s)
	}
	// A model that is picked in spite of a gap is told to have one.
	p.Pick = []string{"a"}
	if s := p.Sentence(); s != "If you must pick one: a; within 2× of the best in 50 % of 4 cases, worst 9.00×, no result in 1, which count as worse than that." {
		t.Error(s)
	}
}

// A latency below three readings of the clock ranks nobody: all such are alike.
// What reading costs is the run's fact, or thirty nanoseconds.
func TestLatenciesBelowTheClock(t *testing.T) {
	for fact, want := range map[string]string{
		"":                       "a or b: within 1.5× of the best in 100 % of 2 cases; in 1 below what can be timed, 90ns, where all are alike",
		"clock-read-ns: 200\n":   "a or b: within 1.5× of the best in 100 % of 2 cases; in 2 below what can be timed, 600ns, where all are alike",
		"clock-read-ns: 10\n":    "b: within 1.5× of the best in 100 % of 2 cases; next a, 50 %",
		"clock-read-ns: never\n": "a or b: within 1.5× of the best in 100 % of 2 cases; in 1 below what can be timed, 90ns, where all are alike",
	} {
		text := "# switchyard {\"format\":1}\n" + fact
		for range 6 {
			text += "BenchmarkA/model=a-2 1 5 ns/op 80 p99-ns\nBenchmarkA/model=b-2 1 50 ns/op 31 p99-ns\n" +
				"BenchmarkB/model=a-2 1 5 ns/op 400 p99-ns\nBenchmarkB/model=b-2 1 50 ns/op 400 p99-ns\n"
		}
		a := Of(read(t, text))
		tile := a.Verdict.Tiles[0]
		e := a.ByCase[a.Cases()[0]][TailP99].Entry("a")
		if below := !strings.HasPrefix(want, "b:"); e.Untimed != below || below != (e.Ratio == 1) {
			t.Errorf("%q: a is %v × the best, untimed %v", fact, e.Ratio, e.Untimed)
		}
		if got := tile.Value + ": " + tile.Detail; got != want {
			t.Errorf("%q: %s\nwant %s", fact, got, want)
		}
	}
}

// The reasons are means over the cases that both have, a workload like the
// other; what is the same is not told, and a unit's memory is the slope between
// the fewest and the most.
func TestWhy(t *testing.T) {
	text := kindsHead
	for range 6 {
		text += `BenchmarkA/n=1/model=a-2 1 10 ns/op 10 cpu-ns/op 0 csw/op 1 allocs/op 1000000 peak-RSS-bytes 1 units
BenchmarkA/n=1/model=b-2 1 20 ns/op 40 cpu-ns/op 2 csw/op 1 allocs/op 1000000 peak-RSS-bytes 10 units
BenchmarkA/n=2/model=a-2 1 10 ns/op 10 cpu-ns/op 0 csw/op 1 allocs/op 1990000 peak-RSS-bytes 100 units
BenchmarkA/n=2/model=b-2 1 20 ns/op 40 cpu-ns/op 2 csw/op 1 allocs/op 1900000 peak-RSS-bytes 99 units
BenchmarkB/model=a-2 1 10 ns/op 10 cpu-ns/op 1 csw/op 30 instructions/op 9 kernel-instructions/op
BenchmarkB/model=b-2 1 20 ns/op 10 cpu-ns/op 4 csw/op 20 instructions/op 90 kernel-instructions/op
`
	}
	d := only(t, Of(read(t, text)))
	if want := "Why, a against b: 0.50× the CPU time an op; CPUs in use 1.00 against 1.25; context switches an op 0.50 against 3.00; 1.50× the instructions an op; 0.10× those of the kernel."; d.Why != want {
		t.Errorf("%s\nwant %s", d.Why, want)
	}
	if want := "Memory per unit: a 9.77KiB (A: 99 more units)."; d.Memory != want {
		t.Errorf("%q, want %q", d.Memory, want)
	}
	bare := Of(read(t, strings.Repeat("BenchmarkA/model=a-2 1 10 ns/op\nBenchmarkA/model=b-2 1 20 ns/op\n", 6)))
	if d := only(t, bare); d.Why != "" || d.Memory != "" {
		t.Errorf("nothing was recorded: %q, %q", d.Why, d.Memory)
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
	r := run.Overall[Throughput]
	if len(r.Cases) != 3 || r.Entry("process").Relation != Partial || r.Entry("serial").Relation != Unranked || r.Best().Model != "greenlet" {
		t.Errorf("over %d cases, process %v, serial %v, best %s", len(r.Cases), r.Entry("process").Relation, r.Entry("serial").Relation, r.Best().Model)
	}
	if m := run.Verdict.Mean; !strings.HasPrefix(m, "Geometric mean over 3 cases of 3 workloads: greenlet 2.0") || !strings.HasSuffix(m, " Not in it: process (1 of 4 cases).") {
		t.Error(m)
	}
}

// Serial is far faster than every model here, and Nop is won by another model:
// neither has a say.
func TestBaselineAndControlDoNotCompete(t *testing.T) {
	run := tabled(t, reporttest.Table{Count: 6, Noise: 0.01, Order: []string{"Nop", "A"}, Rates: map[string]map[string]float64{
		"Nop": {"greenlet": 1, "goroutine": 1e6, "serial": 1e9},
		"A":   {"greenlet": 200, "goroutine": 100, "serial": 1e9},
	}})
	if d := only(t, run); fmt.Sprint(d.Winners) != "[greenlet]" || run.Verdict.Profile.Cases != 1 || run.Verdict.Profile.Of("serial") != nil {
		t.Errorf("%s, %+v", d.Claim(), run.Verdict.Profile)
	}
	r := run.ByCase[run.Workloads[1].Cases[0]][Throughput]
	if e := r.Entry("serial"); e.Relation != Unranked || e.Ratio < 1e6 {
		t.Errorf("serial %+v", e.Relation)
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
	r := Of(read(t, file)).Overall[TailP99]
	if len(r.Cases) != 1 || r.Second() == nil || r.Best().Model != "greenlet" {
		t.Errorf("p99 is ranked over %d cases, runner-up %v", len(r.Cases), r.Second())
	}
}

// A form of a model has no answer of its own, however it compares with others,
// unless it is clearly better than the plain one, or that was not measured.
func TestVerdictOfForms(t *testing.T) {
	const head = `# switchyard {"format":1}
# model {"name":"greenlet"}
# model {"name":"goroutine"}
# model {"name":"process","of":"goroutine"}
`
	for _, test := range []struct {
		rates map[string]float64
		want  string
	}{
		{map[string]float64{"goroutine": 100, "process": 140, "greenlet": 95}, "[greenlet goroutine]"},
		{map[string]float64{"goroutine": 100, "process": 140, "greenlet": 80}, "[greenlet goroutine]"},
		{map[string]float64{"goroutine": 100, "process": 90, "greenlet": 30}, "[goroutine]"},
		{map[string]float64{"goroutine": 100, "process": 170, "greenlet": 30}, "[process]"},
		{map[string]float64{"goroutine": 100, "process": 170, "greenlet": 200}, "[greenlet process]"},
		{map[string]float64{"process": 100, "greenlet": 300}, "[greenlet]"},
	} {
		d := only(t, Of(read(t, head+reporttest.Table{Count: 8, Noise: .005, Order: []string{"A"}, Rates: map[string]map[string]float64{"A": test.rates}}.Text())))
		if got := fmt.Sprint(d.Winners); got != test.want {
			t.Errorf("%v: %s", test.rates, d.Claim())
		}
		if form := strings.Contains(d.Claim(), "process"); form != (test.rates["process"] > 1.5*test.rates["goroutine"]) {
			t.Errorf("%v: %s", test.rates, d.Claim())
		}
	}
}

// A mean that few of a kind's workloads make, or that results scatter around as
// widely as it is, is told in numbers and not in words.
func TestVerdictOfMeansThatFewMake(t *testing.T) {
	rates := func(b ...float64) (tb reporttest.Table) {
		tb = reporttest.Table{Count: 8, Noise: .005, Rates: map[string]map[string]float64{}}
		for i, v := range b {
			w := fmt.Sprintf("B/n=%d", i)
			tb.Order = append(tb.Order, w)
			tb.Rates[w] = map[string]float64{"greenlet": 100, "goroutine": v}
		}
		return tb
	}
	for want, tb := range map[string]reporttest.Table{
		"goroutine":             rates(400, 300, 90, 90), // in half of them, 1.77 by the mean
		"greenlet or goroutine": rates(2000, 120, 120, 90),
		"greenlet":              rates(40, 40, 120),
	} {
		if d := only(t, tabled(t, tb)); d.Lead != want {
			t.Errorf("want %s: %s", want, d.Claim())
		}
	}
}

// An open loop whose load could not be made for some model is not decided among
// the others, nor one whose latencies are others in each block: how many cells
// that hits is another number on the next run.
func TestVerdictOfVoidLoads(t *testing.T) {
	const head = `# switchyard {"format":1}
# model {"name":"serial","baseline":true}
# workload {"name":"O","kind":"messaging","open":true,"cases":["rate=1","rate=2"]}
`
	lines := ""
	for i := range 8 {
		lines += fmt.Sprintf("BenchmarkO/rate=1/model=a-2 1 10 ns/op 4000%d p99-ns\nBenchmarkO/rate=1/model=b-2 1 50 ns/op 2000%[1]d p99-ns\nBenchmarkO/rate=2/model=a-2 1 10 ns/op 5000%[1]d p99-ns\n", i)
	}
	late := func(model string) string {
		return "--- SKIP: BenchmarkO/rate=2/model=" + model + "-2\n    the generator of the load was late\n"
	}
	for text, want := range map[string]string{
		lines:                  "Messaging at a given rate, by p99 latency: b, 2.00× a (next run 1.65 to 2.43; in O rate=1).",
		lines + late("serial"): "Messaging at a given rate, by p99 latency: b, 2.00× a (next run 1.65 to 2.43; in O rate=1).",
		lines + late("b"):      "Messaging at a given rate, by p99 latency: not decided: the load could not be made as planned in 1 of 4 cells, and elsewhere latencies differ by 1.00× from block to block.",
		strings.ReplaceAll(lines, " 20001 ", " 90001 "):                                                        "Messaging at a given rate, by p99 latency: b, 2.00× a (next run 1.58 to 2.43; in O rate=1).",
		strings.ReplaceAll(strings.ReplaceAll(lines, "1 p99", "111 p99"), "2 p99", "2222 p99"):                 "Messaging at a given rate, by p99 latency: not decided: the load could not be made as planned in 0 of 3 cells, and elsewhere latencies differ by 1000× from block to block.",
		strings.SplitAfter(lines, "BenchmarkO/rate=2")[0] + "/model=a-2 1 10 ns/op 50000 p99-ns\n" + late("b"): "Messaging at a given rate, by p99 latency: not decided: the load could not be made as planned in 1 of 4 cells.",
	} {
		if d := only(t, Of(read(t, head+text))); d.Claim() != want {
			t.Errorf("%s\nwant %s", d.Claim(), want)
		}
	}
}
