//go:build linux

package transport_test

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/shm"
	"switchyard/procs/internal/transport"
)

// oneProcessor makes the rest of the test one of a process with one processor,
// as a child's often is.
func oneProcessor(t *testing.T) {
	before := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

type arrival struct {
	body []byte
	err  error
}

// asleep starts a receiver of bytes, and returns what it receives, once it
// sleeps in the lounge.
func asleep(t *testing.T, c *procs.Conn) <-chan arrival {
	t.Helper()
	out := make(chan arrival, 1)
	h := handoffOf(t, c)
	h.Asleep.Store(0)
	go func() {
		b, err := c.RecvBytes(0)
		out <- arrival{b, err}
	}()
	wait.Until(t, "the receiver sleeps", func() bool { return h.Asleep.Load() == 1 })
	return out
}

// Whatever can come wakes a receiver in the lounge: a message that fits into
// the handoff, which it is then given through, one that does not, another
// holder's, the end, and its own Close or deadline.
func TestLounge(t *testing.T) {
	oneProcessor(t)
	long := make([]byte, transport.HandoffBody+1)
	for name, c := range map[string]struct {
		do   func(ours, theirs *procs.Conn) error
		want int
		err  error
	}{
		"short":    {func(_, theirs *procs.Conn) error { return theirs.SendBytes([]byte("short")) }, 5, nil},
		"long":     {func(_, theirs *procs.Conn) error { return theirs.SendBytes(long) }, len(long), nil},
		"end":      {func(_, theirs *procs.Conn) error { return theirs.Close() }, 0, io.EOF},
		"close":    {func(ours, _ *procs.Conn) error { return ours.Close() }, 0, os.ErrClosed},
		"deadline": {func(ours, _ *procs.Conn) error { return ours.SetDeadline(time.Now()) }, 0, os.ErrDeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			for _, d := range []procs.Direction{procs.OneWay, procs.Duplex} {
				ours, theirs := testPipePair(t, d)
				h := handoffOf(t, ours)
				for range 3 { // it sleeps again
					out := asleep(t, ours)
					if err := theirs.SendBytes([]byte("first")); err != nil {
						t.Fatal(err)
					}
					if got := <-out; string(got.body) != "first" || got.err != nil {
						t.Fatal(got)
					}
				}
				out := asleep(t, ours)
				if err := c.do(ours, theirs); err != nil {
					t.Fatal(err)
				}
				if got := <-out; len(got.body) != c.want || !errors.Is(got.err, c.err) {
					t.Fatal(len(got.body), got.err)
				}
				if h.State.Load() != 0 || h.Queued.Load() != 0 {
					t.Fatal("the handoff is not free again")
				}
			}
		})
	}
}

// A sender that dies after it has handed a message over, and before it rings,
// delays the message, but does not lose it.
func TestLoungeSenderDied(t *testing.T) {
	oneProcessor(t)
	ours, theirs := testPipePair(t, procs.OneWay)
	h := handoffOf(t, ours)
	wait.Until(t, "a receiver sleeps that long", func() bool {
		out := asleep(t, ours)
		*h.Kind, *h.Length = kindBytes, uint32(copy(h.Data, "last"))
		handed := h.State.CompareAndSwap(uint64(shm.Self())|transport.HandoffLooking, uint64(shm.Self())|transport.HandoffFull)
		if !handed { // its slice is over
			theirs.SendBytes([]byte("last"))
		}
		if got := <-out; string(got.body) != "last" || got.err != nil {
			t.Fatal(got)
		}
		return handed
	})
}

// Two holders of one end wait for the same messages: each comes once, and
// nobody waits for what the other has taken.
func TestLoungeTwoHolders(t *testing.T) {
	oneProcessor(t)
	a, b := testPipePair(t, procs.OneWay)
	twin := dupConn(t, a)
	if in, _ := transport.HasBells(bridge.TransportOf(twin)); !in {
		t.Fatal("an end that was passed on has no bell")
	}
	const n = 1000
	got := make(chan int, n+1)
	var both sync.WaitGroup
	for _, c := range []*procs.Conn{a, twin} {
		both.Go(func() {
			for {
				var v int
				if c.Recv(&v) != nil {
					return
				}
				got <- v
			}
		})
	}
	h := handoffOf(t, a)
	for i := range n {
		if i%100 == 0 {
			wait.Until(t, "one sleeps", func() bool { return h.Asleep.Load() == 1 })
		}
		if err := b.Send(i); err != nil {
			t.Fatal(err)
		}
	}
	b.Close()
	both.Wait()
	close(got)
	seen := make([]bool, n)
	for v := range got {
		if seen[v] {
			t.Fatal(v, "again")
		}
		seen[v] = true
	}
	for i, ok := range seen {
		if !ok {
			t.Fatal(i, "is lost")
		}
	}
}

// Without a descriptor to spare a receiver waits all the same.
func TestLoungeFewDescriptors(t *testing.T) {
	oneProcessor(t)
	a, b := testPipePair(t, procs.OneWay)
	var old unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &old); err != nil {
		t.Fatal(err)
	}
	defer unix.Setrlimit(unix.RLIMIT_NOFILE, &old)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 3, Max: old.Max}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		out := make(chan arrival, 1)
		go func() {
			b, err := a.RecvBytes(0)
			out <- arrival{b, err}
		}()
		b.SendBytes([]byte("x"))
		if got := <-out; string(got.body) != "x" || got.err != nil {
			t.Fatal(got)
		}
	}
}

// testBesides waits for a message while another goroutine waits in the poller
// for what lets it ask for the message.
var testBesides = procs.Register("test.lounge.besides", func(ctx context.Context, c *procs.Conn) (int, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	go func() {
		b := make([]byte, 1)
		for {
			if _, err := r.Read(b); err != nil || c.SendBytes(b) != nil {
				return
			}
		}
	}()
	for {
		time.AfterFunc(time.Millisecond, func() { w.Write([]byte{1}) })
		switch _, err := c.RecvBytes(0); err {
		case nil:
		case io.EOF:
			return 0, nil
		default:
			return 0, err
		}
	}
})

// A receiver that sleeps keeps no processor from others of its process: timers,
// and goroutines that wait in the runtime's poller.
func TestLoungeOthersGoOn(t *testing.T) {
	ours, theirs := testPipePair(t, procs.Duplex)
	p := procs.NewProcess(testBesides, theirs, procs.ProcessConfig{GOMAXPROCS: 1})
	proctest.Started(t, p)
	theirs.Close()
	for range 100 {
		if _, err := ours.RecvBytes(0); err != nil {
			t.Fatal(err)
		}
		if err := ours.SendBytes([]byte("answer")); err != nil {
			t.Fatal(err)
		}
	}
	ours.Close()
}
