package hub

import (
	"errors"
	"slices"
	"testing"
	"time"
)

func TestQueueBoundedBothWays(t *testing.T) {
	for _, limit := range []int{0, 1, 3, 10} {
		var got []int
		run(t, func(h *Hub) {
			q := NewQueue[int](h, limit)
			p := h.Spawn(func() error {
				for i := range 100 {
					if err := q.Put(i); err != nil {
						return err
					}
					if limit > 0 && q.Len() > limit {
						t.Errorf("%d items in a queue of %d", q.Len(), limit)
					}
				}
				q.ShutDown(false)
				return nil
			})
			for v, err := range q.All() {
				must(t, err)
				got = append(got, v)
			}
			must(t, p.Get())
		})
		if len(got) != 100 || !slices.IsSorted(got) {
			t.Fatalf("limit %d: got %v", limit, got)
		}
	}
}

// A killed getter must not take the item promised to it into its grave, and a
// killed putter not its place.
func TestQueueKilledWaitersLoseNothing(t *testing.T) {
	run(t, func(h *Hub) {
		q := NewQueue[int](h, 1)
		var got []int
		get := func() error {
			v, err := q.Get()
			if err != nil {
				return err
			}
			got = append(got, v)
			return h.Yield()
		}
		a, b := h.Spawn(get), h.Spawn(get)
		must(t, h.Yield())
		must(t, q.Put(1)) // promised to a
		must(t, a.Kill()) // after the promise: a has the item, and then ErrExit
		if !errors.Is(a.Err(), ErrExit) || !slices.Equal(got, []int{1}) {
			t.Fatalf("a: %v, got %v", a.Err(), got)
		}
		must(t, b.Kill()) // before any promise
		must(t, q.Put(2))
		if v, err := q.TryGet(); v != 2 || err != nil {
			t.Fatalf("2 went to %v, %v", v, err)
		}
		must(t, q.Put(3))
		c := h.Spawn(func() error { return q.Put(4) })
		d := h.Spawn(func() error { return q.Put(5) })
		must(t, h.Yield())
		must(t, c.Kill())
		for _, want := range []int{3, 5} {
			if v, err := q.Get(); v != want || err != nil {
				t.Fatalf("got %v, %v, want %d", v, err, want)
			}
		}
		must(t, d.Get())
	})
}

func TestQueueWithoutWaiting(t *testing.T) {
	run(t, func(h *Hub) {
		q := NewQueue[string](h, 1)
		if _, err := q.TryGet(); err != ErrEmpty {
			t.Errorf("TryGet: %v", err)
		}
		if _, err := q.TryPeek(); err != ErrEmpty {
			t.Errorf("TryPeek: %v", err)
		}
		if _, err := q.GetTimeout(time.Millisecond); err != ErrEmpty {
			t.Errorf("GetTimeout: %v", err)
		}
		must(t, q.TryPut("a"))
		if err := q.TryPut("b"); err != ErrFull {
			t.Errorf("TryPut: %v", err)
		}
		if err := q.PutTimeout("b", time.Millisecond); err != ErrFull {
			t.Errorf("PutTimeout: %v", err)
		}
		if v, err := q.Peek(); v != "a" || err != nil {
			t.Errorf("Peek: %v, %v", v, err)
		}
		if !q.Full() || q.Empty() || q.Len() != 1 || q.Cap() != 1 {
			t.Error("Full, Empty, Len, Cap")
		}
	})
}

func TestQueueShutDown(t *testing.T) {
	run(t, func(h *Hub) {
		q := NewQueue[int](h, 1)
		must(t, q.Put(1))
		p := h.Spawn(func() error { return q.Put(2) })
		must(t, h.Yield())
		q.ShutDown(false)
		if err := p.Get(); err != ErrShutDown {
			t.Errorf("waiting Put: %v", err)
		}
		if err := q.Put(3); err != ErrShutDown {
			t.Errorf("Put: %v", err)
		}
		if v, err := q.Get(); v != 1 || err != nil {
			t.Errorf("Get: %v, %v", v, err)
		}
		if _, err := q.Get(); err != ErrShutDown {
			t.Errorf("Get: %v", err)
		}

		q = NewQueue[int](h, 0)
		g := h.Spawn(func() error { _, err := q.Get(); return err })
		must(t, h.Yield())
		q.ShutDown(true)
		if err := g.Get(); err != ErrShutDown {
			t.Errorf("waiting Get: %v", err)
		}

		q = NewQueue[int](h, 0)
		g = h.Spawn(func() error { _, err := q.Get(); return err })
		must(t, h.Yield())
		must(t, q.Put(1)) // handed over
		q.ShutDown(true)  // too late to drop it
		if err := g.Get(); err != nil {
			t.Errorf("Get that has an item: %v", err)
		}
	})
}

// Peeking waiters leave the item to the getter behind them.
func TestQueuePeekPassesThePromiseOn(t *testing.T) {
	run(t, func(h *Hub) {
		q := NewQueue[int](h, 0)
		var peeked, got int
		a := h.Spawn(func() (err error) { peeked, err = q.Peek(); return err })
		b := h.Spawn(func() (err error) { got, err = q.Get(); return err })
		must(t, h.Yield())
		must(t, q.Put(7))
		must(t, h.JoinAll(a, b))
		if peeked != 7 || got != 7 || q.Len() != 0 {
			t.Errorf("peeked %d, got %d, left %d", peeked, got, q.Len())
		}
	})
}

func TestLifoAndPriorityQueue(t *testing.T) {
	run(t, func(h *Hub) {
		l := NewLifoQueue[int](h, 0)
		p := NewPriorityQueue(h, 0, func(a, b [2]int) bool { return a[0] < b[0] })
		for i, v := range []int{3, 1, 2, 1, 3, 0, 2} {
			must(t, l.Put(v))
			must(t, p.Put([2]int{v, i}))
		}
		var lifo []int
		for !l.Empty() {
			v, err := l.Get()
			must(t, err)
			lifo = append(lifo, v)
		}
		if !slices.Equal(lifo, []int{2, 0, 3, 1, 2, 1, 3}) {
			t.Errorf("lifo %v", lifo)
		}
		var prio [][2]int
		for !p.Empty() {
			v, err := p.Get()
			must(t, err)
			prio = append(prio, v)
		}
		if !slices.Equal(prio, [][2]int{{0, 5}, {1, 1}, {1, 3}, {2, 2}, {2, 6}, {3, 0}, {3, 4}}) {
			t.Errorf("priority %v", prio)
		}
	})
}

func TestJoinableQueue(t *testing.T) {
	run(t, func(h *Hub) {
		q := NewJoinableQueue[int](h, 2)
		sum := 0
		for range 3 {
			h.Spawn(func() error {
				for {
					v, err := q.Get()
					if err != nil {
						return err
					}
					if err := h.Sleep(time.Millisecond); err != nil {
						return err
					}
					sum += v
					q.TaskDone()
				}
			})
		}
		for i := range 10 {
			must(t, q.Put(i))
		}
		if q.Unfinished() == 0 {
			t.Error("finished too early")
		}
		must(t, q.Join())
		if sum != 45 {
			t.Errorf("joined with sum %d", sum)
		}
		defer func() {
			if recover() != "hub: TaskDone without a task" {
				t.Error("no panic for one TaskDone too many")
			}
		}()
		q.TaskDone()
	})
}

func TestSemaphoreHandsOverInOrder(t *testing.T) {
	var got []int
	run(t, func(h *Hub) {
		s := NewSemaphore(h, 1)
		inside := 0
		var gs []*Greenlet
		for i := range 5 {
			gs = append(gs, h.Spawn(func() error {
				return s.With(func() error {
					if inside++; inside != 1 {
						t.Errorf("%d inside", inside)
					}
					got = append(got, i)
					defer func() { inside-- }()
					return h.Yield()
				})
			}))
		}
		must(t, h.Yield())
		must(t, gs[2].Kill()) // waits: its turn is skipped
		must(t, h.JoinAll(gs...))
		if s.Count() != 1 || s.Locked() {
			t.Errorf("count %d", s.Count())
		}
	})
	if !slices.Equal(got, []int{0, 1, 3, 4}) {
		t.Fatalf("entered in order %v", got)
	}
}

// A kill that comes after the permit was handed over must not lose it.
func TestSemaphorePermitSurvivesKill(t *testing.T) {
	run(t, func(h *Hub) {
		s := NewSemaphore(h, 0)
		g := h.Spawn(func() error { return s.With(h.Yield) })
		must(t, h.Yield())
		s.Release()
		must(t, g.Kill())
		if s.Count() != 1 || !errors.Is(g.Err(), ErrExit) {
			t.Errorf("count %d, outcome %v", s.Count(), g.Err())
		}
		if err := NewSemaphore(h, 0).AcquireTimeout(time.Millisecond); err != ErrTimeout {
			t.Errorf("AcquireTimeout: %v", err)
		}
	})
}

func TestBoundedSemaphore(t *testing.T) {
	run(t, func(h *Hub) {
		s := NewBoundedSemaphore(h, 1)
		must(t, s.With(func() error { return nil }))
		defer func() {
			if recover() != "hub: bounded semaphore released too often" {
				t.Error("no panic")
			}
		}()
		s.Release()
	})
}

func TestSimpleQueue(t *testing.T) {
	run(t, func(h *Hub) {
		q := NewSimpleQueue[int](h)
		if _, err := q.TryGet(); err != ErrEmpty {
			t.Errorf("%v", err)
		}
		if _, err := q.GetTimeout(time.Millisecond); err != ErrEmpty {
			t.Errorf("%v", err)
		}
		must(t, h.Post(func() { // callbacks may put
			for i := range 20 {
				q.Put(i)
			}
		}))
		for i := range 20 {
			if v, err := q.Get(); v != i || err != nil {
				t.Fatalf("%v, %v", v, err)
			}
		}
		if !q.Empty() || q.Len() != 0 {
			t.Error("not empty")
		}
	})
}

func TestDummySemaphore(t *testing.T) {
	var s DummySemaphore
	must(t, s.Acquire())
	must(t, s.AcquireTimeout(0))
	if !s.TryAcquire() {
		t.Error("no permit")
	}
	s.Release()
}

func TestPeekOfEveryQueue(t *testing.T) {
	run(t, func(h *Hub) {
		l := NewLifoQueue[int](h, 0)
		p := NewPriorityQueue(h, 0, func(a, b int) bool { return a < b })
		for _, v := range []int{2, 1, 3} {
			must(t, l.Put(v))
			must(t, p.TryPut(v))
		}
		if v, err := l.Peek(); v != 3 || err != nil || l.Len() != 3 {
			t.Errorf("lifo: %v, %v", v, err)
		}
		if v, err := p.Peek(); v != 1 || err != nil || p.Len() != 3 {
			t.Errorf("priority: %v, %v", v, err)
		}
		l.ShutDown(true)
		p.ShutDown(true)
		if _, err := l.Get(); err != ErrShutDown || l.Len() != 0 {
			t.Errorf("lifo: %v", err)
		}
		if _, err := p.Get(); err != ErrShutDown || p.Len() != 0 {
			t.Errorf("priority: %v", err)
		}
	})
}

// Items dropped by a shutdown count as done.
func TestJoinableQueueShutDown(t *testing.T) {
	run(t, func(h *Hub) {
		q := NewJoinableQueue[int](h, 2)
		must(t, q.TryPut(1))
		must(t, q.TryPut(2))
		if err := q.TryPut(3); err != ErrFull || q.Unfinished() != 2 {
			t.Errorf("%v, %d unfinished", err, q.Unfinished())
		}
		if err := q.JoinTimeout(time.Millisecond); err != ErrTimeout {
			t.Errorf("%v", err)
		}
		if _, err := q.Get(); err != nil { // taken, not done
			t.Error(err)
		}
		j := h.Spawn(q.Join)
		must(t, h.Yield())
		q.ShutDown(true)
		must(t, h.Yield())
		if j.Dead() {
			t.Error("joined before the item in hand was done")
		}
		q.TaskDone()
		must(t, j.Get())
	})
}

func TestSemaphoreTry(t *testing.T) {
	run(t, func(h *Hub) {
		s := NewBoundedSemaphore(h, 1)
		if !s.TryAcquire() || s.TryAcquire() || s.Ready() {
			t.Error("one permit, not none or two")
		}
		s.Release()
		if !s.Ready() || s.Count() != 1 {
			t.Error("not given back")
		}
	})
}

func TestAsyncResultComplete(t *testing.T) {
	run(t, func(h *Hub) {
		a := NewAsyncResult[int](h)
		if _, err := a.GetTimeout(time.Millisecond); err != ErrTimeout {
			t.Errorf("%v", err)
		}
		a.Complete(7, nil)
		must(t, a.Wait())
		if v, err := a.TryGet(); v != 7 || err != nil {
			t.Errorf("%v, %v", v, err)
		}
		a.Complete(0, errBoom)
		if _, err := a.TryGet(); err != errBoom {
			t.Errorf("%v", err)
		}
	})
}

func TestChannelAll(t *testing.T) {
	run(t, func(h *Hub) {
		c := NewChannel[int](h)
		sum := 0
		g := h.Spawn(func() error {
			for v, err := range c.All() {
				if err != nil {
					return err
				}
				sum += v
			}
			return nil
		})
		for i := range 5 {
			must(t, c.Put(i))
		}
		must(t, h.Yield())
		must(t, g.Kill())
		if sum != 10 || !errors.Is(g.Err(), ErrExit) {
			t.Errorf("%d, %v", sum, g.Err())
		}
	})
}
