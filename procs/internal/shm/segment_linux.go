package shm

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
)

// Create makes an anonymous segment of size bytes, all zero and all reserved.
func Create(size int) (*Segment, error) { return CreateSparse(size, size) }

// CreateSparse makes an anonymous segment of which size bytes are mapped but
// only the first reserved bytes exist. The rest must be given memory by Reserve
// before it is touched.
func CreateSparse(size, reserved int) (*Segment, error) {
	if size <= 0 || reserved <= 0 || reserved > size {
		return nil, fmt.Errorf("shm: create: %d of %d bytes", reserved, size)
	}
	if err := checkMemory(reserved); err != nil {
		return nil, fmt.Errorf("shm: create %d bytes: %w", reserved, noSpace(err))
	}
	fd, err := kernel.OpenFD(func() (int, error) {
		return unix.MemfdCreate("switchyard", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	})
	if err != nil {
		return nil, fmt.Errorf("shm: create: %w", noSpace(err))
	}
	f := os.NewFile(uintptr(fd), "memfd:switchyard")
	if err := allocate(fd, 0, reserved); err != nil {
		f.Close()
		return nil, fmt.Errorf("shm: create %d bytes: %w", reserved, err)
	}
	// Without the seal, a process that truncates the file would make the others
	// fault.
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK); err != nil {
		f.Close()
		return nil, fmt.Errorf("shm: seal: %w", err)
	}
	return mapFile(f, size, "")
}

// Adopt maps a segment that another process made and passed as a descriptor,
// which the Segment owns from then on (also if Adopt fails). size 0 means all
// that exists; more than exists is allowed for sparse segments.
func Adopt(f *os.File, size int) (*Segment, error) {
	if size == 0 {
		info, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("shm: adopt: %w", err)
		}
		size = int(info.Size())
	}
	if size <= 0 {
		f.Close()
		return nil, fmt.Errorf("shm: adopt: %w: empty", ErrCorrupt)
	}
	if mem := takeRecycled(f, size); mem != nil {
		return newSegment(f, mem, ""), nil
	}
	return mapFile(f, size, "")
}

// Reserve gives memory to n bytes at off of a sparse segment, so that touching
// them cannot fault. Bytes that have memory already keep it, and their content.
func (s *Segment) Reserve(off, n int) error {
	return s.WithFD(func(fd int) error { return allocate(fd, off, n) })
}

// Discard takes the memory of n bytes at off away: they read as zero, and need
// Reserve before they are written.
func (s *Segment) Discard(off, n int) error {
	return s.WithFD(func(fd int) error {
		return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, int64(off), int64(n))
	})
}

// allocate reserves pages now. Without it a full memory shows as SIGBUS at some
// later store.
func allocate(fd, off, n int) error {
	for {
		err := unix.Fallocate(fd, 0, int64(off), int64(n))
		if err != unix.EINTR {
			return noSpace(err)
		}
	}
}

// noSpace makes the kernel's errors for want of memory ErrNoSpace, with a
// remedy.
func noSpace(err error) error {
	remedy := ""
	switch err {
	case unix.ENOSPC:
		remedy = "the file system of shared memory is full, or the machine's memory: see df /dev/shm and its size= option, and close what is not used"
	case unix.ENOMEM:
		remedy = "the machine's memory or that of the control group does not suffice: ask for less, or raise memory.max"
	case unix.EFBIG:
		remedy = "a file may not be so large: ask for less, or raise ulimit -f"
	default:
		return err
	}
	return fmt.Errorf("%w: %w (%s)", ErrNoSpace, err, remedy)
}

func mapFile(f *os.File, size int, name string) (*Segment, error) {
	var mem []byte
	err := control(f, func(fd int) (err error) {
		mem, err = unix.Mmap(fd, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_NORESERVE)
		return err
	})
	// Mappings of closed objects go with the garbage, but this is no moment to
	// collect it: the collector itself may need memory, and ends the program if
	// it gets none.
	if err == unix.ENOMEM {
		err = fmt.Errorf("%w: %w (no address space, or too many mappings: close what is not used, or raise the sysctl vm.max_map_count or ulimit -v)", ErrNoSpace, err)
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("shm: map %d bytes: %w", size, err)
	}
	return newSegment(f, mem, name), nil
}

func munmap(mem []byte) {
	if err := unix.Munmap(mem); err != nil {
		panic("shm: munmap: " + err.Error())
	}
}

// writeAt writes to the file, beyond the mapping too, which gives it memory as
// needed.
func (s *Segment) writeAt(p []byte, off int64) error {
	if s.Closed() {
		return ErrClosed
	}
	if _, err := s.file.WriteAt(p, off); err != nil {
		return fmt.Errorf("shm: write %d bytes: %w", len(p), fileError(err))
	}
	return nil
}

// readAt reads from the file.
func (s *Segment) readAt(p []byte, off int64) error {
	if s.Closed() {
		return ErrClosed
	}
	if _, err := s.file.ReadAt(p, off); err != nil {
		return fmt.Errorf("shm: read %d bytes: %w", len(p), fileError(err))
	}
	return nil
}

// fileSize returns how long the file is, including what is not mapped.
func (s *Segment) fileSize() (int64, error) {
	if s.Closed() {
		return 0, ErrClosed
	}
	info, err := s.file.Stat()
	if err != nil {
		return 0, fileError(err)
	}
	return info.Size(), nil
}

func fileError(err error) error {
	if errors.Is(err, os.ErrClosed) {
		return ErrClosed
	}
	if errno := unix.Errno(0); errors.As(err, &errno) {
		return noSpace(errno)
	}
	return err
}
