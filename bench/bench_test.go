package bench

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The models of the tests.
const (
	Serial    Model = "serial"
	Greenlet  Model = "greenlet"
	Goroutine Model = "goroutine"
	Ants      Model = "ants"
	Thread    Model = "thread"
	Process   Model = "process"
)

func testModels() []ModelInfo {
	var models []ModelInfo
	for _, m := range []Model{Serial, Greenlet, Goroutine, Ants, Thread, Process} {
		models = append(models, ModelInfo{Name: m, Note: "a test's", Processes: m == Process})
	}
	return models
}

// counting is a workload of one op that adds one.
func counting(impl Func) *Workload {
	return &Workload{
		Name: "Counting", Story: "Counts.", Op: "count",
		Want:   func(b *B) uint64 { return uint64(b.N) },
		Ledger: func(b *B) Ledger { return Ledger{Units: b.units} },
		Impls:  map[Model]Func{Serial: impl},
	}
}

func honest(b *B) (uint64, error) {
	lat := b.Unit(b.N)
	b.Start()
	sum := uint64(0)
	for i := range b.N {
		t := lat.Begin(i)
		sum++
		lat.End(t)
	}
	b.Stop()
	return sum, nil
}

var countingCase = Case{Workload: "Counting", Model: Serial, CPUs: 1}

func TestMeasure(t *testing.T) {
	r, err := Measure(counting(honest), countingCase, Options{N: 1000, Op: time.Microsecond})
	if err != nil {
		t.Fatal(err)
	}
	if r.N != 1000 || r.Elapsed <= 0 {
		t.Errorf("N = %d, elapsed %v; want 1000 ops that took time", r.N, r.Elapsed)
	}
	// Of ops of a microsecond three in sixteen are timed.
	if got := r.Latency.TotalCount(); got != 189 {
		t.Errorf("%d ops were timed, want 189", got)
	}
	if !strings.HasPrefix(r.String(), "BenchmarkCounting/model=serial-1\t1000\t") {
		t.Errorf("line %q", r)
	}
}

func TestMeasureCalibrates(t *testing.T) {
	const goal = 2 * time.Millisecond
	r, err := Measure(counting(honest), countingCase, Options{Benchtime: goal})
	if err != nil {
		t.Fatal(err)
	}
	if r.Elapsed < goal*9/10 {
		t.Errorf("%d ops took %v, less than the bench time %v", r.N, r.Elapsed, goal)
	}
}

func TestMeasureBatch(t *testing.T) {
	w := counting(honest)
	w.Batch = func(Params) int { return 7 }
	r, err := Measure(w, countingCase, Options{N: 15})
	if err != nil {
		t.Fatal(err)
	}
	if r.N != 21 {
		t.Errorf("N = %d, want 15 rounded up to a multiple of 7", r.N)
	}
}

// Each misuse is a failed case with its own sentence, never a number.
func TestMeasureFailures(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name string
		impl Func
		want string
	}{
		{"wrong answer", func(b *B) (uint64, error) { n, err := honest(b); return n + 1, err }, "wrong answer: got 2, want 1"},
		{"error", func(b *B) (uint64, error) { return 0, boom }, "boom"},
		{"panic", func(b *B) (uint64, error) { panic("ouch") }, "panic: ouch"},
		{"never started", func(b *B) (uint64, error) { return uint64(b.N), nil }, "the timer was never started"},
		{"never stopped", func(b *B) (uint64, error) { b.Start(); return uint64(b.N), nil }, "the timer was never stopped"},
		{"not started", func(b *B) (uint64, error) { b.Stop(); return uint64(b.N), nil }, "the timer was stopped before it was started"},
		{"twice started", func(b *B) (uint64, error) { b.Start(); b.Start(); b.Stop(); return uint64(b.N), nil }, "the timer was started twice"},
		{"twice stopped", func(b *B) (uint64, error) { b.Start(); b.Stop(); b.Stop(); return uint64(b.N), nil }, "the timer was stopped twice"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := Measure(counting(tt.impl), countingCase, Options{N: 10})
			if err == nil {
				t.Fatalf("measured %v", r)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q", err, tt.want)
			}
		})
	}
}

func TestMeasureVoid(t *testing.T) {
	w := counting(honest)
	w.Limit = func(*B) error { return Void("only %d files", 64) }
	_, err := Measure(w, countingCase, Options{N: 1})
	var void *VoidError
	if !errors.As(err, &void) || void.Reason != "only 64 files" {
		t.Errorf("error %v, want a void case with its reason", err)
	}
}

// A limit of the machine voids a case, it does not fail it.
func TestMeasureExhausted(t *testing.T) {
	w := counting(func(*B) (uint64, error) { return 0, fmt.Errorf("dial: %w", syscall.EMFILE) })
	_, err := Measure(w, countingCase, Options{N: 1})
	var void *VoidError
	if !errors.As(err, &void) || !strings.Contains(void.Reason, "ulimit -n") {
		t.Errorf("error %v, want a void case that names the limit", err)
	}
}

func TestMeasureNA(t *testing.T) {
	w := counting(honest)
	w.NA = map[Model]string{Ants: "no ants here"}
	c := countingCase
	c.Model = Ants
	if _, err := Measure(w, c, Options{N: 1}); err == nil || !strings.Contains(err.Error(), "no ants here") {
		t.Errorf("error %v, want the reason", err)
	}
}

func TestWorkloadCheck(t *testing.T) {
	whole := func() *Workload {
		w := counting(honest)
		w.NA = map[Model]string{Greenlet: "x", Goroutine: "x", Ants: "x", Thread: "x", Process: "x"}
		return w
	}
	if err := (Suite{testModels(), []*Workload{whole()}}).Check(); err != nil {
		t.Fatalf("a whole workload: %v", err)
	}
	tests := []struct {
		name   string
		break_ func(*Workload)
	}{
		{"a cell with neither", func(w *Workload) { delete(w.NA, Ants) }},
		{"a cell with both", func(w *Workload) { w.NA[Serial] = "x" }},
		{"no want", func(w *Workload) { w.Want = nil }},
		{"no story", func(w *Workload) { w.Story = "" }},
		{"a name with a slash", func(w *Workload) { w.Name = "A/B" }},
		{"a parameter with a dash", func(w *Workload) { w.Cases = []Params{"n=-1"} }},
		{"a parameter called model", func(w *Workload) { w.Cases = []Params{"model=x"} }},
		{"a parameter without value", func(w *Workload) { w.Cases = []Params{"n"} }},
	}
	for _, tt := range tests {
		w := whole()
		tt.break_(w)
		if (Suite{testModels(), []*Workload{w}}).Check() == nil {
			t.Errorf("%s: no complaint", tt.name)
		}
	}
}

func TestShare(t *testing.T) {
	b := &B{N: 11}
	total := 0
	for i := range 4 {
		share := b.Share(i, 4)
		if share != 2 && share != 3 {
			t.Errorf("unit %d of 4 does %d of 11 ops", i, share)
		}
		total += share
	}
	if total != 11 {
		t.Errorf("the shares add up to %d, want 11", total)
	}
}

func TestSampled(t *testing.T) {
	for _, tt := range []struct {
		op   time.Duration
		want float64
	}{{time.Millisecond, 1}, {5 * time.Microsecond, 1}, {time.Microsecond, 0.2}, {60, 0.012}, {0, 0}} {
		if got := sampled(tt.op, clockCost()); got != tt.want {
			t.Errorf("of ops of %v %v are timed, want %v", tt.op, got, tt.want)
		}
	}
}

// What a workload reports stands in the result, in its own unit.
func TestReport(t *testing.T) {
	w := &Workload{
		Name: "Reporting", Story: "A test's.", Op: "op",
		Want: func(*B) uint64 { return 0 },
		Impls: map[Model]Func{"m": func(b *B) (uint64, error) {
			b.Start()
			for began := time.Now(); time.Since(began) <= 0; {
			}
			b.Stop()
			b.Report(float64(b.N)/2, "waiting-ns")
			b.Report(0.25, "lost/op")
			return 0, nil
		}},
	}
	r, err := Measure(w, Case{Workload: "Reporting", Model: "m", CPUs: 1}, Options{N: 30})
	if err != nil {
		t.Fatal(err)
	}
	if line := r.String(); !strings.Contains(line, "\t15 waiting-ns\t") && !strings.Contains(line, "\t15.00 waiting-ns\t") || !strings.Contains(line, "\t0.250000 lost/op\t") {
		t.Error(line)
	}
}
