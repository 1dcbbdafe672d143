//go:build linux

package transport_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/shm"
	"switchyard/procs/internal/transport"
)

// nobody is the Owner of a process of our namespace that does not exist.
var nobody = uint64(shm.Self() | (1<<22 - 1))

func handoffOf(t *testing.T, c *procs.Conn) *transport.Handoff {
	t.Helper()
	h := transport.HandoffOf(bridge.TransportOf(c))
	if h == nil {
		t.Fatal("the pipe has no handoff")
	}
	return h
}

var testEcho = procs.Register("test.echo", func(_ context.Context, c *procs.Conn) (int, error) {
	for {
		b, err := c.RecvBytes(0)
		if err == io.EOF {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
		if err := c.SendBytes(b); err != nil {
			return 0, err
		}
	}
})

// Messages of all sizes, with and without descriptors, between two processes:
// all come back, in order, whichever way each went.
func TestPipeHandoffOrder(t *testing.T) {
	a, b := testPipePair(t, procs.Duplex)
	p := procs.NewProcess(testEcho, b, procs.ProcessConfig{})
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	b.Close()
	sizes := []int{8, 64, 8, transport.HandoffBody - 1, transport.HandoffBody, transport.HandoffBody + 1, 8, 100 << 10, 8, 300 << 10, 8}
	const n = 3000
	go func() {
		for i := range n {
			msg := make([]byte, sizes[i%len(sizes)])
			binary.LittleEndian.PutUint64(msg, uint64(i))
			if err := a.SendBytes(msg); err != nil {
				t.Error(err)
				return
			}
			if i%64 == 0 {
				time.Sleep(time.Millisecond) // let the other side fall asleep, or catch up and look
			}
		}
	}()
	for i := range n {
		msg, err := a.RecvBytes(0)
		if err != nil || len(msg) != sizes[i%len(sizes)] || binary.LittleEndian.Uint64(msg) != uint64(i) {
			t.Fatal(i, len(msg), err)
		}
	}
	a.Close()
	if err := p.Join(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// Several senders and several receivers of the same pipe: every message comes
// exactly once, and those of one sender that one receiver gets, in order.
func TestPipeHandoffMany(t *testing.T) {
	r1, w1 := testPipePair(t, procs.OneWay)
	r2, w2 := dupConn(t, r1), dupConn(t, w1)
	const n = 4000
	var senders, receivers sync.WaitGroup
	for s, w := range []*procs.Conn{w1, w2} {
		senders.Go(func() {
			for i := range n {
				if err := w.Send([2]int{s, i}); err != nil {
					t.Error(err)
				}
				if i%500 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		})
	}
	var got [2][2]map[int]bool
	for r, c := range []*procs.Conn{r1, r2} {
		got[r] = [2]map[int]bool{{}, {}}
		receivers.Go(func() {
			last := [2]int{-1, -1}
			for {
				var m [2]int
				if err := c.Recv(&m); err == io.EOF {
					return
				} else if err != nil {
					t.Error(err)
					return
				}
				if m[1] <= last[m[0]] {
					t.Errorf("receiver %d: %d of sender %d after %d", r, m[1], m[0], last[m[0]])
				}
				last[m[0]] = m[1]
				got[r][m[0]][m[1]] = true
			}
		})
	}
	senders.Wait()
	w1.Close()
	w2.Close()
	receivers.Wait()
	for s := range 2 {
		for i := range n {
			if got[0][s][i] == got[1][s][i] {
				t.Fatalf("message %d of sender %d came %v and %v", i, s, got[0][s][i], got[1][s][i])
			}
		}
	}
}

// A receiver that dies while it looks may get a message still. Whoever else
// holds the end finds it, before what was sent later, in all the ways there are
// to find a message.
func TestPipeHandoffReceiverDied(t *testing.T) {
	a, b := testPipePair(t, procs.OneWay)
	h := handoffOf(t, a)
	h.State.Store(nobody | transport.HandoffLooking)
	for i := range 2 {
		if err := b.Send(i); err != nil {
			t.Fatal(err)
		}
	}
	if h.State.Load() != nobody|transport.HandoffFull {
		t.Fatal("the first message did not go into the handoff")
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if ok, err := a.Poll(0); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ready, err := procs.Wait(ctx, a); len(ready) != 1 || err != nil {
		t.Fatal(ready, err)
	}
	for i := range 2 {
		var got int
		if err := a.Recv(&got); err != nil || got != i {
			t.Fatal(got, err)
		}
	}
}

// A receiver that sleeps already finds what went into the handoff of a dead
// one.
func TestPipeHandoffSleeper(t *testing.T) {
	for _, deadline := range []time.Time{{}, time.Now().Add(wait.Patience)} {
		a, b := testPipePair(t, procs.OneWay)
		h := handoffOf(t, a)
		a.SetDeadline(deadline)
		got := make(chan int)
		go func() {
			var v int
			if err := a.Recv(&v); err != nil {
				t.Error(err)
			}
			got <- v
		}()
		time.Sleep(20 * time.Millisecond) // asleep by then, mostly; right in any case
		for !h.State.CompareAndSwap(0, nobody|transport.HandoffLooking) {
			runtime.Gosched()
		}
		if err := b.Send(42); err != nil {
			t.Fatal(err)
		}
		if v := <-got; v != 42 {
			t.Fatal(v)
		}
	}
}

// After a death between two steps of sender or receiver the socket serves.
func TestPipeHandoffStuck(t *testing.T) {
	for name, die := range map[string]func(*transport.Handoff){
		"sender filling":   func(h *transport.Handoff) { h.State.Store(nobody | transport.HandoffFilling) },
		"receiver taking":  func(h *transport.Handoff) { h.State.Store(nobody | transport.HandoffTaking) },
		"receiver looking": func(h *transport.Handoff) { h.State.Store(nobody | transport.HandoffLooking) },
		"sender counting":  func(h *transport.Handoff) { h.Queued.Add(1) },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := testPipePair(t, procs.OneWay)
			die(handoffOf(t, a))
			for i := range 100 {
				if err := b.Send(i); err != nil {
					t.Fatal(err)
				}
				var got int
				if err := a.Recv(&got); err != nil || got != i {
					t.Fatal(i, got, err)
				}
			}
			b.Close()
			var got int
			if err := a.Recv(&got); err != io.EOF {
				t.Fatal(err)
			}
		})
	}
}

// The end comes after the last message, also if that is in the handoff.
func TestPipeHandoffThenEnd(t *testing.T) {
	a, b := testPipePair(t, procs.OneWay)
	handoffOf(t, a).State.Store(nobody | transport.HandoffLooking)
	b.Send("last")
	b.Close()
	var got string
	if err := a.Recv(&got); err != nil || got != "last" {
		t.Fatal(got, err)
	}
	if err := a.Recv(&got); err != io.EOF {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.Recv(&got); !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
}

// A length that no sender writes does not reach beyond the handoff.
func TestPipeHandoffLength(t *testing.T) {
	a, b := testPipePair(t, procs.OneWay)
	h := handoffOf(t, a)
	h.State.Store(nobody | transport.HandoffLooking)
	b.SendBytes([]byte("x"))
	*h.Length = 1 << 30
	if msg, err := a.RecvBytes(0); err != nil || len(msg) != transport.HandoffBody {
		t.Fatal(len(msg), err)
	}
}

// A sender that is stopped while it hands over delays the message, but neither
// loses it nor keeps a receiver beyond its deadline.
func TestPipeHandoffStoppedSender(t *testing.T) {
	a, b := testPipePair(t, procs.OneWay)
	h, end := handoffOf(t, a), bridge.TransportOf(a)
	sender := uint64(os.Getppid()) // somebody who lives
	h.State.Store(sender | transport.HandoffFilling)
	a.SetDeadline(time.Now().Add(5 * time.Millisecond))
	if from, err := transport.Leave(end); from != 0 || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(from, err)
	}
	if ok, err := a.Poll(0); ok || err != nil {
		t.Fatal(ok, err)
	}
	a.SetDeadline(time.Time{})
	*h.Kind, *h.Length = kindBytes, uint32(copy(h.Data, "late"))
	h.State.Store(uint64(shm.Self()) | transport.HandoffFull)
	b.SendBytes([]byte("next"))
	if ok, err := a.Poll(0); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for _, want := range []string{"late", "next"} {
		if got, err := a.RecvBytes(0); string(got) != want || err != nil {
			t.Fatal(string(got), err)
		}
	}
	if transport.Unclaimed(end) || h.State.Load() != 0 {
		t.Fatal("the handoff is not free again")
	}
}
