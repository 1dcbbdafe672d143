package procs

import (
	"sync/atomic"

	"switchyard/procs/internal/shm"
)

// helpers are the callers of Apply, who can take their result themselves. A
// result that goes through the collector wakes two sleepers, the collector and
// then the caller, each for more than most tasks take. So while there is a
// single caller it looks for its result itself, in the shared memory, while the
// collector goes on sleeping.
type helpers struct {
	waiting atomic.Int32 // callers of Apply; with more than one the collector does better
	spin    shm.Spinner
	workers []*worker // scratch
	batch   []arrival
}

// help looks for the result of a call for as long as that usually takes. It
// takes no other result: those may have callbacks, which must not run under the
// caller's locks. Afterwards the result is there or the collector will deliver
// it, as it does without help.
func (p *Pool) help(at func() (*worker, uint64)) {
	h := &p.helpers
	if !p.collecting.TryLock() {
		return // the collector is awake
	}
	defer p.collecting.Unlock()
	if d := &p.delivering; len(d.results)+len(d.failed) > 0 {
		return // a callback ended the collector's goroutine, and the next one is about to go on
	}
	p.mu.Lock()
	w, seq := at()
	// With nothing before it in the ring, the next result of w is ours. The
	// dead have no entries, and whoever is not yet dead here stays mapped,
	// since burying needs the collecting that we hold.
	if w == nil || w.load != 1 || w.at(seq) == nil || w.at(seq).revoked {
		p.mu.Unlock()
		return
	}
	h.workers = append(h.workers[:0], p.workers...)
	p.mu.Unlock()
	p.bell.Disarm()
	others := false
	h.spin.Until(func() bool {
		if w.ring.Pending() {
			return true
		}
		for _, o := range h.workers {
			if o.ring.Pending() {
				others = true
			}
		}
		return others
	})
	if !others || w.ring.Pending() {
		p.drain(w, &h.batch, 1)
	}
	// Whoever rang in the meantime found nobody asleep. The collector has to
	// look, if there is anything to see.
	if p.arm(h.workers, 0) == 0 {
		p.bell.Arm()
		p.bell.Ring()
	}
	clear(h.workers)
}
