package page

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchyard/report/analysis"
)

// The section of an open loop says up to which rate each model keeps the limit,
// and draws latency against load.
func TestOpenLoopSection(t *testing.T) {
	text := `# switchyard {"format":1,"run":"2026-11-27T12:00:00Z","models":["a","b"]}
# workload {"name":"EchoOpen","op":"request","vary":["rate"],"cases":["rate=1000","rate=4000"],"open":true,"refine":["rate"]}
--- SKIP: BenchmarkEchoOpen/rate=4000/model=b-2
    saturated
`
	for i := range 6 {
		for _, model := range []string{"a", "b"} {
			for _, rate := range []int{1000, 2000, 4000} {
				if model == "a" || rate < 4000 {
					text += fmt.Sprintf("BenchmarkEchoOpen/rate=%d/model=%s-2 100 %d ns/op %d p50-ns %d p99-ns 1500 lag-p99-ns\n", rate, model, 1_000_000_000/rate, 20_000+i, 10*rate+i)
				}
			}
		}
	}
	run := read(t, text)
	b := builderOf(analysis.Of(run))
	b.plan(0)
	w := b.workload(run.Workloads[0])
	want := "[a keeps a p99 of 1ms up to 4000 requests a second, the most that were asked. b keeps a p99 of 1ms up to 2000 requests a second, and no longer at 4000.]"
	if got := fmt.Sprint(w.Takeaway); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if i := slices.Index(w.Tables[0].Columns, "lag p99"); i < 0 || w.Tables[0].Rows[0].Cells[i].Text() != "1.50µs" {
		t.Errorf("no lag of the generator in %+v", w.Tables[0])
	}
	if row := w.Tables[0].Rows[0]; row.Spoken == "not measured" || strings.Contains(fmt.Sprint(w.Tables[0].Columns), "throughput") {
		t.Errorf("%q in columns %q: p99 is what counts", row.Spoken, w.Tables[0].Columns)
	}
	var titles []string
	for _, c := range w.Curves {
		titles = append(titles, c.Title)
	}
	if got := fmt.Sprint(titles); got != "[Latency p50 by rate Latency p99 by rate]" {
		t.Errorf("charts %s", got)
	}
}

// Where the pace of the ops is given, as by a clock, the section says whose
// latency is the lowest, and draws it.
func TestPacedSection(t *testing.T) {
	text := `# switchyard {"format":1,"run":"2026-11-27T12:00:00Z","models":["a","b"]}
# workload {"name":"Heartbeat","op":"beat","vary":["hogs"],"cases":["hogs=1","hogs=2"],"paced":true}
`
	for i := range 6 {
		for _, hogs := range []int{1, 2} {
			text += fmt.Sprintf("BenchmarkHeartbeat/hogs=%d/model=a-2 5 10000000 ns/op 100 ops/s 20000 p50-ns %d p99-ns 7000000 turnaround-ns\n", hogs, 30_000+i)
			text += fmt.Sprintf("BenchmarkHeartbeat/hogs=%d/model=b-2 5 90000000 ns/op 11 ops/s 20000 p50-ns %d p99-ns\n", hogs, hogs*60_000+i)
		}
	}
	run := read(t, text)
	b := builderOf(analysis.Of(run))
	b.plan(0)
	w := b.workload(run.Workloads[0])
	if got, want := fmt.Sprint(w.Takeaway), "[In all cases a is best by p99 latency, 2.00× to 4.00× the next.]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	run.Workloads[0].Cases = run.Workloads[0].Cases[:1]
	if got, want := fmt.Sprint(analysis.Of(run).Takeaways[run.Workloads[0]]), "[a is best by p99 latency at 30.0µs: 2.00× b (95 % interval in this run 2.00 to 2.00).]"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if columns := fmt.Sprint(w.Tables[0].Columns); strings.Contains(columns, "throughput") {
		t.Errorf("the columns %s", columns)
	}
	if i := slices.Index(w.Tables[0].Columns, "turnaround"); i < 0 || w.Tables[0].Rows[0].Cells[i].Text() != "7.00ms" {
		t.Errorf("no turnaround in %+v", w.Tables[0])
	}
	titles := ""
	for _, c := range w.Curves {
		titles += c.Title + "; "
	}
	if titles != "Latency p50 by hogs; Latency p99 by hogs; " {
		t.Errorf("charts %s", titles)
	}
}

// The processor's counters are columns where there are any; where there are
// none the method says why. A file from before they were is silent.
func TestCounters(t *testing.T) {
	line := func(more string) string {
		return strings.Repeat("BenchmarkX/model=a-2 100 5 ns/op 9.5 csw/op"+more+"\n", 6)
	}
	for name, test := range map[string]struct {
		text    string
		has     []string
		without []string
	}{
		"counted": {"perf-counters: yes\n" + line(" 1234 instructions/op 77 kernel-cycles/op"),
			[]string{">instructions/op<", ">kernel cycles/op<", "<dt>Counters</dt>"}, []string{">cycles/op<", "Not available here"}},
		"none": {"perf-counters: no: <none>\n" + line(""), []string{"Not available here: no: &lt;none&gt;."}, []string{">instructions/op<"}},
		"old":  {line(""), nil, []string{"<dt>Counters</dt>", ">instructions/op<"}},
	} {
		var page strings.Builder
		if err := Render(&page, analysis.Of(read(t, "# switchyard {\"format\":1,\"models\":[\"a\"]}\n"+test.text)), Options{}); err != nil {
			t.Fatal(err)
		}
		for _, want := range test.has {
			if !strings.Contains(page.String(), want) {
				t.Errorf("%s: no %q on the page", name, want)
			}
		}
		for _, bad := range test.without {
			if strings.Contains(page.String(), bad) {
				t.Errorf("%s: %q is on the page", name, bad)
			}
		}
	}
}
