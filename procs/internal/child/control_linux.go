package child

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
	"switchyard/procs/internal/transport"
)

// Control is one end of the Unix socket between a process and its child: whole
// packets, with descriptors. It carries what is rare; tasks and results travel
// in shared memory.
type Control struct {
	mu   sync.Mutex // one sender at a time
	file *os.File   // non-blocking, in the runtime's poller; nil in a child, which blocks in the system call
	raw  syscall.RawConn
	fd   int
}

// ErrRightsLost: there was no room for the descriptors of a message even after
// garbage was collected.
var ErrRightsLost = errors.New("procs: descriptors did not arrive")

// maxPacket is far below the socket's buffer; a longer body travels in a memfd
// of its own.
const maxPacket = 32 << 10

// newControl makes a socket pair: our end, and the child's as a bare
// descriptor.
func newControl() (*Control, int, error) {
	var fds [2]int
	err := kernel.RetryFD(func() (err error) {
		fds, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, -1, fmt.Errorf("procs: control socket: %w", err)
	}
	return &Control{fd: fds[0]}, fds[1], nil
}

// poll moves our end to the runtime's poller, where waiting needs no thread.
func (c *Control) poll() error {
	if err := unix.SetNonblock(c.fd, true); err != nil {
		return err
	}
	c.file = os.NewFile(uintptr(c.fd), "control")
	raw, err := c.file.SyscallConn()
	c.raw = raw
	return err
}

// Close closes the end.
func (c *Control) Close() {
	if c.file != nil {
		c.file.Close()
	} else if c.fd >= 0 {
		unix.Close(c.fd)
	}
	c.fd = -1
}

// Send writes one message: a kind, a body of any length and descriptors. It
// keeps none of them. A message is one packet, so it is sent or it is not.
func (c *Control) Send(kind byte, body []byte, fds []int) error {
	var own []int // descriptors that are ours until they are sent
	defer func() { kernel.CloseAll(own) }()
	if len(fds) > transport.MaxFDs {
		box, err := transport.BoxFDs(fds)
		if err != nil {
			return fmt.Errorf("procs: control socket: %w", err)
		}
		own, fds, kind = append(own, box), []int{box}, kind|controlBox
	}
	if len(body) > maxPacket {
		m, err := transport.NewBlob(body)
		if err != nil {
			return err
		}
		own, fds, kind, body = append(own, m), append([]int{m}, fds...), kind|controlBlob, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sendPacket(append([]byte{kind}, body...), fds)
}

// Flags beside the kind.
const (
	controlBlob byte = 0x80 // the body is in the first descriptor
	controlBox  byte = 0x40 // the descriptors are in the last descriptor, a box
)

func (c *Control) sendPacket(b []byte, fds []int) error {
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
	err = kernel.RetryFD(func() error { // those on their way count, too
		if c.raw == nil {
			try(c.fd)
		} else if werr := c.raw.Write(func(fd uintptr) bool { return try(int(fd)) }); werr != nil {
			return werr
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("procs: control socket: %w", err)
	}
	return nil
}

// Recv reads one message, into buf if it is large enough. It returns io.EOF
// when the other end is gone. The descriptors belong to the caller.
//
// If there was no room for the descriptors the error is ErrRightsLost. Then the
// message was taken, kind tells which it was, and body is what it said, nil if
// that travelled in a descriptor too: the other end can be told.
func (c *Control) Recv(buf []byte) (kind byte, body []byte, fds []int, err error) {
	n, fds, err := c.recvPacket(&buf)
	if err == nil && n == 0 {
		err = io.EOF
	}
	switch {
	case err == nil:
		return openControl(buf[:n], fds)
	case !errors.Is(err, ErrRightsLost):
		return 0, nil, nil, err
	case buf[0]&controlBlob == 0:
		body = buf[1:n]
	}
	return buf[0] &^ (controlBlob | controlBox), body, nil, err
}

// openControl makes a message of a packet of at least one byte. It owns fds,
// also if it fails.
func openControl(p []byte, fds []int) (kind byte, body []byte, _ []int, err error) {
	kind, body = p[0]&^(controlBlob|controlBox), p[1:]
	if p[0]&controlBlob != 0 {
		if len(fds) == 0 {
			return 0, nil, nil, codec.ErrWire
		}
		body, err = transport.ReadBlob(fds[0])
		unix.Close(fds[0])
		fds = fds[1:]
	}
	if p[0]&controlBox != 0 && err == nil {
		if len(fds) != 1 {
			err = codec.ErrWire
		} else {
			box := fds[0]
			fds, err = transport.OpenBox(box)
			kernel.CloseFD(box)
			if errors.Is(err, unix.EMFILE) {
				return kind, body, nil, fmt.Errorf("%w: %w", ErrRightsLost, err)
			}
		}
	}
	if err != nil {
		kernel.CloseAll(fds)
		return 0, nil, nil, fmt.Errorf("procs: control socket: %w", err)
	}
	return kind, body, fds, nil
}

func (c *Control) recvPacket(buf *[]byte) (n int, fds []int, err error) {
	try := func(fd int) bool { // not c.fd: close may be changing it
		for {
			n, fds, err = receivePacket(fd, buf)
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
		err = fmt.Errorf("procs: control socket: %w", err)
	}
	return n, fds, err
}

// receivePacket takes one packet. Its length and whether it has descriptors are
// found out first: most packets are short and have none, and a process that has
// just started pays for every page it touches.
func receivePacket(fd int, buf *[]byte) (n int, fds []int, err error) {
	n, _, flags, _, err := unix.Recvmsg(fd, nil, nil, unix.MSG_PEEK|unix.MSG_TRUNC)
	if err != nil {
		return 0, nil, err
	}
	if cap(*buf) < n {
		*buf = make([]byte, n)
	}
	*buf = (*buf)[:cap(*buf)]
	if flags&unix.MSG_CTRUNC != 0 { // there are some, and we had no place for them
		n, fds, _, err = kernel.Receive(fd, [][]byte{*buf}, 0)
		if !errors.Is(err, unix.EMFILE) {
			return n, fds, err
		}
	}
	lost := err
	n, _, _, _, err = unix.Recvmsg(fd, *buf, nil, 0)
	if err == nil && lost != nil {
		err = fmt.Errorf("%w: %w", ErrRightsLost, lost)
	}
	return n, nil, err
}
