//go:build !hubportable

package hub

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A peer is the other end of a connection of the hub, without one itself.
type peer struct {
	net.Conn
	fd int
}

// connected returns a connection that has waited once, so that the hub hears
// of its events, and its peer.
func connected(t *testing.T, h *Hub, network string) (*Conn, peer) {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	l, err := h.Listen(network, addr)
	must(t, err)
	nc, err := net.Dial(network, l.Addr().String())
	must(t, err)
	t.Cleanup(func() { nc.Close() })
	c, err := l.AcceptConn()
	must(t, err)
	p := peer{Conn: nc}
	raw, err := nc.(syscall.Conn).SyscallConn()
	must(t, err)
	must(t, raw.Control(func(fd uintptr) { p.fd = int(fd) }))
	waitedOnce(t, h, c, p)
	return c, p
}

// waitedOnce makes c wait for a byte of w.
func waitedOnce(t *testing.T, h *Hub, c *Conn, w io.Writer) {
	t.Helper()
	g := h.Spawn(func() error { _, err := io.WriteString(w, "hi"); return err })
	buf := make([]byte, 100)
	if n, err := c.Read(buf); string(buf[:n]) != "hi" || err != nil {
		t.Fatalf("%q, %v", buf[:n], err)
	}
	must(t, g.Get())
}

// A short read of each of these leaves bytes in the socket. What the peer does
// is over before the first read, so that no new edge makes up for a read that
// was saved. (asterinas#3146, ubus#23)
func TestShortReadLeavesBytes(t *testing.T) {
	for _, c := range []struct {
		what, network, want string
		send                func(p peer) error
	}{
		{"urgent byte", "tcp", "beforeafter", func(p peer) error {
			if err := unix.Send(p.fd, []byte("before!"), unix.MSG_OOB); err != nil {
				return err
			}
			_, err := p.Write([]byte("after"))
			return err
		}},
		{"urgent byte alone", "tcp", "beforeafter", func(p peer) error {
			if _, err := p.Write([]byte("before")); err != nil {
				return err
			}
			if err := unix.Send(p.fd, []byte("!"), unix.MSG_OOB); err != nil {
				return err
			}
			_, err := p.Write([]byte("after"))
			return err
		}},
		{"two urgent bytes", "tcp", "one!twothree", func(p peer) error {
			// The second takes the place of the first, which becomes ordinary.
			if err := unix.Send(p.fd, []byte("one!"), unix.MSG_OOB); err != nil {
				return err
			}
			if err := unix.Send(p.fd, []byte("two!"), unix.MSG_OOB); err != nil {
				return err
			}
			_, err := p.Write([]byte("three"))
			return err
		}},
		{"descriptors", "unix", "beforemiddleafter", func(p peer) error {
			rights := unix.UnixRights(int(os.Stdin.Fd()))
			for _, s := range []string{"before", "middle"} {
				if err := unix.Sendmsg(p.fd, []byte(s), rights, nil, 0); err != nil {
					return err
				}
			}
			_, err := p.Write([]byte("after"))
			return err
		}},
		{"urgent byte of a unix socket", "unix", "beforeafter", func(p peer) error {
			if err := unix.Send(p.fd, []byte("before!"), unix.MSG_OOB); err != nil {
				return err
			}
			_, err := p.Write([]byte("after"))
			return err
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, func(h *Hub) {
				conn, p := connected(t, h, c.network)
				if err := c.send(p); err == unix.EOPNOTSUPP {
					t.Skip("this kernel's unix sockets have no urgent bytes")
				} else {
					must(t, err)
				}
				expect(t, conn, c.want)
				waitedOnce(t, h, conn, p) // and is as good as before
			})
		})
	}
}

// expect reads text from c.
func expect(t *testing.T, c *Conn, text string) {
	t.Helper()
	must(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
	buf := make([]byte, 100)
	if n, err := io.ReadAtLeast(c, buf, len(text)); string(buf[:n]) != text || err != nil {
		t.Errorf("%q, %v, want %q", buf[:n], err, text)
	}
	must(t, c.SetReadDeadline(time.Time{}))
}

// A child may make a pipe of packets of its standard output: pipe(2), O_DIRECT.
func TestShortReadOfPacketPipe(t *testing.T) {
	run(t, func(h *Hub) {
		c, f, err := h.readPipe()
		must(t, err)
		defer f.Close()
		waitedOnce(t, h, c, f)
		_, err = unix.FcntlInt(f.Fd(), unix.F_SETFL, unix.O_DIRECT)
		must(t, err)
		for _, s := range []string{"first", "second", "third"} {
			_, err := f.WriteString(s)
			must(t, err)
		}
		expect(t, c, "firstsecondthird")
		must(t, f.Close())
		if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("%d, %v", n, err)
		}
	})
}

// The end of a stream that comes with its last bytes, or after them, is seen.
func TestShortReadThenEnd(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		run(t, func(h *Hub) {
			c, p := connected(t, h, network)
			_, err := p.Write([]byte("last"))
			must(t, err)
			must(t, p.Close())
			must(t, c.SetReadDeadline(time.Now().Add(20*time.Second)))
			if b, err := io.ReadAll(c); string(b) != "last" || err != nil {
				t.Errorf("%s: %q, %v", network, b, err)
			}
		})
	}
}

// Another process that has the same socket takes bytes out of it, and leaves
// others. Neither makes the hub miss what comes.
func TestShortReadOfSharedSocket(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		run(t, func(h *Hub) {
			c, p := connected(t, h, network)
			theirs, err := unix.Dup(c.d.fd) // what a child would have
			must(t, err)
			defer unix.Close(theirs)
			buf := make([]byte, 100)
			for range 3 {
				_, err = p.Write([]byte("theirs ours"))
				must(t, err)
				n, err := unix.Read(theirs, buf[:7])
				if must(t, err); string(buf[:n]) != "theirs " {
					t.Fatalf("%q", buf[:n])
				}
				expect(t, c, "ours")
				// They take all: the hub hears of it, finds nothing, and waits.
				_, err = p.Write([]byte("theirs"))
				must(t, err)
				_, err = unix.Read(theirs, buf)
				must(t, err)
				waitedOnce(t, h, c, p)
			}
			// A descriptor that is open elsewhere is not heard of after Close,
			// not even by whoever has its number then.
			number := c.d.fd
			must(t, c.Close())
			r, w, err := h.readPipe()
			must(t, err)
			defer w.Close()
			if r.d.fd != number {
				t.Logf("number %d instead of %d", r.d.fd, number)
			}
			must(t, r.SetReadDeadline(time.Now().Add(20*time.Millisecond)))
			_, err = p.Write([]byte("for them"))
			must(t, err)
			if n, err := r.Read(buf); n != 0 || err != os.ErrDeadlineExceeded {
				t.Errorf("%d, %v", n, err)
			}
		})
	}
}

// The read is saved where it may be: on TCP, until an urgent byte comes.
func TestShortReadIsBelieved(t *testing.T) {
	run(t, func(h *Hub) {
		c, p := connected(t, h, "tcp")
		waitedOnce(t, h, c, p)
		if c.d.readable {
			t.Error("a short read of TCP is followed by one in vain")
		}
		must(t, unix.Send(p.fd, []byte("a!"), unix.MSG_OOB))
		expect(t, c, "a")
		waitedOnce(t, h, c, p)
		if !c.d.readable {
			t.Error("a short read is believed although there was an urgent byte")
		}
		u, q := connected(t, h, "unix")
		waitedOnce(t, h, u, q)
		if !u.d.readable {
			t.Error("a short read of a unix socket is believed")
		}
	})
}

// A writer that has waited goes on with every bit of room, whatever the peer
// reads at once, and all arrives in order.
func TestWriterWaitsAgainAndAgain(t *testing.T) {
	const size = 16 << 20
	for _, network := range []string{"tcp", "unix"} {
		run(t, func(h *Hub) {
			c, p := connected(t, h, network)
			data := make([]byte, size)
			for i := range data {
				data[i] = byte(i * i >> 8)
			}
			g := h.Spawn(func() error { _, err := c.Write(data); return err })
			must(t, h.Yield())
			if g.Ready() {
				t.Fatal("there was room for all")
			}
			var got []byte
			buf := make([]byte, 1<<16)
			for i := 0; len(got) < size; i++ {
				n, err := Await(h, func(context.Context) (int, error) {
					return p.Read(buf[:1+i*4093%len(buf)])
				})
				must(t, err)
				got = append(got, buf[:n]...)
			}
			must(t, g.Get())
			if string(got) != string(data) {
				t.Error("other bytes")
			}
		})
	}
}
