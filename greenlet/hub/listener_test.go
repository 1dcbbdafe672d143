package hub

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// A unix socket's path goes with it, however it is closed. (anyio#32)
func TestUnixPathGoesWithTheListener(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	gone := func(what string) {
		t.Helper()
		if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the path is left: %v", what, err)
		}
	}
	listen := func(h *Hub) *Listener {
		l, err := h.Listen("unix", path)
		must(t, err)
		return l
	}
	run(t, func(h *Hub) { listen(h) })
	gone("end of the hub")
	run(t, func(h *Hub) {
		l := listen(h)
		must(t, l.Close())
		gone("Close")
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
	})
	run(t, func(h *Hub) {
		s := &StreamServer{Handle: upper}
		s.Start(h, listen(h))
		must(t, s.Stop(0))
		gone("Stop")
	})
	func() {
		defer func() { recover() }()
		Run(func(h *Hub) error { listen(h); panic("main") })
	}()
	gone("panic")
	done := make(chan struct{})
	go func() {
		defer close(done)
		Run(func(h *Hub) error { listen(h); runtime.Goexit(); return nil })
	}()
	<-done
	gone("Goexit")
	run(t, func(h *Hub) {
		listen(h)
		if _, err := h.Listen("unix", path); err == nil {
			t.Error("two listeners on one path")
		}
		c, err := h.Dial("unix", path) // the failure has taken nothing away
		must(t, err)
		must(t, c.Close())
	})
	gone("two of them")
}

// The path may belong to somebody else by the time when the listener is
// closed: then it stays. (socket-proxy#175)
func TestUnixPathOfSomebodyElseStays(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	for what, take := range map[string]func(h *Hub){
		"another listener": func(h *Hub) {
			_, err := h.Listen("unix", path)
			must(t, err)
		},
		"a file":   func(*Hub) { must(t, os.WriteFile(path, nil, 0o600)) },
		"a folder": func(*Hub) { must(t, os.Mkdir(path, 0o700)) },
		"a link": func(*Hub) {
			must(t, os.WriteFile(path+"2", nil, 0o600))
			must(t, os.Symlink(path+"2", path))
		},
	} {
		run(t, func(h *Hub) {
			l, err := h.Listen("unix", path)
			must(t, err)
			must(t, os.Remove(path))
			take(h)
			must(t, l.Close())
			if _, err := os.Lstat(path); err != nil {
				t.Errorf("%s is gone: %v", what, err)
			}
			if what == "another listener" {
				c, err := h.Dial("unix", path)
				must(t, err)
				must(t, c.Close())
			}
		})
		os.Remove(path)
	}
	// Renamed, the path is not this listener's to remove; and a name that is
	// relative stays what it was when the working directory changes.
	run(t, func(h *Hub) {
		l, err := h.Listen("unix", path)
		must(t, err)
		must(t, os.Rename(path, path+".old"))
		must(t, l.Close())
		if _, err := os.Lstat(path + ".old"); err != nil {
			t.Error(err)
		}
	})
	t.Chdir(dir)
	run(t, func(h *Hub) {
		l, err := h.Listen("unix", "relative")
		must(t, err)
		other := t.TempDir()
		must(t, os.WriteFile(filepath.Join(other, "relative"), nil, 0o600))
		t.Chdir(other)
		must(t, l.Close())
		if _, err := os.Lstat(filepath.Join(other, "relative")); err != nil {
			t.Error("somebody else's file is gone")
		}
		if _, err := os.Lstat(filepath.Join(dir, "relative")); err == nil {
			t.Error("the path is left")
		}
	})
}

// Waits for a connection end with their deadline, limit, kill, or Close, and
// leave the listener as good as before.
func TestAcceptEnds(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		accept := func() error {
			c, err := l.Accept()
			if err == nil {
				c.Close()
			} else if c != nil {
				t.Error("a connection and an error")
			}
			return err
		}
		serves := func() {
			t.Helper()
			c, err := h.Dial("tcp", l.Addr().String())
			must(t, err)
			must(t, accept())
			must(t, c.Close())
		}
		serves()
		must(t, l.SetDeadline(time.Now().Add(5*time.Millisecond)))
		for range 2 {
			if err := accept(); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("deadline: %v", err)
			}
		}
		must(t, l.SetDeadline(time.Time{}))
		serves()
		g := h.Spawn(accept)
		must(t, h.Sleep(time.Millisecond))
		must(t, l.SetDeadline(time.Now())) // while it waits
		if err := g.Get(); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("deadline set while waiting: %v", err)
		}
		must(t, l.SetDeadline(time.Time{}))
		if err := h.WithTimeout(5*time.Millisecond, accept); !errors.Is(err, ErrTimeout) {
			t.Errorf("limit: %v", err)
		}
		serves()
		g = h.Spawn(accept)
		must(t, h.Sleep(time.Millisecond))
		must(t, g.Kill())
		if !errors.Is(g.Err(), ErrExit) {
			t.Errorf("killed: %v", g.Err())
		}
		serves()
		g = h.Spawn(accept)
		must(t, h.Sleep(time.Millisecond))
		must(t, l.Close())
		if err := g.Get(); err != net.ErrClosed {
			t.Errorf("closed: %v", err)
		}
		if err := accept(); err != net.ErrClosed {
			t.Errorf("after Close: %v", err)
		}
		if err := l.SetDeadline(time.Now()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("deadline after Close: %v", err)
		}
	})
}

// What is listened on is what was asked for.
func TestListenNetworks(t *testing.T) {
	run(t, func(h *Hub) {
		for _, network := range []string{"udp", "udp4", "tcp9", "", "unixgram", "ip"} {
			if _, err := h.Listen(network, "127.0.0.1:0"); err == nil {
				t.Errorf("Listen on %q", network)
			}
		}
		for _, network := range []string{"tcp", "unix", "udp9", "", "u"} {
			if _, err := h.ListenPacket(network, "127.0.0.1:0"); err == nil {
				t.Errorf("ListenPacket on %q", network)
			}
		}
		l, err := h.Listen("tcp4", "127.0.0.1:0")
		must(t, err)
		if _, err = h.Listen("tcp4", l.Addr().String()); err == nil {
			t.Error("two listeners on one port")
		}
		if _, err = h.Listen("tcp4", "192.0.2.77:0"); err == nil {
			t.Error("listens on an address the machine has not")
		}
	})
}
