package procs

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync/atomic"
	"time"

	"switchyard/procs/internal/shm"
)

// Semaphore hands out permits across processes. It is
// multiprocessing.Semaphore.
//
// It remembers how many permits each process holds. When a process dies, its
// permits come back while somebody waits for one, and the one who gets the
// first of them is told by ErrOwnerDied (and holds a permit). It takes a
// fraction of a second; of more than 256 holders that live, each 256 take up to
// a fifth of a second more. A permit is lost only if its holder's death cannot
// be detected: it was killed in another pid namespace than the waiters', or
// where there is no /proc and no pidfd.
//
// A release by a process that holds none is taken as a release on behalf of one
// that does; if nobody does, the number of permits grows. So if one process
// acquires and another releases, the permits each one holds are known only as
// long as none of them dies.
//
// Up to 65,536 processes can hold permits at the same time. One more, or one
// for whose note there is no memory, gets ErrNoSpace and no permit.
//
// Acquire and Release cost about 30 ns together while there are permits. A
// semaphore takes a page of memory, another for each 256 processes that hold
// permits at the same time, and 1 MiB of address space.
type Semaphore struct {
	shared
	mu      shm.Mutex
	changed shm.EventCount
	turns   shm.ContextMutex
	spin    shm.Spinner
	state   *semaphoreState

	holders shm.Holders // of permits; guarded by mu
}

// semaphoreState lies in the segment and is guarded by mu. value always follows
// from the other fields, and is recomputed from them if a process dies between
// two stores:
//
//	value = total - the sum of what the holders have
type semaphoreState struct {
	_         uint64 // the mutex
	_         uint32 // changed
	_         uint32
	value     atomic.Int64 // free permits; may be read without mu
	total     int64        // all permits
	bound     int64        // most that total may be; 0: no bound
	recovered int64        // permits of dead processes that came back and nobody was told of
	holders   shm.HoldersHead
	// Then the holders.
}

// A semaphore maps semaphoreSize bytes, of which a page exists from the
// beginning: enough for some 250 holders.
const semaphoreReserved = 4096

func semaphoreSize() int { return int(sizeof[semaphoreState]()) + shm.HoldersSize }

// NewSemaphore returns a semaphore with n permits, n >= 0 (else os.ErrInvalid).
func NewSemaphore(n int) (*Semaphore, error) { return newSemaphore(n, 0) }

func newSemaphore(n, bound int) (*Semaphore, error) {
	if n < 0 || n > math.MaxInt32 {
		return nil, fmt.Errorf("procs: semaphore with %d permits, which must be 0 to %d: %w", n, math.MaxInt32, os.ErrInvalid)
	}
	s := new(Semaphore)
	seg, err := shm.CreateSparse(bodyOffset+semaphoreSize(), semaphoreReserved)
	if err != nil {
		return nil, fromShm(err)
	}
	s.label(seg, kindSemaphore)
	s.open()
	s.holders.HasMemory(semaphoreReserved)
	s.state.value.Store(int64(n))
	s.state.total, s.state.bound = int64(n), int64(bound)
	return s, nil
}

func (s *Semaphore) share(w *wire) error { return s.shareAs(w) }

func (s *Semaphore) adopt(w *wire) error {
	if err := s.adoptAs(w, kindSemaphore, semaphoreSize()); err != nil {
		return err
	}
	s.open()
	return nil
}

func (s *Semaphore) open() {
	s.state = shm.At[semaphoreState](s.seg.Bytes(), bodyOffset)
	s.mu.Open(s.seg, bodyOffset)
	s.changed.Open(s.seg, bodyOffset+8)
	s.turns = shm.NewContextMutex()
	s.holders.Open(s.seg, &s.state.holders, bodyOffset+int(sizeof[semaphoreState]()))
}

// Acquire takes a permit, waiting for one. It returns nil or ErrOwnerDied if
// the caller now has one, otherwise the context's error, ErrClosed, or
// ErrNoSpace if too many processes hold permits.
func (s *Semaphore) Acquire(ctx context.Context) error {
	wait := waitFor(ctx)
	return s.acquire(&wait)
}

// AcquireTimeout is Acquire with a limit; then it returns ErrTimeout.
func (s *Semaphore) AcquireTimeout(d time.Duration) error {
	if err := s.try(&forever); err != errNoPermit {
		return err
	}
	wait := waitUntil(d)
	return s.acquire(&wait)
}

// TryAcquire takes a permit if there is one, and reports whether it did. It
// does not find out whether holders are dead, as AcquireTimeout(0) does.
func (s *Semaphore) TryAcquire() bool {
	if s.closed() || s.state.value.Load() <= 0 {
		return false
	}
	err := s.try(&forever)
	return err == nil || err == ErrOwnerDied
}

// Value returns the number of free permits, now.
func (s *Semaphore) Value() int {
	if s.closed() {
		return 0
	}
	return int(max(s.state.value.Load(), 0))
}

// errNoPermit stays inside.
var errNoPermit = errors.New("procs: no permit")

func (s *Semaphore) acquire(wait *shm.Wait) error {
	if err := s.try(wait); err != errNoPermit {
		return err
	}
	if s.spin.Until(func() bool { return s.state.value.Load() > 0 }) {
		if err := s.try(wait); err != errNoPermit {
			return err
		}
	}
	if err := s.turns.Lock(wait); err != nil {
		return fromShm(err)
	}
	defer s.turns.Unlock()
	sleeper := shm.Sleeper{Watchful: true}
	defer sleeper.End()
	for {
		seen, err := s.tryOrArm(wait)
		if err != errNoPermit {
			return err
		}
		slept, err := s.changed.Sleep(&sleeper, wait, seen)
		if slept || err == shm.ErrTimeout {
			if err := s.reap(wait); err != nil {
				return err
			}
		}
		if err == shm.ErrTimeout {
			if err := s.try(&forever); err != errNoPermit {
				return err
			}
		}
		if err != nil {
			if s.state.value.Load() > 0 {
				s.changed.NotifyAll() // it may have been us who were woken: let others have it
			}
			return fromShm(err)
		}
	}
}

// try takes a permit if there is one, else it returns errNoPermit.
func (s *Semaphore) try(wait *shm.Wait) error {
	if s.closed() {
		return ErrClosed
	}
	if s.state.value.Load() <= 0 {
		return errNoPermit
	}
	_, err := s.tryOrArm(wait)
	return err
}

// tryOrArm is try, but if there is none, it also returns what to sleep on.
func (s *Semaphore) tryOrArm(wait *shm.Wait) (seen uint32, err error) {
	if s.closed() {
		return 0, ErrClosed
	}
	if err := s.lock(wait); err != nil {
		return 0, err
	}
	defer s.mu.Unlock()
	st := s.state
	if st.value.Load() <= 0 {
		return s.changed.Arm(), errNoPermit
	}
	h, err := s.holders.Own()
	if err != nil {
		return 0, fromShm(err)
	}
	// The first store decides: a death before it changes nothing, a death after
	// it is a death with a permit.
	h.Held++
	st.value.Store(st.value.Load() - 1)
	shm.RaceAcquire(s)
	if st.recovered > 0 {
		st.recovered--
		return 0, ErrOwnerDied
	}
	return 0, nil
}

// Release gives a permit back. A bounded semaphore returns ErrNotHeld if none
// is out.
func (s *Semaphore) Release() error { return s.ReleaseN(1) }

// ReleaseN gives n permits back at once: all of them, or none and an error:
// os.ErrInvalid unless n > 0, ErrNotHeld if a bounded semaphore would have more
// than it began with.
func (s *Semaphore) ReleaseN(n int) error {
	if s.closed() {
		return ErrClosed
	}
	if n < 1 {
		return fmt.Errorf("procs: release of %d permits: %w", n, os.ErrInvalid)
	}
	if err := s.lock(&forever); err != nil {
		return err
	}
	defer s.mu.Unlock()
	st := s.state
	free := st.value.Load() // n added to it may be no int64 any more
	if st.bound > 0 && int64(n) > st.bound-free {
		return ErrNotHeld
	}
	if int64(n) > math.MaxInt32-free {
		return fmt.Errorf("procs: release of %d permits makes more than %d: %w", n, math.MaxInt32, os.ErrInvalid)
	}
	shm.RaceRelease(s)
	s.giveBack(uint64(n))
	s.changed.Notify(n)
	return nil
}

// giveBack returns n permits: ours, then somebody's, then new ones.
func (s *Semaphore) giveBack(n uint64) {
	left := n
	if h := s.holders.Mine(); h != nil {
		left -= h.GiveBack(left)
	}
	for left > 0 {
		h := s.holders.Any()
		if h == nil {
			s.state.total += int64(left)
			break
		}
		left -= h.GiveBack(left)
	}
	s.state.value.Store(s.state.value.Load() + int64(n))
}

// lock takes mu and, if its owner died inside, repairs the state.
func (s *Semaphore) lock(wait *shm.Wait) error {
	if s.mu.TryLock() {
		return nil
	}
	err := s.mu.Lock(wait)
	if err == shm.ErrOwnerDied {
		s.repair()
		err = nil
	}
	return fromShm(err)
}

func (s *Semaphore) repair() {
	s.state.value.Store(s.state.total - int64(s.holders.Sum()))
	s.changed.Notify(math.MaxInt32)
}

// reap takes back the permits of dead processes. Only those who wait do it, a
// few times a second, and without keeping others out while they ask who lives.
func (s *Semaphore) reap(wait *shm.Wait) error {
	if err := s.lock(wait); err != nil {
		return notTimeout(err)
	}
	suspects := s.holders.Suspects()
	s.mu.Unlock()
	dead := shm.Dead(suspects)
	if len(dead) == 0 {
		return nil
	}
	if err := s.lock(wait); err != nil {
		return notTimeout(err)
	}
	defer s.mu.Unlock()
	for _, d := range dead {
		if h := s.holders.Of(d); h != nil {
			s.state.recovered += int64(h.Held)
			h.Held = 0
		}
	}
	s.repair() // recomputes value, and wakes
	return nil
}

// notTimeout leaves it to the caller to find out that its time is over.
func notTimeout(err error) error {
	if err == ErrTimeout {
		return nil
	}
	return err
}

// BoundedSemaphore is a Semaphore that refuses more releases than acquires. It
// is multiprocessing.BoundedSemaphore.
type BoundedSemaphore struct{ semaphore }

type semaphore = Semaphore

// NewBoundedSemaphore returns a semaphore with n permits, n > 0, that never has
// more.
func NewBoundedSemaphore(n int) (*BoundedSemaphore, error) {
	if n == 0 {
		return nil, fmt.Errorf("procs: bounded semaphore with no permits: %w", os.ErrInvalid)
	}
	s, err := newSemaphore(n, n)
	if err != nil {
		return nil, err
	}
	b := new(BoundedSemaphore)
	b.shared = s.shared
	b.open()
	return b, nil
}
