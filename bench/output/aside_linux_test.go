package output

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Of the results that were set aside the newest are kept. Whatever is not ours
// stays, and does not count.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	ours := []string{
		"20251231T235959.999", "20261120T190311.042", "20261120T190311.042-2", "20261120T190311.042-9",
		"20261120T190311.042-10", "20261120T190311.043", "20261121T000000.000",
	}
	for _, name := range ours {
		putIn(t, filepath.Join(dir, name, "a"), "ours")
	}
	putIn(t, filepath.Join(dir, ours[1], "b"), "ours too")
	foreign := []string{
		"20200101T000000.000/c", "20200101T000000.001/a/a", "20200101T000000.002-1/a", "20200101T000000.003-x/a", "20200101T0000/a",
		"20200101T000000.0000/a", "20201301T000000.000/a", "x20200101T000000.000/a", "notes/a", "20200101T000000.004-/a",
	}
	for _, name := range foreign {
		putIn(t, filepath.Join(dir, name), "ours")
	}
	putIn(t, filepath.Join(dir, "20200101T000000.005/a"), "theirs")
	putIn(t, filepath.Join(dir, "20200101T000000.006"), "a file")
	putIn(t, filepath.Join(dir, "20200101T000000.007/a"), "ours")
	putIn(t, filepath.Join(dir, "20200101T000000.007/mine"), "not ours")
	elsewhere := t.TempDir()
	put(t, filepath.Join(elsewhere, "a"), "ours")
	err := errors.Join(os.Symlink(elsewhere, filepath.Join(dir, "20200101T000000.008")), os.Mkdir(filepath.Join(dir, "20200101T000000.009"), 0o755),
		os.Mkdir(filepath.Join(dir, "20200101T000000.010"), 0o755), os.Symlink(filepath.Join(elsewhere, "a"), filepath.Join(dir, "20200101T000000.010", "a")))
	if err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	isOurs := func(aside string) bool {
		text, _ := os.ReadFile(filepath.Join(aside, "a"))
		return string(text) == "ours"
	}
	for _, tt := range []struct {
		keep int
		want []string
	}{{8, nil}, {7, nil}, {5, ours[:2]}, {5, nil}, {2, ours[2:5]}, {0, ours[5:]}, {0, nil}} {
		deleted, err := Prune(dir, tt.keep, isOurs, "a", "b")
		if err != nil || !slices.Equal(deleted, tt.want) {
			t.Errorf("keeping %d: deleted %q, %v, want %q", tt.keep, deleted, err, tt.want)
		}
	}
	after, err := os.ReadDir(dir)
	if err != nil || len(after) != len(before)-len(ours) {
		t.Errorf("%d of %d entries are left (%v), want all but %d", len(after), len(before), err, len(ours))
	}
	for _, name := range append(foreign, "20200101T000000.007/mine", "20200101T000000.008/a", "20200101T000000.010/a") {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if _, err := Prune(filepath.Join(dir, "none"), 5, isOurs, "a"); err == nil || !strings.HasPrefix(err.Error(), "look for old results in ") {
		t.Errorf("a directory that is not there: %v", err)
	}
}

// putIn is put in a directory that is made if need be.
func putIn(t *testing.T, path, s string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	put(t, path, s)
}
