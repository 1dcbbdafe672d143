package benchlog

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A size is the value of a parameter that is a number or a duration ("10us"),
// of which there can be more than those that a workload declares.
type size struct {
	v        float64 // of a duration in ns
	duration bool
}

func parseSize(text string) (s size, ok bool) {
	if n, err := strconv.Atoi(text); err == nil {
		return size{float64(n), false}, n > 0
	}
	d, err := time.ParseDuration(text)
	return size{float64(d), true}, err == nil && d > 0
}

// String spells the size with three significant digits.
func (s size) String() string {
	unit := math.Pow10(int(math.Floor(math.Log10(s.v))) - 2)
	v := math.Round(s.v/unit) * unit
	if !s.duration {
		return strconv.FormatFloat(math.Round(v), 'f', -1, 64)
	}
	// As workloads spell it: 1ms and 2.4us, not 1000us or 2.4µs.
	return strings.Replace(time.Duration(math.Round(v)).String(), "µ", "u", 1)
}

// Size returns the value of a parameter that is a number or a duration, the
// latter in nanoseconds; ok says whether it is one above zero.
func (p Params) Size(key string) (v float64, ok bool) {
	text, _ := p.Get(key)
	s, ok := parseSize(text)
	return s.v, ok
}

// Resize returns the point with another size of the same kind, rounded to three
// significant digits.
func (p Params) Resize(key string, v float64) Params {
	parts := p.Split()
	for i, part := range parts {
		if s, ok := parseSize(part.Value); ok && part.Key == key {
			s.v = v
			parts[i].Value = s.String()
		}
	}
	var texts []string
	for _, part := range parts {
		texts = append(texts, part.String())
	}
	return Params(strings.Join(texts, "/"))
}

// Points returns all points of the workload, Cases and More. Where there are
// both they are in the order of their parameters, sizes in that of numbers.
func (w WorkloadInfo) Points() []Params {
	points := slices.Concat(w.Cases, w.More)
	if len(w.More) > 0 {
		slices.SortStableFunc(points, Params.Compare)
	}
	return points
}

// Compare orders points by their first parameter, then by the second, and so
// on: numbers and durations by size, other values as texts.
func (p Params) Compare(q Params) int {
	return slices.CompareFunc(p.Split(), q.Split(), func(a, b Param) int {
		return cmp.Or(cmp.Compare(a.Key, b.Key), cmp.Compare(a.Number(), b.Number()), cmp.Compare(a.Value, b.Value))
	})
}

// Number returns the value as a number, of a duration in nanoseconds; NaN,
// which comes first, if it is neither.
func (p Param) Number() float64 {
	if v, err := strconv.ParseFloat(p.Value, 64); err == nil {
		return v
	}
	if d, err := time.ParseDuration(p.Value); err == nil {
		return float64(d)
	}
	return math.NaN()
}

// Has reports whether the workload can be measured at a point: one of its
// points, or one that differs from some in a parameter that may be refined and
// whose size lies between theirs.
func (w WorkloadInfo) Has(p Params) bool {
	w.Cases = w.Points()
	return w.Place(p) >= 0
}

// Refined reports whether the point is none of the workload's cases, and its
// size lies between theirs.
func (w WorkloadInfo) Refined(p Params) bool { return w.Place(p) >= 0 && !slices.Contains(w.Cases, p) }

// Place returns where a point stands in the list of the workload's cases: at an
// index, or between two of them if it may be refined. It is -1 for any other.
func (w WorkloadInfo) Place(p Params) float64 {
	if i := slices.Index(w.Cases, p); i >= 0 {
		return float64(i)
	}
	for _, key := range w.Refine {
		text, rest, _ := p.Cut(key)
		v, ok := parseSize(text)
		if !ok || p.Check() != nil {
			continue
		}
		below, above, index := 0.0, math.Inf(1), 0 // neighbours, and where the lower one is
		for i, c := range w.Cases {
			text, fixed, _ := c.Cut(key)
			switch at, ok := parseSize(text); {
			case !ok || fixed != rest || at.duration != v.duration:
			case at.v < v.v && at.v > below:
				below, index = at.v, i
			case at.v > v.v:
				above = min(above, at.v)
			}
		}
		if below > 0 && !math.IsInf(above, 1) {
			return float64(index) + (v.v-below)/(above-below)
		}
	}
	return -1
}
