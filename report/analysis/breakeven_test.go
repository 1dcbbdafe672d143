package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"switchyard/bench/testenv"
	"switchyard/report/internal/reporttest"
	"switchyard/report/results"
)

func sizes(t *testing.T, count int, a, b map[string]float64) *Analysis {
	tb := reporttest.Table{Count: count, Noise: 0.01, Rates: map[string]map[string]float64{}}
	for _, s := range []string{"1us", "10us", "100us", "1ms"} {
		c := "Map/task=" + s
		tb.Order = append(tb.Order, c)
		tb.Rates[c] = map[string]float64{"process": a[s], "serial": b[s]}
	}
	return tabled(t, tb)
}

func TestBreakEven(t *testing.T) {
	even := map[string]float64{"1us": 100, "10us": 100, "100us": 100, "1ms": 100}
	for name, test := range map[string]struct {
		process map[string]float64
		want    Outcome
		text    string
	}{
		// What lies between 10 and 100 us was not measured.
		"crosses": {map[string]float64{"1us": 1, "10us": 10, "100us": 1000, "1ms": 1000}, Crosses, "from task = 100µs at the latest, not at 10µs; 1"},
		"falling": {map[string]float64{"1us": 1000, "10us": 1000, "100us": 10, "1ms": 1}, Crosses, "up to task = 10µs at least, not at 100µs; 10.0× at 1µs"},
		"a gap":   {map[string]float64{"1us": 1, "10us": 100, "100us": 103, "1ms": 300}, Crosses, "from task = 1ms at the latest, not at 1µs; alike at 10µs and 100µs; 3"},
		"never":   {map[string]float64{"1us": 1, "10us": 5, "100us": 20, "1ms": 50}, Never, "at no size measured (1µs to 1ms): 0.010× to 0.5"},
		"always":  {map[string]float64{"1us": 150, "10us": 180, "100us": 200, "1ms": 200}, Always, "at every size measured"},
		"wanders": {map[string]float64{"1us": 1, "10us": 500, "100us": 1, "1ms": 500}, MultipleCrossings, "take turns"},
		"partly":  {map[string]float64{"1us": 100, "10us": 100, "100us": 200, "1ms": 200}, Undecided, "from task = 100µs at the latest; alike at 1µs and 10µs"},
		"first":   {map[string]float64{"1us": 200, "10us": 100, "100us": 100, "1ms": 102}, Undecided, "up to task = 1µs at least; alike at 10µs, 100µs and 1ms"},
		"middle":  {map[string]float64{"1us": 100, "10us": 200, "100us": 100, "1ms": 100}, Undecided, "at 10µs; alike at 1µs, 100µs and 1ms"},
		"worse":   {map[string]float64{"1us": 50, "10us": 100, "100us": 100, "1ms": 100}, Undecided, "at no size that is shown: not at 1µs; alike at 10µs, 100µs and 1ms"},
		"nothing": {even, Undecided, "at no size that is shown; alike at 1µs, 10µs, 100µs and 1ms"},
	} {
		evens := sizes(t, 8, test.process, even).BreakEvens
		if len(evens) != 1 {
			t.Fatalf("%s: %d answers", name, len(evens))
		}
		e := evens[0]
		if e.Outcome != test.want || !strings.Contains(e.Text, test.text) {
			t.Errorf("%s: outcome %d: %s; want %d, %q", name, e.Outcome, e.Text, test.want, test.text)
		}
		if wide := name == "a gap"; e.Outcome == Crosses && !wide && (e.Curve.FormatX(e.Lo) != "10µs" || e.Curve.FormatX(e.Hi) != "100µs") || wide && (e.Curve.FormatX(e.Lo) != "1µs" || e.Curve.FormatX(e.Hi) != "1ms") {
			t.Errorf("%s: between %v and %v", name, e.Lo, e.Hi)
		}
	}
	// Without intervals nothing is shown.
	for _, e := range sizes(t, 2, map[string]float64{"1us": 1, "10us": 10, "100us": 1000, "1ms": 1000}, even).BreakEvens {
		if e.Outcome != Undecided {
			t.Errorf("two results: outcome %d: %s", e.Outcome, e.Text)
		}
	}
}

// A bracket holds the size at which the ratio truly passes one, in 95 of 100
// runs at least: of decades, and of sizes so close together that the claims
// beside the crossing are hard.
func TestBracketHoldsTheTruth(t *testing.T) {
	rounds := 150
	if testenv.Asked("STATS") == "long" {
		rounds = 3000
	}
	for _, step := range []float64{10, 2, 1.25} {
		for _, noise := range []float64{0.01, 0.05} {
			r := rand.New(rand.NewPCG(13, uint64(step)))
			crossed, missed := 0, 0
			for range rounds {
				truth := math.Pow(step, 2+2*r.Float64())
				a := &Analysis{Run: &results.Run{}}
				g := Curve{Workload: &results.Workload{}, Key: "n"}
				for k := range 7 {
					x := math.Pow(step, float64(k))
					g.X, g.Cases = append(g.X, x), append(g.Cases, sizeOf(r, 2*x/(x+truth), noise))
				}
				e, _ := a.breakEven(g, "a", "b")
				if e.Outcome == Crosses {
					crossed++
				}
				if e.Outcome == Crosses && (e.Falling || truth < e.Lo || truth > e.Hi) || e.Outcome == Always || e.Outcome == Never {
					missed++
				}
			}
			if missed > rounds/20 || step == 10 && crossed < rounds*9/10 {
				t.Errorf("steps of %v, noise %v: %d crossings found, %d wrong, of %d", step, noise, crossed, missed, rounds)
			}
		}
	}
}

// sizeOf is a case of two models whose throughputs have that ratio, in six
// blocks.
func sizeOf(r *rand.Rand, ratio, noise float64) *results.Case {
	c := &results.Case{Cells: map[string]*results.Cell{"a": {}, "b": {}}}
	for block := range 6 {
		hit := 0.03 * r.NormFloat64()
		for i, model := range []string{"a", "b"} {
			rate := []float64{ratio, 1}[i]
			v := rate * math.Exp(noise*r.NormFloat64()+hit)
			c.Cells[model].Results = append(c.Cells[model].Results, results.Result{Block: block, Values: []results.Value{{V: v, Unit: "ops/s"}}})
		}
	}
	return c
}

// Sizes that a run has added narrow the bracket, though no model is better
// there by more than matters; what it had planned is held to that. Sizes that
// contradict each other leave the bracket as it was.
func TestBreakEvenRefined(t *testing.T) {
	for name, tt := range map[string]struct {
		ratios map[string]float64 // of the two models, in thousandths
		want   string
	}{
		"narrowed":         {map[string]float64{"1us": 500, "1.9us": 960, "2.1us": 1000, "2.35us": 1040, "10us": 1600}, "from task = 2.35µs at the latest, not at 1.9µs; alike at 2.1µs; 1.60× at 10µs"},
		"contradictory":    {map[string]float64{"1us": 500, "1.9us": 1040, "2.35us": 960, "10us": 1600}, "from task = 10µs at the latest, not at 1µs; alike at 1.9µs and 2.35µs; 1.60× at 10µs"},
		"one side":         {map[string]float64{"1us": 500, "1.9us": 960, "10us": 1600}, "from task = 10µs at the latest, not at 1.9µs; 1.60× at 10µs"},
		"planned is alike": {map[string]float64{"1us": 500, "5us": 1040, "10us": 1600}, "from task = 10µs at the latest, not at 1µs; alike at 5µs; 1.60× at 10µs"},
		"falling":          {map[string]float64{"1us": 1600, "1.9us": 1040, "2.35us": 960, "10us": 500}, "up to task = 1.9µs at least, not at 2.35µs; 1.60× at 1µs"},
	} {
		text := `# switchyard {"format":1,"run":"2026-11-27T12:00:00Z","models":["serial","a"]}
# model {"name":"serial","note":"n","baseline":true}
# model {"name":"a","note":"n"}
# workload {"name":"Map","op":"task","vary":["task"],"cases":["task=1us","task=5us","task=10us"],"refine":["task"]}
`
		for block := range 8 {
			text += fmt.Sprintf("# begin {\"block\":%d,\"attempt\":1}\n", block+1)
			for size, ratio := range tt.ratios {
				text += fmt.Sprintf("BenchmarkMap/task=%s/model=serial-2 10 %d ops/s\n", size, 100_000+50*block)
				text += fmt.Sprintf("BenchmarkMap/task=%s/model=a-2 10 %d ops/s\n", size, int(100*ratio)+50*block+(block%2)*100)
			}
			text += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1}\n", block+1)
		}
		evens := Of(read(t, text)).BreakEvens
		if len(evens) != 1 || evens[0].Text != tt.want {
			t.Errorf("%s: %+v, want %s", name, evens, tt.want)
		}
	}
}
