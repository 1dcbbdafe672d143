package inference

import (
	"math"
	"math/rand/v2"
	"testing"
)

// drawScaling draws throughput on so many CPUs of a program that keeps the law.
func (w world) drawScaling(rng *rand.Rand, l law, sizes []int) []Sample {
	effects := w.effects(rng)
	var out []Sample
	for _, n := range sizes {
		out = append(out, w.draw(rng, 0, float64(n)*math.Exp(l.log(float64(n))), effects))
	}
	return out
}

// exactly is throughput without noise, the same in every block.
func (l law) exactly(sizes []int, blocks int) []Sample {
	var out []Sample
	for _, n := range sizes {
		var s Sample
		for b := range blocks {
			s = append(s, Value{V: float64(n) * math.Exp(l.log(float64(n))), Block: b})
		}
		out = append(out, s)
	}
	return out
}

// Without noise the parameters are those of the law, whatever it says: of the
// perfectly linear, the flat, the falling, the one beyond linear.
func TestScalingIsExact(t *testing.T) {
	for _, sizes := range [][]int{{1, 2, 3, 4}, {8, 2, 1, 4}, {2, 4, 8, 16, 32, 64}, {1, 128, 7, 20}} {
		for _, l := range []law{
			{10, 0, 0}, {10, 0.02, 0.0005}, {-3, 0.3, 0.01}, {10, 1, 0}, {10, 1.5, 0.2}, {10, 0, 0.5}, {20, -0.005, 0.0001}, {0, 0.9, 1e-5},
		} {
			s, ok := FitScaling(sizes, l.exactly(sizes, 6))
			if !ok {
				t.Errorf("%v of %v: no fit", l, sizes)
				continue
			}
			near := func(what string, e Estimate, want, within float64) {
				t.Helper()
				if math.Abs(e.Center-want) > within || e.Lo > want || e.Hi < want {
					t.Errorf("%s of %v on %v is %v (%v to %v), want %v", what, l, sizes, e.Center, e.Lo, e.Hi, want)
				}
			}
			near("rate", s.Rate, math.Exp(l[0]), 1e-6*math.Exp(l[0]))
			near("contention", s.Contention, l[1], 1e-6)
			near("coherency", s.Coherency, l[2], 1e-6)
			if s.Misfit > 1e-6 || s.N != 6 {
				t.Errorf("%v on %v: %v away, of %d blocks", l, sizes, s.Misfit, s.N)
			}
			if peak := s.Peak; l[2] > 0.001 {
				near("peak", peak, math.Sqrt(max((1-l[1])/l[2], 1)), 1e-3)
			} else if l[2] == 0 && !math.IsInf(peak.Hi, 1) || peak.Lo > peak.Center {
				t.Errorf("peak of %v on %v: %v", l, sizes, peak)
			}
		}
	}
}

// What a block does to all sizes is in none of the parameters' intervals but
// that of the rate.
func TestScalingIsPaired(t *testing.T) {
	sizes, l := []int{1, 2, 4, 8}, law{10, 0.05, 0.002}
	samples := l.exactly(sizes, 8)
	for _, s := range samples {
		for b := range s {
			s[b].V *= 1 + 0.1*float64(b)
		}
	}
	s, ok := FitScaling(sizes, samples)
	if !ok || math.Abs(s.Contention.Center-0.05) > 1e-6 || s.Contention.Hi-s.Contention.Lo > 0.002 || s.Rate.Hi < 1.3*s.Rate.Lo {
		t.Errorf("%+v", s)
	}
	// With some noise, a result that took three times as long does not move
	// them: there are seven others.
	rng := rand.New(rand.NewPCG(3, 12))
	for _, s := range samples {
		for b := range s {
			s[b].V *= 1 + 0.01*rng.Float64()
		}
	}
	before, _ := FitScaling(sizes, samples)
	samples[2][3].V /= 3
	if s, ok = FitScaling(sizes, samples); !ok || math.Abs(s.Contention.Center-before.Contention.Center) > 0.01 {
		t.Errorf("with one far out: %+v, without %+v", s, before)
	}
}

// A curve with a knee does not keep the law, and that is said.
func TestScalingMisfit(t *testing.T) {
	sizes := []int{1, 2, 4, 8, 16}
	samples := law{10, 0, 0}.exactly(sizes, 6)
	for i := range samples[4] {
		samples[4][i].V /= 2 // of sixteen CPUs eight are siblings
	}
	if s, ok := FitScaling(sizes, samples); !ok || s.Misfit < 0.05 {
		t.Errorf("%+v", s)
	}
}

// Of three sessions each counts as one block.
func TestScalingOfSessions(t *testing.T) {
	sizes := []int{1, 2, 4, 8}
	samples := law{10, 0.05, 0.002}.exactly(sizes, 6)
	for i := range samples {
		for b := range samples[i] {
			samples[i][b].Session = b / 2
		}
	}
	if s, ok := FitScaling(sizes, samples); !ok || s.N != 3 {
		t.Errorf("%+v", s)
	}
}

// The interval of the peak holds all numbers of CPUs at which throughput is not
// shown to rise or to fall: here looked for one by one.
func TestPeakByLooking(t *testing.T) {
	const t95 = 2.5
	for _, l := range []law{{0, 0.1, 0.01}, {0, 0.1, 0.002}, {0, 0.3, -0.001}, {0, 0.3, -0.02}, {0, 0.02, 0.0004}} {
		for _, sd := range [][2]float64{{0.01, 0.001}, {0.1, 0.001}, {0.01, 0.004}} {
			for _, correlation := range []float64{-0.9, 0, 0.9} {
				cov := [3][3]float64{1: {1: sd[0] * sd[0], 2: correlation * sd[0] * sd[1]}, 2: {1: correlation * sd[0] * sd[1], 2: sd[1] * sd[1]}}
				lo, hi := math.Inf(1), 1.0
				for n := 1.0; n < 1e4; n *= 1.001 {
					r := n * n
					slope := 1 - l[1] - r*l[2]
					if scatter := cov[1][1] + 2*r*cov[1][2] + r*r*cov[2][2]; slope*slope <= t95*t95*scatter {
						lo, hi = min(lo, n), max(hi, n)
					}
				}
				got := l.peak(cov, t95)
				if hi > 9e3 { // as far as we look
					hi = math.Inf(1)
				}
				if got.Hi > 1e4 {
					got.Hi = math.Inf(1)
				}
				if math.IsInf(lo, 1) { // no number of CPUs
					hi = lo
				}
				same := func(a, b float64) bool { return a == b || math.Abs(a/b-1) < 0.01 }
				if !same(got.Lo, lo) || !same(got.Hi, hi) {
					t.Errorf("%v, sd %v, correlation %v: %v to %v, want %v to %v", l, sd, correlation, got.Lo, got.Hi, lo, hi)
				}
			}
		}
	}
}

// Of fewer rows than an interval needs none is far out.
func TestTameRows(t *testing.T) {
	rows := func(n int) (rows [][]float64) {
		for j := range n {
			rows = append(rows, []float64{0.001 * float64(j%3), 1 + 0.001*float64(j%2), 2 - 0.001*float64(j%4)})
		}
		rows[1][2] = 9
		return rows
	}
	few, many := rows(Fewest-1), rows(Fewest)
	tameRows(few)
	tameRows(many)
	if few[1][2] != 9 || many[1][2] > 3 || many[2][2] < 1.9 || many[2][2] > 2.1 {
		t.Errorf("%v and %v", few, many)
	}
}

// There is no fit where there is not enough to fit.
func TestNoScaling(t *testing.T) {
	l := law{10, 0.05, 0.002}
	four := []int{1, 2, 4, 8}
	with := func(change func([]Sample)) []Sample {
		samples := l.exactly(four, 6)
		change(samples)
		return samples
	}
	for what, test := range map[string]struct {
		sizes   []int
		samples []Sample
	}{
		"three sizes":      {four[:3], l.exactly(four[:3], 6)},
		"one size twice":   {[]int{1, 2, 2, 4}, l.exactly([]int{1, 2, 2, 4}, 6)},
		"no CPU":           {[]int{0, 1, 2, 4}, l.exactly(four, 6)},
		"two blocks":       {four, l.exactly(four, 2)},
		"a zero":           {four, with(func(s []Sample) { s[1][2].V = 0 })},
		"not a number":     {four, with(func(s []Sample) { s[1][2].V = math.NaN() })},
		"an empty sample":  {four, with(func(s []Sample) { s[3] = nil })},
		"no common blocks": {four, with(func(s []Sample) { s[0] = Of(s[0].Values()) })},
		"nothing":          {nil, nil},
	} {
		if s, ok := FitScaling(test.sizes, test.samples); ok {
			t.Errorf("%s: %+v", what, s)
		}
	}
}

func TestCoverageOfScaling(t *testing.T) {
	worlds := []world{{noise: 0.05, n: 6}, {noise: 0.02, n: 10, block: 0.03, outliers: [2]float64{0.05, 0}}, {noise: 0.03, session: 0.03, sessions: 3, n: 6}}
	for _, sizes := range [][]int{{1, 2, 4, 8}, {1, 2, 4, 8, 16, 32}} {
		for _, l := range []law{{10, 0.02, 0.0005}, {10, 0.1, 0}, {10, 0.3, 0.01}} {
			for _, w := range worlds {
				const quick = 150
				rng := rand.New(rand.NewPCG(7, 12))
				peak := math.Sqrt((1 - l[1]) / l[2])
				var hits [4]float64
				for range trials(quick) {
					s, ok := FitScaling(sizes, w.drawScaling(rng, l, sizes))
					if !ok {
						t.Fatalf("%v: no fit", w)
					}
					for k, e := range []Estimate{s.Rate, s.Contention, s.Coherency, s.Peak} {
						if truth := []float64{math.Exp(l[0]), l[1], l[2], peak}[k]; e.Lo <= truth && truth <= e.Hi {
							hits[k]++
						}
					}
				}
				for k, what := range []string{"rate", "contention", "coherency", "peak"} {
					checkCoverage(t, what, w, quick, hits[k]/float64(trials(quick)))
				}
			}
		}
	}
}
