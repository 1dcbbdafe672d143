package procs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
)

// control is one end of the Unix socket between a process and its child: whole packets, with descriptors.
// It carries what is rare; tasks and results travel in shared memory.
type control struct {
	mu   sync.Mutex // one sender at a time
	file *os.File   // non-blocking, in the runtime's poller; nil in a child, which blocks in the system call
	raw  syscall.RawConn
	fd   int
}

// Packets are kept far below the socket's buffer; a longer body travels in a memfd of its own.
const (
	maxPacket   = 32 << 10
	maxPacketFD = 200 // the kernel allows 253
)

// newControl makes a socket pair: our end, and the child's as a bare descriptor.
func newControl() (*control, int, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, -1, fmt.Errorf("procs: control socket: %w", err)
	}
	return &control{fd: fds[0]}, fds[1], nil
}

// poll moves our end to the runtime's poller, where waiting needs no thread.
func (c *control) poll() error {
	if err := unix.SetNonblock(c.fd, true); err != nil {
		return err
	}
	c.file = os.NewFile(uintptr(c.fd), "control")
	raw, err := c.file.SyscallConn()
	c.raw = raw
	return err
}

func (c *control) close() {
	if c.file != nil {
		c.file.Close()
	} else if c.fd >= 0 {
		unix.Close(c.fd)
	}
	c.fd = -1
}

// send writes one message: a kind, a body of any length and descriptors. It keeps none of them.
func (c *control) send(kind byte, body []byte, fds []int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(fds) > maxPacketFD { // more than a packet takes go ahead, in packets of their own
		if err := c.sendPacket([]byte{packetFDs}, fds[:maxPacketFD]); err != nil {
			return err
		}
		fds = fds[maxPacketFD:]
	}
	if len(body) <= maxPacket {
		return c.sendPacket(append([]byte{kind}, body...), fds)
	}
	m, err := newBlob(body)
	if err != nil {
		return err
	}
	defer unix.Close(m)
	return c.sendPacket([]byte{kind | packetBlob}, append([]int{m}, fds...))
}

const (
	packetBlob byte = 0x80 // a flag: the body is in the first descriptor
	packetFDs  byte = 0x7f // descriptors that belong to the next packet
)

func (c *control) sendPacket(b []byte, fds []int) error {
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	var err error
	try := func(fd int) bool {
		for {
			err = unix.Sendmsg(fd, b, oob, nil, unix.MSG_NOSIGNAL)
			if err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	}
	if c.raw == nil {
		try(c.fd)
	} else if werr := c.raw.Write(func(fd uintptr) bool { return try(int(fd)) }); werr != nil {
		err = werr
	}
	if err != nil {
		return fmt.Errorf("procs: control socket: %w", err)
	}
	return nil
}

// recv reads one message, into buf if it is large enough. It returns io.EOF when the other end is gone. The descriptors
// belong to the caller.
func (c *control) recv(buf []byte) (kind byte, body []byte, fds []int, err error) {
	for {
		n, more, err := c.recvPacket(&buf)
		fds = append(fds, more...)
		if err != nil {
			kernel.CloseAll(fds)
			return 0, nil, nil, err
		}
		switch {
		case n == 0:
			kernel.CloseAll(fds)
			return 0, nil, nil, io.EOF
		case buf[0] == packetFDs:
			continue
		case buf[0]&packetBlob == 0:
			return buf[0], buf[1:n], fds, nil
		case len(fds) == 0:
			return 0, nil, nil, codec.ErrWire
		}
		// The blob came first in the last packet's descriptors.
		at := len(fds) - len(more)
		body, err = readBlob(fds[at])
		unix.Close(fds[at])
		fds = append(fds[:at], fds[at+1:]...)
		if err != nil {
			kernel.CloseAll(fds)
			return 0, nil, nil, err
		}
		return buf[0] &^ packetBlob, body, fds, nil
	}
}

func (c *control) recvPacket(buf *[]byte) (n int, fds []int, err error) {
	var oobn, flags int
	var oob [1024]byte         // more than CmsgSpace of maxPacketFD + 1 descriptors
	try := func(fd int) bool { // not c.fd: close may be changing it
		for {
			// How long is it? Most packets are short, and a process that has just started pays for every page it touches.
			n, _, _, _, err = unix.Recvmsg(fd, nil, nil, unix.MSG_PEEK|unix.MSG_TRUNC)
			if err == nil {
				if cap(*buf) < n {
					*buf = make([]byte, n)
				}
				n, oobn, flags, _, err = unix.Recvmsg(fd, (*buf)[:cap(*buf)], oob[:], unix.MSG_CMSG_CLOEXEC)
				*buf = (*buf)[:cap(*buf)]
			}
			if err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	}
	if c.raw == nil {
		try(c.fd)
	} else if rerr := c.raw.Read(func(fd uintptr) bool { return try(int(fd)) }); rerr != nil {
		err = rerr
	}
	if errors.Is(err, unix.ECONNRESET) {
		return 0, nil, io.EOF
	}
	if err != nil {
		return 0, nil, fmt.Errorf("procs: control socket: %w", err)
	}
	fds = takeRights(oob[:oobn])
	if flags&unix.MSG_CTRUNC != 0 {
		kernel.CloseAll(fds)
		return 0, nil, fmt.Errorf("procs: descriptors were lost (too many open files?): %w", unix.EMFILE)
	}
	return n, fds, nil
}

// takeRights returns the descriptors of a control message.
func takeRights(oob []byte) (fds []int) {
	if len(oob) == 0 {
		return nil
	}
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for i := range msgs {
		if got, err := unix.ParseUnixRights(&msgs[i]); err == nil {
			fds = append(fds, got...)
		}
	}
	return fds
}

// newBlob puts b into anonymous memory that can be passed on as a descriptor.
func newBlob(b []byte) (int, error) {
	fd, err := unix.MemfdCreate("procs", unix.MFD_CLOEXEC)
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

// readBlob reads what newBlob wrote.
func readBlob(fd int) ([]byte, error) { return readBlobInto(nil, fd) }

// readBlobInto reads it into buf if that is large enough.
func readBlobInto(buf []byte, fd int) ([]byte, error) {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fmt.Errorf("procs: large message: %w", err)
	}
	b := buf[:0]
	if int64(cap(b)) < st.Size {
		b = make([]byte, st.Size)
	}
	b = b[:st.Size]
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
