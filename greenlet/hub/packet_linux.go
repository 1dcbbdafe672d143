//go:build !hubportable

package hub

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A PacketConn is a net.PacketConn of a hub; see [Conn].
type PacketConn struct {
	d       *desc
	network string
	addr    net.Addr
}

var _ net.PacketConn = (*PacketConn)(nil)

// ListenPacket receives datagrams on addr: network is udp, udp4 or udp6.
func (h *Hub) ListenPacket(network, addr string) (*PacketConn, error) {
	if len(network) < 3 || network[:3] != "udp" {
		return nil, opError("listen", network, nil, net.UnknownNetworkError(network))
	}
	fd, err := h.bind(network, addr, unix.SOCK_DGRAM, false)
	if err != nil {
		return nil, opError("listen", network, nil, err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, opError("listen", network, nil, os.NewSyscallError("getsockname", err))
	}
	return &PacketConn{d: h.newDesc(fd, false), network: network, addr: toAddr(network, sa)}, nil
}

// ReadFrom waits for a datagram. What does not fit into b is lost.
func (c *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	d := c.d
	if err := d.check(&d.in); err != nil {
		return 0, nil, err
	}
	for {
		if d.readable {
			n, from, err := unix.Recvfrom(d.fd, b, 0)
			switch err {
			case nil:
				return n, toAddr(c.network, from), nil
			case unix.EINTR:
				continue
			case unix.EAGAIN:
				d.readable = false
			default:
				return 0, nil, opError("read", c.network, c.addr, os.NewSyscallError("recvfrom", err))
			}
		}
		if err := d.await(&d.in); err != nil {
			return 0, nil, err
		}
		if d.closed {
			return 0, nil, net.ErrClosed
		}
	}
}

// WriteTo sends b as one datagram to a [*net.UDPAddr].
func (c *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	d := c.d
	u, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, opError("write", c.network, to, net.InvalidAddrError("not a UDP address"))
	}
	sa := c.sockaddr(u)
	if err := d.check(&d.out); err != nil {
		return 0, err
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
				return 0, opError("write", c.network, to, os.NewSyscallError("sendto", err))
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

// sockaddr writes u in the family of the socket.
func (c *PacketConn) sockaddr(u *net.UDPAddr) unix.Sockaddr {
	own, _ := c.addr.(*net.UDPAddr)
	if v4 := u.IP.To4(); v4 != nil && own != nil && len(own.IP) == net.IPv4len {
		return &unix.SockaddrInet4{Port: u.Port, Addr: [4]byte(v4)}
	}
	sa := &unix.SockaddrInet6{Port: u.Port, ZoneId: zoneID(u.Zone)}
	copy(sa.Addr[:], u.IP.To16())
	return sa
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
	return &Conn{d: h.newDesc(fds[our], true), network: "pipe"}, os.NewFile(uintptr(fds[1-our]), "|"), nil
}
