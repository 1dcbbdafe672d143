//go:build !hubportable

package hub

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"switchyard/greenlet/hub/internal/hubtest"
)

// Deadlines mean the same in a hub that has run for long. The hub is made an
// hour old; whatever takes its age for a part of the time misses the bound.
func TestDeadlinesOfAnOldHub(t *testing.T) {
	run(t, func(h *Hub) {
		h.epoch = h.epoch.Add(-time.Hour)
		c, p := connected(t, h, "tcp")
		u, err := h.ListenPacket("udp", "127.0.0.1:0")
		must(t, err)
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		full := h.Spawn(func() error { _, err := c.Write(make([]byte, 64<<20)); return err })
		must(t, h.Yield())
		const d = 20 * time.Millisecond
		for what, wait := range map[string]func() error{
			"read": func() error {
				must(t, c.SetReadDeadline(time.Now().Add(d)))
				_, err := c.Read(make([]byte, 1))
				return err
			},
			"write, in turn": func() error {
				must(t, c.SetWriteDeadline(time.Now().Add(d)))
				_, err := c.Write([]byte("x"))
				return err
			},
			"accept": func() error {
				must(t, l.SetDeadline(time.Now().Add(d)))
				_, err := l.Accept()
				return err
			},
			"datagram": func() error {
				must(t, u.SetDeadline(time.Now().Add(d)))
				_, _, err := u.ReadFrom(make([]byte, 1))
				return err
			},
		} {
			began := time.Now()
			err := wait()
			if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took < d-time.Millisecond || took > time.Minute {
				t.Errorf("%s: %v after %v", what, err, took)
			}
		}
		if err := full.Get(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("write: %v", err)
		}
		must(t, p.Close())
	})
}

// Nagle's algorithm is off with every connection, and can be switched.
func TestSetNoDelay(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		dialed, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		accepted, err := l.AcceptConn()
		must(t, err)
		for _, c := range []*Conn{dialed, accepted} {
			is := func(want int) {
				t.Helper()
				got, err := unix.GetsockoptInt(c.d.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY)
				if must(t, err); got != want {
					t.Errorf("TCP_NODELAY is %d, want %d", got, want)
				}
			}
			is(1)
			must(t, c.SetNoDelay(false))
			is(0)
			must(t, c.SetNoDelay(true))
			is(1)
			must(t, c.Close())
			for _, err := range []error{c.SetNoDelay(true), c.CloseWrite(), c.SetDeadline(time.Time{}), c.Close()} {
				if !errors.Is(err, net.ErrClosed) {
					t.Errorf("after Close: %v", err)
				}
			}
			if _, err := c.Write(nil); err != net.ErrClosed {
				t.Errorf("write after Close: %v", err)
			}
		}
	})
}

// Writes of several greenlets do not mix, even if each has to wait in the
// midst, and come in the order of the calls. One that is killed while it waits
// for its turn has sent nothing.
func TestWritesDoNotMix(t *testing.T) {
	run(t, func(h *Hub) {
		c, p := connected(t, h, "tcp")
		const size = 8 << 20
		var gs []*Greenlet
		for i := range 5 {
			gs = append(gs, h.Spawn(func() error {
				n, err := c.Write(bytes.Repeat([]byte{byte('a' + i)}, size))
				if i == 2 && n != 0 {
					t.Errorf("%d bytes sent by one who was killed before its turn", n)
				}
				return err
			}))
		}
		must(t, h.Yield())
		must(t, gs[2].Kill())
		must(t, p.SetReadDeadline(time.Now().Add(time.Minute)))
		order := make(chan string, 1)
		go func() {
			var got []byte
			buf := make([]byte, 1<<20)
			for n := 0; n < 4*size; {
				k, err := p.Read(buf)
				if err != nil {
					got = append(got, err.Error()...)
					break
				}
				for _, b := range buf[:k] {
					if len(got) == 0 || got[len(got)-1] != b {
						got = append(got, b)
					}
				}
				n += k
			}
			order <- string(got)
		}()
		for i, g := range gs {
			if err := g.Get(); (i == 2) != (err != nil) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if got := <-order; got != "abde" {
			t.Errorf("order %q", got)
		}
		// Those who wait for a turn hear of Close.
		gs = gs[:0]
		for range 3 {
			gs = append(gs, h.Spawn(func() error { _, err := c.Write(make([]byte, 64<<20)); return err }))
		}
		must(t, h.Yield())
		must(t, c.Close())
		for _, g := range gs {
			if err := g.Get(); err != net.ErrClosed {
				t.Errorf("closed: %v", err)
			}
		}
	})
}

// A killed write says how many bytes are sent, and those the peer gets.
func TestKilledWriteCounts(t *testing.T) {
	run(t, func(h *Hub) {
		c, p := connected(t, h, "tcp")
		sent := 0
		g := h.Spawn(func() (err error) { sent, err = c.Write(make([]byte, 64<<20)); return err })
		must(t, h.Sleep(5*time.Millisecond))
		must(t, g.Kill())
		must(t, c.Close())
		got, err := io.Copy(io.Discard, p)
		if must(t, err); sent == 0 || int(got) != sent || !errors.Is(g.Err(), ErrExit) {
			t.Errorf("%d sent, %d came, %v", sent, got, g.Err())
		}
	})
}

// A server whose Serve is killed is stopped like one whose Stop is called, and
// connections that nobody has begun to serve are closed too.
func TestServeKilled(t *testing.T) {
	run(t, func(h *Hub) {
		before := hubtest.OpenFiles()
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		u, err := h.ListenPacket("udp", "127.0.0.1:0")
		must(t, err)
		s := &StreamServer{Handle: upper, Limit: 3}
		d := &DatagramServer{Handle: func(*PacketConn, []byte, net.Addr) error { return nil }}
		gs := []*Greenlet{
			h.Spawn(func() error { return s.Serve(h, l) }),
			h.Spawn(func() error { return d.Serve(h, u) }),
		}
		c, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		must(t, client(c, 1))
		must(t, h.KillAll(gs...))
		for _, g := range gs {
			if !errors.Is(g.Err(), ErrExit) {
				t.Errorf("%v", g.Err())
			}
		}
		if n, err := c.Read(make([]byte, 1)); n != 0 || err == nil {
			t.Errorf("still served: %d, %v", n, err)
		}
		must(t, c.Close())
		if after := hubtest.OpenFiles(); after != before || h.Len() != 0 {
			t.Errorf("%d descriptors before, %d after, %d greenlets left", before, after, h.Len())
		}

		// Killed before it starts.
		l, err = h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		s = &StreamServer{Handle: upper}
		s.Start(h, l)
		var cs []*Conn
		for range 3 {
			c, err := h.Dial("tcp", l.Addr().String())
			must(t, err)
			cs = append(cs, c)
		}
		for s.Len() == 0 {
			must(t, h.Yield())
		}
		must(t, s.Stop(0))
		for _, c := range cs {
			must(t, c.Close())
		}
		if after := hubtest.OpenFiles(); after != before {
			t.Errorf("%d descriptors before, %d after", before, after)
		}
	})
}

// A command's pipes that cannot all be had leave it as it was; one that was
// never started keeps none beyond the hub.
func TestPopenNotStarted(t *testing.T) {
	before := hubtest.OpenFiles()
	run(t, func(h *Hub) {
		p := h.Command("cat")
		_, err := p.StdinPipe()
		must(t, err)
		withFiles(t, 1, func() {
			if _, err := p.StdoutPipe(); !errors.Is(err, unix.EMFILE) {
				t.Errorf("%v", err)
			}
		})
		out, _, err := p.Communicate([]byte("all anew"))
		if string(out) != "all anew" || err != nil {
			t.Errorf("%q, %v", out, err)
		}
		if _, err := p.StdinPipe(); err == nil {
			t.Error("a pipe of a child that has ended")
		}
		q := h.Command("cat")
		_, err = q.StderrPipe()
		must(t, err)
		if _, err := q.StderrPipe(); err == nil {
			t.Error("two pipes for one file")
		}
		if err := q.Wait(); err == nil {
			t.Error("waited for a child that was not started")
		}
		if err := q.Kill(); err == nil {
			t.Error("killed a child that was not started")
		}
	})
	if after := hubtest.OpenFiles(); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// OnError may stop a server: it runs in the greenlet that accepts, or in one of
// Handle. Those being served have their time.
func TestServerStopFromOnError(t *testing.T) {
	run(t, func(h *Hub) {
		must(t, h.WithTimeout(time.Minute, func() error {
			leave, ended, told := NewEvent(h), 0, []bool{}
			s := &StreamServer{}
			s.Handle = func(*Conn) error {
				if err := leave.Wait(); err != nil {
					return err
				}
				ended++
				return errBoom
			}
			s.OnError = func(c *Conn, err error) {
				told = append(told, c == nil)
				must(t, s.Stop(-1))
			}
			clients := served(t, h, s, 2)
			must(t, unix.Shutdown(s.l.d.fd, unix.SHUT_RD)) // accept fails
			must(t, h.Sleep(time.Millisecond))
			leave.Set()
			if err := h.JoinAll(clients...); err != nil {
				return err
			}
			if ended != 2 || fmt.Sprint(told) != "[true false false]" {
				t.Errorf("%d ended by themselves, errors of accepting: %v", ended, told)
			}
			return s.loop.Join()
		}))
	})
}
