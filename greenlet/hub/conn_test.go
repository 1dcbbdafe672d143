package hub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"switchyard/greenlet/hub/internal/hubtest"
)

// upper answers each piece of what it reads in upper case.
func upper(c *Conn) error {
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := c.Write(bytes.ToUpper(buf[:n])); err != nil {
			return err
		}
	}
}

func TestEcho(t *testing.T) {
	for _, network := range []string{"tcp", "tcp4", "unix"} {
		t.Run(network, func(t *testing.T) {
			addr := "127.0.0.1:0"
			if network == "unix" {
				addr = filepath.Join(t.TempDir(), "s")
			}
			run(t, func(h *Hub) {
				l, err := h.Listen(network, addr)
				must(t, err)
				s := &StreamServer{Handle: upper, OnError: func(_ *Conn, err error) { t.Error(err) }}
				s.Start(h, l)
				var gs []*Greenlet
				for i := range 20 {
					gs = append(gs, h.Spawn(func() error {
						c, err := h.Dial(network, l.Addr().String())
						if err != nil {
							return err
						}
						defer c.Close()
						for k := range 20 {
							fmt.Fprintf(c, "hello %d %d", i, k)
							buf := make([]byte, 64)
							n, err := c.Read(buf)
							if want := fmt.Sprintf("HELLO %d %d", i, k); err != nil || string(buf[:n]) != want {
								return fmt.Errorf("got %q, %v, want %q", buf[:n], err, want)
							}
						}
						return nil
					}))
				}
				must(t, h.GetAll(gs...))
				must(t, s.Stop(-1))
				if s.Len() != 0 {
					t.Errorf("%d connections left", s.Len())
				}
			})
		})
	}
}

// More than the socket's buffers, in both directions: both sides must wait.
func TestLargeTransferAndHalfClose(t *testing.T) {
	const size = 32 << 20
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		h.Spawn(func() error {
			c, err := l.AcceptConn()
			if err != nil {
				return err
			}
			defer c.Close()
			b, err := io.ReadAll(c)
			if err != nil {
				t.Error(err)
			}
			_, err = c.Write(b)
			return err
		})
		c, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16)
		n, err := c.Write(data)
		if n != size || err != nil {
			t.Fatalf("wrote %d, %v", n, err)
		}
		must(t, c.CloseWrite())
		back, err := io.ReadAll(c)
		must(t, err)
		if !bytes.Equal(back, data) {
			t.Errorf("%d bytes came back, or others", len(back))
		}
	})
}

func TestConnDeadlineKillAndClose(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		c, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		read := func() error { _, err := c.Read(make([]byte, 1)); return err }

		must(t, c.SetReadDeadline(time.Now().Add(5*time.Millisecond)))
		err = read()
		var ne net.Error
		if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &ne) || !ne.Timeout() {
			t.Errorf("deadline: %v", err)
		}
		if err := read(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("after the deadline: %v", err)
		}
		must(t, c.SetReadDeadline(time.Time{}))

		g := h.Spawn(read)
		must(t, h.Yield())
		must(t, c.SetReadDeadline(time.Now())) // while it waits
		if err := g.Get(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("deadline set while waiting: %v", err)
		}
		must(t, c.SetReadDeadline(time.Time{}))

		g = h.Spawn(read)
		must(t, h.Yield())
		must(t, g.Kill())
		if !errors.Is(g.Err(), ErrExit) {
			t.Errorf("killed: %v", g.Err())
		}

		g = h.Spawn(read)
		must(t, h.Yield())
		must(t, c.Close())
		if err := g.Get(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("closed while waiting: %v", err)
		}
		if err := read(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read of a closed connection: %v", err)
		}
		if err := c.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestDialErrors(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		addr := l.Addr().String()
		must(t, l.Close())
		for _, c := range []struct{ network, addr string }{
			{"tcp", addr}, {"tcp", "no port"}, {"tcp9", addr}, {"unix", "/nowhere/at/all"}, {"tcp6", "127.0.0.1:1"},
		} {
			_, err := h.Dial(c.network, c.addr)
			var op *net.OpError
			if !errors.As(err, &op) {
				t.Errorf("%v: %v", c, err)
			}
		}
	})
}

// Whatever is left open is closed by the hub; TestMain counts.
func TestHubClosesWhatIsLeftOpen(t *testing.T) {
	before := hubtest.OpenFiles()
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		for range 10 {
			_, err := h.Dial("tcp", l.Addr().String())
			must(t, err)
			_, err = l.Accept()
			must(t, err)
		}
	})
	if after := hubtest.OpenFiles(); after != before {
		t.Fatalf("%d descriptors before, %d after", before, after)
	}
}

const echoSize = 64 // bytes of a request

// client does n round trips.
func client(c net.Conn, n int) error {
	req := []byte(strings.Repeat("switch yard echo", echoSize/16))
	want := strings.ToUpper(string(req))
	buf := make([]byte, echoSize)
	for range n {
		if _, err := c.Write(req); err != nil {
			return err
		}
		if _, err := io.ReadFull(c, buf); err != nil {
			return err
		}
		if string(buf) != want {
			return fmt.Errorf("wrong answer %q", buf)
		}
	}
	return nil
}
