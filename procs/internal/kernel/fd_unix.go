//go:build unix

package kernel

import (
	"io"

	"golang.org/x/sys/unix"
)

// DupFD returns a duplicate of fd that a child started meanwhile does not
// inherit.
func DupFD(fd int) (int, error) {
	return OpenFD(func() (int, error) {
		return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	})
}

// CloseFD closes fd.
func CloseFD(fd int) { unix.Close(fd) }

// TryRead reads what there is, without waiting. again means that nothing is
// there yet; the end is io.EOF.
func TryRead(fd int, b []byte) (n int, again bool, err error) {
	return try(func() (int, error) { return unix.Read(fd, b) }, len(b) > 0)
}

// TryWrite writes as much as is taken, without waiting. again means that it is
// nothing.
func TryWrite(fd int, b []byte) (n int, again bool, err error) {
	return try(func() (int, error) { return unix.Write(fd, b) }, false)
}

func try(move func() (int, error), ends bool) (n int, again bool, err error) {
	for {
		switch n, err = move(); {
		case err == unix.EINTR:
		case err == unix.EAGAIN:
			return 0, true, nil
		case err != nil:
			return 0, false, err
		case n == 0 && ends:
			return 0, false, io.EOF
		default:
			return n, false, nil
		}
	}
}
