package shm

import "time"

// A Gate lets one goroutine of this process through at a time. Behind it one of them may sleep in the kernel, which holds a thread;
// the others wait in front of it as goroutines do, so that ten thousand waiters need one thread.
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
	var done <-chan struct{}
	if wait.Context != nil {
		done = wait.Context.Done()
	}
	var expired <-chan time.Time
	if !wait.Deadline.IsZero() {
		t := time.NewTimer(time.Until(wait.Deadline))
		defer t.Stop()
		expired = t.C
	}
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
