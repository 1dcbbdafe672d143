//go:build linux

package connection

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// reaches fails the test if Dial does not reach l at path.
func reaches(t *testing.T, path string, l *Listener) {
	t.Helper()
	c, err := Dial(soon(t), path, DialConfig{})
	if err != nil {
		t.Fatal("nobody reaches the new listener:", err)
	}
	defer c.Close()
	must(l.Accept(soon(t)))(t).Close()
}

// A new listener takes a path over, then the old one is closed: it removes the
// socket that it made and no other (socket-proxy#175).
func TestListenerTakeover(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	old := listen(t, path, ListenerConfig{})
	os.Remove(path)
	fresh := listen(t, path, ListenerConfig{})
	old.Close()
	reaches(t, path, fresh)
	fresh.Close()
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
}

// So it is if the new one is moved there in one step, and for a listener of a
// socket that somebody else has bound.
func TestListenFileTakeover(t *testing.T) {
	dir := t.TempDir()
	f, path, err := Bind(dir + "/socket")
	if err != nil {
		t.Fatal(err)
	}
	old, err := ListenFile(f, path, ListenerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	fresh := listen(t, dir+"/new", ListenerConfig{})
	if err := os.Rename(dir+"/new", path); err != nil {
		t.Fatal(err)
	}
	old.Close()
	reaches(t, path, fresh)
}

// A relative path is removed although the process has changed its directory,
// where another listener has a socket of the same name.
func TestListenerChdir(t *testing.T) {
	here, there := t.TempDir(), t.TempDir()
	t.Chdir(here)
	first := listen(t, "./socket", ListenerConfig{})
	t.Chdir(there)
	second := listen(t, "./socket", ListenerConfig{})
	first.Close()
	if left, err := os.ReadDir(here); err != nil || len(left) != 0 {
		t.Fatal(left, err)
	}
	reaches(t, second.Address(), second)
}

// The directory that a listener makes goes with it, but not what others have
// put there.
func TestListenerDirOfOthers(t *testing.T) {
	l := listen(t, "", ListenerConfig{})
	dir := filepath.Dir(l.Address())
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.WriteFile(dir+"/notes", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l.Close()
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 || left[0].Name() != "notes" {
		t.Fatal(left, err)
	}
}

// shortDir is a directory whose name leaves room for that of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// A temporary directory that is given relative to the process's own.
func TestListenerDirRelative(t *testing.T) {
	t.Chdir(shortDir(t))
	if err := os.Mkdir("tmp", 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", "tmp")
	l := listen(t, "", ListenerConfig{})
	t.Chdir("/")
	reaches(t, l.Address(), l)
	l.Close()
}

// The sweep follows no link that somebody put where a dead process's directory
// could be, enters no directory of another user, and leaves names that are not
// ours.
func TestListenerSweepOfOthers(t *testing.T) {
	tmp := shortDir(t)
	t.Setenv("TMPDIR", tmp)
	dead := deadOwner(t)
	victim := t.TempDir()
	if err := os.WriteFile(victim+"/socket", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(tmp, listenerDirName(dead, "1"))
	if err := os.Symlink(victim, link); err != nil {
		t.Fatal(err)
	}
	kept := []string{victim + "/socket", link}
	for _, name := range []string{"procs-socket-none-1", "procs-socket-0-1"} {
		if err := os.Mkdir(filepath.Join(tmp, name), 0o700); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, filepath.Join(tmp, name))
	}
	if os.Geteuid() == 0 {
		foreign := filepath.Join(tmp, listenerDirName(dead, "2"))
		if err := os.Mkdir(foreign, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(foreign, 65534, 65534); err != nil {
			t.Fatal(err)
		}
		kept = append(kept, foreign)
	}
	full := filepath.Join(tmp, listenerDirName(dead, "3"))
	if err := os.Mkdir(full, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"socket", "notes"} {
		if err := os.WriteFile(filepath.Join(full, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kept = append(kept, full+"/notes")
	mine := listen(t, "", ListenerConfig{})
	second := listen(t, "", ListenerConfig{}) // sweeps beside the first, which is alive
	kept = append(kept, mine.Address(), second.Address())
	for _, path := range kept {
		if _, err := os.Lstat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Lstat(full + "/socket"); !os.IsNotExist(err) {
		t.Error("the dead process's socket is still there:", err)
	}
}

// Where the name of the directory of temporary files is too long for a socket
// in it, /tmp will do, and is swept.
func TestListenerDirLong(t *testing.T) {
	base := shortDir(t)
	const room = 107 - len("/procs-socket-0123456789abcdef-0123456789/socket")
	for n, want := range map[int]string{room: "", room + 1: "/tmp"} {
		dir := base + "/" + strings.Repeat("y", n-len(base)-1)
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if want == "" {
			want = dir
		}
		t.Setenv("TMPDIR", dir)
		l := listen(t, "", ListenerConfig{})
		if got := filepath.Dir(filepath.Dir(l.Address())); got != want {
			t.Errorf("%d bytes: in %s", n, got)
		}
		reaches(t, l.Address(), l)
		l.Close()
		left := filepath.Join(want, listenerDirName(deadOwner(t), "1"))
		if err := os.Mkdir(left, 0o700); err != nil {
			t.Fatal(err)
		}
		listen(t, "", ListenerConfig{}).Close()
		if _, err := os.Lstat(left); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", left, err)
			os.Remove(left)
		}
	}
}

// What fails leaves nothing behind.
func TestListenFails(t *testing.T) {
	dir := shortDir(t)
	long := dir + "/" + strings.Repeat("x", 108-1-len(dir))
	if _, err := Listen(long, ListenerConfig{}); err == nil || !strings.Contains(err.Error(), "108 bytes, where a Unix socket may have 107") {
		t.Error(err)
	}
	l := listen(t, long[:107], ListenerConfig{})
	reaches(t, l.Address(), l)
	l.Close()
	t.Setenv("TMPDIR", dir+"/none")
	if _, err := Listen("", ListenerConfig{}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	// A listener of what does not listen would wait for ever.
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fds[1])
	for _, f := range []*os.File{
		os.NewFile(uintptr(fds[0]), "connected"), must(os.Open(os.DevNull))(t),
	} {
		if _, err := ListenFile(f, "@procs-test-not-listening", ListenerConfig{}); err == nil {
			t.Error("a listener of", f.Name())
		}
		if _, err := f.Stat(); err == nil {
			t.Error("left open:", f.Name())
		}
	}
}
