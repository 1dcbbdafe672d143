package hub

import (
	"iter"
	"time"
)

// A Channel hands a value from one greenlet to another: Put waits until
// somebody takes it (gevent.queue.Channel).
type Channel[T any] struct {
	h                  *Hub
	senders, receivers offers[T]
}

// An offer is one greenlet's waiting Put or Get.
type offer[T any] struct {
	v          T // of the sender, or for the receiver
	at         waitList
	next, prev *offer[T]
}

// offers is a list of offers, the oldest first.
type offers[T any] struct {
	first, last *offer[T]
	n           int
}

func (l *offers[T]) push(o *offer[T]) {
	o.prev = l.last
	if l.last == nil {
		l.first = o
	} else {
		l.last.next = o
	}
	l.last = o
	l.n++
}

func (l *offers[T]) remove(o *offer[T]) {
	if o.prev == nil {
		l.first = o.next
	} else {
		o.prev.next = o.next
	}
	if o.next == nil {
		l.last = o.prev
	} else {
		o.next.prev = o.prev
	}
	o.next, o.prev = nil, nil
	l.n--
}

// take answers the oldest offer.
func (l *offers[T]) take() *offer[T] {
	o := l.first
	if o != nil {
		l.remove(o)
		o.at.wakeOne()
	}
	return o
}

// wait makes an offer and waits until it is taken.
func (l *offers[T]) wait(h *Hub, o *offer[T], d time.Duration) error {
	l.push(o)
	err := h.wait(&o.at, d)
	if err != nil {
		l.remove(o)
	}
	return err
}

// NewChannel makes a channel.
func NewChannel[T any](h *Hub) *Channel[T] { return &Channel[T]{h: h} }

// Put hands v over, waiting for a taker.
func (c *Channel[T]) Put(v T) error { return c.PutTimeout(v, -1) }

// PutTimeout is Put that waits at most d, then returns [ErrFull]; zero does
// not wait, negative has no limit.
func (c *Channel[T]) PutTimeout(v T, d time.Duration) error {
	if o := c.receivers.take(); o != nil {
		o.v = v
		return nil
	}
	if d == 0 {
		return ErrFull
	}
	err := c.senders.wait(c.h, &offer[T]{v: v}, d)
	if err == ErrTimeout {
		err = ErrFull
	}
	return err
}

// TryPut hands v over if somebody waits for it, else it returns [ErrFull].
func (c *Channel[T]) TryPut(v T) error { return c.PutTimeout(v, 0) }

// Get takes a value, waiting for one.
func (c *Channel[T]) Get() (T, error) { return c.GetTimeout(-1) }

// GetTimeout is Get that waits at most d, then returns [ErrEmpty]; zero does
// not wait, negative has no limit.
func (c *Channel[T]) GetTimeout(d time.Duration) (T, error) {
	if o := c.senders.take(); o != nil {
		return o.v, nil
	}
	if d == 0 {
		var zero T
		return zero, ErrEmpty
	}
	o := new(offer[T])
	err := c.receivers.wait(c.h, o, d)
	if err == ErrTimeout {
		err = ErrEmpty
	}
	return o.v, err
}

// TryGet takes a value if somebody waits to hand one over, else it returns
// [ErrEmpty].
func (c *Channel[T]) TryGet() (T, error) { return c.GetTimeout(0) }

// Len is the number of greenlets waiting to hand over, less those waiting to
// take.
func (c *Channel[T]) Len() int { return c.senders.n - c.receivers.n }

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
