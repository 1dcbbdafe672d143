package hub

import (
	"context"
	"net"
	"time"
)

// A Dialer connects. Its zero value is ready.
type Dialer struct {
	Timeout time.Duration // for name look-up and all attempts together; 0: none
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
// Names are looked up on another goroutine while the greenlet waits; several
// addresses are tried in turn.
func (h *Hub) Dial(network, addr string) (*Conn, error) {
	return Dialer{}.Dial(h, network, addr)
}

// Listen listens on addr: network is tcp, tcp4, tcp6 or unix.
func (h *Hub) Listen(network, addr string) (*Listener, error) {
	return ListenConfig{}.Listen(h, network, addr)
}

// Dial connects within d.Timeout; see [Hub.Dial].
func (d Dialer) Dial(h *Hub, network, addr string) (c *Conn, err error) {
	if d.Timeout <= 0 {
		return h.dial(network, addr)
	}
	err = h.WithTimeout(d.Timeout, func() error {
		c, err = h.dial(network, addr)
		return err
	})
	return c, err
}

func opError(op, network string, addr net.Addr, err error) error {
	return &net.OpError{Op: op, Net: network, Addr: addr, Err: err}
}

// lookup returns the addresses of a host and port.
func (h *Hub) lookup(network, addr string) ([]net.IPAddr, int, error) {
	host, service, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, 0, err
	}
	port, err := net.LookupPort(network, service)
	if err != nil {
		return nil, 0, err
	}
	if host == "" {
		return []net.IPAddr{{}}, port, nil
	}
	if ip := net.ParseIP(host); ip != nil {
		return []net.IPAddr{{IP: ip}}, port, nil
	}
	ips, err := Await(h, func(ctx context.Context) ([]net.IPAddr, error) {
		return net.DefaultResolver.LookupIPAddr(ctx, host)
	})
	return ips, port, err
}
