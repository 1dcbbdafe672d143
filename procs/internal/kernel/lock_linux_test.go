package kernel

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// opened opens one file, as many times as asked.
func opened(t *testing.T, n int) (fds []int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "locked")
	for range n {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		fds = append(fds, int(f.Fd()))
	}
	return fds
}

func TestLockAs(t *testing.T) {
	fds := opened(t, 2)
	holder := func(fd, want int) {
		t.Helper()
		if pid, err := LockHolder(fd); pid != want || err != nil {
			t.Errorf("held by %d, want %d: %v", pid, want, err)
		}
	}
	for _, pid := range []int{1, 2, 4711, math.MaxInt32} {
		holder(fds[0], 0)
		if other, err := LockAs(fds[0], pid); other != 0 || err != nil {
			t.Fatal(other, err)
		}
		holder(fds[1], pid)
		holder(fds[0], 0) // one's own is no other's
		for _, loser := range []int{1, 100} {
			if other, err := LockAs(fds[1], loser); other != pid || err != nil {
				t.Error(other, err)
			}
		}
		holder(fds[0], 0) // who lost has nothing
		if err := unix.FcntlFlock(uintptr(fds[0]), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_UNLCK}); err != nil {
			t.Fatal(err)
		}
	}
}

// Other programs lock bytes in the middle, all of them, or in the name of a
// process.
func TestLockedOtherwise(t *testing.T) {
	for name, c := range map[string]struct {
		cmd  int
		lock unix.Flock_t
		want int
	}{
		"middle":  {unix.F_OFD_SETLK, unix.Flock_t{Type: unix.F_WRLCK, Start: 3, Len: 2}, -1},
		"whole":   {unix.F_OFD_SETLK, unix.Flock_t{Type: unix.F_WRLCK}, -1},
		"to read": {unix.F_OFD_SETLK, unix.Flock_t{Type: unix.F_RDLCK}, -1},
		"process": {unix.F_SETLK, unix.Flock_t{Type: unix.F_WRLCK}, os.Getpid()},
	} {
		t.Run(name, func(t *testing.T) {
			fds := opened(t, 2)
			if err := unix.FcntlFlock(uintptr(fds[0]), c.cmd, &c.lock); err != nil {
				t.Fatal(err)
			}
			if holder, err := LockHolder(fds[1]); holder != c.want || err != nil {
				t.Error(holder, err)
			}
			if holder, err := LockAs(fds[1], 100); holder != c.want || err != nil {
				t.Error(holder, err)
			}
		})
	}
}

func TestLockErrors(t *testing.T) {
	dir, err := os.Open(t.TempDir()) // not for writing
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if holder, err := LockAs(int(dir.Fd()), 1); holder != 0 || !errors.Is(err, unix.EBADF) {
		t.Error(holder, err)
	}
	if holder, err := LockAs(-1, 1); holder != 0 || !errors.Is(err, unix.EBADF) {
		t.Error(holder, err)
	}
	if holder, err := LockHolder(-1); holder != 0 || !errors.Is(err, unix.EBADF) {
		t.Error(holder, err)
	}
}

// A holder that lets go between the two questions "may I" and "who then" makes
// nobody believe that it has the lock.
func TestLockAsRace(t *testing.T) {
	fds := opened(t, 5)
	var all sync.WaitGroup
	for i, fd := range fds[1:] {
		all.Go(func() {
			for range 5000 {
				if holder, err := LockAs(fd, 100+i); err != nil {
					t.Error(err)
					return
				} else if holder != 0 {
					continue
				}
				if holder, err := LockHolder(fds[0]); holder != 100+i || err != nil {
					t.Error("has the lock, and", holder, "holds it", err)
				}
				if err := unix.FcntlFlock(uintptr(fd), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_UNLCK}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}
