package hubhttp

import (
	"context"
	"net"
	"sync"

	"switchyard/greenlet/hub"
)

// dials are the connections that a transport has opened and is opening, to be
// closed when the hub ends.
type dials struct {
	h     *hub.Hub
	under func(ctx context.Context, network, addr string) (net.Conn, error)

	mu     sync.Mutex
	idle   sync.Cond // pending is zero
	open   map[*dialled]struct{}
	pend   int
	closed bool
}

func newDials(h *hub.Hub, under func(ctx context.Context, network, addr string) (net.Conn, error)) *dials {
	if under == nil {
		under = (&net.Dialer{}).DialContext
	}
	d := &dials{h: h, under: under, open: map[*dialled]struct{}{}}
	d.idle.L = &d.mu
	return d
}

// dial connects until ctx or the hub ends.
func (d *dials) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d.mu.Lock()
	if d.closed {
		d.mu.Unlock()
		return nil, hub.ErrClosed
	}
	d.pend++
	d.mu.Unlock()

	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(d.h.Context(), cancel)
	c, err := d.under(ctx, network, addr)
	stop()
	cancel()

	d.mu.Lock()
	defer d.mu.Unlock()
	if d.pend--; d.pend == 0 {
		d.idle.Broadcast()
	}
	if err != nil {
		return nil, err
	}
	if d.closed {
		c.Close()
		return nil, hub.ErrClosed
	}
	dc := &dialled{c, d}
	d.open[dc] = struct{}{}
	return dc, nil
}

// close closes every connection and lets no other come.
func (d *dials) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	for c := range d.open {
		c.Conn.Close()
	}
	clear(d.open)
	for d.pend > 0 {
		d.idle.Wait()
	}
}

// A dialled connection is known to its dials until it is closed.
type dialled struct {
	net.Conn
	d *dials
}

// Close closes the connection.
func (c *dialled) Close() error {
	c.d.mu.Lock()
	delete(c.d.open, c)
	c.d.mu.Unlock()
	return c.Conn.Close()
}
