package reporttest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
)

// Table writes a run: per case and model one rate, with a little noise around
// it.
type Table struct {
	Count int
	Noise float64
	Seed  uint64
	Rates map[string]map[string]float64 // case -> model -> ops/s
	Order []string
}

func (tb Table) Text() string {
	r := rand.New(rand.NewPCG(tb.Seed, 3))
	var b strings.Builder
	for range tb.Count {
		for _, c := range tb.Order {
			for _, m := range []string{"serial", "greenlet", "goroutine", "process"} {
				if rate := tb.Rates[c][m]; rate > 0 {
					rate *= math.Exp(tb.Noise * r.NormFloat64())
					fmt.Fprintf(&b, "Benchmark%s/model=%s-2 100 %g ns/op %g ops/s\n", c, m, 1e9/rate, rate)
				}
			}
		}
	}
	return b.String()
}
