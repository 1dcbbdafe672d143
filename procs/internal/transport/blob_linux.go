package transport

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
)

// NewBlob puts b into anonymous memory that can be passed on as a descriptor.
func NewBlob(b []byte) (int, error) {
	fd, err := kernel.OpenFD(func() (int, error) { return unix.MemfdCreate("procs", unix.MFD_CLOEXEC) })
	if err != nil {
		return -1, fmt.Errorf("procs: memory for a large message: %w", err)
	}
	for off := 0; off < len(b); {
		n, err := unix.Pwrite(fd, b[off:], int64(off))
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			unix.Close(fd)
			return -1, fmt.Errorf("procs: memory for a large message: %w", err)
		}
		off += n
	}
	return fd, nil
}

// ReadBlob reads what NewBlob wrote.
func ReadBlob(fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("procs: large message: %w", err)
	}
	b := make([]byte, st.Size)
	for off := 0; off < len(b); {
		n, err := unix.Pread(fd, b[off:], int64(off))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return nil, fmt.Errorf("procs: large message: %w", errors.Join(err, codec.ErrWire))
		}
		off += n
	}
	return b, nil
}
