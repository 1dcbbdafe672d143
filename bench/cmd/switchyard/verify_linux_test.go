package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The page that a run writes says what its results say, until one of them is
// changed.
func TestVerify(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	if status, _, stderr := result(t, runArgs(dir, "--workloads", "Good", "--count", "2")...); status != 0 {
		t.Fatal(stderr)
	}
	page := filepath.Join(dir, reportFile)
	status, stdout, stderr := result(t, "verify", dir)
	if status != 0 || !strings.HasPrefix(stdout, page+" says what the results say: 4 results embedded, ") || stderr != "" {
		t.Errorf("exit status %d: %s%s", status, stdout, stderr)
	}
	text := readFile(t, dir, reportFile)
	other := filepath.Join(t.TempDir(), "other.html")
	err := errors.Join(
		os.WriteFile(other, []byte(strings.Replace(text, `id="noise"`, `id="noises"`, 1)), 0o644),
		os.WriteFile(page, []byte(strings.Replace(text, "4 results in 2 cells", "5 results in 2 cells", 1)), 0o644))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		args []string
		want int
		out  string
		err  string
	}{
		{[]string{dir}, exitFailed, `verdict: the page has "5 results in 2 cells", the results give "4 results in 2 cells"` + "\n",
			"switchyard: " + page + " says in 1 place what the results do not\n"},
		{[]string{dir, "--html", other}, exitFailed, "noises: the page has ", "switchyard: " + other + " says in 2 places what the results do not\n"},
		{[]string{dir, "--html", filepath.Join(dir, "none")}, exitFailed, "", "switchyard: report: the page: open " + filepath.Join(dir, "none") + ": no such file or directory\n"},
		{[]string{dir, "--baseline", filepath.Join(dir, "none")}, exitFailed, "", "none"},
		{[]string{"-"}, exitUsage, "", "standard input has no page"},
		{[]string{dir, dir}, exitUsage, "", "verify --help"},
	} {
		status, stdout, stderr := result(t, append([]string{"verify"}, test.args...)...)
		if status != test.want || !strings.HasPrefix(stdout, test.out) || !strings.Contains(stderr, test.err) {
			t.Errorf("%q: exit status %d\n%s%s", test.args, status, stdout, stderr)
		}
	}
}
