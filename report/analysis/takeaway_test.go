package analysis

import (
	"fmt"
	"testing"
)

// What a workload comes to, in each of its forms.
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
		"one":    {many("n=1", "a", 200, 0.1) + many("n=1", "b", 100, 0.1), "[a is fastest at 200/s: 2.00× b (95 % interval in this run 1.99 to 2.00).]"},
		"all":    {many("n=1", "a", 200, 0.1) + many("n=1", "b", 100, 0.1) + many("n=2", "a", 400, 0.1) + many("n=2", "b", 100, 0.1), "[In all cases a is fastest, 2.00× to 3.99× the next.]"},
		"ranges": {many("n=1", "a", 200, 0.1) + many("n=1", "b", 100, 0.1) + many("n=2", "a", 400, 0.1) + many("n=2", "b", 100, 0.1) + many("n=4", "a", 100, 0.1) + many("n=4", "b", 300, 0.1), "[n=1 to n=2: a is fastest, 2.00× to 3.99× the next. n=4: b is fastest at 300/s: 2.99× a (95 % interval in this run 2.98 to 3.00).]"},
		"tied":   {many("n=1", "a", 100, 0.1) + many("n=1", "b", 100, 0.1) + many("n=1", "c", 10, 0.1), "[a leads; b too near to it to matter.]"},
		"open":   {many("n=1", "a", 100, 40) + many("n=1", "b", 99, 40), "[a leads, undecided against b.]"},
	} {
		run := read(t, test.text)
		if got := fmt.Sprint(Of(run).Takeaways[run.Workloads[0]]); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// Control and baseline: what is said where models should agree.
func TestControlTakeaway(t *testing.T) {
	many := func(model string, rate float64) string {
		s := ""
		for i := range 8 {
			s += fmt.Sprintf("BenchmarkNop/model=%s-2 100 %g ops/s\n", model, rate+float64(i)/10)
		}
		return s
	}
	for text, want := range map[string]string{
		many("a", 100):                                 "[]",
		many("a", 100) + many("b", 100.1):              "[No difference between the models is shown, as it should be.]",
		many("a", 100) + many("b", 50) + many("c", 25): "[The models should agree, but c is shown to have 0.25× the throughput of a: differences of that size mean nothing elsewhere.]",
	} {
		run := read(t, text)
		if got := fmt.Sprint(Of(run).Takeaways[run.Workloads[0]]); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
