package procs

import (
	"context"
	"sync/atomic"
	"time"

	"switchyard/procs/internal/goroutine"
	"switchyard/procs/internal/shm"
)

// RLock is a lock that its owner may acquire again; it is free after as many
// releases. It is multiprocessing.RLock. The owner is a goroutine of a process,
// and only it may release.
//
// Acquire and Release cost about 25 ns together, five times what Lock's do
// (BenchmarkRLock; on processors other than amd64 and arm64, where goroutines
// are told apart by their stack traces, microseconds). A goroutine that ends
// while it holds the lock leaves it held, perhaps by a later goroutine, as a
// thread does in Python. Deaths of processes are handled as in Lock: whoever
// gets ErrOwnerDied holds it once, however often the dead one did.
type RLock struct {
	shared
	m     shm.Mutex
	owner *rlockOwner
}

// rlockOwner is written only by who holds the mutex.
type rlockOwner struct {
	_         uint64        // the mutex
	goroutine atomic.Uint64 // whose caller() that is; 0: nobody's
	depth     atomic.Uint64
}

// caller is a number of the calling goroutine. What the owner of another
// process left behind when it died is none of ours, although goroutines of two
// processes often have the same address.
func caller() uint64 {
	const odd = 0x9e3779b97f4a7c15 // any that spreads a change of few bits over all
	return goroutine.ID() ^ uint64(shm.Self())*odd
}

// NewRLock returns a new lock that nobody holds.
func NewRLock() (*RLock, error) {
	l := new(RLock)
	if err := l.create(kindRLock, int(sizeof[rlockOwner]())); err != nil {
		return nil, err
	}
	l.open()
	return l, nil
}

func (l *RLock) share(w *wire) error { return l.shareAs(w) }

func (l *RLock) adopt(w *wire) error {
	if err := l.adoptAs(w, kindRLock, int(sizeof[rlockOwner]())); err != nil {
		return err
	}
	l.open()
	return nil
}

func (l *RLock) open() {
	l.m.Open(l.seg, bodyOffset)
	l.owner = shm.At[rlockOwner](l.seg.Bytes(), bodyOffset)
}

// Acquire waits until the lock is free or the caller's own, and takes it once
// more. nil and ErrOwnerDied mean that the caller holds it.
func (l *RLock) Acquire(ctx context.Context) error {
	wait := waitFor(ctx)
	return l.acquire(&wait)
}

// AcquireTimeout is Acquire with a limit; then it returns ErrTimeout.
func (l *RLock) AcquireTimeout(d time.Duration) error {
	wait := waitUntil(d)
	return l.acquire(&wait)
}

// TryAcquire takes the lock if it is free or the caller's own.
func (l *RLock) TryAcquire() bool {
	if l.closed() {
		return false
	}
	me := caller()
	switch {
	case l.mine(me):
		l.owner.depth.Add(1)
	case l.m.TryLock():
		l.begin(me, 1)
	default:
		return false
	}
	return true
}

func (l *RLock) acquire(wait *shm.Wait) error {
	if l.closed() {
		return ErrClosed
	}
	me := caller()
	if l.mine(me) {
		l.owner.depth.Add(1)
		return nil
	}
	return l.take(wait, me, 1)
}

// take acquires the mutex, with a depth.
func (l *RLock) take(wait *shm.Wait, me, depth uint64) error {
	err := l.m.Lock(wait)
	if err == nil || err == shm.ErrOwnerDied {
		l.begin(me, depth)
	}
	return fromShm(err)
}

func (l *RLock) begin(me, depth uint64) {
	l.owner.goroutine.Store(me)
	l.owner.depth.Store(depth)
}

// mine reports whether goroutine me of this process holds the lock. Only that
// goroutine ever writes its number there.
func (l *RLock) mine(me uint64) bool {
	return l.m.Holder() == shm.Self() && l.owner.goroutine.Load() == me
}

// Release undoes one Acquire. It returns ErrNotHeld if the caller does not hold
// the lock.
func (l *RLock) Release() error {
	if l.closed() {
		return ErrClosed
	}
	if !l.mine(caller()) {
		return ErrNotHeld
	}
	if l.owner.depth.Add(^uint64(0)) > 0 {
		return nil
	}
	return l.free()
}

func (l *RLock) free() error {
	l.owner.goroutine.Store(0)
	return fromShm(l.m.Unlock())
}

// Depth returns how often the calling goroutine holds the lock.
func (l *RLock) Depth() int {
	if l.closed() || !l.mine(caller()) {
		return 0
	}
	return int(l.owner.depth.Load())
}

// releaseAll and reacquire are for Condition.Wait, which lets go of the lock
// however often it is held.
func (l *RLock) releaseAll() (depth uint64, err error) {
	if l.closed() {
		return 0, ErrClosed
	}
	if !l.mine(caller()) {
		return 0, ErrNotHeld
	}
	depth = l.owner.depth.Load()
	return depth, l.free()
}

func (l *RLock) reacquire(depth uint64) error { return l.take(&forever, caller(), depth) }

func (l *RLock) held() bool { return !l.closed() && l.mine(caller()) }

func (l *Lock) releaseAll() (depth uint64, err error) {
	if !l.held() {
		return 0, ErrNotHeld
	}
	return 1, l.Release()
}

func (l *Lock) reacquire(uint64) error { return l.Acquire(context.Background()) }

func (l *Lock) held() bool { return !l.closed() && l.m.Holder() == shm.Self() }
