package hub

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"
)

// served starts a server and n clients, whose greenlets of Handle are counted
// in begun. The clients read until their connections are closed.
func served(t *testing.T, h *Hub, s *StreamServer, n int) (clients []*Greenlet) {
	t.Helper()
	l, err := h.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	begun := NewSemaphore(h, 0)
	handle := s.Handle
	s.Handle = func(c *Conn) error {
		begun.Release()
		return handle(c)
	}
	s.Start(h, l)
	for range n {
		clients = append(clients, h.Spawn(func() error {
			c, err := h.Dial("tcp", l.Addr().String())
			if err != nil {
				return err
			}
			defer c.Close()
			c.Read(make([]byte, 1))
			return nil
		}))
		must(t, begun.AcquireTimeout(time.Minute))
	}
	return clients
}

// Who waits for a server is told why it ended, unless it was stopped: that its
// listener was closed, also where accepting waits for room meanwhile.
func TestServeEnds(t *testing.T) {
	for _, c := range []struct {
		what  string
		limit int
		end   func(h *Hub, s *StreamServer, l *Listener) error
		want  error
	}{
		{"stopped", 0, func(_ *Hub, s *StreamServer, _ *Listener) error { return s.Stop(0) }, nil},
		{"stopped while it waits for room", 1, func(_ *Hub, s *StreamServer, _ *Listener) error { return s.Stop(0) }, nil},
		{"its listener is closed", 0, func(_ *Hub, _ *StreamServer, l *Listener) error { return l.Close() }, net.ErrClosed},
		{"its loop is killed while it waits for room", 1, func(h *Hub, s *StreamServer, _ *Listener) error { return s.loop.Kill() }, ErrExit},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, func(h *Hub) {
				must(t, h.WithTimeout(time.Minute, func() error {
					l, err := h.Listen("tcp", "127.0.0.1:0")
					must(t, err)
					begun := NewEvent(h)
					s := &StreamServer{Limit: c.limit, Handle: func(c *Conn) error { begun.Set(); c.Read(make([]byte, 1)); return nil }}
					g := h.Spawn(func() error { return s.Serve(h, l) })
					client, err := h.Dial("tcp", l.Addr().String())
					must(t, err)
					defer client.Close()
					must(t, begun.Wait())
					must(t, h.Sleep(0))
					must(t, c.end(h, s, l))
					if err := g.Get(); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
						t.Errorf("Serve: %v, want %v", err, c.want)
					}
					return s.Stop(0)
				}))
			})
		})
	}
}

// A server may be stopped by those whom it serves, by one or all of them at
// once, with and without a limit; nobody waits for himself or in a circle.
func TestServerStopFromHandle(t *testing.T) {
	for _, c := range []struct {
		what     string
		limit    time.Duration
		stoppers int // of three connections
		stays    bool
		killed   int
	}{
		{"one, no limit", -1, 1, false, 0},
		{"one, at once", 0, 1, true, 2},
		{"one, with a limit", 5 * time.Millisecond, 1, true, 2},
		{"all, no limit", -1, 3, false, 0},
		{"all, at once", 0, 3, false, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			run(t, func(h *Hub) {
				must(t, h.WithTimeout(time.Minute, func() error {
					stop, leave := NewEvent(h), NewEvent(h)
					n, killed, stopped := 0, 0, 0
					s := &StreamServer{}
					s.Handle = func(*Conn) error {
						n++
						if n > c.stoppers {
							err := leave.Wait()
							if err == ErrExit {
								killed++
							}
							return err
						}
						if err := stop.Wait(); err != nil {
							return err
						}
						err := s.Stop(c.limit)
						if err == nil {
							stopped++
						}
						return err
					}
					clients := served(t, h, s, 3)
					stop.Set()
					must(t, h.Sleep(time.Millisecond))
					if !c.stays {
						leave.Set()
					}
					if err := h.JoinAll(clients...); err != nil {
						return err
					}
					if stopped != c.stoppers || killed != c.killed || s.Len() != 0 {
						t.Errorf("%d stopped, %d killed, %d left", stopped, killed, s.Len())
					}
					return s.Stop(-1)
				}))
			})
		})
	}
}

func TestDatagramServerStopFromHandle(t *testing.T) {
	run(t, func(h *Hub) {
		must(t, h.WithTimeout(time.Minute, func() error {
			c, err := h.ListenPacket("udp", "127.0.0.1:0")
			must(t, err)
			stopped, second := 0, NewEvent(h)
			s := &DatagramServer{}
			s.Handle = func(_ *PacketConn, data []byte, _ net.Addr) error {
				if string(data) == "2" {
					second.Set()
				} else if err := second.Wait(); err != nil {
					return err
				}
				if err := s.Stop(-1); err != nil {
					return err
				}
				stopped++
				return nil
			}
			from, err := h.Dial("udp", c.LocalAddr().String())
			must(t, err)
			h.Spawn(func() error {
				for _, m := range []string{"1", "2"} {
					if _, err := from.Write([]byte(m)); err != nil {
						return err
					}
				}
				return nil
			})
			if err := s.Serve(h, c); err != nil {
				return err
			}
			must(t, h.Sleep(5*time.Millisecond))
			if stopped != 2 {
				t.Errorf("%d of 2 stopped it", stopped)
			}
			if err := c.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the socket was open: %v", err)
			}
			return nil
		}))
	})
}

// A kill is a kill, whatever its error is: with one that says that time is up
// Stop does not go on as it does when its limit has passed.
func TestStopKilledWithALimitsError(t *testing.T) {
	for _, thrown := range []error{ErrTimeout, os.ErrDeadlineExceeded, ErrExit} {
		t.Run(thrown.Error(), func(t *testing.T) {
			run(t, func(h *Hub) {
				leave := NewEvent(h)
				s := &StreamServer{Handle: func(*Conn) error {
					for {
						if err := leave.Wait(); err == nil {
							return nil
						}
					}
				}}
				clients := served(t, h, s, 1)
				stop := h.Spawn(func() error { return s.Stop(time.Hour) })
				must(t, h.Sleep(time.Millisecond))
				if err := stop.KillWith(thrown, time.Second); err != nil || stop.Err() != thrown {
					t.Errorf("Stop: %v, %v", err, stop.Err())
				}
				leave.Set()
				must(t, h.JoinAll(clients...))
				must(t, stop.Join())
			})
		})
	}
}
