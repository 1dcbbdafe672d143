package hub

import (
	"errors"
	"runtime"
	"time"
)

// A waitList is a first-come-first-served list of parked greenlets, linked
// through the greenlets themselves: a greenlet waits for one thing at a time.
//
// This file is the one way to block and the one way to wake, under every
// primitive of the package (gevent.hub.Waiter). Its promises:
//
//   - A greenlet is woken once, by whoever comes first: a waker, its timer, a
//     kill or a timeout. In the same step it leaves the list, what it offers
//     there goes with it (see line), and the result of its wait is settled.
//     Nothing is left for the woken greenlet to tidy up, so between its waking
//     and its turn nobody finds it in a list, an offer or a count.
//   - wait returns nil only to a greenlet that a waker chose. What the waker
//     handed over with the choice (a value, a permit, a lock, a place) is then
//     the greenlet's, even if it was killed after: the kill waits for its next
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

// len counts those who wait; it walks along the list.
func (l *waitList) len() (n int) {
	for g := l.first; g != nil; g = g.waitNext {
		n++
	}
	return n
}

// wakeOne wakes the greenlet that waits longest and returns it, or nil.
func (l *waitList) wakeOne() *Greenlet {
	g := l.first
	if g != nil {
		g.h.wake(g)
	}
	return g
}

// wakeAll wakes all who wait now.
func (l *waitList) wakeAll() {
	for l.wakeOne() != nil {
	}
}

// failAll makes err the result of all who wait now.
func (l *waitList) failAll(err error) {
	for g := l.first; g != nil; g = l.first {
		g.err = err
		g.h.wake(g)
	}
}

// wait parks the running greenlet in l (nil: in no list) until it is woken,
// which returns nil, or until d has passed, which returns late, or until
// something is thrown into it. An error thrown before comes first, without
// parking.
//
// A negative d has no end. Zero does not wait: everybody who is ready has a
// turn and the hub looks outside once; whoever was not woken by then is late.
// In a callback, where nobody else can have a turn, it is late at once.
func (h *Hub) wait(l *waitList, d time.Duration, late error) error {
	g := h.cur
	co, err := h.park(g, l, d, late)
	if co == nil {
		return err
	}
	co.Switch(struct{}{})
	return h.woken(g, late)
}

// park is wait up to the switch, which it leaves to the caller (see pass): it
// returns where to, or nil and the result of a wait that needs none.
func (h *Hub) park(g *Greenlet, l *waitList, d time.Duration, late error) (*carrier, error) {
	if g == nil && d == 0 {
		return nil, late
	}
	if err := h.interrupted(); err != nil {
		return nil, err
	}
	if d > 0 {
		h.timers.arm(&g.timer, h.now().after(d))
	}
	if l != nil {
		l.push(g)
	}
	g.parked, g.err = true, nil
	if d == 0 {
		g.queued = true
		h.push(g)
		h.lookAt, h.lastIO = 0, nil
	}
	if co := h.pass(g, h.next()); co != nil {
		return co, nil
	}
	return nil, h.woken(g, late)
}

// woken is wait after the switch back.
func (h *Hub) woken(g *Greenlet, late error) error {
	if g.pending != nil {
		g.answerProbes()
	}
	if g.parked { // it had no more than a turn, and this is it
		h.unpark(g)
		return late
	}
	err := g.err
	if err != nil {
		g.err = nil
		if err == errTimer {
			return late
		}
	}
	return err
}

// errTimer is what ended a wait if the timer did.
var errTimer = errors.New("hub: timer")

// waitIO is wait for a descriptor.
func (h *Hub) waitIO(l *waitList, d time.Duration, late error) error {
	if err := h.interrupted(); err != nil {
		return err
	}
	g := h.cur
	g.onIO = true
	h.ioWait++
	err := h.wait(l, d, late)
	if h.lastIO == g {
		h.lastIO = nil
	}
	return err
}

// interrupted returns the error that awaits the running greenlet in place of
// its next wait, if any.
func (h *Hub) interrupted() error {
	g := h.cur
	if g == nil {
		panic("hub: blocking call in a callback")
	}
	if g.pending != nil {
		return g.deliver()
	}
	if h.closing && g != h.main {
		return g.refuse()
	}
	return nil
}

// unpark ends the wait of a parked greenlet without making it ready.
func (h *Hub) unpark(g *Greenlet) {
	g.parked, g.queued = false, false
	if g.waitOn != nil {
		g.drop()
	}
	if g.timer.seq != 0 {
		h.timers.disarm(&g.timer)
	}
	if g.onIO {
		g.onIO = false
		h.ioWait--
		h.lastIO = g
	}
}

// wake ends the wait of a parked greenlet and makes it ready, unless it is.
func (h *Hub) wake(g *Greenlet) {
	queued := g.queued
	h.unpark(g)
	if !queued {
		h.push(g)
	}
}

// throw makes err the result of g's blocking call: the current one if g is
// parked, else the next one that would park.
func (h *Hub) throw(g *Greenlet, err error) {
	switch {
	case g.dead:
	case g.fn != nil && g.co == nil: // never ran: it never will
		h.unpark(g)
		h.finish(g, err)
	case g.parked:
		g.err = err
		h.wake(g)
	default:
		last := &g.pending
		for *last != nil {
			last = &(*last).next
		}
		*last = &thrown{err: err}
	}
}

// A thrown is an error on its way into a greenlet that is not parked, and those
// thrown after it.
type thrown struct {
	err  error
	next *thrown
}

// kill throws err into g and sees to it that its end is not reported. What
// comes of an ErrExit is seen by the error: one that wraps it is a kill's.
func (h *Hub) kill(g *Greenlet, err error) {
	if !g.dead && err != ErrExit {
		g.heard = true
	}
	h.throw(g, err)
}

// deliver takes the oldest error thrown into g.
func (g *Greenlet) deliver() error {
	g.answerProbes()
	p := g.pending
	if p == nil {
		return nil
	}
	g.pending = p.next
	return p.err
}

// forget takes err back if it was thrown and has interrupted nothing yet.
func (g *Greenlet) forget(err error) {
	for p := &g.pending; *p != nil; p = &(*p).next {
		if (*p).err == err {
			*p = (*p).next
			return
		}
	}
}

// patience is how many blocking calls a greenlet may make while the hub
// closes, each refused with ErrExit, before it is unwound by force.
const patience = 100

// refuse answers a blocking call while the hub closes. A greenlet that goes on
// regardless is unwound by runtime.Goexit, which nobody can recover from; its
// deferred functions may try another hundred times each.
func (g *Greenlet) refuse() error {
	if g.refused++; g.refused > patience {
		g.refused = 0
		g.forced = true
		runtime.Goexit()
	}
	return ErrExit
}

// A line is a waitList of greenlets that wait to hand a T over or to be handed
// one. The value lies in a cell that belongs to the wait: whoever wakes the
// greenlet has put it there or taken it from there.
type line[T any] struct {
	waitList
	spare *cell[T] // cells for later waits, so that waiting does not allocate
}

type cell[T any] struct {
	v    T
	copy bool // is to have a copy only (Peek)
	next *cell[T]
}

// head returns the cell of the greenlet that wakeOne would wake, or nil.
func (l *line[T]) head() *cell[T] {
	if l.first == nil {
		return nil
	}
	return l.first.offer.(*cell[T])
}

// wait waits in the line with v, like Hub.wait, and returns what the cell holds
// when the greenlet is woken.
func (l *line[T]) wait(h *Hub, v T, copy bool, d time.Duration, late error) (T, error) {
	c := l.spare
	if c == nil {
		c = new(cell[T])
	} else {
		l.spare = c.next
	}
	c.v, c.copy = v, copy
	g := h.cur
	if g != nil {
		g.offer = c
	}
	err := h.wait(&l.waitList, d, late)
	v = c.v
	var zero T
	c.v, c.next = zero, l.spare
	l.spare = c
	if g != nil {
		g.offer = nil
	}
	return v, err
}
