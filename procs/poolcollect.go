package procs

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"switchyard/procs/internal/child"
	"switchyard/procs/internal/goroutine"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/taskring"
	"switchyard/procs/internal/transport"
)

// batchSize is how many results are taken between two looks at the other
// workers.
const batchSize = 256

// arrival is a result taken out of a ring.
type arrival struct {
	ticket
	seq     uint64
	flags   uint32
	payload []byte
	reason  error
}

// deliveries holds results taken from a ring and not yet delivered.
// Pool.collecting guards it.
type deliveries struct {
	from    *worker
	results []arrival // the first is next
	failed  []failure // from nowhere, and come first
	wire    wire      // what belongs to the result at hand
}

func (d *deliveries) empty() bool { return len(d.results)+len(d.failed) == 0 }

// collect is the life of the pool's goroutine that takes results, delivers
// them, and deals with the dead. It holds collecting while it is awake, so that
// it and a caller in pollOwnResult take turns.
//
// A callback may end the goroutine that calls it (runtime.Goexit, or a test's
// FailNow). Another one goes on then.
func (p *Pool) collect() {
	p.collector.Store(goroutine.ID())
	over := false
	defer func() {
		p.collector.Store(0) // the number may be another's soon
		if over {
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
	rescued := time.Now()
	for {
		p.collecting.Lock()
		p.deliverAll() // what a goroutine that was ended left
		busy := p.failNow()
		workers = p.appendWorkers(workers[:0])
		for _, w := range workers {
			if n := p.drain(w, &batch, batchSize); n > 0 {
				busy = true
				burst += n
			}
		}
		if p.reapDead(&batch) {
			busy = true
		}
		if !busy && p.over() {
			break
		}
		if busy {
			idle = 0
		} else {
			idle++
		}
		nap := time.Duration(0)
		if idle == collectSpins {
			nap = p.arm(workers, burst)
		}
		p.collecting.Unlock()
		switch {
		case idle == collectSpins:
			if nap > 0 {
				p.bell.Sleep(nap)
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
	over = true
	p.collecting.Unlock()
}

func (p *Pool) appendWorkers(to []*worker) []*worker {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append(to, p.workers...)
}

// collectSpins is how often the collector looks for results before it sleeps.
const collectSpins = 30

// arm prepares for a sleep until the bell rings, and returns how long it may
// last, or 0 if there is something to do. While many results come (a burst
// since the last sleep) and more are to come, it is enough to be woken for a
// good part of them, or after a moment: the fewer wakes, the more the workers
// can do.
func (p *Pool) arm(workers []*worker, burst int) time.Duration {
	p.bell.Arm()
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
	p.mu.Unlock()
	switch {
	case ready:
		p.bell.Disarm()
		return 0
	case many:
		return 200 * time.Microsecond
	}
	return taskring.NapLimit
}

// changed reports whether there is something but results to look after. It also
// uses room that revoked tasks left.
func (p *Pool) changed() bool {
	for _, w := range p.workers {
		if w.full && w.reclaim() {
			w.full = false
			if w.stopDue {
				p.retire(w)
			}
			p.fill()
		}
		if w.dead || w.stopDue && !w.full {
			return true
		}
	}
	for _, w := range p.spares {
		if w.dead {
			return true
		}
	}
	return p.overLocked() || p.closing()
}

// closing reports whether workers are due to be retired because the pool is
// closed and nothing is left to hand out.
func (p *Pool) closing() bool {
	if p.state != poolClosed || p.hasWork() {
		return false
	}
	for _, w := range p.workers {
		if !w.dead && !w.retiring {
			return true
		}
	}
	return len(p.spares) > 0
}

// drain takes the results that w has, at most most, and returns how many there
// were.
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
	w.full, w.stuck = false, false
	if w.stopDue {
		p.retire(w)
	}
	p.fill()
	if w.load == 0 && !w.retiring {
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

// deliverAll hands all that was taken to its jobs. If that ends the goroutine,
// the job at hand fails unless it is done, and the rest stays.
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
	payload := a.payload
	if a.flags&taskring.Attached != 0 {
		fds, err := w.att.take(a.seq)
		if errors.Is(err, child.ErrRightsLost) {
			a.job.finish(a.piece, nil, x, err)
			return
		}
		if err != nil { // its end of the socket is closed: it has died, or must
			w.child.Signal(sigKill)
			<-w.child.Done()
			a.job.finish(a.piece, nil, x, w.died())
			return
		}
		x.FDs = fds
		defer x.Close()
		if a.flags&taskring.Blob != 0 && len(fds) > 0 {
			b, err := transport.ReadBlob(fds[0])
			kernel.CloseFD(fds[0])
			x.FDs = fds[1:]
			if err != nil {
				a.job.finish(a.piece, nil, x, err)
				return
			}
			payload = b
		}
	}
	var err error
	if a.flags&taskring.Failed != 0 {
		err = decodeError(payload)
	}
	if a.reason != nil {
		err = a.reason
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
	n := from.load / 2
	for i := len(from.entries) - 1; i >= from.first && n > 0; i-- {
		e := &from.entries[i]
		if e.revoked {
			continue
		}
		t, ok := from.revoke(e)
		if !ok {
			break // it and all before it were begun
		}
		p.requeued = append(p.requeued, t)
		n--
	}
	p.fill()
}

// rescue looks, every NapLimit or so, for workers that have not begun what they
// have had since the last time: stopped ones, and those that do not get to
// their start. Others get their tasks.
func (p *Pool) rescue() {
	p.mu.Lock()
	defer p.mu.Unlock()
	var stuck []*worker
	able := 0
	for _, w := range p.workers {
		if w.dead {
			continue
		}
		was, passed := w.mark, w.ring.Passed()
		w.mark = mark{w.firstSeq, passed, w.load > 0}
		e := w.front()
		switch {
		case w.stuck && passed != was.passed:
			w.stuck = false
		case !w.stuck && e != nil && was == w.mark && e.task.State.Load() == taskring.Queued:
			w.stuck = true
			stuck = append(stuck, w)
		}
		if !w.stuck && !w.retiring {
			able++
		}
	}
	if able > 0 {
		for _, w := range stuck {
			logf(LevelWarning, "%s does not begin its tasks: others get them", w.name)
			for i := w.first; i < len(w.entries); i++ {
				if t, ok := w.revoke(&w.entries[i]); ok {
					p.requeued = append(p.requeued, t)
				}
			}
		}
	}
	p.fill()
}

// failNow delivers what failed before it reached a worker. In a broken pool
// that is all that waits for one: none will come.
func (p *Pool) failNow() bool {
	p.mu.Lock()
	f := p.failed
	p.failed = nil
	if p.broken != nil {
		f = p.appendWaiting(f, p.broken)
	}
	p.mu.Unlock()
	p.delivering.failed = f
	p.deliverAll()
	return len(f) > 0
}

// appendWaiting takes every piece that waits for a worker, to fail with err.
func (p *Pool) appendWaiting(f []failure, err error) []failure {
	for {
		t, ok := p.nextTicket()
		if !ok {
			return f
		}
		f = append(f, failure{t, err})
	}
}

// over reports whether nothing is left to be done, for ever.
func (p *Pool) over() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.overLocked()
}

func (p *Pool) overLocked() bool {
	if p.state == poolOpen || len(p.workers) > 0 || len(p.spares) > 0 || p.starting > 0 || len(p.failed) > 0 {
		return false
	}
	return p.state == poolTerminated || p.broken != nil || !p.hasWork()
}

// end fails what is left, and lets go of everything.
func (p *Pool) end() {
	p.mu.Lock()
	err := p.broken
	if p.state == poolTerminated && err == nil {
		err = ErrTerminated
	}
	p.delivering.failed = p.appendWaiting(nil, err)
	p.mu.Unlock()
	p.deliverAll()
	p.bellFD.Close()
	logf(LevelInfo, "%s ended", p.name)
}
