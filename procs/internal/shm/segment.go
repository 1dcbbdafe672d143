package shm

import (
	"errors"
	"os"
	"runtime"
	"sync/atomic"
	"unsafe"
)

// A Segment is memory that several processes see. An anonymous one is known
// only by its descriptor, so that nothing stays behind when all its processes
// are gone; a named one is a file of /dev/shm.
//
// Close gives the descriptor back at once, and the mapping when the Segment
// becomes unreachable: a goroutine that is still inside an operation on a
// closed object then finds memory, not a fault. Unmap is for owners who know
// that nobody looks any more.
type Segment struct {
	mem     []byte
	file    *os.File
	name    string // "" if anonymous
	state   *mapping
	cleanup runtime.Cleanup
}

// mapping is what is left to do when a Segment is gone.
type mapping struct {
	mem      []byte
	closed   atomic.Bool
	unmapped atomic.Bool
}

func (m *mapping) close() (first bool) {
	if m.closed.CompareAndSwap(false, true) {
		live.Add(-1)
		return true
	}
	return false
}

func (m *mapping) unmap() {
	m.close()
	if m.unmapped.CompareAndSwap(false, true) {
		munmap(m.mem)
	}
}

// live counts segments that are open in this process.
var live atomic.Int64

// Live returns the number of segments of this process that were neither closed
// nor forgotten: a leak check for tests.
func Live() int { return int(live.Load()) }

func newSegment(f *os.File, mem []byte, name string) *Segment {
	live.Add(1)
	s := &Segment{mem: mem, file: f, name: name, state: &mapping{mem: mem}}
	// A Segment that nobody closed: the file closes itself.
	s.cleanup = runtime.AddCleanup(s, (*mapping).unmap, s.state)
	return s
}

// Bytes returns the whole mapping. It must not be used after Unmap.
func (s *Segment) Bytes() []byte { return s.mem }

// Size returns the number of bytes mapped.
func (s *Segment) Size() int { return len(s.mem) }

// Name returns the name of a named segment, and "" for an anonymous one.
func (s *Segment) Name() string { return s.name }

// File returns the descriptor, to be passed to a child; nil after Close.
func (s *Segment) File() *os.File {
	if s.Closed() {
		return nil
	}
	return s.file
}

// Closed reports whether Close or Unmap was called.
func (s *Segment) Closed() bool { return s.state.closed.Load() }

// Close gives the descriptor back. It may be called more than once.
func (s *Segment) Close() error {
	if !s.state.close() {
		return nil
	}
	return s.file.Close()
}

// Unmap closes the segment and removes the mapping now. Memory got from Bytes
// must not be touched again.
func (s *Segment) Unmap() error {
	err := s.Close()
	s.cleanup.Stop()
	s.state.unmap()
	return err
}

// WithFD calls fn with the descriptor, which stays open until fn returns, or
// returns ErrClosed.
func (s *Segment) WithFD(fn func(fd int) error) error {
	if s.Closed() {
		return ErrClosed
	}
	return control(s.file, fn)
}

// control runs fn with the descriptor kept open for its duration.
func control(f *os.File, fn func(fd int) error) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := raw.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		if errors.Is(err, os.ErrClosed) {
			return ErrClosed
		}
		return err
	}
	return inner
}

// At returns a pointer to a T that lies off bytes into the segment. It panics
// if it would not fit or would not be aligned: both are mistakes of the layout,
// not of the data.
func At[T any](mem []byte, off int) *T {
	var t T
	if off < 0 || off+int(unsafe.Sizeof(t)) > len(mem) {
		panic("shm: At: outside of the segment")
	}
	p := unsafe.Pointer(&mem[off])
	if uintptr(p)%unsafe.Alignof(t) != 0 {
		panic("shm: At: not aligned")
	}
	return (*T)(p)
}
