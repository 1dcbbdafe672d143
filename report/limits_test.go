package report

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Numbers at and beside every limit at which their form changes.
func TestFormatsAtTheirLimits(t *testing.T) {
	for _, test := range []struct{ got, want string }{
		{formatRatio(9.949), "9.95×"}, {formatRatio(9.95), "9.9×"}, {formatRatio(10.32), "10.3×"}, {formatRatio(99.49), "99.5×"}, {formatRatio(99.5), "100×"},
		{formatRatio(0.0995), "0.10×"}, {formatRatio(0.0994), "0.099×"}, {formatRatio(0.00995), "0.010×"}, {formatRatio(0.00994), "0.0099×"}, {formatRatio(0), "0.00×"},
		{formatRatio(999_999), "999999×"}, {formatRatio(1e6), "1e+06×"}, {formatRatio(math.Inf(1)), "∞×"}, {formatRatio(math.Inf(-1)), "∞×"},
		{formatPct(0.995), "100 %"}, {formatPct(0.0995), "10 %"}, {formatPct(0.0994), "9.9 %"}, {formatPct(0.00095), "0.1 %"}, {formatPct(0.00094), "0.094 %"}, {formatPct(0), "0 %"},
		{formatP(0.00099), "<0.001"}, {formatP(0.001), "0.001"}, {formatP(0.9994), "0.999"}, {formatP(0.9995), "1"}, {formatP(math.NaN()), ""},
		{formatDelta(9), "+900.0%"}, {formatDelta(9.01), "10.0×"}, {formatDelta(-0.5), "-50.0%"}, {formatDelta(math.Inf(1)), "from 0"}, {formatDelta(math.NaN()), "from 0"},
		{formatValue(0.00099, "w"), "<0.001"}, {formatValue(0.001, "w"), "0.001"}, {formatValue(0.9999, "w"), "1"}, {formatValue(1, "w"), "1.00"}, {formatValue(-5, "w"), "-5.00"},
		{formatValue(99.94, "B/s"), "99.9B/s"}, {formatValue(99.95, "B/s"), "100B/s"}, {formatValue(9.994, "B/s"), "9.99B/s"}, {formatValue(9.995, "B/s"), "10.0B/s"},
		{formatValue(1e10, "ops/s"), "10.0G/s"}, {formatValue(1e21, "ops/s"), "1e+21/s"}, {formatValue(1e-5, "ns/op"), "1e-05ns"},
		{formatTick(1.25e3, "ops/s"), "1.25k/s"}, {formatTick(-1e7, "ops/s"), "-10M/s"}, {formatTick(5, ""), "5"},
		{number(math.NaN()), ""}, {number(1.2345678), "1.23457"},
		{list([]string{"a"}), "a"}, {list([]string{"a", "b"}), "a and b"}, {count(2, "bus"), "2 buses"}, {count(0, "case"), "0 cases"},
	} {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
	for ratio, want := range map[float64]int{1: 0, 1.05: 0, 1.051: 1, 1.25: 1, 1.26: 2, 1.6: 2, 1.61: 3, 2.5: 3, 2.51: 4, 5: 4, 5.01: 5, 1 / 1.05: 0, 1 / 1.06: 1, 0.2: 4, 0.19: 5} {
		if got := logStep(ratio); got != want {
			t.Errorf("logStep(%v) = %d, want %d", ratio, got, want)
		}
	}
}

// Payloads too short for what a decoder looks at are damage, not a panic.
func TestShortHistograms(t *testing.T) {
	for n := range 10 {
		run := read(t, small)
		payload := base64.StdEncoding.EncodeToString(make([]byte, n))
		own := run.readLatency(strings.NewReader(smallLog + "Tag=Lock/tasks=2/model=greenlet-2,0,0,0," + payload + "\n"))
		if !own || len(run.Notes) != 1 || !strings.HasPrefix(run.Notes[0], "1 of 1 latency histograms could not be read: ") {
			t.Errorf("%d bytes: notes %q", n, run.Notes)
		}
	}
}

// The percentiles of a curve are those of the values themselves, to the three
// digits of the histogram.
func TestPercentilesAreTheValues(t *testing.T) {
	var values []int64
	for i := range int64(5000) {
		values = append(values, 1000+i*i)
	}
	run := read(t, small)
	run.readLatency(strings.NewReader(smallLog + hlogLine(t, "Lock/tasks=2/model=greenlet-2", 3, values...)))
	l := run.Workloads[0].Cases[0].Cells["greenlet"].Latency
	last := -1.0
	for _, q := range l.Points {
		rank := max(1, int(math.Ceil(q.P/100*5000-1e-9)))
		if want := float64(values[rank-1]); math.Abs(q.NS/want-1) > 0.0015 {
			t.Errorf("p%v = %v, want %v", q.P, q.NS, want)
		}
		if q.P <= last {
			t.Errorf("p%v after p%v", q.P, last)
		}
		last = q.P
	}
	if first := l.Points[0].P; first != 0 || last != 100 || len(l.Points) < 40 {
		t.Errorf("from p%v to p%v in %d points", first, last, len(l.Points))
	}
	if _, ok := l.at(99.9); !ok {
		t.Error("five thousand ops have a 99.9th percentile")
	}
	if _, ok := l.at(99.99); ok {
		t.Error("five thousand ops have no 99.99th percentile")
	}
}

// A file is read up to its limit, and one byte above it that is said.
func TestFileLimit(t *testing.T) {
	defer func(n int64) { maxBytes = n }(maxBytes)
	text := "BenchmarkX-2 1 5 ns/op\nBenchmarkX-2 1 6 ns/op\n"
	maxBytes = 3 << 20
	pad := strings.Repeat("# "+strings.Repeat("x", 1021)+"\n", 3<<10)
	for _, test := range []struct {
		text    string
		results int
		said    bool
	}{
		{text + pad[:3<<20-len(text)-1] + "\n", 2, false},
		{text + pad[:3<<20-len(text)-1] + "\n" + "B", 2, true},
		{text + pad[:3<<20-len(text)-1] + "\n" + text, 2, true},
	} {
		run := read(t, test.text)
		said := slices.Contains(run.Notes, "only the first 3 MiB were read")
		if run.Results() != test.results || said != test.said {
			t.Errorf("%d bytes: %d results, notes %q", len(test.text), run.Results(), run.Notes)
		}
	}
}

// More benchmarks than a report judges are said to be left out, by report and
// by compare, in the text and on the page.
func TestTooManyCells(t *testing.T) {
	var b strings.Builder
	for i := range maxCells + 3 {
		fmt.Fprintf(&b, "Benchmark%d-2 1 5 ns/op\n", i)
	}
	run := read(t, b.String())
	want := "3 results left out: a report judges at most 5000 cells, 24 models and 200000 results"
	if run.Results() != maxCells || fmt.Sprint(run.Notes) != "["+want+"]" {
		t.Fatalf("%d results, notes %q", run.Results(), run.Notes)
	}
	tiny := read(t, "Benchmark1-2 1 5 ns/op\n")
	sayEverywhere(t, run, tiny, want)
}

// sayEverywhere checks that a note of a run stands in all texts and pages it is
// in.
func sayEverywhere(t *testing.T, run, other *Run, want string) {
	t.Helper()
	for name, write := range map[string]func(*bytes.Buffer) error{
		"report":                func(b *bytes.Buffer) error { return WriteText(b, run, Options{Width: 1000}) },
		"report as a baseline":  func(b *bytes.Buffer) error { return WriteText(b, other, Options{Width: 1000, Baseline: run}) },
		"compare, new":          func(b *bytes.Buffer) error { return WriteCompare(b, other, run, Options{Width: 1000}) },
		"compare, old":          func(b *bytes.Buffer) error { return WriteCompare(b, run, other, Options{Width: 1000}) },
		"page":                  func(b *bytes.Buffer) error { return WriteHTML(b, run, Options{}) },
		"page of a comparison":  func(b *bytes.Buffer) error { return WriteHTML(b, run, Options{Baseline: other}) },
		"page, as the baseline": func(b *bytes.Buffer) error { return WriteHTML(b, other, Options{Baseline: run}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil || !strings.Contains(b.String(), want) {
			t.Errorf("%s does not say %q (%v)", name, want, err)
		}
	}
}

// An incomplete last line is said wherever the file is used, and so is a line
// that is none.
func TestNotesAreSaidEverywhere(t *testing.T) {
	run := read(t, "BenchmarkX-2 1 5 ns/op\nBenchmarkX-2 ten 5 ns/op\nBenchmarkX-2 1 6 ns/op")
	other := read(t, "BenchmarkX-2 1 5 ns/op\n")
	sayEverywhere(t, run, other, "the last line is incomplete and was left out")
	sayEverywhere(t, run, other, "line 2 was left out: parsing iteration count: invalid syntax")
}

// A workload that is declared and was never reached has no rows.
func TestDeclaredWorkloadWithoutResults(t *testing.T) {
	run := read(t, `# switchyard {"format":1,"models":["a"]}
# workload {"name":"Lock","cases":["n=1"]}
# workload {"name":"Ring","cases":["n=1"]}
BenchmarkLock/n=1/model=a-2 1 5 ns/op
`)
	if len(run.Workloads) != 1 || strings.Contains(pageOf(t, run), "Ring") {
		t.Errorf("%d workloads", len(run.Workloads))
	}
}

// Different names never look alike, however long they are and whatever stands
// in them.
func TestNamesStayDifferent(t *testing.T) {
	long := strings.Repeat("x", 200)
	all := []string{"", "a", `\x1b`, "\x1b", `\\x1b`, "\\\x1b", "\xff", "\xfe", "\uFFFD", `\xff`, "a b", "a\u00a0b", "a\tb", "a\nb", "\u202e", `\u202e`,
		long, long + "1", long + "2", "1" + long, "2" + long, long[:100] + "1" + long[100:], long[:100] + "2" + long[100:], long[:maxShown], long[:maxShown+1]}
	seen := map[string]string{}
	for _, s := range all {
		shown := clean(s)
		if other, ok := seen[shown]; ok {
			t.Errorf("%q and %q are both shown as %q", s, other, shown)
		}
		seen[shown] = s
		if n := len([]rune(shown)); n > maxShown {
			t.Errorf("%q is shown in %d characters", s, n)
		}
	}
	if got := clean(long[:maxShown]); got != long[:maxShown] {
		t.Errorf("a name that fits was cut: %q", got)
	}
	// In the tables too: a case that is named as its workload, long names.
	run := read(t, "BenchmarkX-2 1 5 ns/op\nBenchmarkX/X-2 1 5 ns/op\nBenchmark"+long+"/a-2 1 5 ns/op\nBenchmark"+long+"/b-2 1 5 ns/op\n")
	var text bytes.Buffer
	if err := WriteText(&text, run, Options{Width: 300}); err != nil {
		t.Fatal(err)
	}
	rows := map[string]bool{}
	for _, line := range strings.Split(text.String(), "\n") {
		if name, _, ok := strings.Cut(line, "  200M"); ok {
			rows[strings.TrimSpace(name)] = true
		}
	}
	if len(rows) != 4 {
		t.Errorf("%d different rows of 4:\n%s", len(rows), &text)
	}
}

// shellWords lets sh take a command apart.
func shellWords(t *testing.T, command string) []string {
	t.Helper()
	out, err := exec.Command("sh", "-c", `for w in "$@"; do printf '%s\000' "$w"; done`, "sh").Output()
	if err != nil || len(out) != 0 {
		t.Fatalf("sh: %v", err)
	}
	out, err = exec.Command("sh", "-c", "set -- "+command+"\n"+`for w in "$@"; do printf '%s\000' "$w"; done`).CombinedOutput()
	if err != nil {
		t.Fatalf("sh does not take %s: %v: %s", command, err, out)
	}
	return strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00")
}

// What is shown to be pasted is one word for a shell, and nothing in it is
// obeyed by a terminal.
func TestShellQuote(t *testing.T) {
	for _, s := range []string{"a", "", "a b", "it's", `"$HOME"`, "`id`", "$(id)", "a;b", "a\nb", "*", "~", "#x", "\x1b[31m", "\u202e", "\xff'", "é", `\`, "-n", "a\tb", "!x", "{a,b}"} {
		q := ShellQuote(s)
		if got := shellWords(t, q); len(got) != 1 || got[0] != s {
			t.Errorf("%q is quoted %s, which sh reads as %q", s, q, got)
		}
		if strings.ContainsAny(q, "\x1b\u202e\t") {
			t.Errorf("%q: a terminal would obey it", q)
		}
	}
	if q := ShellQuote("results/latest-1.txt"); q != "results/latest-1.txt" {
		t.Errorf("quotes where none are needed: %s", q)
	}
}

// The commands that text and page print are taken by a shell as they stand.
func TestPrintedCommands(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "my results; $(id)")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "it's old.txt")
	command := `switchyard run --out 'it'\''s' --models ''`
	head := `# switchyard {"format":1,"command":` + fmt.Sprintf("%q", command) + `,"models":["a","b"]}` + "\n"
	if err := os.WriteFile(name, []byte(head+"smt: on\nBenchmarkX/model=a-2 1 5 ns/op\nBenchmarkX/model=b-2 1 5 ns/op\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	run, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := WriteText(&text, run, Options{Page: filepath.Join(dir, "page.html")}); err != nil {
		t.Fatal(err)
	}
	_, files, ok := strings.Cut(text.String(), "Files: ")
	if got := shellWords(t, strings.TrimSpace(files)); !ok || len(got) != 2 || got[0] != name || got[1] != filepath.Join(dir, "page.html") {
		t.Errorf("files %q", got)
	}
	p := newPage(run, Options{})
	if got := shellWords(t, p.Benchstat); fmt.Sprint(got) != "[go tool benchstat -col /model it's old.txt]" {
		t.Errorf("benchstat: %q", got)
	}
	if p.Method.Command != command {
		t.Errorf("reproduce: %q", p.Method.Command)
	}
	for _, w := range run.Warnings() {
		_, after, ok := strings.Cut(w.Remedy, "make ")
		if ok && strings.ContainsAny(after, "<>|&;$`") {
			t.Errorf("%s: %q cannot be pasted", w.ID, w.Remedy)
		}
	}
	// A command that cannot be shown as it is is not shown in part.
	for _, bad := range []string{strings.Repeat("x", 4001), "run \x1b[31m", "run \u202e"} {
		if got := whole(bad); got != "" {
			t.Errorf("shown: %q", got)
		}
	}
	if got := whole(strings.Repeat("x", 4000)); len(got) != 4000 {
		t.Errorf("a long command is cut to %d", len(got))
	}
	if foreign := newPage(read(t, "BenchmarkX-2 1 5 ns/op\n"), Options{}); foreign.Benchstat != "" {
		t.Errorf("a command about no file: %s", foreign.Benchstat)
	}
}
