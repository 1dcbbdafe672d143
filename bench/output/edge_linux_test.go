package output

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// says fails unless an error is there and has this text.
func says(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || err.Error() != text {
		t.Errorf("error %v, want %q", err, text)
	}
}

// swap sets a standard stream of this process for the rest of the test.
func swap(t *testing.T, stream **os.File, f *os.File) {
	t.Helper()
	old := *stream
	t.Cleanup(func() { *stream = old })
	*stream = f
}

// openAt opens or makes a file that is closed with the test.
func openAt(t *testing.T, path string) *os.File {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// smallFiles lets no file of this process grow beyond n bytes, as a full disk
// does, while f runs.
func smallFiles(t *testing.T, n uint64, f func()) {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	small := limit
	small.Cur = n
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &small); err != nil {
		t.Fatal(err)
	}
	f()
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
}

// Whatever is made has all the rights that the umask leaves.
func TestModes(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	defer syscall.Umask(syscall.Umask(0))
	owner, err := Own(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Release()
	f, err := Create(filepath.Join(dir, "created"), nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	put(t, filepath.Join(dir, "old"), "")
	aside, _, err := SetAside(dir, "old")
	if err := errors.Join(err, Write(filepath.Join(dir, "written"), nil, text("x"))); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]fs.FileMode{
		filepath.Dir(dir): 0o777, dir: 0o777, aside: 0o777,
		filepath.Join(dir, lockFile): 0o666, filepath.Join(dir, "created"): 0o666, filepath.Join(dir, "written"): 0o666,
	} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v (%v), want %v", path, info.Mode(), err, want)
		}
	}
}

// openFiles counts the descriptors of this process.
func openFiles(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}

// Nothing stays open, whatever the outcome, and no temporary file is left.
func TestNothingStaysOpen(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // which would close what was forgotten
	dir := t.TempDir()
	old, socket := filepath.Join(dir, "old"), filepath.Join(dir, "socket")
	put(t, old, "old")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	results := filepath.Join(dir, "results")
	owner, err := Own(results)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Release()
	boom := func(io.Writer) error { return errors.New("boom") }
	for what, do := range map[string]func() error{
		"a new file": func() error {
			defer os.Remove(filepath.Join(dir, "new"))
			return Write(filepath.Join(dir, "new"), nil, text("x"))
		},
		"an old file":           func() error { return Write(old, nil, text("x")) },
		"a file that fails":     func() error { return Write(old, nil, boom) },
		"a stream":              func() error { return Write(os.DevNull, nil, text("x")) },
		"a stream that fails":   func() error { return Write(os.DevNull, nil, boom) },
		"a socket":              func() error { return Write(socket, nil, text("x")) },
		"cut off":               func() error { f, err := Append(old, 1); return errors.Join(err, f.Close()) },
		"cut off below 0":       func() error { _, err := Append(old, -1); return err },
		"owned by us":           func() error { _, err := Own(results); return err },
		"created and released":  func() error { o, err := Own(filepath.Join(dir, "again")); o.Release(); return err },
		"created a second time": func() error { _, err := Create(old, nil); return err },
		"pruned":                func() error { _, err := Prune(dir, 0, func(string) bool { return true }, "x"); return err },
	} {
		_ = do() // opens what is opened once, for the poller
		before := openFiles(t)
		err := do()
		if after := openFiles(t); after != before {
			t.Errorf("%s (%v): %d descriptors, %d before", what, err, after, before)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".switchyard-*")); err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %q, %v", left, err)
	}
}

// A directory whose lock file cannot be written is nobody's, and free again. A
// process of its own has the full disk: this one writes for the testing tool.
func TestOwnFull(t *testing.T) {
	dir := t.TempDir()
	out, err := role("full", dir).CombinedOutput()
	if want := "write to " + dir + ": file too large\n0 more descriptors\n"; err != nil || string(out) != want {
		t.Errorf("printed %q (%v), want %q", out, err, want)
	}
	clean(t, dir)
	owner, err := Own(dir)
	if err != nil {
		t.Fatal(err)
	}
	owner.Release()
	clean(t, dir)
}

// ownFull is the process that owns a directory on a full disk.
func ownFull(dir string) {
	debug.SetGCPercent(-1)              // which would close what was forgotten
	if o, err := Own(dir); err == nil { // opens what is opened once, for the poller
		o.Release()
	}
	before, _ := os.ReadDir("/proc/self/fd")
	err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{})
	if err == nil {
		_, err = Own(dir)
	}
	after, _ := os.ReadDir("/proc/self/fd")
	fmt.Printf("%v\n%d more descriptors\n", err, len(after)-len(before))
}

// A lock file that is a link is not followed: it may lead to anybody's file.
func TestOwnLink(t *testing.T) {
	dir, elsewhere := t.TempDir(), filepath.Join(t.TempDir(), "file")
	put(t, elsewhere, "theirs")
	if err := os.Symlink(elsewhere, filepath.Join(dir, lockFile)); err != nil {
		t.Fatal(err)
	}
	_, err := Own(dir)
	says(t, err, "write to "+dir+": too many levels of symbolic links")
	want(t, elsewhere, "theirs")
}

// What an earlier owner has left in the lock file is gone: the file says who
// owns the directory, and nothing else. A note of more than a KiB is none.
func TestOwnNote(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, lockFile)
	put(t, path, strings.Repeat("old ", 100))
	owner, err := Own(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Release()
	note, err := os.ReadFile(path)
	if err != nil || !strings.HasPrefix(string(note), fmt.Sprintf(`{"pid":%d,"since":"2`, os.Getpid())) || !strings.HasSuffix(string(note), "Z\"}\n") {
		t.Errorf("the lock file says %q (%v)", note, err)
	}
	for size, pid := range map[int]int{1 << 10: 7, 1<<10 + 1: 0} {
		const signed = `{"pid":7}`
		put(t, path, strings.Repeat(" ", size-len(signed))+signed)
		_, err := Own(dir)
		var owned *OwnedError
		if !errors.As(err, &owned) || owned.Pid != pid {
			t.Errorf("a note of %d bytes: %v, want process %d", size, err, pid)
		}
	}
}

// A lock that cannot be had for another reason than another holder is an error
// of its own.
func TestLockFails(t *testing.T) {
	f := openAt(t, filepath.Join(t.TempDir(), "file"))
	f.Close()
	if err := lock(f); !errors.Is(err, unix.EBADF) {
		t.Errorf("error %v", err)
	}
}

// Where standard output goes is told apart from all else, by whatever name; a
// device is for all.
func TestToStdout(t *testing.T) {
	dir := t.TempDir()
	out, link := filepath.Join(dir, "out"), filepath.Join(dir, "link")
	swap(t, &os.Stdout, openAt(t, out))
	put(t, filepath.Join(dir, "other"), "")
	if err := os.Symlink("out", link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"-": true, out: true, link: true, filepath.Join(dir, "other"): false, filepath.Join(dir, "none"): false, "": false, os.DevNull: false,
	} {
		if got := ToStdout(path); got != want {
			t.Errorf("%q: %v, want %v", path, got, want)
		}
	}
	null := openAt(t, os.DevNull)
	os.Stdout = null
	if ToStdout(os.DevNull) || ToStdout(out) || !ToStdout("-") {
		t.Error("standard output is a device, and a path to it is not for all")
	}
	null.Close()
	if ToStdout(out) || !ToStdout("-") {
		t.Error("standard output is closed, and a path leads to it")
	}
}

// A file that a standard stream goes to is written in place, behind what is
// there.
func TestWriteToStandardStreams(t *testing.T) {
	for _, stream := range []**os.File{&os.Stdout, &os.Stderr} {
		path := filepath.Join(t.TempDir(), "file")
		f := openAt(t, path)
		swap(t, stream, f)
		_, err := f.WriteString("before\n")
		if err := errors.Join(err, Write(path, nil, text("page\n"))); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString("after\n"); err != nil {
			t.Fatal(err)
		}
		want(t, path, "before\npage\nafter\n")
		says(t, Write(path, []string{path}, text("page\n")), "write "+path+": it is an input of this command")
	}
	// A terminal, or what else is no file, may be read from too.
	null := openAt(t, os.DevNull)
	swap(t, &os.Stdout, null)
	if err := Write("-", []string{os.DevNull}, text("x")); err != nil {
		t.Errorf("a device that is an input too: %v", err)
	}
	null.Close()
	if err := Write("-", []string{"-"}, text("x")); !errors.Is(err, fs.ErrClosed) {
		t.Errorf("a closed standard output: %v", err)
	}
}

// A file that has no name any more is written in place, from its beginning.
func TestWriteNameless(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	put(t, path, "a long text")
	f := openAt(t, path)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := Write(fmt.Sprintf("/proc/self/fd/%d", f.Fd()), nil, text("short")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != "short" {
		t.Errorf("it holds %q (%v)", got, err)
	}
	clean(t, filepath.Dir(path))
}

// Places at which it is only seen late that nothing can be written.
func TestWriteFailsLate(t *testing.T) {
	dir := t.TempDir()
	path, socket := filepath.Join(dir, "page"), filepath.Join(dir, "socket")
	says(t, Write(path, nil, func(io.Writer) error { return os.MkdirAll(filepath.Join(path, "sub"), 0o755) }), "write "+path+": file exists")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	says(t, Write(socket, nil, text("x")), "write "+socket+": no such device or address")
	clean(t, dir, "page", "socket")
	says(t, Write(os.DevNull, nil, func(io.Writer) error { return errors.New("boom") }), "write "+os.DevNull+": boom")
	_, err = Append(path, 0)
	says(t, err, "append to "+path+": it is no regular file")
	file := filepath.Join(dir, "file")
	put(t, file, "text")
	_, err = Append(file, -1)
	says(t, err, "append to "+file+": invalid argument")
	want(t, file, "text")
	_, err = Create(filepath.Join(file, "x"), nil)
	says(t, err, "create "+file+"/x: not a directory")
	smallFiles(t, 100_000, func() { _, err = Create(filepath.Join(dir, "new"), make([]byte, 200_000)) })
	says(t, err, "create "+dir+"/new: file too large")
	clean(t, dir, "page", "socket", "file")
}

// As many links in a row are followed as the kernel follows, and no more.
func TestWriteThroughManyLinks(t *testing.T) {
	dir := t.TempDir()
	name := func(i int) string { return filepath.Join(dir, fmt.Sprint(i)) }
	for i := range 50 {
		if err := os.Symlink(fmt.Sprint(i), name(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // a file that is not there, and one that is
		if err := Write(name(40), nil, text("text")); err != nil {
			t.Fatal(err)
		}
		want(t, name(0), "text")
	}
	says(t, Write(name(41), nil, text("x")), "write "+name(41)+": too many levels of symbolic links")
	want(t, name(0), "text")
}

// A relative path needs no directory before it.
func TestWriteRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	put(t, "input", "measured")
	for _, name := range []string{"page", "./page"} {
		if err := Write(name, []string{"input"}, text(name)); err != nil {
			t.Fatal(err)
		}
		want(t, "page", name)
	}
	says(t, Write("input", []string{"none", "input"}, text("x")), "write input: it is an input of this command")
	clean(t, ".", "input", "page")
}

// What cannot be moved ends the moving, and is named; what was moved is told.
func TestSetAsideFails(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a"), "a")
	put(t, filepath.Join(dir, "c"), "c")
	putIn(t, filepath.Join(dir, "sub", "b"), "b")
	long := strings.Repeat("n", 256)
	for name, reason := range map[string]string{long: "file name too long", "sub/b": "no such file or directory", "c/d": "not a directory"} {
		aside, moved, err := SetAside(dir, "a", name, "c")
		says(t, err, "set "+filepath.Join(dir, name)+" aside: "+reason)
		if !slices.Equal(moved, []string{"a"}) || filepath.Dir(aside) != dir {
			t.Errorf("%.9s: %q moved to %q", name, moved, aside)
		}
		want(t, filepath.Join(aside, "a"), "a")
		want(t, filepath.Join(dir, "c"), "c")
		if err := os.Rename(filepath.Join(aside, "a"), filepath.Join(dir, "a")); err != nil {
			t.Fatal(err)
		}
	}
	if aside, moved, err := SetAside(filepath.Join(dir, "none"), "a"); aside != "" || moved != nil || err != nil {
		t.Errorf("no directory: %q, %q, %v", aside, moved, err)
	}
}

// Old results into which somebody puts something meanwhile stay; what was
// deleted before is told.
func TestPruneFails(t *testing.T) {
	for what, change := range map[string]func(aside string) error{
		"a file more":            func(aside string) error { return os.WriteFile(filepath.Join(aside, "mine"), nil, 0o644) },
		"a directory for a file": func(aside string) error { return os.MkdirAll(filepath.Join(aside, "b", "mine"), 0o755) },
	} {
		dir := t.TempDir()
		names := []string{"20260101T000000.000", "20260102T000000.000", "20260103T000000.000"}
		for _, name := range names {
			putIn(t, filepath.Join(dir, name, "a"), "a")
		}
		deleted, err := Prune(dir, 0, func(aside string) bool {
			if filepath.Base(aside) == names[1] {
				if err := change(aside); err != nil {
					t.Error(err)
				}
			}
			return true
		}, "a", "b")
		says(t, err, "delete the old results "+filepath.Join(dir, names[1])+": directory not empty")
		if !slices.Equal(deleted, names[:1]) {
			t.Errorf("%s: deleted %q, want %q", what, deleted, names[:1])
		}
		clean(t, dir, names[1:]...)
	}
}
