package shm

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/kernel"
)

// dir is where named segments live: a tmpfs on every Linux.
const dir = "/dev/shm/"

// CreateNamed makes a segment of size bytes, all zero and all reserved, that
// others find by its name. The name must not exist.
//
// It is gone at the latest when this process is, however it ended: see tracker.
func CreateNamed(name string, size int) (*Segment, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	if size <= 0 {
		return nil, fmt.Errorf("shm: create %q: %d bytes: %w", name, size, os.ErrInvalid)
	}
	// A file without a name first, which is gone with us. The tracker hears of
	// it before it gets its name, and knows it by its number: at no instant
	// would our death leave the name behind, or take somebody else's away.
	fd, err := kernel.OpenFD(func() (int, error) {
		return unix.Open(dir, unix.O_RDWR|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600)
	})
	if err != nil {
		return nil, fmt.Errorf("shm: create %q: %w", name, noSpace(err))
	}
	f := os.NewFile(uintptr(fd), dir+name)
	if err := allocate(fd, 0, size); err != nil {
		f.Close()
		return nil, fmt.Errorf("shm: create %q of %d bytes: %w", name, size, err)
	}
	s, err := mapFile(f, size, name)
	if err != nil {
		return nil, err
	}
	if err := s.link(fd); err != nil {
		s.Unmap()
		return nil, fmt.Errorf("shm: create %q: %w", name, err)
	}
	return s, nil
}

// link gives the file its name.
func (s *Segment) link(fd int) error {
	id, err := kernel.IDOfFD(fd)
	if err != nil {
		return err
	}
	if err := theTracker.remember(s.name, id); err != nil {
		return err
	}
	err = unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, dir+s.name, unix.AT_SYMLINK_FOLLOW)
	if err != nil {
		theTracker.forget(s.name, id)
	}
	return err
}

// OpenNamed maps a named segment that exists.
func OpenNamed(name string) (*Segment, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	fd, err := kernel.OpenFD(func() (int, error) {
		return unix.Open(dir+name, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	})
	if err != nil {
		return nil, fmt.Errorf("shm: open %q: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), dir+name)
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("shm: open %q: %w", name, err)
	}
	if info.Size() == 0 {
		f.Close()
		return nil, fmt.Errorf("shm: open %q: %w: empty", name, ErrCorrupt)
	}
	return mapFile(f, int(info.Size()), name)
}

// ID returns which file the segment is.
func (s *Segment) ID() (id kernel.FileID, err error) {
	err = s.WithFD(func(fd int) (err error) {
		id, err = kernel.IDOfFD(fd)
		return err
	})
	return id, err
}

// Unlink removes the name of the segment that is the file id. Mappings stay
// valid; the memory goes with the last of them. If the name is gone, or is
// another segment's by now, the error is os.ErrNotExist.
func Unlink(name string, id kernel.FileID) error {
	if err := checkName(name); err != nil {
		return err
	}
	err := kernel.RemoveName(dir+name, id)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("shm: unlink %q: %w", name, err)
	}
	theTracker.forget(name, id)
	if err != nil {
		return fmt.Errorf("shm: unlink %q: %w", name, err)
	}
	return nil
}

func checkName(name string) error {
	if name == "" || name == "." || name == ".." || len(name) > 255 || strings.ContainsAny(name, "/\x00") {
		return fmt.Errorf("shm: name %q: %w", name, os.ErrInvalid)
	}
	return nil
}
