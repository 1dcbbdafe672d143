package hubtls_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubtls"
)

// echo starts a server that answers what it is sent; dial connects to it.
func echo(t *testing.T, h *hub.Hub) (dial func() *hubtls.Conn, stop func()) {
	cert, trust, err := certificate()
	must(t, err)
	l, err := h.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	s := &hub.StreamServer{
		Handle: func(c *hub.Conn) error {
			s := hubtls.Server(h, c, &tls.Config{Certificates: []tls.Certificate{cert}})
			defer s.Close()
			_, err := io.Copy(s, s)
			return err
		},
		OnError: func(_ *hub.Conn, err error) { t.Error(err) },
	}
	s.Start(h, l)
	dial = func() *hubtls.Conn {
		c, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		return hubtls.Client(h, c, &tls.Config{RootCAs: trust, ServerName: "127.0.0.1"})
	}
	return dial, func() { must(t, s.Stop(-1)) }
}

func TestConn(t *testing.T) {
	run(t, func(h *hub.Hub) {
		dial, stop := echo(t, h)
		// Both directions at once, more than the buffers hold.
		data := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
		var gs []*hub.Greenlet
		for range 3 {
			gs = append(gs, h.Spawn(func() error {
				c := dial()
				defer c.Close()
				w := h.Spawn(func() error {
					if _, err := c.Write(data); err != nil {
						return err
					}
					return c.CloseWrite()
				})
				back, err := io.ReadAll(c)
				if err != nil {
					return err
				}
				if !bytes.Equal(back, data) {
					return fmt.Errorf("%d bytes came back, or others", len(back))
				}
				return w.Get()
			}))
		}
		must(t, h.GetAll(gs...))

		c := dial()
		if c.ConnectionState().HandshakeComplete {
			t.Error("a handshake before any")
		}
		must(t, c.Handshake())
		if !c.ConnectionState().HandshakeComplete {
			t.Error("no handshake")
		}
		must(t, c.Close())
		stop()
	})
}

// What ends a Read, and whether the next one goes on.
func TestReadEnds(t *testing.T) {
	run(t, func(h *hub.Hub) {
		dial, stop := echo(t, h)
		c := dial()
		read := func() error { _, err := c.Read(make([]byte, 1)); return err }
		goesOn := func() {
			t.Helper()
			_, err := io.WriteString(c, "hello")
			must(t, err)
			got := make([]byte, 5)
			if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
				t.Errorf("%q, %v", got, err)
			}
		}
		goesOn()

		must(t, c.SetReadDeadline(time.Now().Add(time.Millisecond)))
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("deadline: %v", err)
		}
		must(t, c.SetReadDeadline(time.Time{}))
		goesOn()

		if err := h.WithTimeout(time.Millisecond, read); !errors.Is(err, hub.ErrTimeout) {
			t.Errorf("limit: %v", err)
		}
		goesOn()

		g := h.Spawn(read)
		must(t, h.Yield())
		must(t, g.Kill())
		if !errors.Is(g.Err(), hub.ErrExit) {
			t.Errorf("killed: %v", g.Err())
		}
		goesOn() // a kill is the greenlet's, not the connection's
		must(t, c.Close())

		c = dial()
		goesOn()
		g = h.Spawn(read)
		must(t, h.Yield())
		must(t, c.Close())
		if err := g.Get(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed while waiting: %v", err)
		}
		stop()
	})
}

// While one greenlet waits in the handshake, others may ask how the connection
// stands, or close it: that must not stop the hub.
func TestDuringHandshake(t *testing.T) {
	hung := time.AfterFunc(30*time.Second, func() { panic("the hub hangs") })
	defer hung.Stop()
	run(t, func(h *hub.Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0") // nobody answers
		must(t, err)
		below, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		c := hubtls.Client(h, below, &tls.Config{ServerName: "127.0.0.1"})
		g := h.Spawn(c.Handshake)
		must(t, h.Yield())
		if g.Ready() || c.ConnectionState().HandshakeComplete {
			t.Error("a handshake with nobody")
		}
		must(t, c.Close())
		if err := g.Get(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed while waiting: %v", err)
		}
	})
}

func TestRefusesUnknownAuthority(t *testing.T) {
	cert, _, err := certificate()
	must(t, err)
	run(t, func(h *hub.Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		s := &hub.StreamServer{Handle: func(c *hub.Conn) error {
			return hubtls.Server(h, c, &tls.Config{Certificates: []tls.Certificate{cert}}).Handshake()
		}}
		s.Start(h, l)
		c, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		var unknown x509.UnknownAuthorityError
		if err := hubtls.Client(h, c, &tls.Config{ServerName: "127.0.0.1"}).Handshake(); !errors.As(err, &unknown) {
			t.Errorf("%v", err)
		}
	})
}
