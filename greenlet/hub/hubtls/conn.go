package hubtls

import (
	"crypto/tls"
	"net"
	"os"
	"time"

	"switchyard/greenlet/hub"
)

// A Conn is a connection that crypto/tls encrypts (gevent.ssl.SSLSocket).
//
// A tls.Conn straight over a hub.Conn would be wrong: it holds mutexes while it
// reads and writes, and a greenlet that waits for a mutex stops its hub. Here
// the tls.Conn writes into memory only, never waiting, and what it wrote is
// sent when it has returned; readers and the handshake queue up before it.
type Conn struct {
	c       *hub.Conn
	t       *tls.Conn
	wire    *wire
	in, out *hub.Semaphore
	failed  error     // of the handshake, for all who come later
	writeBy time.Time // the deadline of writes
}

var _ net.Conn = (*Conn)(nil)

// maxRecordBatch is how much a Write encrypts before it sends.
const maxRecordBatch = 64 << 10

// Client makes the client's side of a connection over c, which belongs to h.
// config must have a ServerName or InsecureSkipVerify, as for tls.Client. It
// does not wait: see [Conn.Handshake].
func Client(h *hub.Hub, c *hub.Conn, config *tls.Config) *Conn {
	return newConn(h, c, func(w net.Conn) *tls.Conn { return tls.Client(w, config) })
}

// Server makes the server's side of a connection over c, which belongs to h.
// config must have a certificate, as for tls.Server. It does not wait.
func Server(h *hub.Hub, c *hub.Conn, config *tls.Config) *Conn {
	return newConn(h, c, func(w net.Conn) *tls.Conn { return tls.Server(w, config) })
}

func newConn(h *hub.Hub, c *hub.Conn, side func(net.Conn) *tls.Conn) *Conn {
	one := func() *hub.Semaphore { return hub.NewSemaphore(h, 1) }
	w := &wire{Conn: c, turn: one()}
	return &Conn{c: c, t: side(w), wire: w, in: one(), out: one()}
}

// Handshake does the handshake, if it has not been done; reading and writing
// do it by themselves. One that failed or was ended by a deadline, a limit or a
// kill cannot be repeated: close the connection.
func (c *Conn) Handshake() error {
	if c.wire.shaken {
		return nil
	}
	return c.in.With(func() error { return c.out.With(c.handshake) })
}

func (c *Conn) handshake() error {
	if c.wire.shaken || c.failed != nil {
		return c.failed
	}
	err := c.t.Handshake()
	if sent := c.wire.flush(); err == nil {
		err = sent
	}
	err = raw(err)
	c.wire.shaken = err == nil
	if err != nil {
		c.failed = &cutError{"handshake", err} // should its methods not return
	}
	c.failed = afterCut("handshake", err)
	return err
}

// Read reads what there is, at least one byte, or io.EOF.
func (c *Conn) Read(b []byte) (n int, err error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if err := c.in.Acquire(); err != nil {
		return 0, err
	}
	defer c.in.Release()
	n, err = c.t.Read(b)
	if sent := c.wire.sendPending(); err == nil {
		err = sent
	}
	return n, raw(err)
}

// Write writes all of b. If it returns an error, part of b may have been sent,
// and no more can be: later Writes fail. But a deadline that has passed before
// anything was encrypted does no harm.
func (c *Conn) Write(b []byte) (done int, err error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if err := c.out.Acquire(); err != nil {
		return 0, err
	}
	defer c.out.Release()
	for {
		if !c.writeBy.IsZero() && !time.Now().Before(c.writeBy) {
			return done, os.ErrDeadlineExceeded
		}
		part := b[done:min(done+maxRecordBatch, len(b))]
		if _, err = c.t.Write(part); err == nil {
			err = c.wire.flush()
		}
		if err != nil {
			return done, err
		}
		if done += len(part); done == len(b) {
			return done, nil
		}
	}
}

// Close sends the peer a close-notify alert, waiting at most five seconds for
// that, and closes the connection. Whoever reads or writes gets net.ErrClosed.
func (c *Conn) Close() error {
	c.t.Close()
	if c.wire.turn.Count() > 0 { // else a writer is stuck: then without the alert
		c.c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		c.wire.flush()
	}
	return c.c.Close()
}

// CloseWrite sends the close-notify alert: the peer reads io.EOF. Reading goes
// on.
func (c *Conn) CloseWrite() error {
	if err := c.Handshake(); err != nil {
		return err
	}
	return c.out.With(func() error {
		if err := c.t.CloseWrite(); err != nil {
			return err
		}
		return c.wire.flush()
	})
}

// ConnectionState returns what the handshake agreed on; before its end, the
// zero state.
func (c *Conn) ConnectionState() tls.ConnectionState {
	if !c.wire.shaken { // the tls.Conn holds a mutex while it shakes hands
		return tls.ConnectionState{}
	}
	return c.t.ConnectionState()
}

// LocalAddr returns this end's address.
func (c *Conn) LocalAddr() net.Addr { return c.c.LocalAddr() }

// RemoteAddr returns the other end's address.
func (c *Conn) RemoteAddr() net.Addr { return c.c.RemoteAddr() }

// SetDeadline sets both deadlines. After a Write that passed its deadline half
// sent no more can be written, as with crypto/tls; reading goes on.
func (c *Conn) SetDeadline(t time.Time) error {
	c.writeBy = t
	return c.c.SetDeadline(t)
}

// SetReadDeadline sets the deadline of reads.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.c.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of writes.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	c.writeBy = t
	return c.c.SetWriteDeadline(t)
}
