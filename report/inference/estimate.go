package inference

import (
	"math"
	"slices"
)

// An Estimate is a number that is not known exactly: its best value, and an
// interval that holds the truth with a confidence of Level.
type Estimate struct {
	N        int // values, or pairs of values, that it stands on
	Sessions int
	Paired   bool // by block

	// Center lies between Lo and Hi. These are infinite, or of a ratio zero and
	// infinite, when there are too few values for an interval.
	Center, Lo, Hi float64
}

// Bounded reports whether the interval has both ends.
func (e Estimate) Bounded() bool {
	return e.N > 0 && !math.IsInf(e.Lo, 0) && !math.IsInf(e.Hi, 0)
}

// Fewest is the number of values from which on one session's have an interval.
const Fewest = 6

// Median estimates the median of what the sample was drawn from, whatever its
// distribution.
//
// Of one session, the interval lies between order statistics, as the sign test
// turned round has it, interpolated to the level (Hettmansperger and Sheather
// 1986): exactly, unless values lie in two heaps far apart. Sessions differ by
// more than the values within them tell. The interval of two sessions reaches
// over that of either; from three on it is Student's, of the sessions' medians.
//
// It costs a sort.
func Median(s Sample) Estimate {
	by := s.sessions()
	e := Estimate{N: len(s), Sessions: len(by), Center: math.NaN(), Lo: math.Inf(-1), Hi: math.Inf(1)}
	if len(by) == 0 {
		return e
	}
	middles, lo, hi := make([]float64, len(by)), math.Inf(1), math.Inf(-1)
	for i, values := range by {
		slices.Sort(values)
		middles[i] = middle(values)
		l, h := between(values)
		lo, hi = min(lo, l), max(hi, h)
	}
	e.Center, e.Lo, e.Hi = mean(middles), lo, hi
	if k := len(by); k > 2 {
		half := studentQuantile(Level, float64(k-1)) * math.Sqrt(variance(middles)/float64(k))
		e.Lo, e.Hi = e.Center-half, e.Center+half
	}
	return e
}

// Ratio estimates the ratio of a's median to that of b. Where the samples share
// blocks it is the median of the ratios within them, so that what a block did
// to both drops out. Where they do not, it is the ratio of the medians, and
// their intervals are joined (MOVER; Zou and Donner 2008). Without values above
// zero there is no interval.
func Ratio(a, b Sample) Estimate {
	if !a.Positive() || !b.Positive() || len(a) == 0 || len(b) == 0 {
		c := median(a.Values()) / median(b.Values())
		return Estimate{N: min(len(a), len(b)), Sessions: 1, Center: c, Lo: 0, Hi: math.Inf(1)}
	}
	x, y := a.Log(), b.Log()
	if d := Paired(x, y); len(d) > 0 {
		e := Median(d)
		e.Paired = true
		return e.exp()
	}
	e := apart(Median(x), Median(y)).exp()
	e.Center = Median(a).Center / Median(b).Center
	return e
}

// apart estimates the difference of two that have nothing in common.
func apart(x, y Estimate) Estimate {
	e := Estimate{N: min(x.N, y.N), Sessions: min(x.Sessions, y.Sessions), Center: x.Center - y.Center}
	e.Lo = e.Center - math.Hypot(x.Center-x.Lo, y.Hi-y.Center)
	e.Hi = e.Center + math.Hypot(x.Hi-x.Center, y.Center-y.Lo)
	return e
}

// exp takes an estimate of a logarithm back.
func (e Estimate) exp() Estimate {
	e.Center, e.Lo, e.Hi = math.Exp(e.Center), math.Exp(e.Lo), math.Exp(e.Hi)
	return e
}

// Again bounds the same ratio as another run like this one would estimate it.
// That is as uncertain as this, so the two differ by √2 times as much. And a
// run does something to a ratio that none of its results tells: from three
// sessions on the interval has it; fewer are taken to scatter by run, a
// standard deviation of the ratio's logarithm.
func (e Estimate) Again(run float64) (lo, hi float64) {
	if e.Sessions > 2 {
		run = 0
	}
	run *= normalQuantile(Level) / math.Sqrt(float64(max(1, e.Sessions)))
	lo = e.Center * math.Exp(-math.Sqrt2*math.Hypot(math.Log(e.Center/e.Lo), run))
	hi = e.Center * math.Exp(math.Sqrt2*math.Hypot(math.Log(e.Hi/e.Center), run))
	return lo, hi
}

// between bounds the median of one session's ascending values.
func between(sorted []float64) (lo, hi float64) {
	n := len(sorted)
	if n < Fewest {
		return math.Inf(-1), math.Inf(1)
	}
	k, share := cut(n)
	at := func(k int) float64 { return (1-share)*sorted[k-1] + share*sorted[k] }
	lo = at(k)
	slices.Reverse(sorted)
	hi = at(k)
	slices.Reverse(sorted)
	return lo, hi
}

// cut says where the interval of a median of n values ends: at the k-th value
// from either end, and a share of the way from there to the next.
func cut(n int) (k int, share float64) {
	if n > 1000 {
		at := float64(n)/2 + 0.5 - normalQuantile(Level)*math.Sqrt(float64(n))/2
		whole := math.Floor(at)
		return int(whole), at - whole
	}
	// The interval from the k-th value to the k-th last holds the median unless
	// fewer than k values lie on one side of it.
	tail, one := 0.0, math.Pow(0.5, float64(n))
	for k = 0; ; k++ {
		next := tail + 2*one
		if 1-next < Level {
			break
		}
		tail, one = next, one*float64(n-k)/float64(k+1)
	}
	wide, narrow := 1-tail, 1-tail-2*one
	i := (wide - Level) / (wide - narrow)
	return k, float64(n-k) * i / (float64(k) + float64(n-2*k)*i)
}

// Components are the standard deviations that make up a sample's scatter, as
// shares: of results within a session, each of which is a process of its own,
// and of sessions, beside what their results' scatter explains (analysis of
// variance). There are none of values not above zero, nor of one session or of
// single results.
func Components(s Sample) (processes, sessions float64, ok bool) {
	if !s.Positive() {
		return 0, 0, false
	}
	var means []float64
	squares, freedom, inverse := 0.0, 0.0, 0.0
	by := s.Log().sessions()
	for _, values := range by {
		means = append(means, mean(values))
		inverse += 1 / float64(len(values)) / float64(len(by))
		if n := float64(len(values)); n > 1 {
			squares += variance(values) * (n - 1)
			freedom += n - 1
		}
	}
	if len(by) < 2 || freedom == 0 {
		return 0, 0, false
	}
	within := squares / freedom
	return math.Sqrt(within), math.Sqrt(max(0, variance(means)-within*inverse)), true
}

// median is the middle of any values; NaN of none.
func median(values []float64) float64 { return middle(slices.Sorted(slices.Values(values))) }

func middle(sorted []float64) float64 {
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return sorted[(n-1)/2] + (sorted[n/2]-sorted[(n-1)/2])/2
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// variance is the unbiased one; NaN of fewer than two values.
func variance(values []float64) float64 {
	m, sum := mean(values), 0.0
	for _, v := range values {
		sum += (v - m) * (v - m)
	}
	return sum / float64(len(values)-1)
}
