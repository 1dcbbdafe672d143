package run

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"switchyard/bench"
	"switchyard/bench/benchlog"
)

func TestOutputRoundTrip(t *testing.T) {
	h := bench.NewHistogram()
	if err := h.RecordValues(1500, 3); err != nil {
		t.Fatal(err)
	}
	r := &bench.Result{
		Case: benchlog.Case{Workload: "Echo", Params: "conns=10", Model: Process, CPUs: 2}, N: 500, Elapsed: time.Millisecond,
		CPU: 2 * time.Millisecond, Memory: 1 << 20, Csw: 1000, Units: 10, Latency: h,
		Passes: 3, Timed: 4 * time.Millisecond, Batch: 50,
	}
	var text bytes.Buffer
	if err := bench.WriteOutput(&text, r); err != nil {
		t.Fatal(err)
	}
	out, err := ReadOutput(r.Case, text.String())
	if err != nil {
		t.Fatal(err)
	}
	if out.Passes != 3 || out.Timed != 4*time.Millisecond || out.Batch != 50 {
		t.Errorf("%d passes of %v together, batches of %d, want 3 of 4ms and 50", out.Passes, out.Timed, out.Batch)
	}
	if out.N != 500 || out.Op != 2*time.Microsecond || out.Elapsed != time.Millisecond {
		t.Errorf("N = %d, op %v; want 500 ops of 2µs", out.N, out.Op)
	}
	decoded, err := hdrhistogram.Decode([]byte(out.Latency))
	if err != nil {
		t.Fatal(err)
	}
	if decoded.TotalCount() != 3 {
		t.Errorf("%d latencies came through, want 3", decoded.TotalCount())
	}
	if out.Max < 1500 || out.Max > 1600 {
		t.Errorf("largest latency %v ns, want 1500", out.Max)
	}
}

// A runner may be any program: what it prints is checked.
func TestReadOutputRejects(t *testing.T) {
	c := benchlog.Case{Workload: "Nop", Model: Serial, CPUs: 1}
	for name, text := range map[string]string{
		"nothing":          "",
		"chatter":          "hello\nBenchmarkNop/model=serial-1 1 1 ns/op\n",
		"another case":     "BenchmarkNop/model=ants-1 1 1 ns/op\n",
		"two results":      "BenchmarkNop/model=serial-1 1 1 ns/op\nBenchmarkNop/model=serial-1 1 1 ns/op\n",
		"no ops":           "BenchmarkNop/model=serial-1 0 1 ns/op\n",
		"half a metric":    "BenchmarkNop/model=serial-1 1 1 ns/op 7\n",
		"not a number":     "BenchmarkNop/model=serial-1 1 NaN ns/op\n",
		"infinite":         "BenchmarkNop/model=serial-1 1 +Inf ns/op\n",
		"negative":         "BenchmarkNop/model=serial-1 1 -1 ns/op\n",
		"broken passes":    "BenchmarkNop/model=serial-1 1 1 ns/op\ncalibrated 0 x\n",
		"broken latency":   "BenchmarkNop/model=serial-1 1 1 ns/op\nlatency !!!\n",
		"comma in latency": "BenchmarkNop/model=serial-1 1 1 ns/op\nlatency a,b\n",
	} {
		if out, err := ReadOutput(c, text); err == nil {
			t.Errorf("%s: read as %+v", name, out)
		}
	}
}

func FuzzReadOutput(f *testing.F) {
	c := benchlog.Case{Workload: "Nop", Model: Serial, CPUs: 1}
	f.Add("BenchmarkNop/model=serial-1\t1\t1 ns/op\nlatency AAAA\n")
	f.Add("BenchmarkNop/model=serial-1 1 1e300 ns/op")
	f.Fuzz(func(t *testing.T, text string) {
		out, err := ReadOutput(c, text)
		if err == nil && (out.N < 1 || strings.ContainsAny(out.Line, "\r\n") || strings.ContainsAny(out.Latency, ",\n ")) {
			t.Errorf("accepted %q as %+v", text, out)
		}
	})
}

// counting is a workload of one op that adds one.
func counting(impl bench.Func) *bench.Workload {
	return &bench.Workload{
		Name: "Counting", Story: "Counts.", Op: "count",
		Want:  func(b *bench.B) uint64 { return uint64(b.N) },
		Impls: map[bench.Model]bench.Func{Serial: impl},
	}
}

func honest(b *bench.B) (uint64, error) {
	b.Start()
	sum := uint64(0)
	for range b.N {
		sum++
	}
	b.Stop()
	return sum, nil
}

// What is wrong with a runner's output is said in a sentence of its own; the
// least values that are right are taken.
func TestReadOutputTexts(t *testing.T) {
	c := benchlog.Case{Workload: "Nop", Model: Serial, CPUs: 1}
	const result = "BenchmarkNop/model=serial-1 1 1 ns/op\n"
	long := strings.Repeat("x", 200)
	for text, want := range map[string]string{
		"":                                     "the runner printed no result",
		"BenchmarkNop/model=serial-1 1\n":      "the runner printed no result",
		"BenchmarkNop/model=serial-1 1 1 a 2":  "the runner printed no result",
		"hello\n":                              `the runner printed "hello", which is not part of the protocol`,
		long:                                   `the runner printed "` + long[:80] + `", which is not part of the protocol`,
		result + result:                        `the runner printed "BenchmarkNop/model=serial-1 1 1 ns/op", which is not part of the protocol`,
		"BenchmarkNop/model=ants-1 1 1 ns/op":  `the runner printed a result of "BenchmarkNop/model=ants-1" instead of Nop/model=serial-1`,
		"BenchmarkNop/model=serial-1 0 1 a":    `the runner printed "0" ops`,
		"BenchmarkNop/model=serial-1 x 1 a":    `the runner printed "x" ops`,
		"BenchmarkNop/model=serial-1 1 -1 a":   `the runner printed "-1" a`,
		"BenchmarkNop/model=serial-1 1 2e18 a": `the runner printed "2e+18" a`,
		result + "calibrated 0 5":              `the runner printed "calibrated 0 5"`,
		result + "calibrated 1 -1":             `the runner printed "calibrated 1 -1"`,
		result + "calibrated x":                `the runner printed "calibrated x"`,
		result + "calibrated 1 5 0":            `the runner printed "calibrated 1 5 0"`,
		result + "calibrated 1 5 x":            `the runner printed "calibrated 1 5 x"`,
		result + "calibrated 1 5 10 1":         `the runner printed "calibrated 1 5 10 1"`,
		result + "latency !":                   "the runner's latency histogram is not base64: illegal base64 data at input byte 0",
	} {
		out, err := ReadOutput(c, text)
		if err == nil || err.Error() != want || out != (Output{}) {
			t.Errorf("%q: %+v, error %v, want %q", text, out, err, want)
		}
	}
	for text, want := range map[string]Output{
		result + "calibrated 1 0": {Line: strings.TrimSpace(result), N: 1, Op: 1, Elapsed: 1, Passes: 1},
		"\n" + strings.ReplaceAll(result, "\n", "\r\n") + "latency AAAA\n\n": {Line: strings.TrimSpace(result), N: 1, Op: 1, Elapsed: 1, Latency: "AAAA"},
		"BenchmarkNop/model=serial-1 3 1e18 a 0 b 5.9 ns/op":                 {Line: "BenchmarkNop/model=serial-1 3 1e18 a 0 b 5.9 ns/op", N: 3, Op: 5, Elapsed: 17},
	} {
		if out, err := ReadOutput(c, text); err != nil || out != want {
			t.Errorf("%q: %+v, %v, want %+v", text, out, err, want)
		}
	}
	text := strings.TrimSpace(result) + " 2500000 max-ns 3 gcs"
	if out, err := ReadOutput(c, text); err != nil || out.Max != 2.5e6 {
		t.Errorf("%+v, %v: largest latency %v ns, want 2500000", out, err, out.Max)
	}
}

// What a runner is told.
func TestInvocationArgs(t *testing.T) {
	in := Invocation{Case: benchlog.Case{Workload: "Lock", Params: "tasks=2", Model: Ants, CPUs: 3}, N: 7, Op: 1500, Benchtime: 20 * time.Millisecond}
	want := "-workload Lock -model ants -params tasks=2 -cpus 3 -benchtime 20000000ns -n 7 -op 1500ns"
	if got := strings.Join(in.Args(), " "); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	in.N = 0
	if got := strings.Join(in.Args(), " "); got != strings.TrimSuffix(want, " -n 7 -op 1500ns") {
		t.Errorf("calibrating: %q", got)
	}
}
