package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// The tests that are named after the changed file and mention the function come
// first, then those of one of the two; and they take no more than a third.
func TestNear(t *testing.T) {
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
	s.measured(30*time.Second, []byte("=== RUN TestClose\n--- PASS: TestClose (2.00s)\n--- PASS: TestPut (3.00s)\n"+
		"    --- PASS: TestPut/TestOther (9.00s)\n--- PASS: TestSlow (11.00s)\n--- PASS: TestPutting (1.50s)\nPASS\n"))
	for _, tt := range []struct {
		file, function string
		want           []string
		took           time.Duration
	}{
		{"p/poolcollect_linux.go", "(*Pool).Put", []string{"TestPut", "TestClose", "Example_put"}, 5 * time.Second},
		{"p/queue.go", "Putting", []string{"TestPutting", "Example_put"}, 1500 * time.Millisecond},
		{"p/value.go", "", nil, 0},
	} {
		names, took := s.near(&Change{File: tt.file, Function: tt.function})
		if !slices.Equal(names, tt.want) || took != tt.took {
			t.Errorf("near to %s in %s are %q in %v, want %q in %v", tt.function, tt.file, names, took, tt.want, tt.took)
		}
	}
}
