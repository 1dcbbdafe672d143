//go:build linux

package kernel

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// made makes a file that did not exist.
func made(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

func mustMake(t *testing.T, path string) (*os.File, FileID) {
	t.Helper()
	f, err := made(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	id, err := IDOfFD(int(f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return f, id
}

func empty(t *testing.T, dir string) {
	t.Helper()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
}

// A name is removed from the file that was meant, once: socket-proxy#175.
func TestRemoveNameOfOneFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	_, old := mustMake(t, path)
	if err := RemoveName(path, old); err != nil {
		t.Fatal(err)
	}
	empty(t, filepath.Dir(path))
	_, fresh := mustMake(t, path)
	for range 2 {
		if err := RemoveName(path, old); !errors.Is(err, os.ErrNotExist) || !fresh.Is(path) {
			t.Fatal("the newcomer's name:", err)
		}
	}
	if err := RemoveName(path, FileID{fresh.Dev + 1, fresh.Ino}); !errors.Is(err, os.ErrNotExist) || !fresh.Is(path) {
		t.Fatal("the same number on another device:", err)
	}
	if err := RemoveName(path, fresh); err != nil {
		t.Fatal(err)
	}
	empty(t, filepath.Dir(path))
}

// Several remove the same file while a third waits for the name: one succeeds,
// and the third one's file stays.
func TestRemoveNameRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	old, id := mustMake(t, path)
	for range 1000 {
		var removers, maker sync.WaitGroup
		var errs [6]error
		for i := range errs {
			removers.Go(func() { errs[i] = RemoveName(path, id) })
		}
		var next *os.File
		maker.Go(func() {
			for next == nil {
				next, _ = made(path)
			}
		})
		removers.Wait()
		maker.Wait()
		got, err := IDOfFD(int(next.Fd()))
		if err != nil || !got.Is(path) {
			t.Fatal("the new file lost its name:", err)
		}
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			}
		}
		if won != 1 {
			t.Fatal("one of them succeeds:", errs)
		}
		old.Close() // only now may its number be another's
		old, id = next, got
	}
	old.Close()
}

// A remover that was killed in the midst left the file under its second name.
func TestRemoveNameInterrupted(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	_, id := mustMake(t, path)
	aside := asideName(path, id)
	if err := os.Rename(path, aside); err != nil {
		t.Fatal(err)
	}
	_, fresh := mustMake(t, path)
	if err := RemoveName(path, id); err != nil || !fresh.Is(path) {
		t.Fatal(err)
	}
	// What was renamed turns out to be another's.
	if err := os.Rename(path, aside); err != nil {
		t.Fatal(err)
	}
	if err := settle(path, aside, id); !errors.Is(err, os.ErrNotExist) || !fresh.Is(path) {
		t.Fatal("the other's file did not get its name back:", err)
	}
	// In the way of the second name is something else.
	_, third := mustMake(t, asideName(path, fresh))
	if err := RemoveName(path, fresh); err != nil || fresh.Is(path) || !third.Is(asideName(path, fresh)) {
		t.Fatal(err)
	}
}

// A process that changes its directory still removes what it made, and nothing
// of the same name where it is.
func TestNameElsewhere(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	for _, of := range []func(string) (*Name, error){NameOf, PinName} {
		_, _ = mustMake(t, here+"/file")
		_, other := mustMake(t, there+"/file")
		t.Chdir(here)
		n, err := of("./file")
		if err != nil {
			t.Fatal(err)
		}
		t.Chdir(there)
		if err := n.Remove(); err != nil {
			t.Fatal(err)
		}
		empty(t, here)
		if !other.Is("file") {
			t.Fatal("the other directory's file is gone")
		}
		os.Remove("file")
		if _, err := of("file"); !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
	}
	if err := (*Name)(nil).Remove(); err != nil {
		t.Fatal(err)
	}
}

// File systems give numbers out again. A pinned name keeps its own, and its
// descriptor no longer than that.
func TestPinNameKeepsItsNumber(t *testing.T) {
	before := openFDs(t)
	path := filepath.Join(t.TempDir(), "file")
	f, err := made(path)
	if err != nil {
		t.Fatal(err)
	}
	n, err := PinName(path)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	os.Remove(path)
	_, fresh := mustMake(t, path)
	if err := n.Remove(); !errors.Is(err, os.ErrNotExist) || !fresh.Is(path) {
		t.Fatal("the newcomer was taken for the old one:", err)
	}
	if n := openFDs(t); n != before+1 { // fresh
		t.Fatal(before, n)
	}
}
