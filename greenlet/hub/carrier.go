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
// frame is on every greenlet's stack.
func (h *Hub) runOthers(self *carrier, _ struct{}) (struct{}, error) {
	returned := false
	defer func() {
		if !returned { // a greenlet has called runtime.Goexit
			h.cur.exited()
		}
	}()
	id := uint64(0)
	if h.watch != nil {
		id = goroutineID()
	}
	for {
		g := h.cur
		if h.watch != nil {
			g.extra().carrier = id
			h.watch.note(g)
		}
		h.ended(g, try(g.fn, &g.err).confirmed(&g.err))
		n := h.next()
		if n.co == nil {
			n.co, n.started = self, true
			h.cur = n
			h.turn()
			continue
		}
		h.cur = n
		h.switches++
		if len(h.idle) >= idleCarriers {
			break
		}
		h.idle = append(h.idle, self)
		n.co.Switch(struct{}{})
		if h.cur == nil { // retire
			break
		}
	}
	h.nCarry--
	if n := h.cur; n != nil && n != h.main {
		// A coroutine that ends resumes its parent: let that be the next.
		self.SetParent(n.co)
	}
	returned = true
	return struct{}{}, nil
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
