package format

import (
	"strings"
	"testing"

	"switchyard/report/internal/reporttest"
)

// What is shown to be pasted is one word for a shell, and nothing in it is
// obeyed by a terminal.
func TestShellQuote(t *testing.T) {
	for _, s := range []string{"a", "", "a b", "it's", `"$HOME"`, "`id`", "$(id)", "a;b", "a\nb", "*", "~", "#x", "\x1b[31m", "\u202e", "\xff'", "é", `\`, "-n", "a\tb", "!x", "{a,b}"} {
		q := ShellQuote(s)
		if got := reporttest.ShellWords(t, q); len(got) != 1 || got[0] != s {
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
