package remote

import (
	"context"
	"time"
)

// reading says who reads a pool's line. It is the line's own goroutine, which
// any other result needs; but waking it, to wake the caller, takes longer than
// all else of a round trip. So when tasks come one by one, quickly, and their
// callers wait for them, it stands back, and each caller reads his result
// himself: one message, if that is the result of his task, which nobody else
// hears of. Whatever else comes stays for the line's goroutine: other messages,
// an error, the rest of a message where the caller's context has ended; and so
// does everything as soon as a second task is under way. While no caller reads
// it looks after the line within two ticks.
//
// All this has the lock of direct.
type reading struct {
	last time.Time     // when the line's goroutine read a result
	row  int           // of results that their callers could have read
	away bool          // the line's goroutine does not read
	goOn chan struct{} // tells it to go on; once
	by   *request      // whose caller reads; nil: none

	interrupted bool        // who reads is to return
	busy        bool        // one has read since the last look
	looks       bool        // look will come
	look        *time.Timer // whether somebody still reads
}

const (
	readTick = time.Millisecond
	readRow  = 4        // results in a row that their callers could have read
	readMost = 16 << 10 // bytes of a result that is decoded with the lock held
)

// standsBack notes what the line's goroutine has read, and reports whether that
// is to wait, from now on, until it is told to go on.
func (d *direct) standsBack(p *peer, l *line, alone bool, now time.Time) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !alone || now.Sub(l.last) > 2*readTick {
		l.row = 0
	} else {
		l.row++
	}
	l.last = now
	if l.row < readRow || p.tasks > 0 || p.line != l {
		return false
	}
	l.row, l.away = 0, true
	d.unread.Add(1)
	d.lookLater(l)
	return true
}

// readOn has the line's goroutine read again: at once, or when the caller who
// reads leaves.
func (d *direct) readOn(l *line) {
	if !l.away {
		return
	}
	l.away = false
	d.unread.Add(-1)
	if l.by == nil {
		l.goOn <- struct{}{}
	}
}

// await reads a line for the result of a task, if that is the only one.
func (d *direct) await(ctx context.Context, r *request) {
	r.awaited.Store(true)
	if d.unread.Load() == 0 || r.unheard == nil || ctx.Err() != nil {
		return
	}
	d.mu.Lock()
	p, l := r.sent.peer, r.sent.line
	if r.sent.ended || p == nil || l == nil || !l.away || l.by != nil || p.tasks > 1 {
		d.mu.Unlock()
		return
	}
	l.by, l.busy = r, true
	d.mu.Unlock()
	stop := func() bool { return true }
	if ctx.Done() != nil {
		stop = context.AfterFunc(ctx, func() {
			d.mu.Lock()
			defer d.mu.Unlock()
			d.interrupt(r)
		})
	}
	b, err := l.peek()
	stop()
	res, mine := result{}, false
	if err == nil && len(b) <= readMost {
		res, mine = onlyResult(b, r.number)
	}
	now := time.Now()
	d.mu.Lock()
	if mine = mine && !r.sent.ended && r.unheard(res); mine {
		l.skip(b)
		delete(d.inflight, r.number)
		r.sent.ended = true
		p.heard, l.heard = now, now
		p.tasks--
		d.dispatchAll()
	}
	d.leaves(p, l, mine)
	d.mu.Unlock()
	if mine {
		d.out.flush(true)
		d.p.leave(1)
	}
}

// onlyResult returns the result of the task of this number, if that is all that
// there is in a message.
func onlyResult(message []byte, number uint64) (r result, ok bool) {
	rs, err := decodeResults(message)
	if err != nil || len(rs) != 1 || rs[0].number != number {
		return r, false
	}
	return rs[0], true
}

// leaves has the line's goroutine read on, unless the caller who leaves has
// read what there was.
func (d *direct) leaves(p *peer, l *line, all bool) {
	l.by = nil
	if l.interrupted {
		l.interrupted = false
		l.resume()
	}
	switch {
	case !l.away: // it was told to meanwhile
		l.goOn <- struct{}{}
	case !all || p.tasks > 0:
		d.readOn(l)
	default:
		d.lookLater(l)
	}
}

// interrupt has the caller who waits for a task read no longer, if he does.
func (d *direct) interrupt(r *request) {
	if l := r.sent.line; l != nil && l.by == r && !l.interrupted {
		l.interrupted = true
		l.interrupt()
	}
}

func (d *direct) lookLater(l *line) {
	switch {
	case l.looks:
		return
	case l.look == nil:
		l.look = time.AfterFunc(readTick, func() { d.lookAt(l) })
	default:
		l.look.Reset(readTick)
	}
	l.looks = true
}

// lookAt has the line's goroutine read again if no caller did for a while.
func (d *direct) lookAt(l *line) {
	d.mu.Lock()
	defer d.mu.Unlock()
	l.looks = false
	switch {
	case !l.away || l.by != nil: // who leaves has us look again
	case l.busy:
		l.busy = false
		d.lookLater(l)
	default:
		d.readOn(l)
	}
}
