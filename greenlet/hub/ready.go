package hub

// The ready list holds the greenlets that can run, in the order in which they
// will: linked through Greenlet.next, so that queueing allocates nothing.

// push puts g at the end of the ready list.
func (h *Hub) push(g *Greenlet) {
	if h.head == nil {
		h.head = g
	} else {
		h.tail.next = g
	}
	h.tail = g
}

// pop takes the first ready greenlet, nil if there is none.
func (h *Hub) pop() *Greenlet {
	n := h.head
	if n != nil {
		h.head = n.next
		n.next = nil
	}
	return n
}

// merge puts the ready list back that was before a look, behind the greenlets
// that the look has woken. But they may have only every other turn: after n of
// them the next to be woken queue up behind until n others have run.
func (h *Hub) merge(head, tail *Greenlet) {
	switch {
	case h.head == nil:
		h.head, h.tail = head, tail
	case h.switches < h.fairAt:
		tail.next = h.head
		h.head = head
	default:
		n := uint64(0)
		for g := h.head; g != nil; g = g.next {
			n++
		}
		h.fairAt = h.switches + 2*n
		h.tail.next = head
		h.tail = tail
	}
}

// settle makes g neither parked nor ready: whatever it waited for is over.
func (h *Hub) settle(g *Greenlet) {
	h.unpark(g)
	for prev, n := (*Greenlet)(nil), h.head; n != nil; prev, n = n, n.next {
		if n != g {
			continue
		}
		if prev == nil {
			h.head = n.next
		} else {
			prev.next = n.next
		}
		if h.tail == n {
			h.tail = prev
		}
		n.next = nil
		return
	}
}
