package analysis

import (
	"math"
	"slices"
	"sort"

	"switchyard/report/format"
)

// A Comparison sets model A against model B in one metric.
type Comparison struct {
	A, B   string
	N1, N2 int

	// Ratio is A's center over B's. Lo and Hi bound the ratio of the two
	// distributions' locations at the level Confidence: the U test turned
	// round, that is, all ratios which the test would not reject.
	Ratio, Lo, Hi float64

	// P is the U test's, Adjusted is P after Holm's correction over Family
	// comparisons. Differs is the decision: Adjusted is below the level.
	P, Adjusted float64
	Family      int
	Differs     bool

	// Equivalent says that the ratio is shown to lie within 2 per cent of one:
	// its 90 per cent interval does (two one-sided tests at 5 per cent).
	Equivalent bool

	// Detectable is the smallest effect, as a share, that samples scattered
	// like these would have shown at the strictest step of the correction.
	// It is infinite when no effect could have been shown: too few results.
	Detectable float64
}

// compare runs the U test on two samples. The interval of the ratio needs
// values above zero. Correction comes later, by holm, when the family is known.
func compare(a, b string, x, y []float64, centerX, centerY float64) Comparison {
	c := Comparison{A: a, B: b, N1: len(x), N2: len(y), P: 1, Adjusted: 1, Detectable: math.Inf(1)}
	c.Ratio = centerX / centerY
	if len(x) == 0 || len(y) == 0 {
		c.Ratio, c.Lo, c.Hi = math.NaN(), math.Inf(-1), math.Inf(1)
		return c
	}
	c.P = uTest(x, y)
	if slices.Min(x) <= 0 || slices.Min(y) <= 0 {
		// Where zero is a value ratios have no logarithm: no interval.
		c.Lo, c.Hi = 0, math.Inf(1)
		return c
	}
	ratios := logRatios(x, y)
	c.Lo, c.Hi = shiftInterval(ratios, c.N1, c.N2, alpha)
	lo, hi := shiftInterval(ratios, c.N1, c.N2, 2*alpha)
	c.Equivalent = lo >= 1-Equivalence && hi <= 1/(1-Equivalence)
	return c
}

// detectable fills in the smallest effect that would have been seen at level
// alpha/family: the half width of the interval at that level.
func (c *Comparison) detectable(x, y []float64) {
	if c.N1 == 0 || c.N2 == 0 || slices.Min(x) <= 0 || slices.Min(y) <= 0 {
		return
	}
	lo, hi := shiftInterval(logRatios(x, y), c.N1, c.N2, alpha/float64(max(1, c.Family)))
	if lo > 0 && format.Finite(hi) {
		c.Detectable = math.Max(c.Ratio/lo, hi/c.Ratio) - 1
	}
}

// logRatios lists log(x/y) over all pairs, ascending. Samples so large that
// their pairs would not fit are thinned to evenly spaced order statistics.
func logRatios(x, y []float64) []float64 {
	if len(x)*len(y) > maxPairs {
		x, y = thin(x, thinned), thin(y, thinned)
	}
	out := make([]float64, 0, len(x)*len(y))
	for _, a := range x {
		for _, b := range y {
			out = append(out, math.Log(a)-math.Log(b))
		}
	}
	sort.Float64s(out)
	return out
}

func thin(x []float64, n int) []float64 {
	if len(x) <= n {
		return x
	}
	sorted := slices.Sorted(slices.Values(x))
	out := make([]float64, n)
	for i := range out {
		out[i] = sorted[i*(len(sorted)-1)/(n-1)]
	}
	return out
}

// shiftInterval bounds the ratio at level 1-alpha (Moses; Hollander, Wolfe and
// Chicken, Nonparametric Statistical Methods, 4.3): cut off at each end of the
// ordered pairwise ratios as many as the U test's critical value says.
func shiftInterval(logs []float64, n1, n2 int, alpha float64) (lo, hi float64) {
	cut := criticalU(n1, n2, alpha)
	if cut < 0 {
		return 0, math.Inf(1)
	}
	// A thinned list is shorter than n1*n2: cut the same share.
	k := int(float64(cut) / float64(n1*n2) * float64(len(logs)))
	if len(logs) == n1*n2 {
		k = cut
	}
	k = min(k, (len(logs)-1)/2)
	return math.Exp(logs[k]), math.Exp(logs[len(logs)-1-k])
}

// holm corrects the p values of a family (Holm 1979): the k-th smallest of m
// is multiplied by m-k+1, and none may fall below the one before it.
func holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return ps[order[i]] < ps[order[j]] })
	out := make([]float64, len(ps))
	floor := 0.0
	for k, i := range order {
		floor = math.Max(floor, math.Min(1, ps[i]*float64(len(ps)-k)))
		out[i] = floor
	}
	return out
}
