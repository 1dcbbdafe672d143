package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

func TestChooseLanes(t *testing.T) {
	for text, want := range map[string][]int{"all": {8}, "1": {1}, "all,1": {1, 8}, "8,all, 2": {2, 8}, "1,2,16,all": {1, 2, 8}} {
		if got, err := chooseLanes(text, 8); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "9", "one", "1,,2", "1,9", "0,all"} {
		if got, err := chooseLanes(text, 8); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestCommandLine(t *testing.T) {
	got := commandLine([]string{"/somewhere/switchyard", "run", "--workloads", "A|B", "it's", ""})
	if want := `switchyard run --workloads 'A|B' 'it'\''s' ''`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// What is quoted reads back as it was, in a shell.
func TestShellWords(t *testing.T) {
	words := []string{"plain-1.2/x:y@z,+", "", "a b", "it's", "$HOME", "~", "=ls", "a\nb", "*", "-n", "\\", "ä", "a#b", "!!", "\xff"}
	out, err := exec.Command("sh", "-c", `for w in "$@"; do printf '%s\0' "$w"; done`, "sh").Output()
	if err != nil || len(out) != 0 {
		t.Skip("no sh here: ", err)
	}
	out, err = exec.Command("sh", "-c", "for w in "+shellWords(words)+`; do printf '%s\0' "$w"; done`).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00"); !slices.Equal(got, words) {
		t.Errorf("a shell reads %q as %q", shellWords(words), got)
	}
}
