package shm

import (
	"sync/atomic"
	"unsafe"
)

// A Mutex excludes processes, and goroutines within each, by one word of a
// segment:
//
//	0                      nobody holds it
//	owner                  this process holds it, nobody waits
//	owner | waitersBit     this process holds it, and some wait
//
// It is robust. The kernel's own robust futexes hang on threads, which Go does
// not give out; instead the word says who holds it, and those who wait look
// several times a second whether that process lives. Of a dead owner's waiters
// exactly one wins the exchange of the word from the dead owner to itself, and
// is told so by ErrOwnerDied.
//
// The Mutex value is the handle of one process. Acquire and release without
// contention are one compare-and-swap each.
type Mutex struct {
	word  *atomic.Uint64
	self  uint64
	turns ContextMutex
	spin  Spinner
	seg   *Segment // keeps the mapping
}

const waitersBit = 1 << 31

// MutexSize is how many bytes of a segment a mutex takes. All zero is an
// unlocked mutex.
const MutexSize = 8

// Open makes m the handle of the mutex at off, a multiple of 8.
func (m *Mutex) Open(seg *Segment, off int) {
	m.word = At[atomic.Uint64](seg.Bytes(), off)
	m.self = uint64(Self())
	m.seg = seg
	m.turns = NewContextMutex()
}

// TryLock acquires the mutex if nobody holds it.
func (m *Mutex) TryLock() bool {
	if !m.word.CompareAndSwap(0, m.self) {
		return false
	}
	RaceAcquire(&m.self)
	return true
}

// Lock acquires the mutex. nil and ErrOwnerDied mean that the caller holds it;
// any other error, that it does not.
func (m *Mutex) Lock(wait *Wait) error {
	if m.TryLock() {
		return nil
	}
	err := m.lockSlow(wait)
	if err == nil || err == ErrOwnerDied {
		RaceAcquire(&m.self)
	}
	return err
}

func (m *Mutex) lockSlow(wait *Wait) error {
	if m.trySpin() {
		return nil
	}
	// Of the goroutines of a process one sleeps in the kernel, holding a
	// thread; the others wait for it as goroutines do.
	if err := m.turns.Lock(wait); err != nil {
		return err
	}
	defer m.turns.Unlock()
	s := Sleeper{Watchful: true}
	defer s.End()
	// Who has waited cannot know that nobody else does, so it takes the word
	// with the bit set: at worst one wake-up for nobody.
	mine := m.self | waitersBit
	for {
		w := m.word.Load()
		if w == 0 {
			if m.word.CompareAndSwap(0, mine) {
				return nil
			}
			continue
		}
		if w&waitersBit == 0 {
			// The bit tells the owner to wake us. Either this swap comes before
			// its release, which then sees the bit, or it fails.
			if !m.word.CompareAndSwap(w, w|waitersBit) {
				continue
			}
			w |= waitersBit
		}
		slept, err := s.Sleep(wait, m.low(), uint32(w))
		if err == ErrTimeout && m.TryRecover() {
			return ErrOwnerDied // a wait of no length still finds a dead owner
		}
		if err != nil {
			return err
		}
		// Also covered by looking again after a slice: an owner killed between
		// its release and the wake-up.
		if slept && !m.alive(w) && m.word.CompareAndSwap(w, mine) {
			return ErrOwnerDied
		}
	}
}

// trySpin tries for a little while.
func (m *Mutex) trySpin() bool {
	return m.spin.Until(func() bool { return m.word.Load() == 0 && m.word.CompareAndSwap(0, m.self) })
}

// TryRecover acquires the mutex if its owner is dead. It costs about 10 us if
// somebody else holds it.
func (m *Mutex) TryRecover() bool {
	w := m.word.Load()
	if w == 0 || m.alive(w) || !m.word.CompareAndSwap(w, m.self|waitersBit) {
		return false
	}
	RaceAcquire(&m.self)
	return true
}

func (m *Mutex) alive(w uint64) bool {
	return w&^waitersBit == m.self || Owner(w&^waitersBit).Alive()
}

// TryUnlock releases the mutex if this process holds it and nobody waits; else
// it is for Unlock. It is small enough to be inlined.
func (m *Mutex) TryUnlock() bool {
	RaceRelease(&m.self)
	return m.word.CompareAndSwap(m.self, 0)
}

// Unlock releases the mutex, whoever holds it. It returns ErrNotLocked if
// nobody does.
func (m *Mutex) Unlock() error {
	if m.TryUnlock() {
		return nil
	}
	w := m.word.Swap(0)
	if w == 0 {
		return ErrNotLocked
	}
	if w&waitersBit != 0 {
		futexWake(m.low(), 1)
	}
	return nil
}

// Holder returns who holds the mutex, 0 if nobody does.
func (m *Mutex) Holder() Owner { return Owner(m.word.Load() &^ waitersBit) }

// low is the half of the word with the pid and the waiters bit: futexes are 32
// bits wide.
func (m *Mutex) low() *atomic.Uint32 {
	halves := (*[2]atomic.Uint32)(unsafe.Pointer(m.word))
	return &halves[lowHalf]
}

var lowHalf = func() int {
	one := uint64(1)
	if *(*uint32)(unsafe.Pointer(&one)) == 1 {
		return 0
	}
	return 1
}()
