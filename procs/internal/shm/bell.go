package shm

import (
	"math"
	"sync/atomic"
)

// A Bell is where processes sleep until something changes. One word of a
// segment: how often it rang for somebody, times two, plus one if anybody
// listens, so that nobody makes a system call to wake nobody.
//
// To sleep: seen := Arm(); look at the state; if it is not as wanted, Sleep
// until the word differs from seen; look again. To wake: change the state, then
// ring. A ring between Arm and falling asleep changes the word, and the kernel
// then refuses to sleep.
type Bell struct {
	word *atomic.Uint32
	seg  *Segment // keeps the mapping
}

// BellSize is how many bytes of a segment a bell takes.
const BellSize = 4

const listening = 1

// Open makes b the handle of the bell at off, a multiple of 4.
func (b *Bell) Open(seg *Segment, off int) {
	b.word = At[atomic.Uint32](seg.Bytes(), off)
	b.seg = seg
}

// Arm announces a listener and returns the word to sleep on.
func (b *Bell) Arm() uint32 { return b.word.Or(listening) | listening }

// Sleep blocks until the bell has rung since Arm returned seen, for at most one
// slice. slept says that it was a whole slice.
func (b *Bell) Sleep(s *Sleeper, wait *Wait, seen uint32) (slept bool, err error) {
	return s.Sleep(wait, b.word, seen)
}

// Ring wakes up to n listeners. Only one may ring at a time (under a Mutex);
// arming needs no mutex.
//
// The note of a listener is taken away before the wake-up: who armed before but
// does not sleep yet finds the word changed, who arms later leaves a new note.
// It is put back if n were woken, because there may be more.
func (b *Bell) Ring(n int) {
	if b.word.Load()&listening == 0 {
		return // who arms after this load sees the changed state
	}
	b.word.Add(2)
	b.word.And(^uint32(listening))
	if futexWake(b.word, n) >= n {
		b.word.Or(listening)
	}
}

// RingAll wakes every listener. It needs no mutex: the one exchange that counts
// the ring takes the note away, so that whoever armed before is woken, or finds
// the word changed, and whoever arms later leaves a new note.
func (b *Bell) RingAll() {
	for {
		w := b.word.Load()
		if b.word.CompareAndSwap(w, (w+2)&^listening) {
			if w&listening != 0 {
				futexWake(b.word, math.MaxInt32)
			}
			return
		}
	}
}

// Armed reports whether anybody has armed the bell since all were woken.
func (b *Bell) Armed() bool { return b.word.Load()&listening != 0 }

// Wake wakes up to n sleepers on a word, which must have been changed before.
func Wake(word *atomic.Uint32, n int) { futexWake(word, n) }
