package procs

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"switchyard/procs/internal/goroutine"
	"switchyard/procs/internal/taskring"
)

// batchSize is how many results are taken between two looks at the other
// workers.
const batchSize = 256

// arrival is a result that was taken out of a ring.
type arrival struct {
	ticket
	seq     uint64
	flags   uint32
	payload []byte
	reason  error
}

// deliveries holds failures, and results taken from a ring, that are not yet
// delivered to their jobs. It is guarded by Pool.collecting.
type deliveries struct {
	failed  []failure // they come first
	results []arrival
	from    *worker // whose results they are
	wire    wire    // descriptors of the result that is being delivered
}

func (d *deliveries) empty() bool { return len(d.results)+len(d.failed) == 0 }

// collect is the pool's goroutine: it takes results, delivers them, and reaps
// dead workers. It holds collecting while it is awake, so it and a caller in
// pollOwnResult take turns.
//
// A callback may end this goroutine (runtime.Goexit, or a test's FailNow).
// Another one then takes over.
func (p *Pool) collect() {
	p.collector.Store(goroutine.ID())
	ended := false
	defer func() {
		p.collector.Store(0) // another goroutine may get the number
		if ended {
			close(p.ended)
			return
		}
		p.collecting.Unlock()
		logf(LevelError, "%s: a callback, or a method of a result, called runtime.Goexit", p.name)
		go p.collect()
	}()
	batch := make([]arrival, 0, batchSize)
	var workers []*worker
	idle, burst := 0, 0
	rescued, lull := time.Now(), taskring.NapLimit
	for {
		p.collecting.Lock()
		p.deliverAll() // what a predecessor left
		busy := p.failNow()
		workers = p.appendWorkers(workers[:0])
		for _, w := range workers {
			if n := p.drain(w, &batch, batchSize); n > 0 {
				busy = true
				burst += n
			}
		}
		did, over := p.reapDead(&batch)
		busy = busy || did
		if over && !busy {
			break
		}
		if busy {
			idle, lull = 0, taskring.NapLimit
		} else {
			idle++
		}
		nap := time.Duration(0)
		if idle == collectSpins {
			nap = p.arm(workers, burst, lull)
		}
		p.collecting.Unlock()
		switch {
		case idle == collectSpins:
			if nap > 0 {
				p.parker.Sleep(nap)
			}
			if nap == lull {
				lull = taskring.RestLimit
			}
			if now := time.Now(); now.Sub(rescued) >= taskring.NapLimit {
				p.rescue()
				rescued = now
			}
			idle, burst = 0, 0
		case idle > 0:
			runtime.Gosched()
		}
	}
	p.end()
	ended = true
	p.collecting.Unlock()
}

func (p *Pool) appendWorkers(to []*worker) []*worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(to, p.workers...)
}

// collectSpins is how often the collector finds nothing before it sleeps.
const collectSpins = 30

// arm prepares for a sleep until it is woken, and returns how long it may
// last, or 0 if there is something to do. While results come in bursts (burst
// of them since the last sleep), the collector asks to be woken only once there
// are many, or after a short time: fewer wake-ups leave more to the workers. If
// nobody has anything to do, the sleep may last for lull; submit ends it.
func (p *Pool) arm(workers []*worker, burst int, lull time.Duration) time.Duration {
	p.parker.Arm()
	many := false
	p.mu.Lock()
	ready := len(p.failed) > 0 || p.broken != nil && p.hasWork() || p.changed()
	for _, w := range workers {
		n := uint64(1)
		if w.load > 64 && burst >= 16 {
			many = true
			n = 4096
		}
		w.ring.WakeAt(n)
		ready = ready || w.ring.Ripe() || n == 1 && w.ring.Pending()
	}
	rests := !ready && lull > taskring.NapLimit && p.atRest()
	p.resting = rests
	p.mu.Unlock()
	switch {
	case ready:
		p.parker.Disarm()
		return 0
	case many:
		return 200 * time.Microsecond
	case rests:
		return lull
	}
	return taskring.NapLimit
}

// atRest reports whether nothing is to be expected: no task, and no worker that
// is to be looked after.
func (p *Pool) atRest() bool {
	return p.state == poolOpen && p.broken == nil && !p.hasWork() &&
		!slices.ContainsFunc(p.workers, func(w *worker) bool { return w.load > 0 || w.full || w.state == workerStuck })
}

// changed reports whether there is anything but results to deal with. It also
// makes use of room that revoked tasks have left.
func (p *Pool) changed() bool {
	for _, w := range p.workers {
		if w.full && w.reclaim() {
			w.full = false
			if w.state == workerRetiring {
				p.stop(w)
			}
			p.fill()
		}
	}
	return p.nextDead() != nil || p.over() || p.closing()
}

// closing reports whether workers are to be retired because the pool is closed
// and there is nothing left to begin.
func (p *Pool) closing() bool {
	return p.state == poolClosed && !p.hasUnbegun() &&
		slices.ContainsFunc(p.workers, func(w *worker) bool { return w.state < workerRetiring })
}

// drain takes up to most results of w, delivers them, and returns how many
// there were.
func (p *Pool) drain(w *worker, batch *[]arrival, most int) int {
	if !w.ring.Pending() {
		return 0
	}
	b := (*batch)[:0]
	var bad error
	for len(b) < most {
		r, payload, err := w.ring.Next()
		if err != nil {
			bad = err
			break
		}
		if r == nil {
			break
		}
		b = append(b, arrival{seq: r.Seq, flags: r.Flags, payload: payload})
	}
	p.mu.Lock()
	for i := range b {
		e, ok := w.pop(b[i].seq)
		if !ok {
			bad = fmt.Errorf("%w: a result for no task", taskring.ErrCorrupt)
			b = b[:i]
			break
		}
		b[i].ticket, b[i].reason = e.ticket, e.reason
	}
	w.full = false
	switch w.state {
	case workerStuck:
		w.become(workerServing)
	case workerRetiring:
		p.stop(w)
	}
	p.fill()
	if w.load == 0 && w.state == workerServing {
		p.steal(w)
	}
	p.mu.Unlock()
	n := len(b)
	p.delivering.from, p.delivering.results = w, b
	p.deliverAll()
	if bad != nil {
		logf(LevelError, "%s: %v: killed", w.name, bad)
		w.child.Signal(sigKill)
		return 0
	}
	return n
}

// deliverAll delivers everything in p.delivering. If a job ends the goroutine,
// that job fails unless it was done, and the rest remains.
func (p *Pool) deliverAll() {
	d := &p.delivering
	var now *ticket
	defer func() {
		if now != nil {
			d.wire.Close()
			now.job.finish(now.piece, nil, nil, errDeliveryGoexit)
		}
	}()
	for len(d.failed) > 0 {
		f := &d.failed[0]
		d.failed = d.failed[1:]
		now = &f.ticket
		f.job.finish(f.piece, nil, nil, f.err)
		*f = failure{}
	}
	for len(d.results) > 0 {
		a := &d.results[0]
		d.results = d.results[1:]
		now = &a.ticket
		p.deliver(d.from, a)
		*a = arrival{}
	}
	now = nil
	if d.from != nil {
		d.from.ring.Release()
		d.from = nil
	}
}

var errDeliveryGoexit = errors.New("procs: a method of the result called runtime.Goexit")

// deliver hands one result to its job.
func (p *Pool) deliver(w *worker, a *arrival) {
	x := &p.delivering.wire
	*x = wire{}
	defer x.Close()
	payload, err := w.att.open(a.seq, a.flags, a.payload, x)
	defer w.att.done(a.flags) // also when the job ends this goroutine
	switch {
	case err == errNothingAttached: // its end of the socket is closed: it has died, or must
		w.child.Signal(sigKill)
		<-w.child.Done()
		err = w.died()
	case err != nil:
	case a.reason != nil:
		err = a.reason
	case a.flags&taskring.Failed != 0:
		err = decodeError(payload)
	}
	a.job.finish(a.piece, payload, x, err)
}

// steal gives w, which has nothing to do, half of what the busiest worker has
// not begun.
func (p *Pool) steal(w *worker) {
	var from *worker
	for _, o := range p.workers {
		if o != w && o.load > 1 && (from == nil || o.load > from.load) {
			from = o
		}
	}
	if from == nil || p.hasWork() {
		return
	}
	p.requeueUnbegun(from, from.load/2)
	p.fill()
}

// requeueUnbegun takes up to n tasks back that w has not begun, the newest
// first.
func (p *Pool) requeueUnbegun(w *worker, n int) {
	for _, e := range w.newestFirst {
		if n--; n < 0 {
			return
		}
		t, ok := w.revoke(e)
		if !ok {
			return // it and all before it were begun
		}
		p.requeued = append(p.requeued, t)
	}
}

// rescue looks, about every NapLimit, for workers that have not begun the tasks
// that they had the last time: their process was stopped, or does not get to
// its start. Their tasks go to other workers, if one is up that can take them:
// where starts take long, those that are not up would lose theirs to one
// another, and end for it if they may do only so many. Workers that have come,
// or go on, and have nothing to do take what others have not begun, which may
// be behind a task that waits for it.
func (p *Pool) rescue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var idle []*worker
	able := false
	for _, w := range p.workers {
		if !w.state.running() {
			continue
		}
		was := w.mark
		w.mark = mark{w.headSeq, w.ring.Passed(), w.load > 0}
		switch e := w.front(); {
		case e != nil && was == w.mark && !e.task.Claimed():
			idle = append(idle, w)
			if w.state == workerServing {
				w.become(workerStuck)
			}
		case w.state == workerStuck && (w.mark.passed != was.passed || e != nil && e.task.Claimed()):
			w.become(workerServing)
		}
		able = able || w.state == workerServing && w.ring.Ready()
	}
	p.scratch = nil // it may be as long as the longest arguments ever
	if able {
		for _, w := range idle {
			logf(LevelWarning, "%s does not begin its tasks: others get them", w.name)
			p.requeueUnbegun(w, w.load)
		}
	}
	p.fill()
	for _, w := range p.workers { // those that came late have no result after which they would
		if w.load == 0 && w.state == workerServing && w.ring.Ready() {
			p.steal(w)
		}
	}
}

// failNow delivers what has failed without a result. In a broken pool that is
// everything that waits for a worker.
func (p *Pool) failNow() bool {
	p.mu.Lock()
	if p.broken != nil {
		p.failWaiting(p.broken)
	}
	p.delivering.failed, p.failed = p.failed, nil
	p.mu.Unlock()
	some := len(p.delivering.failed) > 0
	p.deliverAll()
	return some
}

// over reports whether nothing will ever be left to do.
func (p *Pool) over() bool {
	if p.state == poolOpen || len(p.workers) > 0 || p.starting > 0 || len(p.failed) > 0 {
		return false
	}
	return p.state == poolTerminated || p.broken != nil || !p.hasWork()
}

// end fails what is left, and lets go of everything.
func (p *Pool) end() {
	p.mu.Lock()
	if p.broken == nil {
		p.failWaiting(ErrTerminated)
	}
	p.mu.Unlock()
	p.failNow()
	p.parkerSeg.Close()
	logf(LevelInfo, "%s ended", p.name)
}
