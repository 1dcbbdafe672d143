package hub

import "time"

// A waitList is a first-come-first-served list of parked greenlets, linked
// through the greenlets themselves: a greenlet waits for one thing at a time.
//
// This file is the one way to block and the one way to wake, under every
// primitive of the package (gevent.hub.Waiter). Its promises:
//
//   - A greenlet is woken once, by whoever comes first: a waker, its timer, a
//     kill or a timeout. The others find it gone from the list.
//   - wait returns nil only to a greenlet that a waker chose. What the waker
//     handed over with the choice (a permit, a place in a queue) is then the
//     greenlet's, even if it was killed after: the kill waits for its next
//     blocking call. So nothing handed over is ever lost.
type waitList struct {
	first, last *Greenlet
}

func (l *waitList) push(g *Greenlet) {
	g.waitPrev = l.last
	if l.last == nil {
		l.first = g
	} else {
		l.last.waitNext = g
	}
	l.last = g
	g.waitOn = l
}

// drop takes g out of the list it waits in, if any.
func (g *Greenlet) drop() {
	l := g.waitOn
	if l == nil {
		return
	}
	if g.waitPrev == nil {
		l.first = g.waitNext
	} else {
		g.waitPrev.waitNext = g.waitNext
	}
	if g.waitNext == nil {
		l.last = g.waitPrev
	} else {
		g.waitNext.waitPrev = g.waitPrev
	}
	g.waitOn, g.waitNext, g.waitPrev = nil, nil, nil
}

// wakeOne wakes the greenlet that waits longest and returns it, or nil.
func (l *waitList) wakeOne() *Greenlet {
	g := l.first
	if g != nil {
		g.woken = true
		g.h.unpark(g)
		g.h.push(g)
	}
	return g
}

// wakeAll wakes all who wait now.
func (l *waitList) wakeAll() {
	for l.wakeOne() != nil {
	}
}

// wait parks the running greenlet in l (nil: in no list) until it is woken,
// which returns nil, or until the timeout passes (ErrTimeout; negative means
// never), or until something is thrown into it. An error thrown before comes
// first, without parking.
func (h *Hub) wait(l *waitList, timeout time.Duration) error {
	if err := h.interrupted(); err != nil {
		return err
	}
	g := h.cur
	if timeout >= 0 {
		if timeout == 0 {
			return ErrTimeout
		}
		h.timers.arm(&g.timer, h.now()+int64(timeout))
	}
	if l != nil {
		l.push(g)
	}
	g.parked, g.woken = true, false
	h.transfer(g, h.next())
	if g.woken {
		return nil
	}
	if len(g.pending) != 0 {
		return g.deliver()
	}
	return ErrTimeout
}

// interrupted returns the error that awaits the running greenlet in place of
// its next wait, if any.
func (h *Hub) interrupted() error {
	g := h.cur
	if g == nil {
		panic("hub: blocking call in a callback")
	}
	if len(g.pending) != 0 {
		return g.deliver()
	}
	if h.closing && g != h.main {
		return g.refuse()
	}
	return nil
}

// unpark ends the wait of a parked greenlet without making it ready.
func (h *Hub) unpark(g *Greenlet) {
	g.parked = false
	if g.waitOn != nil {
		g.drop()
	}
	if g.timer.pos != 0 {
		h.timers.disarm(&g.timer)
	}
}

// throw makes err the result of g's blocking call: the current one if g is
// parked, else the next one that would park.
func (h *Hub) throw(g *Greenlet, err error) {
	if g.dead {
		return
	}
	if g.fn != nil && g.co == nil { // never ran: it never will
		h.unpark(g)
		h.finish(g, err)
		return
	}
	g.pending = append(g.pending, err)
	if g.parked {
		h.unpark(g)
		h.push(g)
	}
}

// deliver takes the oldest error thrown into g.
func (g *Greenlet) deliver() error {
	g.answerProbes()
	if len(g.pending) == 0 {
		return nil
	}
	err := g.pending[0]
	if g.pending = g.pending[1:]; len(g.pending) == 0 {
		g.pending = nil
	}
	return err
}

// patience is how many blocking calls a greenlet may make while the hub
// closes, each refused with ErrExit, before it is unwound by force.
const patience = 100

// unwind is the panic that ends a greenlet which ignores ErrExit.
type unwind struct{}

// refuse answers a blocking call while the hub closes.
func (g *Greenlet) refuse() error {
	if g.refused++; g.refused > patience {
		panic(unwind{})
	}
	return ErrExit
}
