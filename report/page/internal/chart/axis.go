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
type Tick = plot.Tick

// covering returns the axis with a range that covers the values, and its ticks;
// ok is false where none of them can be shown.
func (a Axis) covering(values []float64) (_ Axis, ok bool) {
	values = append(values, a.Covers...)
	switch {
	case a.Max > a.Min:
		if a.Ticks = labelled(a.Ticks); a.Ticks == nil {
			a.Ticks = linearTicks(a.Min, a.Max, a.Write)
		}
		a.Min, a.Max = a.Min-a.Margin, a.Max+a.Margin
		return a, a.Max <= hugest && (!a.Log || a.Min >= tiniest)
	case a.Deviations:
		return a.symmetric(values)
	case a.Log:
		return a.logarithmic(values)
	}
	return a.linear(values)
}

// Bounds of what a logarithmic axis can show.
const (
	tiniest = 1e-15
	hugest  = 1e18
)

// spanOf is the range of the values that an axis can show; ok is false when
// there is none. Zero has no place on a logarithmic axis: plot.LogScale panics
// at it. What is next to zero or far beyond all that is measured has on none.
func spanOf(values []float64, log bool) (lo, hi float64, ok bool) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range values {
		if a := math.Abs(v); !format.Finite(v) || a > hugest || a < tiniest && v != 0 || log && v <= 0 {
			continue
		}
		lo, hi = math.Min(lo, v), math.Max(hi, v)
	}
	return lo, hi, lo <= hi
}

// logarithmic covers the values with a little room at both ends.
func (a Axis) logarithmic(values []float64) (_ Axis, ok bool) {
	lo, hi, ok := spanOf(values, true)
	room := math.Pow(math.Max(hi/lo, 1.5), 0.04)
	if a.Min, a.Max = lo/room, hi*room; ok {
		a.Ticks = logTicks(a.Min, a.Max, a.Write)
	}
	return a, ok
}

// linear covers the values and zero.
func (a Axis) linear(values []float64) (_ Axis, ok bool) {
	lo, hi, ok := spanOf(values, false)
	lo, hi = math.Min(0, lo), math.Max(0, hi)
	if lo == hi {
		lo, hi = -tiniest, tiniest
	}
	room := (hi - lo) * 0.04
	if a.Min, a.Max = lo-room, hi+room; lo == 0 {
		a.Min = 0
	}
	if ok {
		a.Ticks = linearTicks(a.Min, a.Max, a.Write)
	}
	return a, ok
}

// symmetric is as wide on both sides of the median, and never so narrow that
// nothing looks like noise.
func (a Axis) symmetric(values []float64) (_ Axis, ok bool) {
	lo, hi, ok := spanOf(values, false)
	reach := math.Max(math.Max(-lo, hi), 0.02)
	a.Write = func(v float64) string {
		if v == 0 {
			return "median"
		}
		return strings.Replace(fmt.Sprintf("%+.3g %%", math.Round(v*1000)/10), "-", "−", 1)
	}
	if !ok {
		return a, false
	}
	return a.linear([]float64{-math.Min(reach, 0.5), reach})
}

// share is where a value lies on the axis, from 0 to 1.
func (a Axis) share(v float64) float64 {
	if a.Log {
		return math.Log(v/a.Min) / math.Log(a.Max/a.Min)
	}
	return (v - a.Min) / (a.Max - a.Min)
}
