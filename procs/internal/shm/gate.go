package shm

import (
	"sync"
	"time"
)

// A Gate lets one goroutine of this process through at a time. Behind it one of
// them may sleep in the kernel, which holds a thread; the others wait in front
// of it as goroutines do, so that ten thousand waiters need one thread. It is
// for waiters who all want the same thing and take turns. Where one event lets
// all of them go on, use a Crowd.
type Gate struct{ ch chan struct{} }

// NewGate returns an open gate.
func NewGate() Gate { return Gate{make(chan struct{}, 1)} }

// Enter passes the gate, or returns why the wait ended before.
func (g *Gate) Enter(wait *Wait) error {
	select {
	case g.ch <- struct{}{}:
		return nil
	default:
	}
	done, expired, stop := wait.channels()
	defer stop()
	select {
	case g.ch <- struct{}{}:
		return nil
	case <-done:
		return wait.Context.Err()
	case <-expired:
		return ErrTimeout
	}
}

// Leave lets the next one through.
func (g *Gate) Leave() { <-g.ch }

// A Crowd is the goroutines of this process that wait for the same bell, each
// for its own condition. One of them sleeps in the kernel, and when it wakes
// all of them look again.
type Crowd struct {
	mu     sync.Mutex
	asleep bool
	woke   chan struct{} // closed when the one that sleeps has woken
}

// Sleep blocks until the bell rings, or over is true, or some time has passed.
// The caller looks again in a loop. slept says that the caller slept for a
// whole slice.
func (c *Crowd) Sleep(b *Bell, s *Sleeper, wait *Wait, over func() bool) (slept bool, err error) {
	c.mu.Lock()
	if c.asleep {
		woke := c.woke
		c.mu.Unlock()
		// The sleeper armed the bell before we looked, so a ring after our look
		// wakes it.
		if over() {
			return false, nil
		}
		return false, wait.forChannel(woke)
	}
	c.asleep, c.woke = true, make(chan struct{})
	seen := b.Arm()
	c.mu.Unlock()
	if !over() {
		slept, err = b.Sleep(s, wait, seen)
	}
	c.mu.Lock()
	c.asleep = false
	close(c.woke)
	c.mu.Unlock()
	return slept, err
}

// channels returns what ends a wait that is not in the kernel.
func (w *Wait) channels() (done <-chan struct{}, expired <-chan time.Time, stop func()) {
	stop = func() {}
	if w.Context != nil {
		done = w.Context.Done()
	}
	if !w.Deadline.IsZero() {
		t := time.NewTimer(time.Until(w.Deadline))
		expired, stop = t.C, func() { t.Stop() }
	}
	return done, expired, stop
}

func (w *Wait) forChannel(ch <-chan struct{}) error {
	done, expired, stop := w.channels()
	defer stop()
	select {
	case <-ch:
		return nil
	case <-done:
		return w.Context.Err()
	case <-expired:
		return ErrTimeout
	}
}
