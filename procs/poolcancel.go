package procs

import (
	"encoding/binary"
	"time"

	"switchyard/procs/internal/clock"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/taskring"
)

// pieceBegun reports whether a worker has begun the task.
func (p *Pool) pieceBegun(w *worker, seq uint64) bool {
	if w == nil {
		return false
	}
	e := w.at(seq)
	return e != nil && !e.revoked && e.task.State.Load() == taskring.Claimed
}

// takeBack removes a piece that no worker has begun, or if it runs and force is
// set, stops it. It is called with the mutex held. removed says that the caller
// has to finish the piece, stopping that the collector will.
func (p *Pool) takeBack(j job, piece int32, w *worker, seq uint64, force bool) (removed, stopping bool) {
	for i := range p.requeued {
		if p.requeued[i].job == j && p.requeued[i].piece == piece {
			p.requeued = append(p.requeued[:i:i], p.requeued[i+1:]...)
			return true, false
		}
	}
	if w == nil {
		return false, false
	}
	e := w.at(seq)
	if e == nil || e.job != j || e.piece != piece || e.revoked {
		return false, false // its result is being delivered
	}
	if _, ok := w.revoke(e); ok {
		return true, false
	}
	if force {
		p.stopEntry(w, e, seq, ErrCancelled)
	}
	return false, force
}

// cancelWaiting takes back everything that no worker has begun.
func (p *Pool) cancelWaiting() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = p.appendWaiting(p.failed, ErrCancelled)
	for _, w := range p.workers {
		for i := len(w.entries) - 1; i >= w.first; i-- {
			if t, ok := w.revoke(&w.entries[i]); ok {
				p.failed = append(p.failed, failure{t, ErrCancelled})
			}
		}
	}
	p.bell.Ring()
}

// stopEntry cancels the context of a running task, and sees to it that its
// worker is killed if that does not help.
func (p *Pool) stopEntry(w *worker, e *entry, seq uint64, reason error) {
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
		if w.dead {
			continue
		}
		for i := w.first; i < len(w.entries); i++ {
			e := &w.entries[i]
			if e.revoked || e.limit == 0 && e.killAt.IsZero() {
				continue
			}
			more = true
			if !e.killAt.IsZero() {
				if now.After(e.killAt) {
					w.child.Signal(sigKill)
				}
				continue
			}
			if e.task.State.Load() != taskring.Claimed {
				break // nor was any behind it
			}
			if s := e.task.Started.Load(); s != 0 && time.Duration(mono-s) > e.limit {
				p.stopEntry(w, e, w.firstSeq+uint64(i-w.first), ErrTimeout)
			}
		}
	}
	if more {
		time.AfterFunc(watchEvery, p.watchLimits)
	} else {
		p.watching = false
	}
}
