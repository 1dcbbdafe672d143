//go:build !hubportable

package hub

import (
	"fmt"
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
// killed greenlet gets [ErrExit].
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

// Write writes all of b.
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

// LocalAddr returns this end's address.
func (c *Conn) LocalAddr() net.Addr {
	if c.local == nil && !c.d.closed {
		if sa, err := unix.Getsockname(c.d.fd); err == nil {
			c.local = toAddr(c.network, sa)
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

// AcceptConn is Accept with the type of what it returns.
func (l *Listener) AcceptConn() (*Conn, error) {
	d := l.d
	if err := d.check(&d.in); err != nil {
		return nil, err
	}
	for {
		if d.readable {
			fd, sa, err := unix.Accept4(d.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			switch err {
			case nil:
				return &Conn{d: d.h.newDesc(fd, true), network: l.network, remote: toAddr(l.network, sa)}, nil
			case unix.EINTR, unix.ECONNABORTED:
				continue
			case unix.EAGAIN:
				d.readable = false
			default:
				return nil, opError("accept", l.network, l.addr, os.NewSyscallError("accept4", err))
			}
		}
		if err := d.await(&d.in); err != nil {
			return nil, err
		}
		if d.closed {
			return nil, net.ErrClosed
		}
	}
}

// Addr returns the address listened on.
func (l *Listener) Addr() net.Addr { return l.addr }

// Close stops listening; a waiting Accept returns net.ErrClosed. The path of
// a unix socket is removed.
func (l *Listener) Close() error {
	err := l.d.close()
	if err == nil {
		if u, ok := l.addr.(*net.UnixAddr); ok && u.Name != "" && u.Name[0] != '@' {
			os.Remove(u.Name)
		}
	}
	return err
}

// SetDeadline sets the deadline of Accept.
func (l *Listener) SetDeadline(t time.Time) error { return l.d.setDeadline(&l.d.in, t) }

// Listen listens with this configuration; see [Hub.Listen].
func (lc ListenConfig) Listen(h *Hub, network, addr string) (*Listener, error) {
	fd, err := h.bind(network, addr, unix.SOCK_STREAM, lc.ReusePort)
	if err != nil {
		return nil, opError("listen", network, nil, err)
	}
	backlog := lc.Backlog
	if backlog <= 0 {
		backlog = 4096
	}
	if err := unix.Listen(fd, backlog); err != nil {
		unix.Close(fd)
		return nil, opError("listen", network, nil, os.NewSyscallError("listen", err))
	}
	if network != "unix" {
		// Accepted sockets inherit it, which saves a call for each.
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return nil, opError("listen", network, nil, os.NewSyscallError("getsockname", err))
	}
	return &Listener{d: h.newDesc(fd, false), network: network, addr: toAddr(network, sa)}, nil
}

// bind makes a socket bound to addr.
func (h *Hub) bind(network, addr string, kind int, reusePort bool) (int, error) {
	sas, families, err := h.sockaddrs(network, addr)
	if err != nil {
		return -1, err
	}
	fd, err := unix.Socket(families[0], kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if kind == unix.SOCK_STREAM && families[0] != unix.AF_UNIX {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	}
	if families[0] == unix.AF_INET6 {
		// [::] takes IPv4 too, except when asked for tcp6 or udp6.
		only := 0
		if network[len(network)-1] == '6' {
			only = 1
		}
		unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only)
	}
	if reusePort {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1); err != nil {
			unix.Close(fd)
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	if err := unix.Bind(fd, sas[0]); err != nil {
		unix.Close(fd)
		return -1, os.NewSyscallError("bind", err)
	}
	return fd, nil
}

func (h *Hub) dial(network, addr string) (*Conn, error) {
	kind := unix.SOCK_STREAM
	if len(network) >= 3 && network[:3] == "udp" {
		kind = unix.SOCK_DGRAM
	}
	sas, families, err := h.sockaddrs(network, addr)
	if err != nil {
		return nil, opError("dial", network, nil, err)
	}
	for i, sa := range sas {
		var c *Conn
		if c, err = h.connect(network, kind, families[i], sa); err == nil {
			return c, nil
		}
		if h.cur == nil || !isRefusal(err) {
			break
		}
	}
	return nil, err
}

// isRefusal tells an error of one address, after which the next is tried,
// from a kill or a timeout.
func isRefusal(err error) bool {
	_, ok := err.(*net.OpError)
	return ok
}

func (h *Hub) connect(network string, kind, family int, sa unix.Sockaddr) (*Conn, error) {
	remote := toAddr(network, sa)
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, opError("dial", network, remote, os.NewSyscallError("socket", err))
	}
	if family != unix.AF_UNIX && kind == unix.SOCK_STREAM {
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	d := h.newDesc(fd, kind == unix.SOCK_STREAM)
	err = unix.Connect(fd, sa)
	for err == unix.EINPROGRESS || err == unix.EALREADY || err == unix.EINTR || err == unix.EAGAIN {
		d.writable = false
		if err := d.await(&d.out); err != nil {
			d.close()
			return nil, err
		}
		var code int
		if code, err = unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
			err = unix.Errno(code)
		}
		if err == nil {
			// Spurious wake-ups: connected is who has a peer.
			if _, e := unix.Getpeername(fd); e == unix.ENOTCONN {
				err = unix.EINPROGRESS
			}
		}
	}
	if err != nil {
		d.close()
		return nil, opError("dial", network, remote, os.NewSyscallError("connect", err))
	}
	d.readable = true
	return &Conn{d: d, network: network, remote: remote}, nil
}

// sockaddrs resolves addr.
func (h *Hub) sockaddrs(network, addr string) (sas []unix.Sockaddr, families []int, err error) {
	switch network {
	case "unix":
		return []unix.Sockaddr{&unix.SockaddrUnix{Name: addr}}, []int{unix.AF_UNIX}, nil
	case "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6":
	default:
		return nil, nil, net.UnknownNetworkError(network)
	}
	ips, port, err := h.lookup(network, addr)
	if err != nil {
		return nil, nil, err
	}
	last := network[len(network)-1]
	for _, ip := range ips {
		v4 := ip.IP.To4()
		switch {
		case ip.IP == nil && last != '4': // every address of this machine
			sas = append(sas, &unix.SockaddrInet6{Port: port})
			families = append(families, unix.AF_INET6)
		case ip.IP == nil:
			sas = append(sas, &unix.SockaddrInet4{Port: port})
			families = append(families, unix.AF_INET)
		case v4 != nil && last != '6':
			sas = append(sas, &unix.SockaddrInet4{Port: port, Addr: [4]byte(v4)})
			families = append(families, unix.AF_INET)
		case v4 == nil && last != '4':
			sas = append(sas, &unix.SockaddrInet6{Port: port, Addr: [16]byte(ip.IP.To16()), ZoneId: zoneID(ip.Zone)})
			families = append(families, unix.AF_INET6)
		}
	}
	if len(sas) == 0 {
		return nil, nil, &net.AddrError{Err: fmt.Sprintf("no %s address", network), Addr: addr}
	}
	return sas, families, nil
}

func zoneID(zone string) uint32 {
	if zone == "" {
		return 0
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index)
	}
	return 0
}

func toAddr(network string, sa unix.Sockaddr) net.Addr {
	var ip net.IP
	var port int
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		ip, port = net.IP(sa.Addr[:]), sa.Port
	case *unix.SockaddrInet6:
		ip, port = net.IP(sa.Addr[:]), sa.Port
	case *unix.SockaddrUnix:
		return &net.UnixAddr{Name: sa.Name, Net: network}
	default:
		return nil
	}
	if network[:3] == "udp" {
		return &net.UDPAddr{IP: ip, Port: port}
	}
	return &net.TCPAddr{IP: ip, Port: port}
}
