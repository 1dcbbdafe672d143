package procs

import (
	"os"
	"syscall"
)

// Descriptor is the number of an open descriptor, for Wait: one that came from
// elsewhere and is not an *os.File. It must stay open meanwhile.
type Descriptor int

// descriptor is something that poll can wait for.
type descriptor interface {
	// number returns the descriptor's number now, or an error if it is closed.
	number() (int, error)
}

func (d Descriptor) number() (int, error) { return int(d), nil }

// rawDescriptor is a file or socket of the standard library, which may be
// closed at any time.
type rawDescriptor struct {
	raw    syscall.RawConn
	isFile bool
}

func (d rawDescriptor) number() (fd int, err error) {
	err = d.raw.Control(func(n uintptr) { fd = int(n) })
	if err != nil && d.isFile { // package os hides its ErrClosed here
		err = os.ErrClosed
	}
	return fd, err
}
