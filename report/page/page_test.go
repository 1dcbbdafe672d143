package page

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"switchyard/report/analysis"
	"switchyard/report/internal/reporttest"
	"switchyard/report/results"
	"switchyard/report/text"
)

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
	run, err := results.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := text.Write(&out, analysis.Of(run), text.Options{Page: filepath.Join(dir, "page.html")}); err != nil {
		t.Fatal(err)
	}
	_, files, ok := strings.Cut(out.String(), "Files: ")
	if got := reporttest.ShellWords(t, strings.TrimSpace(files)); !ok || len(got) != 2 || got[0] != name || got[1] != filepath.Join(dir, "page.html") {
		t.Errorf("files %q", got)
	}
	p := builderOf(analysis.Of(run)).page(nil, nil, "")
	if got := reporttest.ShellWords(t, p.Benchstat); fmt.Sprint(got) != "[go tool benchstat -col /model it's old.txt]" {
		t.Errorf("benchstat: %q", got)
	}
	if p.Method.Command != command {
		t.Errorf("reproduce: %q", p.Method.Command)
	}
	for _, w := range analysis.Of(run).Warnings {
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
	if foreign := builderOf(analysis.Of(read(t, "BenchmarkX-2 1 5 ns/op\n"))).page(nil, nil, ""); foreign.Benchstat != "" {
		t.Errorf("a command about no file: %s", foreign.Benchstat)
	}
}

// Steps of the matrix's ramp at and beside their limits.
func TestRampAtItsLimits(t *testing.T) {
	for ratio, want := range map[float64]int{1: 0, 1.05: 0, 1.051: 1, 1.25: 1, 1.26: 2, 1.6: 2, 1.61: 3, 2.5: 3, 2.51: 4, 5: 4, 5.01: 5, 1 / 1.05: 0, 1 / 1.06: 1, 0.2: 4, 0.19: 5} {
		if got := logStep(ratio); got != want {
			t.Errorf("logStep(%v) = %d, want %d", ratio, got, want)
		}
	}
	for v, want := range map[float64]string{math.Inf(-1): "", 1.2345678: "1.23457"} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
	if got := number(math.NaN()); got != "" {
		t.Errorf("NaN sorts as %q", got)
	}
}
