package procs

import (
	"fmt"
	"slices"
)

// reapDead deals with workers whose process has ended, and retires the others
// once a closed pool has nothing left to begin. It reports whether there was
// anything to do, and whether the pool is over.
func (p *Pool) reapDead(batch *[]arrival) (did, over bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.changed() {
		return false, false
	}
	if did = p.closing(); did {
		for _, w := range p.workers {
			if w.state < workerRetiring {
				p.retire(w)
			}
		}
	}
	for w := p.nextDead(); w != nil; w = p.nextDead() {
		did = true
		// It stays in p.workers meanwhile, where a cancellation looks for tasks
		// to take back.
		p.unlocked(func() {
			for p.drain(w, batch, batchSize) > 0 {
			}
		})
		p.workers = slices.DeleteFunc(p.workers, func(o *worker) bool { return o == w })
		p.requeueFrom(w)
	}
	return did, p.over()
}

// unlocked calls f without the mutex, which the caller holds.
func (p *Pool) unlocked(f func()) {
	p.mu.Unlock()
	defer p.mu.Lock()
	f()
}

// nextDead returns a worker whose process has ended, or nil.
func (p *Pool) nextDead() *worker {
	for _, w := range p.workers {
		if !w.state.running() {
			return w
		}
	}
	return nil
}

// requeueFrom requeues or fails every task that a dead worker left unfinished.
// Those that it had not begun go to other workers; so do, PoolConfig.Retries
// times, those that it had.
func (p *Pool) requeueFrom(w *worker) {
	died := w.died()
	asked := w.state == workerEnded && w.load == 0 || p.state == poolTerminated
	level := LevelWarning
	if asked {
		level = LevelInfo
	}
	logf(level, "%s: %v", w.name, died)
	if !asked && !w.ring.Ready() {
		if p.crashes += w.crashWeight(); p.crashes >= maxCrashes {
			p.breakDown(fmt.Errorf("workers end before they are ready: %w", died))
		}
	}
	for _, e := range w.newestFirst { // requeued is a stack
		switch {
		case e.reason != nil:
			p.fail(e.ticket, e.reason)
		case p.state == poolTerminated:
			p.fail(e.ticket, ErrTerminated)
		case p.broken != nil:
			p.fail(e.ticket, p.broken)
		case !e.task.Claimed():
			p.requeued = append(p.requeued, e.ticket)
		case int(e.tries) < p.config.Retries:
			e.tries++
			p.requeued = append(p.requeued, e.ticket)
		default:
			p.fail(e.ticket, died)
		}
	}
	w.become(workerReaped)
	w.entries, w.head, w.headSeq, w.load = nil, 0, w.nextSeq, 0
	w.free()
	p.balance()
}

// maxCrashes is the sum of crashWeight, over workers that ended before they
// were ready with none that was ready in between, at which the pool gives up.
const maxCrashes = 256

// crashWeight is how much it says against the program that w ended before it
// was ready. A signal may come from outside, so it weighs 1; an exit weighs
// maxCrashes/8.
func (w *worker) crashWeight() int {
	if w.child.ExitCode() < 0 {
		return 1
	}
	return maxCrashes / 8
}
