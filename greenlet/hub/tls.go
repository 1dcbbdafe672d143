package hub

import (
	"crypto/tls"
	"net"
	"time"
)

// A TLSConn is crypto/tls over a [Conn] (gevent.ssl). One greenlet may read
// while another writes.
//
// A tls.Conn straight over a Conn would be wrong: it holds mutexes while it
// reads and writes, and a greenlet that waits for a mutex stops its hub. Here
// the tls.Conn writes into memory only, never waiting, and what it wrote is
// sent when it has returned; readers and the handshake queue up before it.
type TLSConn struct {
	c       *Conn
	t       *tls.Conn
	wire    *wire
	in, out *Semaphore
	shaken  bool
}

var _ net.Conn = (*TLSConn)(nil)

// maxRecordBatch is how much a Write encrypts before it sends.
const maxRecordBatch = 64 << 10

// TLSClient makes the client's side of a connection over c. config must have a
// ServerName or InsecureSkipVerify, as for tls.Client.
func (h *Hub) TLSClient(c *Conn, config *tls.Config) *TLSConn {
	return h.newTLS(c, func(w net.Conn) *tls.Conn { return tls.Client(w, config) })
}

// TLSServer makes the server's side of a connection over c.
func (h *Hub) TLSServer(c *Conn, config *tls.Config) *TLSConn {
	return h.newTLS(c, func(w net.Conn) *tls.Conn { return tls.Server(w, config) })
}

func (h *Hub) newTLS(c *Conn, side func(net.Conn) *tls.Conn) *TLSConn {
	w := &wire{Conn: c, turn: NewSemaphore(h, 1)}
	return &TLSConn{c: c, t: side(w), wire: w, in: NewSemaphore(h, 1), out: NewSemaphore(h, 1)}
}

// Handshake does the handshake, if it has not been done; reading and writing
// do it by themselves.
func (c *TLSConn) Handshake() error {
	if c.shaken {
		return nil
	}
	return c.in.With(func() error {
		return c.out.With(func() error {
			if c.shaken {
				return nil
			}
			err := c.t.Handshake()
			if sent := c.wire.flush(); err == nil {
				err = sent
			}
			c.shaken = err == nil
			return err
		})
	})
}

// Read reads what there is, at least one byte, or io.EOF.
func (c *TLSConn) Read(b []byte) (n int, err error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if err := c.in.Acquire(); err != nil {
		return 0, err
	}
	defer c.in.Release()
	n, err = c.t.Read(b)
	if sent := c.wire.flush(); err == nil && n == 0 {
		err = sent
	}
	return n, err
}

// Write writes all of b.
func (c *TLSConn) Write(b []byte) (done int, err error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	if err := c.out.Acquire(); err != nil {
		return 0, err
	}
	defer c.out.Release()
	for {
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

// Close says goodbye to the peer, waiting at most five seconds for that, and
// closes the connection. Whoever reads or writes gets net.ErrClosed.
func (c *TLSConn) Close() error {
	c.t.Close()
	if c.wire.turn.Count() > 0 { // else a writer is stuck: then without goodbye
		c.c.SetWriteDeadline(time.Now().Add(5 * time.Second))
		c.wire.flush()
	}
	return c.c.Close()
}

// CloseWrite tells the peer that no more will be written.
func (c *TLSConn) CloseWrite() error {
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

// ConnectionState returns what the handshake agreed on.
func (c *TLSConn) ConnectionState() tls.ConnectionState { return c.t.ConnectionState() }

// LocalAddr returns this end's address.
func (c *TLSConn) LocalAddr() net.Addr { return c.c.LocalAddr() }

// RemoteAddr returns the other end's address.
func (c *TLSConn) RemoteAddr() net.Addr { return c.c.RemoteAddr() }

// SetDeadline sets both deadlines. After a write that passed its deadline the
// connection is of no more use, as with crypto/tls.
func (c *TLSConn) SetDeadline(t time.Time) error { return c.c.SetDeadline(t) }

// SetReadDeadline sets the deadline of reads.
func (c *TLSConn) SetReadDeadline(t time.Time) error { return c.c.SetReadDeadline(t) }

// SetWriteDeadline sets the deadline of writes.
func (c *TLSConn) SetWriteDeadline(t time.Time) error { return c.c.SetWriteDeadline(t) }

// A wire is what the tls.Conn takes for its connection.
type wire struct {
	*Conn
	turn *Semaphore // to send
	out  []byte     // written, not sent
	err  error      // of sending: the stream is broken since
}

// Write keeps b for flush.
func (w *wire) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	w.out = append(w.out, b...)
	return len(b), nil
}

// Read sends what was written, for the peer may wait for it, then reads.
func (w *wire) Read(b []byte) (int, error) {
	if err := w.flush(); err != nil {
		return 0, err
	}
	return w.Conn.Read(b)
}

// Close and the deadlines are the TLSConn's business.
func (*wire) Close() error                     { return nil }
func (*wire) SetDeadline(time.Time) error      { return nil }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }

// flush sends what was written. An error may leave half a record sent, so it
// stays.
func (w *wire) flush() error {
	if len(w.out) == 0 {
		return w.err
	}
	return w.turn.With(func() error {
		for len(w.out) > 0 && w.err == nil {
			out := w.out
			w.out = nil
			if _, err := w.Conn.Write(out); err != nil {
				w.err = err
			} else if w.out == nil {
				w.out = out[:0]
			}
		}
		return w.err
	})
}
