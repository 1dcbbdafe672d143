package page

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg/draw"

	"switchyard/report/analysis"
)

// What is left out is said once, however often it happens, and in the order in
// which it did.
func TestCutOnce(t *testing.T) {
	b := &builder{}
	for _, s := range []string{"one", "two", "one", "two", "three"} {
		b.cutOnce(s)
	}
	if got := fmt.Sprint(b.cut); got != "[one two three]" {
		t.Error(got)
	}
}

// Charts are drawn as long as those before have left room; then, and where one
// cannot be drawn, the page says so once, and the tables have the numbers.
func TestChartsUntilTheRoomIsUsed(t *testing.T) {
	good := chart{newPlot(scale{max: 1}, scale{max: 1}), chartHeight, "lines", "good"}
	bad := good
	bad.plot = newPlot(scale{min: -1, max: 1, log: true}, scale{max: 1})
	bad.plot.Add(plotFunc(func(_ *svg, dc draw.Canvas, p *plot.Plot) { tx, _ := p.Transforms(&dc); tx(0) }))
	b := &builder{room: 1}
	one, ok := b.draw("t", "h", good)
	if !ok || one.Title != "t" || one.Hint != "h" || !strings.HasPrefix(string(one.SVG), "<svg") || b.charts != len(one.SVG) || len(b.cut) != 0 {
		t.Errorf("the first chart: %v, %d bytes of %d, cut %q", ok, b.charts, len(one.SVG), b.cut)
	}
	for range 2 {
		if _, ok := b.draw("t", "h", good); ok || len(b.cut) != 1 || b.charts != len(one.SVG) {
			t.Errorf("a chart beyond the room: %v, cut %q", ok, b.cut)
		}
	}
	b = &builder{room: len(one.SVG)}
	for i, want := range []bool{true, true, false} { // at the limit, not beyond it, there is room
		if _, ok := b.draw("", "", good); ok != want {
			t.Errorf("chart %d of those that fit: %v", i, ok)
		}
	}
	b = &builder{room: 1e6}
	for range 2 {
		if _, ok := b.draw("", "", bad); ok || len(b.cut) != 1 || !strings.Contains(b.cut[0], "could not be drawn") || b.charts != 0 {
			t.Errorf("a chart that cannot be drawn: %v, cut %q", ok, b.cut)
		}
	}
}

// Ticks at and beside the ranges where their steps change.
func TestTicks(t *testing.T) {
	labels := func(s scale, ok bool) string {
		var out []string
		for _, tick := range s.ticks {
			out = append(out, tick.Label)
		}
		return fmt.Sprint(out, " ", ok)
	}
	show := func(v float64) string { return fmt.Sprintf("%.4g", v) }
	log := func(lo, hi float64) string { return labels(logScale([]float64{lo, hi}, "", show)) }
	linear := func(lo, hi float64, zero bool) string { return labels(linearScale([]float64{lo, hi}, zero, "", show)) }
	for _, test := range []struct{ got, want string }{
		{log(1, 2), "[1 1.5 2] true"}, // short: as on a linear axis
		{log(1, 2.5), "[1 2] true"},
		{log(1, 3), "[1 2] true"},                         // 1-2-5
		{log(1, 100), "[1 2 5 10 20 50 100] true"},        //
		{log(1, 1000), "[1 10 100 1000] true"},            // powers
		{log(1, 1e9), "[10 1000 1e+05 1e+07 1e+09] true"}, // every other one
		{log(0, -1), "[] false"},
		{linear(0, 10, false), "[0 5 10] true"},
		{linear(3, 10, true), "[0 5 10] true"},
		{linear(-3, -1, true), "[-3 -2 -1 0] true"},
		{linear(5, 5, false), "[4.5 5 5.5] true"},
		{linear(0, 0, false), "[-1e-15 -5e-16 0 5e-16 1e-15] true"},
	} {
		if test.got != test.want {
			t.Errorf("ticks %s, want %s", test.got, test.want)
		}
	}
}

// A row's ring marks outliers, and its note counts them.
func TestMarksOfRows(t *testing.T) {
	var text strings.Builder
	for _, rate := range []int{100, 101, 102, 103, 104, 105, 106, 107, 200} {
		fmt.Fprintf(&text, "BenchmarkX/model=a-2 10 %d ops/s\n", rate)
	}
	run := analysis.Of(read(t, text.String()))
	b := newBuilder(run)
	b.room = 1e6
	rows := b.rows(run.Cases()[0])
	if len(rows) != 1 || rows[0].note != "104/s  ★" || !rows[0].best || !strings.HasSuffix(rows[0].title, ", n = 9") {
		t.Fatalf("rows %+v", rows)
	}
	ch, ok := b.spreadChart(run.Cases()[0], rows)
	if !ok || !strings.Contains(string(ch.SVG), "1 out</text>") || strings.Count(string(ch.SVG), `class="l i-panel"`) != 1 {
		t.Errorf("%v: %s", ok, ch.SVG)
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
		for i, tick := range thinLabels(scale{max: float64(max(test.n-1, 1)), ticks: ticks}) {
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
	s := scale{min: 1, max: 10000, log: true}
	for v, label := range map[float64]string{1: "1us", 1.25: "1.25us", 1.54: "1.54us", 10: "10us", 100: "100us", 1000: "1ms", 10000: "10ms"} {
		s.ticks = append(s.ticks, plot.Tick{Value: v, Label: label})
	}
	slices.SortFunc(s.ticks, func(a, b plot.Tick) int { return cmp.Compare(a.Value, b.Value) })
	var got []string
	for _, tick := range thinLabels(s) {
		got = append(got, tick.Label)
	}
	if want := []string{"1us", "", "", "10us", "100us", "1ms", "10ms"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Long names are cut in charts, so that the plot beside them has room; the
// titles have all of them.
func TestLongNamesInCharts(t *testing.T) {
	name := strings.Repeat("long_name_", 6)
	var text strings.Builder
	for i := range 6 {
		for _, n := range []int{1, 10} {
			fmt.Fprintf(&text, "BenchmarkX/n=%d/model=%s-2 10 %d ops/s\nBenchmarkX/n=%d/model=b-2 10 200 ops/s\n", n, name, 100*n+i, n)
		}
	}
	run := analysis.Of(read(t, text.String()))
	b := newBuilder(run)
	b.room = 1e6
	charts := append(b.caseCharts(run.Cases()[0]), b.curveCharts(run.Workloads[0])...)
	if len(charts) < 3 {
		t.Fatalf("%d charts", len(charts))
	}
	for _, ch := range charts {
		svg := string(ch.SVG)
		if strings.Contains(svg, ">"+name+"</text>") || !strings.Contains(svg, ">long_nam…ong_name_</text>") || !strings.Contains(svg, "<title>"+name) {
			t.Errorf("%s: %s", ch.Title, svg)
		}
	}
}
