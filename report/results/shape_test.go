package results

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"

	"switchyard/bench/benchlog"
	"switchyard/report/internal/reporttest"
)

// What a reader of names asks a run of: cases with and without parameters, on
// one number of CPUs and on several, of one package and of two.
func TestNames(t *testing.T) {
	describe := func(text string) string {
		run := read(t, text)
		var out []string
		for _, c := range run.Cases() {
			out = append(out, strings.Join([]string{c.Name(), c.Label(), c.CPUSet(), c.FullName(), c.Title(), c.TitleAmong([]int{2}), c.TitleAmong([]int{1, 2})}, "|"))
		}
		return fmt.Sprint(strings.Join(out, "; "), " ", run.NamesPackages(), run.Ambiguous(), run.CPUCounts())
	}
	for text, want := range map[string]string{
		"BenchmarkX-2 1 5 ns/op\n":                                               "|X||X|X|X|X on 2 CPUs false false [2]",
		"BenchmarkX 1 5 ns/op\n":                                                 "|X||X|X|X|X on 1 CPU false false [0]",
		"BenchmarkX/a=1/b-2 1 5 ns/op\n":                                         "a=1/b|a=1 b||X/a=1/b|X a=1 b|X a=1 b|X a=1 b on 2 CPUs false false [2]",
		"BenchmarkX 1 5 ns/op\nBenchmarkX-2 1 5 ns/op\n":                         "|on 1 CPU|1 CPU|X|X on 1 CPU|X on 1 CPU|X on 1 CPU; |on 2 CPUs|2 CPUs|X|X on 2 CPUs|X on 2 CPUs|X on 2 CPUs false false [0 2]",
		"pkg: p/a\nBenchmarkX-2 1 5 ns/op\n":                                     "|X||X|X|X|X on 2 CPUs true false [2]",
		"pkg: p/a\nBenchmarkX-2 1 5 ns/op\npkg: p/b\nBenchmarkX/k-2 1 5 ns/op\n": "|p/a.X||p/a.X|p/a.X|p/a.X|p/a.X on 2 CPUs; k|k||p/b.X/k|p/b.X k|p/b.X k|p/b.X k on 2 CPUs true true [2 2]",
	} {
		if got := describe(text); got != want {
			t.Errorf("%q:\n got %s\nwant %s", text, got, want)
		}
	}
	a := read(t, "pkg: p\nBenchmarkX/k=1-2 1 5 ns/op 3 b 5 ns/op 2 a\nBenchmarkX/k=1-2 1 5 ns/op 7 c\n").Cases()[0]
	for _, test := range []struct{ got, want string }{
		{a.Identity(false, false), "X\x00k=1"}, {a.Identity(true, false), "X\x00k=1\x00p"}, {a.Identity(false, true), "X\x00k=1\x002"}, {a.Identity(true, true), "X\x00k=1\x00p\x002"},
		{fmt.Sprint(a.Cells[""].Units()), "[ns/op b a c]"}, {ModelName("") + ModelName("m"), "(no model)m"}, {WithModel("w", "") + WithModel("w", "m"), "ww, m"},
	} {
		if test.got != test.want {
			t.Errorf("%q, want %q", test.got, test.want)
		}
	}
	var none *Cell
	if none.Usable() || (&Cell{}).Usable() || !a.Measured() || (&Case{Cells: map[string]*Cell{"": {}}}).Measured() {
		t.Error("what has no results has no numbers")
	}
	if (&Cell{Failed: "x"}).Failure() != "x" || (&Cell{}).Failure() != "" {
		t.Error("a cell of its own")
	}
	for path, want := range map[string]string{"r/bench.txt": "r", "r": "r", "bench.txt": "."} {
		if got := (&Run{Path: path, Files: []string{"bench.txt"}}).Dir(); got != want {
			t.Errorf("directory of %s: %s", path, got)
		}
	}
	if got := (&Run{Path: "-"}).Dir(); got != "-" {
		t.Errorf("of standard input: %s", got)
	}
}

// What was given up with fewer results than decide anything, in a run that
// wanted more, has none; with enough of them, or where fewer were wanted, it
// has those.
func TestGivenUp(t *testing.T) {
	for _, tt := range []struct {
		count, results int
		skipped, want  bool
	}{{6, 5, true, false}, {6, 6, true, true}, {10, 6, true, true}, {10, 5, true, false}, {3, 2, true, false}, {3, 3, true, true}, {6, 5, false, true}} {
		text := fmt.Sprintf("# switchyard {\"format\":1,\"count\":%d}\n", tt.count) + strings.Repeat("BenchmarkX/n=1/model=a-2 1 5 ns/op\n", tt.results)
		if tt.skipped {
			text += "--- SKIP: BenchmarkX/n=1/model=a-2\n    left out\n"
		}
		if got := read(t, text).Workloads[0].Cases[0].Cells["a"].Usable(); got != tt.want {
			t.Errorf("%+v: %v", tt, got)
		}
	}
}

// Failures and skips, each with its place, in the order of the report.
func TestFailuresAndSkips(t *testing.T) {
	run := read(t, `# switchyard {"format":1,"models":["b","a"]}
BenchmarkX/n=1/model=a-2 1 5 ns/op
BenchmarkX/n=1/model=a-4 1 5 ns/op
BenchmarkX/n=2/model=a-2 1 5 ns/op
--- FAIL: BenchmarkX/n=1/model=b-2
    one
--- FAIL: BenchmarkX/n=1/model=b-2
    two
--- FAIL: BenchmarkX/n=2/model=a-2
    late
--- FAIL: BenchmarkX/model=d-2
    all of d
--- FAIL: BenchmarkX/model=c-2
--- SKIP: BenchmarkX/n=2/model=b-2
    too slow
--- SKIP: BenchmarkX/n=1/model=a-2
    measured all the same
--- SKIP: BenchmarkX/model=z-2
    no z
--- SKIP: BenchmarkX/model=y-2
    no y
`)
	if got, want := strings.Join(run.Failures(), "; "), "X, c: no reason given; X, d: all of d; X/n=1 on 2 CPUs, b: one; X/n=2 on 2 CPUs, a: late"; got != want {
		t.Errorf("failures %s", got)
	}
	if got, want := strings.Join(run.Skips(), "; "), "X, y: no y; X, z: no z; X n=2 on 2 CPUs, b: too slow"; got != want {
		t.Errorf("skips %s", got)
	}
	if fmt.Sprint(run.Models) != "[b a d c z y]" {
		t.Errorf("models %s", run.Models)
	}
}

// Cases stand in the header's order, then as they came, each on few CPUs before
// many.
func TestOrderOfCases(t *testing.T) {
	run := read(t, "# workload {\"name\":\"X\",\"cases\":[\"n=2\",\"n=1\"]}\n"+
		"BenchmarkX/n=9-4 1 5 ns/op\nBenchmarkX/n=8-4 1 5 ns/op\nBenchmarkX/n=1-8 1 5 ns/op\nBenchmarkX/n=9-2 1 5 ns/op\nBenchmarkX/n=1-4 1 5 ns/op\nBenchmarkX/n=2-4 1 5 ns/op\n")
	var got []string
	for _, c := range run.Cases() {
		got = append(got, fmt.Sprintf("%s-%d", c.Name(), c.CPUs))
	}
	if fmt.Sprint(got) != "[n=2-4 n=1-4 n=1-8 n=9-2 n=9-4 n=8-4]" {
		t.Error(got)
	}
}

// A verdict of go test without a number of CPUs holds for those that the
// benchmark ran on, or else its package.
func TestVerdictsFindTheirCPUs(t *testing.T) {
	line := func(name string) string { return "Benchmark" + name + " \t1\t5 ns/op\n" }
	fail := func(name string) string { return "--- FAIL: Benchmark" + name + "\n    no\n" }
	for name, test := range map[string]struct{ text, want string }{
		"nothing ran":             {fail("X"), "map[X:FAILED no]"},
		"nothing ran, a number":   {fail("X-4"), "map[X-4:FAILED no]"},
		"on all of the package's": {line("Y-2") + line("Y-4") + fail("X/a"), "map[X/a-2:FAILED no X/a-4:FAILED no Y-2:ok 1 Y-4:ok 1]"},
		"on its own":              {line("Y-2") + line("X/a-4") + fail("X/a"), "map[X/a-4:FAILED no Y-2:ok 1]"},
		"a number that is one":    {line("Y-2") + fail("X-2"), "map[X-2:FAILED no Y-2:ok 1]"},
		"a number that is none":   {line("Y-2") + fail("X-3"), "map[X-3-2:FAILED no Y-2:ok 1]"},
		"the whole workload":      {line("X/a-2") + fail("X"), "map[X:FAILED no X/a-2:part of a failure]"},
		"an odd name's end":       {line("A-2") + line("B-2") + line("C-2") + line("D-7") + fail("X/a"), "map[A-2:ok 1 B-2:ok 1 C-2:ok 1 D-7:ok 1 X/a-2:FAILED no]"},
		"two of each":             {line("A-2") + line("B-2") + line("D-7") + fail("X/a"), "map[A-2:ok 1 B-2:ok 1 D-7:ok 1 X/a-2:FAILED no X/a-7:FAILED no]"},
		"of another package":      {"pkg: p\n" + line("A-2") + "pkg: q\n" + fail("X/a"), "map[A-2:ok 1 X/a:FAILED no]"},
	} {
		if got := fmt.Sprint(outcomes(read(t, test.text))); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

// Beyond the limits results, models and failures are left out, at the limits
// none is.
func TestLimitsOfARun(t *testing.T) {
	models := func(n int) *Run {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "BenchmarkX/model=m%d-2 1 5 ns/op\nBenchmarkY/model=m%d-2 1 5 ns/op\n", i, i)
		}
		return read(t, b.String())
	}
	if run := models(MaxModels); len(run.Models) != MaxModels || len(run.Notes) != 0 || run.Results() != 2*MaxModels {
		t.Errorf("%d models, notes %q", len(run.Models), run.Notes)
	}
	if run := models(MaxModels + 1); len(run.Models) != MaxModels || run.Results() != 2*MaxModels || len(run.Notes) != 1 || !strings.HasPrefix(run.Notes[0], "2 results left out: ") {
		t.Errorf("%d models, notes %q", len(run.Models), run.Notes)
	}
	cells := func(n int, more string) *Run {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "BenchmarkX/n=%d-2 1 5 ns/op\n", i)
		}
		return read(t, b.String()+more)
	}
	if run := cells(MaxCells, "BenchmarkX/n=0-2 1 6 ns/op\n"); run.Results() != MaxCells+1 || len(run.Notes) != 0 {
		t.Errorf("%d results, notes %q", run.Results(), run.Notes)
	}
	for more, want := range map[string]string{
		"BenchmarkX/n=x-2 1 5 ns/op\n":         "1 result left out: ",
		"--- FAIL: BenchmarkX/n=x-2\n    no\n": "failures or skips beyond what a report can hold were left out",
	} {
		if run := cells(MaxCells, more); run.Results() != MaxCells || len(run.Notes) != 1 || !strings.HasPrefix(run.Notes[0], want) {
			t.Errorf("%q: %d results, notes %q", more, run.Results(), run.Notes)
		}
	}
}

// A header that declares more than a report judges is cut where that ends.
func TestLimitsOfADeclaration(t *testing.T) {
	list := func(form string, n int) string {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprintf(form, i))
		}
		return strings.Join(all, ",")
	}
	for _, more := range []int{0, 1} {
		cases := list(`"n=%d"`, 1000+more)
		run := read(t, `# switchyard {"format":1,"models":[`+list(`"m%d"`, MaxModels+more)+"]}\n"+
			`# workload {"name":"X","cases":[`+cases+`],"more":[`+cases+"]}\nBenchmarkX/n=0/model=m0-2 1 5 ns/op\n")
		if info := run.Workloads[0].Info; len(run.Models) != MaxModels || len(info.Cases) != 1000 || len(info.More) != 1000 || len(run.Notes) != 0 {
			t.Errorf("%d models, %d and %d cases, notes %q", len(run.Models), len(info.Cases), len(info.More), run.Notes)
		}
	}
}

// Errors of reading are the file's, with its name; those of the latency log are
// noted, and the results stand.
func TestErrorsOfReading(t *testing.T) {
	bad := errors.New("bad disk")
	for name, r := range map[string]io.Reader{
		"at once":           iotest.ErrReader(bad),
		"after the first":   io.MultiReader(strings.NewReader("BenchmarkX-2 1 5 ns/op\n"), iotest.ErrReader(bad)),
		"in the midst":      io.MultiReader(strings.NewReader(strings.Repeat("BenchmarkX-2 1 5 ns/op\n", 9000)), iotest.ErrReader(bad)),
		"gzip, in its head": io.MultiReader(strings.NewReader("\x1f\x8b\x08\x00\x00\x00\x00\x00"), iotest.ErrReader(bad)),
	} {
		if _, err := Read("my.txt", r); !errors.Is(err, bad) || !strings.HasPrefix(err.Error(), "report: ") || !strings.Contains(err.Error(), "my.txt") {
			t.Errorf("%s: %v", name, err)
		}
	}
	var empty bytes.Buffer
	gzip.NewWriter(&empty).Close()
	if _, err := Read("f", &empty); !errors.Is(err, ErrNoResults) || !strings.Contains(err.Error(), "the file is empty") {
		t.Errorf("gzip of nothing: %v", err)
	}
	// What is damaged before anything could be read is an error; what was read
	// before stands.
	packed := zip(t, strings.Repeat("BenchmarkX-2 1 5 ns/op\n", 100))
	if _, err := Read("f", strings.NewReader(packed[:10]+"\xff\xff\xff\xff")); err == nil || !strings.Contains(err.Error(), "unpacking it: unexpected EOF") {
		t.Errorf("damaged at once: %v", err)
	}
	wrong := []byte(packed)
	wrong[len(wrong)-8] ^= 1 // the checksum
	if run, err := Read("f", bytes.NewReader(wrong)); err != nil || run.Results() != 100 || len(run.Notes) != 1 || !strings.Contains(run.Notes[0], "damaged") {
		t.Errorf("a wrong checksum: %v, %+v", err, run)
	}
	if run := read(t, "BenchmarkX-2 1 5 ns/op\n--- FAIL: Benchmark/x\n    no\n"); run.Results() != 1 || len(run.Failures()) != 0 {
		t.Errorf("a failure of no workload: %q", run.Failures())
	}
	dir := t.TempDir()
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Skip("no symbolic links: ", err)
	}
	if _, err := Load(filepath.Join(dir, "loop")); !errors.Is(err, syscall.ELOOP) || !strings.HasPrefix(err.Error(), "report: ") {
		t.Errorf("a file that cannot be opened: %v", err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(dir, benchlog.BenchFile), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("nothing\n")
	if _, err := Load(dir); !errors.Is(err, ErrNoResults) {
		t.Errorf("no results: %v", err)
	}
	write(reporttest.Small)
	if run, err := Load(dir); err != nil || len(run.Notes) != 0 || fmt.Sprint(run.Files) != "[bench.txt]" || run.Path != dir {
		t.Errorf("without a latency log: %v, %+v", err, run)
	}
	if err := os.Symlink("loop", filepath.Join(dir, benchlog.LatencyFile)); err != nil {
		t.Fatal(err)
	}
	if run, err := Load(dir); err != nil || run.Results() != 4 || len(run.Notes) != 1 || !strings.HasPrefix(run.Notes[0], "latency histograms were not read: ") || len(run.Files) != 1 {
		t.Errorf("a latency log that cannot be opened: %v, %+v", err, run)
	}
}

// Standard input is read to its end.
func TestLoadStandardInput(t *testing.T) {
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer func(f *os.File) { os.Stdin = f }(os.Stdin)
	os.Stdin = in
	if _, err := out.WriteString("BenchmarkX-2 1 5 ns/op\n"); err != nil {
		t.Fatal(err)
	}
	out.Close()
	run, err := Load(Stdin)
	if err != nil || run.Results() != 1 || run.Path != "standard input" || len(run.Files) != 0 {
		t.Errorf("%v, %+v", err, run)
	}
}

// Copies in memory are the run that the files are.
func TestFromMemory(t *testing.T) {
	log := reporttest.SmallLog + hlogLine(t, "Lock/tasks=2/model=greenlet-2", 3, upTo(100)...) + hlogLine(t, "None/model=greenlet-2", 3, 1)
	run, err := FromMemory("dir", []byte(reporttest.Small), []byte(log))
	if err != nil {
		t.Fatal(err)
	}
	if l := run.Cases()[0].Cells["greenlet"].Latency; run.Path != "dir" || fmt.Sprint(run.Files) != "[bench.txt latency.hlog]" || run.Dir() != "dir" || l == nil || l.Count != 100 {
		t.Errorf("%+v", run)
	}
	if fmt.Sprint(run.Notes) != "[1 latency histogram of no result in bench.txt left out]" {
		t.Errorf("notes %q", run.Notes)
	}
	if _, err := FromMemory("dir", []byte("nothing\n"), []byte(log)); !errors.Is(err, ErrNoResults) || !strings.Contains(err.Error(), filepath.Join("dir", "bench.txt")) {
		t.Errorf("nothing: %v", err)
	}
	empty, err := FromMemory("dir", []byte(reporttest.Small), []byte(reporttest.SmallLog+hlogLine(t, "Lock/tasks=2/model=greenlet-2", 3)))
	if err != nil || empty.Cases()[0].Cells["greenlet"].Latency != nil {
		t.Errorf("a histogram of nothing: %v", err)
	}
}

// Input in UTF-16 that is short or odd is read as far as it makes sense.
func TestWideInput(t *testing.T) {
	le := func(s string) string {
		var b strings.Builder
		for _, c := range s {
			b.WriteByte(byte(c))
			b.WriteByte(byte(c >> 8))
		}
		return b.String()
	}
	line := "BenchmarkX-2 1 5 ns/op\n"
	for name, text := range map[string]string{
		"a mark in the midst":    "\xff\xfe" + le(line+"\ufeff") + le(line),
		"half a pair":            "\xff\xfe" + le("pkg: a\n") + "\x3d\xd8" + le("\n"+line+line),
		"half a pair at the end": "\xff\xfe" + le(line+line) + "\x3d\xd8",
		"a mark in a plain file": "\xef\xbb\xbf" + line + line,
		"a mark in a gzip":       zip(t, "\xff\xfe"+le(line+line)),
		"a plain mark in a gzip": zip(t, "\xef\xbb\xbf"+line+line),
		"no mark in a gzip":      zip(t, le(line+line)),
	} {
		if run, err := Read("f", strings.NewReader(text)); err != nil || run.Results() != 2 {
			t.Errorf("%s: %v, %+v", name, err, run)
		}
	}
}

func zip(t *testing.T, text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	z.Close()
	return b.String()
}
