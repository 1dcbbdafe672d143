//go:build !linux || hubportable

package hub

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"
)

// past is a deadline that ends an operation at once.
var past = time.Unix(1, 0)

// forward runs op on a goroutine while the greenlet waits. If the greenlet is
// interrupted, abort must make op return at once; op has returned when forward
// does, so that nobody writes into the caller's buffer later.
func forward[T any](h *Hub, op func() (T, error), abort func()) (T, error) {
	var call struct {
		v    T
		err  error
		done waitList
	}
	finished := make(chan struct{})
	h.elsewhere(func() (err error) {
		defer close(finished)
		call.v, err = op()
		return err
	}, func(err error) {
		call.err = err
		call.done.wakeOne()
	})
	if err := h.wait(&call.done, -1, nil); err != nil {
		abort()
		<-finished
		return call.v, err
	}
	return call.v, call.err
}

// A Conn is a net.Conn whose waits let other greenlets run. On this system
// each read and write runs on a goroutine while the greenlet waits. A Conn
// belongs to its hub: use it from the hub's greenlets only.
type Conn struct {
	h       *Hub
	c       net.Conn
	file    *file
	in, out time.Time
}

var _ net.Conn = (*Conn)(nil)

func (h *Hub) newConn(c net.Conn) *Conn {
	conn := &Conn{h: h, c: c}
	conn.file = h.files.add(func() { conn.Close() })
	return conn
}

// Read reads what there is, at least one byte, or io.EOF.
func (c *Conn) Read(b []byte) (int, error) {
	defer func() { c.c.SetReadDeadline(c.in) }()
	return forward(c.h, func() (int, error) { return c.c.Read(b) }, func() { c.c.SetReadDeadline(past) })
}

// Write writes all of b.
func (c *Conn) Write(b []byte) (int, error) {
	defer func() { c.c.SetWriteDeadline(c.out) }()
	return forward(c.h, func() (int, error) { return c.c.Write(b) }, func() { c.c.SetWriteDeadline(past) })
}

// Close closes the connection. Whoever reads or writes gets net.ErrClosed.
func (c *Conn) Close() error {
	c.h.files.remove(c.file)
	return c.c.Close()
}

// CloseWrite sends the end of the stream; reading goes on.
func (c *Conn) CloseWrite() error {
	if w, ok := c.c.(interface{ CloseWrite() error }); ok {
		return w.CloseWrite()
	}
	return errors.ErrUnsupported
}

// SetNoDelay switches Nagle's algorithm off (true, the default) or on.
func (c *Conn) SetNoDelay(on bool) error {
	if t, ok := c.c.(*net.TCPConn); ok {
		return t.SetNoDelay(on)
	}
	return errors.ErrUnsupported
}

// LocalAddr returns this end's address.
func (c *Conn) LocalAddr() net.Addr { return c.c.LocalAddr() }

// RemoteAddr returns the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.c.RemoteAddr() }

// SetDeadline sets both deadlines; the zero time means none.
func (c *Conn) SetDeadline(t time.Time) error {
	c.in, c.out = t, t
	return c.c.SetDeadline(t)
}

// SetReadDeadline sets the deadline of reads.
func (c *Conn) SetReadDeadline(t time.Time) error {
	c.in = t
	return c.c.SetReadDeadline(t)
}

// SetWriteDeadline sets the deadline of writes.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.out = t
	return c.c.SetWriteDeadline(t)
}

// A Listener accepts connections; it is a net.Listener of a hub.
type Listener struct {
	h    *Hub
	l    net.Listener
	file *file
	in   time.Time // the deadline
	path *socketPath
}

var _ net.Listener = (*Listener)(nil)

// Accept waits for a connection and returns it as a [*Conn].
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.AcceptConn()
	if err != nil {
		return nil, err
	}
	return c, nil
}

// AcceptConn is Accept with the type of what it returns. An error of accepting,
// such as EMFILE, is a *net.OpError, and the listener is as good as before; a
// killed greenlet gets its error.
func (l *Listener) AcceptConn() (*Conn, error) {
	c, failure, err := l.accept()
	return c, cmp.Or(failure, err)
}

// accept returns errors of accepting as failure and those of the wait (closed,
// killed, out of time) as err.
func (l *Listener) accept() (_ *Conn, failure, err error) {
	c, err := forward(l.h, l.l.Accept, func() { l.setDeadline(past) })
	if err == nil {
		return l.h.newConn(c), nil, nil
	}
	l.setDeadline(l.in)
	if c != nil {
		c.Close()
	}
	switch {
	case errors.Is(err, net.ErrClosed):
		return nil, nil, net.ErrClosed
	case isFailure(err):
		return nil, err, nil
	}
	return nil, nil, err
}

// isFailure reports whether an error is that of an operation, rather than of
// the wait for it or of its deadline.
func isFailure(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout() && !errors.Is(err, net.ErrClosed)
}

// Addr returns the address listened on.
func (l *Listener) Addr() net.Addr { return l.l.Addr() }

// Close stops listening; a waiting Accept returns net.ErrClosed. The path of
// a unix socket is removed, here as at the end of the hub, if it is still that
// of this socket.
func (l *Listener) Close() error {
	if l.path != nil {
		l.path.remove()
		l.path = nil
	}
	l.h.files.remove(l.file)
	return l.l.Close()
}

// SetDeadline sets the deadline of Accept.
func (l *Listener) SetDeadline(t time.Time) error {
	l.in = t
	return l.setDeadline(t)
}

func (l *Listener) setDeadline(t time.Time) error {
	if d, ok := l.l.(interface{ SetDeadline(time.Time) error }); ok {
		return d.SetDeadline(t)
	}
	return errors.ErrUnsupported
}

// Listen listens with this configuration; see [Hub.Listen]. ReusePort is not
// supported here.
func (lc ListenConfig) Listen(h *Hub, network, addr string) (*Listener, error) {
	if lc.ReusePort {
		return nil, fmt.Errorf("hub: ReusePort on this system: %w", errors.ErrUnsupported)
	}
	switch network {
	case "tcp", "tcp4", "tcp6", "unix":
	default:
		return nil, opError("listen", network, nil, net.UnknownNetworkError(network))
	}
	nl, err := net.Listen(network, addr)
	if err != nil {
		return nil, err
	}
	l := &Listener{h: h, l: nl}
	if u, ok := nl.(*net.UnixListener); ok && addr != "" {
		u.SetUnlinkOnClose(false) // which would look at the name only
		l.path = newSocketPath(addr)
	}
	l.file = h.files.add(func() { l.Close() })
	return l, nil
}

// dial connects to addr. The limit is for who called to keep.
func (h *Hub) dial(network, addr string, _ time.Time) (*Conn, error) {
	if err := h.interrupted(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	c, err := forward(h, func() (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, addr)
	}, cancel)
	if err != nil {
		if c != nil { // connected at the last moment
			c.Close()
		}
		return nil, err
	}
	return h.newConn(c), nil
}
