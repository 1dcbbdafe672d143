package output

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	_ "switchyard/bench/testenv"
)

// TestMain lets the test program also be a process that owns a directory until
// it is killed, one on a full disk, or one whose standard output is a file.
func TestMain(m *testing.M) {
	switch os.Getenv("OUTPUT_TEST_ROLE") {
	case "owner":
		if _, err := Own(os.Args[1]); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("owned")
		select {}
	case "full":
		ownFull(os.Args[1])
	case "writer":
		fmt.Println("before")
		err := Write(os.Args[1], os.Args[2:], text("page\n"))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println("after")
	default:
		os.Exit(m.Run())
	}
}

func role(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", args...)
	cmd.Env = append(os.Environ(), "OUTPUT_TEST_ROLE="+name)
	return cmd
}

// text writes s.
func text(s string) func(io.Writer) error {
	return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
}

func put(t *testing.T, path, s string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(s), 0o644); err != nil {
		t.Fatal(err)
	}
}

func want(t *testing.T, path, s string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != s {
		t.Errorf("%s holds %q, want %q (%v)", filepath.Base(path), got, s, err)
	}
}

// clean fails if a directory has other entries than these.
func clean(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != len(names) {
		t.Errorf("%v in the directory, want %q (%v)", entries, names, err)
	}
}

// A new file has the mode that the umask leaves, an old one keeps its own.
func TestWriteRegular(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, strings.Repeat("n", 255)) // the longest name there is
	old := syscall.Umask(0o027)
	err := Write(path, nil, text("one"))
	syscall.Umask(old)
	if err != nil {
		t.Fatal(err)
	}
	want(t, path, "one")
	for _, mode := range []fs.FileMode{0o640, 0o604} {
		if info, err := os.Stat(path); err != nil || info.Mode() != mode {
			t.Errorf("mode %v, want %v (%v)", info.Mode(), mode, err)
		}
		if err := os.Chmod(path, 0o604); err != nil {
			t.Fatal(err)
		}
		if err := Write(path, []string{dir}, text("two")); err != nil {
			t.Fatal(err)
		}
		want(t, path, "two")
	}
	clean(t, dir, path)
}

// netdata#18642, hyperfine#615: an output path that is an input, by any name.
func TestWriteOverInput(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "bench.txt")
	put(t, input, "measured")
	names := map[string]string{
		"itself":         input,
		"another way":    dir + "/./../" + filepath.Base(dir) + "/bench.txt",
		"a link":         filepath.Join(dir, "link"),
		"a link to that": filepath.Join(dir, "link2"),
		"a hard link":    filepath.Join(dir, "hard"),
	}
	if err := errors.Join(os.Symlink("bench.txt", names["a link"]), os.Symlink(names["a link"], names["a link to that"]),
		os.Link(input, names["a hard link"])); err != nil {
		t.Fatal(err)
	}
	for what, name := range names {
		for _, in := range []string{input, names["a hard link"], names["a link"]} {
			err := Write(name, []string{filepath.Join(dir, "none"), in}, text("page"))
			if !errors.Is(err, ErrInput) || err.Error() != "write "+name+": it is an input of this command" {
				t.Errorf("%s over %s: error %v", what, filepath.Base(in), err)
			}
		}
	}
	want(t, input, "measured")
	clean(t, dir, "bench.txt", "link", "link2", "hard")
}

// Standard input is an input too, and standard output a path like others.
func TestWriteOverStandardStreams(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "bench.txt")
	put(t, input, "measured")
	stdin, err := os.Open(input)
	if err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	cmd := role("writer", input, "-")
	cmd.Stdin = stdin
	if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("input of this command")) {
		t.Errorf("over standard input: %v, printed %q", err, out)
	}
	stdout, err := os.OpenFile(input, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	cmd = role("writer", "-", input)
	cmd.Stdout = stdout
	if err := cmd.Run(); err == nil {
		t.Error("an input that standard output goes to was written to")
	}
	want(t, input, "measuredbefore\n")
}

// The file that standard output goes to is not replaced under it.
func TestWriteToStdout(t *testing.T) {
	for _, path := range []string{"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "page.html"} {
		dir := t.TempDir()
		out, err := os.Create(filepath.Join(dir, "page.html"))
		if err != nil {
			t.Fatal(err)
		}
		cmd := role("writer", path)
		cmd.Dir, cmd.Stdout = dir, out
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		if err := errors.Join(cmd.Run(), out.Close()); err != nil {
			t.Errorf("%s: %v %s", path, err, &stderr)
		}
		want(t, out.Name(), "before\npage\nafter\n")
		clean(t, dir, "page.html")
	}
}

// Links are followed, also where they lead to nothing yet, and stay.
func TestWriteThroughLinks(t *testing.T) {
	dir := t.TempDir()
	for _, d := range []string{"a", "b/c"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// "a/up" is b/c, so that "a/up/.." is b and not a.
	for link, to := range map[string]string{"a/up": "../b/c", "page": "a/up/../page", "new": "a/up/../new"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	put(t, filepath.Join(dir, "b/page"), "old")
	for _, name := range []string{"page", "new"} {
		if err := Write(filepath.Join(dir, name), nil, text("text")); err != nil {
			t.Error(err)
		}
		want(t, filepath.Join(dir, "b", name), "text")
		if info, err := os.Lstat(filepath.Join(dir, name)); err != nil || info.Mode()&fs.ModeSymlink == 0 {
			t.Errorf("%s is no link any more (%v)", name, err)
		}
	}
	clean(t, filepath.Join(dir, "b"), "c", "page", "new")
	if err := os.Symlink("loop", filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	if err := Write(filepath.Join(dir, "loop"), nil, text("x")); !errors.Is(err, syscall.ELOOP) {
		t.Errorf("a loop: %v", err)
	}
}

// A pipe gets the text, and is a pipe afterwards.
func TestWritePipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o644); err != nil {
		t.Fatal(err)
	}
	got := make(chan string)
	go func() {
		text, _ := os.ReadFile(path)
		got <- string(text)
	}()
	if err := Write(path, nil, text("through")); err != nil {
		t.Fatal(err)
	}
	if s := <-got; s != "through" {
		t.Errorf("read %q", s)
	}
	if info, err := os.Stat(path); err != nil || info.Mode()&fs.ModeNamedPipe == 0 {
		t.Errorf("the pipe has become %v (%v)", info.Mode(), err)
	}
}

// A device is written to: a node of our own, as a mistake would replace it.
func TestWriteDevice(t *testing.T) {
	dir := t.TempDir()
	for name, minor := range map[string]uint32{"null": 3, "full": 7} {
		if err := unix.Mknod(filepath.Join(dir, name), unix.S_IFCHR|0o666, int(unix.Mkdev(1, minor))); err != nil {
			t.Skip("no device nodes for this user: ", err)
		}
	}
	probe, err := os.OpenFile(filepath.Join(dir, "null"), os.O_WRONLY, 0)
	if err != nil {
		t.Skip("no devices on this file system: ", err)
	}
	probe.Close()
	if err := Write(filepath.Join(dir, "null"), nil, text("x")); err != nil {
		t.Error(err)
	}
	full := filepath.Join(dir, "full")
	if err := Write(full, nil, text("x")); !errors.Is(err, syscall.ENOSPC) || err.Error() != "write "+full+": no space left on device" {
		t.Errorf("a full device: %v", err)
	}
	for _, name := range []string{"null", "full"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode()&fs.ModeCharDevice == 0 {
			t.Errorf("%s has become %v (%v)", name, info.Mode(), err)
		}
	}
}

// Whatever goes wrong, the old file is whole and nothing else is left.
func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "page")
	put(t, path, "old")
	boom := errors.New("boom")
	err := Write(path, nil, func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 1<<20)); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) || err.Error() != "write "+path+": boom" {
		t.Errorf("error %v", err)
	}
	// As a full disk, in the middle of the text.
	smallFiles(t, 100_000, func() { err = Write(path, nil, text(strings.Repeat("x", 200_000))) })
	if !errors.Is(err, syscall.EFBIG) || err.Error() != "write "+path+": file too large" {
		t.Errorf("too large: %v", err)
	}
	want(t, path, "old")
	clean(t, dir, "page")

	for name, reason := range map[string]string{
		"":                                "the path is empty",
		dir:                               "is a directory",
		filepath.Join(dir, "new") + "/":   "is a directory",
		filepath.Join(dir, "none/page"):   "no such file or directory",
		filepath.Join(path, "page"):       "not a directory",
		filepath.Join(dir, "page/") + "/": "is a directory",
	} {
		if err := Write(name, nil, text("x")); err == nil || err.Error() != "write "+name+": "+reason {
			t.Errorf("error %v, want %q", err, reason)
		}
	}
}

// noOverride takes from the test's thread, which ends with it, what lets root
// do anything with any file.
func noOverride(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		t.Skip(err)
	}
	data[0].Effective &^= 1<<unix.CAP_DAC_OVERRIDE | 1<<unix.CAP_DAC_READ_SEARCH
	if err := unix.Capset(&header, &data[0]); err != nil {
		t.Skip(err)
	}
}

// Who may not write to a file or to its directory is told so, and nothing is
// replaced.
func TestWriteForbidden(t *testing.T) {
	noOverride(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "page")
	put(t, path, "old")
	for _, forbid := range []struct {
		path       string
		mode, then fs.FileMode
	}{{path, 0o444, 0o644}, {dir, 0o555, 0o755}} {
		if err := os.Chmod(forbid.path, forbid.mode); err != nil {
			t.Fatal(err)
		}
		err := Write(path, nil, text("new"))
		if !errors.Is(err, fs.ErrPermission) || err.Error() != "write "+path+": permission denied" {
			t.Errorf("error %v", err)
		}
		if err := os.Chmod(forbid.path, forbid.then); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := Own(dir); err == nil || err.Error() != "write to "+dir+": permission denied" {
		t.Errorf("own: error %v", err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	want(t, path, "old")
	clean(t, dir, "page")
}

// Create makes what was not there, whole; Append goes on after a cut.
func TestCreateAndAppend(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "bench.txt")
	f, err := Create(path, []byte("header\n"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("one\ntw")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(path, nil); !errors.Is(err, fs.ErrExist) || err.Error() != "create "+path+": file already exists" {
		t.Errorf("a second time: %v", err)
	}
	f, err = Append(path, 11)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteString("two\n")
	if err := errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	want(t, path, "header\none\ntwo\n")
	link, pipe := filepath.Join(dir, "link"), filepath.Join(dir, "pipe")
	if err := errors.Join(os.Symlink("none", link), syscall.Mkfifo(pipe, 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(link, nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a link that leads nowhere: %v", err)
	}
	if _, err := Create(filepath.Join(dir, "no/bench.txt"), nil); err == nil || !strings.HasPrefix(err.Error(), "create "+dir+"/no/bench.txt: no such") {
		t.Errorf("no directory: %v", err)
	}
	if _, err := Append(pipe, 0); err == nil || err.Error() != "append to "+pipe+": it is no regular file" {
		t.Errorf("a pipe: %v", err)
	}
	if _, err := Append(filepath.Join(dir, "none"), 0); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("none: %v", err)
	}
}

// criterion.rs#473: the second writer is refused, and told who the first is. A
// kill gives the directory free.
func TestOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "results")
	began := time.Now()
	cmd := role("owner", dir)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	line := make([]byte, 6)
	if _, err := io.ReadFull(out, line); err != nil || string(line) != "owned\n" {
		t.Fatalf("printed %q, %v", line, err)
	}
	_, err = Own(dir)
	var owned *OwnedError
	if !errors.As(err, &owned) || owned.Pid != cmd.Process.Pid || owned.Dir != dir ||
		owned.Since.Before(began.Add(-time.Second)) || owned.Since.After(time.Now().Add(time.Second)) {
		t.Fatalf("error %#v, want that process %d owns it", err, cmd.Process.Pid)
	}
	sentence := fmt.Sprintf("process %d has been writing to %s since %s: wait for it, or choose another directory",
		cmd.Process.Pid, dir, owned.Since.Local().Format("2006-01-02 15:04:05"))
	if err.Error() != sentence {
		t.Errorf("error %q, want %q", err, sentence)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	o, err := Own(dir)
	if err != nil {
		t.Fatal("after the owner was killed: ", err)
	}
	if _, err := Own(dir); !errors.As(err, &owned) || owned.Pid != os.Getpid() {
		t.Errorf("a second time: %v", err)
	}
	o.Release()
	o.Release()
	clean(t, dir)
	if again, err := Own(dir); err != nil {
		t.Error("after the release: ", err)
	} else {
		again.Release()
	}
}

// An owner that has not yet written who it is is an owner all the same, and a
// directory that is a file none.
func TestOwnUnsigned(t *testing.T) {
	dir := t.TempDir()
	o, err := Own(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer o.Release()
	for _, note := range []string{"", "{", "not a note\n"} {
		put(t, filepath.Join(dir, lockFile), note)
		_, err := Own(dir)
		if err == nil || err.Error() != "another process writes to "+dir+": wait for it, or choose another directory" {
			t.Errorf("with the note %q: error %v", note, err)
		}
	}
	file := filepath.Join(dir, "file")
	put(t, file, "")
	if _, err := Own(file); err == nil || err.Error() != "make the directory "+file+": not a directory" {
		t.Errorf("a file: error %v", err)
	}
}

// Many processes that want one directory have it one after the other, also in
// the moment in which one removes the lock file and the next has it open.
func TestOwnManyAtOnce(t *testing.T) {
	dir := t.TempDir()
	counter := filepath.Join(dir, "counter")
	put(t, counter, "0")
	const writers, turns = 8, 50
	done := make(chan error, writers)
	for range writers {
		go func() {
			done <- func() error {
				for got := 0; got < turns; {
					o, err := Own(dir)
					var owned *OwnedError
					if errors.As(err, &owned) {
						continue
					} else if err != nil {
						return err
					}
					got++
					text, err := os.ReadFile(counter)
					if err != nil {
						return err
					}
					n, err := strconv.Atoi(string(text))
					if err != nil {
						return fmt.Errorf("two were writing: %w", err)
					}
					if err := os.WriteFile(counter, []byte(strconv.Itoa(n+1)), 0o644); err != nil {
						return err
					}
					o.Release()
				}
				return nil
			}()
		}()
	}
	for range writers {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	want(t, counter, strconv.Itoa(writers*turns))
}

// Only the named files move, to a directory of their own, and a second time to
// another.
func TestSetAside(t *testing.T) {
	dir := t.TempDir()
	when := time.Date(2026, 11, 20, 19, 3, 11, 42_000_000, time.UTC)
	for turn, want := range []string{"20261120T190311.042", "20261120T190311.042-2", "20261120T190311.042-3"} {
		put(t, filepath.Join(dir, "notes.txt"), "somebody's")
		put(t, filepath.Join(dir, "a"), "a"+strconv.Itoa(turn))
		if err := os.Symlink("elsewhere", filepath.Join(dir, "b")); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(filepath.Join(dir, "a"), when, when); err != nil {
			t.Fatal(err)
		}
		aside, moved, err := SetAside(dir, "a", "none", "b")
		if err != nil || aside != filepath.Join(dir, want) || strings.Join(moved, " ") != "a b" {
			t.Fatalf("%q to %s, %v; want a and b to %s", moved, aside, err, want)
		}
		if to, err := os.Readlink(filepath.Join(aside, "b")); err != nil || to != "elsewhere" {
			t.Errorf("the link leads to %q (%v)", to, err)
		}
	}
	for turn, name := range []string{"20261120T190311.042", "20261120T190311.042-2"} {
		want(t, filepath.Join(dir, name, "a"), "a"+strconv.Itoa(turn))
	}
	clean(t, dir, "notes.txt", "1", "2", "3")
	if aside, moved, err := SetAside(dir, "a", "b"); aside != "" || len(moved) > 0 || err != nil {
		t.Errorf("nothing in the way: %q to %q, %v", moved, aside, err)
	}
}
