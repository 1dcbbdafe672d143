//go:build linux

package taskring

import (
	"bytes"
	"encoding/binary"
	"os"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/shm"
)

// storePair returns a store and its other end, which adopts it with the first
// message.
func storePair(t *testing.T) (s, other *Store) {
	t.Helper()
	s, other = new(Store), new(Store)
	t.Cleanup(func() {
		s.Close()
		other.Close()
		if n := shm.Live(); n != 0 {
			t.Errorf("%d segments are left", n)
		}
	})
	return s, other
}

// pass lays b and returns what comes out at the other end, not yet done with.
func pass(t *testing.T, s, other *Store, b []byte) []byte {
	t.Helper()
	record, seg, ok := s.Lay(b)
	if !ok {
		t.Fatalf("no room for %d bytes", len(b))
	}
	if seg != nil {
		adopt(t, other, seg)
	}
	got, err := other.Message(record)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func adopt(t *testing.T, other *Store, seg *shm.Segment) {
	t.Helper()
	var fd int
	err := seg.WithFD(func(own int) (err error) {
		fd, err = unix.FcntlInt(uintptr(own), unix.F_DUPFD_CLOEXEC, 0)
		return err
	})
	if err == nil {
		err = other.Adopt(os.NewFile(uintptr(fd), "store"))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// blocks is how much memory a store holds, in bytes.
func blocks(t *testing.T, s *Store) int {
	t.Helper()
	info, err := s.seg.File().Stat()
	if err != nil {
		t.Fatal(err)
	}
	return int(info.Sys().(*syscall.Stat_t).Blocks) * 512
}

// One message at a time, of any length, in the same memory.
func TestStore(t *testing.T) {
	s, other := storePair(t)
	if s.Room() != nil {
		t.Error("there is room before there is memory")
	}
	for i, n := range []int{1 << 20, 1, 0, 4095, 4096, 4097, 3 << 20, 1 << 20} {
		b := bytes.Repeat([]byte{byte(i + 1)}, n)
		got := pass(t, s, other, b)
		if !bytes.Equal(got, b) {
			t.Fatalf("%d bytes came as %d others", n, len(got))
		}
		if _, _, ok := s.Lay([]byte("next")); ok || s.Room() != nil {
			t.Fatal("a message is overwritten")
		}
		if !bytes.Equal(got, b) {
			t.Fatal("a message was overwritten")
		}
		other.Done()
		room := s.Room()
		if room == nil || len(room) != 0 || cap(room) < n {
			t.Fatalf("room for %d bytes after %d", cap(room), n)
		}
		// What is written there is not copied, and what outgrows it is.
		for _, b := range [][]byte{append(room, "in place"...), append(room, make([]byte, cap(room)+1)...)} {
			if got := pass(t, s, other, b); !bytes.Equal(got, b) {
				t.Fatal("what was written in the room did not arrive")
			}
			other.Done()
		}
	}
	if _, _, ok := s.Lay(make([]byte, MaxStored+1)); ok {
		t.Error("more than fits")
	}
	if _, seg, ok := s.Lay([]byte("again")); !ok || seg != nil {
		t.Error("the other end gets what it has", ok)
	}
	s.Withdraw()
	if got := pass(t, s, other, []byte("after")); string(got) != "after" {
		t.Errorf("%q", got)
	}
	for _, record := range [][]byte{nil, make([]byte, 7), make([]byte, 9), binary.LittleEndian.AppendUint64(nil, MaxStored+1), bytes.Repeat([]byte{255}, 8)} {
		if _, err := other.Message(record); err == nil {
			t.Errorf("a record of %v", record)
		}
	}
}

// A store that did not arrive is sent along with the next message.
func TestStoreIsSentAgain(t *testing.T) {
	s, other := storePair(t)
	for range 2 {
		if _, seg, ok := s.Lay([]byte("lost")); seg == nil || !ok {
			t.Fatal("not sent", ok)
		}
		if _, err := other.Message(make([]byte, 8)); err == nil {
			t.Error("a message without memory")
		}
		s.Withdraw()
	}
	if got := pass(t, s, other, []byte("here")); string(got) != "here" {
		t.Errorf("%q", got)
	}
}

// Memory follows the longest recent message, goes when there are none, and
// never while one lies there or is being written.
func TestStoreGivesMemoryBack(t *testing.T) {
	const MiB = 1 << 20
	s, other := storePair(t)
	expect := func(when string, most int) {
		t.Helper()
		if n := blocks(t, s); n < most || n > most+2*storeHead {
			t.Errorf("%s: %d bytes, not %d", when, n, most)
		}
	}
	b := bytes.Repeat([]byte{7}, 8*MiB)
	got := pass(t, s, other, b)
	for range 3 {
		s.trim()
	}
	expect("a message lies there", 8*MiB)
	if !bytes.Equal(got, b) {
		t.Error("its memory was given back")
	}
	other.Done()
	s.trim()
	expect("just now", 8*MiB)
	pass(t, s, other, b[:MiB])
	other.Done()
	s.trim()
	expect("then a short one", MiB)
	room := s.Room()
	for range 3 {
		s.trim()
	}
	expect("while one is written", MiB)
	copy(room[:cap(room)], b)
	s.Leave()
	for range 2 {
		s.trim()
	}
	expect("idle", 0)
	if s.Room() != nil {
		t.Error("room without memory")
	}
	if s.timer != nil {
		t.Error("the timer goes on")
	}
	if got := pass(t, s, other, b); !bytes.Equal(got, b) {
		t.Error("a message after that")
	}
	if s.timer == nil {
		t.Error("nothing gives it back")
	}
	s.Close()
	s.trim()
}
