//go:build !hubportable

package hub

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// fallbackDelay is how long the second family of addresses waits for the first.
const fallbackDelay = 300 * time.Millisecond

// leastShare is what one of several addresses gets at least of a limit.
const leastShare = 2 * time.Second

// dial connects to addr. Several addresses share the time until end, unless it
// is zero; who called keeps that limit.
func (h *Hub) dial(network, addr string, end time.Time) (*Conn, error) {
	cs, err := h.candidates("dial", network, addr)
	if err != nil {
		return nil, err
	}
	var first, second []candidate // by family
	for _, c := range cs {
		if c.family == cs[0].family {
			first = append(first, c)
		} else {
			second = append(second, c)
		}
	}
	if len(second) == 0 {
		return h.dialEach(network, first, end)
	}
	r := &race{h: h, network: network, end: end, failed: NewEvent(h)}
	return r.run(first, second)
}

// dialEach tries one address after the other.
func (h *Hub) dialEach(network string, cs []candidate, end time.Time) (c *Conn, err error) {
	err = walk(cs, func(to candidate, left int) (stop bool, err error) {
		var until time.Time
		if !end.IsZero() && left > 1 {
			all := time.Until(end)
			until = time.Now().Add(max(all/time.Duration(left), min(all, leastShare)))
		}
		var ended error
		if c, err, ended = h.connect(network, to, until); ended != nil {
			return true, ended
		}
		return false, err
	})
	return c, err
}

// A race dials addresses of two families side by side.
type race struct {
	h       *Hub
	network string
	end     time.Time
	sides   [2]side
	failed  *Event   // the first side has
	came    waitList // who waits for an outcome
	over    bool
}

// A side is one family's outcome.
type side struct {
	done bool
	c    *Conn
	err  error
}

// run returns the first connection, or the first family's error.
func (r *race) run(first, second []candidate) (*Conn, error) {
	h := r.h
	gs := []*Greenlet{
		h.Spawn(func() error { r.dial(0, first); return nil }).SetName("dial"),
		h.Spawn(func() error {
			if err := r.failed.WaitTimeout(fallbackDelay); err == nil || err == ErrTimeout {
				r.dial(1, second)
			}
			return nil
		}).SetName("dial, second family"),
	}
	defer func() {
		r.over = true
		h.KillAllWith(ErrExit, 0, gs...)
		for _, s := range r.sides {
			if s.c != nil { // not returned
				s.c.Close()
			}
		}
	}()
	for {
		for i := range r.sides {
			if c := r.sides[i].c; c != nil {
				r.sides[i].c = nil
				return c, nil
			}
		}
		if r.sides[0].done && r.sides[1].done {
			return nil, r.sides[0].err
		}
		if err := h.wait(&r.came, -1, nil); err != nil {
			return nil, err
		}
	}
}

// dial is what each side does.
func (r *race) dial(i int, cs []candidate) {
	c, err := r.h.dialEach(r.network, cs, r.end)
	if r.over {
		if c != nil {
			c.Close()
		}
		return
	}
	r.sides[i] = side{true, c, err}
	if err != nil {
		r.failed.Set()
	}
	r.came.wakeAll()
}

// connect connects to one address until a time, unless it is zero. refused
// says that this address does not serve; ended is the error of a wait that was
// ended by somebody else.
func (h *Hub) connect(network string, to candidate, until time.Time) (c *Conn, refused, ended error) {
	kind := unix.SOCK_STREAM
	if network[:3] == "udp" {
		kind = unix.SOCK_DGRAM
	}
	fail := func(err error) error { return opError("dial", network, to.addr, err) }
	d, err := h.socket(to.family, kind)
	if err != nil {
		return nil, fail(err), nil
	}
	c = &Conn{d: d, network: network, remote: to.addr}
	if d.kind == tcpStream {
		unix.SetsockoptInt(d.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	d.setDeadline(&d.out, until)
	refused, ended = d.connect(to)
	if refused == nil && ended == nil {
		refused = c.introduce()
	}
	if refused != nil || ended != nil {
		d.close()
		if refused != nil {
			refused = fail(refused)
		}
		return nil, refused, ended
	}
	d.setDeadline(&d.out, time.Time{})
	d.readable, d.writable = true, true
	return c, nil, nil
}

// connect connects the socket. Its results are those of Hub.connect.
func (d *desc) connect(to candidate) (refused, ended error) {
	sa, err := toSockaddr(d.fd, to.family, to.addr)
	if err != nil {
		return err, nil
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		switch err := unix.Connect(d.fd, sa); {
		case err == nil:
			return nil, nil
		case err == unix.EINPROGRESS || err == unix.EALREADY || err == unix.EINTR:
			return d.connected()
		case err == unix.EAGAIN && to.family == unix.AF_UNIX:
			// The listener's backlog is full. Nothing is under way, and the
			// kernel tells nobody when there is room.
			if err := d.h.Sleep(pause); err != nil {
				return nil, err
			}
			if d.h.over(d.out.deadline) {
				return os.ErrDeadlineExceeded, nil
			}
		default:
			return os.NewSyscallError("connect", err), nil
		}
	}
}

// connected waits until an attempt has succeeded or failed.
func (d *desc) connected() (refused, ended error) {
	for {
		d.writable = false
		if err := d.register(); err != nil {
			return os.NewSyscallError("epoll_ctl", err), nil
		}
		switch err := d.park(&d.out, &d.out.waiters, errLate); err {
		case nil:
		case errLate: // this address has had its share
			return os.ErrDeadlineExceeded, nil
		default:
			return nil, err
		}
		code, err := unix.GetsockoptInt(d.fd, unix.SOL_SOCKET, unix.SO_ERROR)
		if err != nil {
			return os.NewSyscallError("getsockopt", err), nil
		}
		if code != 0 {
			return os.NewSyscallError("connect", unix.Errno(code)), nil
		}
		// Spurious wake-ups: connected is who has a peer.
		if _, err := unix.Getpeername(d.fd); err != unix.ENOTCONN {
			return nil, nil
		}
	}
}

// introduce finds out who is connected with whom, as far as it matters now. A
// socket that dials a free port of its own machine may be given that very port,
// and TCP connects it with itself: nobody listens there.
func (c *Conn) introduce() error {
	if tcp, ok := c.remote.(*net.TCPAddr); ok {
		if tcp.IP.IsUnspecified() {
			sa, err := unix.Getpeername(c.d.fd)
			if err != nil {
				return os.NewSyscallError("getpeername", err)
			}
			c.remote = toAddr(c.d.fd, c.network, sa)
			tcp = c.remote.(*net.TCPAddr)
		}
		own, _ := c.LocalAddr().(*net.TCPAddr)
		if own != nil && own.Port == tcp.Port && own.IP.Equal(tcp.IP) {
			return os.NewSyscallError("connect", unix.ECONNREFUSED)
		}
	}
	return nil
}
