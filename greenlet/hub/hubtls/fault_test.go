package hubtls_test

import (
	"crypto/tls"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubtls"
)

// session returns both ends of a connection that has shaken hands.
func session(t *testing.T, h *hub.Hub) (client, server *hubtls.Conn) {
	t.Helper()
	cert, trust, err := certificate()
	must(t, err)
	l, err := h.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	g := h.Spawn(func() error {
		c, err := l.AcceptConn()
		if err != nil {
			return err
		}
		server = hubtls.Server(h, c, &tls.Config{Certificates: []tls.Certificate{cert}})
		return server.Handshake()
	})
	c, err := h.Dial("tcp", l.Addr().String())
	must(t, err)
	client = hubtls.Client(h, c, &tls.Config{RootCAs: trust, ServerName: "127.0.0.1"})
	must(t, client.Handshake())
	must(t, g.Get())
	return client, server
}

func says(t *testing.T, from, to *hubtls.Conn) {
	t.Helper()
	if _, err := io.WriteString(from, "hello"); err != nil {
		t.Errorf("writing: %v", err)
		return
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(to, b); err != nil || string(b) != "hello" {
		t.Errorf("reading: %q, %v", b, err)
	}
}

// What ends a Write ends writing at most: what the peer sends can be read
// (nettest's past and present timeouts, as crypto/tls).
func TestWriteEnds(t *testing.T) {
	big := make([]byte, 32<<20) // more than the sockets hold
	for _, x := range []struct {
		name string
		end  func(h *hub.Hub, c *hubtls.Conn) error
		want error
		over bool // for later writes
	}{
		{"past deadline", func(h *hub.Hub, c *hubtls.Conn) error {
			c.SetWriteDeadline(time.Now().Add(-time.Second))
			n, err := c.Write(big)
			if n != 0 {
				t.Errorf("%d bytes written after the deadline", n)
			}
			c.SetWriteDeadline(time.Time{})
			return err
		}, os.ErrDeadlineExceeded, false},
		{"deadline", func(h *hub.Hub, c *hubtls.Conn) error {
			g := h.Spawn(func() error { _, err := c.Write(big); return err })
			h.Sleep(20 * time.Millisecond) // a part is on its way
			c.SetWriteDeadline(time.Now())
			err := g.Get()
			c.SetWriteDeadline(time.Time{})
			return err
		}, os.ErrDeadlineExceeded, true},
		{"limit", func(h *hub.Hub, c *hubtls.Conn) error {
			return h.WithTimeout(20*time.Millisecond, func() error { _, err := c.Write(big); return err })
		}, hub.ErrTimeout, true},
		{"kill", func(h *hub.Hub, c *hubtls.Conn) error {
			g := h.Spawn(func() error { _, err := c.Write(big); return err })
			h.Sleep(20 * time.Millisecond)
			g.Kill()
			return g.Err()
		}, hub.ErrExit, true},
	} {
		t.Run(x.name, func(t *testing.T) {
			run(t, func(h *hub.Hub) {
				c, s := session(t, h)
				if err := x.end(h, c); !errors.Is(err, x.want) {
					t.Errorf("%v instead of %v", err, x.want)
				}
				says(t, s, c)
				if !x.over {
					says(t, c, s)
				} else if _, err := c.Write([]byte("x")); err == nil {
					t.Error("written into half a record")
				} else if x.name != "deadline" && (errors.Is(err, x.want) || !strings.Contains(err.Error(), "cut short")) {
					t.Errorf("the other's end is taken for one's own: %v", err)
				}
				says(t, s, c)
			})
		})
	}
}

// A kill, in whatever part of a record, does not lose what has come: the next
// Read goes on.
func TestKilledReadLosesNothing(t *testing.T) {
	run(t, func(h *hub.Hub) {
		c, s := session(t, h)
		const size = 8 << 20
		w := h.Spawn(func() error {
			b := make([]byte, size)
			for i := range b {
				b[i] = byte(i % 251)
			}
			for len(b) > 0 {
				n := min(len(b), 40_000)
				if _, err := s.Write(b[:n]); err != nil {
					return err
				}
				b = b[n:]
				if err := h.Yield(); err != nil {
					return err
				}
			}
			return s.CloseWrite()
		})
		got, kills := 0, 0
		for end := false; !end; {
			r := h.Spawn(func() error {
				b := make([]byte, 1000)
				for {
					n, err := c.Read(b)
					for _, v := range b[:n] {
						if v != byte(got%251) {
							t.Errorf("byte %d is another", got)
							return io.EOF
						}
						got++
					}
					if err != nil {
						return err
					}
				}
			})
			h.Yield()
			h.Yield()
			must(t, r.Kill())
			kills++
			end = errors.Is(r.Err(), io.EOF)
			if !end && !errors.Is(r.Err(), hub.ErrExit) {
				t.Fatalf("after %d bytes: %v", got, r.Err())
			}
		}
		must(t, w.Get())
		if got != size || kills < 10 {
			t.Errorf("%d bytes with %d kills", got, kills)
		}
	})
}

// A handshake that was killed cannot be repeated, and others are told so
// without being told to end.
func TestKilledHandshake(t *testing.T) {
	run(t, func(h *hub.Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0") // nobody answers
		must(t, err)
		below, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		c := hubtls.Client(h, below, &tls.Config{ServerName: "127.0.0.1"})
		g := h.Spawn(c.Handshake)
		must(t, h.Yield())
		must(t, g.Kill())
		if !errors.Is(g.Err(), hub.ErrExit) {
			t.Errorf("%v", g.Err())
		}
		_, writing := c.Write([]byte("x"))
		_, reading := c.Read(make([]byte, 1))
		for _, err := range []error{c.Handshake(), writing, reading, c.CloseWrite()} {
			if err == nil || errors.Is(err, hub.ErrExit) || !strings.Contains(err.Error(), "an earlier handshake was cut short") {
				t.Errorf("afterwards: %v", err)
			}
		}
		must(t, c.Close())
	})
}
