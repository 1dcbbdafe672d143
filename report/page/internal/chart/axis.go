package chart

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"

	"switchyard/report/format"
)

// An Axis says what of an axis is shown, and how. Its zero value is linear from
// zero to cover all points and intervals.
type Axis struct {
	Label  string
	Log    bool
	Write  func(float64) string // a tick's label
	Covers []float64            // what is shown whatever the points are

	// A fixed range has a Max above its Min. Its ticks are between these; it
	// reaches beyond both by Margin.
	Min, Max, Margin float64
	Ticks            []Tick // nil: round numbers

	// Deviations are shares on both sides of zero, the median.
	Deviations bool
}

// A Tick is a place on an axis with its label, which may be empty.
type Tick struct {
	At    float64
	Label string
}

// scale is the axis with a range that covers the values, if they can be shown.
func (a *Axis) scale(values []float64) (scale, bool) {
	values = append(values, a.Covers...)
	switch {
	case a.Max > a.Min:
		return a.fixed()
	case a.Deviations:
		return deviationScale(values)
	case a.Log:
		return logScale(values, a.Label, a.Write)
	}
	return linearScale(values, a.Label, a.Write)
}

func (a *Axis) fixed() (scale, bool) {
	s := scale{min: a.Min - a.Margin, max: a.Max + a.Margin, log: a.Log, label: a.Label}
	for _, t := range a.Ticks {
		s.ticks = append(s.ticks, plot.Tick{Value: t.At, Label: t.Label})
	}
	if a.Ticks == nil {
		s.ticks = linearTicks(a.Min, a.Max, a.Write)
	}
	return s, s.max <= hugest && (!s.log || s.min >= tiniest)
}

// A scale is one axis: its range, whether it is logarithmic, and its ticks.
type scale struct {
	min, max float64
	log      bool
	ticks    []plot.Tick
	label    string
}

// Bounds of what a logarithmic axis can show.
const (
	tiniest = 1e-15
	hugest  = 1e18
)

// spanOf is the range of the values that an axis can show; ok is false when
// there is none. Zero, NaN and infinities have no place on a logarithmic axis:
// plot.LogScale panics at them.
func spanOf(values []float64, log bool) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if !format.Finite(v) || math.Abs(v) > hugest || log && v < tiniest {
			continue
		}
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	return lo, hi, lo <= hi
}

// logScale covers the values with a little room at both ends.
func logScale(values []float64, label string, tick func(float64) string) (scale, bool) {
	lo, hi, ok := spanOf(values, true)
	if !ok {
		return scale{}, false
	}
	room := math.Pow(math.Max(hi/lo, 1.5), 0.04)
	s := scale{min: lo / room, max: hi * room, log: true, label: label}
	s.ticks = logTicks(s.min, s.max, tick)
	return s, true
}

// linearScale covers the values and zero.
func linearScale(values []float64, label string, tick func(float64) string) (scale, bool) {
	lo, hi, ok := spanOf(values, false)
	if !ok {
		return scale{}, false
	}
	lo, hi = math.Min(0, lo), math.Max(0, hi)
	if lo == hi {
		lo, hi = -tiniest, tiniest
	}
	room := (hi - lo) * 0.04
	s := scale{min: lo - room, max: hi + room, label: label}
	if lo == 0 {
		s.min = 0
	}
	s.ticks = linearTicks(s.min, s.max, tick)
	return s, true
}

// deviationScale is as wide on both sides of the median, and never so narrow
// that nothing looks like noise.
func deviationScale(values []float64) (scale, bool) {
	lo, hi, ok := spanOf(values, false)
	if !ok {
		return scale{}, false
	}
	reach := math.Max(math.Max(-lo, hi), 0.02)
	return linearScale([]float64{-math.Min(reach, 0.5), reach}, "", func(v float64) string {
		if v == 0 {
			return "median"
		}
		return strings.Replace(fmt.Sprintf("%+.3g %%", math.Round(v*1000)/10), "-", "−", 1)
	})
}

// share is where a value lies on the axis, from 0 to 1.
func (s scale) share(v float64) float64 {
	if s.log {
		return math.Log(v/s.min) / math.Log(s.max/s.min)
	}
	return (v - s.min) / (s.max - s.min)
}
