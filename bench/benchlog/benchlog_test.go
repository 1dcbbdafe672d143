package benchlog

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func read(t testing.TB, text string) *File {
	t.Helper()
	f, err := Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestParseCase(t *testing.T) {
	for in, want := range map[string]string{
		"Lock/tasks=8/model=process-2":       "Lock [tasks=8] process 2",
		"PingPong/model=greenlet-16":         "PingPong [] greenlet 16",
		"PingPong/model=py-greenlet-2":       "PingPong [] py-greenlet 2",
		"PingPong/model=py-greenlet":         "PingPong [] py-greenlet 0",
		"Foo/sub/x=1=2/model=a-1":            "Foo [sub x=1=2] a 1",
		"Foo":                                "Foo []  0",
		"/model=a-1":                         " [] a 1",
		"Foo/model=a-99999999999999999999":   "Foo [] a 9223372036854775807",
		strings.Repeat("P/", 20) + "model=a": "P [P P P P P P P P P P P P/P/P/P/P/P/P/P] a 0",
	} {
		c := ParseCase(in)
		if got := fmt.Sprintf("%s %v %s %d", c.Workload, c.Params.Split(), c.Model, c.CPUs); got != want {
			t.Errorf("ParseCase(%q) = %q, want %q", in, got, want)
		}
	}
}

// Lines as long as the limit are read, one byte longer ones are counted.
func TestLineLimit(t *testing.T) {
	defer func(n int) { maxLine = n }(maxLine)
	maxLine = 2 << 10
	line := func(n int) string {
		s := "BenchmarkX-2 1 5 ns/op 6 "
		return s + strings.Repeat("u", n-len(s)) + "\n"
	}
	f := read(t, line(2<<10)+line(2<<10+1)+line(2<<10+1))
	if len(f.Results) != 1 || !f.Full || fmt.Sprint(f.Notes) != "[2 lines longer than 2 KiB left out]" {
		t.Errorf("%d results, notes %q", len(f.Results), f.Notes)
	}
}

func TestParams(t *testing.T) {
	p := Params("task=10us/chunk=64")
	if p.Int("chunk") != 64 || p.Duration("task") != 10*time.Microsecond {
		t.Errorf("chunk %d, task %v", p.Int("chunk"), p.Duration("task"))
	}
	if _, ok := p.Get("none"); ok {
		t.Error("a parameter that is not there was found")
	}
	defer func() {
		if recover() == nil {
			t.Error("a missing parameter did not panic")
		}
	}()
	p.Int("none")
}

func TestNumber(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 12345.6: "12346", 123.456: "123.5", 12.3456: "12.35", 1.23456: "1.235", 0.0123456: "0.012346", 1e15: "1000000000000000",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

// What is written is read again, record by record.
func TestRoundTrip(t *testing.T) {
	h := Header{
		Format: Format, Started: Time{time.Date(2026, 11, 20, 19, 3, 11, 25e7, time.UTC)}, Command: "make bench", Seed: 7, Count: 3,
		Benchtime: time.Second, Budget: time.Hour, Deadline: time.Minute, Repeats: 2, Sessions: 3, CPUs: "0-1", Lanes: []int{1, 2}, Models: []Model{"a", "b"},
	}
	w := WorkloadInfo{
		Name: "Lock", Story: "Tickets.", Op: "ticket", Source: "lock.go", Vary: []string{"tasks"},
		Cases: []Params{"tasks=2"}, Models: []Model{"a"}, NA: map[Model]string{"b": "why"},
	}
	models := []ModelInfo{{Name: "a", Note: "alone", Baseline: true}, {Name: "b", Note: "both", Processes: true}}
	facts := []Fact{{"goos", "linux"}, {"limit-files", "1"}}
	text, err := Preamble(h, facts, models, []WorkloadInfo{w})
	if err != nil {
		t.Fatal(err)
	}
	calibration := Calibration{time.Second, 5, []CalibratedCase{{"Lock/tasks=2/model=a-2", 10, 20, 30, 5, 200, true}}, []CalibratedCase{{Case: "Lock/tasks=8/model=a-2", Overhead: 7}}}
	like := Like{Time{time.Date(2026, 11, 19, 1, 2, 3, 0, time.UTC)}, true, Calibration{Benchtime: time.Minute, Cases: calibration.Cases}, &Said{
		Kinds: []SaidKind{{Kind: "Locking", Models: []Model{"a", "b"}, Ahead: map[Model][]Model{"a": {"b"}}, Lead: []Model{"a"}, Behind: []Model{"b"}, Open: true, NoOne: true}},
		Picks: map[string][]Model{"throughput": {"a", "b"}},
	}}
	text = append(text, must(t, like)...)
	text = append(text, must(t, calibration)...)
	text = append(text, must(t, BlockStart{Block: 1, Attempt: 1, Session: 1, Spent: 6})...)
	at := Case{"Lock", "tasks=2", "a", 2}
	result := Result{Name: at.String(), Iters: 100, Values: []Value{{1012, "ns/op"}, {0.5, "csw/op"}, {3, "gcs"}}}
	text = append(text, result.String()+"\n"...)
	block := BlockNote{BlockStart{1, 1, 1, 7}, time.Second, []int64{100, 130}, 100, Noise{1.5, 2.5, 3.5, 3, 4, 5, 0.25}, 1.25, true}
	text = append(text, must(t, block)...)
	text = append(text, must(t, BlockStart{2, 1, 3, 8})...)
	text = append(text, Failure(at, "block 2", errors.New("no\nnot at all"))...)
	text = append(text, Skip(Case{Workload: "Lock", Model: "b", CPUs: 2}, "why")...)
	text = append(text, result.String()+"\n"...)

	f := read(t, string(text))
	second := result
	result.Line, result.Block, result.Ours = 11, 0, true
	second.Line, second.Block, second.Ours = 19, 1, true
	want := &File{
		Plans: 1, Planned: true, Header: h, Models: models, Workloads: []WorkloadInfo{w}, Facts: facts, Better: map[string]string{"ops/s": "higher"},
		Like: &like, Calibration: &calibration, Blocks: []BlockNote{block}, OpenBlock: BlockStart{2, 1, 3, 8}, Lines: 19,
		Results: []Result{result, second},
		Verdicts: []Verdict{
			{Failed: true, Name: at.String(), Reason: "block 2: no not at all", Line: 14},
			{Name: "Lock/model=b-2", Reason: "why", Line: 17},
		},
	}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("read\n%+v, want\n%+v", f, want)
	}
	if block.Slowdown() != 1.3 || (BlockNote{}).Slowdown() != 0 {
		t.Error("the canary slowed down by", block.Slowdown())
	}
}

func must(t *testing.T, record Record) []byte {
	t.Helper()
	line, err := Note(record)
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// A record that is damaged is left out, said, and known as damage; the plan is
// read as far as it goes.
func TestDamage(t *testing.T) {
	f := read(t, `# switchyard {"format":1,"run":"yesterday","seed":1.5,"count":3}
# workload {"name":""}
# model {"note":"nameless"}
# model []
# begin x
# block {"canary_ns":["a"]}
# a comment
# calibrated []
`)
	var got []string
	for _, d := range f.Damaged {
		got = append(got, d.What)
	}
	if want := "[its plan a workload a model a model a block a block the calibration]"; fmt.Sprint(got) != want || len(f.Notes) != 7 {
		t.Errorf("damaged are %v, want %s; notes %q", got, want, f.Notes)
	}
	if f.Header.Count != 3 || !f.Header.Started.IsZero() || f.Header.Started.String() != "" {
		t.Errorf("plan %+v", f.Header)
	}
}

// What a file is cut to because of a limit is known to who needs all of it.
func TestFull(t *testing.T) {
	for name, text := range map[string]string{
		"blocks":    strings.Repeat("# block {}\n", maxBlocks),
		"workloads": strings.Repeat(`# workload {"name":"A"}`+"\n", MaxCases),
		"models":    strings.Repeat(`# model {"name":"a"}`+"\n", MaxModels),
		"verdicts":  strings.Repeat("--- FAIL: BenchmarkA-2\n", MaxCases),
		"results":   strings.Repeat("BenchmarkA 1 1 a\n", MaxResults),
	} {
		line := text[:strings.IndexByte(text, '\n')+1]
		if f := read(t, text); f.Full {
			t.Errorf("%s at the limit: something was left out", name)
		}
		if f := read(t, text+line); !f.Full {
			t.Errorf("%s beyond the limit: nothing was left out", name)
		}
	}
}

// Only a line that begins with "=== " says that go test was run with -v, where
// the reason of a failure stands before it; an empty line says nothing.
func TestVerbose(t *testing.T) {
	for text, want := range map[string]string{
		"\n--- FAIL: BenchmarkX-2\n    after\n":                                                   "after",
		"=\n--- FAIL: BenchmarkX-2\n    after\n":                                                  "after",
		"=== RUN   BenchmarkX\nBenchmarkX\n    x_test.go:5: before\n--- FAIL: BenchmarkX-2\n":     "x_test.go:5: before",
		"=== RUN   BenchmarkX\n    x_test.go:5: before\n--- FAIL: BenchmarkX-2\n    of another\n": "x_test.go:5: before",
	} {
		if f := read(t, text); len(f.Verdicts) != 1 || f.Verdicts[0].Reason != want {
			t.Errorf("%q: verdicts %+v, want the reason %q", text, f.Verdicts, want)
		}
	}
}

// A fact may be repeated, as go test does for every package; one that changes
// is noted, but for the name of the package.
func TestFactsThatChange(t *testing.T) {
	for text, want := range map[string]string{
		"cpu: a\ngoos: linux\ncpu: a\n":          "[]",
		"pkg: a\ncpu: a\npkg: b\npkg: b\n":       "[]",
		"cpu: a\npkg: a\ncpu: b\ncpu: b\n":       `[cpu changes within the file, from "a" to "b": are these results of one machine?]`,
		"goarch: arm64\npkg: a\ngoarch: amd64\n": `[goarch changes within the file, from "arm64" to "amd64": are these results of one machine?]`,
	} {
		if f := read(t, text); fmt.Sprint(f.Notes) != want {
			t.Errorf("%q: notes %q, want %q", text, f.Notes, want)
		}
	}
}

// The errors of a result line, with what is known of it.
func TestParseResult(t *testing.T) {
	for line, want := range map[string]string{
		"X 1 1 a":                  "missing iteration count",
		"BenchmarkX":               "missing iteration count",
		"BenchmarkX 1":             "missing measurements",
		"BenchmarkX 1 2":           "missing units",
		"BenchmarkX one 2 a":       `the iteration count "one" is no number`,
		"BenchmarkX 1 two a":       `the measurement "two" is no number`,
		"BenchmarkX 1 2 a 1e400 b": `the measurement "1e400" is too large`,
	} {
		if r, err := ParseResult(line); err == nil || err.Error() != want || r.Values != nil || line[0] == 'B' && r.Name != "X" {
			t.Errorf("%q: %+v, error %v, want %q", line, r, err, want)
		}
	}
	var bad *NumberError
	if _, err := ParseResult("BenchmarkX 1 two a"); !errors.As(err, &bad) || bad.Text != "two" || bad.Unit != "a" {
		t.Errorf("error %+v", bad)
	}
}

// A case's name is read as the case, and is the same name again.
func FuzzCase(f *testing.F) {
	for _, s := range []string{"Lock/tasks=2/model=a-2", "X-0", "X-08", "/model=-1", "A/model=a-2/b", "A//b/-3", "A/model=x/model=y-1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		c := ParseCase(s)
		if c.CPUs == 0 { // a name may end as if it had one
			c.CPUs = 1
		}
		if got := ParseCase(c.String()); got != c {
			t.Errorf("%q is %+v, whose name %q is %+v", s, c, c.String(), got)
		}
		var parts []string
		for _, p := range c.Params.Split() {
			parts = append(parts, p.String())
		}
		if got := strings.Join(parts, "/"); got != string(c.Params) && !strings.Contains(string(c.Params), "/=") && !strings.HasPrefix(string(c.Params), "=") {
			t.Errorf("the parts of %q make %q", c.Params, got)
		}
	})
}

// A result's line is read as the result. Values of few digits are the same.
func FuzzResult(f *testing.F) {
	f.Add("Lock/tasks=2/model=a-2", 100, 1012.0, "ns/op")
	f.Add("X", 1, -0.5, "%")
	f.Fuzz(func(t *testing.T, name string, n int, v float64, unit string) {
		r := Result{Name: name, Iters: n, Values: []Value{{v, unit}, {1, "b"}}}
		got, err := ParseResult(r.String())
		if len(strings.Fields(name+" x")) != 2 || strings.TrimSpace(name) != name || len(strings.Fields(unit)) != 1 || strings.TrimSpace(unit) != unit {
			return // no names
		}
		if err != nil || got.Name != name || got.Iters != n || len(got.Values) != 2 || got.Values[0].Unit != unit {
			t.Fatalf("%q is read as %+v, error %v", r.String(), got, err)
		}
		if w := got.Values[0].V; w != v && !(w-v <= 0.0006*max(v, -v)+1e-6 && v-w <= 0.0006*max(v, -v)+1e-6) && v == v {
			t.Errorf("%v is read as %v", v, w)
		}
	})
}

// Whatever stands in a file, reading it does not fail, and its results are
// written and read again as they were.
func FuzzRead(f *testing.F) {
	f.Add("# switchyard {}\n# begin {}\nBenchmarkX 1 1 ns/op\n# block {}\n")
	f.Add("BenchmarkX-2 \t--- FAIL: BenchmarkX-2\n    why\nFAIL\tp\t1s\n")
	f.Add(`{"Action":"output","Package":"p","Output":"BenchmarkX-2 \\t10\\t1 ns/op\\n"}` + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		file := read(t, text)
		for _, r := range file.Results {
			got, err := ParseResult(r.String())
			if err != nil || got.Name != r.Name || got.Iters != r.Iters || len(got.Values) != len(r.Values) {
				t.Errorf("%+v is written %q", r, r.String())
			}
			if r.Block > len(file.Blocks) || r.Line > file.Lines {
				t.Errorf("%+v is in no block or line", r)
			}
		}
	})
}

// A latency line is written and read with its tag, whatever stands in that.
func TestLatencyLine(t *testing.T) {
	c := Case{"Lock", "tasks=1,2", "a", 2}
	line := string(LatencyLine(c, 1500*time.Millisecond, 20*time.Millisecond, 250_000, "AAAA"))
	if want := "Tag=Lock/tasks=1,2/model=a-2,1.500,0.020,0.250,AAAA\n"; line != want {
		t.Errorf("line %q, want %q", line, want)
	}
	if tag, ok := LatencyTag(line); !ok || ParseCase(tag) != c {
		t.Errorf("tag %q, %v", tag, ok)
	}
	for _, s := range []string{"", "Tag=x", "Tag=x,1,1,1", "1,1,1,AAAA", `"StartTimestamp","Interval_Length","Interval_Max","x"`, "#[x]"} {
		if tag, ok := LatencyTag(s); ok {
			t.Errorf("%q has the tag %q", s, tag)
		}
	}
}

// A block belongs to the first session if the file does not say, as files from
// before there were any do not.
func TestReadSession(t *testing.T) {
	file, err := Read(strings.NewReader(`# block {"block":1,"attempt":1}` + "\n" + `# block {"block":2,"attempt":1,"session":2}` + "\n" + `# begin {"block":3,"attempt":1}` + "\n"))
	if err != nil || len(file.Blocks) != 2 {
		t.Fatalf("%+v, %v", file, err)
	}
	if a, b, c := file.Blocks[0].Session, file.Blocks[1].Session, file.OpenBlock.Session; a != 1 || b != 2 || c != 1 {
		t.Errorf("sessions %d, %d and %d, want 1, 2 and 1", a, b, c)
	}
}

// Every block is judged by what the run knows in the end: its canary against
// the quietest one of its session, and what others used. A threshold that is
// just met is none that is passed.
func TestJudgeBlocks(t *testing.T) {
	block := func(session int, canary ...int64) BlockNote {
		return BlockNote{BlockStart: BlockStart{Session: session}, Canary: canary, CanaryBase: canary[0]}
	}
	noisy := func(n Noise) BlockNote {
		b := block(1, 100, 100)
		b.Noise = n
		return b
	}
	flagged := block(1, 100, 100)
	flagged.Disturbed = true
	for name, tt := range map[string]struct {
		blocks []BlockNote
		want   []bool
	}{
		"none":            {nil, nil},
		"quiet":           {[]BlockNote{block(1, 100, 125)}, []bool{false}},
		"slow in the end": {[]BlockNote{block(1, 100, 126)}, []bool{true}},
		"the first one, on a machine that was slow": {[]BlockNote{block(1, 200, 200), block(1, 100, 101), block(1, 100, 100)}, []bool{true, false, false}},
		"another session is slower, and quiet":      {[]BlockNote{block(1, 100, 100), block(2, 200, 210), block(2, 200, 260)}, []bool{false, false, true}},
		"a base of before the block":                {[]BlockNote{{Canary: []int64{126, 126}, CanaryBase: 100}}, []bool{true}},
		"no canary":                                 {[]BlockNote{{}, {Canary: []int64{5}}}, []bool{false, false}},
		"flagged when it was measured":              {[]BlockNote{flagged}, []bool{true}},
		"just not stolen":                           {[]BlockNote{noisy(Noise{Steal: StealDisturbs})}, []bool{false}},
		"stolen":                                    {[]BlockNote{noisy(Noise{Steal: StealDisturbs + 0.1})}, []bool{true}},
		"a busy loop on one of two CPUs":            {[]BlockNote{noisy(Noise{Others: 50}), noisy(Noise{Others: OthersDisturb})}, []bool{true, false}},
		"memory is short":                           {[]BlockNote{noisy(Noise{MemoryPressure: PressureDisturbs + 1}), noisy(Noise{MemoryPressure: PressureDisturbs})}, []bool{true, false}},
		"its own tasks wait for a processor":        {[]BlockNote{noisy(Noise{CPUPressure: 100, IOPressure: 100, Load1: 50})}, []bool{false}},
	} {
		JudgeBlocks(tt.blocks)
		var got []bool
		for _, b := range tt.blocks {
			got = append(got, b.Disturbed)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: disturbed %v, want %v", name, got, tt.want)
		}
	}
}

// A file is judged when it is read, whatever its blocks say of themselves.
func TestReadJudges(t *testing.T) {
	file, err := Read(strings.NewReader(`# block {"block":1,"attempt":1,"canary_ns":[200,200],"canary_base_ns":200}` + "\n" +
		`# block {"block":2,"attempt":1,"canary_ns":[100,100],"canary_base_ns":100}` + "\n"))
	if err != nil || len(file.Blocks) != 2 || !file.Blocks[0].Disturbed || file.Blocks[1].Disturbed || file.Blocks[0].Slowdown() != 2 {
		t.Errorf("%+v, %v", file.Blocks, err)
	}
}
