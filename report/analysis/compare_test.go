package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"switchyard/report/format"
	"switchyard/report/inference"
)

func lognormal(r *rand.Rand, n int, noise, factor float64) []float64 {
	out := make([]float64, n)
	for i := range out {
		out[i] = factor * math.Exp(noise*r.NormFloat64())
	}
	return out
}

// With all models alike, a row of five models calls one of them worse in at
// most five per cent of rows: although the best is chosen by looking.
func TestFamilyError(t *testing.T) {
	const rounds = 800
	r := rand.New(rand.NewPCG(10, 10))
	wrong := 0
	for range rounds {
		entries := make([]Entry, 5)
		for i := range entries {
			s := lognormal(r, 8, 0.05, 1)
			entries[i] = Entry{Model: string(rune('a' + i)), Sample: inference.Of(s), Center: Summarize(s).Center}
		}
		rank := rank(Throughput, entries)
		wrong += btoi(slices.ContainsFunc(rank.Entries, func(e Entry) bool { return e.Relation == Worse }))
	}
	if got, high := float64(wrong)/rounds, 0.05+3*math.Sqrt(0.95*0.05/rounds); got > high {
		t.Errorf("a difference in %.3f of rows, want at most %.3f", got, high)
	}
}

// in is a row of results in blocks: blocks[i] is what block i does to all, each
// model's values are times that.
func inBlocks(blocks []float64, models ...[]float64) []Entry {
	entries := make([]Entry, len(models))
	for i, values := range models {
		e := &entries[i]
		e.Model = string(rune('a' + i))
		for k, v := range values {
			e.Sample = append(e.Sample, inference.Value{V: v * blocks[k], Block: k, Session: 1})
		}
		e.Center = inference.Median(e.Sample).Center
	}
	return entries
}

// A claim needs the whole interval: beyond 5 % from the best, or within it.
// Anything between is undecided, and says what would have been seen.
func TestClaimsOfACase(t *testing.T) {
	quiet, storm := []float64{1, 1, 1, 1, 1, 1}, []float64{1, 0.5, 2, 0.7, 1.4, 3}
	steady := []float64{100, 100.5, 99.5, 100.2, 99.8, 100.1}
	for _, test := range []struct {
		name   string
		blocks []float64
		other  []float64
		lower  Relation // of the other, where lower is better
		higher Relation
	}{
		{"twice as much", quiet, []float64{200, 201, 199, 200, 202, 198}, Worse, Best},
		{"half", quiet, []float64{50, 51, 49, 50, 50, 49}, Best, Worse},
		{"two per cent more", quiet, []float64{102, 102, 102, 102, 102, 102}, Tied, Best},
		{"six per cent more, and noisy", quiet, []float64{106, 112, 104, 107, 103, 108}, Unknown, Best},
		{"five per cent more to a hair", quiet, []float64{105.2, 105.5, 104.6, 105.3, 104.7, 105}, Unknown, Best},
		{"one result hit", quiet, []float64{200, 201, 199, 200, 202, 60}, Unknown, Best},
		{"a storm that hits both", storm, []float64{120, 121, 119, 120, 122, 118}, Worse, Best},
	} {
		for _, m := range []Metric{CPUTime, Throughput} {
			want := test.lower
			if m.Higher {
				want = test.higher
			}
			r := rank(m, inBlocks(test.blocks, steady, test.other))
			e := r.Entries[1]
			if e.Relation != want {
				t.Errorf("%s, by %s: relation %d, want %d; %+v", test.name, m.Name, e.Relation, want, e.Versus)
			}
			if want == Unknown && !(e.Versus.Detectable > 0 && format.Finite(e.Versus.Detectable)) {
				t.Errorf("%s: could detect %v", test.name, e.Versus.Detectable)
			}
		}
	}
	few := rank(Throughput, inBlocks(quiet, steady[:5], []float64{1, 1, 1, 1, 1}))
	if e := few.Entries[1]; e.Relation != Unknown || !math.IsInf(e.Versus.Detectable, 1) {
		t.Errorf("five results: relation %d, could detect %v", e.Relation, e.Versus.Detectable)
	}
}

// Which is best is said block by block too: a model whose median is lower, for
// its slow blocks were quiet ones, may be better in every block.
func TestBestBlockByBlock(t *testing.T) {
	a := inBlocks([]float64{1, 1, 1, 2, 2, 2, 2}, []float64{100, 100, 100, 100, 100, 100, 100})[0]
	b := inBlocks([]float64{1, 1, 1, 1}, []float64{110, 110, 110, 110})[0]
	b.Model = "b"
	for k := 4; k < 7; k++ {
		b.Sample = append(b.Sample, inference.Value{V: 220, Block: k, Session: 1})
	}
	b.Sample[3].V = 220
	b.Sample = append(b.Sample, inference.Value{V: 1, Block: 7, Session: 1}, inference.Value{V: 1, Block: 8, Session: 1}, inference.Value{V: 1, Block: 9, Session: 1})
	b.Center = inference.Median(b.Sample).Center
	if a.Center <= b.Center {
		t.Fatalf("centers %v and %v: this tries nothing", a.Center, b.Center)
	}
	r := rank(Throughput, []Entry{a, b})
	if r.Best().Model != "b" || r.Second().Model != "a" || r.Entries[0].Relation != Worse || math.Abs(r.Best().Versus.Ratio-1.1) > 1e-9 {
		t.Errorf("best %+v, second %+v", r.Best(), r.Second())
	}
}

// The smallest effect that would have been seen is seen when it is there.
func TestDetectable(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	for range 50 {
		x, y := lognormal(r, 8, 0.05, 1), lognormal(r, 8, 0.05, 1)
		c := compare("a", "b", inference.Of(x), inference.Of(y))
		if !format.Finite(c.Detectable) {
			t.Fatal("eight results can show something")
		}
		// Moved so that the ratio of centers is that effect, up or down.
		for to, want := range map[float64]inference.Claim{1 + c.Detectable*1.001: inference.Above, 1 / (1 + c.Detectable*1.001): inference.Below} {
			moved := make([]float64, len(x))
			for i, v := range x {
				moved[i] = v * to / c.Ratio
			}
			if d := compare("a", "b", inference.Of(moved), inference.Of(y)); d.Claim != want {
				t.Errorf("effect %v: claim %v, want %v", to, d.Claim, want)
			}
		}
	}
}

// Sessions are read from the blocks that the results stand in: what a session
// did to a model is in no interval that one session alone gives.
func TestSessionsWidenIntervals(t *testing.T) {
	run := func(sessions bool) *Analysis {
		var b strings.Builder
		b.WriteString(`# switchyard {"format":1,"models":["a","b"]}` + "\n")
		for block := range 18 {
			at := fmt.Sprintf(`{"block":%d,"attempt":1`, block)
			if sessions {
				at += fmt.Sprintf(`,"session":%d`, 1+block/6)
			}
			shift := []float64{1, 1.1, 1.2}[block/6] * (1 + 0.001*float64(block%6))
			fmt.Fprintf(&b, "# begin %s}\nBenchmarkX/model=a-2 1 %g ns/op\nBenchmarkX/model=b-2 1 100 ns/op\n# block %s}\n", at, 50*shift, at)
		}
		return Of(read(t, b.String()))
	}
	one, three := run(false), run(true)
	c1, c3 := one.Workloads[0].Cases[0], three.Workloads[0].Cases[0]
	narrow, wide := one.ByCase[c1][Throughput].Entry("b").Versus, three.ByCase[c3][Throughput].Entry("b").Versus
	if !narrow.Paired || narrow.N != 18 || !(wide.Hi/wide.Lo > 1.4 && narrow.Hi/narrow.Lo < 1.25) {
		t.Errorf("one session %+v, three %+v", narrow, wide)
	}
	if s := three.Sums[c3.Cells["a"]]["ns/op"]; !(s.Hi/s.Lo > 1.4) {
		t.Errorf("a cell of three sessions: %+v", s)
	} else if !(s.Processes > 0.001 && s.Processes < 0.003 && s.Sessions > 0.08 && s.Sessions < 0.1) {
		t.Errorf("between processes %v, between sessions %v", s.Processes, s.Sessions)
	}
	if s := one.Sums[c1.Cells["a"]]["ns/op"]; s.Processes != 0 || s.Sessions != 0 {
		t.Errorf("one session has components: %+v", s)
	}
}

func TestSummaryCorners(t *testing.T) {
	if s := Summarize(nil); s.N != 0 || s.Bounded() {
		t.Errorf("empty: %+v", s)
	}
	one := Summarize([]float64{5})
	if one.Center != 5 || one.Bounded() || !math.IsInf(one.HalfWidth(), 1) || !math.IsNaN(one.Spread()) {
		t.Errorf("one value: %+v", one)
	}
	same := Summarize([]float64{3, 3, 3, 3, 3, 3})
	if same.Center != 3 || same.Lo != 3 || same.Hi != 3 || same.HalfWidth() != 0 || same.Mild+same.Extreme != 0 {
		t.Errorf("constant: %+v", same)
	}
	in := []float64{3, 1, 2}
	Summarize(in)
	if !slices.Equal(in, []float64{3, 1, 2}) {
		t.Error("the values were reordered: run order is lost")
	}
	out := Summarize([]float64{10, 11, 10.5, 10.2, 10.8, 50})
	if out.Extreme != 1 || out.N != 6 || out.Max != 50 {
		t.Errorf("an outlier is counted and kept: %+v", out)
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
