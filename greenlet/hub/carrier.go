package hub

import "switchyard/greenlet"

// A carrier is a coroutine that runs greenlets, one after another. When one
// ends and the next ready greenlet has not started yet, the carrier simply
// calls it: greenlets that never block are run without a single switch. Only
// a greenlet that has its own carrier is switched to; then the free carrier
// waits in the hub's list, or ends if enough wait there.
type carrier struct {
	h    *Hub
	co   *greenlet.Greenlet[struct{}]
	next *carrier // Hub.idle
	id   uint64   // its goroutine, known only to a watchdog
}

// equip returns where to switch to so that the unstarted n runs: an idle
// carrier, or a new one. To start a coroutine takes a kilobyte of stack, more
// than a small greenlet has left; its stack would have to grow only because
// another one starts. So greenlets leave it to the starter.
func (h *Hub) equip(g, n *Greenlet) *greenlet.Greenlet[struct{}] {
	if c := h.idle; c != nil {
		h.idle = c.next
		c.next = nil
		h.nIdle--
		n.co, n.started = c.co, true
		return c.co
	}
	if g == h.main {
		return h.newCarrier(n)
	}
	if h.starter == nil {
		h.starter = greenlet.New(h.main.co, h.startOthers)
	}
	return h.starter
}

func (h *Hub) newCarrier(n *Greenlet) *greenlet.Greenlet[struct{}] {
	c := &carrier{h: h}
	c.co = greenlet.New(h.main.co, c.loop)
	h.nCarry++
	n.co, n.started = c.co, true
	return c.co
}

// startOthers is the starter's loop: whenever it is switched to, it starts
// h.cur.
func (h *Hub) startOthers(*greenlet.Greenlet[struct{}], struct{}) (struct{}, error) {
	for h.cur != nil {
		h.newCarrier(h.cur).Switch(struct{}{})
	}
	return struct{}{}, nil
}

// unwound sees to a greenlet that called runtime.Goexit.
func (c *carrier) unwound() {
	if c.co != nil { // loop has not returned
		c.h.cur.exited()
	}
}

// loop runs h.cur, then whoever is next. Its frame is on every greenlet's
// stack: what it needs lies in the carrier and the greenlet.
func (c *carrier) loop(self *greenlet.Greenlet[struct{}], _ struct{}) (struct{}, error) {
	defer c.unwound()
	h := c.h
	if h.watch != nil {
		c.id = goroutineID()
	}
	for {
		if g := h.cur; h.watch != nil {
			g.carrier = c.id
			h.watch.note(g)
		}
		h.cur.ended(try(h.cur.fn, &h.cur.err))
		n := h.next()
		if n.co == nil {
			n.co, n.started = c.co, true
			h.cur = n
			h.turn()
			continue
		}
		h.cur = n
		h.switches++
		if h.nIdle >= idleCarriers {
			break
		}
		c.next = h.idle
		h.idle = c
		h.nIdle++
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
	c.co = nil
	return struct{}{}, nil
}

// retire ends the coroutines that wait for something to run; each returns to
// main, which calls it. Close ends those that a Goexit left parked.
func (h *Hub) retire() {
	h.cur = nil
	for c := h.idle; c != nil; c = h.idle {
		h.idle = c.next
		h.nIdle--
		c.co.Switch(struct{}{})
	}
	if h.starter != nil {
		h.starter.Switch(struct{}{})
	}
	if h.caller != nil {
		h.caller.co.Switch(struct{}{})
	}
	h.main.co.Close()
	h.cur = h.main
}
