package hub

import (
	"context"
	"net"
	"time"
)

// A Dialer connects. Its zero value is ready.
type Dialer struct {
	// Timeout is the limit for name look-up and all attempts together; 0: none.
	// While several addresses are left, each gets its share of the time.
	Timeout time.Duration
}

// A ListenConfig listens. Its zero value is ready.
type ListenConfig struct {
	// ReusePort lets several hubs listen on one address; the kernel spreads
	// connections over them (SO_REUSEPORT). See [RunSharded].
	ReusePort bool
	// Backlog is the queue of unaccepted connections; 0 means 4096.
	Backlog int
}

// Dial connects to addr: network is tcp, tcp4, tcp6, udp, udp4, udp6 or unix.
// Names are looked up on another goroutine while the greenlet waits. The
// addresses of a name are tried in turn; if it has some of both IPv4 and IPv6,
// those of the second kind are tried beside the first from 300 ms on, or once
// the first kind has failed (RFC 6555, as package net). An empty host is this
// machine. If nothing serves, the error is that of the first address.
//
// A unix socket whose backlog is full is waited for, without limit, as a
// blocking connect(2) does; package net returns EAGAIN.
//
// A greenlet that is killed, or whose limit passes, gets that error, and what
// was begun is closed.
func (h *Hub) Dial(network, addr string) (*Conn, error) {
	return Dialer{}.Dial(h, network, addr)
}

// Listen listens on addr: network is tcp, tcp4, tcp6 or unix. An empty host is
// every address of the machine: IPv6 and IPv4, or what there is of them. Of a
// name, the first address that the machine has is taken, IPv4 before IPv6.
func (h *Hub) Listen(network, addr string) (*Listener, error) {
	return ListenConfig{}.Listen(h, network, addr)
}

// Dial connects within d.Timeout, after which it returns a [*Timeout]; see
// [Hub.Dial].
func (d Dialer) Dial(h *Hub, network, addr string) (c *Conn, err error) {
	return d.dial(h, network, addr, time.Time{})
}

// DialContext is Dial until ctx is done, then it returns an error that wraps
// context.Cause(ctx).
func (d Dialer) DialContext(ctx context.Context, h *Hub, network, addr string) (c *Conn, err error) {
	end, _ := ctx.Deadline()
	err = h.WithContext(ctx, func() error {
		c, err = d.dial(h, network, addr, end)
		return err
	})
	return c, err
}

// dial dials within d.Timeout and until end, the caller's own limit, which
// the addresses share but which is for the caller to keep.
func (d Dialer) dial(h *Hub, network, addr string, end time.Time) (c *Conn, err error) {
	if d.Timeout <= 0 {
		return h.dial(network, addr, end)
	}
	if own := time.Now().Add(d.Timeout); end.IsZero() || own.Before(end) {
		end = own
	}
	err = h.WithTimeout(d.Timeout, func() error {
		c, err = h.dial(network, addr, end)
		return err
	})
	return c, err
}

func opError(op, network string, addr net.Addr, err error) error {
	return &net.OpError{Op: op, Net: network, Addr: addr, Err: err}
}
