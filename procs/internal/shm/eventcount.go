package shm

import (
	"math"
	"sync/atomic"
)

// An EventCount is where processes sleep until something changes. One word of a
// segment: how often it notified somebody, times two, plus one if anybody
// listens, so that nobody makes a system call to wake nobody.
//
// To sleep: seen := Arm(); look at the state; if it is not as wanted, Sleep
// until the word differs from seen; look again. To wake: change the state, then
// notify. A notification between Arm and falling asleep changes the word, and
// the kernel then refuses to sleep.
type EventCount struct {
	word *atomic.Uint32
	seg  *Segment // keeps the mapping
}

// EventCountSize is how many bytes of a segment an EventCount takes.
const EventCountSize = 4

const listening = 1

// Open makes e the handle of the event count at off, a multiple of 4.
func (e *EventCount) Open(seg *Segment, off int) {
	e.word = At[atomic.Uint32](seg.Bytes(), off)
	e.seg = seg
}

// Arm announces a listener and returns the word to sleep on.
func (e *EventCount) Arm() uint32 { return e.word.Or(listening) | listening }

// Sleep blocks until there was a notification since Arm returned seen, for at
// most one slice. slept is as Sleeper.Sleep says.
func (e *EventCount) Sleep(s *Sleeper, wait *Wait, seen uint32) (slept bool, err error) {
	return s.Sleep(wait, e.word, seen)
}

// Notify wakes up to n listeners. Only one may do so at a time (under a Mutex);
// arming needs no mutex.
//
// The note of a listener is taken away before the wake-up: who armed before but
// does not sleep yet finds the word changed, who arms later leaves a new note.
// It is put back if n were woken, because there may be more.
func (e *EventCount) Notify(n int) {
	if e.word.Load()&listening == 0 {
		return // who arms after this load sees the changed state
	}
	e.word.Add(2)
	e.word.And(^uint32(listening))
	if futexWake(e.word, n) >= n {
		e.word.Or(listening)
	}
}

// NotifyAll wakes every listener. It needs no mutex: the one exchange that
// counts the notification takes the note away, so that whoever armed before is
// woken, or finds the word changed, and whoever arms later leaves a new note.
func (e *EventCount) NotifyAll() {
	for {
		w := e.word.Load()
		if e.word.CompareAndSwap(w, (w+2)&^listening) {
			if w&listening != 0 {
				futexWake(e.word, math.MaxInt32)
			}
			return
		}
	}
}

// Armed reports whether anybody has armed it since all were woken.
func (e *EventCount) Armed() bool { return e.word.Load()&listening != 0 }

// Wake wakes up to n sleepers on a word, which must have been changed before.
func Wake(word *atomic.Uint32, n int) { futexWake(word, n) }
