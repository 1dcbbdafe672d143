package transport

import (
	"fmt"
	"io"
	"math"
	"slices"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
)

// MaxFDs is how many descriptors one packet carries; the kernel allows 253.
const MaxFDs = 200

// rights returns the descriptors of a packet of n bytes that was received with
// flags, and an error if it is not whole.
func rights(n int, oob []byte, flags int) (fds []int, err error) {
	if n == 0 { // so a socket tells that nobody is left
		return nil, io.EOF
	}
	fds, _ = kernel.Rights(oob) // what is no list of descriptors has none
	switch {
	case flags&unix.MSG_CTRUNC != 0:
		err = fmt.Errorf("descriptors of a message were lost, and the message with them: %w", unix.EMFILE)
	case flags&unix.MSG_TRUNC != 0 || n < len(packetHead{}):
		err = fmt.Errorf("%w: a packet of %d bytes, or more", codec.ErrWire, n)
	}
	if err != nil {
		kernel.CloseAll(fds)
	}
	return fds, err
}

// BoxFDs puts more descriptors than a packet may carry into a box: a socket in
// which they wait in packets of their own. The box is one descriptor.
func BoxFDs(fds []int) (box int, err error) {
	if len(fds) > math.MaxUint16 {
		return -1, fmt.Errorf("%w: %d descriptors in one message", codec.ErrEncode, len(fds))
	}
	var ends [2]int
	err = kernel.RetryFD(func() (err error) {
		ends, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		return err
	})
	if err != nil {
		return -1, fmt.Errorf("a box for %d descriptors: %w", len(fds), err)
	}
	defer unix.Close(ends[1])
	for some := range slices.Chunk(fds, MaxFDs) {
		rights := unix.UnixRights(some...)
		for err = unix.EINTR; err == unix.EINTR; {
			err = unix.Sendmsg(ends[1], []byte{0}, rights, nil, unix.MSG_NOSIGNAL)
		}
		if err != nil {
			unix.Close(ends[0])
			return -1, fmt.Errorf("%d descriptors in one message: %w", len(fds), kernel.Explain(err))
		}
	}
	return ends[0], nil
}

// OpenBox takes the descriptors out of a box.
func OpenBox(box int) (fds []int, err error) {
	for {
		n, more, _, err := kernel.Receive(box, [][]byte{make([]byte, 1)}, unix.MSG_DONTWAIT)
		fds = append(fds, more...)
		switch {
		case err == unix.EINTR:
		case err != nil && err != unix.ECONNRESET:
			kernel.CloseAll(fds)
			return nil, fmt.Errorf("a box of descriptors: %w", err)
		case n == 0 || err != nil:
			return fds, nil
		case len(fds) > math.MaxUint16:
			kernel.CloseAll(fds)
			return nil, codec.ErrWire
		}
	}
}
