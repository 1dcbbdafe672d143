package procs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/shm"
)

// ErrBrokenBarrier means that a party gave up, died while it waited, or called
// Abort or Reset. Until Reset, every Wait returns it.
var ErrBrokenBarrier = errors.New("procs: barrier is broken")

// Barrier makes a fixed number of parties wait for each other, round after
// round. It is multiprocessing.Barrier.
//
// A party that is killed while it waits, or in the action, breaks the barrier
// within a fraction of a second. One that is killed elsewhere is simply
// missing, and the death of one in another pid namespace than the others' is
// not detected: give Wait a limit.
//
// The action runs without a lock. If it panics or calls Goexit, the barrier
// breaks for the others.
type Barrier struct {
	shared
	mu      shm.Mutex
	changed shm.EventCount
	all     shm.SharedWaiter
	spin    shm.Spinner
	state   *barrierState
	who     []atomic.Uint64

	actionMu sync.Mutex
	action   func() error
}

// barrierState lies in the segment. All but now and broken is guarded by mu.
type barrierState struct {
	_      uint64        // the mutex
	_      uint32        // changed
	broken atomic.Uint32 // until Reset
	_      uint64
	now    atomic.Uint64      // the round (upper 48 bits) and how many have arrived: one store changes both
	resets uint64             // how many rounds ended by Reset
	reset  [keptResets]uint64 // the last of them; the oldest place may be being overwritten
	// Then, for each party, an atomic.Uint64: who, in order of arrival.
}

const (
	maxParties  = 1 << 14
	arrivedBits = 16
	keptResets  = 1 << 9
)

// NewBarrier returns a barrier for 1 to 16,384 parties (else os.ErrInvalid).
// The action, if not nil, is run by the last party to arrive in each round,
// before the others go on; if it fails the barrier breaks. Functions do not
// travel: a process that gets the barrier as an argument has no action, unless
// it sets one with OnPass.
func NewBarrier(parties int, action func() error) (*Barrier, error) {
	if parties < 1 || parties > maxParties {
		return nil, fmt.Errorf("procs: barrier for %d parties, which must be 1 to %d: %w", parties, maxParties, os.ErrInvalid)
	}
	b := &Barrier{action: action}
	if err := b.create(kindBarrier, barrierSize(parties), uint64(parties)); err != nil {
		return nil, err
	}
	b.open()
	return b, nil
}

func barrierSize(parties int) int { return int(sizeof[barrierState]()) + 8*parties }

func (b *Barrier) share(w *wire) error { return b.shareAs(w) }

func (b *Barrier) adopt(w *wire) error {
	if err := b.adoptAs(w, kindBarrier, barrierSize(1)); err != nil {
		return err
	}
	if p := b.param(0); p < 1 || p > maxParties || b.seg.Size() < bodyOffset+barrierSize(int(p)) {
		return codec.ErrWire
	}
	b.open()
	return nil
}

func (b *Barrier) open() {
	b.state = shm.At[barrierState](b.seg.Bytes(), bodyOffset)
	after := bodyOffset + barrierSize(0)
	b.who = unsafe.Slice(shm.At[atomic.Uint64](b.seg.Bytes(), after), int(b.param(0)))
	b.mu.Open(b.seg, bodyOffset)
	b.changed.Open(b.seg, bodyOffset+8)
}

// OnPass sets the action that this process runs when its party is the last to
// arrive.
func (b *Barrier) OnPass(action func() error) {
	b.actionMu.Lock()
	defer b.actionMu.Unlock()
	b.action = action
}

// Parties returns how many must arrive.
func (b *Barrier) Parties() int {
	if b.closed() {
		return 0
	}
	return len(b.who)
}

// Waiting returns how many parties wait at the moment.
func (b *Barrier) Waiting() int {
	if b.closed() || b.Broken() {
		return 0
	}
	return int(arrivals(b.state.now.Load()) % uint64(len(b.who)))
}

// Broken reports whether the barrier is broken.
func (b *Barrier) Broken() bool { return !b.closed() && b.state.broken.Load() != 0 }

func round(now uint64) uint64    { return now >> arrivedBits }
func arrivals(now uint64) uint64 { return now & (1<<arrivedBits - 1) }

// Wait waits until all parties have arrived, and returns in which order the
// caller did: 0 to parties-1, each given once per round. If the context ends
// first, the barrier breaks for all, and the error is both ErrBrokenBarrier and
// the context's.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	wait := waitFor(ctx)
	return b.wait(&wait)
}

// WaitTimeout is Wait with a limit; then the barrier breaks, and the error is
// both ErrBrokenBarrier and ErrTimeout.
func (b *Barrier) WaitTimeout(d time.Duration) (index int, err error) {
	wait := waitUntil(d)
	return b.wait(&wait)
}

func (b *Barrier) wait(wait *shm.Wait) (int, error) {
	for {
		if b.closed() {
			return 0, ErrClosed
		}
		now, joined, err := b.arrive()
		switch {
		case err != nil:
			return 0, err
		case joined && arrivals(now)+1 == uint64(len(b.who)):
			return int(arrivals(now)), b.pass(round(now))
		}
		if err := b.sleep(wait, round(now)); err != nil {
			return 0, err
		}
		if !joined {
			continue // the round before ours was still passing
		}
		if b.wasReset(round(now)) {
			return 0, ErrBrokenBarrier
		}
		shm.RaceAcquire(b)
		return int(arrivals(now)), nil
	}
}

// arrive joins the present round, unless it is complete and about to pass. It
// returns what now was before.
func (b *Barrier) arrive() (now uint64, joined bool, err error) {
	b.lock()
	defer b.mu.Unlock()
	s := b.state
	if s.broken.Load() != 0 {
		return 0, false, ErrBrokenBarrier
	}
	now = s.now.Load()
	if arrivals(now) == uint64(len(b.who)) {
		return now, false, nil
	}
	shm.RaceRelease(b)
	b.who[arrivals(now)].Store(uint64(shm.Self()))
	s.now.Store(now + 1)
	return now, true, nil
}

// pass ends a complete round. It runs in the process that was last to arrive;
// its death meanwhile is noticed as that of any party.
func (b *Barrier) pass(r uint64) error {
	b.actionMu.Lock()
	action := b.action
	b.actionMu.Unlock()
	if action != nil {
		done := false
		defer func() {
			if !done {
				b.Abort() // the action panicked
			}
		}()
		shm.RaceAcquire(b)
		err := action()
		done = true
		if err != nil {
			b.Abort()
			return fmt.Errorf("%w: action: %w", ErrBrokenBarrier, err)
		}
		shm.RaceRelease(b)
	}
	b.lock()
	defer b.mu.Unlock()
	if b.state.broken.Load() != 0 || round(b.state.now.Load()) != r {
		return ErrBrokenBarrier
	}
	b.end(r, false)
	shm.RaceAcquire(b)
	return nil
}

// end closes round r, with mu held.
func (b *Barrier) end(r uint64, reset bool) {
	s := b.state
	if n := s.resets; n > 0 && s.reset[(n-1)%keptResets] == r {
		s.resets-- // noted by one who died before it was so
	}
	if reset {
		s.reset[s.resets%keptResets] = r
		s.resets++
	}
	s.now.Store((r + 1) << arrivedBits)
	b.changed.NotifyAll()
}

// wasReset reports whether round r, which is over, ended by Reset. A waiter may
// have slept through any number of rounds: there may be more waiters than
// parties. If it slept through more resets than are kept, it is told of one,
// which is the answer that promises nothing.
func (b *Barrier) wasReset(r uint64) bool {
	b.lock()
	defer b.mu.Unlock()
	n := b.state.resets
	for i := n; i > 0 && n-i < keptResets-1; i-- {
		if at := b.state.reset[(i-1)%keptResets]; at <= r {
			return at == r
		}
	}
	return n >= keptResets
}

// sleep waits until round r is over, or breaks the barrier.
func (b *Barrier) sleep(wait *shm.Wait, r uint64) error {
	over := func() bool { return round(b.state.now.Load()) != r || b.state.broken.Load() != 0 }
	if !b.spin.Until(over) {
		if err := b.doze(wait, over); err != nil && !b.giveUp(r) {
			return fmt.Errorf("%w: %w", ErrBrokenBarrier, fromShm(err))
		}
	}
	if round(b.state.now.Load()) == r {
		return ErrBrokenBarrier
	}
	return nil
}

func (b *Barrier) doze(wait *shm.Wait, over func() bool) error {
	sleeper := shm.Sleeper{Watchful: true}
	defer sleeper.End()
	for !over() {
		if b.closed() {
			return ErrClosed
		}
		slept, err := b.all.Sleep(&b.changed, &sleeper, wait, over)
		if err != nil {
			return err
		}
		if slept {
			b.reap()
		}
	}
	return nil
}

// giveUp breaks the barrier because a wait in round r ended, unless the round
// is over, which it says.
func (b *Barrier) giveUp(r uint64) (over bool) {
	b.lock()
	defer b.mu.Unlock()
	if round(b.state.now.Load()) != r {
		return true
	}
	b.breakIt()
	return false
}

// reap breaks the barrier if a party that arrived is dead.
func (b *Barrier) reap() {
	b.lock()
	defer b.mu.Unlock()
	s, last := b.state, uint64(0)
	for i := range arrivals(s.now.Load()) { // at most as many as parties
		who := b.who[i].Load()
		if who != last && who != uint64(shm.Self()) && !shm.Owner(who).Alive() {
			b.breakIt()
			return
		}
		last = who
	}
}

func (b *Barrier) breakIt() {
	b.state.broken.Store(1)
	b.changed.NotifyAll()
}

// Abort breaks the barrier: everyone who waits, and everyone who will, gets
// ErrBrokenBarrier.
func (b *Barrier) Abort() error {
	if b.closed() {
		return ErrClosed
	}
	b.lock()
	defer b.mu.Unlock()
	b.breakIt()
	return nil
}

// Reset makes the barrier as new. Everyone who waits gets ErrBrokenBarrier.
func (b *Barrier) Reset() error {
	if b.closed() {
		return ErrClosed
	}
	b.lock()
	defer b.mu.Unlock()
	// Whoever waits sees that its round is over, and how. The round ends first:
	// a death in between leaves the barrier broken.
	b.end(round(b.state.now.Load()), true)
	b.state.broken.Store(0)
	return nil
}

// lock takes mu. Every store leaves a valid state, so that a death inside needs
// no repair.
func (b *Barrier) lock() { b.mu.Lock(&forever) }
