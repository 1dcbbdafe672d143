package analysis

import (
	"fmt"
	"strings"
	"testing"

	"switchyard/report/results"
)

// Cases that are no further point of a curve are on none.
func TestCurvesLeaveTheRest(t *testing.T) {
	run := read(t, `BenchmarkM/n=1/model=a-2 1 5 ns/op
BenchmarkM/n=2/model=a-2 1 5 ns/op
BenchmarkM/n=2.0/model=a-2 1 5 ns/op
BenchmarkM/n=4B/model=a-2 1 5 ns/op
BenchmarkM/n=x/model=a-2 1 5 ns/op
BenchmarkM/n=8/k=1/model=a-2 1 5 ns/op
`)
	all := curvesOf(run.Workloads[0])
	if len(all) != 1 || fmt.Sprint(all[0].X) != "[1 2]" || fmt.Sprint(all[0].Values) != "[1 2]" || namesOf(all[0].Cases) != "n=1 n=2" {
		t.Fatalf("%d curves: %+v", len(all), all)
	}
}

func namesOf(cases []*results.Case) string {
	var names []string
	for _, c := range cases {
		names = append(names, c.Name())
	}
	return strings.Join(names, " ")
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
	all := curvesOf(run.Workloads[0])
	if len(all) != 1 || namesOf(all[0].Cases) != "task=1us/chunk=1 task=10us/chunk=1 task=1ms/chunk=1" {
		t.Fatalf("%d curves: %+v", len(all), all)
	}
	g := all[0]
	if g.Key != "task" || g.Fixed != "chunk=1" || fmt.Sprintf("%.3g", g.X) != "[1e-06 1e-05 0.001]" || g.Values[2] != "1ms" || g.FormatX(3.4e-5) != "34µs" {
		t.Errorf("curve %+v", g)
	}
}
