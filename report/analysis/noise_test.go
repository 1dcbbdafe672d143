package analysis

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"switchyard/bench/testenv"
	"switchyard/report/results"
)

// nullRun is a null run of 20 workloads, ten of each of two kinds, in as many
// sessions: in the second those of the first kind are 1 to 10 per cent faster,
// those of the second 11 to 20. Within a session nothing scatters but the
// control, by as much in per mille.
func nullRun(t *testing.T, sessions int, cpu string) *results.Run {
	t.Helper()
	s := `# switchyard {"format":1,"builds":[{"name":"old","sum":"a"},{"name":"new","sum":"a"}]}` + "\n" + `# model {"name":"m","note":"n"}` + "\n"
	for i := range 20 {
		s += fmt.Sprintf(`# workload {"name":"W%d","kind":"%c","story":"s","op":"o","cases":["build=old","build=new","build=control"],"models":["m"]}`+"\n", i, 'a'+rune(i/10))
	}
	s += `# workload {"name":"Idle","kind":"a","control":true,"story":"s","op":"o","cases":["build=old","build=new","build=control"],"models":["m"]}` + "\n"
	s += "cpu: " + cpu + "\n"
	for session := range sessions {
		for _, build := range []string{"old", "new", "control"} { // which measures the harness
			s += fmt.Sprintf("BenchmarkIdle/build=%s/model=m-2 1000 %d ns/op\n", build, 10*(1+session+len(build)))
		}
		for i := range 20 {
			faster := 1 + float64(session*(i+1))/100
			for _, build := range []string{"old", "new", "control"} {
				if build == "control" {
					faster *= 1 + float64(i+1)/1000
				}
				s += fmt.Sprintf("BenchmarkW%d/build=%s/model=m-2 1000 %.6f ns/op %.6f ops/s\n", i, build, 1e6/faster, 1e3*faster)
			}
		}
		s += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1,\"session\":%d}\n", session+1, session+1)
	}
	return read(t, s)
}

// Of the differences between two measurements of one build one in twenty is
// larger than the noise; each kind of work has its own. Sessions tell more than
// builds side by side.
func TestNoise(t *testing.T) {
	for sessions, want := range map[int]string{
		2: "throughput  19.0% of 60, throughput a 10.0% of 30, throughput b 20.0% of 30, ",
		1: "throughput  1.8% of 40, throughput a 0.9% of 20, throughput b 1.9% of 20, ",
	} {
		n, got := NoiseOf(nullRun(t, sessions, "A")), ""
		for _, f := range n.Floors {
			got += fmt.Sprintf("%s %s %.1f%% of %d, ", f.Metric.ID, f.Kind, 100*f.Share, f.Cells)
		}
		if got != want || n.Sessions != sessions {
			t.Errorf("%d sessions: %s, want %s", sessions, got, want)
		}
	}
	if n := NoiseOf(read(t, "BenchmarkX-2 1 5 ns/op\n")); n != nil {
		t.Errorf("a run of one build has noise: %+v", n)
	}
	if f := (*Noise)(nil).Floor(Throughput, nil); f != 0 {
		t.Errorf("no noise is %v", f)
	}
}

// A kind of work has a noise of its own from ten differences on, unless it is
// all that there is.
func TestNoiseOfFewCells(t *testing.T) {
	for kinds, want := range map[string]string{
		"aaaaabbbb": "[: 18 a: 10]", "aaaaaabbbbb": "[: 22 a: 12 b: 10]", "aaaabbbb": "[: 16]", "aaaaa": "[: 10]", "a": "[: 2]",
	} {
		text := `# switchyard {"format":1,"builds":[{"name":"old","sum":"a"},{"name":"new","sum":"a"}]}` + "\n"
		for i, kind := range kinds {
			text += fmt.Sprintf("# workload {\"name\":\"W%d\",\"kind\":%q}\n", i, string(kind))
			for k, build := range []string{"old", "new", "control"} {
				text += fmt.Sprintf("BenchmarkW%d/build=%s/model=m-2 1000 %d ns/op\n", i, build, 1000+10*i+k)
			}
		}
		var got []string
		for _, f := range NoiseOf(read(t, text)).Floors {
			got = append(got, fmt.Sprintf("%s: %d", f.Kind, f.Cells))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %s", kinds, got, want)
		}
	}
}

// Ten null runs of forty cells in four metrics, which scatter as machines
// do, with a change in one of them at most.
func TestNullRunsClaimNothing(t *testing.T) {
	rounds := 10
	if testenv.Asked("STATS") == "long" {
		rounds = 200
	}
	claimed := 0
	for seed := range uint64(rounds) {
		r := rand.New(rand.NewPCG(seed, 21))
		s := `# switchyard {"format":1,"builds":[{"name":"old","sum":"a"},{"name":"new","sum":"a"}]}` + "\n" + `# model {"name":"m","note":"n"}` + "\n"
		var noise [40]float64
		for i := range noise {
			noise[i] = 0.03 * math.Exp(0.5*r.NormFloat64())
			s += fmt.Sprintf(`# workload {"name":"W%d","kind":"k%d","story":"s","op":"o","cases":["build=old","build=new","build=control"],"models":["m"]}`+"\n", i, i%7)
		}
		for block := range 10 {
			hit := 0.03 * r.NormFloat64()
			for i, sd := range noise {
				for _, build := range []string{"old", "new", "control"} {
					one := func(median, more float64) float64 {
						v := median * math.Exp(hit+more*sd*r.NormFloat64())
						if r.Float64() < 0.05 {
							v *= 3
						}
						return v
					}
					ns := one(1e3, 1)
					s += fmt.Sprintf("BenchmarkW%d/build=%s/model=m-2 1000 %.6g ns/op %.6g ops/s %.6g p99-ns %.6g cpu-ns/op %.6g peak-RSS-bytes\n", i, build, ns, 1e9/ns, one(5e3, 3), one(1e3, 1), one(1e7, 0.3))
				}
			}
			s += fmt.Sprintf("# block {\"block\":%d,\"attempt\":1,\"session\":1}\n", block+1)
		}
		d := CompareBuilds(read(t, s))
		if len(d.Changes) != 160 || !d.Null() {
			t.Fatalf("%d comparisons, null %v", len(d.Changes), d.Null())
		}
		if slices.ContainsFunc(d.Changes, func(c Change) bool { return c.Told() }) {
			claimed++
		}
	}
	if claimed > rounds/10 {
		t.Errorf("%d of %d null runs claim a change", claimed, rounds)
	}
}

// steady is a run of W0, of the first kind, and W15, of the second, whose
// results hardly scatter.
func steady(t *testing.T, cpu string, ns float64, header string) *results.Run {
	t.Helper()
	s := "# switchyard {\"format\":1" + header + "}\n# model {\"name\":\"m\",\"note\":\"n\"}\n"
	for _, w := range []string{`"W0","kind":"a"`, `"W15","kind":"b"`} {
		s += `# workload {"name":` + w + `,"story":"s","op":"o","cases":[""],"models":["m"]}` + "\n"
	}
	s += "cpu: " + cpu + "\n"
	r := rand.New(rand.NewPCG(3, 4))
	for range 8 {
		for _, w := range []string{"W0", "W15"} {
			s += fmt.Sprintf("Benchmark%s/model=m-2 1000 %.4f ns/op\n", w, ns*math.Exp(0.001*r.NormFloat64()))
		}
	}
	return read(t, s)
}

// A change below the noise of the machine is none, as far as anybody knows. The
// noise of another machine says nothing of this one.
func TestCompareHeedsNoise(t *testing.T) {
	old, new := steady(t, "A", 100, ""), steady(t, "A", 114, "")
	kinds := func(d *Diff) (s string) {
		for _, c := range d.Changes {
			s += fmt.Sprintf("%s %s %.2f, ", c.Case.Workload.Name, c.Kind, c.Limit)
		}
		return s
	}
	for _, tt := range []struct {
		null         *results.Run
		want, unlike string
	}{
		{nil, "W0 worse 0.05, W15 worse 0.05, ", "The noise between runs of this machine is not known"},
		{nullRun(t, 2, "A"), "W0 worse 0.10, W15 undecided 0.20, ", ""},
		{nullRun(t, 2, "B"), "W0 worse 0.05, W15 worse 0.05, ", "The noise in bench.txt is another machine's, and is not used: cpu is B there, and A here."},
		{steady(t, "A", 1, ""), "W0 worse 0.05, W15 worse 0.05, ", "The null run bench.txt has nothing to say of noise."},
	} {
		d := CompareWith(old, new, CompareOptions{Null: tt.null})
		if got := kinds(d); got != tt.want || tt.unlike == "" && len(d.Unlike) > 0 && strings.Contains(d.Unlike[0], "noise") || !strings.Contains(strings.Join(d.Unlike, "\n"), tt.unlike) {
			t.Errorf("%s, want %s; unlike: %q, want %q", got, tt.want, d.Unlike, tt.unlike)
		}
	}
	// What matters may be less than usual, or more.
	if got := kinds(CompareWith(old, steady(t, "A", 102, ""), CompareOptions{Threshold: 0.01})); got != "W15 worse 0.01, W0 worse 0.01, " {
		t.Errorf("of 1 %%: %s", got)
	}
	if got := kinds(CompareWith(old, new, CompareOptions{Threshold: 0.2})); strings.Contains(got, "worse") {
		t.Errorf("of 20 %%: %s", got)
	}
	d := CompareWith(old, new, CompareOptions{})
	if d.Worse(0.1) != 2 || d.Worse(0.2) != 0 || d.Worse(math.Inf(1)) != 0 {
		t.Errorf("worse by 10, 20 %% and no limit: %d, %d, %d", d.Worse(0.1), d.Worse(0.2), d.Worse(math.Inf(1)))
	}
}

// What makes two runs hard to compare is said, each reason once.
func TestUnlike(t *testing.T) {
	old := steady(t, "A", 100, `,"benchtime_ns":50000000`)
	for _, tt := range []struct {
		new  *results.Run
		want string
	}{
		{steady(t, "A", 100, `,"benchtime_ns":20000000`), "The bench times differ: 20.0ms per result, was 50.0ms."},
		{steady(t, "B", 100, `,"benchtime_ns":50000000`), "Different machines: what differs may be the machine, not the code."},
		{otherN(steady(t, "A", 100, "")), "N differs in 1 of 2 cells, by up to 4.00× (W15, m: 4000, was 1000)."},
		{failed(steady(t, "A", 100, "")), "Trust in the new run is low: 1 failed cell"},
		{read(t, "# switchyard {\"format\":1}\nBenchmarkW0/model=m-2 1000 5 ns/op\n"), "No case has 3 results in both runs: nothing can be told."},
	} {
		d := Compare(old, tt.new)
		n := 0
		for _, s := range d.Unlike {
			if strings.HasPrefix(s, tt.want) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%q, want %q", d.Unlike, tt.want)
		}
	}
	// What is not known does not differ.
	if d := Compare(old, steady(t, "A", 100, "")); strings.Contains(strings.Join(d.Unlike, ""), "bench times") {
		t.Errorf("%q", d.Unlike)
	}
	// Other tools choose N anew for every result.
	if d := Compare(read(t, strings.Repeat("BenchmarkX-2 100 5 ns/op\n", 6)), read(t, strings.Repeat("BenchmarkX-2 900 5 ns/op\n", 6))); len(d.Unlike) != 0 {
		t.Errorf("%q", d.Unlike)
	}
}

func otherN(r *results.Run) *results.Run {
	cell := r.Cases()[1].Cells["m"]
	for i := range cell.Results {
		cell.Results[i].Iters *= 4
	}
	return r
}

func failed(r *results.Run) *results.Run {
	r.Cases()[1].Cells["m"].Failed = "wrong answer"
	return r
}

// abRun is an A/B run of these rows of a workload each, in ten blocks: how much
// new and control differ from old, beside noise of one per cent and what the
// blocks do to all.
func abRun(t *testing.T, seed uint64, rows ...[2]float64) *Diff {
	t.Helper()
	var s strings.Builder
	s.WriteString("# switchyard {\"format\":1}\n# model {\"name\":\"m\",\"note\":\"n\"}\ncpu: A\n")
	r := rand.New(rand.NewPCG(seed, 5))
	for block := range 10 {
		drift := math.Exp(0.1 * r.NormFloat64())
		for i, row := range rows {
			for build, share := range map[string]float64{"old": 0, "new": row[0], "control": row[1]} {
				fmt.Fprintf(&s, "BenchmarkW%d/build=%s/model=m-2 1000 %.6f ns/op\n", i, build, 100*drift*(1+share)*(1+0.01*noise(seed, block, i, build)))
			}
		}
		fmt.Fprintf(&s, "# block {\"block\":%d,\"attempt\":1}\n", block+1)
	}
	return CompareBuilds(read(t, s.String()))
}

// noise is normal, and does not hang on the order in which maps are read.
func noise(seed uint64, block, row int, build string) float64 {
	return rand.New(rand.NewPCG(seed<<32|uint64(block), uint64(row)<<8|uint64(len(build))<<1|uint64(build[0]&1))).NormFloat64()
}

// A change of three per cent is found where the old build agrees with itself,
// below a machine that drifts by ten; where it does not, even eight are none.
func TestCompareBuilds(t *testing.T) {
	d := abRun(t, 1, [2]float64{0.03, 0}, [2]float64{0.08, 0.10}, [2]float64{0, 0}, [2]float64{-0.06, 0})
	got := map[string]string{}
	for _, c := range d.Changes {
		got[c.Case.Workload.Name] = c.Kind.String()
	}
	if want := map[string]string{"W0": "worse", "W1": "undecided", "W2": "same", "W3": "better"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v, want %v", got, want)
	}
	if d.Worse(0.05) != 0 || d.Worse(0.01) != 1 || d.Null() {
		t.Errorf("worse by 5 %%: %d, by 1 %%: %d", d.Worse(0.05), d.Worse(0.01))
	}
}

// Of one build nothing is claimed to have changed, in none of many cells.
func TestCompareOneBuild(t *testing.T) {
	for seed := range uint64(5) {
		if d := abRun(t, seed, make([][2]float64, 100)...); d.Count(Regressed)+d.Count(Gained) > 0 || len(d.Changes) != 100 {
			t.Errorf("seed %d: %s", seed, d.Sentence())
		}
	}
}

// A geometric mean is of a kind of work, in which each workload counts once,
// however many cases it has; one that is of no kind is one of its own, and a
// control of none.
func TestKindChanges(t *testing.T) {
	list := "# switchyard {\"format\":1}\n# model {\"name\":\"m\",\"note\":\"n\"}\n"
	for _, w := range []string{`"A","kind":"k"`, `"B","kind":"k"`, `"C"`, `"D","control":true`} {
		list += `# workload {"name":` + w + `,"story":"s","op":"o","cases":["n=1","n=2","n=3"],"models":["m"]}` + "\n"
	}
	run := func(ns map[string]int) *results.Run {
		s := list
		for _, name := range []string{"A/n=1", "A/n=2", "A/n=3", "B/n=1", "C/n=1", "D/n=1"} {
			s += strings.Repeat(fmt.Sprintf("Benchmark%s/model=m-2 1 %d ns/op\n", name, ns[name[:1]]), 6)
		}
		return read(t, s)
	}
	d := Compare(run(map[string]int{"A": 100, "B": 100, "C": 100, "D": 100}), run(map[string]int{"A": 100, "B": 400, "C": 50, "D": 7}))
	got := ""
	for _, k := range d.Kinds {
		got += fmt.Sprintf("%s %.2f %.2f %.2f %d, ", k.Kind, k.Center, k.Min, k.Max, k.N)
	}
	if want := "k 0.50 0.25 1.00 2, C 2.00 2.00 2.00 1, "; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
