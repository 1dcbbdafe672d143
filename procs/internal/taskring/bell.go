package taskring

import (
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"
)

// Bell is what all workers of a pool wake their pool with.
type Bell struct{ asleep atomic.Uint32 }

// BellSize is how much shared memory a Bell needs.
const BellSize = 4096

// BellAt returns the Bell in mem, zeroed shared memory.
func BellAt(mem []byte) *Bell { return (*Bell)(unsafe.Pointer(&mem[0])) }

// Ring wakes the pool if it sleeps.
func (b *Bell) Ring() {
	if b.asleep.Load() != 0 && b.asleep.Swap(0) != 0 {
		futexWake(&b.asleep)
	}
}

// Arm announces that the caller is about to sleep: it must look once more for
// work, and then Sleep or Disarm.
func (b *Bell) Arm() { b.asleep.Store(1) }

// Disarm takes Arm back.
func (b *Bell) Disarm() { b.asleep.Store(0) }

// Sleep waits until the bell rings, at most d (negative: for ever).
func (b *Bell) Sleep(d time.Duration) {
	futexWait(&b.asleep, 1, d)
	b.asleep.Store(0)
}

// NapLimit bounds every sleep of pool and worker. The protocol of asleep words
// needs no bound; but a wake that went missing, for whatever reason, must cost
// half a second and not the whole pool. Two looks a second cost nothing.
const NapLimit = 500 * time.Millisecond

// spins is how often a worker looks before it sleeps: a few microseconds, less
// than a sleep and a wake cost. It is no more because the workers, the pool and
// its callers often share as many processors as there are workers.
const spins = 200

func spin(ready func() bool) bool {
	for i := range spins {
		if ready() {
			return true
		}
		if i&15 == 15 {
			runtime.Gosched()
		}
	}
	return false
}
