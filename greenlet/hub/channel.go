package hub

import (
	"iter"
	"time"
)

// A Channel hands a value from one greenlet to another: Put waits until
// somebody takes it (gevent.queue.Channel).
//
// A value is delivered once or not at all: a Put that returns nil has handed
// it to a Get that returns it, even if either greenlet is killed in that
// moment (the kill is then the result of its next blocking call). A Put that
// returns an error has handed over nothing.
type Channel[T any] struct {
	h              *Hub
	givers, takers line[T]
}

// NewChannel makes a channel.
func NewChannel[T any](h *Hub) *Channel[T] { return &Channel[T]{h: h} }

// Put hands v over, waiting for a taker.
func (c *Channel[T]) Put(v T) error { return c.PutTimeout(v, -1) }

// PutTimeout is Put that waits at most d, then returns [ErrFull]; see the
// package on limits.
func (c *Channel[T]) PutTimeout(v T, d time.Duration) error {
	if c.TryPut(v) == nil {
		return nil
	}
	_, err := c.givers.wait(c.h, v, false, d, ErrFull)
	return err
}

// TryPut hands v over if somebody waits for it, else it returns [ErrFull]. It
// never waits, so callbacks may use it.
func (c *Channel[T]) TryPut(v T) error {
	to := c.takers.head()
	if to == nil {
		return ErrFull
	}
	to.v = v
	c.takers.wakeOne()
	return nil
}

// Get takes a value, waiting for one.
func (c *Channel[T]) Get() (T, error) { return c.GetTimeout(-1) }

// GetTimeout is Get that waits at most d, then returns [ErrEmpty]; see the
// package on limits.
func (c *Channel[T]) GetTimeout(d time.Duration) (T, error) {
	v, err := c.TryGet()
	if err == nil {
		return v, nil
	}
	return c.takers.wait(c.h, v, false, d, ErrEmpty)
}

// TryGet takes a value if somebody waits to hand one over, else it returns
// [ErrEmpty]. It never waits, so callbacks may use it.
func (c *Channel[T]) TryGet() (v T, err error) {
	from := c.givers.head()
	if from == nil {
		return v, ErrEmpty
	}
	v = from.v
	c.givers.wakeOne()
	return v, nil
}

// Len is the number of greenlets waiting to hand over, less those waiting to
// take. It counts them one by one.
func (c *Channel[T]) Len() int { return c.givers.len() - c.takers.len() }

// All takes values for ever. The error of a Get is yielded last.
func (c *Channel[T]) All() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := c.Get()
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}
