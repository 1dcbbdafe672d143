package analysis

import (
	"switchyard/report/format"
	"switchyard/report/inference"
)

// A Comparison sets model A against model B in one metric.
type Comparison struct {
	A, B   string
	N      int  // results of either, or pairs of results
	Paired bool // by block

	// Ratio is A over B, Lo and Hi bound it; see [inference.Ratio].
	Ratio, Lo, Hi float64

	// NextLo and NextHi bound the ratio in the next run of the same build on
	// the same machine; see [Again].
	NextLo, NextHi float64

	Claim inference.Claim // of the ratio, against Practical

	// Detectable is the smallest effect, as a share, that results scattered
	// like these would have shown to matter. It is infinite when no effect
	// could have been shown: too few results.
	Detectable float64
}

func compare(a, b string, x, y inference.Sample) Comparison {
	e := inference.Ratio(x, y)
	c := Comparison{
		A: a, B: b, N: e.N, Paired: e.Paired, Ratio: e.Center, Lo: e.Lo, Hi: e.Hi,
		Claim: e.Claim(Practical), Detectable: e.Detectable(Practical),
	}
	c.NextLo, c.NextHi = e.Again(Again)
	return c
}

// holds reports whether A is better than B in the next run too, by more than
// what does not matter.
func (c Comparison) holds() bool { return c.NextLo > 1+Practical }

const nextRun = "next run "

// next says between what the ratio lies in the next run.
func (c Comparison) next() string {
	if !format.Finite(c.NextLo) || !format.Finite(c.NextHi) || c.NextLo == 0 {
		return "too few results"
	}
	return nextRun + format.Interval(c.NextLo, c.NextHi)
}

// reversed is the same comparison seen from B.
func (c Comparison) reversed() Comparison {
	c.A, c.B = c.B, c.A
	c.Ratio, c.Lo, c.Hi = 1/c.Ratio, 1/c.Hi, 1/c.Lo
	c.NextLo, c.NextHi = 1/c.NextHi, 1/c.NextLo
	switch c.Claim {
	case inference.Above:
		c.Claim = inference.Below
	case inference.Below:
		c.Claim = inference.Above
	}
	return c
}

// Times is the comparison by how many times A is better than B, whichever way
// is better in the metric.
func (c Comparison) Times(m Metric) Comparison {
	if m.Higher {
		return c
	}
	out := c.reversed()
	out.A, out.B = c.A, c.B
	return out
}

// worse reports whether A is claimed to be worse than B.
func (c Comparison) worse(m Metric) bool {
	if m.Higher {
		return c.Claim == inference.Below
	}
	return c.Claim == inference.Above
}
