package analysis

import (
	"math"
	"slices"
	"sync"
)

// The U test of Mann and Whitney (1947), two-sided. Its p is twice the smaller
// tail, at most 1, of the distribution that U has when every way of dealing the
// pooled values out to the two samples is equally likely. Ties count one half,
// and the distribution is the one of these very values, with their ties. It is
// computed exactly for small samples, and approximated by the normal
// distribution for others (Lehmann, Nonparametrics, 1.2 and 1.3).
//
// The test is written here because that of go-moremath, and with it
// benchmath's, takes the wrong tail for ties in samples of different size.

func uWork(n1, n2 int) float64 {
	return float64(n1+n2) * float64(min(n1, n2)) * float64(n1) * float64(n2)
}

// uTest returns p for two samples of any values but NaN. It is never 0: what is
// too small for a float64 is the smallest of them.
func uTest(x, y []float64) float64 {
	if len(x) == 0 || len(y) == 0 {
		return 1
	}
	if len(x) > len(y) {
		x, y = y, x // p is the same, and the distribution cheaper
	}
	u, ties := uStatistic(x, y)
	n1, n2 := len(x), len(y)
	tied := len(ties) < n1+n2
	var p float64
	switch work := uWork(n1, n2); {
	case len(ties) == 1: // all alike
		return 1
	case !tied && work <= exactWork:
		p = tailP(uDistribution(n1, n2), u)
	case tied && work <= tiedWork:
		p = tailP(tiedDistribution(n1, ties), u)
	default:
		p = normalP(u, n1, n2, ties)
	}
	return math.Max(p, math.SmallestNonzeroFloat64)
}

// uStatistic returns twice U of x, which is a whole number, and the sizes of
// the groups of equal values in ascending order of the values: the number of
// pairs in which x is greater counts twice, that of ties once.
func uStatistic(x, y []float64) (u2 int, ties []int) {
	xs, ys := slices.Sorted(slices.Values(x)), slices.Sorted(slices.Values(y))
	i, j := 0, 0
	for i < len(xs) || j < len(ys) {
		v := math.Inf(1)
		if i < len(xs) {
			v = xs[i]
		}
		if j < len(ys) {
			v = math.Min(v, ys[j])
		}
		a, b := i, j
		for i < len(xs) && xs[i] == v {
			i++
		}
		for j < len(ys) && ys[j] == v {
			j++
		}
		u2 += (i - a) * (2*b + j - b)
		ties = append(ties, i-a+j-b)
	}
	return u2, ties
}

// tailP is twice the smaller tail of a distribution at u, at most 1.
func tailP(weights []float64, u int) float64 {
	var below, above, all float64
	for k, w := range weights {
		all += w
		if k <= u {
			below += w
		}
		if k >= u {
			above += w
		}
	}
	return math.Min(1, 2*math.Min(below, above)/all)
}

// uDistribution counts the ways to each value of twice U without ties.
func uDistribution(n1, n2 int) []float64 {
	key := [2]int{n1, n2}
	if d, ok := uDistributions.Load(key); ok {
		return d.([]float64)
	}
	ties := make([]int, n1+n2)
	for i := range ties {
		ties[i] = 1
	}
	d := tiedDistribution(n1, ties)
	uDistributions.Store(key, d)
	return d
}

// uDistributions keeps them: a report asks for the same few, again and again.
var uDistributions sync.Map // [2]int to []float64

// tiedDistribution counts the ways to each value of twice U when the pooled
// values have ties: of a group of t equal values k may be the first sample's,
// in "t choose k" ways. ways[k][u] are those in which it has k of the values so
// far.
func tiedDistribution(n1 int, ties []int) []float64 {
	n := 0
	for _, t := range ties {
		n += t
	}
	top := 2 * n1 * (n - n1)
	ways := make([][]float64, n1+1)
	for k := range ways {
		ways[k] = make([]float64, top+1)
	}
	ways[0][0] = 1
	seen := 0
	for _, t := range ties {
		// From the greatest k down, so that a group counts once. To take none
		// of it changes nothing.
		for k := min(n1, seen+t); k > 0; k-- {
			for took := max(1, k-seen); took <= min(k, t); took++ {
				others := seen - (k - took) // of the second sample, below this group
				gain := took * (2*others + t - took)
				choose := binomial(t, took)
				to, from := ways[k][min(gain, top+1):], ways[k-took]
				for u := range to {
					to[u] += from[u] * choose
				}
			}
		}
		seen += t
	}
	return ways[n1]
}

func binomial(n, k int) float64 {
	b := 1.0
	for i := 1; i <= k; i++ {
		b = b * float64(n-k+i) / float64(i)
	}
	return math.Round(b)
}

// normalP approximates p, with the correction for continuity and for ties. u is
// twice U.
func normalP(u, n1, n2 int, ties []int) float64 {
	mean := float64(n1) * float64(n2) / 2
	away := math.Abs(float64(u)/2-mean) - 0.5
	if away <= 0 {
		return 1
	}
	return math.Min(1, math.Erfc(away/uDeviation(n1, n2, ties)/math.Sqrt2))
}

// uDeviation is the standard deviation of U; without ties the list may be nil.
func uDeviation(n1, n2 int, ties []int) float64 {
	n, sum := float64(n1+n2), 0.0
	for _, t := range ties {
		sum += float64(t) * (float64(t)*float64(t) - 1)
	}
	return math.Sqrt(float64(n1) * float64(n2) / 12 * (n + 1 - sum/(n*(n-1))))
}

// criticalU is the largest U at which the two-sided test still rejects, which
// is the number of pairs to cut off at each end; -1 when the samples are too
// small to reject at this level.
func criticalU(n1, n2 int, alpha float64) int {
	if uWork(n1, n2) > exactWork {
		z := math.Sqrt2 * math.Erfinv(1-alpha)
		return max(-1, int(math.Floor(float64(n1)*float64(n2)/2-0.5-z*uDeviation(n1, n2, nil))))
	}
	weights := uDistribution(min(n1, n2), max(n1, n2))
	all := 0.0
	for _, w := range weights {
		all += w
	}
	below := 0.0
	for u := 0; ; u++ {
		if below += weights[2*u]; 2*below > alpha*all {
			return u - 1
		}
	}
}

// smallestP is the smallest p that the U test can reach with samples of these
// sizes: that of two samples wholly apart.
func smallestP(n1, n2 int) float64 {
	if n1 == 0 || n2 == 0 {
		return 1
	}
	// 2 / (n1+n2 choose n1), in logarithms.
	lg := func(n int) float64 { v, _ := math.Lgamma(float64(n + 1)); return v }
	return math.Min(1, 2*math.Exp(lg(n1)+lg(n2)-lg(n1+n2)))
}

// ResultsNeeded is the smallest number of results per model with which a
// family of comparisons can show a difference at all.
func ResultsNeeded(family int) int {
	n := 2
	for !significant(smallestP(n, n) * float64(family)) {
		n++
	}
	return n
}

// significant is the decision of every test: p is at most the level. Rounding
// of a p that is the level exactly does not count.
func significant(p float64) bool { return p <= alpha*(1+1e-12) }
