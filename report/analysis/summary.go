package analysis

import (
	"math"
	"slices"

	"github.com/montanaflynn/stats"

	"switchyard/report/format"
	"switchyard/report/inference"
)

// A Summary is the middle of a sample and its bounds, with what describes its
// scatter. Center, Lo and Hi are the median and its 95 % interval; see
// [inference.Median]. With too few results the interval is unbounded.
type Summary struct {
	N              int
	Center, Lo, Hi float64

	Min, Q1       float64
	Q3, Max       float64
	Mild, Extreme int // outliers beyond 1.5 and 3 interquartile ranges; counted, never dropped

	// Between processes and between sessions, the standard deviations, as
	// shares; see [inference.Components]. Both are zero in one session.
	Processes, Sessions float64

	Invalid int // values that are no measurement: NaN, infinite, not above zero
}

// Summarize summarizes numbers, of which no block is known. They are not
// changed. An empty sample has N 0.
func Summarize(values []float64) Summary { return SummarizeSample(inference.Of(values)) }

// SummarizeSample summarizes a sample.
func SummarizeSample(sample inference.Sample) Summary {
	s := Summary{N: len(sample)}
	if s.N == 0 {
		return s
	}
	e := inference.Median(sample)
	values := sample.Values()
	s.Center, s.Lo, s.Hi = e.Center, e.Lo, e.Hi
	s.Min, s.Max = slices.Min(values), slices.Max(values)
	s.Processes, s.Sessions, _ = inference.Components(sample)
	s.Q1, s.Q3 = s.Center, s.Center
	if s.N < 2 {
		return s
	}
	q, _ := stats.Quartile(values) // fails for empty input only, as what follows
	s.Q1, s.Q3 = q.Q1, q.Q3
	out, _ := stats.QuartileOutliers(values)
	s.Mild, s.Extreme = len(out.Mild), len(out.Extreme)
	return s
}

// Bounded reports whether the interval has both ends.
func (s Summary) Bounded() bool { return s.N > 0 && format.Finite(s.Lo) && format.Finite(s.Hi) }

// Spread is that of the results: the interquartile range as a share of the
// center. It is NaN when it cannot be known.
func (s Summary) Spread() float64 {
	if s.N < 2 || s.Center == 0 {
		return math.NaN()
	}
	return (s.Q3 - s.Q1) / s.Center
}

// HalfWidth is the wider half of the interval as a share of the center, the
// "±" of the tables; infinite when the interval is unbounded.
func (s Summary) HalfWidth() float64 {
	if !s.Bounded() || s.Center == 0 {
		return math.Inf(1)
	}
	return math.Max(s.Hi-s.Center, s.Center-s.Lo) / math.Abs(s.Center)
}
