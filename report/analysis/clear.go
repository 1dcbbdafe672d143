package analysis

import (
	"math"

	"switchyard/report/results"
)

// clear reports whether the difference is large enough to be told in words, and
// is shown. Where no earlier run has told it or has not, where the next run is
// expected has no say: that is less certain, and words that hang on it alone
// change from run to run. See [Clear].
func (c Comparison) clear(earlier answer) bool {
	down, up := c.edges()
	switch earlier {
	case yes:
		return c.Ratio*up >= Clear && c.Ratio > 1 && c.Lo > 0
	case no:
		return c.Ratio >= Clear*down && c.Lo > 1
	}
	return c.Ratio >= Clear && c.Lo > 1
}

// edges are the factors by which the next run's ratio may be less, or more, as
// far as they count.
func (c Comparison) edges() (down, up float64) {
	within := func(f float64) float64 {
		if f >= 1 && f <= Clear {
			return f
		}
		return Clear
	}
	return within(c.Ratio / c.NextLo), within(c.NextHi / c.Ratio)
}

// scattered reports whether ends of a range are too far apart to name anybody.
func scattered(lo, hi float64, earlier answer) bool {
	return hi > math.Pow(Clear, float64(2-earlier))*lo
}

// ahead reports whether x is clearly better than y over some cases: by their
// mean, which one workload may decide, and in half of the workloads at least.
func (a *Analysis) ahead(m Metric, cases []*results.Case, x, y *Entry, s *said) bool {
	earlier := s.ahead(x.Model, y.Model)
	if !versus(m, x, y).clear(earlier) {
		return false
	}
	all, n := parts(cases), 0
	for _, part := range all {
		if c, _, ok := a.versus(m, part, x.Model, y.Model); ok && c.clear(earlier) {
			n++
		}
	}
	return 2*n >= len(all)
}

// contradicted reports whether the only winner of the mean is clearly behind in
// more of the kind's parts than it is clearly ahead in: then it is no winner.
func (a *Analysis) contradicted(d *Decision, answers []*Entry, s *said) bool {
	balance, earlier := 0, s.noOne(d.Winners)
	for _, part := range parts(d.Ranking.Cases) {
		ahead, behind := true, false
		for _, o := range answers {
			if c, _, ok := a.versus(d.Kind.Metric, part, d.Winners[0], o.Model); ok && o.Model != d.Winners[0] {
				ahead, behind = ahead && c.clear(-earlier), behind || c.reversed().clear(earlier)
			}
		}
		if ahead {
			balance++
		} else if behind {
			balance--
		}
	}
	return len(d.Winners) == 1 && balance < 0
}
