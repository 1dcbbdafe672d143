package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestDatagramServer(t *testing.T) {
	run(t, func(h *Hub) {
		c, err := h.ListenPacket("udp", "127.0.0.1:0")
		must(t, err)
		s := &DatagramServer{
			Handle: func(c *PacketConn, data []byte, from net.Addr) error {
				_, err := c.WriteTo(bytes.ToUpper(data), from)
				return err
			},
			OnError: func(err error) { t.Error(err) },
		}
		s.Start(h, c)
		var gs []*Greenlet
		for i := range 5 {
			gs = append(gs, h.Spawn(func() error {
				c, err := h.Dial("udp", c.LocalAddr().String())
				if err != nil {
					return err
				}
				defer c.Close()
				fmt.Fprintf(c, "datagram %d", i)
				buf := make([]byte, 64)
				n, err := c.Read(buf)
				if want := fmt.Sprintf("DATAGRAM %d", i); string(buf[:n]) != want {
					t.Errorf("%q instead of %q", buf[:n], want)
				}
				return err
			}))
		}
		must(t, h.GetAll(gs...))
		must(t, s.Stop(-1))
		if _, _, err := c.ReadFrom(nil); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Stop: %v", err)
		}
	})
}

func TestStreamServerLimitAndStop(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		most := 0
		two := NewEvent(h)
		s := &StreamServer{Limit: 2}
		s.Handle = func(c *Conn) error {
			if most = max(most, s.Len()); most == 2 {
				two.Set()
			}
			if err := two.Wait(); err != nil {
				return err
			}
			return upper(c)
		}
		s.Start(h, l)
		var gs []*Greenlet
		for range 6 {
			gs = append(gs, h.Spawn(func() error {
				c, err := h.Dial("tcp", l.Addr().String())
				if err != nil {
					return err
				}
				defer c.Close()
				return client(c, 3)
			}))
		}
		must(t, h.GetAll(gs...))
		if most != 2 {
			t.Errorf("%d served at once, limit 2", most)
		}
		// A connection that does not end is killed by Stop.
		c, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		must(t, client(c, 1))
		must(t, s.Stop(time.Millisecond))
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("still served")
		}
	})
}

func TestPopen(t *testing.T) {
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip(err)
	}
	run(t, func(h *Hub) {
		out, errs, err := h.Command("sh", "-c", "tr a-z A-Z; echo oops >&2; exit 3").Communicate([]byte("hello"))
		var exit *exec.ExitError
		if string(out) != "HELLO" || string(errs) != "oops\n" || !errors.As(err, &exit) || exit.ExitCode() != 3 {
			t.Errorf("%q, %q, %v", out, errs, err)
		}

		// A conversation, while another greenlet runs.
		p := h.Command("cat")
		in, err := p.StdinPipe()
		must(t, err)
		from, err := p.StdoutPipe()
		must(t, err)
		must(t, p.Start())
		for i := range 3 {
			line := fmt.Sprintf("line %d\n", i)
			io.WriteString(in, line)
			buf := make([]byte, 64)
			if n, err := from.Read(buf); string(buf[:n]) != line || err != nil {
				t.Errorf("%q, %v", buf[:n], err)
			}
		}
		if p.Poll() || p.ExitCode() != -1 {
			t.Error("ended early")
		}
		if err := p.WaitTimeout(time.Millisecond); err != ErrTimeout {
			t.Errorf("%v", err)
		}
		must(t, in.Close())
		must(t, p.Wait())
		if p.ExitCode() != 0 || !p.Poll() {
			t.Errorf("exit code %d", p.ExitCode())
		}

		p = h.Command("sleep", "3600")
		must(t, p.Start())
		must(t, p.Kill())
		if done, err := Wait[Waitable](h, 0, p); err != nil || len(done) != 1 {
			t.Errorf("%v, %v", done, err)
		}
		if err := p.Wait(); !errors.As(err, &exit) {
			t.Errorf("killed: %v", err)
		}
		if err := p.Signal(os.Interrupt); !errors.Is(err, os.ErrProcessDone) {
			t.Errorf("signal to a dead child: %v", err)
		}

		if _, _, err := h.Command("/nowhere/at/all").Communicate(nil); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%v", err)
		}
		if out, err := h.Output(context.Background(), "echo", "x"); string(out) != "x\n" || err != nil {
			t.Errorf("%q, %v", out, err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
		defer cancel()
		if _, err := h.Output(ctx, "sleep", "3600"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		// One that is left to the hub is killed; Run waits for its end.
		must(t, h.Command("sleep", "3600").Start())
	})
}

func TestLookup(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "localhost:0")
		if err != nil {
			t.Skip(err) // a machine without the name
		}
		c, err := Dialer{Timeout: time.Minute}.Dial(h, "tcp", l.Addr().String())
		must(t, err)
		if c.LocalAddr().String() == "" || c.RemoteAddr().String() != l.Addr().String() {
			t.Errorf("%v to %v", c.LocalAddr(), c.RemoteAddr())
		}
		must(t, c.Close())
	})
}

// Two hubs serve one address; a third asks; a Post to each ends them.
func TestShardedServer(t *testing.T) {
	const shards, conns = 2, 40
	type shard struct {
		h      *Hub
		server *StreamServer
	}
	var served [shards]int
	first := make(chan string, 1)  // the address shard 0 has got
	rest := make(chan string, 1)   // handed on to shard 1
	up := make(chan shard, shards) // who is ready
	done := make(chan error, 1)
	go func() {
		done <- RunSharded(shards, func(h *Hub, i int) error {
			addr := "127.0.0.1:0"
			if i > 0 {
				var err error
				if addr, err = Await(h, func(ctx context.Context) (string, error) {
					select {
					case a := <-rest:
						return a, nil
					case <-ctx.Done():
						return "", ctx.Err()
					}
				}); err != nil {
					return err
				}
			}
			l, err := ListenConfig{ReusePort: true}.Listen(h, "tcp", addr)
			if err != nil {
				return err
			}
			if i == 0 {
				first <- l.Addr().String()
			}
			s := &StreamServer{Handle: func(c *Conn) error { served[i]++; return upper(c) }}
			up <- shard{h, s}
			return s.Serve(h, l)
		})
	}()
	var addr string
	select {
	case addr = <-first:
	case err := <-done:
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skip(err)
		}
		t.Fatal(err)
	}
	rest <- addr
	var hubs []shard
	for range shards {
		hubs = append(hubs, <-up)
	}
	run(t, func(h *Hub) {
		gs := make([]*Greenlet, conns)
		for i := range gs {
			gs[i] = h.Spawn(func() error {
				c, err := h.Dial("tcp", addr)
				if err != nil {
					return err
				}
				defer c.Close()
				return client(c, 3)
			})
		}
		must(t, h.GetAll(gs...))
	})
	for _, s := range hubs {
		must(t, s.h.Post(func() { s.h.Spawn(func() error { return s.server.Stop(-1) }) }))
	}
	must(t, <-done)
	if sum := served[0] + served[1]; sum != conns {
		t.Errorf("%v served, %d in all, want %d", served, sum, conns)
	}
}
