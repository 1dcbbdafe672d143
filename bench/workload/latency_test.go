package workload

import (
	"testing"
	"time"

	"switchyard/bench"
)

// Every op of a workload that records latencies has one, when each is timed;
// where a whole lap is, every lap. Together they are
// no longer than the units had.
func TestLatencies(t *testing.T) {
	notWithRace(t)
	for _, w := range All() {
		for _, m := range Models() {
			if w.Impls[m.Name] == nil || testing.Short() && m.Name == Process {
				continue
			}
			p := set(smallPoints(w)[0], "1", "inflight") // tasks in flight wait beside each other
			c := bench.Case{Workload: w.Name, Params: p, Model: m.Name, CPUs: 1}
			if w.Open {
				c.CPUs = 2
			}
			r, err := bench.Measure(w, c, bench.Options{N: 20, Op: time.Second})
			if err != nil {
				t.Errorf("%s: %v", c, err)
				continue
			}
			want, ops := r.N, 1 // latencies, and how many ops each stands for
			switch w {
			case nop, cpuMap:
				want = 0
			case ring, spawn, chain, skynet, parked:
				ops = w.Batch(c.Params)
				want = r.N / ops
			case crash: // those of kills
				want = r.N / c.Params.Int("every")
			case joinQueue:
				ops = c.Params.Int("batch")
				want = r.N / ops
			}
			if r.Latency == nil {
				if want > 0 {
					t.Errorf("%s: no latency, want %d", c, want)
				}
				continue
			}
			if got := int(r.Latency.TotalCount()); got != want {
				t.Errorf("%s: %d latencies, want %d", c, got, want)
			}
			if w.Open || w.Paced { // ops that are due wait beside each other
				continue
			}
			// A histogram has two digits, and its least is 1 ns.
			sum := time.Duration(r.Latency.Mean() * float64(r.Latency.TotalCount()*int64(ops)))
			if most := r.Elapsed*time.Duration(max(r.Units, 1))*102/100 + time.Duration(r.N); sum > most {
				t.Errorf("%s: latencies of %v together, in %v for %d units", c, sum, r.Elapsed, r.Units)
			}
		}
	}
}
