package page

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
)

// What is left out is said once, however often it happens, and in the order in
// which it did.
func TestCutOnce(t *testing.T) {
	var d drawing
	for _, s := range []string{"one", "two", "one", "two", "three"} {
		d.cutOnce(s)
	}
	if got := fmt.Sprint(d.cut); got != "[one two three]" {
		t.Error(got)
	}
}

// Charts are drawn as long as those before have left room; then, and where one
// cannot be drawn, the page says so once, and the tables have the numbers. What
// has nothing to show is no chart.
func TestChartsUntilTheRoomIsUsed(t *testing.T) {
	good := figure{Title: "t", Hint: "h", Chart: chart.Chart{Label: "good", Lines: []chart.Line{{Points: []chart.Point{{X: 1, Y: 1}}}}}}
	good.Chart.X.Write, good.Chart.Y.Write = format.Ratio, format.Ratio
	bad := good
	bad.Chart.X.Log, bad.Chart.Dashed = true, []chart.Point{{}}
	d := drawing{room: 1}
	drawn := d.draw([]figure{good})
	if len(drawn) != 1 || drawn[0].Title != "t" || drawn[0].Hint != "h" || !strings.HasPrefix(string(drawn[0].SVG), "<svg") || d.used != len(drawn[0].SVG) || len(d.cut) != 0 {
		t.Fatalf("the first chart: %d, %d bytes, cut %q", len(drawn), d.used, d.cut)
	}
	size := len(drawn[0].SVG)
	for range 2 {
		if drawn := d.draw([]figure{good, good}); len(drawn) != 0 || len(d.cut) != 1 || !strings.Contains(d.cut[0], "left out") || d.used != size {
			t.Errorf("%d charts beyond the room, cut %q", len(drawn), d.cut)
		}
	}
	d = drawing{room: size} // at the limit, not beyond it, there is room
	if drawn := d.draw([]figure{good, good, good}); len(drawn) != 2 || d.used != 2*size {
		t.Errorf("%d charts fit", len(drawn))
	}
	d = drawing{room: 1e6}
	for range 2 {
		drawn := d.draw([]figure{bad, good, bad})
		if len(drawn) != 1 || drawn[0].Chart.Label != "good" || len(d.cut) != 1 || !strings.Contains(d.cut[0], "could not be drawn") {
			t.Errorf("beside charts that cannot be drawn: %d, cut %q", len(drawn), d.cut)
		}
	}
	d = drawing{room: 1e6}
	if drawn := d.draw([]figure{{}, good, {}}); len(drawn) != 1 || len(d.cut) != 0 {
		t.Errorf("beside charts of nothing: %d, cut %q", len(drawn), d.cut)
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
	rows := b.rows(run.Cases()[0])
	dots := throughputChart(run.Cases()[0], rows).Chart.Rows
	if len(dots) != 1 || dots[0].Note != "104/s  ★" || !dots[0].Best || !strings.HasSuffix(dots[0].Title, ", n = 9") {
		t.Fatalf("rows %+v", dots)
	}
	d := drawing{room: 1e6}
	boxes := d.draw([]figure{spreadChart(run.Cases()[0], rows)})
	if len(boxes) != 1 || !strings.Contains(string(boxes[0].SVG), "1 out</text>") || strings.Count(string(boxes[0].SVG), `class="l i-panel"`) != 1 {
		t.Errorf("%+v", boxes)
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
	b.plan(0)
	d := drawing{room: 1e6}
	charts := d.draw(append(b.panel(run.Cases()[0], true).Charts, b.curveCharts(run.Workloads[0])...))
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
