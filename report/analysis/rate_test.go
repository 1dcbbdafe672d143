package analysis

import (
	"fmt"
	"testing"
)

// The highest rate lies between two that were measured. A model that is
// saturated does not keep a limit, and a rate whose interval holds it tells
// nothing.
func TestHighestRate(t *testing.T) {
	head := `# switchyard {"format":1,"run":"2026-11-27T12:00:00Z","models":["a","b","c","d"]%s}
# workload {"name":"EchoOpen","op":"request","vary":["conns","rate"],"cases":["conns=10/rate=1000","conns=10/rate=2000","conns=10/rate=4000","conns=10/rate=8000"],"open":true,"refine":["rate"]}
`
	at := func(model string, rate, ns, step int) (text string) {
		for i := range 6 {
			text += fmt.Sprintf("BenchmarkEchoOpen/conns=10/rate=%d/model=%s-2 100 %d ns/op %d p99-ns\n", rate, model, 1_000_000_000/rate, ns+i*step)
		}
		return text
	}
	void := func(model string, rate int) string {
		return fmt.Sprintf("--- SKIP: BenchmarkEchoOpen/conns=10/rate=%d/model=%s-2\n    saturated\n", rate, model)
	}
	body := at("a", 1000, 100_000, 10) + at("a", 2000, 150_000, 10) + at("a", 2830, 900_000, 10) + at("a", 4000, 1_200_000, 10) + at("a", 8000, 100_000, 10) +
		at("b", 1000, 100_000, 10) + at("b", 2000, 800_000, 90_000) + void("b", 4000) +
		at("c", 1000, 100_000, 10) + at("c", 2000, 200_000, 10) + at("c", 4000, 300_000, 10) + at("c", 8000, 400_000, 10) +
		void("d", 1000)
	for limit, want := range map[string][]string{
		"": {
			"a keeps a p99 of 1ms up to 2830 requests a second, and no longer at 4000.",
			"b keeps a p99 of 1ms up to 1000 requests a second, and no longer at 4000.",
			"c keeps a p99 of 1ms up to 8000 requests a second, the most that were asked.",
			"d does not keep a p99 of 1ms at 1000 requests a second, and at none below is it shown to.",
		},
		`,"p99_limit_ns":250000`: {
			"a keeps a p99 of 250µs up to 2000 requests a second, and no longer at 2830.",
			"b keeps a p99 of 250µs up to 1000 requests a second, and no longer at 2000.",
			"c keeps a p99 of 250µs up to 2000 requests a second, and no longer at 4000.",
			"d does not keep a p99 of 250µs at 1000 requests a second, and at none below is it shown to.",
		},
	} {
		a := Of(read(t, fmt.Sprintf(head, limit)+body))
		if limit == "" {
			const rates = "Requests a second of EchoOpen conns=10 at a p99 of 1ms: a 2830 to 4000, b 1000 to 4000, c 8000 at least, d below 1000."
			if len(a.Verdict.Decisions) != 1 || a.Verdict.Decisions[0].Rates != rates {
				t.Errorf("decisions %+v, want one with the rates\n%s", a.Verdict.Decisions, rates)
			}
		}
		all := a.HighestRates
		if len(all) != len(want) {
			t.Fatalf("%d answers, want %d: %+v", len(all), len(want), all)
		}
		for i, h := range all {
			if h.Text != want[i] {
				t.Errorf("%s: %s\nwant %s", h.Model, h.Text, want[i])
			}
		}
	}
}
