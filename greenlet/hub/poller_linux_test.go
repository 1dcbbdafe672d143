//go:build !hubportable

package hub

import (
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
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

// Naps are given up while they are in vain, and taken up when they are not.
func TestNap(t *testing.T) {
	run(t, func(h *Hub) {
		p := &h.io
		for want := 0; want < maxDoubt; {
			want = 2*want + 1
			if p.nap(h, -1); p.n != 0 || p.doubt != want || p.awake != want {
				t.Fatalf("a nap in vain: %d events, %d doubts, %d waits without, want %d", p.n, p.doubt, p.awake, want)
			}
		}
		if p.nap(h, -1); p.n != 0 || p.doubt != maxDoubt {
			t.Errorf("%d events, %d doubts, at most %d", p.n, p.doubt, maxDoubt)
		}
		p.wake()
		if p.nap(h, -1); p.n == 0 || p.doubt != maxDoubt-1 || p.awake != maxDoubt-1 {
			t.Errorf("%d events, %d doubts, %d waits without", p.n, p.doubt, p.awake)
		}
		before := 0
		for range 100 { // a signal of the runtime may end one
			before = p.doubt
			if p.nap(h, napTime/2); p.n != 0 {
				break
			}
		}
		if p.n == 0 || p.doubt != before-1 {
			t.Errorf("the end of the wait: %d events, %d doubts after %d", p.n, p.doubt, before)
		}
	})
}

// A nap in vain does not put off the end of the wait: who waits goes on with
// what is left of the time, and does not nap again at once.
func TestNapInVain(t *testing.T) {
	run(t, func(h *Hub) {
		p := &h.io
		for _, timeout := range []time.Duration{-1, time.Hour, 2 * napTime} {
			p.doubt, p.awake, p.parked = 0, 0, h.now()
			h.looked = p.parked
			if p.poll(h, timeout); p.n != 0 || p.awake != 1 || h.now().after(napTime).before(p.armed) {
				t.Errorf("%v: %d events, %d waits without, the alarm is %v from now", timeout, p.n, p.awake, h.now().until(p.armed))
			}
		}
		p.wake()
		if p.poll(h, time.Hour); p.n == 0 || p.awake != 0 {
			t.Errorf("a wait without a nap: %d events, %d waits without", p.n, p.awake)
		}
		if p.doubt, p.awake = 0, 0; h.Sleep(time.Millisecond) != nil {
			t.Error("not slept")
		}
	})
}

// The alarm of an earlier nap ends one that has just begun, which says nothing
// against naps.
func TestNapCutShort(t *testing.T) {
	run(t, func(h *Hub) {
		p := &h.io
		defer unsignalled(t)()
		for range 100 {
			begun := h.now()
			p.arm(h, napTime/8)
			p.doubt, p.awake = 0, 0
			p.nap(h, -1)
			if p.n != 0 {
				t.Fatalf("%d events", p.n)
			}
			if begun.until(h.now()) < napTime/2 && p.doubt+p.awake != 0 {
				t.Fatalf("%d doubts, %d waits without a nap", p.doubt, p.awake)
			}
		}
	})
}

// unsignalled keeps signals from the caller, until it calls restore: those with
// which the runtime stops a goroutine end a nap too, and that is one in vain.
func unsignalled(t *testing.T) (restore func()) {
	runtime.LockOSThread()
	var all, old unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	must(t, unix.PthreadSigmask(unix.SIG_SETMASK, &all, &old))
	return func() {
		must(t, unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil))
		runtime.UnlockOSThread()
	}
}

// A hub whose naps are not in vain waits in the runtime's poller all the same,
// now and then, for the sake of those who wait there on the only processor.
func TestParksNowAndThen(t *testing.T) {
	run(t, func(h *Hub) {
		p := &h.io
		for _, ago := range []time.Duration{workTime / 2, 2 * workTime} {
			for h.now().until(instant{}.after(ago)) > 0 { // so old must the hub be
				must(t, h.Sleep(time.Millisecond))
			}
			h.looked = h.now()
			p.doubt, p.awake, p.looks = 0, 0, 0
			p.parked = instant{h.looked.ns - int64(ago)}
			p.wake()
			p.poll(h, time.Hour)
			if parked := p.looks > 0; p.n == 0 || parked != (ago > workTime) {
				t.Errorf("%v after the last time: %d events, parked %v", ago, p.n, parked)
			}
		}
	})
}

// sendInTurn makes n connections within a hub and has a greenlet at one end of
// each, which calls got for each byte that it reads. It returns what sends a
// byte to the i-th.
func sendInTurn(t *testing.T, h *Hub, n int, got func(i int)) (send func(i int), close func()) {
	l, err := h.Listen("unix", t.TempDir()+"/s")
	must(t, err)
	far := make([]*Conn, n)
	readers := NewGroup(h)
	for i := range far {
		near, err := h.Dial("unix", l.Addr().String())
		must(t, err)
		far[i], _, err = l.accept()
		must(t, err)
		readers.Spawn(func() error {
			defer near.Close()
			b := make([]byte, 64)
			for {
				k, err := near.Read(b)
				if err == io.EOF {
					return nil
				}
				if err != nil {
					return err
				}
				for range k {
					got(i)
				}
			}
		})
	}
	must(t, h.Yield()) // all wait
	send = func(i int) {
		// Not by Write, which lets others run after some calls.
		if _, err := unix.Write(far[i].d.fd, []byte{1}); err != nil {
			t.Error(err)
		}
	}
	return send, func() {
		for _, c := range far {
			must(t, c.Close())
		}
		must(t, readers.Join())
		must(t, l.Close())
	}
}

// Nobody is served again and again while another, whose bytes came before, is
// not: here whoever is served sees to it that the one before has its next byte.
func TestServedInTurn(t *testing.T) {
	for _, busy := range []bool{false, true} { // another that is always ready
		run(t, func(h *Hub) {
			const conns, rounds = 300, 20
			var send func(i int)
			served, total, worst, before := make([]int, conns), 0, 0, -1
			send, end := sendInTurn(t, h, conns, func(i int) {
				if total == conns*rounds {
					return
				}
				total++
				served[i]++
				worst = max(worst, served[i]-slices.Min(served))
				if before >= 0 {
					send(before)
				}
				before = i
			})
			for i := range conns {
				send(i)
			}
			for total < conns*rounds {
				if busy {
					must(t, h.Yield())
				} else {
					must(t, h.Sleep(time.Millisecond))
				}
			}
			if worst > 2 {
				t.Errorf("busy %v: one was served %d times more than another", busy, worst)
			}
			end()
		})
	}
}

// Who does not wait hears of what has come all the same, also while those woken
// before have not had their turn.
func TestLooksWhileOthersAreServed(t *testing.T) {
	run(t, func(h *Hub) {
		const conns = 100
		got, heard := 0, NewEvent(h)
		var err error
		var send func(i int)
		send, end := sendInTurn(t, h, conns+1, func(i int) {
			switch got++; i {
			case 0:
				send(conns)
				err = heard.WaitTimeout(0)
			case conns:
				heard.Set()
			}
		})
		for i := range conns {
			send(i)
		}
		for got <= conns {
			must(t, h.Sleep(time.Millisecond))
		}
		if err != nil {
			t.Error(err)
		}
		end()
	})
}
