package hub

// A Link is a callback on the end of a greenlet or the setting of an event or
// result; see [Greenlet.Link].
type Link struct {
	h    *Hub
	fn   func()
	done bool
}

// Unlink takes the callback back; it does nothing once it has run.
func (l *Link) Unlink() { l.done = true }

// schedule makes the loop run the callback once, before the next greenlet.
func (l *Link) schedule() {
	if l.done {
		return
	}
	l.h.callback(func() {
		if !l.done {
			l.done = true
			l.fn()
		}
	})
}

// links are the callbacks on one object.
type links []*Link

// add adds a callback. A full list is first rid of those taken back, so that
// it does not grow with every wait that timed out.
func (ls *links) add(l *Link) *Link {
	if len(*ls) == cap(*ls) {
		kept := (*ls)[:0]
		for _, old := range *ls {
			if !old.done {
				kept = append(kept, old)
			}
		}
		clear((*ls)[len(kept):])
		*ls = kept
	}
	*ls = append(*ls, l)
	return l
}

// fire schedules them all and empties the list.
func (ls *links) fire() {
	for _, l := range *ls {
		l.schedule()
	}
	*ls = nil
}

// Link calls fn with g soon after g has ended, at once if it has
// (gevent.Greenlet.link). fn runs on the loop: it must not block, else it
// panics; it may spawn.
func (g *Greenlet) Link(fn func(*Greenlet)) *Link {
	return g.rawLink(func() { fn(g) })
}

// LinkValue is [Greenlet.Link] for greenlets that end successfully
// (gevent.Greenlet.link_value).
func (g *Greenlet) LinkValue(fn func(*Greenlet)) *Link {
	return g.rawLink(func() {
		if g.Successful() {
			fn(g)
		}
	})
}

// LinkError is [Greenlet.Link] for greenlets that end with an error
// (gevent.Greenlet.link_exception).
func (g *Greenlet) LinkError(fn func(*Greenlet)) *Link {
	return g.rawLink(func() {
		if !g.Successful() {
			fn(g)
		}
	})
}

func (g *Greenlet) rawLink(fn func()) *Link {
	l := &Link{h: g.h, fn: fn}
	if g.dead {
		l.schedule()
	} else {
		g.links.add(l)
	}
	return l
}
