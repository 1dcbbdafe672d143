package analysis

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/report/results"
)

// declared is a run of three models and two workloads that no list here knows.
// "seq" and "Empty" are faster than all others.
func declared(t *testing.T, head string) *Analysis {
	t.Helper()
	var b strings.Builder
	b.WriteString(head)
	for i := range 6 {
		for _, size := range []int{1, 10, 100} {
			for model, ns := range map[string]int{"seq": 10, "fiber": 1000, "worker": 2000 / size} {
				fmt.Fprintf(&b, "BenchmarkMap/n=%d/model=%s-2 100 %d ns/op\n", size, model, ns*10+i)
			}
		}
		fmt.Fprintf(&b, "BenchmarkEmpty/model=worker-2 100 %d ns/op\nBenchmarkEmpty/model=fiber-2 100 %d ns/op\n", 10+i, 1000+i)
	}
	return Of(read(t, b.String()))
}

// What competes, and what a model is compared with, says the file.
func TestModelsAreTheFiles(t *testing.T) {
	const plan = `# switchyard {"format":1,"models":["seq","fiber","worker"]}` + "\n"
	a := declared(t, plan+`# model {"name":"seq","note":"alone","baseline":true}
# model {"name":"fiber","note":"many on one thread"}
# model {"name":"worker","note":"processes","processes":true}
# workload {"name":"Map","cases":["n=1","n=10","n=100"]}
# workload {"name":"Empty","control":true}
`)
	if a.Baseline() != "seq" || a.Model("worker").Note != "processes" || !a.Model("worker").Processes || a.Model("none").Name != "none" {
		t.Errorf("baseline %q, models %+v", a.Baseline(), a.File.Models)
	}
	r := a.Overall[Throughput]
	if r.Entry("seq").Relation != Unranked || r.Best().Model != "worker" || len(r.Cases) != 3 {
		t.Errorf("best is %s over %d cases, seq is %d", r.Best().Model, len(r.Cases), r.Entry("seq").Relation)
	}
	var asked []string
	for _, e := range a.BreakEvens {
		asked = append(asked, e.A+" over "+e.B+": "+e.Text)
	}
	if got := strings.Join(asked, "\n"); !strings.Contains(got, "fiber over seq: at no size measured") || !strings.Contains(got, "worker over seq: at no size measured") ||
		!strings.Contains(got, "worker over fiber: from n = 10 at the latest, not at 1;") || len(asked) != 3 {
		t.Errorf("break-evens:\n%s", got)
	}
	// Declared as nothing in particular, they all compete.
	a = declared(t, plan+`# model {"name":"seq"}`+"\n")
	if r := a.Overall[Throughput]; a.Baseline() != "" || r.Best().Model != "seq" || len(r.Cases) != 3 {
		t.Errorf("best is %s over %d cases, baseline %q", r.Best().Model, len(r.Cases), a.Baseline())
	}
	if len(a.BreakEvens) != 3 {
		t.Errorf("%d break-evens of three models", len(a.BreakEvens))
	}
}

// Files from before models and controls were declared, and those of go test,
// have serial as their baseline and Nop as their control; a declared control is
// the only one.
func TestModelsNotDeclared(t *testing.T) {
	run := func(head string) *results.Run {
		return read(t, head+"BenchmarkNop/model=serial-2 1 5 ns/op\nBenchmarkX/model=a-2 1 5 ns/op\n")
	}
	for head, want := range map[string]string{
		"":                               "serial [Nop]",
		`# model {"name":"a"}` + "\n":    " [Nop]",
		`# workload {"name":"X"}` + "\n": "serial [Nop]",
		`# workload {"name":"X","control":true}` + "\n": "serial [X]",
		`# model {"name":"a","baseline":true}` + "\n":   "a [Nop]",
		`# workload {"name":"Y","control":true}` + "\n": "serial [Nop]", // without results it is none here
	} {
		r := run(head)
		var controls []string
		for _, w := range r.Workloads {
			if w.Info.Control {
				controls = append(controls, w.Name)
			}
		}
		if got := fmt.Sprint(r.Baseline(), " ", controls); got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}

// A run from before kinds were declared has them for the workloads that there
// were; where one is declared, and in files of other tools, that is all.
func TestKindsNotDeclared(t *testing.T) {
	const plan = `# switchyard {"format":1}` + "\n"
	for head, want := range map[string]string{
		plan: "handing over,messaging,",
		plan + `# workload {"name":"Mine","kind":"composing"}` + "\n": "composing,,",
		"": ",,",
	} {
		kinds := map[string]string{}
		for _, w := range read(t, head+"BenchmarkRing/model=a-2 1 5 ns/op\nBenchmarkPipe/model=a-2 1 5 ns/op\nBenchmarkMine/model=a-2 1 5 ns/op\n").Workloads {
			kinds[w.Name] = w.Info.Kind
		}
		got := kinds["Ring"] + "," + kinds["Pipe"] + "," + kinds["Mine"]
		if kinds["Mine"] != "" {
			got = kinds["Mine"] + "," + kinds["Ring"] + "," + kinds["Pipe"]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", head, got, want)
		}
	}
}
