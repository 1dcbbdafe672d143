package bench

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func TestOutputRoundTrip(t *testing.T) {
	h := NewHistogram()
	if err := h.RecordValues(1500, 3); err != nil {
		t.Fatal(err)
	}
	r := &Result{
		Case: Case{"Echo", "conns=10", Process, 2}, N: 500, Elapsed: time.Millisecond,
		CPU: 2 * time.Millisecond, Memory: 1 << 20, Csw: 1000, Units: 10, Latency: h,
		Passes: 3, Timed: 4 * time.Millisecond,
	}
	var text bytes.Buffer
	if err := WriteOutput(&text, r); err != nil {
		t.Fatal(err)
	}
	out, err := ReadOutput(r.Case, text.String())
	if err != nil {
		t.Fatal(err)
	}
	if out.Passes != 3 || out.Timed != 4*time.Millisecond {
		t.Errorf("%d passes of %v together, want 3 of 4ms", out.Passes, out.Timed)
	}
	if out.N != 500 || out.Op != 2*time.Microsecond {
		t.Errorf("N = %d, op %v; want 500 ops of 2µs", out.N, out.Op)
	}
	decoded, err := hdrhistogram.Decode([]byte(out.Latency))
	if err != nil {
		t.Fatal(err)
	}
	if decoded.TotalCount() != 3 {
		t.Errorf("%d latencies came through, want 3", decoded.TotalCount())
	}
	if got := maxLatencyMs(out); got < 0.0015 || got > 0.0016 {
		t.Errorf("largest latency %v ms, want 0.0015", got)
	}
}

// A runner may be any program: what it prints is checked.
func TestReadOutputRejects(t *testing.T) {
	c := Case{Workload: "Nop", Model: Serial, CPUs: 1}
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
	c := Case{Workload: "Nop", Model: Serial, CPUs: 1}
	f.Add("BenchmarkNop/model=serial-1\t1\t1 ns/op\nlatency AAAA\n")
	f.Add("BenchmarkNop/model=serial-1 1 1e300 ns/op")
	f.Fuzz(func(t *testing.T, text string) {
		out, err := ReadOutput(c, text)
		if err == nil && (out.N < 1 || strings.ContainsAny(out.Line, "\r\n") || strings.ContainsAny(out.Latency, ",\n ")) {
			t.Errorf("accepted %q as %+v", text, out)
		}
	})
}

func TestListRoundTrip(t *testing.T) {
	w := counting(honest)
	w.NA = map[Model]string{Ants: "none"}
	var text bytes.Buffer
	if err := WriteList(&text, []*Workload{w}); err != nil {
		t.Fatal(err)
	}
	infos, err := ReadList(text.Bytes())
	if err != nil || len(infos) != 1 {
		t.Fatalf("%v, %v", infos, err)
	}
	got := infos[0]
	if got.Name != "Counting" || len(got.Cases) != 1 || got.Models[0] != Serial || got.NA[Ants] != "none" {
		t.Errorf("read back as %+v", got)
	}
	if _, err := ReadList([]byte("no")); err == nil {
		t.Error("nonsense was read as a list")
	}
}
