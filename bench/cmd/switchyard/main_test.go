package main

import (
	"slices"
	"testing"
)

func TestChooseLanes(t *testing.T) {
	for text, want := range map[string][]int{"all": {8}, "1": {1}, "all,1": {1, 8}, "8,all, 2": {2, 8}} {
		if got, err := chooseLanes(text, 8); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "0", "9", "one", "1,,2"} {
		if got, err := chooseLanes(text, 8); err == nil {
			t.Errorf("%q: %v", text, got)
		}
	}
}

func TestCPUList(t *testing.T) {
	if got := cpuList([]int{0, 1, 2, 5, 7, 8}); got != "0-2,5,7-8" {
		t.Errorf("got %s", got)
	}
}

func TestCommandLine(t *testing.T) {
	got := commandLine([]string{"/somewhere/switchyard", "run", "--workloads", "A|B", "it's", ""})
	if want := `switchyard run --workloads 'A|B' 'it'\''s' ''`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
