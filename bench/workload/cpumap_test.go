package workload

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"switchyard/bench"
)

// Whatever may be refined is measured at sizes between those declared, by every
// model, and a size that is not a whole number of microseconds is not rounded
// to one.
func TestRefinedSizes(t *testing.T) {
	notWithRace(t)
	for _, w := range All() {
		for _, key := range w.Refine {
			var p bench.Params
			var size float64
			for _, p = range w.Points() { // the first may be zero, which is no size
				if v, ok := p.Size(key); ok {
					size = v
					break
				}
			}
			p = p.Resize(key, 1.37*size)
			for _, m := range Models() {
				if w.Impls[m.Name] == nil {
					continue
				}
				args := fmt.Sprintf("-workload %s -model %s -params %s -cpus %d -n 3", w.Name, m.Name, p, max(runtime.GOMAXPROCS(0), 2))
				var out, errs strings.Builder
				if status := bench.Runner(strings.Fields(args), Suite(), &out, &errs); status != bench.ExitOK {
					t.Errorf("%s: status %d: %s", args, status, errs.String())
				} else if !strings.HasPrefix(out.String(), "Benchmark"+w.Name+"/"+string(p)+"/") {
					t.Errorf("%s: %s", args, out.String())
				}
			}
			var out, errs strings.Builder
			beyond := p.Resize(key, 0.9*size)
			if status := bench.Runner([]string{"-workload", w.Name, "-model", "goroutine", "-params", string(beyond), "-n", "3"}, Suite(), &out, &errs); status != bench.ExitUsage {
				t.Errorf("%s, below the smallest size: status %d", beyond, status)
			}
		}
	}
}

// The work of a task grows with its size, not in steps of a microsecond.
func TestTaskSizeIsExact(t *testing.T) {
	b := func(p bench.Params) uint64 { return cpuMap.Want(&bench.B{N: 1, Params: p}) }
	seen := map[uint64]bool{}
	for i := range 20 {
		seen[b(bench.Params("task=1us/chunk=1").Resize("task", 1000*math.Pow(10, float64(i)/20)))] = true
	}
	if len(seen) != 20 {
		t.Errorf("20 sizes from 1 to 10 us are %d kinds of work", len(seen))
	}
}
