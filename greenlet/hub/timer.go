package hub

// A timer is one entry of a hub's heap. It makes a greenlet ready (its own
// timer, embedded in it, so that a sleep allocates nothing) or calls a
// function of the package.
type timer struct {
	pos   int32 // index in the heap plus one; 0: not armed
	fired bool  // it ended the last wait of g
	g     *Greenlet
	fn    func()
}

// timerHeap is a heap of four children per node: half the levels of a binary
// one, and siblings lie side by side. Timers of the same instant fire in the
// order in which they were armed.
type timerHeap struct {
	s   []entry
	seq uint64 // arms so far
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

func (th *timerHeap) empty() bool { return len(th.s) == 0 }

// arm makes t fire at when, instead of when it was to fire before.
func (th *timerHeap) arm(t *timer, when instant) {
	if t.pos != 0 {
		th.disarm(t)
	}
	if when == never {
		return
	}
	th.seq++
	th.s = append(th.s, entry{when, th.seq, t})
	th.up(len(th.s) - 1)
}

// disarm takes t out; it does nothing to a timer that is not armed.
func (th *timerHeap) disarm(t *timer) {
	if t.pos == 0 {
		return
	}
	i, last := int(t.pos)-1, len(th.s)-1
	moved := th.s[last]
	th.s[last] = entry{}
	th.s = th.s[:last]
	t.pos = 0
	if i == last {
		return
	}
	th.s[i] = moved
	if !th.down(i) {
		th.up(i)
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
		s[i].t.pos = int32(i) + 1
		i = parent
	}
	s[i] = e
	e.t.pos = int32(i) + 1
}

// down moves entry i to its place below and reports whether it moved.
func (th *timerHeap) down(i int) bool {
	s, e, from := th.s, th.s[i], i
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
		s[i].t.pos = int32(i) + 1
		i = least
	}
	s[i] = e
	e.t.pos = int32(i) + 1
	return i != from
}

// expire fires every timer that is due.
func (h *Hub) expire(now instant) {
	for len(h.timers.s) > 0 && !now.before(h.timers.s[0].when) {
		t := h.timers.s[0].t
		h.timers.disarm(t)
		if t.fn != nil {
			t.fn()
			continue
		}
		t.fired = true
		h.wake(t.g)
	}
}
