package report

import (
	"bytes"
	"strings"
	"testing"
)

func TestCompare(t *testing.T) {
	rates := func(lock, ring float64) map[string]map[string]float64 {
		return map[string]map[string]float64{
			"Lock/tasks=2": {"greenlet": lock, "goroutine": 100, "process": 10},
			"Ring/n=10":    {"greenlet": ring, "goroutine": 50},
		}
	}
	order := []string{"Lock/tasks=2", "Ring/n=10"}
	old := table{count: 8, noise: 0.005, seed: 1, order: order, rates: rates(200, 100)}.run(t)
	new := table{count: 8, noise: 0.005, seed: 2, order: order, rates: rates(150, 130)}.run(t)
	d := Compare(old, new)
	if d.Machine || len(d.OnlyOld)+len(d.OnlyNew) != 0 || len(d.Changes) != 5 {
		t.Fatalf("%+v", d)
	}
	first, second := d.Changes[0], d.Changes[1]
	if first.Kind != Regressed || first.Model != "greenlet" || first.Case.Workload.Name != "Lock" || first.Ratio < 0.74 || first.Ratio > 0.76 {
		t.Errorf("first is %+v, want the regression of greenlet in Lock", first)
	}
	if second.Kind != Gained || second.Lo > 1.3 || second.Hi < 1.3 {
		t.Errorf("second is %+v, want the gain of greenlet in Ring", second)
	}
	for _, c := range d.Changes[2:] {
		if c.Kind != Same || c.Differs || !finite(c.Detectable) {
			t.Errorf("%s %s changed: %v", c.Case.title(), c.Model, c.Ratio)
		}
	}
	var text bytes.Buffer
	if err := WriteCompare(&text, old, new, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Lock tasks=2  greenlet", "-24.6%", "+29.9%", "~", "n=8+8", "worse in 1, better in 1, not different in 3"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text does not say %q:\n%s", want, &text)
		}
	}
	var page bytes.Buffer
	if err := WriteHTML(&page, new, Options{Baseline: old}); err != nil {
		t.Fatal(err)
	}
	sound(t, page.String())
	if !strings.Contains(page.String(), `id="compare"`) || strings.Contains(page.String(), "Different machines") {
		t.Error("the page has no comparison, or a banner it should not have")
	}
}

// Two machines are never compared silently.
func TestCompareMachines(t *testing.T) {
	line := strings.Repeat("BenchmarkX/model=a-2 1 5 ns/op\n", 6)
	old, new := read(t, "cpu: A\ngo: go1.25\n"+line), read(t, "cpu: B\ngo: go1.26\n"+line+"BenchmarkY/model=a-2 1 5 ns/op\n")
	d := Compare(old, new)
	if !d.Machine || len(d.Hosts) != 2 || len(d.OnlyNew) != 1 {
		t.Errorf("%+v: %s", d.Hosts, d.Sentence())
	}
	var page, text bytes.Buffer
	if err := WriteHTML(&page, new, Options{Baseline: old}); err != nil {
		t.Fatal(err)
	}
	if err := WriteCompare(&text, old, new, Options{}); err != nil {
		t.Fatal(err)
	}
	sound(t, page.String())
	if !strings.Contains(page.String(), "Different machines") || !strings.Contains(text.String(), "Different machines") {
		t.Error("no banner")
	}
	same := Compare(read(t, "go: go1.25\n"+line), read(t, "go: go1.26\n"+line))
	if same.Machine || len(same.Hosts) != 1 {
		t.Errorf("another compiler is no other machine: %+v", same.Hosts)
	}
	if s := Compare(old, read(t, "BenchmarkZ/model=a-2 1 5 ns/op\n")).Sentence(); !strings.Contains(s, "Nothing to compare") {
		t.Error(s)
	}
}

func TestCompareFewResults(t *testing.T) {
	d := Compare(read(t, "BenchmarkX/model=a-2 1 5 ns/op\n"), read(t, "BenchmarkX/model=a-2 1 50 ns/op\n"))
	if len(d.Changes) != 1 || d.Changes[0].Kind != Untold {
		t.Errorf("one result each tells nothing: %+v", d.Changes)
	}
}
