//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
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

// What is no file is no name, and the error says what was asked of the kernel.
func TestNoSuchFile(t *testing.T) {
	if id, err := IDOfFD(-1); !errors.Is(err, unix.EBADF) || err.Error() != "fstat: bad file descriptor" || id != (FileID{}) {
		t.Error(id, err)
	}
	path := filepath.Join(t.TempDir(), "none")
	for of, says := range map[string]string{"NameOf": "lstat " + path + ": no such file or directory", "PinName": "open " + path + ": no such file or directory"} {
		before := openFDs(t)
		n, err := map[string]func(string) (*Name, error){"NameOf": NameOf, "PinName": PinName}[of](path)
		if n != nil || err == nil || err.Error() != says {
			t.Errorf("%s: %v, %v", of, n, err)
		}
		if after := openFDs(t); after != before {
			t.Errorf("%s: %d descriptors, %d before", of, after, before)
		}
	}
	if err := RemoveName(path, FileID{1, 2}); err == nil || err.Error() != "remove "+path+": no such file or directory" {
		t.Error(err)
	}
	_, id := mustMake(t, path)
	if id.Is(path+"x") || !id.Is(path) || (FileID{}).Is(path+"x") {
		t.Error("what does not exist is no file's name")
	}
	// The name itself counts, not what it points to.
	link := path + "-link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if id.Is(link) {
		t.Error("a link is the file")
	}
	n, err := PinName(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Remove(); err != nil || !id.Is(path) {
		t.Error(err)
	}
	if _, err := os.Lstat(link); !errors.Is(err, os.ErrNotExist) {
		t.Error("the link is still there:", err)
	}
}

// Where the directory of the process is gone, a relative name is nobody's.
func TestNameInNoDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "gone")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	for _, of := range []func(string) (*Name, error){NameOf, PinName} {
		if n, err := of("file"); n != nil || !errors.Is(err, os.ErrNotExist) {
			t.Error(n, err)
		}
	}
}

// Other errors of the kernel are reported as they are, at once.
func TestRemoveNameRefused(t *testing.T) {
	// In the first nothing can be made, and the second is where it is mounted.
	for _, path := range []string{"/proc/self/cmdline", "/proc"} {
		id, err := idOf(path)
		if err != nil {
			t.Skip(err)
		}
		err = RemoveName(path, id)
		if err == nil || !strings.HasPrefix(err.Error(), "remove "+path+": ") || path == "/proc" && errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	}
}

// What was renamed by mistake loses its second name too, if its first is
// another's by now.
func TestRemoveNameThird(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	_, old := mustMake(t, path)
	aside := asideName(path, old)
	if want := fmt.Sprintf("%s/.removed-%x-%x", filepath.Dir(path), old.Dev, old.Ino); aside != want {
		t.Error(aside, want)
	}
	mustMake(t, aside) // not the old one
	if err := settle(path, aside, old); err != unix.ENOENT || !old.Is(path) {
		t.Fatal(err)
	}
	if _, err := os.Lstat(aside); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("it stays aside:", err)
	}
	if err := settle(path, aside, old); err != unix.ENOENT {
		t.Fatal("nothing is aside:", err)
	}
	if err := RemoveName(path, old); err != nil {
		t.Fatal(err)
	}
	empty(t, filepath.Dir(path))
}
