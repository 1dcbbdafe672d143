package hub

import "time"

// A Semaphore holds permits (gevent.lock.Semaphore). Waiters get them in order
// of arrival: a Release hands its permit to the first, nobody overtakes.
//
// An Acquire that returns nil has a permit, even if its greenlet was killed in
// that moment (the kill is then the result of its next blocking call); one that
// returns an error has none. A greenlet that ends does not give back what it
// holds: use With, or defer.
type Semaphore struct {
	h       *Hub
	n       int
	waiters waitList
	links   links
}

// NewSemaphore makes a semaphore with n permits; one makes it a lock.
func NewSemaphore(h *Hub, n int) *Semaphore {
	if n < 0 {
		panic("hub: semaphore with fewer than no permits")
	}
	return &Semaphore{h: h, n: n}
}

// Acquire takes a permit, waiting for one.
func (s *Semaphore) Acquire() error { return s.AcquireTimeout(-1) }

// AcquireTimeout is Acquire that waits at most d, then returns [ErrTimeout];
// see the package on limits.
func (s *Semaphore) AcquireTimeout(d time.Duration) error { return s.acquire(d, ErrTimeout) }

func (s *Semaphore) acquire(d time.Duration, late error) error {
	if s.TryAcquire() {
		return nil
	}
	return s.h.wait(&s.waiters, d, late)
}

// TryAcquire takes a permit if one is free. It never waits, so callbacks may
// use it.
func (s *Semaphore) TryAcquire() bool {
	if s.n == 0 {
		return false
	}
	s.n--
	return true
}

// Release gives a permit back, or adds one. It does not switch; callbacks may
// use it.
func (s *Semaphore) Release() {
	if s.waiters.wakeOne() != nil {
		return
	}
	s.n++
	s.links.fire()
}

// Count is the number of free permits.
func (s *Semaphore) Count() int { return s.n }

// Locked reports whether no permit is free.
func (s *Semaphore) Locked() bool { return s.n == 0 }

// Ready reports whether Acquire would not wait.
func (s *Semaphore) Ready() bool { return s.n > 0 }

// With holds a permit while f runs.
func (s *Semaphore) With(f func() error) error {
	if err := s.Acquire(); err != nil {
		return err
	}
	defer s.Release()
	return f()
}

func (s *Semaphore) attach(l *Link) {
	if s.n > 0 {
		l.fire()
	} else {
		s.links.add(l)
	}
}

// A BoundedSemaphore never has more permits than it began with: one Release
// too many panics (gevent.lock.BoundedSemaphore, which raises ValueError).
type BoundedSemaphore struct {
	Semaphore
	limit int
}

// NewBoundedSemaphore makes one with n permits.
func NewBoundedSemaphore(h *Hub, n int) *BoundedSemaphore {
	return &BoundedSemaphore{*NewSemaphore(h, n), n}
}

// Release gives a permit back.
func (s *BoundedSemaphore) Release() {
	if s.n >= s.limit {
		panic("hub: bounded semaphore released too often")
	}
	s.Semaphore.Release()
}

// With holds a permit while f runs.
func (s *BoundedSemaphore) With(f func() error) error {
	if err := s.Acquire(); err != nil {
		return err
	}
	defer s.Release()
	return f()
}

// A DummySemaphore has a permit for everyone (gevent.lock.DummySemaphore).
type DummySemaphore struct{}

// Acquire returns nil at once.
func (DummySemaphore) Acquire() error { return nil }

// AcquireTimeout returns nil at once.
func (DummySemaphore) AcquireTimeout(time.Duration) error { return nil }

// TryAcquire returns true.
func (DummySemaphore) TryAcquire() bool { return true }

// Release does nothing.
func (DummySemaphore) Release() {}
