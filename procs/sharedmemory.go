package procs

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
)

// SharedMemory is a block of bytes that several processes use without copying.
// It is multiprocessing.shared_memory.SharedMemory.
//
// An anonymous block reaches other processes as an argument or through a Pipe,
// and is gone with the last process that has it. A named one is also found by
// its name; the name is gone after Unlink, or with the process that made it,
// however that ended.
//
// Passing a block on costs the same whatever its size: the receiver maps the
// same pages. Making one takes time for each page, which is reserved and
// zeroed, so that a full memory is ErrNoSpace here and never a fault later.
//
// There is no lock: what a killed process had written remains, complete or not.
// Use a Lock, whose next owner gets ErrOwnerDied.
type SharedMemory struct {
	seg  *shm.Segment
	name string
	id   kernel.FileID // of a named block
	gone atomic.Bool
}

// NewSharedMemory makes an anonymous block of size bytes, all zero.
func NewSharedMemory(size int) (*SharedMemory, error) {
	if size <= 0 {
		return nil, fmt.Errorf("procs: shared memory of %d bytes: %w", size, os.ErrInvalid)
	}
	seg, err := shm.Create(size)
	if err != nil {
		return nil, fromShm(err)
	}
	return &SharedMemory{seg: seg}, nil
}

// CreateSharedMemory makes a named block of size bytes, all zero, which only
// this user may open. The name must not exist (os.ErrExist), and must be a
// valid file name.
func CreateSharedMemory(name string, size int) (*SharedMemory, error) {
	seg, err := shm.CreateNamed(name, size)
	if err != nil {
		return nil, fromShm(err)
	}
	return namedMemory(seg, name)
}

// AttachSharedMemory opens the block that another process made under the name,
// or returns an error that is os.ErrNotExist.
func AttachSharedMemory(name string) (*SharedMemory, error) {
	seg, err := shm.OpenNamed(name)
	if err != nil {
		return nil, fromShm(err)
	}
	return namedMemory(seg, name)
}

// namedMemory owns seg.
func namedMemory(seg *shm.Segment, name string) (*SharedMemory, error) {
	id, err := seg.ID()
	if err != nil {
		seg.Unmap()
		return nil, fromShm(err)
	}
	return &SharedMemory{seg: seg, name: name, id: id}, nil
}

func (m *SharedMemory) share(w *wire) error {
	if m.seg == nil {
		return ErrClosed
	}
	w.PutUint64(uint64(m.seg.Size()))
	w.PutString(m.name)
	return fromShm(m.seg.WithFD(func(fd int) error {
		w.PutFD(fd)
		return w.Err()
	}))
}

func (m *SharedMemory) adopt(w *wire) error {
	size, name, fd := w.TakeUint64(), w.TakeString(), w.TakeFD()
	if fd < 0 {
		return w.Err()
	}
	seg, err := shm.Adopt(os.NewFile(uintptr(fd), "segment"), int(size))
	if err != nil {
		return fromShm(err)
	}
	if name == "" {
		m.seg = seg
		return nil
	}
	named, err := namedMemory(seg, name)
	if err == nil {
		m.seg, m.name, m.id = named.seg, named.name, named.id
	}
	return err
}

// Bytes returns the block; it panics if it was closed. The slice must not be
// touched after Close, nor after the SharedMemory became unreachable.
func (m *SharedMemory) Bytes() []byte {
	if m.seg == nil || m.seg.Closed() {
		panic("procs: SharedMemory: closed")
	}
	return m.seg.Bytes()
}

// Size returns the number of bytes.
func (m *SharedMemory) Size() int {
	if m.seg == nil {
		return 0
	}
	return m.seg.Size()
}

// Name returns the name, "" for an anonymous block.
func (m *SharedMemory) Name() string { return m.name }

// String describes the block, for logs.
func (m *SharedMemory) String() string {
	return fmt.Sprintf("<SharedMemory %q of %d bytes>", m.name, m.Size())
}

// Close unmaps the block from this process. Others keep it. An anonymous block
// is unmapped a tenth of a second later, because a block that is passed back
// and forth soon returns, and mapping it again takes longer, the more so the
// larger it is.
func (m *SharedMemory) Close() error {
	if m.seg == nil {
		return nil
	}
	return m.seg.Recycle()
}

// Unlink removes the name. Processes that have the block keep it. It works
// once, in any process, before or after Close; then, and for an anonymous
// block, the error is os.ErrNotExist. So it is if the name is another block's
// by now, which keeps it.
func (m *SharedMemory) Unlink() error {
	if m.name == "" || !m.gone.CompareAndSwap(false, true) {
		return fmt.Errorf("procs: unlink shared memory %q: %w", m.name, os.ErrNotExist)
	}
	err := fromShm(shm.Unlink(m.name, m.id))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		m.gone.Store(false)
	}
	return err
}
