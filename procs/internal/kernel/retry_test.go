//go:build linux

package kernel

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Descriptors of files that nobody refers to make room for others.
// pytorch#973: "too many open files" although nobody keeps any.
func TestRetryFDCollectsGarbage(t *testing.T) {
	limitFDs(t, 20)
	for i := range 200 {
		var f *os.File
		err := RetryFD(func() (err error) {
			f, err = os.Open(os.DevNull)
			return err
		})
		if err != nil {
			t.Fatal(i, err)
		}
		if _, err := f.Read(make([]byte, 1)); err != io.EOF {
			t.Fatal(i, err)
		}
	}
}

// Many who find no room at the same time all get it.
func TestRetryFDTogether(t *testing.T) {
	limitFDs(t, 30)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for i := range 30 {
				fd, err := OpenFD(func() (int, error) { return unix.Eventfd(0, unix.EFD_CLOEXEC) })
				if err != nil {
					t.Error(i, err)
					return
				}
				os.NewFile(uintptr(fd), "eventfd") // garbage at once
			}
		})
	}
	wg.Wait()
}

// Where everything is in use, the error comes soon, says what the limit is and
// what to do, and is still the kernel's.
func TestRetryFDNoGarbage(t *testing.T) {
	limitFDs(t, 5)
	var fds []int
	defer func() { CloseAll(fds) }()
	var err error
	begin := time.Now()
	for err == nil {
		var fd int
		if fd, err = DupFD(1); err == nil {
			fds = append(fds, fd)
		} else if fd != -1 {
			t.Fatal("a descriptor with an error:", fd)
		}
	}
	// Five at least: descriptors of earlier tests may have been let go.
	if len(fds) < 5 || time.Since(begin) > 20*time.Second {
		t.Fatal(len(fds), time.Since(begin))
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("may have %d descriptors", limit.Cur)
	if !errors.Is(err, unix.EMFILE) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "ulimit -n") {
		t.Fatal(err)
	}
	if again := Explain(fmt.Errorf("outer: %w", err)); strings.Count(again.Error(), "ulimit") != 1 {
		t.Fatal("explained twice:", again)
	}
}

// Only a lack of room is retried, and each call of open is the caller's.
func TestRetryFDOtherErrors(t *testing.T) {
	for _, c := range []struct {
		err   error
		calls bool
	}{
		{unix.EMFILE, true}, {unix.ENFILE, true}, {unix.ETOOMANYREFS, true}, {&os.PathError{Err: unix.EMFILE}, true},
		{unix.EAGAIN, false}, {io.EOF, false}, {unix.ENOENT, false}, {nil, false},
	} {
		var calls atomic.Int32
		err := RetryFD(func() error { calls.Add(1); return c.err })
		if n := calls.Load(); (n > 3) != c.calls || !c.calls && n != 1 {
			t.Errorf("%v: %d calls", c.err, n)
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%v became %v", c.err, err)
		}
		if (err != c.err) != c.calls {
			t.Errorf("%v was not (or need not be) explained: %v", c.err, err)
		}
	}
	// An error that comes later ends the retries.
	n := 0
	err := RetryFD(func() error {
		if n++; n == 1 {
			return unix.EMFILE
		}
		return unix.ENOENT
	})
	if err != unix.ENOENT || n != 2 {
		t.Fatal(err, n)
	}
}

func TestExplain(t *testing.T) {
	for _, c := range []struct {
		err  error
		says string
	}{
		{nil, ""}, {io.EOF, ""}, {unix.ENOENT, ""},
		{unix.EMFILE, "ulimit -n"}, {unix.ENFILE, "fs.file-max"}, {unix.ETOOMANYREFS, "on their way"},
		{&os.SyscallError{Syscall: "socket", Err: unix.EMFILE}, "ulimit -n"},
	} {
		got := Explain(c.err)
		if c.says == "" {
			if got != c.err {
				t.Errorf("%v became %v", c.err, got)
			}
		} else if !errors.Is(got, c.err) || !strings.HasPrefix(got.Error(), c.err.Error()) || !strings.Contains(got.Error(), c.says) {
			t.Errorf("%v became %v", c.err, got)
		}
	}
}

// A descriptor that could be had in the end is the one that was opened, and
// what is in the way of one call is tried for so long and no longer.
func TestOpenFDRetries(t *testing.T) {
	for _, fails := range []int{0, 1, 4, 15} {
		n := 0
		fd, err := OpenFD(func() (int, error) {
			if n++; n <= fails {
				return -1, unix.ENFILE
			}
			return 42, nil
		})
		if fd != 42 || err != nil || n != fails+1 {
			t.Errorf("after %d failures: %d, %v, %d calls", fails, fd, err, n)
		}
	}
	for _, c := range []struct {
		err   error
		calls int
	}{{unix.EMFILE, 16}, {unix.EPERM, 1}} { // once, and five times after each of three collections
		n := 0
		fd, err := OpenFD(func() (int, error) { n++; return 42, c.err })
		if fd != -1 || !errors.Is(err, c.err) || n != c.calls {
			t.Errorf("%v: %d, %v, %d calls", c.err, fd, err, n)
		}
	}
}

// One collection serves all who waited for it to begin.
func TestCollectAfter(t *testing.T) {
	begin := collector.done.Load()
	var before, after runtime.MemStats
	for i, ended := range []uint64{1, 2, 2, 2} { // the second: that one may have begun before the call
		runtime.ReadMemStats(&before)
		collectAfter(begin)
		runtime.ReadMemStats(&after)
		if n := collector.done.Load() - begin; n != ended {
			t.Errorf("%d collections after call %d", n, i+1)
		}
		if i < 2 && after.NumForcedGC == before.NumForcedGC {
			t.Errorf("call %d collected nothing", i+1)
		}
	}
	if collect(); collector.done.Load() != begin+3 {
		t.Error("a call that has just come needs another one")
	}
}
