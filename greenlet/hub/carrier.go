package hub

import "switchyard/greenlet"

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
// frame is on every greenlet's stack, and what is not in it leaves that much
// more to the greenlet before the stack must grow to twice the size.
func (h *Hub) runOthers(self *carrier, _ struct{}) (struct{}, error) {
	defer h.leave(self)
	for {
		if h.watch != nil {
			h.noteStart()
		}
		if how := try(h.cur.fn, &h.cur.err); how != returned {
			h.cur.panicked(how)
		}
		h.finish(h.cur, h.cur.err)
		n := h.next()
		if n.co != nil {
			if !h.passOn(self, n) {
				return struct{}{}, nil
			}
			continue
		}
		n.co, n.started = self, true
		h.cur = n
		h.turn()
	}
}

// noteStart tells the watchdog that h.cur runs, on this goroutine.
func (h *Hub) noteStart() {
	h.cur.extra().carrier = goroutineID()
	h.watch.note(h.cur)
}

// passOn makes n, which has a carrier of its own, the running greenlet, and
// parks self, which has none to carry. It returns true when self has, and false
// when it is to leave.
//
//go:noinline
func (h *Hub) passOn(self *carrier, n *Greenlet) bool {
	h.cur = n
	h.switches++
	if len(h.idle) >= idleCarriers {
		h.nCarry--
		if n != h.main {
			// A coroutine that ends resumes its parent: let that be the next.
			self.SetParent(n.co)
		}
		return false
	}
	h.idle = append(h.idle, self)
	n.co.Switch(struct{}{})
	if h.cur == nil { // retire
		h.nCarry--
		return false
	}
	return true
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
