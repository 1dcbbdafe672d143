package hub

// A Link is a callback on the end of a greenlet; see [Greenlet.Link]. Within
// the package it is also a function to be called in the very step in which a
// greenlet ends, an event is set, a permit becomes free.
type Link struct {
	h    *Hub
	fn   func()
	user bool // fn is the user's: a callback
	fine bool // fn is told of success only
	done bool
}

// Unlink takes the callback back; it does nothing once it has run.
func (l *Link) Unlink() { l.done = true }

// fire runs the function once: now, or as a callback.
func (l *Link) fire() {
	if l.done {
		return
	}
	if !l.user {
		l.done = true
		l.fn()
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

// hear reports whether a callback of the user's will hear of an error.
func (ls *links) hear() bool {
	if ls == nil {
		return false
	}
	for _, l := range *ls {
		if l.user && !l.fine && !l.done {
			return true
		}
	}
	return false
}

// fire fires them all and empties the list.
func (ls *links) fire() {
	if ls == nil {
		return
	}
	all := *ls
	*ls = nil
	for _, l := range all {
		l.fire()
	}
}

// Link calls fn with g soon after g has ended, at once if it has
// (gevent.Greenlet.link). fn runs before the next greenlet, as a callback: it
// must not block, else it panics; it may spawn. Its panic is reported to
// [Config].OnError and goes no further.
func (g *Greenlet) Link(fn func(*Greenlet)) *Link {
	l := &Link{h: g.h, user: true, fn: func() { fn(g) }}
	g.attach(l)
	return l
}

// LinkValue is [Greenlet.Link] for greenlets that end successfully
// (gevent.Greenlet.link_value).
func (g *Greenlet) LinkValue(fn func(*Greenlet)) *Link {
	l := g.Link(func(*Greenlet) {
		if g.successful() {
			fn(g)
		}
	})
	l.fine = true
	return l
}

// LinkError is [Greenlet.Link] for greenlets that end with an error
// (gevent.Greenlet.link_exception).
func (g *Greenlet) LinkError(fn func(*Greenlet)) *Link {
	return g.Link(func(*Greenlet) {
		if !g.successful() {
			fn(g)
		}
	})
}

// rawLink makes the package's own fn run in the step in which g ends.
func (g *Greenlet) rawLink(fn func()) *Link {
	l := &Link{fn: fn}
	g.attach(l)
	return l
}

func (g *Greenlet) attach(l *Link) {
	if g.dead {
		l.fire()
		return
	}
	g.extra().links.add(l)
}

// linked returns the callbacks on g's end, nil if there are none.
func (g *Greenlet) linked() *links {
	if g.more == nil {
		return nil
	}
	return &g.more.links
}
