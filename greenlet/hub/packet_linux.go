//go:build !hubportable

package hub

import (
	"cmp"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A PacketConn is a net.PacketConn of a hub; see [Conn]. A datagram is received
// or sent whole, or not at all: a greenlet that is killed or out of time in
// ReadFrom has taken none.
type PacketConn struct {
	d       *desc
	network string
	addr    net.Addr
	family  int
}

var _ net.PacketConn = (*PacketConn)(nil)

// ListenPacket receives datagrams on addr: network is udp, udp4 or udp6. The
// host is as that of [Hub.Listen].
func (h *Hub) ListenPacket(network, addr string) (*PacketConn, error) {
	if len(network) < 3 || network[:3] != "udp" {
		return nil, opError("listen", network, nil, net.UnknownNetworkError(network))
	}
	d, bound, err := h.bind(network, addr, unix.SOCK_DGRAM, false)
	if err != nil {
		return nil, err
	}
	c := &PacketConn{d: d, network: network, addr: bound, family: unix.AF_INET6}
	if len(bound.(*net.UDPAddr).IP) == net.IPv4len {
		c.family = unix.AF_INET
	}
	return c, nil
}

// ReadFrom waits for a datagram. What does not fit into b is lost.
func (c *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, failure, err := c.receive(b)
	return n, from, cmp.Or(failure, err)
}

// receive tells errors of receiving from those of the wait: closed, killed,
// out of time.
func (c *PacketConn) receive(b []byte) (n int, from net.Addr, failure, err error) {
	d := c.d
	if err := d.check(&d.in); err != nil {
		return 0, nil, nil, err
	}
	for {
		if d.readable {
			n, from, err := unix.Recvfrom(d.fd, b, 0)
			switch err {
			case nil:
				return n, toAddr(d.fd, c.network, from), nil, nil
			case unix.EINTR:
				continue
			case unix.EAGAIN:
				d.readable = false
			default:
				return 0, nil, c.failure("read", "recvfrom", c.addr, err), nil
			}
		}
		if err := d.register(); err != nil {
			return 0, nil, c.failure("read", "epoll_ctl", c.addr, err), nil
		}
		if err := d.await(&d.in); err != nil {
			return 0, nil, nil, err
		}
		if d.closed {
			return 0, nil, nil, net.ErrClosed
		}
	}
}

func (c *PacketConn) failure(op, call string, addr net.Addr, err error) error {
	return opError(op, c.network, addr, os.NewSyscallError(call, err))
}

// WriteTo sends b as one datagram to a [*net.UDPAddr].
func (c *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	d := c.d
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, opError("write", c.network, to, net.InvalidAddrError("not a UDP address"))
	}
	if err := d.check(&d.out); err != nil {
		return 0, err
	}
	sa, err := toSockaddr(d.fd, c.family, u)
	if err != nil {
		return 0, opError("write", c.network, to, err)
	}
	for {
		if d.writable {
			switch err := unix.Sendto(d.fd, b, 0, sa); err {
			case nil:
				return len(b), nil
			case unix.EINTR:
				continue
			case unix.EAGAIN:
				d.writable = false
			default:
				return 0, c.failure("write", "sendto", to, err)
			}
		}
		if err := d.await(&d.out); err != nil {
			return 0, err
		}
		if d.closed {
			return 0, net.ErrClosed
		}
	}
}

// Close closes the socket; whoever waits gets net.ErrClosed.
func (c *PacketConn) Close() error { return c.d.close() }

// LocalAddr returns the address received on.
func (c *PacketConn) LocalAddr() net.Addr { return c.addr }

// SetDeadline sets both deadlines; the zero time means none.
func (c *PacketConn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets the deadline of ReadFrom.
func (c *PacketConn) SetReadDeadline(t time.Time) error { return c.d.setDeadline(&c.d.in, t) }

// SetWriteDeadline sets the deadline of WriteTo.
func (c *PacketConn) SetWriteDeadline(t time.Time) error { return c.d.setDeadline(&c.d.out, t) }

// readPipe makes a pipe whose reading end is the hub's.
func (h *Hub) readPipe() (ours *Conn, theirs *os.File, err error) {
	return h.pipe(0)
}

// writePipe makes a pipe whose writing end is the hub's.
func (h *Hub) writePipe() (ours *Conn, theirs *os.File, err error) {
	return h.pipe(1)
}

func (h *Hub) pipe(our int) (*Conn, *os.File, error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, os.NewSyscallError("pipe2", err)
	}
	if err := unix.SetNonblock(fds[our], true); err != nil {
		unix.Close(fds[0])
		unix.Close(fds[1])
		return nil, nil, os.NewSyscallError("fcntl", err)
	}
	return &Conn{d: h.newDesc(fds[our], byteStream), network: "pipe"}, os.NewFile(uintptr(fds[1-our]), "|"), nil
}
