package procs

import (
	"encoding/binary"
	"slices"
	"time"

	"switchyard/procs/internal/clock"
	"switchyard/procs/internal/kernel"
)

// pieceBegun reports whether a worker has begun the task.
func (p *Pool) pieceBegun(w *worker, seq uint64) bool {
	if w == nil {
		return false
	}
	e := w.at(seq)
	return e != nil && !e.revoked && e.task.Claimed()
}

// takeBack removes a piece that no worker has begun. If it runs and force is
// set, takeBack stops it. It is called with the mutex held. The caller must
// finish the piece if removed; the collector will if stopping.
func (p *Pool) takeBack(j job, piece int32, w *worker, seq uint64, force bool) (removed, stopping bool) {
	isIt := func(t ticket) bool { return t.job == j && t.piece == piece }
	if i := slices.IndexFunc(p.requeued, isIt); i >= 0 {
		p.requeued = slices.Delete(p.requeued, i, i+1)
		return true, false
	}
	if w == nil {
		return false, false
	}
	e := w.at(seq)
	if e == nil || e.revoked || !isIt(e.ticket) {
		return false, false // its result is being delivered
	}
	if _, ok := w.revoke(e); ok {
		return true, false
	}
	if force {
		p.stopTask(w, e, seq, ErrCancelled)
	}
	return false, force
}

// withdraw cancels j: the pieces that no worker has begun fail, and those that
// run are stopped. It is called with the mutex held.
func (p *Pool) withdraw(j job) {
	for piece, ok := j.next(); ok; piece, ok = j.next() {
		p.fail(ticket{job: j, piece: piece}, ErrCancelled)
	}
	p.requeued = slices.DeleteFunc(p.requeued, func(t ticket) bool {
		if t.job == j {
			p.fail(t, ErrCancelled)
		}
		return t.job == j
	})
	for _, w := range p.workers {
		for seq, e := range w.newestFirst {
			if e.job != j {
				continue
			}
			if t, ok := w.revoke(e); ok {
				p.fail(t, ErrCancelled)
			} else {
				p.stopTask(w, e, seq, ErrCancelled)
			}
		}
	}
}

// cancelWaiting cancels everything that no worker has begun.
func (p *Pool) cancelWaiting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failWaiting(ErrCancelled)
	for _, w := range p.workers {
		for _, e := range w.newestFirst {
			if t, ok := w.revoke(e); ok {
				p.fail(t, ErrCancelled)
			}
		}
	}
}

// stopTask cancels the context of a running task, and has its worker killed if
// the task has not returned after the pool's Grace.
func (p *Pool) stopTask(w *worker, e *entry, seq uint64, reason error) {
	if e.reason != nil {
		return
	}
	e.reason = reason
	if p.config.Grace < 0 {
		w.child.Signal(sigKill)
		return
	}
	e.killAt = clock.In(p.config.Grace)
	p.startWatch()
	go w.control.Send(messageCancel, binary.LittleEndian.AppendUint64(nil, seq), nil) // a stopped worker may not read
}

// watchEvery is how often running tasks are checked against their time limits.
const watchEvery = 5 * time.Millisecond

// startWatch makes sure that time limits are watched. It is called with the
// mutex held.
func (p *Pool) startWatch() {
	if !p.watching {
		p.watching = true
		time.AfterFunc(watchEvery, p.watchLimits)
	}
}

// watchLimits stops tasks that run too long, and kills workers whose task did
// not stop.
func (p *Pool) watchLimits() {
	p.mu.Lock()
	defer p.mu.Unlock()
	more := false
	now, mono := time.Now(), kernel.Monotonic()
	for _, w := range p.workers {
		if !w.state.running() {
			continue
		}
		for seq, e := range w.oldestFirst {
			if e.limit == 0 && e.killAt.IsZero() {
				continue
			}
			more = true
			if !e.killAt.IsZero() {
				if now.After(e.killAt) {
					w.child.Signal(sigKill)
				}
				continue
			}
			if !e.task.Claimed() {
				break // nor was any behind it
			}
			if s := e.task.Started.Load(); s != 0 && time.Duration(mono-s) > e.limit {
				p.stopTask(w, e, seq, ErrTimeout)
			}
		}
	}
	if more {
		time.AfterFunc(watchEvery, p.watchLimits)
	} else {
		p.watching = false
	}
}
