package hub

import (
	"iter"
	"time"
)

// JoinAll waits until all of gs are dead, whatever their outcomes
// (gevent.joinall). The error is that of the wait. See [Hub.GetAll] for the
// outcomes.
func (h *Hub) JoinAll(gs ...*Greenlet) error { return h.JoinAllTimeout(-1, gs...) }

// JoinAllTimeout is JoinAll for at most d, then [ErrTimeout]; see the package
// on limits.
func (h *Hub) JoinAllTimeout(d time.Duration, gs ...*Greenlet) error {
	end := h.end(d)
	for _, g := range gs {
		if g.dead {
			continue
		}
		if err := g.JoinTimeout(h.left(end)); err != nil {
			return err
		}
	}
	return nil
}

// GetAll waits for all of gs but returns at the first that failed, in their
// order, with its error (gevent.joinall with raise_error). Being killed counts
// as a failure here.
func (h *Hub) GetAll(gs ...*Greenlet) error {
	for _, g := range gs {
		g.heard = true
	}
	for _, g := range gs {
		if err := g.Get(); err != nil {
			return err
		}
	}
	return nil
}

// KillAll throws [ErrExit] into all of gs and waits until they are dead
// (gevent.killall).
func (h *Hub) KillAll(gs ...*Greenlet) error { return h.KillAllWith(ErrExit, -1, gs...) }

// KillAllWith is KillAll with an error of your own, waiting at most d; zero
// does not wait, negative has no limit. The running greenlet, if it is among
// them, is left out.
func (h *Hub) KillAllWith(err error, d time.Duration, gs ...*Greenlet) error {
	if err == nil {
		panic("hub: kill with a nil error")
	}
	rest := make([]*Greenlet, 0, len(gs))
	for _, g := range gs {
		if g != h.cur {
			h.kill(g, err)
			rest = append(rest, g)
		}
	}
	if d == 0 {
		return nil
	}
	return h.JoinAllTimeout(d, rest...)
}

// A Waitable is what [Wait] and [Iwait] wait for: a [*Greenlet] or [*Task]
// (its end), an [*Event], an [*AsyncResult] (being set), a [*Semaphore]
// (a free permit), a [*Popen] (its end). To wait for several kinds at once, say
// Wait[Waitable].
type Waitable interface {
	Ready() bool
	attach(l *Link)
}

// Iwait yields the objects in the order in which they become ready, each once
// (gevent.iwait). If waiting fails, that error is yielded last, with a zero
// object.
func Iwait[W Waitable](h *Hub, objects ...W) iter.Seq2[W, error] {
	return IwaitTimeout(h, -1, objects...)
}

// IwaitTimeout is Iwait for at most d altogether, then it yields [ErrTimeout];
// see the package on limits. Objects that are ready are yielded whatever d is.
func IwaitTimeout[W Waitable](h *Hub, d time.Duration, objects ...W) iter.Seq2[W, error] {
	return func(yield func(W, error) bool) {
		var none W
		end := h.end(d)
		ready := NewSimpleQueue[W](h)
		links := make([]*Link, len(objects))
		for i, o := range objects {
			links[i] = &Link{fn: func() { ready.Put(o) }}
			o.attach(links[i])
		}
		defer func() {
			for _, l := range links {
				l.Unlink()
			}
		}()
		for range objects {
			o, err := ready.TryGet()
			if err != nil {
				o, err = ready.q.get(h.left(end), ErrTimeout)
			}
			if err != nil {
				yield(none, err)
				return
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Wait waits for count of the objects (zero or less: for all) and returns
// those that became ready, in that order (gevent.wait). With an error it
// returns those that were ready until then.
func Wait[W Waitable](h *Hub, count int, objects ...W) ([]W, error) {
	return WaitTimeout(h, -1, count, objects...)
}

// WaitTimeout is Wait for at most d, then [ErrTimeout]; see the package on
// limits.
func WaitTimeout[W Waitable](h *Hub, d time.Duration, count int, objects ...W) ([]W, error) {
	if count <= 0 || count > len(objects) {
		count = len(objects)
	}
	ready := make([]W, 0, count)
	if count == 0 {
		return ready, nil
	}
	for o, err := range IwaitTimeout(h, d, objects...) {
		if err != nil {
			return ready, err
		}
		if ready = append(ready, o); len(ready) == count {
			break
		}
	}
	return ready, nil
}

// WaitQuiet waits until nothing can happen any more: all other greenlets are
// dead or blocked for ever, no timer runs, nobody waits for a descriptor
// (gevent.wait without objects).
func (h *Hub) WaitQuiet() error { return h.wait(&h.quiet, -1, nil) }
