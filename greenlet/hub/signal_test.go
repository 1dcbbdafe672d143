//go:build unix

package hub

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"
)

// raise sends this process a signal and waits until the handler's goroutine has
// posted it to the hub, which does not run meanwhile.
func raise(t *testing.T, h *Hub, sig syscall.Signal) {
	t.Helper()
	posted := func() int {
		h.inbox.mu.Lock()
		defer h.inbox.mu.Unlock()
		return len(h.inbox.own)
	}
	before := posted()
	must(t, syscall.Kill(os.Getpid(), sig))
	for end := time.Now().Add(30 * time.Second); posted() == before; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("no signal")
		}
	}
}

// A signal that came before Cancel, or before the end of the hub, is delivered
// to nobody afterwards, wherever it was on its way.
func TestSignalAfterCancel(t *testing.T) {
	handle := func(h *Hub) (*SignalHandler, *int) {
		n := 0
		return h.Signal(func(os.Signal) { n++ }, syscall.SIGUSR1), &n
	}
	t.Run("posted", func(t *testing.T) {
		run(t, func(h *Hub) {
			s, n := handle(h)
			raise(t, h, syscall.SIGUSR1)
			s.Cancel()
			must(t, h.Sleep(5*time.Millisecond))
			if *n != 0 {
				t.Errorf("called %d times", *n)
			}
		})
	})
	t.Run("spawned", func(t *testing.T) {
		run(t, func(h *Hub) {
			s, n := handle(h)
			raise(t, h, syscall.SIGUSR1)
			h.drain()
			if h.Len() != 1 {
				t.Fatalf("%d greenlets", h.Len())
			}
			s.Cancel()
			must(t, h.Yield())
			if *n != 0 || h.Len() != 0 {
				t.Errorf("called %d times, %d greenlets left", *n, h.Len())
			}
		})
	})
	t.Run("cancelled by the one before", func(t *testing.T) {
		run(t, func(h *Hub) {
			n := 0
			var s *SignalHandler
			s = h.Signal(func(os.Signal) { n++; s.Cancel() }, syscall.SIGUSR1)
			raise(t, h, syscall.SIGUSR1)
			raise(t, h, syscall.SIGUSR1)
			must(t, h.Sleep(5*time.Millisecond))
			if n != 1 {
				t.Errorf("called %d times", n)
			}
		})
	})
	t.Run("end of the hub", func(t *testing.T) {
		var n *int
		run(t, func(h *Hub) {
			_, n = handle(h)
			raise(t, h, syscall.SIGUSR1)
		})
		if *n != 0 {
			t.Errorf("called %d times", *n)
		}
	})
}

// What a handler does wrong stays in its greenlet, and the next signal comes.
func TestSignalHandlerPanics(t *testing.T) {
	var reported []string
	report := func(g *Greenlet, err error) {
		reported = append(reported, fmt.Sprintf("%s: %v", g.Name(), err.(*PanicError).Value))
	}
	err := Config{OnError: report}.Run(func(h *Hub) error {
		calls := NewSemaphore(h, 0)
		h.Signal(func(os.Signal) { calls.Release(); panic("boom") }, syscall.SIGUSR1)
		for range 2 {
			raise(t, h, syscall.SIGUSR1)
			if err := calls.AcquireTimeout(time.Minute); err != nil {
				return err
			}
		}
		return nil
	})
	if want := "[signal user defined signal 1: boom signal user defined signal 1: boom]"; err != nil || fmt.Sprint(reported) != want {
		t.Errorf("%v, reported %q", err, reported)
	}
}

// A handler that waits is killed when the hub ends.
func TestSignalHandlerKilledAtEnd(t *testing.T) {
	var got error
	run(t, func(h *Hub) {
		begun := NewEvent(h)
		h.Signal(func(os.Signal) { begun.Set(); got = h.Sleep(time.Hour) }, syscall.SIGUSR1)
		raise(t, h, syscall.SIGUSR1)
		must(t, begun.WaitTimeout(time.Minute))
	})
	if got != ErrExit {
		t.Errorf("%v", got)
	}
}
