package procs

import (
	"fmt"
	"time"

	"switchyard/procs/internal/taskring"
)

// headcount counts the workers that serve, and the spares.
func (p *Pool) headcount() (serving, spares int) {
	for _, w := range p.workers {
		switch {
		case w.state.serves():
			serving++
		case w.state == workerSpare:
			spares++
		}
	}
	return serving, spares
}

// balance starts or retires workers until their number is right.
func (p *Pool) balance() {
	if p.state == poolTerminated || p.broken != nil || p.state == poolClosed && !p.hasUnbegun() {
		return
	}
	have, spares := p.headcount()
	for _, s := range [...]workerState{workerStuck, workerServing} { // who can work stays
		for i := len(p.workers) - 1; i >= 0 && have > p.target; i-- {
			if w := p.workers[i]; w.state == s {
				p.retire(w)
				have--
			}
		}
	}
	for _, w := range p.workers {
		if have < p.target && w.state == workerSpare {
			w.become(workerServing)
			have++
			spares--
		}
	}
	want := p.target - have
	if p.state == poolOpen {
		want += p.config.Spares - spares
	}
	for ; p.starting < want; p.starting++ {
		go p.replace()
	}
	p.fill()
}

// replace starts one worker, however often the system says no.
func (p *Pool) replace() {
	wait := time.Millisecond
	for tries := 1; ; tries++ {
		w, err := p.startWorker()
		p.mu.Lock()
		if err == nil {
			p.starting--
			p.admit(w)
			p.mu.Unlock()
			w.watch()
			p.parker.Wake()
			return
		}
		alone := len(p.workers) == 0
		if p.state == poolTerminated || p.broken != nil || alone && tries >= 20 {
			p.starting--
			if alone && p.broken == nil && p.state != poolTerminated {
				p.breakDown(err)
			}
			p.mu.Unlock()
			p.parker.Wake()
			return
		}
		p.mu.Unlock()
		logf(LevelWarning, "%s: cannot start a worker, try again: %v", p.name, err)
		time.Sleep(wait)
		wait = min(2*wait, 500*time.Millisecond)
	}
}

// admit gives a new worker its place.
func (p *Pool) admit(w *worker) {
	have, spares := p.headcount()
	p.workers = append(p.workers, w)
	switch {
	case p.state == poolTerminated || p.broken != nil:
		w.child.Signal(sigKill)
	case have < p.target:
		w.become(workerServing)
		p.fill()
	case p.state != poolOpen || spares == p.config.Spares:
		p.retire(w)
	}
}

// retire makes w end once it has done the tasks that it has.
func (p *Pool) retire(w *worker) {
	w.become(workerRetiring)
	p.stop(w)
}

// stop puts a stop record into the ring of w, which is retiring: the last thing
// that w finds there. If there is no room, this is tried again when there is.
func (p *Pool) stop(w *worker) {
	if w.ring.Put(w.nextSeq, 0, 0, taskring.Stop, nil) == nil {
		w.full = true
		return
	}
	w.become(workerStopping)
	w.ring.Publish()
}

// breakDown makes every task fail.
func (p *Pool) breakDown(cause error) {
	if p.broken != nil {
		return
	}
	p.broken = fmt.Errorf("%w: %w", ErrBroken, cause)
	logf(LevelError, "%s: %v", p.name, p.broken)
	p.killAll()
}

func (p *Pool) killAll() {
	for _, w := range p.workers {
		w.child.Signal(sigKill)
	}
}
