package report_test

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	. "switchyard/report"
)

// large writes a run of so many results of five models in blocks: few cases
// with many results each, or many cases.
func large(results, cases int) []byte {
	r := rand.New(rand.NewPCG(5, 5))
	var b bytes.Buffer
	b.WriteString(`# switchyard {"format":1,"models":["serial","a","b","c","d"]}` + "\n")
	near := func(v float64) float64 { return v * math.Exp(0.05*r.NormFloat64()) }
	for block := range results / (5 * cases) {
		for c := range cases {
			for _, model := range []string{"serial", "a", "b", "c", "d"} {
				ns := near(100)
				fmt.Fprintf(&b, "BenchmarkW%d/n=%d/model=%s-2 100 %.4f ns/op %.1f ops/s %.2f p99-ns %.0f peak-RSS-bytes %.2f cpu-ns/op\n",
					c/10, 1<<(c%10), model, ns, 1e9/ns, near(500), near(1e6), near(90))
			}
		}
		fmt.Fprintf(&b, "# block {\"block\":%d,\"attempt\":1}\n", block)
	}
	return b.Bytes()
}

func reportOf(t testing.TB, text []byte) {
	run, err := Read("bench.txt", bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := WriteText(io.Discard, Analyze(run), TextOptions{}); err != nil {
		t.Fatal(err)
	}
}

// TestLargeReport: what a report costs grows as its file does, not as the pairs
// of results in it. Two samples of 400 results have 160,000 pairs: lists of
// them took ten times the memory.
func TestLargeReport(t *testing.T) {
	for _, cases := range []int{1, 10, 400} {
		const results = 20_000
		text := large(results, cases)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		reportOf(t, text)
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / results; each > 12_000 {
			t.Errorf("%d cases: %d bytes are allocated for each result", cases, each)
		}
	}
}

func BenchmarkLargeReport(b *testing.B) {
	for _, cases := range []int{1, 20, 1000} {
		text := large(100_000, cases)
		b.Run(fmt.Sprintf("cases=%d", cases), func(b *testing.B) {
			for b.Loop() {
				reportOf(b, text)
			}
		})
	}
}
