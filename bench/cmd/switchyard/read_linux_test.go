package main

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A comparison in which something failed says so and exits with 1; other
// outcomes of reading have their status and their one sentence.
func TestCompareStatus(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	old := file("old.txt", strings.Repeat("BenchmarkSave-8 \t100\t200 ns/op\n", 6))
	failed := file("failed new.txt", strings.Repeat("BenchmarkSave-8 \t100\t50 ns/op\n", 6)+"BenchmarkSave-8 \t--- FAIL: BenchmarkSave-8\n    wrote nothing\nFAIL\n")
	slow := file("slow.txt", strings.Repeat("BenchmarkSave-8 \t100\t300 ns/op\n", 6))
	slower := file("slower.txt", strings.Repeat("BenchmarkSave-8 \t100\t206 ns/op\n", 6))
	first := file("first.txt", "BenchmarkSave-8 \t100\t50 ns/op\n--- FAIL: BenchmarkSave\n    wrote nothing\n")
	built := file("built.txt", "FAIL\texample.com/x [build failed]\nFAIL\n")
	for _, test := range []struct {
		args   []string
		status int
		stdout string
		stderr string
	}{
		{[]string{old, old}, 0, "1 comparison: 0 worse, 0 better, 1 the same within 5 %.", ""},
		{[]string{old, failed}, 1, "FAILED Save: wrote nothing", "1 failure in '" + failed + "'"},
		{[]string{old, first}, 1, "FAILED Save: wrote nothing", "1 failure in " + first},
		{[]string{old, built}, 1, "FAILED example.com/x: build failed", "1 failure in " + built},
		{[]string{failed, old}, 0, "Failed in the old run: Save: wrote nothing", ""},
		{[]string{"-", "-"}, exitUsage, "", "only one of OLD and NEW can be standard input"},
		{[]string{old, slow}, 0, "Save        5.00M/s  3.33M/s  -33.3 to -33.3 % worse", ""},
		{[]string{old, slow, "--fail-on", "5%"}, 1, "1 comparison: 1 worse, 0 better.", "worse by more than 5%: 1 comparison"},
		{[]string{old, slower, "--fail-on", "5%"}, 0, "1 comparison: 0 worse, 0 better, 1 the same within 5 %.", ""},
		{[]string{old, slower, "--fail-on", "1%"}, 1, "1 comparison: 1 worse, 0 better.", "worse by more than 1%: 1 comparison"},
		{[]string{old, slow, "--fail-on=60%"}, 0, "1 comparison: 1 worse, 0 better.", ""},
		{[]string{slow, old, "--fail-on=0%"}, 0, "1 comparison: 0 worse, 1 better.", ""},
		{[]string{old, failed, "--fail-on=5%", "--format=json"}, 1, "\"failed\": [\n\t\t\"Save: wrote nothing\"\n\t]", "1 failure in '" + failed + "'"},
		{[]string{old, slow, "--format", "markdown"}, 0, "| `Save` | 5.00M/s | 3.33M/s | **-33.3% (-33.3 to -33.3) worse** |\n", ""},
		{[]string{old, slow, "--format", "csv"}, 0, ",Save,,8,,ops/s,worse,5e+06,3.33333e+06,6,6,", ""},
		{[]string{old, slow, "--format", "json"}, 0, `"claim": "worse"`, ""},
		{[]string{old, slow, "--format", "yaml"}, exitUsage, "", `--format "yaml"; there are: csv json markdown text`},
		{[]string{old, slow, "--fail-on", "5"}, exitUsage, "", `--fail-on "5": want a percentage such as 5%`},
		{[]string{old, slow, "--fail-on", "-5%"}, exitUsage, "", `--fail-on "-5%": want a percentage such as 5%`},
		{[]string{old, slow, "--fail-on", "NaN%"}, exitUsage, "", `--fail-on "NaN%": want a percentage such as 5%`},
		{[]string{old, slow, "--null", filepath.Join(dir, "none")}, 1, "", "no such file"},
		{[]string{old}, exitUsage, "", old + " is no A/B run: to compare it, name an older run before it"},
		{[]string{old, filepath.Join(dir, "none")}, 1, "", "no such file"},
		{[]string{filepath.Join(dir, "none"), old}, 1, "", "no such file"},
	} {
		status, stdout, stderr := result(t, append([]string{"compare"}, test.args...)...)
		if status != test.status || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) || (test.stderr == "") != (stderr == "") {
			t.Errorf("compare %q: status %d\n%s%s", test.args, status, stdout, stderr)
		}
	}
}

// Standard input and compressed results are read like any other.
func TestReportForms(t *testing.T) {
	text := strings.Repeat("BenchmarkSave-8 \t100\t200 ns/op\n", 6)
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	z.Close()
	for name, in := range map[string]string{"plain": text, "gzip": zipped.String()} {
		dir := t.TempDir()
		cmd := switchyard("report", "-")
		cmd.Dir, cmd.Stdin = dir, strings.NewReader(in)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "5.00M ±") || strings.Contains(string(out), "Files:") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
		if left, _ := os.ReadDir(dir); len(left) != 0 {
			t.Errorf("%s: a page where none was asked for: %v", name, left)
		}
	}
	// The page of a file is named after it: neighbours keep theirs.
	dir := t.TempDir()
	for _, name := range []string{"a.txt", "b.txt.gz"} {
		if err := os.WriteFile(filepath.Join(dir, name), zipped.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
		if status, stdout, stderr := result(t, "report", filepath.Join(dir, name)); status != 0 {
			t.Errorf("%s: status %d\n%s%s", name, status, stdout, stderr)
		}
	}
	var names []string
	left, _ := os.ReadDir(dir)
	for _, e := range left {
		names = append(names, e.Name())
	}
	if strings.Join(names, " ") != "a.html a.txt b.txt.gz b.txt.html" {
		t.Errorf("files %q", names)
	}
	status, stdout, stderr := result(t, "report", filepath.Join(dir, "a.txt"), "--html", filepath.Join(dir, "none", "page.html"))
	if status != 1 || !strings.Contains(stdout, "5.00M ±") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("a page that cannot be written takes the text with it: status %d\n%s%s", status, stdout, stderr)
	}
}

// A report of results in which a benchmark failed is whole, and says so by its
// status (gobenchdata#69).
func TestReportStatus(t *testing.T) {
	for name, text := range map[string]string{
		"first iteration": "--- FAIL: BenchmarkSave\n    save_test.go:9: wrote nothing\nFAIL\n",
		"later iteration": "BenchmarkSave-8\t100\t50 ns/op\nBenchmarkSave-8\t--- FAIL: BenchmarkSave-8\n    save_test.go:9: wrote nothing\n",
		"one of two":      "BenchmarkLoad-8\t100\t50 ns/op\n--- FAIL: BenchmarkSave-8\n    save_test.go:9: wrote nothing\n",
	} {
		path := filepath.Join(t.TempDir(), "bench.txt")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		status, stdout, stderr := result(t, "report", path)
		if status != 1 || !strings.Contains(stdout, "wrote nothing") || !strings.Contains(stderr, "1 failure in "+path) {
			t.Errorf("%s: status %d\n%s%s", name, status, stdout, stderr)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "report.html")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
