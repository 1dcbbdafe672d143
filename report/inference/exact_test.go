package inference

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func near(a, b, share float64) bool { return math.Abs(a-b) <= share*math.Abs(b) }

// Where the interval of a median ends, by enumeration: of all ways in which n
// values lie above or below the median, the ones in which it is between the
// k-th values from either end, and those in which it is not between the next.
func TestCutByEnumeration(t *testing.T) {
	for n := Fewest; n <= 18; n++ {
		holds := func(k int) float64 {
			in := 0
			for ways := range 1 << n {
				below := 0
				for i := range n {
					below += ways >> i & 1
				}
				if below >= k && n-below >= k {
					in++
				}
			}
			return float64(in) / float64(int(1)<<n)
		}
		k, share := cut(n)
		if wide, narrow := holds(k), holds(k+1); wide < Level || narrow >= Level || share < 0 || share >= 1 {
			t.Errorf("n = %d: from %d, %v on: %v and %v", n, k, share, wide, narrow)
		}
	}
	// By hand: 0.96875 and 0.78125 of six; Hettmansperger and Sheather's share
	// is 5 x 0.1 / (1 + 4 x 0.1).
	if k, share := cut(6); k != 1 || !near(share, 0.5/1.4, 1e-12) {
		t.Errorf("of six: %d, %v", k, share)
	}
	// The approximation for large samples goes on where the sum ends.
	k, share := cut(1000)
	next, more := cut(1001)
	if step := float64(next) + more - float64(k) - share; step < 0 || step > 1.2 {
		t.Errorf("from %v to %v", float64(k)+share, float64(next)+more)
	}
}

// The interval of a median has its confidence whatever the distribution, and
// with it that of a ratio without blocks. Interpolation costs up to a twentieth
// of it where the median lies in a gap between two humps.
func TestCoverageOfAnyDistribution(t *testing.T) {
	for name, draw := range map[string]func(*rand.Rand) float64{
		"exponential": func(r *rand.Rand) float64 { return r.ExpFloat64() / math.Ln2 },
		"uniform":     func(r *rand.Rand) float64 { return 0.5 + r.Float64() },
		"two humps":   func(r *rand.Rand) float64 { return 1 + 0.3*math.Copysign(0.5+r.Float64(), r.Float64()-0.5) },
	} {
		for _, n := range []int{6, 10, 25} {
			sample := func(r *rand.Rand, factor float64) Sample {
				s := make([]float64, n)
				for i := range s {
					s[i] = factor * draw(r)
				}
				return Of(s)
			}
			median, _ := coverage(1500, uint64(n), 1, func(r *rand.Rand) Estimate { return Median(sample(r, 1)) })
			ratio, _ := coverage(1500, uint64(n), 1.3, func(r *rand.Rand) Estimate { return Ratio(sample(r, 1.3), sample(r, 1)) })
			low := 0.93
			if name == "two humps" {
				low = 0.9
			}
			if low -= 3 * math.Sqrt(0.95*0.05/float64(trials(1500))); median < low || ratio < low {
				t.Errorf("%s, n = %d: median %.3f, ratio %.3f", name, n, median, ratio)
			}
		}
	}
}

// Student's t from its table, and the normal distribution as its limit.
func TestStudent(t *testing.T) {
	for freedom, want := range map[float64]float64{1: 12.7062, 2: 4.30265, 5: 2.57058, 10: 2.22814, 30: 2.04227, math.Inf(1): 1.95996} {
		if got := studentQuantile(Level, freedom); !near(got, want, 1e-5) {
			t.Errorf("quantile for %v: %v, want %v", freedom, got, want)
		}
		if p := studentP(-want, freedom); !near(p, 0.05, 1e-4) {
			t.Errorf("p for %v: %v", freedom, p)
		}
	}
	if got := normalQuantile(Level); !near(got, 1.959964, 1e-6) {
		t.Error(got)
	}
	// Far out in the tail, where one less a probability would be nothing.
	if p := studentP(40, 20); !(p > 1e-21 && p < 1e-19) {
		t.Errorf("p = %v", p)
	}
}

// Euler's constant and the sums of squares that are known.
func TestPolygamma(t *testing.T) {
	const euler = 0.5772156649015329
	for x, want := range map[float64][2]float64{
		1: {-euler, math.Pi * math.Pi / 6}, 0.5: {-euler - 2*math.Ln2, math.Pi * math.Pi / 2}, 3: {1.5 - euler, math.Pi*math.Pi/6 - 1.25},
	} {
		if d, tri := digamma(x), trigamma(x); !near(d, want[0], 1e-9) || !near(tri, want[1], 1e-9) {
			t.Errorf("at %v: %v and %v, want %v", x, d, tri, want)
		}
		if got := trigammaInverse(want[1]); !near(got, x, 1e-6) {
			t.Errorf("inverse of %v: %v, want %v", want[1], got, x)
		}
	}
}

func in(session int, values ...float64) (s Sample) {
	for block, v := range values {
		s = append(s, Value{v, block, session})
	}
	return s
}

// Results are paired by block and session, whatever their order; several of one
// block are one, and what hardly meets is not paired.
func TestPaired(t *testing.T) {
	a, b := in(1, 10, 20, 30, 40), in(1, 1, 2, 3, 4)
	slices.Reverse(b)
	if got := Paired(a, b).Values(); !slices.Equal(got, []float64{9, 18, 27, 36}) {
		t.Errorf("in another order: %v", got)
	}
	if got := Paired(append(a, Value{20, 0, 1}), in(1, 1, 2)).Values(); !slices.Equal(got, []float64{14, 18}) {
		t.Errorf("two in a block: %v", got)
	}
	if got := Paired(a, append(in(1, 1), in(2, 1, 1, 1)...)); got != nil {
		t.Errorf("one block of four: %v", got)
	}
	if got := Paired(Of([]float64{1, 2}), Of([]float64{1, 2})); got != nil {
		t.Errorf("no blocks: %v", got)
	}
	if e := Ratio(Of([]float64{1, 3}), Of([]float64{1, 1})); e.Paired || e.Center != 2 || e.Bounded() && e.Lo > 0 {
		t.Errorf("two results: %+v", e)
	}
}

// Two sessions: the interval reaches over both. Three: Student's, of 1, 2, 3.
func TestSessions(t *testing.T) {
	one, two := in(1, 1, 1, 1, 1, 1, 1), in(2, 3, 3, 3, 3, 3, 3)
	if e := Median(append(one, two...)); e.Center != 2 || e.Lo != 1 || e.Hi != 3 || e.Sessions != 2 || e.N != 12 {
		t.Errorf("two: %+v", e)
	}
	e := Median(append(in(1, 1), append(in(2, 2), in(3, 3)...)...))
	if half := 4.30265 / math.Sqrt(3); e.Center != 2 || !near(e.Hi, 2+half, 1e-5) || !near(e.Lo, 2-half, 1e-5) {
		t.Errorf("three: %+v", e)
	}
}

// A result that was hit does not move a mean over parts; one part alone is
// left as it is.
func TestGeoMeanIsOfWhatIsTypical(t *testing.T) {
	steady, hit := in(1, 100, 101, 99, 100, 102, 98), in(1, 400, 404, 1188, 400, 408, 392)
	got := GeoMean([]Sample{steady, hit}, []float64{0.5, 0.5})
	if m := Median(got).Center; len(got) != 6 || math.Abs(m/200-1) > 0.01 || got[2].V > 205 {
		t.Errorf("%v", got)
	}
	if got := GeoMean([]Sample{hit}, []float64{1}); math.Abs(got[2].V-1188) > 1e-9 {
		t.Errorf("alone: %v", got)
	}
	// Parts without blocks: result by result.
	if got := GeoMean([]Sample{Of([]float64{1, 4}), Of([]float64{4, 9})}, []float64{0.5, 0.5}).Values(); !near(got[0], 2, 1e-12) || !near(got[1], 6, 1e-12) {
		t.Errorf("without blocks: %v", got)
	}
}

func TestClaim(t *testing.T) {
	for _, test := range []struct {
		lo, hi float64
		want   Claim
	}{
		{1.06, 2, Above}, {1.05, 2, Undecided}, {0.5, 0.95, Below}, {0.5, 1 / 1.05, Undecided},
		{1 / 1.05, 1.05, Tie}, {1, 1, Tie}, {0.9, 1.2, Undecided}, {1.01, 1.2, Undecided}, {0, math.Inf(1), Undecided},
	} {
		if got := (Estimate{N: 6, Center: 1, Lo: test.lo, Hi: test.hi}).Claim(0.05); got != test.want {
			t.Errorf("%v to %v: %v, want %v", test.lo, test.hi, got, test.want)
		}
	}
	if d := (Estimate{N: 6, Center: 1, Lo: 0.8, Hi: 1.1}).Detectable(0.05); !near(d, 1.05/0.8-1, 1e-12) {
		t.Errorf("detectable %v", d)
	}
}

// By hand: the logarithms of 2, 4 and 8 are 1, 2 and 3 times that of 2.
func TestFactor(t *testing.T) {
	f := FactorOf([]float64{2, 8, 4})
	half := math.Pow(2, 4.30265/math.Sqrt(3))
	if f.N != 3 || !near(f.Center, 4, 1e-12) || !near(f.Lo, 4/half, 1e-4) || !near(f.Hi, 4*half, 1e-4) || f.Min != 2 || f.Max != 8 {
		t.Errorf("%+v", f)
	}
	if f := FactorOf([]float64{3}); !near(f.Center, 3, 1e-12) || f.Lo != 0 || !math.IsInf(f.Hi, 1) {
		t.Errorf("of one: %+v", f)
	}
}

// Benjamini and Hochberg's own example: of fifteen, four are below their step.
func TestDiscoveries(t *testing.T) {
	var all []Change
	for _, p := range []float64{0.0459, 0.0001, 0.0004, 0.3240, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.4262, 0.5719, 0.6528, 0.7590, 1} {
		all = append(all, Change{P: p})
	}
	all = append(all, Change{P: math.NaN()}) // cannot be told: it is in no family
	if level := discoveries(all); !near(1-level, 0.05*4/15, 1e-12) {
		t.Errorf("level %v", level)
	}
	if level := discoveries(nil); !near(1-level, 0.05, 1e-12) {
		t.Errorf("of none: %v", level)
	}
}

// A change inside the noise of its own row is none, and neither is one that is
// smaller than the threshold; numbers that do not scatter need no others.
func TestChangesAndTheirFloor(t *testing.T) {
	old, up := in(1, 100, 101, 99, 100, 101, 99), in(1, 110, 111, 109, 110, 111, 109)
	again := in(1, 112, 113, 111, 112, 113, 111)
	same := in(1, 5, 5, 5, 5, 5, 5)
	got := Changes([]Row{
		{Old: old, New: up}, {Old: old, New: up, Control: again}, {Old: old, New: up, Floor: 0.2}, {Old: up, New: old},
		{Old: old, New: old}, {Old: same, New: in(1, 6, 6, 6, 6, 6, 6)}, {Old: same, New: same}, {Old: old, New: nil},
	}, ChangeOptions{Paired: true, Threshold: 0.05})
	for i, want := range []Claim{Above, Tie, Tie, Below, Tie, Above, Tie, Undecided} {
		if got[i].Claim != want {
			t.Errorf("row %d: claim %v, want %v: %+v", i, got[i].Claim, want, got[i])
		}
	}
	if f := got[1].Floor; !near(f, 0.12, 0.01) || got[1].Limit != f || got[0].Limit != 0.05 || got[2].Limit != 0.2 {
		t.Errorf("floors %v", f)
	}
}

// By hand: sessions of 1 and 4, 4 and 16 times a number: within each the
// logarithms are one apart from the mean, and the means two apart, of which the
// scatter of two results explains one.
func TestComponents(t *testing.T) {
	two := math.Log(2)
	p, s, ok := Components(append(in(1, 1, 4), in(2, 4, 16)...))
	if within := 2 * two * two; !ok || !near(p, math.Sqrt(within), 1e-12) || !near(s, math.Sqrt(2*two*two-within/2), 1e-12) {
		t.Errorf("%v and %v, %v", p, s, ok)
	}
	// Sessions that differ by less than their results do not differ.
	if _, s, ok := Components(append(in(1, 1, 4), in(2, 4, 1)...)); !ok || s != 0 {
		t.Errorf("alike: %v, %v", s, ok)
	}
	for _, s := range []Sample{nil, in(1, 1, 2), append(in(1, 1), in(2, 2)...), append(in(1, 0, 1), in(2, 1, 1)...)} {
		if p, b, ok := Components(s); ok || p != 0 || b != 0 {
			t.Errorf("%v: %v, %v", s, p, b)
		}
	}
	// Five per cent within, three between, found again.
	r := rand.New(rand.NewPCG(21, 21))
	w := world{noise: 0.05, session: 0.03, sessions: 400, n: 6}
	if p, s, _ := Components(w.draw(r, 0, 1, w.effects(r))); !near(p, 0.05, 0.1) || !near(s, 0.03, 0.2) {
		t.Errorf("%v and %v", p, s)
	}
}

// A value is far out by more than so many deviations, of its own sample or of
// what is typical, if enough others are left; these move apart for it.
func TestTameAtItsLimits(t *testing.T) {
	const middle, scale = 0.5, 1.4826 * 1.5 // by hand, of the eight values
	sample := func(far float64) Sample { return Of([]float64{-2, -1, -1, 0, 1, 1, 2, middle + far*scale}) }
	for _, test := range []struct {
		what       string
		deviations float64
		at         float64
		far        int
	}{
		{"in a sum", farInSum, 4.99, 0}, {"in a sum", farInSum, 5.01, 1}, {"in a sum", farInSum, -5.01, 1},
		{"in a test", farInTest, 7.99, 0}, {"in a test", farInTest, 8.01, 1}, {"in a test", farInTest, -8.01, 1},
	} {
		s := sample(math.Abs(test.at))
		if test.at < 0 {
			for i := range s {
				s[i].V = -s[i].V
			}
		}
		tamed, far := tame([]Sample{s}, test.deviations, Fewest)
		if far[0] != test.far {
			t.Errorf("%v deviations %s: %d far out", test.at, test.what, far[0])
		}
		for i, v := range tamed[0] {
			m := math.Copysign(middle, test.at)
			want := s[i].V
			if test.far > 0 {
				want = m + (s[i].V-m)*8/7
				if i == 7 {
					want = m
				}
			}
			if math.Abs(v.V-want) > 1e-12 {
				t.Errorf("%v deviations %s: %v, want %v", test.at, test.what, v.V, want)
			}
		}
	}
	// Beside samples that scatter by a third more it lies less far out.
	wide := Of([]float64{-4, -2, -2, 0, 2, 2, 4, 1})
	for at, want := range map[float64]int{4.99 * 4 / 3: 0, 5.01 * 4 / 3: 1} {
		if _, far := tame([]Sample{sample(at), wide, wide}, farInSum, Fewest); far[0] != want || far[1] != 0 {
			t.Errorf("%v deviations beside others: %v", at, far)
		}
	}
	for least, want := range map[int]int{7: 1, 8: 0} {
		if _, far := tame([]Sample{sample(99)}, farInTest, least); far[0] != want {
			t.Errorf("with %d at least %d are far out", least, far[0])
		}
	}
	if tamed, far := tame([]Sample{nil, Of([]float64{1, 1, 1, 1, 1, 1, 9})}, farInTest, 1); len(tamed[0]) != 0 || far[1] != 0 || tamed[1][6].V != 9 {
		t.Errorf("without scatter: %v, %v", tamed, far)
	}
}
