package procs

import (
	"context"
	"sync/atomic"
	"time"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/shm"
)

// Lock is a mutual exclusion lock shared between processes: at most one
// goroutine in any of them holds it. It is multiprocessing.Lock: not recursive,
// and anyone with access to the object may release it, not only the process
// that acquired it.
//
// If a process dies holding it, however it died, exactly one of those who
// acquire it next gets ErrOwnerDied, and the lock. Waiters find out within 0.2
// s, and give up as soon as their context ends. A holder whose death cannot be
// detected keeps the lock for ever: one that was killed in another pid
// namespace than the waiters', or in a chroot without /proc on a kernel before
// Linux 6.11.
//
// Acquiring a free lock and releasing one that nobody waits for cost one atomic
// operation each, about 5 ns together. A waiter spins briefly if there is
// another CPU, then sleeps. A lock takes one page of memory and one descriptor
// in each process.
type Lock struct {
	shared
	m       shm.Mutex
	off     int          // of the mutex in the segment
	died    atomic.Bool  // the present hold began with ErrOwnerDied
	checked atomic.Int64 // when TryAcquire last asked whether the owner lives, ns
}

// NewLock returns a new lock that nobody holds.
func NewLock() (*Lock, error) {
	l := new(Lock)
	if err := l.create(kindLock, shm.MutexSize); err != nil {
		return nil, err
	}
	l.open(bodyOffset)
	return l, nil
}

func (l *Lock) open(off int) {
	l.off = off
	l.m.Open(l.seg, off)
}

// A lock may lie in the segment of another object: the lock of a Value, or of a
// Condition.
func (l *Lock) share(w *wire) error {
	w.PutUint64(uint64(l.off))
	return l.shareAs(w)
}

func (l *Lock) adopt(w *wire) error {
	off := w.TakeUint64()
	kind := kindLock
	if off != bodyOffset {
		kind = kindAny
	}
	bad := off%8 != 0 || off < bodyOffset || off > 1<<20
	if bad {
		off = bodyOffset // the descriptor has to be taken all the same
	}
	if err := l.adoptAs(w, kind, int(off)-bodyOffset+shm.MutexSize); err != nil {
		return err
	}
	if bad {
		return codec.ErrWire
	}
	l.open(int(off))
	return nil
}

// Acquire waits until the lock is free and takes it. It returns nil or
// ErrOwnerDied if the caller now holds the lock, otherwise the context's error
// or ErrClosed.
func (l *Lock) Acquire(ctx context.Context) error {
	if l.closed() {
		return ErrClosed
	}
	if !l.m.TryLock() {
		wait := waitFor(ctx)
		return l.acquireSlow(&wait)
	}
	return nil
}

// AcquireTimeout is Acquire with a limit; then it returns ErrTimeout. A limit
// of zero does not wait, but does find out whether the owner died.
func (l *Lock) AcquireTimeout(d time.Duration) error {
	if l.closed() {
		return ErrClosed
	}
	if !l.m.TryLock() {
		wait := waitUntil(d)
		return l.acquireSlow(&wait)
	}
	return nil
}

func (l *Lock) acquireSlow(wait *shm.Wait) error {
	err := l.m.Lock(wait)
	if err == nil || err == shm.ErrOwnerDied {
		l.died.Store(err != nil)
	}
	return fromShm(err)
}

// TryAcquire takes the lock if it is free, or if its owner is dead: OwnerDied
// tells the difference. It never waits.
func (l *Lock) TryAcquire() bool {
	if l.closed() {
		return false
	}
	if !l.m.TryLock() && !l.tryRecover() {
		return false
	}
	return true
}

// tryRecover asks whether the owner lives, but not at every call of a loop: it
// costs a hundred times as much as TryAcquire.
func (l *Lock) tryRecover() bool {
	const every = int64(10 * time.Millisecond)
	now, last := int64(time.Since(processStart)), l.checked.Load()
	if last != 0 && now-last < every || !l.checked.CompareAndSwap(last, now) {
		return false
	}
	if !l.m.TryRecover() {
		return false
	}
	l.died.Store(true)
	return true
}

var processStart = time.Now()

// OwnerDied reports whether this process, which holds the lock now, took it
// over from a process that died.
func (l *Lock) OwnerDied() bool { return l.died.Load() }

// Release frees the lock and wakes one waiter. It returns ErrNotHeld if nobody
// held it.
func (l *Lock) Release() error {
	if l.closed() {
		return ErrClosed
	}
	if l.died.Load() {
		l.died.Store(false)
	}
	if l.m.TryUnlock() {
		return nil
	}
	return fromShm(l.m.Unlock())
}

// Locked reports whether the lock is held at the moment.
func (l *Lock) Locked() bool { return !l.closed() && l.m.Holder() != 0 }
