package procs

import (
	"errors"
	"fmt"
	"slices"
	"syscall"
	"time"

	"switchyard/procs/internal/taskring"
)

// job is what a pool works on: a call, or a Map of many pieces. All methods but
// finish are called with the pool's mutex held, and call no code of the
// program. finish may; it is called once per piece, without the mutex: by the
// collector, by a caller of Apply that takes its own result (pollOwnResult), by
// a cancellation of a call that no worker has begun, or by a submission that
// the pool refused.
type job interface {
	// next returns the number of the next piece to begin, or false if there is
	// none left.
	next() (piece int32, ok bool)
	// head describes a piece: the function's number, how many arguments (0:
	// one, not a chunk), the time limit.
	head(piece int32) (fn uint64, n uint32, limit time.Duration)
	// encode appends the arguments to dst. It may be called again for the same
	// piece.
	encode(piece int32, dst []byte, w *wire) ([]byte, error)
	// placed says where the piece is now.
	placed(piece int32, w *worker, seq uint64)
	// finish delivers a result, or an error.
	finish(piece int32, payload []byte, w *wire, err error)
}

// ticket is one piece on its way to a worker.
type ticket struct {
	job   job
	piece int32
	tries int32 // how often a worker died while it ran
}

// failure is a piece that has failed without a result from a worker.
type failure struct {
	ticket
	err error
}

// submit gives the pool a job.
func (p *Pool) submit(j job) error {
	p.mu.Lock()
	if p.state != poolOpen || p.broken != nil {
		err := p.broken
		if err == nil {
			err = ErrClosed
		}
		p.mu.Unlock()
		return err
	}
	p.pending = append(p.pending, j)
	p.fill()
	if p.resting { // somebody must see whether the workers begin
		p.resting = false
		p.parker.Wake()
	}
	p.mu.Unlock()
	return nil
}

// hasWork reports whether a piece waits for a worker.
func (p *Pool) hasWork() bool { return len(p.requeued) > 0 || p.pendingHead < len(p.pending) }

// hasUnbegun reports whether a piece waits for a worker, or lies with one that
// has not begun it. As long as there is one, workers must be there that can
// take it: the one that has it may be stopped, or busy with a task that waits
// for it.
func (p *Pool) hasUnbegun() bool {
	return p.hasWork() || slices.ContainsFunc(p.workers, func(w *worker) bool {
		e := w.back()
		return e != nil && !e.task.Claimed()
	})
}

// nextTicket takes the next piece to be run.
func (p *Pool) nextTicket() (ticket, bool) {
	if n := len(p.requeued); n > 0 {
		t := p.requeued[n-1]
		p.requeued[n-1] = ticket{} // it would keep the job's result
		p.requeued = p.requeued[:n-1]
		return t, true
	}
	for p.pendingHead < len(p.pending) {
		j := p.pending[p.pendingHead]
		if piece, ok := j.next(); ok {
			return ticket{job: j, piece: piece}, true
		}
		p.pending[p.pendingHead] = nil
		if p.pendingHead++; p.pendingHead == len(p.pending) {
			p.pending, p.pendingHead = p.pending[:0], 0
		}
	}
	return ticket{}, false
}

// fill hands pieces to workers as long as there are both, and then shows the
// workers what they got.
func (p *Pool) fill() {
	for p.hasWork() {
		w, n := p.pick()
		if w == nil {
			break
		}
		for ; n > 0 && w.takes(); n-- {
			t, ok := p.nextTicket()
			if !ok {
				break
			}
			p.place(w, t)
		}
	}
	for _, w := range p.workers {
		w.ring.Publish()
	}
}

// takes reports whether w can be given a task.
func (w *worker) takes() bool {
	return w.state.serves() && !w.full && w.load < maxLoad && w.attached < maxAttach
}

// pick returns the worker with the least to do that has room, or nil, and how
// many tasks to give it before another look: as many as the next one has more,
// and an eighth of what it has, because a look at many workers costs more than
// a task, and who has nothing left takes from the others (steal). A stuck one
// is picked only if all are stuck.
func (p *Pool) pick() (best *worker, n int) {
	next := maxLoad // the load of the second one
	for _, w := range p.workers {
		switch {
		case !w.takes():
		case best == nil || w.state < best.state:
			best, next = w, maxLoad
		case w.state > best.state:
		case w.load < best.load:
			best, next = w, best.load
		default:
			next = min(next, w.load)
		}
	}
	if best == nil {
		return nil, 0
	}
	return best, max(1, next-best.load+best.load/8)
}

// place puts a piece into the ring of w.
func (p *Pool) place(w *worker, t ticket) {
	fn, n, limit := t.job.head(t.piece)
	x := &p.handing
	*x = wire{}
	room := w.store.Room()
	dst := room
	if room == nil {
		dst = p.scratch[:0]
	}
	b, err := t.job.encode(t.piece, dst, x)
	if err != nil {
		w.store.Leave()
		x.Close()
		p.fail(t, fmt.Errorf("%w: %w", ErrEncode, err))
		return
	}
	if room == nil {
		p.scratch = b
	}
	var flags uint32
	if n > 0 {
		flags |= taskring.Chunk
	}
	if limit > 0 {
		flags |= taskring.Timed
	}
	if len(b) > w.ring.MaxTask() {
		place := uint32(0)
		if b, place, err = fit(&w.store, b, x); err != nil {
			x.Close()
			p.fail(t, err)
			return
		}
		flags |= place
	} else if room != nil {
		defer w.store.Leave()
	}
	if len(x.FDs) > 0 {
		flags |= taskring.Attached
		defer x.Close()
	}
	task := w.ring.Put(w.nextSeq, fn, n, flags, b)
	if task == nil {
		if flags&taskring.Stored != 0 {
			w.store.Withdraw()
		}
		w.full = true
		p.requeued = append(p.requeued, t)
		return
	}
	if len(x.FDs) > 0 {
		if err := attach(w.control, w.nextSeq, x.FDs); err != nil { // the task was not published yet: nobody saw it
			task.Revoke()
			if flags&taskring.Stored != 0 {
				w.store.Withdraw()
			}
			task.Flags &^= taskring.Attached | taskring.Stored | taskring.NewStore // the worker would wait for them
			w.push(entry{revoked: true, task: task, end: w.ring.Tail()})
			w.load--
			if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
				w.full = true // it has died, and reapDead will come
				p.requeued = append(p.requeued, t)
				return
			}
			p.fail(t, err)
			return
		}
	}
	t.job.placed(t.piece, w, w.nextSeq)
	w.push(entry{ticket: t, task: task, end: w.ring.Tail(), limit: limit, attached: len(x.FDs) > 0})
	if limit > 0 {
		p.startWatch()
	}
	if max := p.config.MaxTasksPerChild; max > 0 && w.given == max {
		p.retire(w)
	}
}

// fail makes the collector finish t with err.
func (p *Pool) fail(t ticket, err error) {
	p.failed = append(p.failed, failure{t, err})
	p.parker.Wake()
}

// failWaiting fails every piece that waits for a worker.
func (p *Pool) failWaiting(err error) {
	for t, ok := p.nextTicket(); ok; t, ok = p.nextTicket() {
		p.fail(t, err)
	}
}
