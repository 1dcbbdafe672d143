//go:build !hubportable

package hub

import (
	"cmp"
	"errors"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// A Conn is a net.Conn whose waits let other greenlets run. Reads and writes
// are tried at once; only what the kernel refuses is waited for, with epoll.
// A Conn belongs to its hub: use it from the hub's greenlets only. One
// greenlet may read while another writes.
//
// A read or write that passes its deadline returns os.ErrDeadlineExceeded; a
// killed greenlet gets [ErrExit]. Both end waits only: what can be done without
// waiting is done first. A Read that returns an error has taken nothing, so the
// connection is as good as before. A Write returns with the error how many
// bytes are sent; the peer has, or will get, exactly those. If they are not
// all, the stream is cut there: close it, unless the peer can tell.
//
// Out-of-band bytes, and what came with a unix socket's message (descriptors),
// are dropped.
type Conn struct {
	d             *desc
	network       string
	local, remote net.Addr
}

var _ net.Conn = (*Conn)(nil)

// Read reads what there is, at least one byte, or io.EOF.
func (c *Conn) Read(b []byte) (int, error) {
	return c.d.read(b)
}

// Write writes all of b. Writes of several greenlets come one after the other,
// in the order of the calls.
func (c *Conn) Write(b []byte) (int, error) {
	return c.d.write(b)
}

// Close closes the connection. Whoever reads or writes gets net.ErrClosed.
func (c *Conn) Close() error { return c.d.close() }

// CloseWrite sends the end of the stream; reading goes on.
func (c *Conn) CloseWrite() error {
	if c.d.closed {
		return net.ErrClosed
	}
	return os.NewSyscallError("shutdown", unix.Shutdown(c.d.fd, unix.SHUT_WR))
}

// SetNoDelay switches Nagle's algorithm off (true, the default) or on.
func (c *Conn) SetNoDelay(on bool) error {
	v := 0
	if on {
		v = 1
	}
	if c.d.closed {
		return net.ErrClosed
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(c.d.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, v))
}

// LocalAddr returns this end's address. After Close it may be nil, unless it
// was asked for before.
func (c *Conn) LocalAddr() net.Addr {
	if c.local == nil && !c.d.closed {
		if sa, err := unix.Getsockname(c.d.fd); err == nil {
			c.local = toAddr(c.d.fd, c.network, sa)
		}
	}
	return c.local
}

// RemoteAddr returns the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines; the zero time means none. It also holds for
// calls that wait already. It costs no timer until a call has to wait.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline sets the deadline of reads.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.d.setDeadline(&c.d.in, t) }

// SetWriteDeadline sets the deadline of writes.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.d.setDeadline(&c.d.out, t) }

// A Listener accepts connections; it is a net.Listener of a hub.
type Listener struct {
	d       *desc
	network string
	addr    net.Addr
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
// killed greenlet gets its error, and no connection is lost: the next Accept
// returns it.
func (l *Listener) AcceptConn() (*Conn, error) {
	c, failure, err := l.accept()
	return c, cmp.Or(failure, err)
}

// accept returns errors of accepting as failure and those of the wait (closed,
// killed, out of time) as err.
func (l *Listener) accept() (c *Conn, failure, err error) {
	d := l.d
	if err := d.check(&d.in); err != nil {
		return nil, nil, err
	}
	for {
		if d.readable {
			fd, sa, err := unix.Accept4(d.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			switch {
			case err == nil:
				return l.accepted(fd, sa), nil, nil
			case isOfPeer(err):
				continue
			case err != unix.EAGAIN:
				return nil, l.failure("accept4", err), nil
			}
			d.readable = false
		}
		if err := d.register(); err != nil {
			return nil, l.failure("epoll_ctl", err), nil
		}
		if err := d.await(&d.in); err != nil {
			return nil, nil, err
		}
		if d.closed {
			return nil, nil, net.ErrClosed
		}
	}
}

func (l *Listener) accepted(fd int, sa unix.Sockaddr) *Conn {
	c := &Conn{network: l.network, remote: toAddr(fd, l.network, sa)}
	if l.network == "unix" {
		c.d, c.local = l.d.h.newDesc(fd, byteStream), l.addr
	} else {
		c.d = l.d.h.newDesc(fd, tcpStream)
	}
	return c
}

func (l *Listener) failure(call string, err error) error {
	return opError("accept", l.network, l.addr, os.NewSyscallError(call, err))
}

// isOfPeer reports whether an error of accept is over with the connection that
// it would have returned, or with the call: accept(2) passes on what already
// happened to a new connection, and says to try again.
func isOfPeer(err error) bool {
	switch err {
	case unix.EINTR, unix.ECONNABORTED, unix.EPROTO, unix.ENOPROTOOPT, unix.ENETDOWN,
		unix.EHOSTDOWN, unix.ENONET, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EOPNOTSUPP:
		return true
	}
	return false
}

// Addr returns the address listened on.
func (l *Listener) Addr() net.Addr { return l.addr }

// Close stops listening; a waiting Accept returns net.ErrClosed. The path of
// a unix socket is removed, here as at the end of the hub, if it is still that
// of this socket.
func (l *Listener) Close() error { return l.d.close() }

// SetDeadline sets the deadline of Accept.
func (l *Listener) SetDeadline(t time.Time) error { return l.d.setDeadline(&l.d.in, t) }

// Listen listens with this configuration; see [Hub.Listen].
func (lc ListenConfig) Listen(h *Hub, network, addr string) (*Listener, error) {
	if len(network) >= 3 && network[:3] == "udp" {
		return nil, opError("listen", network, nil, net.UnknownNetworkError(network))
	}
	d, bound, err := h.bind(network, addr, unix.SOCK_STREAM, lc.ReusePort)
	if err != nil {
		return nil, err
	}
	backlog := lc.Backlog
	if backlog <= 0 {
		backlog = 4096
	}
	if err := unix.Listen(d.fd, backlog); err != nil {
		d.close()
		return nil, opError("listen", network, bound, os.NewSyscallError("listen", err))
	}
	if network != "unix" {
		// Accepted sockets inherit it, which saves a call for each.
		unix.SetsockoptInt(d.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	return &Listener{d: d, network: network, addr: bound}, nil
}

// bind makes a socket bound to the first address of addr that this machine
// has. Its error is complete.
func (h *Hub) bind(network, addr string, kind int, reusePort bool) (d *desc, bound net.Addr, err error) {
	cs, err := h.candidates("listen", network, addr)
	if err != nil {
		return nil, nil, err
	}
	err = walk(cs, func(c candidate, _ int) (stop bool, err error) {
		d, bound, err = h.bindTo(c, network, kind, reusePort)
		return !isNotHere(err), err
	})
	return d, bound, err
}

// isNotHere reports whether a socket could not be bound because the machine
// has no such address or not this family. After any other error, such as
// EADDRINUSE, another address would not be what was asked for.
func isNotHere(err error) bool {
	return errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EADDRNOTAVAIL)
}

func (h *Hub) bindTo(c candidate, network string, kind int, reusePort bool) (*desc, net.Addr, error) {
	d, err := h.socket(c.family, kind)
	if err != nil {
		return nil, nil, opError("listen", network, c.addr, err)
	}
	bound, err := d.bind(c, network, reusePort)
	if err != nil {
		d.close()
		return nil, nil, opError("listen", network, c.addr, err)
	}
	return d, bound, nil
}

// bind binds a socket and returns its address.
func (d *desc) bind(c candidate, network string, reusePort bool) (net.Addr, error) {
	set := func(level, option, value int) error {
		return os.NewSyscallError("setsockopt", unix.SetsockoptInt(d.fd, level, option, value))
	}
	var err error
	if d.kind == tcpStream {
		err = set(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if c.family == unix.AF_INET6 && err == nil {
		// [::] takes IPv4 too, except when asked for tcp6 or udp6.
		only := 0
		if network[len(network)-1] == '6' {
			only = 1
		}
		err = set(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
	}
	if reusePort && err == nil {
		err = set(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if err != nil {
		return nil, err
	}
	sa, err := toSockaddr(d.fd, c.family, c.addr)
	if err != nil {
		return nil, err
	}
	if err := unix.Bind(d.fd, sa); err != nil {
		return nil, os.NewSyscallError("bind", err)
	}
	if u, ok := c.addr.(*net.UnixAddr); ok && u.Name != "" {
		d.path = newSocketPath(u.Name)
		return c.addr, nil // getsockname would cut a name at a zero byte
	}
	if sa, err = unix.Getsockname(d.fd); err != nil {
		return nil, os.NewSyscallError("getsockname", err)
	}
	return toAddr(d.fd, network, sa), nil
}

// socket makes a non-blocking socket.
func (h *Hub) socket(family, kind int) (*desc, error) {
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	switch {
	case kind == unix.SOCK_DGRAM:
		return h.newDesc(fd, messages), nil
	case family == unix.AF_UNIX:
		return h.newDesc(fd, byteStream), nil
	}
	return h.newDesc(fd, tcpStream), nil
}
