package analysis

import (
	"math"
	"strings"
	"testing"

	"switchyard/report/internal/reporttest"
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
		// In double logarithmic scale the line from 0.1 at 10 us to 10 at 100
		// us passes one half way.
		"crosses": {map[string]float64{"1us": 1, "10us": 10, "100us": 1000, "1ms": 1000}, Crosses, "from task = 3"},
		"falling": {map[string]float64{"1us": 1000, "10us": 1000, "100us": 10, "1ms": 1}, Crosses, "up to task = 3"},
		"never":   {map[string]float64{"1us": 1, "10us": 5, "100us": 20, "1ms": 50}, Never, "never within the range measured"},
		"always":  {map[string]float64{"1us": 150, "10us": 180, "100us": 200, "1ms": 200}, Always, "at every size measured"},
		"wanders": {map[string]float64{"1us": 1, "10us": 500, "100us": 1, "1ms": 500}, MultipleCrossings, "take turns"},
		"partly":  {map[string]float64{"1us": 100, "10us": 100, "100us": 200, "1ms": 200}, Undecided, "better at 100µs and 1ms"},
	} {
		evens := sizes(t, 8, test.process, even).BreakEvens
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
	for _, e := range sizes(t, 2, map[string]float64{"1us": 1, "10us": 10, "100us": 1000, "1ms": 1000}, even).BreakEvens {
		if e.Outcome != Undecided {
			t.Errorf("two results: outcome %d: %s", e.Outcome, e.Text)
		}
	}
}
