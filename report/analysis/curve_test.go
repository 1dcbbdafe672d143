package analysis

import (
	"fmt"
	"testing"
)

// Cases that lie on no curve are left over, each once.
func TestCurvesLeaveTheRest(t *testing.T) {
	run := read(t, `BenchmarkM/n=1/model=a-2 1 5 ns/op
BenchmarkM/n=2/model=a-2 1 5 ns/op
BenchmarkM/n=2.0/model=a-2 1 5 ns/op
BenchmarkM/n=4B/model=a-2 1 5 ns/op
BenchmarkM/n=x/model=a-2 1 5 ns/op
BenchmarkM/n=8/k=1/model=a-2 1 5 ns/op
`)
	all, rest := curvesOf(run.Workloads[0])
	var left []string
	for _, c := range rest {
		left = append(left, c.Name())
	}
	if len(all) != 1 || fmt.Sprint(all[0].X) != "[1 2]" || fmt.Sprint(left) != "[n=2.0 n=4B n=x n=8/k=1]" {
		t.Errorf("%d curves, %v left", len(all), left)
	}
}

func TestParseQuantity(t *testing.T) {
	for in, want := range map[string]quantity{
		"1us": {1e-6, "s"}, "10ms": {10e-3, "s"}, "2s": {2, "s"}, "64KiB": {65536, "B"}, "1MiB": {1 << 20, "B"}, "8B": {8, "B"},
		"1000": {1000, ""}, "80%": {80, "%"}, "10k": {10e3, ""}, "1.5": {1.5, ""},
	} {
		if got, ok := parseQuantity(in); !ok || got != want && got.v/want.v-1 > 1e-12 {
			t.Errorf("parseQuantity(%q) = %v, %v, want %v", in, got, ok, want)
		}
	}
	for _, in := range []string{"", "us", "inf", "nan", "NaN", "0x10", "abc", "1e999", "1_000", "fast"} {
		if got, ok := parseQuantity(in); ok {
			t.Errorf("parseQuantity(%q) = %v", in, got)
		}
	}
}

func TestCurves(t *testing.T) {
	run := read(t, `BenchmarkM/task=10us/chunk=1/model=a-2 1 5 ns/op
BenchmarkM/task=1us/chunk=1/model=a-2 1 5 ns/op
BenchmarkM/task=1ms/chunk=1/model=a-2 1 5 ns/op
BenchmarkM/task=1us/chunk=64/model=a-2 1 5 ns/op
BenchmarkM/task=other/chunk=64/model=a-2 1 5 ns/op
`)
	all, rest := curvesOf(run.Workloads[0])
	if len(all) != 1 || len(rest) != 2 {
		t.Fatalf("%d curves, %d rest", len(all), len(rest))
	}
	g := all[0]
	if g.Key != "task" || g.Fixed != "chunk=1" || fmt.Sprintf("%.3g", g.X) != "[1e-06 1e-05 0.001]" || g.Values[2] != "1ms" || g.FormatX(3.4e-5) != "34µs" {
		t.Errorf("curve %+v", g)
	}
}
