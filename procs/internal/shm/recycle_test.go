//go:build linux

package shm

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/proctest/wait"
)

// again is another descriptor of a segment, as a message would bring it.
func again(t *testing.T, s *Segment) *os.File {
	t.Helper()
	var f *os.File
	err := s.WithFD(func(fd int) error {
		dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		f = os.NewFile(uintptr(dup), "segment")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// mapped counts this process's mappings of segments.
func mapped(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "memfd:switchyard")
}

// A mapping that was recycled is used again for the same segment, and for no
// other.
func TestParkAgain(t *testing.T) {
	before := mapped(t)
	a, err := Create(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Unmap()
	b, err := Create(1 << 16)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Unmap()
	for i := range 1000 {
		for _, s := range []*Segment{a, b} {
			s.Bytes()[7]++
			twin, err := Adopt(again(t, s), 1<<16)
			if err != nil {
				t.Fatal(err)
			}
			if twin.Bytes()[7] != byte(i+1) || &twin.Bytes()[0] == &s.Bytes()[0] {
				t.Fatal(i, twin.Bytes()[7])
			}
			if s == b {
				twin.Bytes()[8] = 'b'
			}
			if err := twin.Recycle(); err != nil {
				t.Fatal(err)
			}
			if err := twin.Recycle(); err != nil || twin.Unmap() != nil {
				t.Fatal(err)
			}
		}
	}
	if a.Bytes()[8] != 0 || b.Bytes()[8] != 'b' {
		t.Fatal("mixed up")
	}
	if n := mapped(t); n > before+4 {
		t.Fatalf("%d mappings after %d, for two segments, each with one recycled", n, before)
	}
}

// Another size is another mapping.
func TestParkSize(t *testing.T) {
	a, err := Create(3 << 12)
	if err != nil {
		t.Fatal(err)
	}
	f := again(t, a)
	if err := a.Recycle(); err != nil {
		t.Fatal(err)
	}
	b, err := Adopt(f, 1<<12)
	if err != nil || b.Size() != 1<<12 {
		t.Fatal(b, err)
	}
	b.Unmap()
}

// However many are recycled, few stay, and those not for long.
func TestParkEnds(t *testing.T) {
	before := mapped(t)
	for range 20 {
		s, err := Create(1 << 12)
		if err != nil {
			t.Fatal(err)
		}
		s.Recycle()
	}
	if n := mapped(t); n > before+maxRecycled {
		t.Fatalf("%d mappings after %d", n, before)
	}
	wait.Until(t, "no mapping is left", func() bool { return mapped(t) <= before })
}
