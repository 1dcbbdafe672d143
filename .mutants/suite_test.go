package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Quick tests come first, and those that are named after the changed file or
// mention the function; and what runs first takes little.
func TestBatches(t *testing.T) {
	s := &Suite{Dir: t.TempDir()}
	for name, text := range map[string]string{
		"dictionary_test.go": "package a\n\nfunc TestOther(t *testing.T) { Add() }\n",
		"pool_test.go": "package a\n\nfunc TestMain(m *testing.M) {}\nfunc helper() { Put() }\n" +
			"func TestClose(t *testing.T) {}\nfunc TestSlow(t *testing.T) { Put() }\nfunc TestPut(t *testing.T) { Put() }\n",
		"queue_life_test.go": "package a\n\nfunc Example_put() { Put() }\nfunc TestPutting(t *testing.T) { Putting() }\n",
	} {
		if err := os.WriteFile(filepath.Join(s.Dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.load([]string{"dictionary_test.go", "pool_test.go", "queue_life_test.go"}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range s.Tests {
		tt.Took = map[string]time.Duration{"TestOther": 500, "TestClose": 400, "TestSlow": 7200, "TestPut": 3200, "Example_put": 1200, "TestPutting": 900}[tt.Name] * time.Millisecond
	}
	for _, tt := range []struct {
		file, function string
		want           string
	}{
		{"p/poolcollect_linux.go", "(*Pool).Put", "TestClose | TestPut | Example_put TestSlow TestOther TestPutting"},
		{"p/queue.go", "Putting", "TestPutting | Example_put TestClose TestOther | TestPut TestSlow"},
		{"p/value.go", "", "TestClose TestOther | TestPutting Example_put | TestPut TestSlow"},
	} {
		var got []string
		for _, batch := range batches(&Change{File: tt.file, Function: tt.function}, s.Tests) {
			var names []string
			for _, test := range batch {
				names = append(names, test.Name)
			}
			got = append(got, strings.Join(names, " "))
		}
		if got := strings.Join(got, " | "); got != tt.want {
			t.Errorf("for %s in %s: %q, want %q", tt.function, tt.file, got, tt.want)
		}
	}
	if got := batches(&Change{File: "p/value.go"}, nil); len(got) != 0 {
		t.Errorf("of no tests: %v", got)
	}
	c := &Change{File: "p/poolcollect_linux.go", Function: "(*Pool).Put"}
	var got []string
	for _, test := range nearest(c, s.Tests, 4) {
		got = append(got, test.Name)
	}
	if got := strings.Join(got, " "); got != "TestSlow TestPut TestClose Example_put" {
		t.Errorf("near: %q", got)
	}
	if got := nearest(c, s.Tests, 7); len(got) != 6 {
		t.Errorf("of 6 tests, 7 are near: %v", got)
	}
}
