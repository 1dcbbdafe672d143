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
// limit), ordered by less.
func NewPriorityQueue[T any](h *Hub, limit int, less func(a, b T) bool) *PriorityQueue[T] {
	return &PriorityQueue[T]{buffer[T]{h: h, cap: max(limit, 0), items: &heap[T]{less: less}}}
}

// heap is a binary heap that keeps equal items in order.
type heap[T any] struct {
	less func(a, b T) bool
	s    []ranked[T]
	seq  uint64
}

type ranked[T any] struct {
	v   T
	seq uint64
}

func (p *heap[T]) before(i, j int) bool {
	a, b := &p.s[i], &p.s[j]
	return p.less(a.v, b.v) || !p.less(b.v, a.v) && a.seq < b.seq
}

func (p *heap[T]) put(v T) {
	p.seq++
	p.s = append(p.s, ranked[T]{v, p.seq})
	for i := len(p.s) - 1; i > 0; {
		up := (i - 1) / 2
		if !p.before(i, up) {
			break
		}
		p.s[i], p.s[up] = p.s[up], p.s[i]
		i = up
	}
}

func (p *heap[T]) get() T {
	v, last := p.s[0].v, len(p.s)-1
	p.s[0] = p.s[last]
	p.s[last] = ranked[T]{}
	p.s = p.s[:last]
	for i := 0; ; {
		least := 2*i + 1
		if least >= last {
			break
		}
		if least+1 < last && p.before(least+1, least) {
			least++
		}
		if !p.before(least, i) {
			break
		}
		p.s[i], p.s[least] = p.s[least], p.s[i]
		i = least
	}
	return v
}

func (p *heap[T]) peek() T  { return p.s[0].v }
func (p *heap[T]) len() int { return len(p.s) }
func (p *heap[T]) clear()   { p.s = nil }

// A JoinableQueue is a [Queue] that knows when everything put into it has been
// dealt with (gevent.queue.JoinableQueue).
type JoinableQueue[T any] struct {
	Queue[T]
	unfinished int
	joiners    waitList
}

// NewJoinableQueue makes a queue of at most limit items; zero or less: no limit.
func NewJoinableQueue[T any](h *Hub, limit int) *JoinableQueue[T] {
	return &JoinableQueue[T]{Queue: *NewQueue[T](h, limit)}
}

// Put is [Queue.Put]; the item counts as unfinished until TaskDone.
func (q *JoinableQueue[T]) Put(v T) error { return q.PutTimeout(v, -1) }

// TryPut is Put that never waits.
func (q *JoinableQueue[T]) TryPut(v T) error { return q.PutTimeout(v, 0) }

// PutTimeout is Put that waits at most d for room, then returns [ErrFull].
func (q *JoinableQueue[T]) PutTimeout(v T, d time.Duration) error {
	err := q.Queue.PutTimeout(v, d)
	if err == nil {
		q.unfinished++
	}
	return err
}

// TaskDone says that one item taken has been dealt with. More of them than
// items is misuse and panics.
func (q *JoinableQueue[T]) TaskDone() {
	if q.unfinished == 0 {
		panic("hub: TaskDone without a task")
	}
	if q.unfinished--; q.unfinished == 0 {
		q.joiners.wakeAll()
	}
}

// ShutDown is [Queue.ShutDown]; items it drops count as done.
func (q *JoinableQueue[T]) ShutDown(now bool) {
	if now {
		for n := q.Len(); n > 0; n-- {
			q.TaskDone()
		}
	}
	q.Queue.ShutDown(now)
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
	return q.h.wait(&q.joiners, d)
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
