package report

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// A handMade run has the nanoseconds per op of each cell, a share of noise
// around them, and what a quiet machine says of itself.
type handMade struct {
	head    string
	noise   float64
	count   int
	cases   []string
	ns      map[string][]float64 // by case, of models
	models  []string
	foreign bool
	tail    string
}

const quiet = "cores: 2\ngovernor: performance\nvirtual: none\nsmt: off\ncgroup-quota: none\n"

// head declares models and workloads, "Name=kind".
func head(workloads ...string) string {
	s := `# switchyard {"format":1,"run":"2026-11-20T19:03:11Z","count":20,"cpus":"0-1","models":["serial","greenlet","goroutine","process"]}
# model {"name":"serial","note":"alone","baseline":true}
# model {"name":"greenlet","note":"coroutines"}
# model {"name":"goroutine","note":"goroutines"}
# model {"name":"process","note":"processes","processes":true}
`
	for _, w := range workloads {
		name, kind, _ := strings.Cut(w, "=")
		s += fmt.Sprintf("# workload {\"name\":%q,\"kind\":%q}\n", name, kind)
	}
	return s + quiet
}

func (h handMade) text() string {
	r := rand.New(rand.NewPCG(7, 7))
	var b strings.Builder
	b.WriteString(h.head)
	cpus := 2
	if strings.Contains(h.head, `"cpus":"0"`) {
		cpus = 1
	}
	for range h.count {
		for _, c := range h.cases {
			for i, ns := range h.ns[c] {
				if ns == 0 {
					continue
				}
				ns *= math.Exp(h.noise * r.NormFloat64())
				fmt.Fprintf(&b, "Benchmark%s", c)
				if h.models != nil {
					fmt.Fprintf(&b, "/model=%s", h.models[i])
				}
				if cpus > 1 {
					fmt.Fprintf(&b, "-%d", cpus)
				}
				fmt.Fprintf(&b, " 1000 %.6g ns/op", ns)
				if !h.foreign {
					fmt.Fprintf(&b, " %.6g ops/s %.6g cpu-ns/op %d csw/op", 1e9/ns, ns*float64(min(1+i%2, cpus)), i)
				}
				b.WriteString("\n")
			}
		}
	}
	return b.String() + h.tail
}

var allModels = []string{"greenlet", "goroutine", "process", "serial"}

// Ten results made by hand, each with one answer, which is known to the letter.
func TestTenVerdicts(t *testing.T) {
	clear := map[string][]float64{"A": {100, 300, 2000, 10}, "B/n=1": {100, 400, 3000}, "B/n=10": {100, 350, 2500}, "C/task=1us": {1000, 1100, 3000, 990}, "C/task=1ms": {1e6, 5e5, 5.2e5, 1e6}, "C/task=10ms": {1.1e7, 5e6, 5e6, 1e7}}
	clearCases := []string{"A", "B/n=1", "B/n=10", "C/task=1us", "C/task=1ms", "C/task=10ms"}
	kinds := []string{"A=handing over", "B=handing over", "C=computing"}
	for name, h := range map[string]handMade{
		"clear":         {head: head(kinds...), noise: .005, count: 20, cases: clearCases, ns: clear, models: allModels},
		"tied":          {head: head("A=messaging", "B=messaging"), noise: .005, count: 20, cases: []string{"A", "B"}, ns: map[string][]float64{"A": {100, 100, 300}, "B": {200, 201, 500}}, models: allModels},
		"noisy":         {head: head("A=messaging"), noise: .5, count: 10, cases: []string{"A"}, ns: map[string][]float64{"A": {100, 110, 120}}, models: allModels},
		"contradictory": {head: head("A=k", "B=k", "C=k", "D=k"), noise: .005, count: 20, cases: []string{"A", "B", "C/n=1", "C/n=2", "D"}, ns: map[string][]float64{"A": {100, 1000, 900}, "B": {100, 50, 400}, "C/n=1": {100, 60, 40}, "C/n=2": {100, 200, 40}, "D": {100, 400, 90}}, models: allModels},
		"single model":  {head: head("A=k", "B=k"), noise: .005, count: 20, cases: []string{"A", "B"}, ns: map[string][]float64{"A": {100}, "B": {200}}, models: allModels},
		"two workloads": {head: head("A", "B"), noise: .005, count: 20, cases: []string{"A", "B"}, ns: map[string][]float64{"A": {100, 200}, "B": {300, 100}}, models: allModels},
		"foreign":       {noise: .005, count: 20, cases: []string{"Encode/size=1k", "Encode/size=1M"}, ns: map[string][]float64{"Encode/size=1k": {100}, "Encode/size=1M": {1e5}}, foreign: true},
		"low trust": {head: head(kinds...), noise: .005, count: 20, cases: clearCases, ns: clear, models: allModels,
			tail: "# block {\"block\":1,\"attempt\":1,\"canary_ns\":[100,190],\"canary_base_ns\":100,\"steal_pct\":9,\"load1\":7,\"disturbed\":true}\n"},
		"void cells": {head: head("A=waiting", "B=waiting"), noise: .005, count: 20, cases: []string{"A/n=10", "A/n=1000", "B", "B/n=2"}, ns: map[string][]float64{"A/n=10": {100, 200, 150}, "A/n=1000": {0, 200, 0}, "B": {100, 250, 1000}, "B/n=2": {100, 250, 0}}, models: allModels,
			tail: "--- SKIP: BenchmarkA/n=1000/model=greenlet-2\n    too many\n--- SKIP: BenchmarkA/n=1000/model=process-2\n    void: no room\n--- FAIL: BenchmarkB/n=2/model=process-2\n    wrong answer\n"},
		"one CPU": {head: strings.Replace(head("C=computing"), `"0-1"`, `"0"`, 1), noise: .005, count: 20, cases: []string{"C/task=1us", "C/task=1ms"}, ns: map[string][]float64{"C/task=1us": {1000, 1200, 3000, 990}, "C/task=1ms": {1e6, 1e6, 1.01e6, 1e6}}, models: allModels},
	} {
		t.Run(name, func(t *testing.T) {
			var text bytes.Buffer
			if err := WriteText(&text, Analyze(read(t, h.text())), TextOptions{}); err != nil {
				t.Fatal(err)
			}
			golden(t, "verdict-"+strings.ReplaceAll(name, " ", "-")+".golden", text.String())
			for _, line := range strings.Split(text.String(), "\n") {
				if len([]rune(line)) > 80 {
					t.Errorf("wider than a terminal: %s", line)
				}
			}
		})
	}
}

// withPeers is a run beside others' models, or without a word of whose they
// are.
func withPeers(declared bool) handMade {
	h := handMade{head: head("A=messaging", "B=computing"), noise: .005, count: 10, cases: []string{"A", "B"}, models: []string{"greenlet", "goroutine", "process", "py-greenlet", "py-process"},
		ns: map[string][]float64{"A": {100, 300, 1000, 700}, "B": {1000, 500, 600, 0, 3000}}}
	if declared {
		h.head = strings.Replace(h.head, "# model {\"name\":\"serial\"", `# model {"name":"py-greenlet","note":"theirs","beside":"greenlet"}
# model {"name":"py-process","note":"theirs","beside":"process","processes":true}
# model {"name":"serial"`, 1)
		h.head = strings.Replace(h.head, `"process"]`, `"process","py-greenlet","py-process"]`, 1)
	}
	return h
}

// Peers of other programs have a paragraph of their own, below the sentences on
// those that compete, and there is none where nobody has peers.
func TestVerdictBesidePeers(t *testing.T) {
	const besides = "Beside others, who are not in the competition:"
	var text bytes.Buffer
	if err := WriteText(&text, Analyze(read(t, withPeers(false).text())), TextOptions{}); err != nil || strings.Contains(text.String(), besides) {
		t.Fatalf("%v, beside nobody:\n%s", err, text.String())
	}
	text.Reset()
	if err := WriteText(&text, Analyze(read(t, withPeers(true).text())), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "verdict-beside.golden", text.String())
	if strings.Count(text.String(), besides) != 1 {
		t.Errorf("no paragraph of its own:\n%s", text.String())
	}
}

// What an earlier run has to do with the words is told below them, in the text
// and on the page: what has changed since, and what stands because of it.
func TestVerdictSaysSinceWhen(t *testing.T) {
	h := handMade{head: head("A=messaging", "B=waiting", "C=computing"), noise: .005, count: 10, cases: []string{"A", "B", "C"}, models: allModels,
		ns: map[string][]float64{"A": {100, 160, 1000}, "B": {100, 300, 1000}, "C": {100, 140, 1000}}}
	var kinds []string
	for _, kind := range []string{"Messaging", "Waiting", "Computing"} {
		kinds = append(kinds, `{"kind":"`+kind+`","models":["greenlet","goroutine"],"lead":["greenlet","goroutine"],"behind":["process"]}`)
	}
	h.head += `# like {"run":"2026-11-19T08:00:00Z","said":{"kinds":[` + strings.Join(kinds, ",") + `],"picks":{"throughput":["goroutine"]}}}` + "\n"
	run := read(t, h.text())
	var text bytes.Buffer
	if err := WriteText(&text, Analyze(run), TextOptions{}); err != nil {
		t.Fatal(err)
	}
	golden(t, "verdict-since.golden", text.String())
	for _, line := range strings.Split(text.String(), "\n") {
		if len([]rune(line)) > 80 {
			t.Errorf("wider than a terminal: %s", line)
		}
	}
	for _, want := range []string{
		"Changed since the run of 2026-11-19 08:00: Waiting (was greenlet or goroutine) and whom to pick (was goroutine).",
		"As that run said, since these results leave it open: Messaging.",
	} {
		if page := pageOf(t, run); !strings.Contains(page, want) || !strings.Contains(strings.ReplaceAll(text.String(), "\n  ", " "), want) {
			t.Errorf("no %q in\n%s", want, text.String())
		}
	}
}

// A first look is short, however much was measured: at most sixteen lines of
// matrix, a row per kind where workloads are too many, and twelve decisions,
// within the width; what is left out is counted.
func TestFirstLookIsShort(t *testing.T) {
	many := func(workloads, models int, kind func(i int) string) string {
		var b strings.Builder
		b.WriteString("# switchyard {\"format\":1}\n")
		for i := range workloads {
			fmt.Fprintf(&b, "# workload {\"name\":\"W%02d\",\"kind\":%q}\n", i, kind(i))
		}
		for n := range 6 {
			for i := range workloads {
				for m := range models {
					fmt.Fprintf(&b, "BenchmarkW%02d/model=a-long-name-%d-2 1 %d ns/op\n", i, m, 1000*(m+1)+n)
				}
			}
		}
		return b.String()
	}
	for name, test := range map[string]struct {
		text      string
		rows      int
		decisions int
		say       []string
	}{
		"few":       {many(14, 2, func(int) string { return "k" }), 14, 1, nil},
		"kinds":     {many(30, 3, func(i int) string { return fmt.Sprintf("kind %d", i%7) }), 7, 7, []string{"\nKind 0  "}},
		"all apart": {many(40, 10, func(int) string { return "" }), 14, 12, []string{"- 28 more with -v\n", "; 26 more rows and 5 more models with -v"}},
	} {
		var b, all bytes.Buffer
		a := Analyze(read(t, test.text))
		if err := errors.Join(WriteText(&b, a, TextOptions{}), WriteText(&all, a, TextOptions{Verbose: true})); err != nil {
			t.Fatal(err)
		}
		text := b.String()
		_, matrix, _ := strings.Cut(text, "\n\n")
		matrix, _, _ = strings.Cut(matrix, "\n\n")
		matrix = strings.Split(matrix, "Throughput over")[0]
		if got := strings.Count(matrix, "\n") - 1; got != test.rows {
			t.Errorf("%s: %d rows of %d", name, got, test.rows)
		}
		if got := strings.Count(text, "\n- ") - strings.Count(text, "\n- 28 more"); got != test.decisions {
			t.Errorf("%s: %d decisions", name, got)
		}
		for _, say := range test.say {
			if !strings.Contains(strings.ReplaceAll(text, "\n  ", " "), say) {
				t.Errorf("%s: no %q in\n%s", name, say, text)
			}
		}
		for _, line := range strings.Split(text, "\n") {
			if len([]rune(line)) > 80 {
				t.Errorf("%s: %s", name, line)
			}
		}
		if got := strings.Count(all.String(), "\n- "); got != len(a.Verdict.Decisions) {
			t.Errorf("%s: %d decisions of %d in the long text", name, got, len(a.Verdict.Decisions))
		}
	}
}

// However many kinds of work there are, or exceptions of one, the page stays
// small and says what it left out.
func TestVerdictsOfManyKindsFit(t *testing.T) {
	for kind, want := range map[string]string{
		"":   "What was decided of 920 kinds of work beyond the first 80 is left out of this page; switchyard report -v has it.",
		"of": "100 more, in the matrix</a>: 400 of 1000 cases.",
	} {
		var b strings.Builder
		b.WriteString("# switchyard {\"format\":1}\n")
		for i := range 1000 {
			fmt.Fprintf(&b, "# workload {\"name\":\"%090d\",\"kind\":%q}\n", i, kind)
		}
		for range 6 {
			for i := range 1000 {
				ns := 300
				if i%5 < 2 {
					ns = 70
				}
				fmt.Fprintf(&b, "Benchmark%090d/model=a-2 1 100 ns/op\nBenchmark%090d/model=b-2 1 %d ns/op\n", i, i, ns)
			}
		}
		page := pageOf(t, read(t, b.String()))
		if len(page) > 3<<20 || !strings.Contains(page, want) {
			t.Errorf("%q: %d bytes, without %q", kind, len(page), want)
		}
	}
}
