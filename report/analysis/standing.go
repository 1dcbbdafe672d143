package analysis

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"switchyard/report/format"
	"switchyard/report/results"
)

// A Standing is by how many times one answer is better than another over a kind
// of work; Least and Most are its range over the kind's workloads, or over the
// cases of its only one.
type Standing struct {
	Comparison
	Least, Most float64
}

// versus is by how many times x is better than y.
func versus(m Metric, x, y *Entry) Comparison {
	return compare(x.Model, y.Model, x.Sample, y.Sample).Times(m)
}

// standing adds the range over the parts of some cases to a comparison over all
// of them. That is a mean of the parts and lies among them, which its median
// over the blocks alone need not.
func (a *Analysis) standing(m Metric, cases []*results.Case, all Comparison) Standing {
	s := Standing{all, math.Inf(1), math.Inf(-1)}
	for _, part := range parts(cases) {
		if c, _, ok := a.versus(m, part, s.A, s.B); ok {
			s.Least, s.Most = min(s.Least, c.Ratio), max(s.Most, c.Ratio)
		}
	}
	s.Ratio = max(s.Least, min(s.Most, s.Ratio))
	s.NextLo, s.NextHi = min(s.NextLo, s.Ratio), max(s.NextHi, s.Ratio)
	return s
}

// parts are the cases workload by workload, or one by one where they are all of
// one workload.
func parts(cases []*results.Case) [][]*results.Case {
	var out [][]*results.Case
	one := len(workloadsOf(cases)) == 1
	for i, c := range cases {
		if one || i == 0 || cases[i-1].Workload != c.Workload {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], c)
	}
	return out
}

func workloadsOf(cases []*results.Case) map[*results.Workload]bool {
	seen := map[*results.Workload]bool{}
	for _, c := range cases {
		seen[c.Workload] = true
	}
	return seen
}

// mostBehind bounds the others that a sentence names.
const mostBehind = 4

// nearest are the standings to the others that are nearest, in their order.
func nearest(all []Standing) []Standing {
	if len(all) <= mostBehind {
		return all
	}
	var ratios []float64
	for _, s := range all {
		ratios = append(ratios, s.Ratio)
	}
	slices.Sort(ratios)
	return slices.DeleteFunc(slices.Clone(all), func(s Standing) bool { return s.Ratio > ratios[mostBehind-1] })
}

// text is the standing without the model that is better; full says what its
// numbers are.
func (s *Standing) text(cases []*results.Case, full bool) string {
	next, spread := strings.TrimPrefix(s.next(), nextRun), ""
	if len(cases) > 1 {
		spread = fmt.Sprintf("; %s to %s", format.Ratio(s.Least), format.Ratio(s.Most))
	}
	if full {
		next = s.next()
		switch n := len(parts(cases)); {
		case len(cases) == 1:
			spread = "; in " + format.Clean(cases[0].Title())
		case n == len(cases) && len(workloadsOf(cases)) == 1:
			spread += fmt.Sprintf(" over %d cases of %s", n, format.Clean(cases[0].Workload.Name))
		default:
			spread += fmt.Sprintf(" over %d workloads", n)
		}
	}
	return fmt.Sprintf("%s %s (%s%s)", format.Ratio(s.Ratio), format.Clean(s.B), next, spread)
}
