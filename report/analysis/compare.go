package analysis

import "switchyard/report/inference"

// A Comparison sets model A against model B in one metric.
type Comparison struct {
	A, B   string
	N      int  // results of either, or pairs of results
	Paired bool // by block

	// Ratio is A over B, Lo and Hi bound it; see [inference.Ratio].
	Ratio, Lo, Hi float64

	Claim inference.Claim // of the ratio, against Practical

	// Detectable is the smallest effect, as a share, that results scattered
	// like these would have shown to matter. It is infinite when no effect
	// could have been shown: too few results.
	Detectable float64
}

func compare(a, b string, x, y inference.Sample) Comparison {
	e := inference.Ratio(x, y)
	return Comparison{
		A: a, B: b, N: e.N, Paired: e.Paired, Ratio: e.Center, Lo: e.Lo, Hi: e.Hi,
		Claim: e.Claim(Practical), Detectable: e.Detectable(Practical),
	}
}

// reversed is the same comparison seen from B.
func (c Comparison) reversed() Comparison {
	c.A, c.B = c.B, c.A
	c.Ratio, c.Lo, c.Hi = 1/c.Ratio, 1/c.Hi, 1/c.Lo
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
