package hub

import "unsafe"

// A timer makes a greenlet ready (its own timer, embedded in it, so that a
// sleep allocates nothing) or calls a function of the package.
type timer struct {
	seq uint64 // of its entry in the heap; 0: not armed
	fn  func() // nil: it is a greenlet's own
}

// greenlet returns the greenlet that has t as its own timer, its first field.
func (t *timer) greenlet() *Greenlet { return (*Greenlet)(unsafe.Pointer(t)) }

var _ [0]struct{} = [unsafe.Offsetof(Greenlet{}.timer)]struct{}{} // the first field it is

// timerHeap is a heap of four children per node: half the levels of a binary
// one, and siblings lie side by side. Timers of the same instant fire in the
// order in which they were armed.
//
// A timer does not know where its entry is, for then every entry that moves
// would have to be noted in a timer, far from the heap and from the processor's
// cache. So to disarm one leaves its entry behind, stale, until it comes up or
// half of all are.
type timerHeap struct {
	s     []entry
	seq   uint64 // arms so far
	armed int    // entries that are not stale
}

// An entry holds the keys beside the timer: comparing follows no pointer.
type entry struct {
	when instant
	seq  uint64
	t    *timer
}

func (a *entry) before(b *entry) bool {
	return a.when.ns < b.when.ns || a.when.ns == b.when.ns && a.seq < b.seq
}

func (e *entry) stale() bool { return e.t.seq != e.seq }

// arm makes t fire at when, instead of when it was to fire before.
func (th *timerHeap) arm(t *timer, when instant) {
	if t.seq != 0 {
		th.disarm(t)
	}
	if when == never {
		return
	}
	th.seq++
	th.armed++
	t.seq = th.seq
	th.s = append(th.s, entry{when, t.seq, t})
	th.up(len(th.s) - 1)
}

// disarm makes t not fire; it does nothing to a timer that is not armed.
func (th *timerHeap) disarm(t *timer) {
	if t.seq == 0 {
		return
	}
	t.seq = 0
	th.armed--
	if last := len(th.s) - 1; th.s[last].t == t {
		th.s[last] = entry{}
		th.s = th.s[:last]
	}
	th.sweep()
}

// sweep drops the stale entries if they are more than half.
func (th *timerHeap) sweep() {
	if 2*th.armed >= len(th.s) {
		return
	}
	kept := th.s[:0]
	for _, e := range th.s {
		if !e.stale() {
			kept = append(kept, e)
		}
	}
	clear(th.s[len(kept):])
	th.s = kept
	for i := (len(kept)+2)/4 - 1; i >= 0; i-- {
		th.down(i)
	}
}

// first returns the entry of the timer that fires next, nil if none is armed.
func (th *timerHeap) first() *entry {
	for len(th.s) > 0 && th.s[0].stale() {
		th.drop()
	}
	if len(th.s) == 0 {
		return nil
	}
	return &th.s[0]
}

// drop takes the first entry out.
func (th *timerHeap) drop() {
	last := len(th.s) - 1
	th.s[0] = th.s[last]
	th.s[last] = entry{}
	th.s = th.s[:last]
	if last > 0 {
		th.down(0)
	}
}

func (th *timerHeap) up(i int) {
	s, e := th.s, th.s[i]
	for i > 0 {
		parent := (i - 1) / 4
		if !e.before(&s[parent]) {
			break
		}
		s[i] = s[parent]
		i = parent
	}
	s[i] = e
}

func (th *timerHeap) down(i int) {
	s, e := th.s, th.s[i]
	for {
		child := 4*i + 1
		if child >= len(s) {
			break
		}
		least := child
		for c := child + 1; c < len(s) && c < child+4; c++ {
			if s[c].before(&s[least]) {
				least = c
			}
		}
		if !s[least].before(&e) {
			break
		}
		s[i] = s[least]
		i = least
	}
	s[i] = e
}

// expire fires every timer that is due.
func (h *Hub) expire(now instant) {
	for e := h.timers.first(); e != nil && !now.before(e.when); e = h.timers.first() {
		t := e.t
		t.seq = 0
		h.timers.armed--
		h.timers.drop()
		if t.fn != nil {
			t.fn()
			continue
		}
		g := t.greenlet()
		g.err = errTimer
		h.wake(g)
	}
	h.timers.sweep()
}
