package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"switchyard/procs/internal/clock"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
)

var (
	// ErrOwnerDied means that the call succeeded, and the caller holds what it
	// asked for, but that a process died holding it before. What the lock
	// protects may be half done: repair it, then go on, and release as usual.
	ErrOwnerDied = errors.New("procs: acquired, but the former owner died")
	// ErrNotHeld means that what was to be released is not held, or not by the
	// caller.
	ErrNotHeld = errors.New("procs: released what is not held")
	// ErrNoSpace means that there is not enough memory for a shared object.
	ErrNoSpace = errors.New("procs: no space in shared memory")
	// ErrFull means that a queue has no room, and the caller does not wait, or
	// no longer.
	ErrFull = errors.New("procs: queue is full")
	// ErrEmpty means that a queue is empty, and the caller does not wait, or no
	// longer.
	ErrEmpty = errors.New("procs: queue is empty")
)

// fromShm gives the errors of the shared memory their public names.
func fromShm(err error) error {
	switch err {
	case nil, context.Canceled, context.DeadlineExceeded:
		return err
	case shm.ErrTimeout:
		return ErrTimeout
	case shm.ErrOwnerDied:
		return ErrOwnerDied
	case shm.ErrNotLocked:
		return ErrNotHeld
	case shm.ErrClosed:
		return ErrClosed
	case shm.ErrFull:
		return ErrFull
	case shm.ErrEmpty:
		return ErrEmpty
	}
	if errors.Is(err, shm.ErrNoSpace) {
		return fmt.Errorf("%w: %w", ErrNoSpace, err)
	}
	return err
}

// shared is what every object in shared memory begins with: a segment, whose
// first words say what it is.
type shared struct {
	seg *shm.Segment
}

// The first words of each segment, followed by the object at bodyOffset.
type sharedHeader struct {
	kind   atomic.Uint64 // what lies here; stored last
	params [6]uint64     // fixed when the object is made
	mapped uint64        // bytes to map, which may be more than exist (sparse segments)
}

const bodyOffset = 64

// kinds of objects
const (
	kindLock uint64 = 0x53770001 + iota
	kindRLock
	kindSemaphore
	kindCondition
	kindEvent
	kindBarrier
	kindValue
	kindArray
	kindMemory
	kindQueue

	kindAny uint64 = 0 // in adoptAs: whatever it is
)

// create makes the segment of a new object of size bytes beside the header.
func (s *shared) create(kind uint64, size int, params ...uint64) error {
	seg, err := shm.Create(bodyOffset + size)
	if err != nil {
		return fromShm(err)
	}
	s.label(seg, kind, params...)
	return nil
}

func (s *shared) label(seg *shm.Segment, kind uint64, params ...uint64) {
	s.seg = seg
	h := s.header()
	copy(h.params[:], params)
	h.mapped = uint64(seg.Size())
	h.kind.Store(kind)
}

func (s *shared) header() *sharedHeader { return shm.At[sharedHeader](s.seg.Bytes(), 0) }

func (s *shared) param(i int) uint64 { return s.header().params[i] }

// shareAs is the common handle.share.
func (s *shared) shareAs(w *wire) error {
	if s.seg == nil {
		return ErrClosed
	}
	err := s.seg.WithFD(func(fd int) error {
		w.PutFD(fd)
		return w.Err()
	})
	w.PutUint64(uint64(s.seg.Size()))
	return fromShm(err)
}

// adoptAs is the common handle.adopt: the segment must hold an object of the
// kind, with at least size bytes beside the header.
func (s *shared) adoptAs(w *wire, kind uint64, size int) error {
	fd, mapped := w.TakeFD(), w.TakeUint64()
	if err := w.Err(); err != nil {
		if fd >= 0 {
			kernel.CloseFD(fd)
		}
		return err
	}
	seg, err := shm.Adopt(os.NewFile(uintptr(fd), "segment"), int(mapped))
	if err != nil {
		return fromShm(err)
	}
	if seg.Size() < bodyOffset+size || kind != kindAny && shm.At[sharedHeader](seg.Bytes(), 0).kind.Load() != kind {
		seg.Close()
		return fmt.Errorf("%w: not the object it should be", codec.ErrWire)
	}
	s.seg = seg
	return nil
}

// Close lets go of the object in this process; others keep it. Operations on a
// closed object return ErrClosed. The object itself is gone when no process has
// it any more, however they ended.
func (s *shared) Close() error {
	if s.seg == nil {
		return nil
	}
	return s.seg.Close()
}

// closed reports whether this handle was closed.
func (s *shared) closed() bool { return s.seg == nil || s.seg.Closed() }

// waitFor is a wait bounded by a context alone.
func waitFor(ctx context.Context) shm.Wait { return shm.Wait{Context: ctx} }

// waitUntil is a wait of at most d, for ever if that is more than a century;
// negative durations count as zero.
func waitUntil(d time.Duration) shm.Wait { return shm.Wait{Deadline: clock.In(d)} }

// forever has no end.
var forever = shm.Wait{}

func sizeof[T any]() uintptr {
	var t T
	return unsafe.Sizeof(t)
}
