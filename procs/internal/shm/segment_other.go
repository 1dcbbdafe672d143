//go:build !linux

package shm

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"switchyard/procs/internal/kernel"
)

var errPlatform = fmt.Errorf("shm: shared memory on %s: %w", runtime.GOOS, errors.ErrUnsupported)

// Create makes an anonymous segment. Only Linux has them here.
func Create(size int) (*Segment, error) { return nil, errPlatform }

// CreateSparse makes an anonymous segment that grows. Only Linux has them here.
func CreateSparse(size, reserved int) (*Segment, error) { return nil, errPlatform }

// Adopt maps a segment passed as a descriptor. Only Linux has them here.
func Adopt(f *os.File, size int) (*Segment, error) {
	f.Close()
	return nil, errPlatform
}

// CreateNamed makes a named segment. Only Linux has them here.
func CreateNamed(name string, size int) (*Segment, error) { return nil, errPlatform }

// OpenNamed maps a named segment. Only Linux has them here.
func OpenNamed(name string) (*Segment, error) { return nil, errPlatform }

// Unlink removes a name.
func Unlink(name string, id kernel.FileID) error { return errPlatform }

// ID returns which file the segment is.
func (s *Segment) ID() (kernel.FileID, error) { return kernel.FileID{}, errPlatform }

// Recycle is Unmap.
func (s *Segment) Recycle() error { return s.Unmap() }

// Reserve gives memory to a part of a sparse segment.
func (s *Segment) Reserve(off, n int) error { return errPlatform }

// Discard takes the memory of a part away.
func (s *Segment) Discard(off, n int) error { return errPlatform }

func munmap(mem []byte) {}

func (s *Segment) writeAt(p []byte, off int64) error { return errPlatform }
func (s *Segment) readAt(p []byte, off int64) error  { return errPlatform }
func (s *Segment) fileSize() (int64, error)          { return 0, errPlatform }
