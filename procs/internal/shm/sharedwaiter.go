package shm

import "sync"

// A SharedWaiter is the goroutines of this process that wait for the same
// EventCount, each for its own condition. One of them sleeps in the kernel, and
// when it wakes all of them look again.
type SharedWaiter struct {
	mu     sync.Mutex
	asleep bool
	woke   chan struct{} // closed when the one that sleeps has woken
}

// Sleep blocks until a notification, or over is true, or some time has passed.
// The caller looks again in a loop. slept is as Sleeper.Sleep says.
func (c *SharedWaiter) Sleep(e *EventCount, s *Sleeper, wait *Wait, over func() bool) (slept bool, err error) {
	c.mu.Lock()
	if c.asleep {
		woke := c.woke
		c.mu.Unlock()
		// The sleeper armed before we looked, so a notification after our look
		// wakes it.
		if over() {
			return false, nil
		}
		return false, wait.forChannel(woke)
	}
	c.asleep, c.woke = true, make(chan struct{})
	seen := e.Arm()
	c.mu.Unlock()
	if !over() {
		slept, err = e.Sleep(s, wait, seen)
	}
	c.mu.Lock()
	c.asleep = false
	close(c.woke)
	c.mu.Unlock()
	return slept, err
}
