package benchlog

import (
	"cmp"
	"slices"
	"testing"
)

func TestResize(t *testing.T) {
	for _, tt := range []struct {
		p    Params
		key  string
		v    float64
		want Params
	}{
		{"task=10us/chunk=1", "task", 2413, "task=2.41us/chunk=1"},
		{"task=10us/chunk=1", "task", 100e3, "task=100us/chunk=1"},
		{"task=10us/chunk=1", "task", 1e6, "task=1ms/chunk=1"},
		{"task=10us/chunk=1", "task", 999.9e3, "task=1ms/chunk=1"},
		{"task=10us/chunk=1", "task", 12345e3, "task=12.3ms/chunk=1"},
		{"task=10us/chunk=1", "task", 96, "task=96ns/chunk=1"},
		{"conns=10/rate=2000", "rate", 4472, "conns=10/rate=4470"},
		{"conns=10/rate=2000", "rate", 99960, "conns=10/rate=100000"},
		{"n=1", "n", 2.8, "n=3"},
		{"task=10us", "size", 5, "task=10us"},
		{"mode=fast", "mode", 5, "mode=fast"},
	} {
		if got := tt.p.Resize(tt.key, tt.v); got != tt.want {
			t.Errorf("%s with %s of %v: %s, want %s", tt.p, tt.key, tt.v, got, tt.want)
		}
	}
}

// A runner has every size between those that it declares, and no other point.
func TestHas(t *testing.T) {
	w := WorkloadInfo{
		Cases:  []Params{"task=1us/chunk=1", "task=10us/chunk=1", "task=100us/chunk=64", "task=1ms/chunk=64"},
		Refine: []string{"task"},
	}
	for p, want := range map[Params]bool{
		"task=1us/chunk=1":    true,
		"task=2.4us/chunk=1":  true,
		"task=2431ns/chunk=1": true,
		"task=11us/chunk=1":   false, // that is beyond those with the same chunk
		"task=50us/chunk=1":   false,
		"task=0.9us/chunk=1":  false,
		"task=50us/chunk=64":  false,
		"task=200us/chunk=64": true,
		"task=2/chunk=1":      false,
		"task=/chunk=1":       false,
		"task=-3us/chunk=1":   false,
		"task=2us":            false,
		"task=2us/chunk=2":    false,
		"chunk=1":             false,
		"":                    false,
	} {
		if got := w.Has(p); got != want {
			t.Errorf("%q: %v", p, got)
		}
	}
	w.Refine = nil
	if w.Has("task=2us/chunk=1") {
		t.Error("a workload that names no parameter was refined")
	}
}

// Points of the full profile stand among the others by size, whatever the order
// in which they are declared; a runner has them, and sizes between them, and a
// run that plans but the others has neither.
func TestPoints(t *testing.T) {
	w := WorkloadInfo{
		Cases: []Params{"task=1ms/chunk=64", "task=10us/chunk=1"}, Refine: []string{"task"},
	}
	if got := w.Points(); !slices.Equal(got, w.Cases) {
		t.Errorf("%q, want the cases as they are declared", got)
	}
	w.More = []Params{"task=2us/chunk=1", "task=10us/chunk=0", "task=1ms/chunk=8", "task=9us/chunk=none"}
	want := []Params{"task=2us/chunk=1", "task=9us/chunk=none", "task=10us/chunk=0", "task=10us/chunk=1", "task=1ms/chunk=8", "task=1ms/chunk=64"}
	if got := w.Points(); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for p, want := range map[Params][2]bool{ // whether a runner has it, and whether a run has refined it
		"task=10us/chunk=1": {true, false}, "task=2us/chunk=1": {true, false}, "task=3us/chunk=1": {true, false}, "task=1us/chunk=1": {false, false},
	} {
		if got := [2]bool{w.Has(p), w.Refined(p)}; got != want {
			t.Errorf("%s: had, and refined: %v, want %v", p, got, want)
		}
	}
	for _, order := range [][]Params{
		{"", "n=1"}, {"n=2", "n=10", "n=10/m=1"}, {"wait=0", "wait=0.5", "wait=1"}, {"d=1us", "d=500us", "d=1ms"},
		{"yield=each", "yield=never"}, {"a=9", "b=1"}, {"n=all", "n=1"},
	} {
		for i := range order {
			for k := range order {
				if got := order[i].Compare(order[k]); got != cmp.Compare(i, k) {
					t.Errorf("%q beside %q: %d", order[i], order[k], got)
				}
			}
		}
	}
}

func TestRefineNeedsSizes(t *testing.T) {
	models := []ModelInfo{{Name: "m", Note: "a test's"}}
	w := WorkloadInfo{Name: "W", Story: "s", Op: "op", Models: []Model{"m"}, Cases: []Params{"n=1", "n=5"}, Refine: []string{"n"}}
	if err := CheckList(models, []WorkloadInfo{w}); err != nil {
		t.Error(err)
	}
	w.Refine = []string{"size"}
	if err := CheckList(models, []WorkloadInfo{w}); err == nil {
		t.Error("a parameter that no case has was to be refined")
	}
}
