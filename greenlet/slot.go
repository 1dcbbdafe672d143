package greenlet

import "iter"

// A slot is a place where exactly one goroutine is parked. Swapping into it
// parks the caller there and resumes the goroutine that was parked before: one
// coroutine switch of the runtime (coroswitch), with no scheduler in between.
//
// It is built on iter.Pull, whose next and yield are the two ends of such a
// place. They look like a caller and its generator, but nothing demands that
// the goroutine that calls next be the one that called it last time: they need
// only alternate. So a greenlet that knows in which slot another is parked
// switches to it directly, whoever that is.
//
// Every slot comes with one goroutine of its own, its worker, at first parked
// at home. While it lives there are as many slots as workers, and one more
// goroutine, the one that made the first slot, so exactly one of them runs.
// When the worker's function returns, its slot ends, and the goroutine parked
// in it at that moment, any of them, is resumed.
//
// Two more rules come from the runtime. All slots of a family must be made and
// swapped under the same runtime.LockOSThread state, or the runtime ends the
// program. And if a worker ends by runtime.Goexit, a goroutine parked in its
// slot by next dies too, while one parked by yield does not; see exitByGoexit.
type slot struct {
	next  func() (struct{}, bool)
	yield func(struct{}) bool
	seat         // where this slot's worker is parked while it has no greenlet
	inner bool   // yield is due, not next
	gone  bool   // the worker has left for good
	born  thread // in debug builds: who made it
}

// A seat says where somebody is parked. Relays compare seats by address.
type seat struct{ at *slot }

// newSlot makes a slot whose worker runs life on the first swap: it must begin
// with setting the slot's yield.
func newSlot(life iter.Seq[struct{}]) *slot {
	s := new(slot)
	s.at = s
	s.born = caller()
	s.next, _ = iter.Pull(life)
	return s
}

// swap parks the caller in s and resumes whoever was there. Switch and succeed
// have this body written out, because each call frame between them and the
// runtime costs about 5 ns: after a switch the processor's return predictor is
// wrong.
func (s *slot) swap() {
	if debug {
		swaps.Add(1)
	}
	if s.inner {
		s.inner = false
		s.yield(struct{}{})
	} else {
		s.inner = true
		s.next()
	}
}
