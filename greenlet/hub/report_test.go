package hub

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// reports runs f on a hub and returns what it reports.
func reports(t *testing.T, f func(h *Hub, told *[]string)) (told []string) {
	t.Helper()
	must(t, Config{OnError: func(g *Greenlet, err error) {
		told = append(told, fmt.Sprintf("%s: %v", g.Name(), err))
	}}.Run(func(h *Hub) error { f(h, &told); return nil }))
	return told
}

// rest lets all run until they end or wait.
func rest(h *Hub) error {
	if err := h.Idle(); err != nil {
		return err
	}
	return h.Sleep(time.Millisecond)
}

func fails() error { return errBoom }

// An error that nobody asks for is not silent (gevent prints "<Greenlet at ...>
// failed with ...", gevent.hub.Hub.handle_error), one that somebody asks for is
// his to tell, and a kill is no failure.
func TestErrorsNobodyAsksFor(t *testing.T) {
	const boom = "greenlet-1: boom"
	forever := func(h *Hub) func() error { return func() error { return h.Sleep(time.Hour) } }
	own := errors.New("own")
	for _, c := range []struct {
		what string
		f    func(h *Hub) error
		want string
	}{
		{"left alone", func(h *Hub) error { h.Spawn(fails); return rest(h) }, boom},
		{"left alone by main", func(h *Hub) error { h.Spawn(fails); return h.Yield() }, boom},
		{"with a value", func(h *Hub) error {
			Spawn(h, func() (int, error) { return 1, errBoom })
			return rest(h)
		}, boom},
		{"later", func(h *Hub) error { return h.SpawnLater(1, fails).Join() }, boom},
		{"in a group", func(h *Hub) error {
			p := NewGroup(h)
			p.Spawn(fails)
			return p.Join()
		}, boom},
		{"in a pool", func(h *Hub) error {
			p := NewPool(h, 1)
			p.Spawn(fails)
			return p.Join()
		}, boom},
		{"joined", func(h *Hub) error { return h.JoinAll(h.Spawn(fails)) }, boom},
		{"waited for", func(h *Hub) error { _, err := Wait(h, 0, h.Spawn(fails)); return err }, boom},
		{"linked for success", func(h *Hub) error {
			h.Spawn(fails).LinkValue(func(*Greenlet) { t.Error("a success") })
			return rest(h)
		}, boom},
		{"link taken back", func(h *Hub) error {
			h.Spawn(fails).Link(func(*Greenlet) { t.Error("unlinked") }).Unlink()
			return rest(h)
		}, boom},
		{"killed, fails to clean up", func(h *Hub) error {
			g := h.Spawn(func() error { h.Sleep(time.Hour); return errBoom })
			h.Yield()
			return g.Kill()
		}, boom},
		{"at the end of the hub, likewise", func(h *Hub) error {
			h.Spawn(func() error { h.Sleep(time.Hour); return errBoom })
			return h.Yield()
		}, boom},
		{"deadlock of others", func(h *Hub) error {
			h.Spawn(fails)
			h.Spawn(NewEvent(h).Wait)
			err := h.WaitQuiet()
			return err
		}, boom},
		{"passed on", func(h *Hub) error {
			g := h.Spawn(fails)
			h.Spawn(g.Get)
			return rest(h)
		}, "greenlet-2: boom"},

		{"success", func(h *Hub) error { return h.Spawn(func() error { return nil }).Join() }, ""},
		{"got", func(h *Hub) error { h.Spawn(fails).Get(); return rest(h) }, ""},
		{"got, a turn later", func(h *Hub) error {
			g := h.Spawn(fails)
			h.Yield()
			h.Yield()
			g.Get()
			return rest(h)
		}, ""},
		{"got one after the other", func(h *Hub) error {
			var gs []*Greenlet
			for range 100 {
				gs = append(gs, h.Spawn(fails))
			}
			for _, g := range gs {
				g.Get()
			}
			return rest(h)
		}, ""},
		{"got as a value", func(h *Hub) error {
			Spawn(h, func() (int, error) { return 1, errBoom }).Get()
			return rest(h)
		}, ""},
		{"got by several", func(h *Hub) error {
			g := h.Spawn(fails)
			for range 3 {
				h.Spawn(func() error { g.Get(); return nil })
			}
			return rest(h)
		}, ""},
		{"joined, then asked", func(h *Hub) error {
			g := h.Spawn(fails)
			h.JoinAll(g, h.Spawn(func() error { return nil }))
			g.Err()
			return rest(h)
		}, ""},
		{"asked for success", func(h *Hub) error {
			g := h.Spawn(fails)
			h.Yield()
			if g.Successful() {
				t.Error("successful")
			}
			return rest(h)
		}, ""},
		{"asked when idle", func(h *Hub) error {
			g := h.Spawn(fails)
			h.Idle()
			g.Err()
			return nil
		}, ""},
		{"all got, the first for long", func(h *Hub) error {
			h.GetAll(h.Spawn(func() error { return h.Sleep(5 * time.Millisecond) }), h.Spawn(fails))
			return rest(h)
		}, ""},
		{"linked", func(h *Hub) error {
			told := 0
			h.Spawn(fails).Link(func(*Greenlet) { told++ })
			h.Spawn(fails).LinkError(func(*Greenlet) { told++ })
			err := rest(h)
			if told != 2 {
				t.Errorf("%d links called", told)
			}
			return err
		}, ""},
		{"mapped", func(h *Hub) error {
			slow := func(i int) (int, error) { h.Sleep(time.Duration(3-i) * time.Millisecond); return 0, errBoom }
			Map(NewGroup(h), []int{0, 1, 2}, slow)
			for range Imap(NewGroup(h), slices.Values([]int{0, 1, 2}), 0, slow) {
			}
			for range ImapUnordered(NewGroup(h), slices.Values([]int{0, 1, 2}), 0, slow) {
			}
			Apply(NewGroup(h), func() (int, error) { return 0, errBoom })
			return h.Sleep(10 * time.Millisecond)
		}, ""},
		{"killed", func(h *Hub) error { g := h.Spawn(forever(h)); h.Yield(); return g.Kill() }, ""},
		{"killed before it began", func(h *Hub) error { return h.Spawn(fails).KillWith(own, -1) }, ""},
		{"killed with another error", func(h *Hub) error {
			g := h.Spawn(forever(h))
			h.Yield()
			return h.KillAllWith(own, -1, g)
		}, ""},
		{"killed, wrapped", func(h *Hub) error {
			g := h.Spawn(func() error { return fmt.Errorf("asleep: %w", h.Sleep(time.Hour)) })
			h.Yield()
			return g.Kill()
		}, ""},
		{"killed by the end", func(h *Hub) error { h.Spawn(forever(h)); return h.Yield() }, ""},
		{"told by its server", func(h *Hub) error {
			l, err := h.Listen("tcp", "127.0.0.1:0")
			must(t, err)
			told := 0
			s := &StreamServer{Handle: func(*Conn) error { return errBoom }, OnError: func(*Conn, error) { told++ }}
			s.Start(h, l)
			c, err := h.Dial("tcp", l.Addr().String())
			must(t, err)
			c.Read(make([]byte, 1))
			if told != 1 {
				t.Errorf("OnError called %d times", told)
			}
			return s.Stop(-1)
		}, ""},
	} {
		t.Run(c.what, func(t *testing.T) {
			if got := strings.Join(reports(t, func(h *Hub, _ *[]string) { must(t, c.f(h)) }), ", "); got != c.want {
				t.Errorf("reported %q, want %q", got, c.want)
			}
		})
	}
}

// A server without OnError leaves the errors of Handle to the hub.
func TestErrorsOfAServer(t *testing.T) {
	told := reports(t, func(h *Hub, told *[]string) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		s := &StreamServer{Handle: func(*Conn) error { return errBoom }}
		s.Start(h, l)
		c, err := h.Dial("tcp", l.Addr().String())
		must(t, err)
		c.Read(make([]byte, 1))
		must(t, s.Stop(-1))
	})
	if len(told) != 1 || !strings.HasSuffix(told[0], ": boom") {
		t.Errorf("reported %q", told)
	}
}

// The report does not wait for the end of the hub: a program that goes on for
// ever hears of it, also one that is never idle.
func TestErrorsAreReportedInTime(t *testing.T) {
	reports(t, func(h *Hub, told *[]string) {
		h.Spawn(fails)
		for range 10 {
			must(t, h.Yield())
		}
		if len(*told) != 0 {
			t.Errorf("reported %q while others were ready", *told)
		}
		eventually(t, "one that waits", func() error { return h.Sleep(time.Millisecond) }, func() bool { return len(*told) == 1 })
		h.Spawn(fails)
		must(t, h.Yield())
		h.epoch = h.epoch.Add(-2 * time.Second) // that much later
		eventually(t, "one that is busy", h.Yield, func() bool { return len(*told) == 2 })
	})
}

func eventually(t *testing.T, what string, wait func() error, so func() bool) {
	t.Helper()
	for began := time.Now(); !so(); {
		if must(t, wait()); time.Since(began) > time.Minute {
			t.Fatal(what + ": in vain")
		}
	}
}

// However many fail at once, each is reported once, and few are kept back.
func TestManyErrors(t *testing.T) {
	const n = 3*maxUnread + 1
	most := 0
	told := reports(t, func(h *Hub, told *[]string) {
		for range n {
			h.Spawn(func() error { most = max(most, len(h.unread)); return errBoom })
		}
		eventually(t, "all reported", func() error { return h.Sleep(time.Millisecond) }, func() bool { return len(*told) == n })
		if cap(h.unread) > 2*maxUnread {
			t.Errorf("room for %d", cap(h.unread))
		}
	})
	slices.Sort(told)
	if len(slices.Compact(told)) != n || most > maxUnread {
		t.Errorf("%d reported, %d kept back at once", len(told), most)
	}
}

// A badError is the user's code: looking at it may panic.
type badError struct{ text string }

func (e badError) Error() string { return e.text }
func (badError) Is(error) bool   { panic("bad Is") }

// Without a hook errors are printed, with the greenlet's name; looking at an
// error that panics does no harm.
func TestErrorsArePrinted(t *testing.T) {
	old := os.Stderr
	r, w, err := os.Pipe()
	must(t, err)
	os.Stderr = w
	err = Run(func(h *Hub) error {
		h.Spawn(fails).SetName("loader")
		h.Spawn(func() error { return badError{"odd"} })
		return rest(h)
	})
	os.Stderr = old
	w.Close()
	text, _ := io.ReadAll(r)
	r.Close()
	must(t, err)
	for _, want := range []string{"hub: loader (dead): boom\n", "odd", "bad Is"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("printed %q without %q", text, want)
		}
	}
}
