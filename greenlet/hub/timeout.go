package hub

import (
	"fmt"
	"time"
)

// A Timeout is a limit that runs for one greenlet: when it expires, the
// greenlet's blocking call (the present or the next one) returns it as an
// error. It wraps [ErrTimeout]; being its own error, nested ones can be told
// apart with errors.Is(err, t). It re-creates gevent.Timeout.
type Timeout struct {
	g     *Greenlet
	d     time.Duration
	timer timer

	state string // "", "expired", "cancelled"
}

// StartTimeout starts a limit for the running greenlet. Cancel it in a defer,
// or use [Hub.WithTimeout]. A limit of zero or less expires at the next look at
// the clock, so a call that does not wait is not hurt by it.
func (h *Hub) StartTimeout(d time.Duration) *Timeout {
	g := h.cur
	if g == nil {
		panic("hub: StartTimeout in a callback")
	}
	t := &Timeout{g: g, d: d}
	t.timer.fn = func() {
		t.state = "expired"
		h.throw(t.g, t)
	}
	h.timers.arm(&t.timer, h.now().after(d))
	return t
}

// Cancel ends the limit. An expiry that has not interrupted a blocking call yet
// is forgotten.
func (t *Timeout) Cancel() {
	h := t.g.h
	h.timers.disarm(&t.timer)
	if t.state == "" {
		t.state = "cancelled"
	}
	t.g.forget(t)
}

// Expired reports whether the limit was reached before Cancel.
func (t *Timeout) Expired() bool { return t.state == "expired" }

// Pending reports whether the limit still runs.
func (t *Timeout) Pending() bool { return t.state == "" }

func (t *Timeout) Error() string { return fmt.Sprintf("hub: timed out after %v", t.d) }

// Unwrap returns [ErrTimeout].
func (t *Timeout) Unwrap() error { return ErrTimeout }

// Timeout reports true, as net.Error asks.
func (t *Timeout) Timeout() bool { return true }

// Temporary reports true, as net.Error asks.
func (t *Timeout) Temporary() bool { return true }

// WithTimeout runs f, in the running greenlet, under a limit
// (gevent.with_timeout). If f returns the limit's own error, WithTimeout
// returns it; ask errors.Is(err, ErrTimeout). Limits nest; an outer one that
// expires first passes through f.
func (h *Hub) WithTimeout(d time.Duration, f func() error) error {
	t := h.StartTimeout(d)
	defer t.Cancel()
	return f()
}

// WithTimeoutValue is [Hub.WithTimeout] for a function with a result: if the
// limit expires, the result is instead, without an error (gevent.with_timeout
// with timeout_value).
func WithTimeoutValue[T any](h *Hub, d time.Duration, instead T, f func() (T, error)) (T, error) {
	t := h.StartTimeout(d)
	defer t.Cancel()
	v, err := f()
	if is(err, t) {
		return instead, nil
	}
	return v, err
}
