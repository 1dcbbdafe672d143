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
// A put that finds somebody waiting to get hands its item over; a get that
// finds somebody waiting to put takes that item in. So getters wait only while
// the store is empty, putters only while it is full, and whoever is woken has
// its item, or is rid of it. Items and places go round in order of arrival and
// nobody overtakes.
type buffer[T any] struct {
	h          *Hub
	items      store[T]
	cap        int // 0: no limit
	getters    line[T]
	putters    line[T]
	unfinished int // items taken in, less TaskDone; of a JoinableQueue
	down       bool
}

// Put adds v, waiting for room if the queue is full. After ShutDown it
// returns [ErrShutDown].
func (q *buffer[T]) Put(v T) error { return q.PutTimeout(v, -1) }

// PutTimeout is Put, waiting at most d for room, then [ErrFull]; see the
// package on limits.
func (q *buffer[T]) PutTimeout(v T, d time.Duration) error {
	if !q.down && q.getters.first == nil && !q.Full() { // as TryPut; hot
		q.items.put(v)
		q.unfinished++
		return nil
	}
	err := q.TryPut(v)
	if err == ErrFull {
		_, err = q.putters.wait(q.h, v, false, d, ErrFull)
	}
	return err
}

// TryPut adds v if there is room, else it returns [ErrFull]. It never waits,
// so callbacks may use it.
func (q *buffer[T]) TryPut(v T) error {
	switch {
	case q.down:
		return ErrShutDown
	case q.Full():
		return ErrFull
	}
	q.enter(v)
	return nil
}

// enter takes v in: for the getter that waits longest and all who wait to peek
// before it, or into the store.
func (q *buffer[T]) enter(v T) {
	for to := q.getters.head(); to != nil; to = q.getters.head() {
		to.v = v
		q.getters.wakeOne()
		if !to.copy {
			q.unfinished++
			return
		}
	}
	q.items.put(v)
	q.unfinished++
}

// Get takes the next item, waiting for one if the queue is empty. A queue that
// was shut down gives out what it holds, then returns [ErrShutDown].
func (q *buffer[T]) Get() (T, error) { return q.GetTimeout(-1) }

// GetTimeout is Get, waiting at most d for an item, then [ErrEmpty]; see the
// package on limits.
func (q *buffer[T]) GetTimeout(d time.Duration) (v T, err error) {
	if q.items.len() > 0 { // as TryGet; hot
		v = q.items.get()
		if q.putters.first != nil {
			q.refill()
		}
		return v, nil
	}
	return q.get(d, ErrEmpty)
}

func (q *buffer[T]) get(d time.Duration, late error) (T, error) {
	v, err := q.TryGet()
	if err == ErrEmpty {
		v, err = q.getters.wait(q.h, v, false, d, late)
	}
	return v, err
}

// TryGet takes the next item, or returns [ErrEmpty]. It never waits, so
// callbacks may use it.
func (q *buffer[T]) TryGet() (v T, err error) {
	if err := q.lacking(); err != nil {
		return v, err
	}
	v = q.items.get()
	if q.putters.first != nil {
		q.refill()
	}
	return v, nil
}

// refill takes in the item of the putter that waits longest, in the place that
// a get has freed.
func (q *buffer[T]) refill() {
	q.enter(q.putters.head().v)
	q.putters.wakeOne()
}

// Peek returns the next item and leaves it there, waiting for one if the queue
// is empty. When it returns, others may have taken it.
func (q *buffer[T]) Peek() (T, error) { return q.PeekTimeout(-1) }

// PeekTimeout is Peek, waiting at most d, then [ErrEmpty].
func (q *buffer[T]) PeekTimeout(d time.Duration) (T, error) {
	v, err := q.TryPeek()
	if err == ErrEmpty {
		v, err = q.getters.wait(q.h, v, true, d, ErrEmpty)
	}
	return v, err
}

// TryPeek returns the next item and leaves it there, or returns [ErrEmpty].
func (q *buffer[T]) TryPeek() (v T, err error) {
	if err := q.lacking(); err != nil {
		return v, err
	}
	return q.items.peek(), nil
}

// lacking returns why there is no item, nil if there is one.
func (q *buffer[T]) lacking() error {
	switch {
	case q.items.len() > 0:
		return nil
	case q.down:
		return ErrShutDown
	}
	return ErrEmpty
}

// ShutDown ends the queue: puts fail from now on with [ErrShutDown], waiting
// ones too; gets fail once the queue is empty. If now is set, the items in it
// are dropped; one that was handed to a Get which has yet to return stays with
// it.
func (q *buffer[T]) ShutDown(now bool) {
	q.down = true
	if now {
		q.items.clear()
	}
	q.putters.failAll(ErrShutDown)
	q.getters.failAll(ErrShutDown)
}

// Len is the number of items in the queue.
func (q *buffer[T]) Len() int { return q.items.len() }

// Cap is the limit, 0 if there is none.
func (q *buffer[T]) Cap() int { return q.cap }

// Empty reports whether there is no item.
func (q *buffer[T]) Empty() bool { return q.items.len() == 0 }

// Full reports whether a Put would have to wait.
func (q *buffer[T]) Full() bool { return q.cap > 0 && q.items.len() >= q.cap }

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
//
// An item goes to one Get or stays in the queue: a Put that returns nil has
// put it there, one that returns an error has not, and a greenlet that is
// killed when its Get has been handed an item still returns it; the kill is the
// result of its next blocking call. The same holds for every queue here.
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
