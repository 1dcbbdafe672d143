//go:build linux

package shm

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/proctest/wait"
)

func testName(t testing.TB) string {
	return fmt.Sprintf("switchyard-test-%d-%s", os.Getpid(), t.Name())
}

func unlink(t testing.TB, s *Segment) error {
	t.Helper()
	id, err := s.ID()
	if err != nil {
		t.Fatal(err)
	}
	return Unlink(s.Name(), id)
}

func exists(name string) bool {
	_, err := os.Lstat(dir + name)
	return err == nil
}

func init() {
	children["named-create"] = func(_ *Segment, args []string) {
		for _, name := range args {
			_, err := CreateNamed(name, 4096)
			check(err)
		}
		time.Sleep(time.Hour)
	}
}

func TestNamed(t *testing.T) {
	name := testName(t)
	a, err := CreateNamed(name, 5000)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Unmap()
	if info, err := os.Stat(dir + name); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := CreateNamed(name, 1); !errors.Is(err, os.ErrExist) {
		t.Errorf("created twice: %v", err)
	}
	b, err := OpenNamed(name)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Unmap()
	a.Bytes()[4999] = 7
	if b.Size() != 5000 || b.Bytes()[4999] != 7 || a.Name() != name {
		t.Error("not the same memory")
	}
	if err := unlink(t, a); err != nil || exists(name) {
		t.Error(err)
	}
	if _, err := OpenNamed(name); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	if theTracker.child != nil {
		t.Error("the tracker runs though there are no names")
	}
	for _, bad := range []string{"", ".", "..", "a/b", "../etc/passwd", "a\x00b", strings.Repeat("x", 256)} {
		if _, err := CreateNamed(bad, 10); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := CreateNamed(name, 0); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
}

func TestNamedGoesWithItsKilledCreator(t *testing.T) {
	other, name := testName(t)+"1", testName(t)+"2"
	c := startChild(t, "named-create", makeSegment(t, 1), other, name)
	for !exists(name) {
		time.Sleep(time.Millisecond)
	}
	if err := os.Remove(dir + other); err != nil { // that one is missing is no reason to leave the next
		t.Fatal(err)
	}
	c.Process.Kill()
	wait.Until(t, "the name is gone", func() bool { return !exists(name) })
}

// The tracker outlives the signals that end the program it belongs to.
func TestTrackerIgnoresSignals(t *testing.T) {
	a, err := CreateNamed(testName(t), 10)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Unmap()
	child := theTracker.child
	const ignored = 1<<(syscall.SIGINT-1) | 1<<(syscall.SIGTERM-1) | 1<<(syscall.SIGHUP-1)
	wait.Until(t, "it ignores them", func() bool { return sigIgn(t, child.Pid)&ignored == ignored })
	for _, s := range []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		child.Signal(s)
	}
	unlink(t, a)
	if ended := theTracker.ended; ended == nil || ended.Pid() != child.Pid || !ended.Success() {
		t.Errorf("it ended as %v", ended)
	}
}

func sigIgn(t *testing.T, pid int) (mask uint64) {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(b), "SigIgn:")
	fmt.Sscanf(line, "%x", &mask)
	return mask
}

func TestTrackerIsReplaced(t *testing.T) {
	a, err := CreateNamed(testName(t), 10)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Unmap()
	theTracker.child.Kill()
	theTracker.child.Wait()
	other := testName(t) + "2"
	b, err := CreateNamed(other, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Unmap()
	unlink(t, a)
	unlink(t, b)
	if theTracker.child != nil {
		t.Error("a tracker is left")
	}
}

// A name that is somebody else's file by now is left alone.
func TestTrackerKnowsFilesNotNames(t *testing.T) {
	name := testName(t)
	c := startChild(t, "named-create", makeSegment(t, 1), name)
	for !exists(name) {
		time.Sleep(time.Millisecond)
	}
	os.Remove(dir + name)
	b, err := CreateNamed(name, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Unmap()
	c.Process.Kill()
	c.Wait()
	time.Sleep(100 * time.Millisecond) // cannot wait for what must not happen
	if !exists(name) {
		t.Error("the dead creator's tracker took our name away")
	}
	unlink(t, b)
}

func TestNoSpace(t *testing.T) {
	if _, err := CreateNamed(testName(t), 1<<50); !errors.Is(err, ErrNoSpace) {
		t.Errorf("a petabyte: %v", err)
	}
	if _, err := Create(1 << 50); !errors.Is(err, ErrNoSpace) {
		t.Errorf("an anonymous petabyte: %v", err)
	} else if !strings.Contains(err.Error(), "memory.max") {
		t.Errorf("no remedy: %v", err)
	}
	if exists(testName(t)) {
		t.Error("the name was left behind")
	}
}

// A segment's name is removed, not whatever has the name: another process made
// a segment of the same name after somebody removed ours (bpo-39959's kin).
func TestUnlinkTakeover(t *testing.T) {
	name := testName(t)
	old, err := CreateNamed(name, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Unmap()
	os.Remove(dir + name)
	fresh, err := CreateNamed(name, 10)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Unmap()
	if err := unlink(t, old); !errors.Is(err, os.ErrNotExist) || !exists(name) {
		t.Fatal("the newcomer's name:", err)
	}
	if err := unlink(t, fresh); err != nil || exists(name) {
		t.Fatal(err)
	}
	if theTracker.child != nil {
		t.Error("a tracker is left")
	}
	if err := Unlink("a/b", kernel.FileID{}); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
}

// Names may hold anything but a slash and a zero byte.
func TestTrackerLine(t *testing.T) {
	for _, name := range []string{"plain", "with space", "q\"uo`te", "new\nline", "\xff\x01 raw", "%d", "ü"} {
		id := kernel.FileID{Dev: 1<<40 + 3, Ino: 1<<63 + 5}
		line := trackerLine('-', name, id)
		if strings.Count(line, "\n") != 1 {
			t.Errorf("%q", line)
		}
		what, got, gotID, ok := parseTrackerLine(strings.TrimSuffix(line, "\n"))
		if !ok || what != '-' || got != name || gotID != id {
			t.Errorf("%q: %c %q %v %v", line, what, got, gotID, ok)
		}
	}
	for _, line := range []string{"", "+", "+1 2", `+1 "a"`, "+1 2 a", `+1 2 "a/b"`, `+1 2 ""`} {
		if _, name, _, ok := parseTrackerLine(line); ok {
			t.Errorf("%q names %q", line, name)
		}
	}
}

func init() { children["mappings"] = func(*Segment, []string) { mappingsRunOut() } }

// mappingsRunOut makes segments where there is room for three, and for what the
// runtime needs.
func mappingsRunOut() {
	const size = 64 << 20
	b, err := os.ReadFile("/proc/self/statm")
	check(err)
	pages, err := strconv.Atoi(strings.Fields(string(b))[0])
	check(err)
	limit := uint64(pages*pageSize + 4*size - pageSize)
	check(unix.Setrlimit(unix.RLIMIT_AS, &unix.Rlimit{Cur: limit, Max: limit}))
	for range 5 {
		s, err := CreateSparse(size, pageSize)
		if err != nil {
			if !errors.Is(err, ErrNoSpace) || !errors.Is(err, unix.ENOMEM) || !strings.Contains(err.Error(), "vm.max_map_count") {
				check(fmt.Errorf("an error without the limit: %w", err))
			}
			return
		}
		defer s.Unmap()
	}
	check(errors.New("no limit"))
}

// Who has no room for another mapping is told of the limits, and what to do.
func TestMappingsRunOut(t *testing.T) {
	startChild(t, "mappings", makeSegment(t, 8)).join(t)
}
