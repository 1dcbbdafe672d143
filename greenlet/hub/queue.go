package hub

import (
	"iter"
	"time"
)

// A store keeps the items of a queue in the order in which they come out.
type store[T any] interface {
	put(v T)
	get() T
	peek() T
	len() int
	clear()
}

// buffer is a queue over any store: what all queues of the package share.
//
// A put that finds getters waiting stores the item and promises it to the
// first of them; a get that finds putters waiting promises the freed place.
// Promises are kept (see waitList), so items and places go round in order of
// arrival and nobody overtakes.
type buffer[T any] struct {
	h       *Hub
	items   store[T]
	cap     int // 0: no limit
	getters waitList
	putters waitList
	due     int // items promised to woken getters
	booked  int // places promised to woken putters
	down    bool
}

// Put adds v, waiting for room if the queue is full. After ShutDown it
// returns [ErrShutDown].
func (q *buffer[T]) Put(v T) error { return q.PutTimeout(v, -1) }

// PutTimeout is Put, waiting at most d for room, then [ErrFull]; zero does not
// wait, negative has no limit.
func (q *buffer[T]) PutTimeout(v T, d time.Duration) error {
	switch {
	case q.down:
		return ErrShutDown
	case q.cap == 0 || q.items.len()+q.booked < q.cap:
	case d == 0:
		return ErrFull
	default:
		if err := q.h.wait(&q.putters, d); err != nil {
			if err == ErrTimeout {
				err = ErrFull
			}
			return err
		}
		q.booked--
		if q.down {
			return ErrShutDown
		}
	}
	q.items.put(v)
	q.promise()
	return nil
}

// TryPut adds v if there is room, else it returns [ErrFull]. It never waits,
// so callbacks may use it.
func (q *buffer[T]) TryPut(v T) error { return q.PutTimeout(v, 0) }

// Get takes the next item, waiting for one if the queue is empty. A queue that
// was shut down gives out what it holds, then returns [ErrShutDown].
func (q *buffer[T]) Get() (T, error) { return q.GetTimeout(-1) }

// GetTimeout is Get, waiting at most d for an item, then [ErrEmpty]; zero does
// not wait, negative has no limit.
func (q *buffer[T]) GetTimeout(d time.Duration) (v T, err error) {
	if err := q.claim(d); err != nil {
		return v, err
	}
	v = q.items.get()
	if q.putters.first != nil && q.items.len()+q.booked < q.cap {
		q.booked++
		q.putters.wakeOne()
	}
	return v, nil
}

// TryGet takes the next item, or returns [ErrEmpty]. It never waits.
func (q *buffer[T]) TryGet() (T, error) { return q.GetTimeout(0) }

// Peek returns the next item and leaves it there, waiting for one if the queue
// is empty.
func (q *buffer[T]) Peek() (T, error) { return q.PeekTimeout(-1) }

// PeekTimeout is Peek, waiting at most d, then [ErrEmpty].
func (q *buffer[T]) PeekTimeout(d time.Duration) (v T, err error) {
	if err := q.claim(d); err != nil {
		return v, err
	}
	v = q.items.peek()
	q.promise()
	return v, nil
}

// TryPeek returns the next item and leaves it there, or returns [ErrEmpty].
func (q *buffer[T]) TryPeek() (T, error) { return q.PeekTimeout(0) }

// claim returns nil when an item is there for the caller.
func (q *buffer[T]) claim(d time.Duration) error {
	switch {
	case q.items.len() > q.due:
		return nil
	case q.down:
		return ErrShutDown
	case d == 0:
		return ErrEmpty
	}
	if err := q.h.wait(&q.getters, d); err != nil {
		if err == ErrTimeout {
			err = ErrEmpty
		}
		return err
	}
	q.due--
	if q.items.len() == 0 { // an immediate ShutDown broke the promise
		return ErrShutDown
	}
	return nil
}

// promise gives an unpromised item, if there is one, to a waiting getter.
func (q *buffer[T]) promise() {
	if q.getters.first != nil && q.items.len() > q.due {
		q.due++
		q.getters.wakeOne()
	}
}

// ShutDown ends the queue: puts fail from now on with [ErrShutDown], waiting
// ones too; gets fail once the queue is empty. If now is set, the items in it
// are dropped.
func (q *buffer[T]) ShutDown(now bool) {
	q.down = true
	if now {
		q.items.clear()
	}
	for q.putters.first != nil {
		q.h.throw(q.putters.first, ErrShutDown)
	}
	for q.getters.first != nil {
		q.h.throw(q.getters.first, ErrShutDown)
	}
}

// Len is the number of items in the queue.
func (q *buffer[T]) Len() int { return q.items.len() }

// Cap is the limit, 0 if there is none.
func (q *buffer[T]) Cap() int { return q.cap }

// Empty reports whether there is no item.
func (q *buffer[T]) Empty() bool { return q.items.len() == 0 }

// Full reports whether a Put would have to wait.
func (q *buffer[T]) Full() bool { return q.cap > 0 && q.items.len()+q.booked >= q.cap }

// All takes items, waiting for each, until the queue is shut down and empty.
// Any other error of a Get, such as [ErrExit], is yielded last.
func (q *buffer[T]) All() iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := q.Get()
			if err == ErrShutDown {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// A Queue hands out items first in, first out (gevent.queue.Queue).
type Queue[T any] struct{ buffer[T] }

// NewQueue makes a queue of at most limit items; zero or less: no limit. (For
// a queue without any room see [Channel].)
func NewQueue[T any](h *Hub, limit int) *Queue[T] {
	return &Queue[T]{buffer[T]{h: h, cap: max(limit, 0), items: &ring[T]{}}}
}

// ring is a FIFO store: a circular buffer whose size is a power of two.
type ring[T any] struct {
	s     []T
	first int
	n     int
}

func (r *ring[T]) put(v T) {
	if r.n == len(r.s) {
		r.grow()
	}
	r.s[(r.first+r.n)&(len(r.s)-1)] = v
	r.n++
}

func (r *ring[T]) get() T {
	var zero T
	p := &r.s[r.first&(len(r.s)-1)]
	v := *p
	*p = zero
	r.first = (r.first + 1) & (len(r.s) - 1)
	r.n--
	return v
}

func (r *ring[T]) peek() T  { return r.s[r.first] }
func (r *ring[T]) len() int { return r.n }
func (r *ring[T]) clear()   { *r = ring[T]{} }

func (r *ring[T]) grow() {
	s := make([]T, max(2*len(r.s), 8))
	k := copy(s, r.s[r.first:])
	copy(s[k:], r.s[:r.first])
	r.s, r.first = s, 0
}
