package analysis

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"switchyard/report/format"
)

// Worked by hand: 0.01, 0.02, 0.03, 0.04, 0.05 times 5, 4, 3, 2, 1, none below
// the one before it.
func TestHolm(t *testing.T) {
	for _, test := range []struct{ in, want []float64 }{
		{nil, nil},
		{[]float64{0.04}, []float64{0.04}},
		{[]float64{0.01, 0.02, 0.03, 0.04, 0.05}, []float64{0.05, 0.08, 0.09, 0.09, 0.09}},
		{[]float64{0.01, 0.04, 0.03, 0.005}, []float64{0.03, 0.06, 0.06, 0.02}}, // Wikipedia's example
		{[]float64{0.9, 0.8}, []float64{1, 1}},
		{[]float64{0.02, 0.02, 0.02}, []float64{0.06, 0.06, 0.06}},
	} {
		got := holm(test.in)
		if !slices.EqualFunc(got, test.want, func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }) {
			t.Errorf("holm(%v) = %v, want %v", test.in, got, test.want)
		}
	}
}

// Critical values of U, two-sided at 5 %, from the published table (Mann and
// Whitney 1947; Milton 1964).
func TestCriticalU(t *testing.T) {
	for _, test := range []struct{ n1, n2, want int }{
		{3, 3, -1}, {4, 4, 0}, {5, 5, 2}, {6, 6, 5}, {6, 8, 8}, {7, 7, 8}, {8, 8, 13}, {10, 10, 23}, {20, 20, 127},
	} {
		if got := criticalU(test.n1, test.n2, 0.05); got != test.want {
			t.Errorf("criticalU(%d, %d) = %d, want %d", test.n1, test.n2, got, test.want)
		}
	}
	// Where the exact distribution ends the approximation goes on smoothly.
	exact, approx := criticalU(41, 41, 0.05), criticalU(42, 41, 0.05)
	if step := approx - exact; step < 5 || step > 40 {
		t.Errorf("from %d to %d at the end of the exact distribution", exact, approx)
	}
}

func TestSmallestP(t *testing.T) {
	for n, want := range map[int]float64{1: 1, 2: 1. / 3, 4: 2. / 70, 6: 2. / 924} {
		if got := smallestP(n, n); math.Abs(got-want) > 1e-12 {
			t.Errorf("smallestP(%d) = %v, want %v", n, got, want)
		}
	}
	for family, want := range map[int]int{1: 4, 10: 6, 15: 6, 45: 7} {
		if got := ResultsNeeded(family); got != want {
			t.Errorf("ResultsNeeded(%d) = %d, want %d", family, got, want)
		}
	}
}

// draw makes samples of a distribution whose median is one.
var distributions = map[string]func(*rand.Rand) float64{
	"lognormal":   func(r *rand.Rand) float64 { return math.Exp(0.05 * r.NormFloat64()) },
	"exponential": func(r *rand.Rand) float64 { return r.ExpFloat64() / math.Ln2 },
	"uniform":     func(r *rand.Rand) float64 { return 0.5 + r.Float64() },
	"two humps":   func(r *rand.Rand) float64 { return 1 + 0.3*math.Copysign(0.5+r.Float64(), r.Float64()-0.5) },
}

func sampleOf(r *rand.Rand, n int, f func(*rand.Rand) float64, factor float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = factor * f(r)
	}
	return out
}

// The interval of the median covers the true median at least as often as it
// says, whatever the distribution.
func TestSummaryCoverage(t *testing.T) {
	const rounds = 1500
	for name, f := range distributions {
		for _, n := range []int{6, 10, 25} {
			r := rand.New(rand.NewPCG(7, uint64(n)))
			hits := 0
			for range rounds {
				s := Summarize(sampleOf(r, n, f, 1))
				hits += btoi(s.Lo <= 1 && 1 <= s.Hi)
			}
			// Three standard errors below the level.
			if got, low := float64(hits)/rounds, Confidence-3*math.Sqrt(Confidence*alpha/rounds); got < low {
				t.Errorf("%s, n = %d: coverage %.3f, want at least %.3f", name, n, got, low)
			}
		}
	}
}

// The interval of a ratio covers the true ratio at least as often as it says.
func TestRatioCoverage(t *testing.T) {
	const rounds, truth = 800, 1.3
	for name, f := range distributions {
		for _, n := range []int{6, 12, 60} {
			r := rand.New(rand.NewPCG(8, uint64(n)))
			hits, all := 0, rounds
			if n > 20 {
				all = rounds / 8
			}
			for range all {
				x, y := sampleOf(r, n, f, truth), sampleOf(r, n, f, 1)
				c := compare("a", "b", x, y, Summarize(x).Center, Summarize(y).Center)
				hits += btoi(c.Lo <= truth && truth <= c.Hi)
			}
			if got, low := float64(hits)/float64(all), Confidence-3*math.Sqrt(Confidence*alpha/float64(all)); got < low {
				t.Errorf("%s, n = %d: coverage %.3f, want at least %.3f", name, n, got, low)
			}
		}
	}
}

// The interval is the test turned round: it leaves one out exactly when the
// uncorrected test rejects.
func TestIntervalAgreesWithTest(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	rejected := 0
	for range 500 {
		n1, n2 := 4+r.IntN(8), 4+r.IntN(8)
		x, y := sampleOf(r, n1, distributions["lognormal"], 1+0.1*r.Float64()), sampleOf(r, n2, distributions["lognormal"], 1)
		c := compare("a", "b", x, y, Summarize(x).Center, Summarize(y).Center)
		rejects, excludes := c.P <= alpha, c.Lo > 1 || c.Hi < 1
		rejected += btoi(rejects)
		if rejects != excludes {
			t.Fatalf("p %v, interval %v to %v, n %d and %d", c.P, c.Lo, c.Hi, n1, n2)
		}
	}
	if rejected < 50 || rejected > 450 {
		t.Errorf("%d of 500 rejected: the samples do not try the test", rejected)
	}
}

// With all models alike, a row of five models calls one of them worse in at
// most five per cent of rows: although the best is chosen by looking.
func TestFamilyError(t *testing.T) {
	const rounds = 800
	r := rand.New(rand.NewPCG(10, 10))
	wrong := 0
	for range rounds {
		entries := make([]Entry, 5)
		for i := range entries {
			s := sampleOf(r, 8, distributions["lognormal"], 1)
			entries[i] = Entry{Model: string(rune('a' + i)), Sample: s, Center: Summarize(s).Center}
		}
		rank := rank(Throughput, entries)
		wrong += btoi(slices.ContainsFunc(rank.Entries, func(e Entry) bool { return e.Relation == Worse }))
	}
	if got, high := float64(wrong)/rounds, alpha+3*math.Sqrt(Confidence*alpha/rounds); got > high {
		t.Errorf("a difference in %.3f of rows, want at most %.3f", got, high)
	}
}

func TestEquivalent(t *testing.T) {
	a := []float64{100, 100.1, 100.2, 99.9, 99.8, 100}
	b := []float64{100.5, 100.6, 100.4, 100.7, 100.3, 100.5}
	c := compare("a", "b", a, b, Summarize(a).Center, Summarize(b).Center)
	if !c.Equivalent {
		t.Errorf("half a per cent apart and steady: want equivalent, interval %v to %v", c.Lo, c.Hi)
	}
	if c.P > alpha {
		t.Errorf("p = %v: different all the same", c.P)
	}
	far := []float64{110, 110.1, 110.2, 109.9, 109.8, 110}
	if c := compare("a", "b", a, far, 100, 110); c.Equivalent {
		t.Error("ten per cent apart: not equivalent")
	}
	noisy := []float64{80, 120, 95, 105, 130, 70}
	if c := compare("a", "b", noisy, b, 100, 100.5); c.Equivalent {
		t.Error("noisy: alike, but not shown to be")
	}
}

// The smallest effect that would have been seen is seen when it is there:
// shifting one sample by a little more makes the test reject, by a little less
// not.
func TestDetectable(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	for range 50 {
		x, y := sampleOf(r, 8, distributions["lognormal"], 1), sampleOf(r, 8, distributions["lognormal"], 1)
		c := compare("a", "b", x, y, Summarize(x).Center, Summarize(y).Center)
		c.Family = 10
		c.detectable(x, y)
		if !format.Finite(c.Detectable) {
			t.Fatal("eight results can show something in a family of ten")
		}
		// Moved so that the ratio of centers is that effect, up or down.
		seen := false
		for _, to := range []float64{1 + c.Detectable*1.001, 1 / (1 + c.Detectable*1.001)} {
			moved := make([]float64, len(x))
			for i, v := range x {
				moved[i] = v * to / c.Ratio
			}
			d := compare("a", "b", moved, y, 1, 1)
			if d.P*10 > alpha {
				t.Errorf("effect %v: p %v is not below %v", to, d.P, alpha/10)
			}
			seen = true
		}
		if !seen {
			t.Fatal("nothing tried")
		}
	}
	few := compare("a", "b", []float64{1, 2, 3}, []float64{4, 5, 6}, 2, 5)
	few.Family = 10
	few.detectable([]float64{1, 2, 3}, []float64{4, 5, 6})
	if !math.IsInf(few.Detectable, 1) {
		t.Errorf("three results show nothing, not %v", few.Detectable)
	}
}

func TestSummaryCorners(t *testing.T) {
	if s := Summarize(nil); s.N != 0 || s.Bounded() {
		t.Errorf("empty: %+v", s)
	}
	one := Summarize([]float64{5})
	if one.Center != 5 || one.Bounded() || !math.IsInf(one.HalfWidth(), 1) || !math.IsNaN(one.Spread()) {
		t.Errorf("one value: %+v", one)
	}
	same := Summarize([]float64{3, 3, 3, 3, 3, 3})
	if same.Center != 3 || same.Lo != 3 || same.Hi != 3 || same.HalfWidth() != 0 || same.Mild+same.Extreme != 0 {
		t.Errorf("constant: %+v", same)
	}
	in := []float64{3, 1, 2}
	Summarize(in)
	if !slices.Equal(in, []float64{3, 1, 2}) {
		t.Error("the values were reordered: run order is lost")
	}
	out := Summarize([]float64{10, 11, 10.5, 10.2, 10.8, 50})
	if out.Extreme != 1 || out.N != 6 || out.Max != 50 {
		t.Errorf("an outlier is counted and kept: %+v", out)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
