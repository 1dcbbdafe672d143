package hub

import "iter"

// A Spawner runs functions: a [*Group] in greenlets at once, a [*Pool] in
// greenlets when it has room, a [*ThreadPool] on goroutines.
type Spawner interface {
	// spawn runs f somewhere and then, on the hub, what f returned.
	spawn(f func() (settle func(), err error)) (*Greenlet, error)
	hub() *Hub
}

func (p *Group) hub() *Hub { return p.h }

func (p *Group) spawn(f func() (func(), error)) (*Greenlet, error) {
	return p.Spawn(settled(f)), nil
}

func (p *Pool) spawn(f func() (func(), error)) (*Greenlet, error) {
	return p.Spawn(settled(f))
}

func settled(f func() (func(), error)) func() error {
	return func() error {
		settle, err := f()
		settle()
		return err
	}
}

// Apply runs f in s and waits for its result (Group.apply).
func Apply[R any](s Spawner, f func() (R, error)) (R, error) {
	t, err := ApplyAsync(s, f)
	if err != nil {
		var zero R
		return zero, err
	}
	return t.Get()
}

// ApplyAsync runs f in s and returns at once, except that a full pool makes it
// wait (Group.apply_async). For a callback see [Greenlet.Link].
func ApplyAsync[R any](s Spawner, f func() (R, error)) (*Task[R], error) {
	t := new(Task[R])
	g, err := s.spawn(func() (func(), error) {
		v, err := f()
		return func() { t.v = v }, err
	})
	if err != nil {
		return nil, err
	}
	t.Greenlet = g
	return t, nil
}

// Map calls f for every item in s and returns the results in the order of the
// items, or the error of the first item, in that order, that failed
// (Group.map). The others run on.
func Map[T, R any](s Spawner, items []T, f func(T) (R, error)) ([]R, error) {
	tasks := make([]*Task[R], len(items))
	for i, item := range items {
		t, err := ApplyAsync(s, func() (R, error) { return f(item) })
		if err != nil {
			return nil, err
		}
		t.heard = true
		tasks[i] = t
	}
	results := make([]R, len(items))
	for i, t := range tasks {
		v, err := t.Get()
		if err != nil {
			return nil, err
		}
		results[i] = v
	}
	return results, nil
}

// MapAsync is [Map] that returns at once (Group.map_async).
func MapAsync[T, R any](s Spawner, items []T, f func(T) (R, error)) *Task[[]R] {
	return Spawn(s.hub(), func() ([]R, error) { return Map(s, items, f) })
}

// Imap is [Map] over any sequence, yielding each result, or error, as soon as
// it and those before it are there (Group.imap). At most ahead results wait to
// be taken before no more items are drawn (zero or less: no limit; gevent's
// maxsize); in a pool, items are drawn as it has room. Leaving the loop early
// kills the calls not yet done. If waiting fails, that error is yielded last.
func Imap[T, R any](s Spawner, items iter.Seq[T], ahead int, f func(T) (R, error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		h := s.hub()
		tasks := NewQueue[*Task[R]](h, ahead)
		stopped := false
		feed := h.Spawn(func() error {
			defer tasks.ShutDown(false)
			for item := range items {
				t, err := ApplyAsync(s, func() (R, error) { return f(item) })
				if err != nil {
					return err
				}
				t.heard = true
				if err := tasks.Put(t); err != nil || stopped {
					h.throw(t.Greenlet, ErrExit)
					return err
				}
			}
			return nil
		})
		feed.heard = true
		defer func() {
			stopped = true
			h.throw(feed, ErrExit)
			for t, err := tasks.TryGet(); err == nil; t, err = tasks.TryGet() {
				h.throw(t.Greenlet, ErrExit)
			}
		}()
		for t, err := range tasks.All() {
			if err == nil {
				if err = t.Join(); err != nil {
					h.throw(t.Greenlet, ErrExit)
				}
			}
			if err != nil {
				var zero R
				yield(zero, err)
				return
			}
			if !yield(t.v, t.err) {
				return
			}
		}
		yieldError(feed, yield)
	}
}

// ImapUnordered is [Imap] that yields results in the order in which they come
// (Group.imap_unordered).
func ImapUnordered[T, R any](s Spawner, items iter.Seq[T], ahead int, f func(T) (R, error)) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		h := s.hub()
		done := NewSimpleQueue[*Task[R]](h)
		running := map[*Task[R]]bool{}
		var room interface {
			Acquire() error
			Release()
		} = DummySemaphore{}
		if ahead > 0 {
			room = NewSemaphore(h, ahead)
		}
		stopped := false
		feed := h.Spawn(func() error {
			for item := range items {
				if err := room.Acquire(); err != nil {
					return err
				}
				t, err := ApplyAsync(s, func() (R, error) { return f(item) })
				if err != nil {
					return err
				}
				if stopped {
					h.throw(t.Greenlet, ErrExit)
					return nil
				}
				t.heard = true
				running[t] = true
				t.rawLink(func() { done.Put(t) })
			}
			return nil
		})
		feed.heard = true
		feed.rawLink(func() { done.Put(nil) }) // no more will be started
		defer func() {
			stopped = true
			h.throw(feed, ErrExit)
			for t := range running {
				h.throw(t.Greenlet, ErrExit)
			}
		}()
		for fed := false; !fed || len(running) > 0; {
			t, err := done.Get()
			if err != nil {
				var zero R
				yield(zero, err)
				return
			}
			if t == nil {
				fed = true
				continue
			}
			delete(running, t)
			room.Release()
			if !yield(t.v, t.err) {
				return
			}
		}
		yieldError(feed, yield)
	}
}

// yieldError yields the error of a greenlet that has ended, if any.
func yieldError[R any](g *Greenlet, yield func(R, error) bool) {
	if err := g.Join(); err == nil {
		err = g.err
		if err == nil {
			return
		}
		var zero R
		yield(zero, err)
	}
}
