package results

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/perf/benchfmt"

	"switchyard/bench/benchlog"
	_ "switchyard/bench/testenv"
	"switchyard/report/internal/reporttest"
)

// sampleModule has a benchmark for every way in which go test lets one end.
var sampleModule = map[string]string{
	"go.mod": "module example.com/sample\n\ngo 1.26\n",
	"all/all_test.go": `package all

import (
	"fmt"
	"os"
	"testing"
)

func BenchmarkPass(b *testing.B)      { for range b.N {} }
func BenchmarkFailFirst(b *testing.B) { b.Fatal("wrote nothing") }
func BenchmarkFailLater(b *testing.B) {
	if b.N > 1 {
		b.Log("a log")
		b.Error("looks like\nBenchmarkFailLater-2 \t 5 \t 1 ns/op")
	}
}
func BenchmarkSkipFirst(b *testing.B) { b.Skip("no disk") }
func BenchmarkSkipLater(b *testing.B) {
	if b.N > 1 {
		b.Skip("no disk later")
	}
}
func BenchmarkLog(b *testing.B) { b.Log("hello: 1 2 ns/op") }
func BenchmarkPrints(b *testing.B) {
	fmt.Println("line on stdout")
	fmt.Fprintln(os.Stderr, "line on stderr: x")
}
func BenchmarkPrintsPart(b *testing.B) { fmt.Print("part ") }
func BenchmarkPrintsAndFails(b *testing.B) {
	fmt.Print("part ")
	if b.N > 1 {
		b.Error("broken pipe")
	}
}
func BenchmarkTree(b *testing.B) {
	b.Run("ok", func(b *testing.B) {})
	b.Run("bad", func(b *testing.B) { b.Fatal("bad thing") })
	b.Run("badlater", func(b *testing.B) {
		if b.N > 1 {
			b.Fatal("bad thing later")
		}
	})
	b.Run("skipped", func(b *testing.B) { b.Skip("not now") })
	b.Run("size=10/ü odd_=x", func(b *testing.B) {})
	b.Run("deep", func(b *testing.B) { b.Run("er", func(b *testing.B) { b.Fatal("deep down") }) })
}
func BenchmarkParentFails(b *testing.B) {
	b.Run("kid", func(b *testing.B) {})
	b.Error("the parent itself")
}
func BenchmarkMetric(b *testing.B) {
	b.ReportAllocs()
	b.SetBytes(1 << 20)
	for range b.N {
		sink = make([]byte, 64)
	}
	b.ReportMetric(3, "p99-ns")
	b.ReportMetric(2.5, "widgets/op")
}
var sink []byte
func BenchmarkCleanupFails(b *testing.B) {
	b.Cleanup(func() {
		if b.N > 1 {
			b.Error("cleanup")
		}
	})
}
`,
	// A panic of the benchmark's own goroutine lets the next benchmark begin
	// before the program has ended, or not: here it is another's.
	"panics/p_test.go": "package panics\n\nimport \"testing\"\n\nfunc BenchmarkSame(b *testing.B) {}\nfunc BenchmarkPanic(b *testing.B) {\n\tif b.N > 1 {\n\t\tgo panic(\"ouch\")\n\t\tselect {}\n\t}\n}\nfunc BenchmarkNever(b *testing.B) {}\n",
	"first/p_test.go":  "package first\n\nimport \"testing\"\n\nfunc BenchmarkSame(b *testing.B) {}\nfunc BenchmarkPanic(b *testing.B) {\n\tgo panic(\"at once\")\n\tselect {}\n}\n",
	"exits/e_test.go":  "package exits\n\nimport (\n\t\"os\"\n\t\"testing\"\n)\n\nfunc BenchmarkSame(b *testing.B) {}\nfunc BenchmarkExit(b *testing.B) {\n\tif b.N > 1 {\n\t\tos.Exit(3)\n\t}\n}\n",
	"broken/b_test.go": "package broken\n\nimport \"testing\"\n\nfunc BenchmarkSame(b *testing.B) { undefined() }\n",
	"tests/t_test.go":  "package tests\n\nimport \"testing\"\n\nfunc TestWrong(t *testing.T) { t.Error(\"wrong\") }\nfunc TestSkips(t *testing.T) { t.Skip(\"why not\") }\nfunc BenchmarkSame(b *testing.B) {}\n",
	"none/n_test.go":   "package none\n",
	"hangs/h_test.go":  "package hangs\n\nimport (\n\t\"testing\"\n\t\"time\"\n)\n\nfunc TestHangs(t *testing.T) { time.Sleep(time.Hour) }\nfunc BenchmarkSame(b *testing.B) {}\n",
}

// goTest runs the real go test in the sample module, and returns what it
// prints.
func goTest(t *testing.T, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range sampleModule {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("go", append([]string{"test"}, args...)...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off", "GOMAXPROCS=2", "PWD="+dir)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out)
}

// outcomes says of every cell how it ended: "ok 2" with two results, "FAILED
// reason", "skipped reason".
func outcomes(run *Run) map[string]string {
	out := map[string]string{}
	for _, w := range run.Workloads {
		for m, why := range w.Failed {
			out[WithModel(w.Name, m)] = "FAILED " + why
		}
		for m, why := range w.Skipped {
			out[WithModel(w.Name, m)] = "skipped " + why
		}
		for _, c := range w.Cases {
			for m, cell := range c.Cells {
				name := WithModel(c.FullName(), m)
				if c.CPUs > 0 {
					name += fmt.Sprintf("-%d", c.CPUs)
				}
				switch {
				case cell.Failed != "":
					out[name] = "FAILED " + cell.Failed
				case cell.Failure() != "":
					out[name] = "part of a failure"
				case cell.Skipped != "":
					out[name] = "skipped " + cell.Skipped
				default:
					out[name] = fmt.Sprintf("ok %d", len(cell.Results))
				}
			}
		}
	}
	for _, b := range run.Broken {
		pkg, why, _ := strings.Cut(b, ": ")
		out[pkg] = "BROKEN " + why
	}
	return out
}

func checkOutcomes(t *testing.T, text string, want map[string]string) *Run {
	t.Helper()
	run := read(t, text)
	got := outcomes(run)
	for name, how := range want {
		if !strings.HasPrefix(got[name], how) {
			t.Errorf("%s: %q, want %q", name, got[name], how)
		}
	}
	for name, how := range got {
		if want[name] == "" {
			t.Errorf("a ghost: %s: %s", name, how)
		}
	}
	if t.Failed() {
		t.Logf("of this output:\n%s", text)
	}
	return run
}

// What go test itself prints of every outcome is read as what it means
// (gobenchdata#69): failures of the first iteration, whose names have no number
// of CPUs, failures of later ones, which stand where the result would, trees
// that fail with a part of them, prints in the midst of a result.
func TestRealGoTest(t *testing.T) {
	all := func(n int, lane string) map[string]string {
		ok := fmt.Sprintf("ok %d", n)
		return map[string]string{
			"Pass" + lane:                  ok,
			"FailFirst" + lane:             "FAILED all_test.go:10: wrote nothing",
			"FailLater" + lane:             "FAILED all_test.go:13: a log all_test.go:14: looks like BenchmarkFailLater-2",
			"SkipLater" + lane:             "skipped all_test.go:20: no disk later",
			"Log" + lane:                   ok,
			"Prints" + lane:                ok,
			"PrintsPart" + lane:            ok,
			"PrintsAndFails" + lane:        "FAILED all_test.go:32: broken pipe",
			"Tree/ok" + lane:               ok,
			"Tree/bad" + lane:              "FAILED all_test.go:37: bad thing",
			"Tree/badlater" + lane:         "FAILED all_test.go:40: bad thing later",
			"Tree/size=10/ü_odd_=x" + lane: ok,
			"Tree/deep/er" + lane:          "FAILED all_test.go:45: deep down",
			"ParentFails":                  "FAILED all_test.go:49: the parent itself",
			"ParentFails/kid" + lane:       "part of a failure",
			"Metric" + lane:                ok,
			"CleanupFails" + lane:          "FAILED all_test.go:64: cleanup",
		}
	}
	verbose := func(n int, lane string) map[string]string {
		want := all(n, lane)
		want["SkipFirst"+lane] = "skipped all_test.go:17: no disk"
		want["Tree/skipped"+lane] = "skipped all_test.go:43: not now"
		return want
	}
	t.Run("plain", func(t *testing.T) {
		text := goTest(t, "-run", "-", "-bench", ".", "-benchtime", "3x", "-cpu", "2", "./all")
		run := checkOutcomes(t, text, all(1, "-2"))
		if run.Fact("pkg") != "example.com/sample/all" || len(run.Notes) > 0 || run.Truncated {
			t.Errorf("facts %v, notes %q", run.Facts, run.Notes)
		}
		if len(run.Failures()) != 8 {
			t.Errorf("failures: %q", run.Failures())
		}
		crlf := checkOutcomes(t, strings.ReplaceAll(text, "\n", "\r\n"), all(1, "-2"))
		if len(crlf.Notes) > 0 || crlf.Fact("pkg") != "example.com/sample/all" {
			t.Errorf("CRLF: facts %v, notes %q", crlf.Facts, crlf.Notes)
		}
	})
	t.Run("one CPU", func(t *testing.T) {
		checkOutcomes(t, goTest(t, "-run", "-", "-bench", ".", "-benchtime", "3x", "-cpu", "1", "-count", "2", "-benchmem", "./all"), all(2, ""))
	})
	t.Run("verbose", func(t *testing.T) {
		checkOutcomes(t, goTest(t, "-run", "-", "-bench", ".", "-benchtime", "3x", "-cpu", "2", "-count", "3", "-v", "./all"), verbose(3, "-2"))
	})
	t.Run("JSON", func(t *testing.T) {
		checkOutcomes(t, goTest(t, "-run", "-", "-bench", ".", "-benchtime", "3x", "-cpu", "2", "-json", "./all"), verbose(1, "-2"))
	})
	t.Run("lanes", func(t *testing.T) {
		want := map[string]string{}
		for _, lane := range []string{"-2", "-3"} {
			for name, how := range all(1, lane) {
				want[name] = how
			}
		}
		checkOutcomes(t, goTest(t, "-run", "-", "-bench", ".", "-benchtime", "3x", "-cpu", "2,3", "./all"), want)
	})
}

// Programs that end in the midst, and packages that never begin: the benchmark
// that was running has failed, or the package has. Benchmarks of one name in
// several packages stay apart.
func TestRealGoTestPackages(t *testing.T) {
	want := map[string]string{
		"example.com/sample/panics.Same-2": "ok 1",
		"Panic-2":                          "FAILED panic: ouch",
		"example.com/sample/exits.Same-2":  "ok 1",
		"Exit-2":                           "FAILED exit status 3",
		"example.com/sample/broken":        "BROKEN build failed",
		"example.com/sample/none":          "BROKEN build failed",
		"example.com/sample/first.Same-2":  "ok 1",
		"example.com/sample/first":         "BROKEN panic: at once",
	}
	args := []string{"-run", "-", "-bench", ".", "-benchtime", "3x", "-cpu", "2", "-vet=off", "./none", "./panics", "./exits", "./broken", "./first"} // go test says of the first that it did not build, too
	plain := goTest(t, args...)
	checkOutcomes(t, plain, want)
	// -v names what is begun.
	delete(want, "example.com/sample/first")
	delete(want, "Panic-2")
	want["example.com/sample/panics.Panic-2"] = "FAILED panic: ouch"
	want["example.com/sample/first.Panic-2"] = "FAILED panic: at once"
	checkOutcomes(t, goTest(t, append([]string{"-json"}, args...)...), want)
}

func TestRealGoTestTests(t *testing.T) {
	for _, flag := range []string{"-v=false", "-v", "-json"} {
		// Apart, so that the limit of the one is none of the other.
		ends := goTest(t, flag, "-bench", ".", "-benchtime", "3x", "-cpu", "2", "./tests")
		hangs := goTest(t, flag, "-bench", ".", "-benchtime", "3x", "-cpu", "2", "-timeout", "1s", "./hangs")
		checkOutcomes(t, ends+hangs, map[string]string{
			"example.com/sample/tests": "BROKEN TestWrong failed",
			"example.com/sample/hangs": "BROKEN panic: test timed out after 1s",
		})
	}
}

// A plain line is read as x/perf reads it, whatever stands in it.
func FuzzBenchmarkLine(f *testing.F) {
	for _, s := range []string{
		"BenchmarkX/a=1-8 \t 100\t 5.5 ns/op\t16 B/op", "BenchmarkX 1 2", "Benchmark 1 2 x", "BenchmarkX", "BenchmarkX ", "BenchmarkX 1 1e400 ns/op",
		"BenchmarkX-0 1 NaN a 0x1p3 b", "BenchmarkX 01 -5 ns/op 7", "BenchmarkÜ\u00a0x 1 2 ns/op", "Benchmark\xff 1 2 ns/op", "BenchmarkX 99999999999999999999 2 ns/op",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		line = "Benchmark" + strings.TrimPrefix(line, "Benchmark")
		if strings.ContainsAny(line, "\n\r\x00") || strings.Contains(line, "--- ") {
			return
		}
		theirs := benchfmt.NewReader(strings.NewReader(line+"\n"), "f")
		var want *benchfmt.Result
		if theirs.Scan() {
			want, _ = theirs.Result().(*benchfmt.Result)
		}
		run, err := Read("f", strings.NewReader(line+"\n"))
		switch {
		case want == nil:
			if err == nil && run.Results() > 0 && !strings.Contains(line, "\t") {
				t.Errorf("%q: %d results, x/perf reads none", line, run.Results())
			}
			return
		case err != nil || run.Results() != 1:
			if base, _ := want.Name.Parts(); len(base) > 0 && !(want.Iters == 0) {
				t.Errorf("%q: %v, x/perf reads %v", line, err, want)
			}
			return
		}
		got := run.Cases()[0].Cells[run.Models[0]].Results[0]
		if got.Iters != want.Iters || len(got.Values) != min(len(want.Values), benchlog.MaxUnits) {
			t.Fatalf("%q: %+v, x/perf reads %+v", line, got, want)
		}
		for i, v := range got.Values {
			w, unit := want.Values[i].Value, want.Values[i].Unit
			if o := want.Values[i].OrigUnit; o != "" {
				w, unit = want.Values[i].OrigValue, o
			}
			if v.Unit != unit || v.V != w && !(math.IsNaN(v.V) && math.IsNaN(w)) {
				t.Errorf("%q: %v %s, x/perf reads %v %s", line, v.V, v.Unit, w, unit)
			}
		}
	})
}

// The same results in gzip, in UTF-16 as PowerShell writes it, behind a byte
// order mark and as test events are the same run.
func TestInputForms(t *testing.T) {
	text := "pkg: x\nBenchmarkÜ𝄞-2 \t10\t100 ns/op\n--- FAIL: BenchmarkY-2\n    no\n"
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	z.Close()
	wide := func(bom string, low, high int) string {
		var b strings.Builder
		for _, u := range utf16.Encode([]rune(bom + text)) {
			pair := [2]byte{}
			pair[low], pair[high] = byte(u), byte(u>>8)
			b.Write(pair[:])
		}
		return b.String()
	}
	events := ""
	for _, piece := range strings.SplitAfter(strings.ReplaceAll(text, "\t", "\t|"), "|") {
		piece = strings.TrimSuffix(piece, "|")
		for _, p := range strings.SplitAfter(piece, "\n") {
			events += fmt.Sprintf("{\"Action\":\"output\",\"Package\":\"x\",\"Output\":%q}\n", p)
		}
	}
	for name, form := range map[string]string{
		"plain": text, "gzip": zipped.String(), "UTF-8 with a mark": "\ufeff" + text,
		"UTF-16LE": wide("\ufeff", 0, 1), "UTF-16BE": wide("\ufeff", 1, 0), "UTF-16LE without a mark": wide("", 0, 1), "UTF-16BE without a mark": wide("", 1, 0),
		"events": events, "CRLF events": strings.ReplaceAll(strings.ReplaceAll(events, `\n`, `\r\n`), "\n", "\r\n"),
		"UTF-16LE and half a unit": wide("\ufeff", 0, 1) + "x",
	} {
		run, err := Read("f", strings.NewReader(form))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got := outcomes(run)
		if len(got) != 2 || got["Ü𝄞-2"] != "ok 1" || got["Y-2"] != "FAILED no" || len(run.Notes) != 0 || run.Workloads[0].Package != "x" {
			t.Errorf("%s: %v, notes %q", name, got, run.Notes)
		}
	}
	// A compressed file that is cut off keeps what is whole, and says so.
	var long bytes.Buffer
	z = gzip.NewWriter(&long)
	for i := range 5000 {
		fmt.Fprintf(z, "BenchmarkX-2 10 %d ns/op\n", 1000+i*i%977)
	}
	z.Close()
	run, err := Read("f", bytes.NewReader(long.Bytes()[:long.Len()/2]))
	if err != nil || run.Results() < 100 || run.Results() >= 5000 || !run.Truncated || len(run.Notes) == 0 || !strings.Contains(run.Notes[len(run.Notes)-1], "damaged after line") {
		t.Errorf("half a gzip: %v, %+v", err, run)
	}
	for magic, remedy := range map[string]string{"\x28\xb5\x2f\xfd....": "zstd -dc 'my results' | switchyard report -", "PK\x03\x04....": "unzip -p", "BZh91AY": "bzip2 -dc", "\xfd7zXZ\x00..": "xz -dc"} {
		if _, err := Read("my results", strings.NewReader(magic)); err == nil || !strings.Contains(err.Error(), remedy) {
			t.Errorf("%q: %v, want it to say %q", magic, err, remedy)
		}
	}
	if _, err := Read("f", strings.NewReader("\x1f\x8bnonsense")); err == nil {
		t.Error("a damaged gzip header was read")
	}
}

// Events of packages that ran beside each other are told apart.
func TestInterleavedEvents(t *testing.T) {
	event := func(pkg, out string) string {
		return fmt.Sprintf("{\"Action\":\"output\",\"Package\":%q,\"Output\":%q}\n", pkg, out)
	}
	run := read(t, event("a", "pkg: a\n")+event("b", "pkg: b\n")+event("a", "BenchmarkX-2  \t")+event("b", "BenchmarkX-2  \t")+
		event("b", "--- FAIL: BenchmarkX-2\n")+event("a", "  10\t 5 ns/op\n")+event("b", "    b.go:1: no\n")+"not an event\n"+`{"Action":"output"`+"\n"+`{"x":1}`+"\n")
	if got := fmt.Sprint(outcomes(run)); got != "map[a.X-2:ok 1 b.X-2:FAILED b.go:1: no]" {
		t.Error(got)
	}
}

// Load closes what it opens.
func TestLoadClosesItsFiles(t *testing.T) {
	dir := t.TempDir()
	reporttest.Synthetic{Seed: 1, Count: 1, Only: "Nop"}.Write(t, dir)
	open := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Skip("no /proc: descriptors cannot be counted")
		}
		return len(list)
	}
	before := open()
	for range 100 {
		if _, err := Load(dir); err != nil {
			t.Fatal(err)
		}
	}
	if after := open(); after > before+5 {
		t.Errorf("%d descriptors after 100 loads, %d before", after, before)
	}
}

// A latency log is a run's own when both were begun together, wherever they
// lie: a file beside another run's log has nothing of it.
func TestLatencyIsPairedByContent(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	reporttest.Synthetic{Seed: 1, Count: 2, Only: "Lock"}.Write(t, dir)
	text, err := os.ReadFile(filepath.Join(dir, benchlog.BenchFile))
	if err != nil {
		t.Fatal(err)
	}
	write := func(dir, name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	later := strings.Replace(string(text), "2026-11-20T19:03:11Z", "2026-11-20T19:03:11.001Z", 1)
	hlog, err := os.ReadFile(filepath.Join(dir, benchlog.LatencyFile))
	if err != nil {
		t.Fatal(err)
	}
	write(other, benchlog.LatencyFile, string(hlog))
	write(other, benchlog.BenchFile, later)
	for name, test := range map[string]struct {
		path string
		own  bool
	}{
		"its directory":             {dir, true},
		"its file":                  {filepath.Join(dir, benchlog.BenchFile), true},
		"its copy in the directory": {write(dir, "copy.txt", string(text)), true},
		"another run's file":        {write(dir, "old.txt", later), false},
		"a directory with another":  {other, false},
		"another tool's file":       {write(dir, "foreign.txt", "BenchmarkLock/tasks=2/model=greenlet-2 1 5 ns/op\n"), false},
	} {
		run, err := Load(test.path)
		if err != nil {
			t.Fatal(err)
		}
		has := slices.ContainsFunc(run.Cases(), func(c *Case) bool {
			for _, cell := range c.Cells {
				if cell.Latency != nil {
					return true
				}
			}
			return false
		})
		if has != test.own || slices.Contains(run.Files, benchlog.LatencyFile) != test.own {
			t.Errorf("%s: histograms %v, want %v; files %q", name, has, test.own, run.Files)
		}
		said := slices.ContainsFunc(run.Notes, func(n string) bool { return strings.Contains(n, "of another run (begun at 1795201391)") })
		if said != (!test.own && run.Ours()) {
			t.Errorf("%s: notes %q", name, run.Notes)
		}
	}
}

// Shapes that go test does not print today, or printed once, and files picked
// apart by grep.
func TestVerdictShapes(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want string
	}{
		"tree": {"BenchmarkStore/ok-8 \t100\t50 ns/op\n--- FAIL: BenchmarkStore/bad\n    no\n--- SKIP: BenchmarkStore/later\n    no disk\n--- FAIL: BenchmarkStore\n",
			"map[Store/bad-8:FAILED no Store/later-8:skipped no disk Store/ok-8:ok 1]"},
		"in its place":                   {"BenchmarkSave-8   \t--- FAIL: BenchmarkSave-8\n    nothing\n", "map[Save-8:FAILED nothing]"},
		"lost prefix":                    {"BenchmarkSave-8 \t100\t50 ns/op\n--- FAIL: BenchmarkSave\n", "map[Save-8:FAILED no reason given]"},
		"exact lane":                     {"BenchmarkX \t1\t5 ns/op\nBenchmarkX-2 \t1\t5 ns/op\nBenchmarkX-2 \t--- FAIL: BenchmarkX-2\n    no\n", "map[X:ok 1 X-2:FAILED no]"},
		"cut by head":                    {"BenchmarkX-2 \t1\t5 ns/op\nBenchmarkY-2 \t\n", "map[X-2:ok 1]"},
		"only FAIL":                      {"BenchmarkX-2 \t1\t5 ns/op\nFAIL\nexit status 1\n", "map[X-2:ok 1 the package:BROKEN exit status 1]"},
		"setup failed":                   {"FAIL\texample.com/x [setup failed]\nFAIL\n", "map[example.com/x:BROKEN setup failed]"},
		"a number in the midst of prose": {"BenchmarkX-2 \tread 5\tfiles\n      10\t 7 ns/op\n", "map[X-2:ok 1]"},
		"a killed program":               {"pkg: p\nBenchmarkX-2 \tsignal: killed\nFAIL\tp\t3s\n", "map[X-2:FAILED signal: killed]"},
		"a panic, and the next begins": {"pkg: p\nBenchmarkX-2 \t       0\t               NaN ns/op\nBenchmarkY-2 \tpanic: ouch\n\ngoroutine 11 [running]:\nexit status 2\nFAIL\tp\t0.1s\n",
			"map[X-2:skipped no reason given Y-2:FAILED panic: ouch]"},
		"a panic after the result": {"pkg: p\nBenchmarkX-2 \t       0\t               NaN ns/op\npanic: ouch\n\ngoroutine 11 [running]:\nexit status 2\nFAIL\tp\t0.1s\n",
			"map[X-2:FAILED panic: ouch]"},
		"nameless":   {"BenchmarkX-2 1 5 ns/op\n--- FAIL: Benchmark\n    no\n", "map[X-2:ok 1]"},
		"an example": {"BenchmarkX-2 1 5 ns/op\n--- FAIL: ExampleX (0.00s)\ngot:\n5\nwant:\n6\nFAIL\nexit status 1\nFAIL\tp\t1s\n", "map[X-2:ok 1 p:BROKEN ExampleX failed]"},
	} {
		if got := fmt.Sprint(outcomes(read(t, test.text))); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
	run := read(t, "BenchmarkX-2 \t1\t5 ns/op\nBenchmarkY-2 \t\n")
	if len(run.Notes) != 1 || run.Notes[0] != "BenchmarkY-2 was begun and has no result" {
		t.Errorf("notes %q", run.Notes)
	}
}
