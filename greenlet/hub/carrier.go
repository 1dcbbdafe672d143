package hub

import (
	"runtime/debug"

	"switchyard/greenlet"
)

// A carrier is a coroutine that runs greenlets, one after another. When one
// ends and the next ready greenlet has not started yet, the carrier simply
// calls it: greenlets that never block are run without a single switch. Only
// a greenlet that has its own carrier is switched to; then the free carrier
// waits in the hub's list, or ends if enough wait there.
type carrier = greenlet.Greenlet[struct{}]

// equip returns where to switch to so that the unstarted n runs: an idle
// carrier, or a new one. To start a coroutine takes a kilobyte of stack, more
// than a small greenlet has left; its stack would have to grow only because
// another one starts. So greenlets leave it to the starter.
func (h *Hub) equip(g, n *Greenlet) *carrier {
	if last := len(h.idle) - 1; last >= 0 {
		n.co, n.started = h.idle[last], true
		h.idle = h.idle[:last]
		return n.co
	}
	if g == h.main {
		return h.newCarrier(n)
	}
	if h.starter == nil {
		h.starter = greenlet.New(h.main.co, h.startOthers)
	}
	return h.starter
}

func (h *Hub) newCarrier(n *Greenlet) *carrier {
	h.nCarry++
	n.co, n.started = greenlet.New(h.main.co, h.carry), true
	return n.co
}

// startOthers is the starter's loop: whenever it is switched to, it starts
// h.cur.
func (h *Hub) startOthers(*carrier, struct{}) (struct{}, error) {
	for h.cur != nil {
		h.newCarrier(h.cur).Switch(struct{}{})
	}
	return struct{}{}, nil
}

// runOthers is the life of a carrier: it runs h.cur, then whoever is next. Its
// frame and that of tryOthers are on every greenlet's stack, and what is not in
// them leaves that much more to the greenlet before the stack must grow to
// twice the size.
func (h *Hub) runOthers(self *carrier, _ struct{}) (struct{}, error) {
	defer h.leave(self)
	for {
		how := h.tryOthers(self)
		if how == returned {
			return struct{}{}, nil
		}
		h.cur.panicked(how)
		if !h.follow(self, h.goOn(self, h.cur.err)) {
			return struct{}{}, nil
		}
	}
}

// tryOthers runs h.cur, then whoever is next, until self is to end, and then
// returns returned. It comes back like try when one of them has not returned,
// but defers once for them all.
func (h *Hub) tryOthers(self *carrier) (how ending) {
	defer h.catch(self, &how)
	for {
		if h.watch != nil {
			h.noteStart()
		}
		if !h.follow(self, h.goOn(self, h.cur.fn())) {
			return returned
		}
	}
}

// catch is deferred by tryOthers. It stops a panic of the greenlet that self
// carries, and none of the hub's own.
//
//go:noinline
func (h *Hub) catch(self *carrier, how *ending) {
	if *how == returned || h.cur == nil || h.cur.co != self {
		return
	}
	if v := recover(); v != nil {
		h.cur.err = &PanicError{Value: v, Stack: debug.Stack()}
		*how = panicked
	}
}

// goOn ends h.cur, which self carries, with outcome err, and makes the next the
// running greenlet. It returns who carries that: self, or whom to switch to, or
// nil if self is to end for it.
//
//go:noinline
func (h *Hub) goOn(self *carrier, err error) *carrier {
	h.finish(h.cur, err)
	n := h.next()
	h.cur = n
	if n.co == nil {
		n.co, n.started = self, true
		h.turn()
		return self
	}
	h.switches++
	if len(h.idle) < idleCarriers {
		h.idle = append(h.idle, self)
		return n.co
	}
	h.nCarry--
	if n != h.main {
		// A coroutine that ends resumes its parent: let that be the next.
		self.SetParent(n.co)
	}
	return nil
}

// follow switches to next, if that is not self, and reports whether self then
// has a greenlet to run: if not, it is to end. It is just small enough to be
// inlined: a frame more is felt when a switch returns (see greenlet's swap).
func (h *Hub) follow(self, next *carrier) bool {
	if next != self && next != nil {
		next.Switch(struct{}{})
	}
	return next != nil && h.cur != nil // nil: retire
}

// noteStart tells the watchdog that h.cur runs, on this goroutine.
func (h *Hub) noteStart() {
	h.cur.extra().carrier = goroutineID()
	h.watch.note(h.cur)
}

// leave is deferred by runOthers. It ends a greenlet that has called
// runtime.Goexit: h.cur still is the one that self carries.
func (h *Hub) leave(self *carrier) {
	if g := h.cur; g != nil && g.co == self {
		g.exited()
	}
}

// retire ends the coroutines that wait for something to run; each returns to
// main, which calls it. Close ends those that a Goexit left parked.
func (h *Hub) retire() {
	h.cur = nil
	for _, c := range h.idle {
		h.nCarry--
		c.Switch(struct{}{})
	}
	h.idle = nil
	if h.starter != nil {
		h.starter.Switch(struct{}{})
	}
	if h.caller != nil {
		h.caller.co.Switch(struct{}{})
	}
	h.main.co.Close()
	h.cur = h.main
}
