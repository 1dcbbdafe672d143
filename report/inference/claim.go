package inference

import "math"

// A Claim is what may be said of a ratio.
type Claim int

const (
	Undecided Claim = iota // neither of the others, which is not a tie
	Tie                    // the whole interval is within the threshold of one
	Above                  // the whole interval is beyond it
	Below
)

// Claim judges a ratio by its whole interval. The threshold is a share: with
// 0.05 a tie lies between 1/1.05 and 1.05.
func (e Estimate) Claim(threshold float64) Claim {
	switch limit := 1 + threshold; {
	case e.Lo > limit:
		return Above
	case e.Hi < 1/limit:
		return Below
	case e.Lo >= 1/limit && e.Hi <= limit:
		return Tie
	}
	return Undecided
}

// Detectable is the smallest effect, as a share, that an interval as wide as
// this would have shown to be beyond the threshold. It is infinite when none
// would have been.
func (e Estimate) Detectable(threshold float64) float64 {
	if !e.Bounded() || e.Lo <= 0 {
		return math.Inf(1)
	}
	return (1+threshold)*max(e.Center/e.Lo, e.Hi/e.Center) - 1
}

// A Factor sums up ratios of several subjects, such as the workloads of a kind,
// each of which counts the same.
type Factor struct {
	N        int
	Center   float64 // geometric mean
	Lo, Hi   float64 // interval for further subjects like these: Student's
	Min, Max float64 // range of the ratios
}

// FactorOf sums ratios up. Of one it has no interval, of none no center.
func FactorOf(ratios []float64) Factor {
	f := Factor{N: len(ratios), Lo: 0, Hi: math.Inf(1), Min: math.Inf(1), Max: 0}
	logs := make([]float64, len(ratios))
	for i, r := range ratios {
		logs[i] = math.Log(r)
		f.Min, f.Max = min(f.Min, r), max(f.Max, r)
	}
	m := mean(logs)
	f.Center = math.Exp(m)
	if n := float64(f.N); n > 1 {
		half := studentQuantile(Level, n-1) * math.Sqrt(variance(logs)/n)
		f.Lo, f.Hi = math.Exp(m-half), math.Exp(m+half)
	}
	return f
}
