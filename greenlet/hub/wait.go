package hub

import "time"

// JoinAll waits until all of gs are dead, whatever their outcomes
// (gevent.joinall). The error is that of the wait. See [Hub.GetAll] for the
// outcomes.
func (h *Hub) JoinAll(gs ...*Greenlet) error { return h.JoinAllTimeout(-1, gs...) }

// JoinAllTimeout is JoinAll for at most d, then [ErrTimeout]; negative has no
// limit.
func (h *Hub) JoinAllTimeout(d time.Duration, gs ...*Greenlet) error {
	end := h.now() + int64(d)
	for _, g := range gs {
		if d >= 0 && !g.dead {
			if d = time.Duration(end - h.now()); d < 0 {
				d = 0
			}
		}
		if err := g.JoinTimeout(d); err != nil {
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
			h.throw(g, err)
			rest = append(rest, g)
		}
	}
	if d == 0 {
		return nil
	}
	return h.JoinAllTimeout(d, rest...)
}
