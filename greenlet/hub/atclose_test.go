package hub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"
)

// What was registered with AtClose is called once, after the greenlets have
// ended, unless it was taken back.
func TestAtClose(t *testing.T) {
	live, kept, cancelled := -1, 0, 0
	err := Run(func(h *Hub) error {
		h.AtClose(func() { kept++; live = h.Len() })
		h.AtClose(func() { cancelled++ })()
		h.Spawn(func() error { return h.Sleep(time.Hour) })
		return h.Yield()
	})
	if err != nil || kept != 1 || cancelled != 0 || live != 0 {
		t.Errorf("%v, called %d and %d times, with %d greenlets", err, kept, cancelled, live)
	}
}

// Whatever a function of AtClose does, it happens to nobody else: what else is
// open is closed, and Run ends as it should.
func TestAtCloseGoesWrong(t *testing.T) {
	for _, c := range []struct {
		what     string
		fn       func(h *Hub)
		reported string
		exits    bool
	}{
		{"panic", func(*Hub) { panic("boom") }, "boom", false},
		{"goexit", func(*Hub) { runtime.Goexit() }, "", true},
		{"blocks", func(h *Hub) { h.Sleep(time.Hour) }, "hub: blocking call in a callback", false},
	} {
		t.Run(c.what, func(t *testing.T) {
			before, after := 0, 0
			reported, returned := "", false
			var l *Listener
			report := func(_ *Greenlet, err error) { reported = fmt.Sprint(err.(*PanicError).Value) }
			done := make(chan error, 1)
			go func() {
				defer close(done)
				done <- Config{OnError: report}.Run(func(h *Hub) (err error) {
					h.AtClose(func() { before++ })
					l, err = h.Listen("tcp", "127.0.0.1:0")
					h.AtClose(func() { c.fn(h) })
					h.AtClose(func() { after++ })
					return err
				})
				returned = true
			}()
			err := <-done
			<-done // closed
			if err != nil {
				t.Fatal(err)
			}
			if before != 1 || after != 1 || reported != c.reported || returned == c.exits {
				t.Errorf("called %d and %d times, reported %q, returned %t", before, after, reported, returned)
			}
			if err := l.Close(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("the listener was open: %v", err)
			}
		})
	}
}

// What a callback opens while the hub ends is closed too, however late it is:
// in the last of what was posted, in AtClose, in the report of a panic.
func TestOpenedWhileTheHubEnds(t *testing.T) {
	for _, c := range []struct {
		what  string
		begin func(h *Hub, open func())
	}{
		{"posted", func(h *Hub, open func()) { h.Post(open) }},
		{"posted by an awaited call", func(h *Hub, open func()) {
			h.Spawn(func() error {
				_, err := Await(h, func(ctx context.Context) (int, error) {
					<-ctx.Done()
					return 0, h.Post(open)
				})
				return err
			})
			h.Yield()
		}},
		{"at close", func(h *Hub, open func()) { h.AtClose(open) }},
		{"at close, at close", func(h *Hub, open func()) {
			h.AtClose(func() { h.AtClose(open) })
		}},
		{"killed greenlet's link", func(h *Hub, open func()) {
			h.Spawn(func() error { return h.Sleep(time.Hour) }).Link(func(*Greenlet) { open() })
		}},
		{"report of a panic at close", func(h *Hub, open func()) {
			h.config.OnError = func(*Greenlet, error) { open() }
			h.AtClose(func() { panic("boom") })
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			var l *Listener
			p := (*PacketConn)(nil)
			run(t, func(h *Hub) {
				c.begin(h, func() {
					var err error
					if l, err = h.Listen("tcp", "127.0.0.1:0"); err != nil {
						t.Error(err)
					}
					if p, err = h.ListenPacket("udp", "127.0.0.1:0"); err != nil {
						t.Error(err)
					}
				})
			})
			if l == nil || p == nil {
				t.Fatal("nothing was opened")
			}
			if l.Close() == nil || p.Close() == nil {
				t.Error("left open")
			}
		})
	}
}

// A greenlet that is made while the hub ends has ended before it began: its
// function never runs.
func TestSpawnedWhileTheHubEnds(t *testing.T) {
	var late []*Greenlet
	ran := 0
	f := func() error { ran++; return nil }
	err := Run(func(h *Hub) error {
		h.Spawn(func() error {
			defer func() { late = append(late, h.Spawn(f), h.SpawnLater(0, f), h.SpawnLater(time.Hour, f)) }()
			return h.Sleep(time.Hour)
		})
		return h.Yield()
	})
	if err != nil || len(late) != 3 || ran != 0 {
		t.Fatal(err, len(late), ran)
	}
	for i, g := range late {
		if !g.Dead() || g.Started() || !errors.Is(g.Err(), ErrExit) {
			t.Errorf("%d: dead is %t, started is %t, %v", i, g.Dead(), g.Started(), g.Err())
		}
	}
}
