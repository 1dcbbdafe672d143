package chart

import (
	"math"
	"slices"

	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/report/format"
)

// linearTicks are three to six round numbers.
func linearTicks(lo, hi float64, tick func(float64) string) []Tick {
	raw := (hi - lo) / 5
	if !format.Finite(raw) || raw <= 0 {
		return nil
	}
	mag := math.Pow(10, math.Floor(math.Log10(raw)))
	step := mag
	for _, f := range []float64{1, 2, 5, 10} {
		if step = f * mag; step >= raw {
			break
		}
	}
	var out []Tick
	first := math.Ceil(lo / step)
	for i := range 12 {
		v := (first + float64(i)) * step
		if v > hi {
			break
		}
		out = append(out, Tick{Value: v, Label: tick(v)})
	}
	return out
}

// logTicks are powers of ten, thinned to at most seven, or 1-2-5 steps where
// the range is short. The loops count, they do not multiply up to a limit: that
// never ends at zero.
func logTicks(lo, hi float64, tick func(float64) string) []Tick {
	first, last := int(math.Floor(math.Log10(lo))), int(math.Ceil(math.Log10(hi)))
	if last-first > 60 {
		return nil
	}
	factors := []float64{1}
	if math.Log10(hi/lo) < 2.2 {
		factors = []float64{1, 2, 5}
	}
	if math.Log10(hi/lo) < 0.35 {
		return linearTicks(lo, hi, tick)
	}
	step := 1 + (last-first)/8
	var out []Tick
	for d := first; d <= last; d += step {
		for _, f := range factors {
			if v := f * math.Pow(10, float64(d)); v >= lo && v <= hi {
				out = append(out, Tick{Value: v, Label: tick(v)})
			}
		}
	}
	return out
}

// thinLabels returns the ticks of an axis below, of which those have no label
// that would run into the one before. Ticks need not be evenly spaced: sizes
// that were added to a run lie close together.
func thinLabels(a Axis) []Tick {
	out := slices.Clone(a.Ticks)
	end := vg.Length(math.Inf(-1))
	for i := range out {
		if out[i].Label == "" {
			continue
		}
		half := textStyle(inkMuted, draw.XCenter, draw.YTop).Width(out[i].Label) / 2
		at := vg.Length(a.share(out[i].Value)) * tickRoom
		if at-half < end {
			out[i].Label = ""
			continue
		}
		end = at + half + 3
	}
	return out
}

// labelRoom is how many characters a label has at the most.
const labelRoom = 12

// labelled returns places with their labels, as far as there is room.
func labelled(ticks []Tick) []Tick {
	out := slices.Clone(ticks)
	for i := range out {
		out[i].Label = format.CleanTo(out[i].Label, labelRoom)
	}
	return out
}
