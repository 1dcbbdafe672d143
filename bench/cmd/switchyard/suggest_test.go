package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"
)

// The nearest of the words is asked about, if any is near: fewer letters may be
// wrong in a short word than in a long one.
func TestDidYouMean(t *testing.T) {
	known := []string{"PingPong", "Pipe", "Lock", "a", "b", "greenlet", "goroutine", "ants"}
	for word, want := range map[string]string{
		"pingpong": "PingPong", "PingPogn": "PingPong", "PngPng": "PingPong", "lokc": "Lock", "Locks": "Lock", "pip": "Pipe",
		"gorutine": "goroutine", "grenlet": "greenlet", "ant": "ants", "A": "a", "c": "", "": "", "Queue": "", "Lo": "", "xyz": "",
	} {
		got := didYouMean(word, known)
		if want != "" {
			want = `; did you mean "` + want + `"?`
		}
		if got != want {
			t.Errorf("%q: %q, want %q", word, got, want)
		}
	}
	for words, want := range map[string]int{"|": 0, "abc|abc": 0, "abc|acb": 1, "abc|ab": 1, "abc|abcd": 1, "abc|axc": 1, "ab|ba": 1, "abcd|dcba": 3, "|abc": 3, "äö|öä": 1, "run|report": 5} {
		a, b, _ := strings.Cut(words, "|")
		if got, back := typos(a, b), typos(b, a); got != want || back != want {
			t.Errorf("%q: %d, and back %d, want %d", words, got, back, want)
		}
	}
}

// Every kind of flag that a value can be wrong for says what it wants: no
// message has the words of the library that parses it.
func TestEveryKindOfFlag(t *testing.T) {
	for _, c := range newRoot().Commands() {
		c.Flags().VisitAll(func(f *pflag.Flag) {
			kind := f.Value.Type()
			if strings.HasPrefix(kind, "string") {
				return
			}
			err := c.ParseFlags([]string{"--" + f.Name + "=?"})
			if err == nil {
				t.Errorf("%s --%s takes anything", c.Name(), f.Name)
				return
			}
			if got := badFlag(c, err).Error(); !strings.HasPrefix(got, "--"+f.Name+` "?": want `) || strings.Contains(got, "strconv") || strings.Contains(got, "invalid") {
				t.Errorf("%s --%s: %s", c.Name(), f.Name, got)
			}
		})
	}
}

// Lists of names are completed at their end, without those that they have.
func TestCompleteList(t *testing.T) {
	names := []string{"Lock", "Pipe", "PingPong"}
	for typed, want := range map[string][]string{
		"": names, "P": {"Pipe", "PingPong"}, "Lock|": {"Lock|Pipe", "Lock|PingPong"}, "Lock,Pi": {"Lock,Pipe", "Lock,PingPong"},
		"Lock|Pipe,P": {"Lock|Pipe,PingPong"}, "x": nil, "Lock": {"Lock"}, "Pipe|Pipe": nil,
	} {
		if got := completeList(typed, names); !slices.Equal(got, want) {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

// --version prints what the command does.
func TestVersionFlag(t *testing.T) {
	print := func(args ...string) string {
		var out strings.Builder
		root := newRoot()
		root.SetOut(&out)
		root.SetArgs(args)
		if err := root.Execute(); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	if flag, command := print("--version"), print("version"); flag != command || !strings.Contains(flag, "commit ") || !strings.Contains(flag, "\ngo go1") && !strings.HasPrefix(flag, "go go1") {
		t.Errorf("%q and %q", flag, command)
	}
}
