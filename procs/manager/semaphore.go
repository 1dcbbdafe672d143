package manager

import (
	"context"
	"fmt"
	"math"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// methods of a semaphore
const (
	semaphoreAcquire byte = iota
	semaphoreRelease
	semaphoreValue
)

// semaphoreObject is a semaphore in the manager.
type semaphoreObject struct {
	monitor
	free, bound int
	held        map[*serverLink]int
	lost        int // permits of clients that died, of which nobody was told yet
}

func newSemaphoreObject(c *serverCall) (object, error) {
	n, bounded := c.int(), c.uint() != 0
	if c.bad {
		return nil, codec.ErrWire
	}
	if n < 0 || n > math.MaxInt32 || bounded && n == 0 {
		return nil, fmt.Errorf("manager: semaphore with %d permits", n)
	}
	s := &semaphoreObject{free: n, held: make(map[*serverLink]int)}
	if bounded {
		s.bound = n
	}
	return s, nil
}

// leave takes back the permits of a client that has ended.
func (s *semaphoreObject) leave(link *serverLink) {
	s.change(func() error {
		s.free += s.held[link]
		s.lost += s.held[link]
		delete(s.held, link)
		return nil
	})
}

func (s *semaphoreObject) call(c *serverCall) error {
	switch c.method {
	case semaphoreAcquire:
		var got error
		err := s.await(c, func() bool {
			if s.free == 0 {
				return false
			}
			s.free--
			s.held[c.link]++
			if s.lost > 0 {
				s.lost--
				got = procs.ErrOwnerDied
			}
			return true
		})
		if err == nil {
			err = got
		}
		return err
	case semaphoreRelease:
		n := c.int()
		return s.change(func() error { return s.release(c.link, n) })
	case semaphoreValue:
		return s.change(func() error { c.putInt(s.free); return nil })
	}
	return codec.ErrWire
}

func (s *semaphoreObject) release(link *serverLink, n int) error {
	switch {
	case n < 1:
		return fmt.Errorf("manager: release of %d permits", n)
	case s.bound > 0 && n > s.bound-s.free:
		return procs.ErrNotHeld
	case n > math.MaxInt32-s.free:
		return fmt.Errorf("manager: semaphore with more than %d permits", math.MaxInt32)
	}
	s.free += n
	for left := n; left > 0; { // ours first, then those of whomever we release for
		if s.held[link] == 0 {
			delete(s.held, link)
			link = nil
			for l := range s.held {
				link = l
			}
			if link == nil {
				break
			}
		}
		give := min(left, s.held[link])
		s.held[link] -= give
		left -= give
	}
	if s.held[link] == 0 {
		delete(s.held, link)
	}
	return nil
}

// Semaphore hands out permits (SyncManager.Semaphore). Permits that a process
// holds when it dies are released, and whoever acquires one of them gets
// procs.ErrOwnerDied with it.
type Semaphore struct{ proxy }

// NewSemaphore makes a semaphore with n permits in m.
func NewSemaphore(m *Manager, n int) (*Semaphore, error) {
	s := new(Semaphore)
	if err := s.make(m, n, false, proxyType[Semaphore]()); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Semaphore) make(m *Manager, n int, bounded bool, typ uint32) error {
	return s.create(noWait, m, objectSemaphore, typ, func(c *clientCall) error {
		c.putInt(n)
		c.putUint(b2u(bounded))
		return nil
	})
}

func (s *Semaphore) adopt(w *codec.Wire) error {
	return s.adoptAs(w, objectSemaphore, proxyType[Semaphore]())
}

// Acquire takes a permit, waiting for one. nil and procs.ErrOwnerDied mean that
// the caller has it.
func (s *Semaphore) Acquire(ctx context.Context) error {
	return s.wait(ctx, semaphoreAcquire, nil)
}

// AcquireTimeout is Acquire with a limit; then it returns procs.ErrTimeout.
func (s *Semaphore) AcquireTimeout(d time.Duration) error {
	return waitAtMost(d, procs.ErrTimeout, func(ctx context.Context) error { return s.wait(ctx, semaphoreAcquire, nil) })
}

// TryAcquire takes a permit if there is one; the error is about the manager, or
// procs.ErrOwnerDied, which comes with a permit.
func (s *Semaphore) TryAcquire() (bool, error) { return tried(s.AcquireTimeout(0)) }

// Release gives a permit back.
func (s *Semaphore) Release() error { return s.ReleaseN(1) }

// ReleaseN gives n permits back at once.
func (s *Semaphore) ReleaseN(n int) error {
	return s.wait(noWait, semaphoreRelease, func(c *clientCall) { c.putInt(n) })
}

// Value returns the number of free permits, now.
func (s *Semaphore) Value() (n int, err error) {
	err = s.call(semaphoreValue, nil, func(c *clientCall) error { n = c.int(); return nil })
	return n, err
}

// String says what the proxy stands for.
func (s *Semaphore) String() string { return s.describe("manager.Semaphore") }

// BoundedSemaphore is a Semaphore that refuses more releases than acquires,
// with procs.ErrNotHeld (SyncManager.BoundedSemaphore).
type BoundedSemaphore struct{ Semaphore }

// NewBoundedSemaphore makes a semaphore with n permits, n > 0, in m, that never
// has more.
func NewBoundedSemaphore(m *Manager, n int) (*BoundedSemaphore, error) {
	s := new(BoundedSemaphore)
	if err := s.make(m, n, true, proxyType[BoundedSemaphore]()); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *BoundedSemaphore) adopt(w *codec.Wire) error {
	return s.adoptAs(w, objectSemaphore, proxyType[BoundedSemaphore]())
}
