package hub

import (
	"net"
	"testing"
	"time"

	"golang.org/x/net/nettest"
)

// What golang.org/x/net/nettest asks of every net.Conn: reads and writes that
// race, deadlines in the past, at present and in the future, Close while others
// wait, everything at once. Its goroutines call from outside, so each of their
// calls is made by a greenlet of its own.
func TestConnIsANetConn(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				o := newOutsider(t)
				o.do(func() {
					var a, b *Conn
					if a, b, err = pipe(o.h, network, t.TempDir()+"/s"); err == nil {
						c1, c2 = outsiderConn{o, a}, outsiderConn{o, b}
					}
				})
				return c1, c2, func() {
					c1.Close()
					c2.Close()
					o.stop()
				}, err
			})
		})
	}
}

// pipe returns both ends of a connection.
func pipe(h *Hub, network, path string) (a, b *Conn, err error) {
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = path
	}
	l, err := h.Listen(network, addr)
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if a, err = h.Dial(network, l.Addr().String()); err == nil {
		b, err = l.AcceptConn()
	}
	return a, b, err
}

// An outsider is a hub that other goroutines have work for.
type outsider struct {
	h    *Hub
	stop func()
}

func newOutsider(t *testing.T) outsider {
	up, end, ended := make(chan *Hub), make(chan struct{}), make(chan error)
	go func() {
		ended <- Run(func(h *Hub) error {
			done := NewEvent(h)
			defer h.Hold()()
			up <- h
			go func() { <-end; h.Post(done.Set) }()
			return done.Wait()
		})
	}()
	return outsider{<-up, func() {
		close(end)
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}}
}

// do has a greenlet call f and waits for its end, however it ends.
func (o outsider) do(f func()) {
	done := make(chan struct{})
	err := o.h.Post(func() {
		o.h.Spawn(func() error { f(); return nil }).Link(func(*Greenlet) { close(done) })
	})
	if err == nil {
		<-done
	}
}

// An outsiderConn is a connection of the hub for outsiders: closed if the hub
// has ended.
type outsiderConn struct {
	o outsider
	c *Conn
}

func (c outsiderConn) Read(b []byte) (n int, err error) {
	err = net.ErrClosed
	c.o.do(func() { n, err = c.c.Read(b) })
	return n, err
}

func (c outsiderConn) Write(b []byte) (n int, err error) {
	err = net.ErrClosed
	c.o.do(func() { n, err = c.c.Write(b) })
	return n, err
}

func (c outsiderConn) Close() (err error) {
	err = net.ErrClosed
	c.o.do(func() { err = c.c.Close() })
	return err
}

func (c outsiderConn) LocalAddr() (a net.Addr) {
	c.o.do(func() { a = c.c.LocalAddr() })
	return a
}

func (c outsiderConn) RemoteAddr() (a net.Addr) {
	c.o.do(func() { a = c.c.RemoteAddr() })
	return a
}

func (c outsiderConn) SetDeadline(t time.Time) (err error) {
	err = net.ErrClosed
	c.o.do(func() { err = c.c.SetDeadline(t) })
	return err
}

func (c outsiderConn) SetReadDeadline(t time.Time) (err error) {
	err = net.ErrClosed
	c.o.do(func() { err = c.c.SetReadDeadline(t) })
	return err
}

func (c outsiderConn) SetWriteDeadline(t time.Time) (err error) {
	err = net.ErrClosed
	c.o.do(func() { err = c.c.SetWriteDeadline(t) })
	return err
}
