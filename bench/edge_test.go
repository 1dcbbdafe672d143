package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// taking is a Func whose passes take as long as a function of N says, whatever
// the clock does; each has its N added to passes.
func taking(passes *[]*B, took func(n int) time.Duration) Func {
	return func(b *B) (uint64, error) {
		*passes = append(*passes, b)
		b.Start()
		b.Stop()
		b.elapsed = took(b.N)
		return uint64(b.N), nil
	}
}

// Calibration ends with the first pass that takes nine tenths of the bench
// time, or when N cannot grow; each pass times ops by what the last one took.
func TestCalibrationEnds(t *testing.T) {
	const goal = 100 * time.Millisecond
	per := func(op time.Duration) func(int) time.Duration {
		return func(n int) time.Duration { return time.Duration(n) * op }
	}
	for name, tt := range map[string]struct {
		took   func(n int) time.Duration
		passes []int
		timed  time.Duration
		share  float64 // of the ops of the last pass that are timed
	}{
		"just enough":     {per(90 * time.Millisecond), []int{1}, 90 * time.Millisecond, 1},
		"just too little": {per(90*time.Millisecond - 1), []int{1, 2}, 270*time.Millisecond - 3, 1},
		"grows":           {per(time.Microsecond), []int{1, 100, 10_000, 100_000}, 110_101 * time.Microsecond, 0.2},
		"no time at all":  {func(int) time.Duration { return 1 }, []int{1, 100, 10_000, 1_000_000, 100_000_000, 1_000_000_000}, 6, 1}, // an op of 0 ns is of unknown length
	} {
		var passes []*B
		r, err := Measure(counting(taking(&passes, tt.took)), countingCase, Options{Benchtime: goal})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var ns []int
		for _, b := range passes {
			ns = append(ns, b.N)
		}
		last := passes[len(passes)-1]
		if !slices.Equal(ns, tt.passes) || r.N != last.N || r.Passes != len(ns) || r.Timed != tt.timed || passes[0].Sampled() != 1 || last.Sampled() != tt.share {
			t.Errorf("%s: passes of %v, at last %v of the ops timed, %d passes of %v together; want %v, %v, %v",
				name, ns, last.Sampled(), r.Passes, r.Timed, tt.passes, tt.share, tt.timed)
		}
	}
}

// A workload that takes just too little, whatever N is, ends the search in the
// end.
func TestCalibrationGivesUp(t *testing.T) {
	const goal = 100 * time.Millisecond
	var passes []*B
	r, err := Measure(counting(taking(&passes, func(int) time.Duration { return goal * 89 / 100 })), countingCase, Options{Benchtime: goal})
	n := 1
	for range 40 {
		n = predict(n, goal*89/100, goal)
	}
	if want := fmt.Sprintf("no number of ops takes 100ms: tried up to %d", n); err == nil || err.Error() != want || len(passes) != 40 {
		t.Errorf("%v, %v after %d passes, want %q after 40", r, err, len(passes), want)
	}
}

// A measurement is a warm-up of a tenth and one pass, both of whole batches,
// with the garbage of what came before collected.
func TestMeasurePasses(t *testing.T) {
	for _, tt := range []struct {
		n, batch int
		want     []int
	}{{100, 1, []int{10, 100}}, {1, 1, []int{1, 1}}, {19, 1, []int{1, 19}}, {20, 1, []int{2, 20}}, {100, 7, []int{14, 105}}, {14, 7, []int{7, 14}}} {
		var passes []int
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		last := stats.NumGC
		w := counting(func(b *B) (uint64, error) {
			passes = append(passes, b.N)
			if runtime.ReadMemStats(&stats); stats.NumGC == last {
				t.Error("no garbage was collected before a pass")
			}
			last = stats.NumGC
			return honest(b)
		})
		w.Batch = func(Params) int { return tt.batch }
		r, err := Measure(w, countingCase, Options{N: tt.n})
		if err != nil || !slices.Equal(passes, tt.want) || r.N != tt.want[1] || r.Passes != 0 {
			t.Errorf("%d ops in batches of %d: passes of %v (%v), want %v", tt.n, tt.batch, passes, err, tt.want)
		}
	}
	if _, err := (&measurement{w: counting(honest), impl: honest}).pass(0, 0); err == nil || err.Error() != "zero ops" {
		t.Errorf("no ops: %v", err)
	}
}

// The clock must have moved between Start and Stop.
func TestClockMoved(t *testing.T) {
	for elapsed, want := range map[time.Duration]string{1: "", 0: "7 ops took no time at all: the clock did not move", -1: "7 ops took no time at all: the clock did not move"} {
		b := &B{N: 7, state: timerStopped, elapsed: elapsed}
		if got := fmt.Sprint(b.check()); got != errorText(want) {
			t.Errorf("%d ns: %s, want %s", elapsed, got, errorText(want))
		}
	}
}

// errorText is how an error of that text prints, nil for none.
func errorText(s string) string {
	if s == "" {
		return "<nil>"
	}
	return s
}

// How many ops are timed, at the limits; all where their length is unknown.
func TestSampledLimits(t *testing.T) {
	for op, want := range map[time.Duration]float64{time.Hour: 1, 5000: 1, 4999: 0.9998, 2500: 0.5, 1: 0.0002} {
		if got := sampled(op, clockCost()); got != want {
			t.Errorf("of ops of %v %v are timed, want %v", op, got, want)
		}
		if got := (&measurement{}).b(1, op).Sampled(); got != want {
			t.Errorf("of ops of %v %v are timed when measured, want %v", op, got, want)
		}
	}
	if got := (&measurement{}).b(1, 0).Sampled(); got != 1 {
		t.Errorf("of ops of unknown length %v are timed", got)
	}
}

// timedOf returns which of n ops a recorder times, where they lie apart and
// where each begins as the one before ends.
func timedOf(r *Recorder, n int) (apart, chained []int) {
	last := r.Begin(0)
	for i := range n {
		if r.Begin(i) != 0 {
			apart = append(apart, i)
		}
		had := len(r.samples)
		if last = r.Next(last, i+1); len(r.samples) > had {
			chained = append(chained, i)
		}
	}
	return apart, chained
}

// Ops are timed in runs, twice as long where one reading of the clock ends an
// op and begins the next; there is room for all of these.
func TestRunsOfOps(t *testing.T) {
	for _, tt := range []struct {
		sampled        float64
		n              int
		apart, chained int // in the first n ops
		last           int // op that is timed, chained
	}{
		{1, 40, 40, 40, 39}, {2, 40, 40, 40, 39},
		{0.5, 40, 24, 38, 39}, {0.5, 16, 8, 15, 14}, {0.45, 16, 7, 13, 12}, {0.45, 20, 11, 17, 19},
		{1. / 16, 40, 3, 3, 32}, {1. / 17, 64, 2, 2, 32}, {0.0002, 20_000, 3, 3, 16_384}, {1e-9, 70_000, 2, 2, 65_536},
	} {
		r := NewRecorder(tt.sampled, tt.n)
		if cap(r.Samples()) != tt.chained {
			t.Errorf("%v of %d ops: room for %d latencies, want for %d", tt.sampled, tt.n, cap(r.Samples()), tt.chained)
		}
		apart, chained := timedOf(r, tt.n)
		if len(apart) != tt.apart || len(chained) != tt.chained || chained[len(chained)-1] != tt.last {
			t.Errorf("%v of %d ops: timed are %v apart and %v chained; want %d and %d, of which the last is %d", tt.sampled, tt.n, apart, chained, tt.apart, tt.chained, tt.last)
		}
	}
}

// An op that begins as another ends is as long as it is, whatever was timed
// before, and after an op that was not timed.
func TestNextIsWhole(t *testing.T) {
	const op = 2 * time.Millisecond
	r := NewRecorder(0.125, 0) // a run of three in sixteen
	began := r.Now()
	last := r.Begin(0)
	for i := range 18 {
		time.Sleep(op)
		last = r.Next(last, i+1)
	}
	all := r.Now() - began
	if len(r.Samples()) != 5 {
		t.Fatalf("latencies %v, want those of ops 0 to 2, 16 and 17", r.Samples())
	}
	sum := int64(0)
	for _, ns := range r.Samples() {
		if sum += ns; ns < int64(op) {
			t.Errorf("an op of %v took %d ns", op, ns)
		}
	}
	if sum > all-13*int64(op) {
		t.Errorf("five ops took %d ns of %d, and thirteen others are in that too", sum, all)
	}
}

// So many laps are timed that the same share of the ops is, where they are not
// all; the time of a lap is divided by its ops.
func TestLaps(t *testing.T) {
	const lap = 4 * time.Millisecond
	for _, tt := range []struct {
		sampled float64
		n, want int // of 20 laps
	}{{1. / 8, 2, 11}, {1. / 4, 2, 19}, {1, 4, 20}, {0.5, 4, 20}} {
		b := &B{N: 20 * tt.n, sampled: tt.sampled}
		laps := b.LapRecorder(tt.n)
		laps.epoch = laps.epoch.Add(-time.Hour) // it was made long ago
		if cap(laps.Samples()) != tt.want {
			t.Errorf("%v of the ops, laps of %d: room for %d samples, want %d", tt.sampled, tt.n, cap(laps.Samples()), tt.want)
		}
		began := time.Now()
		for range 20 {
			laps.Pass()
			time.Sleep(lap)
		}
		laps.Pass()
		all := time.Since(began)
		var sum time.Duration
		for _, ns := range laps.Samples() {
			sum += time.Duration(ns)
			if time.Duration(ns)*time.Duration(tt.n) < lap*9/10 {
				t.Errorf("an op of a lap of %d took %d ns", tt.n, ns)
			}
		}
		if len(laps.Samples()) != tt.want || sum*time.Duration(tt.n) > all || len(b.recs) != 1 {
			t.Errorf("%v of the ops, laps of %d: %d samples of %v together in %v, want %d", tt.sampled, tt.n, len(laps.Samples()), sum, all, tt.want)
		}
	}
}

// The least values are printed like others; those that are not known are not.
func TestResultLineLeast(t *testing.T) {
	r := &Result{Case: countingCase, N: 1, Elapsed: time.Second, CPU: 1, Memory: 1, Units: 1}
	want := "BenchmarkCounting/model=serial-1\t1\t1000000000 ns/op\t1 ops/s\t1 cpu-ns/op\t1 peak-RSS-bytes\t0 B/op\t0 allocs/op\t0 csw/op\t1 units\t0 gcs"
	if got := r.String(); got != want {
		t.Errorf("line\n%s, want\n%s", got, want)
	}
}

// shortWriter fails at the write after so many.
type shortWriter struct{ left int }

var errShort = errors.New("short")

func (w *shortWriter) Write(p []byte) (int, error) {
	if w.left--; w.left < 0 {
		return 0, errShort
	}
	return len(p), nil
}

// Whatever cannot be printed is an error.
func TestWriteOutputFails(t *testing.T) {
	h := NewHistogram()
	if err := h.RecordValue(5); err != nil {
		t.Fatal(err)
	}
	r := &Result{Case: countingCase, N: 1, Elapsed: 1, Passes: 1, Timed: 5, Latency: h}
	for n := range 3 {
		if err := WriteOutput(&shortWriter{n}, r); err != errShort {
			t.Errorf("after %d writes: %v", n, err)
		}
	}
	var text bytes.Buffer
	if err := errors.Join(WriteOutput(&shortWriter{3}, r), WriteOutput(&text, r)); err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(text.String(), "\n"); len(lines) != 4 || lines[1] != "calibrated 1 5 1" || !strings.HasPrefix(lines[2], "latency ") || lines[3] != "" {
		t.Errorf("printed %q", lines)
	}
	r.Passes, r.Latency = 0, nil
	text.Reset()
	if err := WriteOutput(&text, r); err != nil || strings.Count(text.String(), "\n") != 1 {
		t.Errorf("printed %q, %v", &text, err)
	}
	suite := Suite{testModels(), []*Workload{counting(honest)}}
	if err := suite.WriteList(&shortWriter{}); err != errShort {
		t.Errorf("the list: %v", err)
	}
	if status := Runner([]string{"-list"}, suite, &shortWriter{}, io.Discard); status != ExitFailed {
		t.Errorf("the list: status %d", status)
	}
}

// A model that is not declared has no implementation.
func TestSuiteCheckModels(t *testing.T) {
	w := counting(honest)
	w.NA = map[Model]string{Greenlet: "x", Goroutine: "x", Ants: "x", Thread: "x", Process: "x"}
	w.Impls["fork"] = honest
	if err := (Suite{testModels(), []*Workload{w}}).Check(); err == nil || err.Error() != `workload Counting: no model "fork" is declared` {
		t.Errorf("error %v", err)
	}
	_, err := Measure(w, Case{Workload: "Counting", Model: Ants}, Options{N: 1})
	if err == nil || err.Error() != "Counting has no ants: x" {
		t.Errorf("error %v", err)
	}
}

// What a runner program does with its arguments.
func TestRunnerArguments(t *testing.T) {
	w := counting(honest)
	w.Cases = []Params{"n=1", "n=2"}
	w.Impls = map[Model]Func{Serial: honest, Process: honest, Thread: func(*B) (uint64, error) { return 0, Void("no threads here") },
		Ants: func(*B) (uint64, error) { return 0, errors.New("no ants here") }}
	suite := Suite{testModels(), []*Workload{counting(honest), w}}
	w.Name = "Other"
	const usage = "runner measures one result of one case"
	for args, tt := range map[string]struct {
		status         int
		stdout, stderr string // how they begin
	}{
		"-workload Other -params n=2 -model serial -n 10":      {ExitOK, "BenchmarkOther/n=2/model=serial-1\t10\t", ""},
		"-workload Counting -model serial -n 1 -cpus 3":        {ExitOK, "BenchmarkCounting/model=serial-3\t1\t", ""},
		"-workload Counting -model serial -n 1 -cpus 1":        {ExitOK, "BenchmarkCounting/model=serial-1\t1\t", ""},
		"-workload Counting -model serial -n 0 -benchtime 1ns": {ExitOK, "BenchmarkCounting/model=serial-1\t1\t", ""},
		"-workload Other -params n=1 -model thread -n 1":       {ExitVoid, "", "no threads here\n"},
		"-workload Other -params n=1 -model ants -n 1":         {ExitFailed, "", "warm-up: no ants here\n"},
		"-workload Other -params n=1 -model goroutine -n 1":    {ExitFailed, "", "Other has no goroutine: "},
		"-workload Other -params n=3 -model serial":            {ExitUsage, "", `runner: Other has no parameter point "n=3"; it has ["n=1" "n=2"]` + "\n" + usage},
		"-workload None -model serial":                         {ExitUsage, "", `runner: no workload "None"` + "\n" + usage},
		"-workload Counting -model serial -n 1 more":           {ExitUsage, "", "runner: bad arguments\n" + usage},
		"-workload Counting -model serial -n -1":               {ExitUsage, "", "runner: bad arguments\n" + usage},
		"-workload Counting -model serial -cpus 0":             {ExitUsage, "", "runner: bad arguments\n" + usage},
		"-workload Counting -model serial -benchtime 0s":       {ExitUsage, "", "runner: bad arguments\n" + usage},
		"-workload Counting -model serial -benchtime -1s -n 1": {ExitUsage, "", "runner: bad arguments\n" + usage},
		"-nonsense": {ExitUsage, "", "flag provided but not defined: -nonsense\n" + usage},
		"-list":     {ExitOK, `# model {"name":"serial","note":"a test's"}` + "\n", ""},
	} {
		var stdout, stderr bytes.Buffer
		status := Runner(strings.Fields(args), suite, &stdout, &stderr)
		if status != tt.status || !strings.HasPrefix(stdout.String(), tt.stdout) || (tt.stdout == "") != (stdout.Len() == 0) ||
			!strings.HasPrefix(stderr.String(), tt.stderr) || (tt.stderr == "") != (stderr.Len() == 0) {
			t.Errorf("%s: status %d, printed %q and %q", args, status, &stdout, &stderr)
		}
	}
	for model, want := range map[Model]bool{Serial: true, Process: false} {
		var stdout bytes.Buffer
		Runner([]string{"-workload", "Other", "-params", "n=1", "-model", string(model), "-n", "1"}, suite, &stdout, io.Discard)
		if got := strings.Contains(stdout.String(), " allocs/op"); got != want {
			t.Errorf("%s: allocations are told: %v, want %v", model, got, want)
		}
	}
	if got, want := ExitOK, 0; got != want || !reflect.DeepEqual([]int{ExitFailed, ExitUsage, ExitVoid}, []int{1, 2, 3}) {
		t.Error("other programs go by the statuses 0 to 3")
	}
}
