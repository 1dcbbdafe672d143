//go:build !linux || hubportable

package hub

import (
	"net"
	"os"
	"time"
)

// A PacketConn is a net.PacketConn of a hub; see [Conn].
type PacketConn struct {
	h       *Hub
	c       net.PacketConn
	file    *file
	in, out time.Time
}

var _ net.PacketConn = (*PacketConn)(nil)

// ListenPacket receives datagrams on addr: network is udp, udp4 or udp6.
func (h *Hub) ListenPacket(network, addr string) (*PacketConn, error) {
	if len(network) < 3 || network[:3] != "udp" {
		return nil, opError("listen", network, nil, net.UnknownNetworkError(network))
	}
	nc, err := net.ListenPacket(network, addr)
	if err != nil {
		return nil, err
	}
	c := &PacketConn{h: h, c: nc}
	c.file = h.files.add(func() { c.Close() })
	return c, nil
}

// ReadFrom waits for a datagram. What does not fit into b is lost.
func (c *PacketConn) ReadFrom(b []byte) (int, net.Addr, error) {
	defer func() { c.c.SetReadDeadline(c.in) }()
	var from net.Addr
	n, err := forward(c.h, func() (n int, err error) {
		n, from, err = c.c.ReadFrom(b)
		return n, err
	}, func() { c.c.SetReadDeadline(past) })
	return n, from, err
}

// receive tells errors of receiving from those of the wait; see accept.
func (c *PacketConn) receive(b []byte) (n int, from net.Addr, failure, err error) {
	n, from, err = c.ReadFrom(b)
	if isFailure(err) {
		return 0, nil, err, nil
	}
	return n, from, nil, err
}

// WriteTo sends b as one datagram to a [*net.UDPAddr].
func (c *PacketConn) WriteTo(b []byte, to net.Addr) (int, error) {
	defer func() { c.c.SetWriteDeadline(c.out) }()
	return forward(c.h, func() (int, error) { return c.c.WriteTo(b, to) }, func() { c.c.SetWriteDeadline(past) })
}

// Close closes the socket; whoever waits gets net.ErrClosed.
func (c *PacketConn) Close() error {
	c.h.files.remove(c.file)
	return c.c.Close()
}

// LocalAddr returns the address received on.
func (c *PacketConn) LocalAddr() net.Addr { return c.c.LocalAddr() }

// SetDeadline sets both deadlines; the zero time means none.
func (c *PacketConn) SetDeadline(t time.Time) error {
	c.in, c.out = t, t
	return c.c.SetDeadline(t)
}

// SetReadDeadline sets the deadline of ReadFrom.
func (c *PacketConn) SetReadDeadline(t time.Time) error {
	c.in = t
	return c.c.SetReadDeadline(t)
}

// SetWriteDeadline sets the deadline of WriteTo.
func (c *PacketConn) SetWriteDeadline(t time.Time) error {
	c.out = t
	return c.c.SetWriteDeadline(t)
}

// pipeEnd makes a net.Conn of an end of a pipe.
type pipeEnd struct{ *os.File }

func (pipeEnd) LocalAddr() net.Addr  { return nil }
func (pipeEnd) RemoteAddr() net.Addr { return nil }

// readPipe makes a pipe whose reading end is the hub's.
func (h *Hub) readPipe() (ours *Conn, theirs *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return h.newConn(pipeEnd{r}), w, nil
}

// writePipe makes a pipe whose writing end is the hub's.
func (h *Hub) writePipe() (ours *Conn, theirs *os.File, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	return h.newConn(pipeEnd{w}), r, nil
}
