package hub

import (
	"math"
	"time"
)

// An instant is a point on a hub's clock: nanoseconds since the hub was made,
// monotonic, never negative. It is a struct so that nothing can be added to it
// by accident: the methods below are all the arithmetic there is, and they
// saturate. A limit that ends beyond the clock (some 292 years) never ends.
type instant struct{ ns int64 }

// never is the instant that does not come.
var never = instant{math.MaxInt64}

func (h *Hub) now() instant { return instant{int64(time.Since(h.epoch))} }

// at returns the instant of t. What lies before the hub's beginning is the
// first there is, which is not the zero instant.
func (h *Hub) at(t time.Time) instant {
	return instant{max(int64(t.Sub(h.epoch)), 1)} // Sub saturates
}

// end returns the instant at which a limit of d is over: never if d is
// negative.
func (h *Hub) end(d time.Duration) instant {
	if d < 0 {
		return never
	}
	return h.now().after(d)
}

// left returns how much there is of a limit that is over at end: negative if
// there is none, zero if it is over.
func (h *Hub) left(end instant) time.Duration {
	if end == never {
		return -1
	}
	return h.now().until(end)
}

// over reports whether a deadline has passed; the zero instant is none.
func (h *Hub) over(deadline instant) bool {
	return deadline != (instant{}) && !h.now().before(deadline)
}

// after returns the instant d later; a negative d counts as zero.
func (t instant) after(d time.Duration) instant {
	if int64(d) >= never.ns-t.ns {
		return never
	}
	return instant{t.ns + max(int64(d), 0)}
}

// until returns the time from t to u, zero if u has passed.
func (t instant) until(u instant) time.Duration {
	if u == never {
		return math.MaxInt64
	}
	return time.Duration(max(u.ns-t.ns, 0))
}

// before reports whether t is earlier than u.
func (t instant) before(u instant) bool { return t.ns < u.ns }
