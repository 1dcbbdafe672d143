package shm

import (
	"sync/atomic"
	"time"
)

// A Parker is where one goroutine sleeps until another process has something
// for it: a word of a segment that is 1 while it sleeps, or is about to. All
// zero, it is that of somebody who is awake.
//
// To sleep: Arm, look once more, then Sleep, or Disarm if there is something.
// To wake: make it visible, then Wake. Go's atomics are sequentially
// consistent, so at least one of the two sees the other's store: either Wake
// finds the word set, or the last look finds what there is. Whoever wakes
// nobody makes no system call.
//
// Where many sleep, or somebody must know that something happened since it
// looked, use an EventCount.
type Parker struct{ asleep atomic.Uint32 }

// ParkerSize is how many bytes of a segment a Parker takes.
const ParkerSize = 4

// Arm announces that the caller is about to sleep.
func (p *Parker) Arm() { p.asleep.Store(1) }

// Disarm takes Arm back.
func (p *Parker) Disarm() { p.asleep.Store(0) }

// Armed reports whether somebody sleeps, or is about to.
func (p *Parker) Armed() bool { return p.asleep.Load() != 0 }

// Wake wakes whoever sleeps. It is small enough to be inlined.
func (p *Parker) Wake() {
	if p.asleep.Load() != 0 {
		p.wake()
	}
}

// wake changes the word first: a sleep that is only about to begin returns at
// once.
func (p *Parker) wake() {
	if p.asleep.Swap(0) != 0 {
		futexWake(&p.asleep, 1)
	}
}

// Sleep sleeps until Wake, at most d, and disarms.
func (p *Parker) Sleep(d time.Duration) {
	futexWait(&p.asleep, 1, d)
	p.asleep.Store(0)
}

// sleepSlice sleeps until Wake, for at most a slice, and does not disarm.
func (p *Parker) sleepSlice(s *Sleeper, wait *Wait) error {
	_, err := s.Sleep(wait, &p.asleep, 1)
	return err
}
