//go:build unix

package procs

import "golang.org/x/sys/unix"

// dupFD returns a duplicate of fd that a child started meanwhile does not inherit.
func dupFD(fd int) (int, error) { return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3) }

func closeFD(fd int) { unix.Close(fd) }
