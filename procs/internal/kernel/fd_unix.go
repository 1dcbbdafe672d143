//go:build unix

package kernel

import "golang.org/x/sys/unix"

// DupFD returns a duplicate of fd that a child started meanwhile does not
// inherit.
func DupFD(fd int) (int, error) {
	return OpenFD(func() (int, error) {
		return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	})
}

// CloseFD closes fd.
func CloseFD(fd int) { unix.Close(fd) }

// Writable reports whether a socket takes a few bytes now, without waiting.
func Writable(fd int) bool {
	p := [1]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	n, err := unix.Poll(p[:], 0)
	return n == 1 && err == nil
}
