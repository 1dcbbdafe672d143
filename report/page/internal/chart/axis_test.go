package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

// Ticks at and beside the ranges where their steps change.
func TestTicks(t *testing.T) {
	labels := func(a Axis, ok bool) string {
		var out []string
		for _, tick := range a.Ticks {
			out = append(out, tick.Label)
		}
		return fmt.Sprint(out, " ", ok)
	}
	show := func(v float64) string { return fmt.Sprintf("%.4g", v) }
	log := func(lo, hi float64) string { return labels(Axis{Log: true, Write: show}.covering([]float64{lo, hi})) }
	linear := func(lo, hi float64) string { return labels(Axis{Write: show}.covering([]float64{lo, hi})) }
	for _, test := range []struct{ got, want string }{
		{log(1, 2), "[1 1.5 2] true"}, // short: as on a linear axis
		{log(1, 2.5), "[1 2] true"},
		{log(1, 3), "[1 2] true"},                         // 1-2-5
		{log(1, 100), "[1 2 5 10 20 50 100] true"},        //
		{log(1, 1000), "[1 10 100 1000] true"},            // powers
		{log(1, 1e9), "[10 1000 1e+05 1e+07 1e+09] true"}, // every other one
		{log(0, -1), "[] false"},
		{linear(0, 10), "[0 5 10] true"},
		{linear(3, 10), "[0 5 10] true"},
		{linear(-3, -1), "[-3 -2 -1 0] true"},
		{linear(5, 5), "[0 2 4] true"},
		{linear(0, 0), "[-1e-15 -5e-16 0 5e-16 1e-15] true"},
	} {
		if test.got != test.want {
			t.Errorf("ticks %s, want %s", test.got, test.want)
		}
	}
}

// Labels of the axis below never run into each other: whichever would goes, and
// the first stays.
func TestLabelsHaveRoom(t *testing.T) {
	labelled := func(n int, label string) []plot.Tick {
		var out []plot.Tick
		for i := range n {
			out = append(out, plot.Tick{Value: float64(i), Label: label})
		}
		return out
	}
	for _, test := range []struct {
		n     int
		label string
		want  string
	}{
		{0, "", ""}, {1, strings.Repeat("wide", 50), "x"}, {5, "1µs", "xxxxx"}, {7, "500M/s", "x.x.x.x"}, {9, "1234567890", "x..x..x.."}, {3, strings.Repeat("w", 40), "x.."},
	} {
		ticks := labelled(test.n, test.label)
		got := ""
		for i, tick := range thinLabels(Axis{Max: float64(max(test.n-1, 1)), Ticks: ticks}) {
			if tick.Value != float64(i) {
				t.Errorf("%q: a tick moved to %v", test.label, tick.Value)
			}
			got += map[bool]string{true: "x", false: "."}[tick.Label != ""]
		}
		if got != test.want || test.n > 1 && ticks[1].Label == "" {
			t.Errorf("%d times %q: %q, want %q, and the ticks as they were", test.n, test.label, got, test.want)
		}
	}
}

// Sizes that were added to a run lie close together on its axis.
func TestLabelsOfAddedSizesHaveRoom(t *testing.T) {
	a := Axis{Min: 1, Max: 10000, Log: true}
	for v, label := range map[float64]string{1: "1us", 1.25: "1.25us", 1.54: "1.54us", 10: "10us", 100: "100us", 1000: "1ms", 10000: "10ms"} {
		a.Ticks = append(a.Ticks, plot.Tick{Value: v, Label: label})
	}
	slices.SortFunc(a.Ticks, func(a, b plot.Tick) int { return cmp.Compare(a.Value, b.Value) })
	var got []string
	for _, tick := range thinLabels(a) {
		got = append(got, tick.Label)
	}
	if want := []string{"1us", "", "", "10us", "100us", "1ms", "10ms"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// What is between the names of lines, and what an axis covers.
func TestSums(t *testing.T) {
	for _, test := range []struct {
		in     []float64
		gap    float64
		lo, hi float64
		want   string
	}{
		{[]float64{10, 30}, 12, 0, 100, "[10.0 30.0]"}, {[]float64{10, 22}, 12, 0, 100, "[10.0 22.0]"}, {[]float64{10, 12}, 12, 0, 100, "[5.0 17.0]"},
		{[]float64{-5}, 12, 0, 100, "[0.0]"}, {[]float64{105}, 12, 0, 100, "[100.0]"}, {nil, 12, 0, 100, "[]"},
	} {
		spreadApart(test.in, test.gap, test.lo, test.hi)
		if got := fmt.Sprintf("%.1f", test.in); got != test.want {
			t.Errorf("apart: %s, want %s", got, test.want)
		}
	}
	for _, test := range []struct {
		values []float64
		log    bool
		want   string
	}{
		{[]float64{3, 1, 2}, false, "1 3 true"}, {[]float64{-1, 1}, true, "1 1 true"}, {[]float64{0, math.NaN(), math.Inf(1), 5}, true, "5 5 true"}, {nil, false, "+Inf -Inf false"},
		{[]float64{tiniest, hugest}, true, "1e-15 1e+18 true"}, {[]float64{tiniest / 2, 1, hugest * 2}, true, "1 1 true"}, {[]float64{-hugest * 2, -hugest}, false, "-1e+18 -1e+18 true"},
	} {
		lo, hi, ok := spanOf(test.values, test.log)
		if got := fmt.Sprint(lo, " ", hi, " ", ok); got != test.want {
			t.Errorf("%v: %s, want %s", test.values, got, test.want)
		}
	}
	labels := func(values ...float64) string {
		a, ok := Axis{Deviations: true}.covering(values)
		var out []string
		for _, tick := range a.Ticks {
			out = append(out, tick.Label)
		}
		return fmt.Sprintf("%.3f to %.3f %q %v", a.Min, a.Max, out, ok)
	}
	for got, want := range map[string]string{
		labels():           "0.000 to 0.000 [] false",
		labels(0):          `-0.022 to 0.022 ["−2 %" "−1 %" "median" "+1 %" "+2 %"] true`,
		labels(-0.5, 0.1):  `-0.540 to 0.540 ["−50 %" "median" "+50 %"] true`,
		labels(-0.1, 1):    `-0.560 to 1.060 ["−50 %" "median" "+50 %" "+100 %"] true`,
		labels(0.01, -0.2): `-0.216 to 0.216 ["−20 %" "−10 %" "median" "+10 %" "+20 %"] true`,
	} {
		if got != want {
			t.Errorf("scale %s, want %s", got, want)
		}
	}
}

// A linear axis has a little room beyond its values, but none below zero where
// no value is; a logarithmic one has some at either end. A fixed range reaches
// beyond its ends by its margin, and is not drawn where it cannot be.
func TestReachOfAxes(t *testing.T) {
	show := func(float64) string { return "" }
	for _, test := range []struct {
		axis   Axis
		values []float64
		want   string
	}{
		{Axis{Write: show}, []float64{0, 10}, "0 to 10.4 true"}, {Axis{Write: show}, []float64{5, 10}, "0 to 10.4 true"},
		{Axis{Write: show}, []float64{-5, 5}, "-5.4 to 5.4 true"}, {Axis{Write: show}, []float64{-10, -5}, "-10.4 to 0.4 true"},
		{Axis{Write: show, Covers: []float64{100}}, []float64{5}, "0 to 104 true"}, {Axis{Write: show}, nil, "-1.08e-15 to 1.08e-15 false"},
		{Axis{Write: show, Log: true}, []float64{1, 100}, "0.8318 to 120.2 true"}, {Axis{Write: show, Log: true}, []float64{10, 10}, "9.839 to 10.16 true"},
		{Axis{Write: show, Log: true}, []float64{10, 15}, "9.839 to 15.25 true"}, {Axis{Write: show, Log: true}, []float64{10, 20}, "9.727 to 20.56 true"},
		{Axis{Write: show, Min: 1, Max: 5, Margin: 0.4}, []float64{100}, "0.6 to 5.4 true"}, {Axis{Write: show, Min: 1, Max: 2, Log: true}, nil, "1 to 2 true"},
		{Axis{Write: show, Min: 0, Max: 2, Log: true}, nil, "0 to 2 false"}, {Axis{Write: show, Max: 2}, nil, "0 to 2 true"},
		{Axis{Write: show, Max: 1e18}, nil, "0 to 1e+18 true"}, {Axis{Write: show, Max: 1.1e18}, nil, "0 to 1.1e+18 false"},
		{Axis{Write: show, Min: 1e-15, Max: 1, Log: true}, nil, "1e-15 to 1 true"}, {Axis{Write: show, Min: 0.9e-15, Max: 1, Log: true}, nil, "9e-16 to 1 false"},
	} {
		a, ok := test.axis.covering(test.values)
		if got := fmt.Sprintf("%.4g to %.4g %v", a.Min, a.Max, ok); got != test.want {
			t.Errorf("%+v of %v: %s, want %s", test.axis, test.values, got, test.want)
		}
	}
	for _, test := range []struct {
		axis    Axis
		v, want float64
	}{{Axis{Min: 10, Max: 20}, 10, 0}, {Axis{Min: 10, Max: 20}, 15, 0.5}, {Axis{Min: 10, Max: 20}, 20, 1}, {Axis{Min: 1, Max: 100, Log: true}, 1, 0}, {Axis{Min: 1, Max: 100, Log: true}, 10, 0.5}, {Axis{Min: 2, Max: 32, Log: true}, 4, 0.25}} {
		if got := test.axis.share(test.v); math.Abs(got-test.want) > 1e-12 {
			t.Errorf("%v on %v to %v: %v, want %v", test.v, test.axis.Min, test.axis.Max, got, test.want)
		}
	}
}

// A result is drawn at its deviation from the median, and far ones at the edge.
func TestDeviation(t *testing.T) {
	for v, want := range map[float64]float64{100: 0, 150: 0.5, 200: 1, 201: 1, 50: -0.5, 49: -0.5, 75: -0.25} {
		if got := deviation(v, 100); got != want {
			t.Errorf("deviation(%v) = %v, want %v", v, got, want)
		}
	}
	if deviation(math.NaN(), 1) != -0.5 {
		t.Error("no number lies inside")
	}
}
