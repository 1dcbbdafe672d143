package procs

import (
	"encoding/binary"
	"time"

	"switchyard/procs/internal/taskring"
)

// pieceBegun tells whether a worker has begun the task.
func (p *Pool) pieceBegun(w *worker, seq uint64) bool {
	if w == nil {
		return false
	}
	e := w.at(seq)
	return e != nil && !e.revoked && e.task.State.Load() == taskring.Claimed
}

// cancelPiece takes a piece back, or if it runs and force is set, stops it. It is called with the mutex held. waiting
// says that no worker was given the piece yet; drop then makes sure that none will be.
func (p *Pool) cancelPiece(j job, piece int32, w *worker, seq uint64, force, waiting bool, drop func()) bool {
	t := ticket{job: j, piece: piece}
	fail := func() bool {
		p.failed = append(p.failed, failure{t, ErrCancelled})
		p.bell.Ring()
		return true
	}
	if waiting {
		drop()
		return fail()
	}
	for i := range p.again {
		if p.again[i].job == j && p.again[i].piece == piece {
			p.again = append(p.again[:i:i], p.again[i+1:]...)
			return fail()
		}
	}
	if w == nil {
		return false
	}
	e := w.at(seq)
	if e == nil || e.job != j || e.piece != piece {
		return false // its result is being delivered
	}
	if w.revoke(e) {
		return fail()
	}
	if !force || e.revoked {
		return false
	}
	p.stopEntry(w, e, seq, ErrCancelled)
	return true
}

// stopEntry cancels the context of a running task, and sees to it that its worker is killed if that does not help.
func (p *Pool) stopEntry(w *worker, e *entry, seq uint64, reason error) {
	if e.reason != nil {
		return
	}
	e.reason = reason
	if p.config.Grace < 0 {
		w.child.signal(sigKill)
		return
	}
	e.killAt = time.Now().Add(p.config.Grace)
	p.startWatch()
	go w.control.send(packetCancel, binary.LittleEndian.AppendUint64(nil, seq), nil) // a stopped worker may not read
}

// watchEvery is how often running tasks are checked against their time limits.
const watchEvery = 5 * time.Millisecond

// startWatch makes sure that time limits are watched. It is called with the mutex held.
func (p *Pool) startWatch() {
	if !p.watching {
		p.watching = true
		time.AfterFunc(watchEvery, p.watchLimits)
	}
}

// watchLimits stops tasks that run too long, and kills workers whose task did not stop.
func (p *Pool) watchLimits() {
	p.mu.Lock()
	defer p.mu.Unlock()
	more := false
	now, mono := time.Now(), monotonic()
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
					w.child.signal(sigKill)
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
