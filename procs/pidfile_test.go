//go:build linux

package procs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/proctest"
)

// holds is where a process that holds a file tells that it does.
type holds struct {
	Path string
	To   *Conn
	Gate *Event // nil: without a child
}

var testHoldPIDFile = Register("test.holdpidfile", func(_ context.Context, h holds) (int, error) {
	if _, err := HoldPIDFile(h.Path); err != nil {
		return 0, h.To.Send(err.Error())
	}
	if h.Gate != nil {
		if err := NewProcess(testAwait, h.Gate, ProcessConfig{Detached: true}).Start(); err != nil {
			return 0, err
		}
	}
	if err := h.To.Send(""); err != nil {
		return 0, err
	}
	time.Sleep(time.Hour)
	return 0, nil
})

// holder starts a process that holds the file, and returns what it says of
// that.
func holder(t *testing.T, path string, gate *Event) (p *Process, says string) {
	t.Helper()
	r, w := testPipePair(t, OneWay)
	p = proctest.Started(t, NewProcess(testHoldPIDFile, holds{path, w, gate}, ProcessConfig{}))
	if err := r.Recv(&says); err != nil {
		t.Fatal(err)
	}
	return p, says
}

func heldBy(t *testing.T, path string, want int) {
	t.Helper()
	if pid, err := PIDFileHolder(path); pid != want || err != nil {
		t.Errorf("held by %d, %v; want %d", pid, err, want)
	}
}

func TestPIDFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service.pid")
	heldBy(t, path, 0)
	if err := os.WriteFile(path, []byte("4194304000 is what it said before"), 0o600); err != nil {
		t.Fatal(err)
	}
	heldBy(t, path, 0) // that is none
	f := must(HoldPIDFile(path))(t)
	heldBy(t, path, os.Getpid())
	if b, err := os.ReadFile(path); string(b) != strconv.Itoa(os.Getpid()) || err != nil {
		t.Errorf("%q %v", b, err)
	}
	var held *HeldError
	if _, err := HoldPIDFile(path); !errors.As(err, &held) || *held != (HeldError{path, os.Getpid()}) {
		t.Error(err)
	}
	want := fmt.Sprintf("procs: %s is held by process %d", path, os.Getpid())
	if _, says := holder(t, path, nil); says != want {
		t.Errorf("a second process: %q", says)
	}
	for range 2 {
		if err := f.Release(); err != nil {
			t.Error(err)
		}
		heldBy(t, path, 0)
		if b, err := os.ReadFile(path); len(b) != 0 || err != nil {
			t.Errorf("%q %v", b, err)
		}
	}
	p, says := holder(t, path, nil)
	if says != "" {
		t.Error(says)
	}
	heldBy(t, path, p.PID())
}

// Whoever holds the file loses it by death, though a child of its lives on, and
// though the file still says its id.
func TestPIDFileHolderKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service.pid")
	gate := must(NewEvent())(t)
	defer gate.Close()
	defer gate.Set()
	p, says := holder(t, path, gate)
	if says != "" {
		t.Fatal(says)
	}
	heldBy(t, path, p.PID())
	if err := errors.Join(p.Kill(), p.Join(soon(t))); err != nil {
		t.Fatal(err)
	}
	heldBy(t, path, 0)
	if b, _ := os.ReadFile(path); string(b) != strconv.Itoa(p.PID()) {
		t.Errorf("it says %q", b)
	}
	f := must(HoldPIDFile(path))(t)
	defer f.Release()
	heldBy(t, path, os.Getpid())
}

// Of many that want the file at once exactly one gets it, and the others are
// told by whom they are beaten.
func TestPIDFileRace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service.pid")
	for range 20 {
		var won atomic.Int32
		var all sync.WaitGroup
		files := make(chan *PIDFile, 16)
		for range cap(files) {
			all.Go(func() {
				f, err := HoldPIDFile(path)
				var held *HeldError
				if err == nil {
					won.Add(1)
					files <- f
				} else if !errors.As(err, &held) || held.PID != os.Getpid() {
					t.Error(err)
				}
			})
		}
		all.Wait()
		close(files)
		for f := range files {
			f.Release()
		}
		if won.Load() != 1 {
			t.Errorf("%d hold it", won.Load())
		}
	}
}

// Other programs lock files in other ways: from a byte in the middle, to the
// end, with a lock that belongs to a process (fcntl.lockf of Python).
func TestPIDFileLockedOtherwise(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service.pid")
	for name, lock := range map[string]unix.Flock_t{
		"middle": {Type: unix.F_WRLCK, Start: 3, Len: 2},
		"end":    {Type: unix.F_WRLCK},
		"shared": {Type: unix.F_RDLCK},
	} {
		t.Run(name, func(t *testing.T) {
			other := must(os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600))(t)
			defer other.Close()
			if err := unix.FcntlFlock(other.Fd(), unix.F_OFD_SETLK, &lock); err != nil {
				t.Fatal(err)
			}
			var held *HeldError
			if _, err := HoldPIDFile(path); !errors.As(err, &held) || held.PID != -1 || err.Error() != "procs: "+path+" is locked by another program" {
				t.Error(err)
			}
			heldBy(t, path, -1)
		})
	}
	t.Run("process", func(t *testing.T) {
		other := must(os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600))(t)
		defer other.Close()
		if err := unix.FcntlFlock(other.Fd(), unix.F_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
			t.Fatal(err)
		}
		heldBy(t, path, os.Getpid())
	})
}

func TestPIDFileErrors(t *testing.T) {
	dir := t.TempDir()
	if _, err := HoldPIDFile(filepath.Join(dir, "no", "pid")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	if _, err := HoldPIDFile(dir); !errors.Is(err, unix.EISDIR) {
		t.Error(err)
	}
	if pid, err := PIDFileHolder("a\x00b"); pid != 0 || !errors.Is(err, unix.EINVAL) {
		t.Error(pid, err)
	}
	torn := must(HoldPIDFile(filepath.Join(dir, "torn")))(t)
	torn.file.Close()
	if err := torn.Release(); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	readOnly := must(os.Open(dir))(t)
	defer readOnly.Close()
	if err := hold(readOnly, os.Getpid()); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
}

// Everybody may read it, and only its owner write. Many may release it at once.
func TestPIDFileShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "service.pid")
	f := must(HoldPIDFile(path))(t)
	if s, err := os.Stat(path); err != nil || s.Mode().Perm()|0o044 != 0o644 {
		t.Error(s.Mode(), err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if err := f.Release(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	heldBy(t, path, 0)
}

var testSession = Register("test.session", func(context.Context, int) (int, error) {
	session, err := unix.Getsid(0)
	fmt.Print(session == os.Getpid(), unix.Getpgrp() == os.Getpid())
	return 0, err
})

func TestProcessNewSession(t *testing.T) {
	for _, c := range []ProcessConfig{{}, {NewSession: true}, {NewSession: true, Detached: true}, {NewSession: true, Daemon: true}} {
		out, code := runs(t, func(c ProcessConfig) *Process { return NewProcess(testSession, 0, c) }, c)
		if want := fmt.Sprint(c.NewSession, c.NewSession); out != want || code != 0 {
			t.Errorf("%+v: %s, %d", c, out, code)
		}
	}
}
