package analysis

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"switchyard/report/results"
)

// enumerateP deals the pooled values out to two samples in every possible way,
// and counts those whose U is at most and at least the one that was seen.
func enumerateP(x, y []float64) float64 {
	pool := slices.Concat(x, y)
	u := func(mask uint) (twice int) {
		for i, a := range pool {
			for j, b := range pool {
				if mask>>i&1 == 1 && mask>>j&1 == 0 {
					twice += 2*btoi(a > b) + btoi(a == b)
				}
			}
		}
		return twice
	}
	seen := u(1<<len(x) - 1)
	var below, above, all float64
	for mask := range uint(1) << len(pool) {
		if bits.OnesCount(mask) != len(x) {
			continue
		}
		w := u(mask)
		all++
		below += float64(btoi(w <= seen))
		above += float64(btoi(w >= seen))
	}
	return math.Min(1, 2*math.Min(below, above)/all)
}

// samplesOf calls f with every sample of n values out of 1 to top, in order.
func samplesOf(n, top int, f func([]float64)) {
	s := make([]float64, n)
	var fill func(i, from int)
	fill = func(i, from int) {
		if i == n {
			f(s)
			return
		}
		for v := from; v <= top; v++ {
			s[i] = float64(v)
			fill(i+1, v)
		}
	}
	fill(0, 1)
}

// The U test is exact for ties in samples of different size, where a widely
// used implementation takes the wrong tail (HypothesisTests.jl#337): p is that
// of enumeration for all small samples of few values, the same when the samples
// change places and when the values are mapped in order or in reverse.
func TestUTestIsEnumeration(t *testing.T) {
	tried := 0
	for n1 := 1; n1 <= 5; n1++ {
		for n2 := 1; n2 <= 5; n2++ {
			top := 4
			if n1+n2 > 7 {
				top = 3
			}
			samplesOf(n1, top, func(x []float64) {
				samplesOf(n2, top, func(y []float64) {
					got, want := uTest(x, y), enumerateP(x, y)
					if math.Abs(got-want) > 1e-12 || !(got > 0 && got <= 1) {
						t.Fatalf("uTest(%v, %v) = %v, want %v", x, y, got, want)
					}
					mapped := func(s []float64, f func(float64) float64) []float64 {
						out := make([]float64, len(s))
						for i, v := range s {
							out[i] = f(v)
						}
						return out
					}
					for name, p := range map[string]float64{
						"swapped":  uTest(y, x),
						"exp":      uTest(mapped(x, math.Exp), mapped(y, math.Exp)),
						"inverted": uTest(mapped(x, func(v float64) float64 { return 1 / v }), mapped(y, func(v float64) float64 { return 1 / v })),
					} {
						if p != got {
							t.Fatalf("%s: uTest(%v, %v) is %v, and %v before", name, x, y, p, got)
						}
					}
					tried++
				})
			})
		}
	}
	if tried < 6_000 {
		t.Errorf("only %d pairs of samples", tried)
	}
}

// Reported cases, and values that R's wilcox.test(exact = TRUE) gives without
// ties.
func TestUTestKnown(t *testing.T) {
	for _, test := range []struct {
		x, y []float64
		want float64
	}{
		{[]float64{36, 36, 36}, []float64{50, 54}, 0.2},
		{[]float64{28, 28, 28, 28, 27, 28}, []float64{28, 29, 28, 29}, 2 * 18. / 210}, // by hand: the two 29 together, 27 on the other side or not
		{[]float64{1, 2, 3, 4, 5, 6}, []float64{7, 8, 9, 10, 11, 12}, 2. / 924},
		{[]float64{1, 2, 3}, []float64{4, 5, 6}, 0.1},
		{[]float64{5, 5}, []float64{5, 5, 5}, 1},
		{[]float64{1}, []float64{2}, 1},
		{nil, []float64{2}, 1},
		{[]float64{math.Inf(-1), 1}, []float64{2, math.Inf(1)}, 2. / 6},
	} {
		if test.want == 2*18./210 {
			test.want = enumerateP(test.x, test.y)
		}
		if got := uTest(test.x, test.y); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("uTest(%v, %v) = %v, want %v", test.x, test.y, got, test.want)
		}
	}
}

// The approximation for larger samples is near the exact distribution, with and
// without ties, and goes on where the exact one ends.
func TestUTestApproximation(t *testing.T) {
	r := rand.New(rand.NewPCG(12, 12))
	for _, test := range []struct{ n1, n2, values int }{
		{42, 42, 0}, {60, 45, 0}, {28, 100, 0}, {27, 27, 12}, {45, 20, 9}, {30, 30, 5},
	} {
		for _, shift := range []float64{0, 0.1, 0.3, 0.5, 0.8} {
			draw := func(n int, by float64) []float64 {
				s := make([]float64, n)
				for i := range s {
					s[i] = r.NormFloat64() + by
					if test.values > 0 {
						s[i] = math.Round(s[i] * float64(test.values) / 4)
					}
				}
				return s
			}
			x, y := draw(test.n1, shift), draw(test.n2, 0)
			u, ties := uStatistic(x, y)
			exact := tailP(tiedDistribution(test.n1, ties), u)
			got := uTest(x, y)
			if math.Abs(got-exact) > 0.004+0.03*exact || got == exact && exact < 1 {
				t.Errorf("%+v, shift %v: p %v, exactly %v", test, shift, got, exact)
			}
			if back := uTest(y, x); math.Abs(back-got) > 1e-12 {
				t.Errorf("%+v: p %v, and %v when the samples change places", test, got, back)
			}
		}
	}
	// Up to the limits it is exact.
	for _, n := range []int{26, 41} {
		x, y := make([]float64, n), make([]float64, n)
		for i := range n {
			x[i], y[i] = float64(2*i), float64(2*i+5)
		}
		if n == 26 {
			y[0] = x[3]
		}
		u, ties := uStatistic(x, y)
		if got, want := uTest(x, y), tailP(tiedDistribution(n, ties), u); got != want {
			t.Errorf("n = %d: p %v, exactly %v", n, got, want)
		}
	}
}

// However far apart and large the samples are, p is above zero and falls.
func TestUTestIsNeverZero(t *testing.T) {
	for _, n := range []int{1, 2, 5, 20, 40, 41, 60, 500, 2000, 5000} {
		x, y := make([]float64, n), make([]float64, n)
		for i := range n {
			x[i], y[i] = float64(i), float64(n+i)
		}
		// Two samples wholly apart; the approximation has heavier tails.
		if p := uTest(x, y); !(p > 0) || n <= 41 && math.Abs(p/smallestP(n, n)-1) > 1e-9 || n > 41 && p > 1e-15 {
			t.Errorf("n = %d: p %v", n, p)
		}
	}
}

// The standard deviation of U, by enumeration, with ties: what the
// approximation stands on.
func TestUDeviation(t *testing.T) {
	for _, ties := range [][]int{{1, 1, 1, 1, 1, 1, 1}, {2, 1, 3, 1}, {4, 3}, {1, 6}} {
		n1, n := 3, 7
		weights := tiedDistribution(n1, ties)
		var all, mean, square float64
		for u, w := range weights {
			all += w
			mean += w * float64(u) / 2
			square += w * float64(u) / 2 * float64(u) / 2
		}
		mean /= all
		if got, want := uDeviation(n1, n-n1, ties), math.Sqrt(square/all-mean*mean); math.Abs(got-want) > 1e-9 || mean != float64(n1*(n-n1))/2 || all != 35 {
			t.Errorf("ties %v: deviation %v, want %v (mean %v of %v ways)", ties, got, want, mean, all)
		}
	}
}

// Critical values are the largest U that the test itself rejects, exactly below
// the limit and nearly above it.
func TestCriticalUIsTheTests(t *testing.T) {
	for _, level := range []float64{0.1, 0.05, 0.01, 0.05 / 15} {
		for _, n := range [][2]int{{3, 3}, {4, 5}, {6, 6}, {6, 9}, {10, 10}, {1, 39}, {2, 14}, {20, 20}, {40, 40}, {41, 41}, {50, 20}, {12, 45}, {60, 60}, {3, 60}, {80, 70}} {
			ties := make([]int, n[0]+n[1])
			for i := range ties {
				ties[i] = 1
			}
			weights := tiedDistribution(n[0], ties)
			want := -1
			for u := 0; tailP(weights, 2*u) <= level*(1+1e-12) && 2*u < n[0]*n[1]; u++ {
				want = u
			}
			got, slack := criticalU(n[0], n[1], level), 0
			if uWork(n[0], n[1]) > exactWork {
				slack = want / 200
			}
			if got > want+slack || got < want-slack {
				t.Errorf("criticalU(%v, %.4f) = %d, want %d", n, level, got, want)
			}
		}
	}
}

// A list of pairs that was thinned is cut where the whole one would have been:
// the interval of large samples is the exact one, to the fineness of the list.
func TestIntervalOfLargeSamples(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 13))
	for _, n := range [][2]int{{600, 600}, {513, 512}, {2000, 300}, {700, 40}} {
		x, y := make([]float64, n[0]), make([]float64, n[1])
		for i := range x {
			x[i] = 1.1 * math.Exp(0.2*r.NormFloat64())
		}
		for i := range y {
			y[i] = math.Exp(0.2 * r.NormFloat64())
		}
		var all []float64
		for _, a := range x {
			for _, b := range y {
				all = append(all, math.Log(a)-math.Log(b))
			}
		}
		slices.Sort(all)
		// The shift interval of Hollander, Wolfe and Chicken, 4.3: half of the
		// pairs less z standard deviations of U.
		k := int(float64(n[0]*n[1])/2 - 0.5 - 1.959964*math.Sqrt(float64(n[0]*n[1])*float64(n[0]+n[1]+1)/12))
		wantLo, wantHi := math.Exp(all[k]), math.Exp(all[len(all)-1-k])
		lo, hi := shiftInterval(logRatios(x, y), n[0], n[1], 0.05)
		if math.Abs(lo-wantLo) > 0.002 || math.Abs(hi-wantHi) > 0.002 {
			t.Errorf("%v: interval %v to %v, want %v to %v", n, lo, hi, wantLo, wantHi)
		}
	}
}

func TestThin(t *testing.T) {
	got := thin([]float64{9, 8, 7, 6, 5, 4, 3, 2, 1}, 5)
	if fmt.Sprint(got) != "[1 3 5 7 9]" {
		t.Errorf("thin: %v", got)
	}
	if same := thin([]float64{3, 1, 2}, 3); fmt.Sprint(same) != "[3 1 2]" {
		t.Errorf("a sample that is small enough was changed: %v", same)
	}
}

// The interval of the median covers it as often as it says: by the binomial
// distribution, for every sample size up to 400.
func TestMedianIntervalIsExact(t *testing.T) {
	for n := 1; n <= 400; n++ {
		values := make([]float64, n)
		for i := range values {
			values[i] = float64(i + 1)
		}
		s := Summarize(values)
		if n%2 == 1 && s.Center != float64(n+1)/2 || n%2 == 0 && s.Center != float64(n)/2+0.5 {
			t.Errorf("n = %d: center %v", n, s.Center)
		}
		if s.Bounded() != (n >= 6) {
			t.Errorf("n = %d: interval %v to %v", n, s.Lo, s.Hi)
			continue
		}
		if n < 6 {
			continue
		}
		// The median lies above the k-th value when at least k of n fall below
		// it.
		covered := 0.0
		for k := int(s.Lo); k < int(s.Hi); k++ {
			lg := func(n int) float64 { v, _ := math.Lgamma(float64(n + 1)); return v }
			covered += math.Exp(lg(n) - lg(k) - lg(n-k) - float64(n)*math.Ln2)
		}
		if covered < Confidence-1e-9 || covered < s.Confidence-1e-9 {
			t.Errorf("n = %d: %v to %v cover %.6f, said to be %.6f", n, s.Lo, s.Hi, covered, s.Confidence)
		}
	}
}

// Quartiles, outliers and moments are those of their definitions, for all small
// samples: quartiles are the medians of the halves, the middle value left out.
func TestSummaryIsItsDefinition(t *testing.T) {
	median := func(s []float64) float64 {
		return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
	}
	for n := 2; n <= 7; n++ {
		samplesOf(n, 5, func(s []float64) {
			values := slices.Clone(s)
			values[n-1] *= values[n-1] // far out, now and then
			slices.Sort(values)
			got := Summarize(values)
			q1, q3 := median(values[:n/2]), median(values[(n+1)/2:])
			mild, extreme := 0, 0
			for _, v := range values {
				switch out := math.Max(q1-v, v-q3); {
				case out > 3*(q3-q1):
					extreme++
				case out > 1.5*(q3-q1):
					mild++
				}
				if got.Outlier(v) != (math.Max(q1-v, v-q3) > 1.5*(q3-q1)) {
					t.Fatalf("%v: outlier(%v) = %v", values, v, got.Outlier(v))
				}
			}
			if got.Center != median(values) || got.Q1 != q1 || got.Q3 != q3 || got.Mild != mild || got.Extreme != extreme || got.Min != values[0] || got.Max != values[n-1] {
				t.Fatalf("%v: %+v, want quartiles %v and %v, %d mild and %d extreme", values, got, q1, q3, mild, extreme)
			}
			if spread := (q3 - q1) / median(values); got.Spread() != spread {
				t.Fatalf("%v: spread %v, want %v", values, got.Spread(), spread)
			}
		})
	}
}

// Holm's correction is its definition, for all families of four out of seven
// levels: the least that a closed test of Bonferroni's gives.
func TestHolmIsTheClosedTest(t *testing.T) {
	levels := []float64{0.001, 0.01, 0.013, 0.02, 0.04, 0.3, 1}
	samplesOf(4, len(levels), func(s []float64) {
		ps := make([]float64, len(s))
		for i, v := range s {
			ps[(i*3+1)%4] = levels[int(v)-1] // in another order
		}
		got := holm(ps)
		for i := range ps {
			want := 0.0
			for set := range uint(1) << len(ps) { // every intersection with i
				if set>>i&1 == 0 {
					continue
				}
				least := 1.0
				for j, p := range ps {
					if set>>j&1 == 1 {
						least = math.Min(least, p)
					}
				}
				want = math.Max(want, math.Min(1, least*float64(bits.OnesCount(set))))
			}
			if math.Abs(got[i]-want) > 1e-12 {
				t.Fatalf("holm(%v)[%d] = %v, want %v", ps, i, got[i], want)
			}
		}
	})
}

// The geometric mean over a row weighs every workload alike and within it every
// case, and each pass is made of the results of one number.
func TestGeomeanIsItsDefinition(t *testing.T) {
	a, b := &results.Workload{Name: "A"}, &results.Workload{Name: "B"}
	one, two, three := &results.Case{Workload: a}, &results.Case{Workload: a}, &results.Case{Workload: b}
	passes, center := geomeans([]*results.Case{one, two, three}, map[*results.Case][]float64{one: {1, 8, 27}, two: {4, 2, 3}, three: {9, 16, 81, 7}})
	want := []float64{math.Sqrt(math.Sqrt(1*4) * 9), math.Sqrt(math.Sqrt(8*2) * 16), math.Sqrt(math.Sqrt(27*3) * 81)}
	for i := range want {
		if len(passes) != 3 || math.Abs(passes[i]-want[i]) > 1e-9 {
			t.Fatalf("passes %v, want %v", passes, want)
		}
	}
	if mid := math.Sqrt(math.Sqrt(8*3) * 12.5); math.Abs(center-mid) > 1e-9 {
		t.Errorf("center %v, want %v", center, mid)
	}
}
