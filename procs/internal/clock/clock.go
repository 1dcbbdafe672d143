// Package clock is the arithmetic of deadlines and limits in procs. All of it
// counts on the monotonic clock, so that setting the wall clock moves no
// deadline, and none of it overflows: what lies more than a century ahead is
// never, and what has passed stays passed.
package clock

import (
	"math"
	"sync/atomic"
	"time"
)

// century is the longest wait that is counted. It is short enough that
// time.Time keeps its monotonic reading over it.
const century = 100 * 365 * 24 * time.Hour

// In returns the instant d from now, for time.Until and timers: at most a
// century ahead, and for a negative d now.
func In(d time.Duration) time.Time { return time.Now().Add(min(max(d, 0), century)) }

var start = time.Now()

// Deadline is an instant that one goroutine sets while others look at it. The
// zero Deadline never comes.
type Deadline struct {
	ns atomic.Int64 // since start; 0: never
}

// Set makes t the deadline; the zero time takes it back.
func (d *Deadline) Set(t time.Time) {
	if t.IsZero() {
		d.ns.Store(0)
		return
	}
	left := time.Until(t) // saturates
	if left > century {
		d.ns.Store(0)
		return
	}
	// The clock begins at 0, and 0 says never: what is not later than that has
	// passed, as 1 has.
	d.ns.Store(int64(max(time.Since(start)+left, 1)))
}

// IsSet reports whether the deadline comes at all.
func (d *Deadline) IsSet() bool { return d.ns.Load() != 0 }

// Left returns how long it is until the deadline: zero or less if it has
// passed, the longest Duration if it never comes.
func (d *Deadline) Left() time.Duration {
	ns := d.ns.Load()
	if ns == 0 {
		return math.MaxInt64
	}
	return time.Duration(ns) - time.Since(start)
}

// Passed reports whether the deadline has passed.
func (d *Deadline) Passed() bool { return d.Left() <= 0 }
