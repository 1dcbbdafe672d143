package hub

import (
	"runtime"
	"time"
)

// Yield lets every other ready greenlet run first (gevent.sleep(0)). It
// switches straight to the first of them; every 64 switches, or more often if
// greenlets run long, it looks at timers, descriptors and the inbox. It
// returns [ErrExit] if the greenlet was killed, or the error of an expired
// [Timeout].
//
// Cost: one coroutine switch and a few loads and stores; no allocation.
func (h *Hub) Yield() error {
	g, n := h.cur, h.head
	if n == nil || h.switches >= h.pollAt || g == nil {
		return h.yieldSlow()
	}
	co := n.co
	if co == nil {
		return h.yieldSlow()
	}
	h.tail.next = g
	h.tail = g
	h.head = n.next
	n.next = nil
	h.cur = n
	h.switches++
	// Every frame between here and the runtime costs some 5 ns, because a
	// switch spoils the processor's prediction of returns.
	co.Switch(struct{}{})
	if g.pending != nil {
		return g.deliver()
	}
	return nil
}

// yieldSlow is Yield with a look outside, or with a greenlet to start.
func (h *Hub) yieldSlow() error {
	g := h.cur
	if g == nil {
		panic("hub: Yield in a callback")
	}
	if h.closing && g != h.main {
		return g.refuse()
	}
	h.push(g)
	if co := h.pass(g, h.next()); co != nil {
		co.Switch(struct{}{})
	}
	return g.deliver()
}

// pass makes n the running greenlet, which g was, and returns where g must
// switch to: nil if n is g. That is left to the caller, since each frame
// between it and the runtime makes every switch slower, and the stack of every
// parked greenlet longer for the garbage collector to walk along.
func (h *Hub) pass(g, n *Greenlet) *carrier {
	if n == g {
		h.cur = g
		h.turn()
		return nil
	}
	co := n.co
	if co == nil {
		co = h.equip(g, n)
	}
	h.cur = n
	h.switches++
	return co
}

// turn counts a turn that needed no switch: the next look comes one earlier.
func (h *Hub) turn() {
	if h.lookAt > 0 {
		h.lookAt--
	}
	h.pollAt = min(h.pollAt, h.lookAt)
}

// next returns the greenlet that runs next, looking outside if it is time to,
// and waiting for the outside if nobody is ready. It runs on the stack of
// whoever blocks, and nothing of the user's runs inside it.
func (h *Hub) next() *Greenlet {
	h.cur = nil
	if h.watch != nil {
		h.watch.note(nil)
	}
	for {
		if h.switches >= h.lookAt || h.head == nil {
			h.look()
		}
		if len(h.calls) > 0 {
			return h.callbackTurn()
		}
		for n := h.pop(); n != nil; n = h.pop() {
			if n.dead { // killed before it started
				continue
			}
			if h.watch != nil {
				h.watch.note(n)
			}
			return n
		}
		if h.idlers.first != nil {
			h.idlers.wakeOne()
			continue
		}
		h.block()
	}
}

// look takes in, without waiting, everything that has happened outside.
// Whoever is woken by it runs before those that were ready already, as in
// gevent: they only yield, he has waited for his event.
func (h *Hub) look() {
	now := h.now()
	if h.breath == (instant{}) {
		h.breath = now
	}
	h.adapt(now)
	head, tail := h.head, h.tail
	h.head = nil
	if h.inbox.full.Load() {
		h.drain()
	}
	if h.timers.armed > 0 {
		h.expire(now)
	}
	// With nobody ready, block polls anyway. Those whom the last poll has woken
	// have their turn first, or whoever is woken next would overtake them.
	ready := head != nil || h.head != nil
	if h.ioWait > 0 && (ready && h.lastIO == nil || !ready && h.idlers.first != nil) {
		h.io.poll(h, 0)
		h.breathe(now, workTime)
	}
	if head != nil {
		h.merge(head, tail)
	}
	if len(h.unread) > 0 {
		h.lookUnread(now)
	}
}

// adapt sets the time of the next look: soon, if the last quantum took long.
func (h *Hub) adapt(now instant) {
	const long, short = 500 * time.Microsecond, 100 * time.Microsecond
	if h.looked != (instant{}) && h.switches >= h.lookAt {
		switch took := h.looked.until(now); {
		case took > long:
			h.quantum = max(h.quantum/4, 1)
		case took < short:
			h.quantum = min(h.quantum*2, maxQuantum)
		}
	}
	h.looked = now
	h.lookAt = h.switches + h.quantum
	h.setPoll()
}

// setPoll sets when Yield takes the long way.
func (h *Hub) setPoll() {
	h.pollAt = h.lookAt
	if h.closing || h.watch != nil || len(h.calls) > 0 {
		h.pollAt = 0 // every Yield has something to check or to note
	}
}

const (
	workTime = 4 * time.Millisecond   // how long a hub works without a breath
	napTime  = 500 * time.Microsecond // and how long it waits without one
)

// breathe goes through Go's scheduler if that was longer ago than after. To the
// runtime a hub is one goroutine that never yields: after 10 ms it takes the
// processor away in every system call, 50,000 times a second, until the
// goroutine is scheduled anew.
func (h *Hub) breathe(now instant, after time.Duration) {
	if h.breath.until(now) > after {
		h.breath = now
		runtime.Gosched()
	}
}

// block waits for the outside: the next timer, a descriptor, the inbox.
func (h *Hub) block() {
	if !h.expecting() {
		if h.quiet.wakeOne() == nil {
			h.deadlock()
		}
		return
	}
	if h.holds > 0 {
		// A turn of the processor may be all that the awaited goroutines need:
		// then nobody has to wake us.
		runtime.Gosched()
		if h.inbox.full.Load() {
			return
		}
	}
	h.breathe(h.looked, napTime)
	timeout := time.Duration(-1)
	if first := h.timers.first(); first != nil {
		if timeout = h.now().until(first.when); timeout == 0 {
			return
		}
	}
	h.inbox.asleep.Store(true)
	if !h.inbox.full.Load() {
		if h.watch != nil {
			h.watch.rest()
		}
		h.io.poll(h, timeout)
		if h.watch != nil {
			h.watch.note(nil)
		}
	}
	h.inbox.asleep.Store(false)
	h.looked = instant{}
}

// expecting reports whether anything outside can still wake a greenlet.
func (h *Hub) expecting() bool {
	return h.timers.armed > 0 || h.ioWait > 0 || h.holds > 0 || h.inbox.full.Load()
}

// deadlock throws the error into main: it is the one that must hear of it.
func (h *Hub) deadlock() {
	err := &DeadlockError{Total: h.live + 1}
	for g := h.main; g != nil && len(err.Blocked) < 16; {
		err.Blocked = append(err.Blocked, g.String())
		if g == h.main {
			g = h.all
		} else {
			g = g.after
		}
	}
	h.deadly = err
	h.throw(h.main, err)
}
