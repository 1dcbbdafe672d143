//go:build !hubportable

package hub

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"switchyard/greenlet/hub/internal/hubtest"
)

// withFiles runs f while only n more descriptors can be opened.
func withFiles(t *testing.T, n int, f func()) {
	t.Helper()
	restore, err := limitFiles(n)
	must(t, err)
	defer restore()
	f()
}

// limitFiles sets the limit of descriptors such that n more can be opened.
func limitFiles(n int) (restore func(), err error) {
	var free []int
	for range n + 1 { // the lowest free numbers are given
		fd, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return nil, err
		}
		free = append(free, fd)
	}
	for _, fd := range free {
		unix.Close(fd)
	}
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		return nil, err
	}
	limit := old
	limit.Cur = uint64(free[n])
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return nil, err
	}
	return func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &old) }, nil
}

// A hub that cannot be made, for want of any of its descriptors, leaves none.
func TestRunWithFewFiles(t *testing.T) {
	run(t, func(*Hub) {}) // the runtime has its poller
	before := hubtest.OpenFiles()
	for n := range 8 {
		var err error
		withFiles(t, n, func() {
			err = Run(func(h *Hub) error { return h.Sleep(time.Millisecond) })
		})
		if n < 3 && !errors.Is(err, unix.EMFILE) || n >= 3 && err != nil {
			t.Errorf("%d descriptors: %v", n, err)
		}
		if after := hubtest.OpenFiles(); after != before {
			t.Fatalf("%d descriptors for the hub: %d before, %d after", n, before, after)
		}
	}
}

// The first hub of a process is also the first to need the runtime's poller,
// for want of whose descriptors the runtime would end the process.
func TestFirstRunWithFewFiles(t *testing.T) { runChild(t, "first hub") }

func firstHubWithFewFiles() error {
	for n := range 12 {
		before := hubtest.OpenFiles()
		restore, err := limitFiles(n)
		if err != nil {
			return err
		}
		ran := false
		err = Run(func(h *Hub) error { ran = true; return nil })
		restore()
		if ran != (err == nil) || err != nil && !errors.Is(err, unix.EMFILE) {
			return fmt.Errorf("%d descriptors: %v", n, err)
		}
		if ran {
			return nil
		}
		if after := hubtest.OpenFiles(); after != before {
			return fmt.Errorf("%d descriptors for the hub: %d before, %d after", n, before, after)
		}
	}
	return errors.New("no hub with 11 descriptors")
}

// Every call of a hub that makes descriptors fails without one, and leaves
// none, with any number that is too small.
func TestCallsWithFewFiles(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		addr := l.Addr().String()
		dir := t.TempDir()
		for _, c := range []struct {
			what string
			need int
			call func() (close func() error, err error)
		}{
			{"Dial", 1, func() (func() error, error) {
				c, err := h.Dial("tcp", addr)
				if err != nil {
					return nil, err
				}
				return c.Close, nil
			}},
			{"Listen", 1, func() (func() error, error) {
				l, err := h.Listen("unix", dir+"/s")
				if err != nil {
					return nil, err
				}
				return l.Close, nil
			}},
			{"ListenPacket", 1, func() (func() error, error) {
				c, err := h.ListenPacket("udp", "127.0.0.1:0")
				if err != nil {
					return nil, err
				}
				return c.Close, nil
			}},
			{"StdinPipe", 2, func() (func() error, error) {
				p := h.Command("true")
				if _, err := p.StdinPipe(); err != nil {
					return nil, err
				}
				return func() error { p.release(); return nil }, nil
			}},
			{"Communicate", 6, func() (func() error, error) { // and those of exec
				_, _, err := h.Command("true").Communicate(nil)
				return func() error { return nil }, err
			}},
		} {
			before := hubtest.OpenFiles()
			for n := 0; ; n++ {
				var closeIt func() error
				var err error
				withFiles(t, n, func() { closeIt, err = c.call() })
				if err == nil {
					if n < c.need {
						t.Errorf("%s: no error with %d descriptors", c.what, n)
					}
					must(t, closeIt())
				} else if !errors.Is(err, unix.EMFILE) || n > 20 {
					t.Fatalf("%s with %d descriptors: %v", c.what, n, err)
				}
				if after := hubtest.OpenFiles(); after != before {
					t.Fatalf("%s with %d descriptors: %d before, %d after", c.what, n, before, after)
				}
				if err == nil {
					break
				}
			}
		}
	})
}

// A server out of descriptors says so, and goes on when there are some again.
func TestServerWithoutFiles(t *testing.T) {
	run(t, func(h *Hub) {
		l, err := h.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		heard := NewEvent(h)
		s := &StreamServer{Handle: upper, Limit: 3, OnError: func(c *Conn, err error) {
			if c != nil || !errors.Is(err, unix.EMFILE) {
				t.Errorf("%v, %v", c, err)
			}
			heard.Set()
		}}
		s.Start(h, l)
		withFiles(t, 1, func() { // for the client's end
			c, err := h.Dial("tcp", l.Addr().String())
			must(t, err)
			must(t, heard.Wait())
			g := h.Spawn(func() error { defer c.Close(); return client(c, 3) })
			must(t, h.Sleep(30*time.Millisecond)) // more attempts, in vain
			if g.Ready() {
				t.Errorf("served without a descriptor: %v", g.Err())
			}
		})
		must(t, s.Stop(-1))
		_ = l
	})
}
