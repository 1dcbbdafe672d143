package main

import (
	"strings"
	"testing"
)

const output = `goos: linux
BenchmarkEcho
BenchmarkEcho/conns=1
BenchmarkEcho/conns=1-2         	       1	         0.9900 jain	         1.200 x-gnet-cpu
BenchmarkEcho/conns=1-2         	       1	         0.9700 jain	         1.000 x-gnet-cpu
BenchmarkEcho/conns=1-2         	       1	         0.9500 jain	         1.100 x-gnet-cpu
PASS
`

func TestTable(t *testing.T) {
	b := &bench{rows: []row{
		{what: "a", metric: "x-gnet-cpu", must: 1.05},
		{what: "b", metric: "x-gnet-cpu", must: 1.1},
		{what: "c", metric: "x-gnet-cpu", must: 0.9},
		{what: "d", metric: "x-gnet-cpu"},
		{what: "e", metric: "jain", must: 0.98, least: true},
		{what: "f", metric: "jain", must: 0.96, least: true},
		{what: "g", metric: "jain", must: 0.985, least: true},
		{what: "h", metric: "none", must: 2},
	}}
	b.read(strings.NewReader(output))
	skipped := &bench{rows: []row{{what: "i", metric: "x-c", must: 1}}}
	skipped.read(strings.NewReader("BenchmarkRing\n--- SKIP: BenchmarkRing\n    ring_test.go:27: there is no C compiler\n"))
	var w strings.Builder
	write(&w, []*bench{b, skipped})
	const want = `what  median  quartiles      must     held
a     1.1     1.05 to 1.15   <= 1.05  nearly
b     1.1     1.05 to 1.15   <= 1.1   yes
c     1.1     1.05 to 1.15   <= 0.9   no
d     1.1     1.05 to 1.15   -        -
e     0.97    0.96 to 0.98   >= 0.98  nearly
f     0.97    0.96 to 0.98   >= 0.96  yes
g     0.97    0.96 to 0.98   >= 0.985  no
h     -       -              <= 2     no such metric
i     -       -              <= 1     skipped: there is no C compiler
`
	if got := w.String(); strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields(want), " ") {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Every row is a metric of a benchmark of its own.
func TestRows(t *testing.T) {
	seen := make(map[string]bool)
	for _, b := range benches() {
		for _, r := range b.rows {
			if seen[r.what] || r.metric == "" || b.count == 0 {
				t.Errorf("%+v", r)
			}
			seen[r.what] = true
		}
	}
}
