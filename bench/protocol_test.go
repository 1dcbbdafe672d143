package bench

import (
	"reflect"
	"testing"
)

// What is wrong with a declaration, in words.
func TestWorkloadCheckTexts(t *testing.T) {
	for want, spoil := range map[string]func(*Workload){
		`workload "A/B": not a benchmark name`:                                          func(w *Workload) { w.Name = "A/B" },
		`workload "": not a benchmark name`:                                             func(w *Workload) { w.Name = "" },
		"workload Counting: no story or no op":                                          func(w *Workload) { w.Op = "" },
		"workload Counting: no Want":                                                    func(w *Workload) { w.Want = nil },
		"workload Counting: ants needs an implementation or the reason why it has none": func(w *Workload) { delete(w.NA, Ants) },
		`workload Counting: parameter "n" of "m=1/n" is not key=value`:                  func(w *Workload) { w.Cases = []Params{"", "m=1/n"} },
		`workload Counting: parameter "=1" of "=1" is not key=value`:                    func(w *Workload) { w.Cases = []Params{"=1"} },
		`workload Counting: parameter "n=" of "n=" is not key=value`:                    func(w *Workload) { w.Cases = []Params{"n="} },
	} {
		w := counting(honest)
		w.NA = map[Model]string{Greenlet: "x", Goroutine: "x", Ants: "x", Thread: "x", Process: "x"}
		spoil(w)
		if err := (Suite{testModels(), []*Workload{w}}).Check(); err == nil || err.Error() != want {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	for want, ask := range map[string]func(Params){
		`bench: parameter "k" of "n=x" is not an integer`: func(p Params) { p.Int("k") },
		`bench: parameter "n" of "n=x" is not an integer`: func(p Params) { p.Int("n") },
		`bench: parameter "n" of "n=x" is not a duration`: func(p Params) { p.Duration("n") },
	} {
		func() {
			defer func() {
				if got := recover(); got != want {
					t.Errorf("panic %v, want %q", got, want)
				}
			}()
			ask("n=x")
		}()
	}
}

// A workload describes itself with all that a report needs.
func TestInfo(t *testing.T) {
	w := counting(honest)
	w.Cases = []Params{"task=1us/chunk=2", "task=2us/chunk=2"}
	w.More = []Params{"task=1us/chunk=1"}
	w.Impls[Process] = honest
	w.NA = map[Model]string{Ants: "none"}
	w.Control = true
	got, want := w.Info(testModels()), WorkloadInfo{
		Name: "Counting", Story: "Counts.", Op: "count", Source: "bench/workload/counting.go",
		Vary: []string{"task", "chunk"}, Cases: w.Cases, More: w.More, Models: []Model{Serial, Process}, NA: w.NA, Control: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := w.Points(); len(got) != 3 || got[0] != w.More[0] {
		t.Errorf("points %q", got)
	}
}
