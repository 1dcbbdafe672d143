package page

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/report/analysis"
	"switchyard/report/format"
	"switchyard/report/page/internal/chart"
)

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
	if len(drawn) != 1 || drawn[0].Title != "t" || drawn[0].Hint != "h" || !strings.HasPrefix(string(drawn[0].SVG), "<svg") || d.used != len(drawn[0].SVG) || len(d.cut()) != 0 {
		t.Fatalf("the first chart: %d, %d bytes, cut %q", len(drawn), d.used, d.cut())
	}
	size := len(drawn[0].SVG)
	for range 2 {
		if drawn := d.draw([]figure{good, good}); len(drawn) != 0 || len(d.cut()) != 1 || !strings.Contains(d.cut()[0], "left out") || d.used != size {
			t.Errorf("%d charts beyond the room, cut %q", len(drawn), d.cut())
		}
	}
	d = drawing{room: size} // at the limit, not beyond it, there is room
	if drawn := d.draw([]figure{good, good, good}); len(drawn) != 2 || d.used != 2*size {
		t.Errorf("%d charts fit", len(drawn))
	}
	d = drawing{room: 1e6}
	for range 2 {
		drawn := d.draw([]figure{bad, good, bad})
		if len(drawn) != 1 || drawn[0].Chart.Label != "good" || len(d.cut()) != 1 || !strings.Contains(d.cut()[0], "could not be drawn") {
			t.Errorf("beside charts that cannot be drawn: %d, cut %q", len(drawn), d.cut())
		}
	}
	d.room = 0
	if drawn := d.draw([]figure{good}); len(drawn) != 0 || len(d.cut()) != 2 || d.cut()[0] == d.cut()[1] {
		t.Errorf("beside both: %d, cut %q", len(drawn), d.cut())
	}
	d = drawing{room: 1e6}
	if drawn := d.draw([]figure{{}, good, {}}); len(drawn) != 1 || len(d.cut()) != 0 {
		t.Errorf("beside charts of nothing: %d, cut %q", len(drawn), d.cut())
	}
}

// A row's ring marks outliers, and its note counts them.
func TestMarksOfRows(t *testing.T) {
	var text strings.Builder
	for _, rate := range []int{100, 101, 102, 103, 104, 105, 106, 107, 200} {
		fmt.Fprintf(&text, "BenchmarkX/model=a-2 10 %d ops/s\n", rate)
	}
	run := analysis.Of(read(t, text.String()))
	b := builderOf(run)
	rows := b.rows(run.Cases()[0])
	d := drawing{room: 1e6}
	drawn := d.draw([]figure{throughputChart(run.Cases()[0], rows), spreadChart(run.Cases()[0], rows)})
	if len(drawn) != 2 || len(rows) != 1 || !rows[0].Best {
		t.Fatalf("%d charts of rows %+v", len(drawn), rows)
	}
	dots, boxes := string(drawn[0].SVG), string(drawn[1].SVG)
	if !strings.Contains(dots, ">104/s  ★</text>") || !strings.Contains(dots, ", n = 9</title>") {
		t.Error(dots)
	}
	if !strings.Contains(boxes, "1 out</text>") || strings.Count(boxes, `class="l i-panel"`) != 1 {
		t.Error(boxes)
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
	b := builderOf(run)
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
