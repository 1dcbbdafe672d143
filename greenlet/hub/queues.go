package hub

import "time"

// A LifoQueue hands out the newest item first (gevent.queue.LifoQueue).
type LifoQueue[T any] struct{ buffer[T] }

// NewLifoQueue makes a queue of at most limit items; zero or less: no limit.
func NewLifoQueue[T any](h *Hub, limit int) *LifoQueue[T] {
	return &LifoQueue[T]{buffer[T]{h: h, cap: max(limit, 0), items: &stack[T]{}}}
}

type stack[T any] struct{ s []T }

func (s *stack[T]) put(v T)  { s.s = append(s.s, v) }
func (s *stack[T]) peek() T  { return s.s[len(s.s)-1] }
func (s *stack[T]) len() int { return len(s.s) }
func (s *stack[T]) clear()   { s.s = nil }

func (s *stack[T]) get() T {
	var zero T
	last := len(s.s) - 1
	v := s.s[last]
	s.s[last] = zero
	s.s = s.s[:last]
	return v
}

// A PriorityQueue hands out the least item first (gevent.queue.PriorityQueue).
// Equal items come out in the order in which they went in.
type PriorityQueue[T any] struct{ buffer[T] }

// NewPriorityQueue makes a queue of at most limit items (zero or less: no
// limit), ordered by less, which must not block nor use the queue: both panic.
func NewPriorityQueue[T any](h *Hub, limit int, less func(a, b T) bool) *PriorityQueue[T] {
	return &PriorityQueue[T]{buffer[T]{h: h, cap: max(limit, 0), items: &heap[T]{h: h, less: less}}}
}

// heap is a binary heap that keeps equal items in order. less is the user's: it
// is asked first and the heap changed after, so that a less that panics changes
// nothing; see ask.
type heap[T any] struct {
	h    *Hub
	less func(a, b T) bool
	s    []ranked[T]
	seq  uint64
	busy bool // less is being asked
}

type ranked[T any] struct {
	v   T
	seq uint64
}

func (p *heap[T]) before(a, b *ranked[T]) bool {
	return p.less(a.v, b.v) || !p.less(b.v, a.v) && a.seq < b.seq
}

// ask calls search, which calls less. That runs as a callback does: it panics
// if it blocks, or uses the queue that it sorts.
func (p *heap[T]) ask(search func()) {
	if p.busy {
		panic("hub: a PriorityQueue used by its own order")
	}
	g := p.h.cur
	p.h.cur, p.busy = nil, true
	defer func() { p.h.cur, p.busy = g, false }()
	search()
}

func (p *heap[T]) put(v T) {
	e := ranked[T]{v, p.seq + 1}
	at := len(p.s)
	if at > 0 {
		p.ask(func() {
			for at > 0 && p.before(&e, &p.s[(at-1)/2]) {
				at = (at - 1) / 2
			}
		})
	}
	p.seq++
	p.s = append(p.s, e)
	for i := len(p.s) - 1; i > at; i = (i - 1) / 2 {
		p.s[i] = p.s[(i-1)/2]
	}
	p.s[at] = e
}

func (p *heap[T]) get() T {
	var path [64]int // the way of the hole that the first leaves
	steps, last := 0, len(p.s)-1
	if last > 1 {
		p.ask(func() {
			for i := 0; ; i = path[steps-1] {
				least := 2*i + 1
				if least >= last {
					return
				}
				if least+1 < last && p.before(&p.s[least+1], &p.s[least]) {
					least++
				}
				if !p.before(&p.s[least], &p.s[last]) {
					return
				}
				path[steps] = least
				steps++
			}
		})
	}
	v, hole := p.s[0].v, 0
	for _, i := range path[:steps] {
		p.s[hole] = p.s[i]
		hole = i
	}
	p.s[hole] = p.s[last]
	p.s[last] = ranked[T]{}
	p.s = p.s[:last]
	return v
}

func (p *heap[T]) peek() T  { return p.s[0].v }
func (p *heap[T]) len() int { return len(p.s) }
func (p *heap[T]) clear()   { p.s = nil }

// A JoinableQueue is a [Queue] that knows when everything put into it has been
// dealt with (gevent.queue.JoinableQueue). An item counts as unfinished from
// the moment it is in the queue, or in the hands of a Get, until TaskDone. If a
// greenlet ends between its Get and its TaskDone, nobody says it for it: use
// defer.
type JoinableQueue[T any] struct {
	Queue[T]
	joiners waitList
}

// NewJoinableQueue makes a queue of at most limit items; zero or less: no
// limit.
func NewJoinableQueue[T any](h *Hub, limit int) *JoinableQueue[T] {
	return &JoinableQueue[T]{Queue: *NewQueue[T](h, limit)}
}

// TaskDone says that one item taken has been dealt with. More of them than
// items is misuse and panics.
func (q *JoinableQueue[T]) TaskDone() {
	if q.unfinished == 0 {
		panic("hub: TaskDone without a task")
	}
	q.done(1)
}

// done counts n items as dealt with.
func (q *JoinableQueue[T]) done(n int) {
	if q.unfinished = max(q.unfinished-n, 0); q.unfinished == 0 {
		q.joiners.wakeAll()
	}
}

// ShutDown is [Queue.ShutDown]; items it drops count as done.
func (q *JoinableQueue[T]) ShutDown(now bool) {
	dropped := 0
	if now {
		dropped = q.Len()
	}
	q.Queue.ShutDown(now)
	q.done(dropped)
}

// Unfinished is the number of items put and not yet done.
func (q *JoinableQueue[T]) Unfinished() int { return q.unfinished }

// Join waits until every item has been dealt with.
func (q *JoinableQueue[T]) Join() error { return q.JoinTimeout(-1) }

// JoinTimeout is Join for at most d, then [ErrTimeout].
func (q *JoinableQueue[T]) JoinTimeout(d time.Duration) error {
	if q.unfinished == 0 {
		return nil
	}
	return q.h.wait(&q.joiners, d, ErrTimeout)
}

// A SimpleQueue has no limit, so Put never waits and never fails
// (gevent.queue.SimpleQueue).
type SimpleQueue[T any] struct{ q Queue[T] }

// NewSimpleQueue makes one.
func NewSimpleQueue[T any](h *Hub) *SimpleQueue[T] {
	return &SimpleQueue[T]{*NewQueue[T](h, 0)}
}

// Put adds v. Callbacks may use it.
func (q *SimpleQueue[T]) Put(v T) { q.q.Put(v) }

// Get takes the oldest item, waiting for one if there is none.
func (q *SimpleQueue[T]) Get() (T, error) { return q.q.Get() }

// GetTimeout is Get that waits at most d, then returns [ErrEmpty].
func (q *SimpleQueue[T]) GetTimeout(d time.Duration) (T, error) { return q.q.GetTimeout(d) }

// TryGet takes the oldest item, or returns [ErrEmpty].
func (q *SimpleQueue[T]) TryGet() (T, error) { return q.q.TryGet() }

// Len is the number of items.
func (q *SimpleQueue[T]) Len() int { return q.q.Len() }

// Empty reports whether there is no item.
func (q *SimpleQueue[T]) Empty() bool { return q.q.Empty() }
