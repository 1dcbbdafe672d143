package procs

import (
	"fmt"
	"slices"

	"switchyard/procs/internal/taskring"
)

// reapDead looks after dead workers, and retires the living ones of a closed
// pool.
func (p *Pool) reapDead(batch *[]arrival) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.changed() {
		return false
	}
	did := false
	if p.closing() {
		did = true
		for _, w := range p.workers {
			if !w.dead && !w.retiring {
				p.retire(w)
			}
		}
		for _, w := range p.spares {
			p.workers = append(p.workers, w)
			p.retire(w)
		}
		p.spares = nil
	}
	for _, w := range p.workers {
		if !w.dead && w.stopDue && !w.full {
			p.retire(w)
		}
	}
	for w := p.nextDead(); w != nil; w = p.nextDead() {
		did = true
		// It stays in its list meanwhile, where whoever cancels a job looks for
		// what is to be taken back.
		p.unlocked(func() {
			for p.drain(w, batch, batchSize) > 0 {
			}
		})
		isIt := func(o *worker) bool { return o == w }
		p.workers, p.spares = slices.DeleteFunc(p.workers, isIt), slices.DeleteFunc(p.spares, isIt)
		p.requeueFrom(w)
	}
	return did
}

// unlocked calls f without the mutex, which the caller holds.
func (p *Pool) unlocked(f func()) {
	p.mu.Unlock()
	defer p.mu.Lock()
	f()
}

// nextDead returns a dead worker that has not been reaped, or nil.
func (p *Pool) nextDead() *worker {
	for _, list := range [][]*worker{p.workers, p.spares} {
		for _, w := range list {
			if w.dead {
				return w
			}
		}
	}
	return nil
}

// requeueFrom sorts what a dead worker had left.
func (p *Pool) requeueFrom(w *worker) {
	died := w.died()
	quiet := w.retiring && w.load == 0
	level := LevelWarning
	if quiet || p.state == poolTerminated {
		level = LevelInfo
	}
	logf(level, "%s: %v", w.name, died)
	if !quiet && p.state != poolTerminated && !w.hasBegun() {
		if p.crashes += w.crashWeight(); p.crashes >= maxCrashes {
			p.breakDown(fmt.Errorf("workers end before they are ready: %w", died))
		}
	}
	for i := len(w.entries) - 1; i >= w.first; i-- {
		e := &w.entries[i]
		switch {
		case e.revoked:
		case e.reason != nil:
			p.failed = append(p.failed, failure{e.ticket, e.reason})
		case p.state == poolTerminated:
			p.failed = append(p.failed, failure{e.ticket, ErrTerminated})
		case p.broken != nil:
			p.failed = append(p.failed, failure{e.ticket, p.broken})
		case e.task.State.Load() != taskring.Claimed:
			p.requeued = append(p.requeued, e.ticket)
		case int(e.tries) < p.config.Retries:
			e.tries++
			p.requeued = append(p.requeued, e.ticket)
		default:
			p.failed = append(p.failed, failure{e.ticket, died})
		}
	}
	w.entries, w.load = nil, 0
	w.free()
	p.balance()
}

// maxCrashes is how much weight the workers that end before they are ready, one
// after the other, may collect before the pool gives up.
const maxCrashes = 256

// crashWeight is how much it counts against the program that w ended before it
// was ready. A signal may come from outside, so it weighs 1; an exit weighs
// maxCrashes/8.
func (w *worker) crashWeight() int {
	if w.child.ExitCode() < 0 {
		return 1
	}
	return maxCrashes / 8
}

// hasBegun reports whether w was ready for tasks. The report that says so may
// still be on its way.
func (w *worker) hasBegun() bool {
	e := w.front()
	return w.begun || w.ring.Passed() > 0 || e != nil && e.task.State.Load() == taskring.Claimed
}
