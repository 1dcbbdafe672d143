package hub

import (
	"fmt"
	"time"

	"switchyard/greenlet"
)

// A PanicError is the error of a greenlet, callback or awaited call that
// panicked: the value and the stack.
type PanicError = greenlet.PanicError

// A Greenlet is a function that runs beside others on a hub
// (gevent.Greenlet). It is made by [Hub.Spawn] and its relatives and ends
// when its function returns; its outcome is the function's error, or a
// [*PanicError], or [ErrExit] if it was killed before it started.
type Greenlet struct {
	// What a wake touches ...
	timer   timer // the first field; see timer.greenlet
	parked  bool  // waits: somebody else must make it ready, or its turn
	queued  bool  // in the ready list while it waits: its limit is zero
	heard   bool  // somebody is told of its error, so the hub need not be
	onIO    bool  // waits for a descriptor, and is counted in Hub.ioWait
	dead    bool
	started bool  // handed to the ready list
	forced  bool  // unwound because it would not end
	refused uint8 // calls while the hub closes; see refuse
	waitOn  *waitList
	next    *Greenlet                    // ready list
	co      *greenlet.Greenlet[struct{}] // where it runs; nil before it starts
	pending *thrown                      // not yet delivered
	h       *Hub

	// ... what its end does ...
	fn            func() error
	err           error // what ended its last wait; once it is dead, its outcome
	joiners       waitList
	before, after *Greenlet // Hub.all
	more          *extra    // nil: nothing

	// ... and the rest.
	waitNext, waitPrev *Greenlet
	offer              any    // what it waits with; see line
	id, by             uint64 // its number, and that of the greenlet that spawned it
}

// An extra is what few greenlets have.
type extra struct {
	links   links
	name    *string // nil: by its number; never changed in place
	locals  map[any]any
	carrier uint64 // the goroutine it runs on, known only to a watchdog
}

// extra returns where to put what few have.
func (g *Greenlet) extra() *extra {
	if g.more == nil {
		g.more = new(extra)
	}
	return g.more
}

// Spawn makes a greenlet that runs f after those that are ready now, and
// returns it (gevent.spawn). It does not switch. An error of f that nobody asks
// for is reported to [Config].OnError, which prints it by default.
//
// Cost: one allocation; a coroutine only if f ever blocks while others start.
func (h *Hub) Spawn(f func() error) *Greenlet {
	g := h.newGreenlet(f)
	h.start(g)
	return g
}

// SpawnLater is [Hub.Spawn] after d (gevent.spawn_later), or at the next look
// at the clock if d is zero or less. A kill before then cancels it.
func (h *Hub) SpawnLater(d time.Duration, f func() error) *Greenlet {
	g := h.newGreenlet(f)
	if g.dead {
		return g
	}
	g.parked = true
	h.timers.arm(&g.timer, h.now().after(d))
	return g
}

// SpawnRaw runs f in a greenlet of which no handle is kept
// (gevent.spawn_raw).
func (h *Hub) SpawnRaw(f func()) {
	h.Spawn(func() error { f(); return nil })
}

func (h *Hub) newGreenlet(f func() error) *Greenlet {
	if f == nil {
		panic("hub: Spawn without a function")
	}
	h.nextID++
	g := &Greenlet{h: h, fn: f, id: h.nextID}
	if h.cur != nil {
		g.by = h.cur.id
	}
	if h.closing {
		g.dead, g.err, g.fn = true, ErrExit, nil
		return g
	}
	g.before = h.lastAll
	if h.lastAll == nil {
		h.all = g
	} else {
		h.lastAll.after = g
	}
	h.lastAll = g
	h.live++
	return g
}

func (h *Hub) start(g *Greenlet) {
	if !g.dead {
		h.push(g)
	}
}

// panicked blames g for the panic that its function has ended with, which try
// has put into err.
//
//go:noinline
func (g *Greenlet) panicked(how ending) {
	how.confirmed(&g.err)
	g.blame(g.err.(*PanicError))
}

// exited does so while runtime.Goexit unwinds the greenlet's coroutine.
func (g *Greenlet) exited() {
	err := g.err
	if p, ok := err.(*PanicError); ok { // a deferred function panicked as well
		g.blame(p)
	} else if err = ErrGoexit; g.forced {
		err = ErrExit
	}
	g.heard = true // an exit goes on to main
	g.h.nCarry--
	g.h.finish(g, err)
	g.h.passExit(g)
}

// blame names g in the report of its panic.
func (g *Greenlet) blame(p *PanicError) {
	p.Greenlet = g.String()
	g.heard = true
	g.h.reportPanic(g, p)
}

// finish makes g dead with outcome err and wakes or calls whoever waits for
// that.
func (h *Hub) finish(g *Greenlet, err error) {
	g.dead, g.err = true, err
	g.fn, g.pending, g.co = nil, nil, nil
	if g.more != nil {
		g.more.locals = nil
	}
	if g.before == nil {
		h.all = g.after
	} else {
		g.before.after = g.after
	}
	if g.after == nil {
		h.lastAll = g.before
	} else {
		g.after.before = g.before
	}
	g.before, g.after = nil, nil
	if err != nil && err != ErrExit && !g.heard && !g.linked().hear() {
		h.keepUnread(g)
	}
	h.live--
	if h.live == 0 {
		h.drained.wakeAll()
	}
	g.joiners.wakeAll()
	g.linked().fire()
}

// Join waits until g is dead, whatever its outcome (gevent.Greenlet.join).
// The error is that of the wait: ErrExit, a [Timeout], a deadlock.
func (g *Greenlet) Join() error { return g.JoinTimeout(-1) }

// JoinTimeout is Join for at most d; then it returns [ErrTimeout]. A negative
// d means no limit.
func (g *Greenlet) JoinTimeout(d time.Duration) error {
	if g.dead {
		return nil
	}
	if g == g.h.cur {
		panic("hub: a greenlet joins itself")
	}
	return g.h.wait(&g.joiners, d, ErrTimeout)
}

// Get waits until g is dead and returns its outcome, or the error of the wait
// (gevent.Greenlet.get). For a greenlet with a value see [Spawn].
func (g *Greenlet) Get() error {
	if err := g.Join(); err != nil {
		return err
	}
	return g.Err()
}

// Kill makes g's blocking call return [ErrExit] and waits until g is dead
// (gevent.Greenlet.kill). A greenlet that is not blocked gets the error from
// its next blocking call; one that has not started never will; a dead one is
// left alone. If g ignores ErrExit, Kill waits until it ends all the same. A
// greenlet that kills itself gets ErrExit as Kill's result, for it to return.
func (g *Greenlet) Kill() error { return g.KillWith(ErrExit, -1) }

// KillWith is [Greenlet.Kill] with an error of your own, waiting at most d:
// zero does not wait at all, negative has no limit.
func (g *Greenlet) KillWith(err error, d time.Duration) error {
	if err == nil {
		panic("hub: kill with a nil error")
	}
	if g == g.h.cur {
		return err
	}
	g.h.kill(g, err)
	if d == 0 {
		return nil
	}
	return g.JoinTimeout(d)
}

// Ready reports whether g is dead (gevent.Greenlet.ready).
func (g *Greenlet) Ready() bool { return g.dead }

// Dead is [Greenlet.Ready].
func (g *Greenlet) Dead() bool { return g.dead }

// Started reports whether g has begun to run.
func (g *Greenlet) Started() bool { return g.co != nil || g.dead && g.started }

// Err returns the outcome of a dead greenlet and [ErrNotReady] before
// (gevent.Greenlet.exception). A greenlet that ended because it was killed
// has the error it returned, as a rule [ErrExit].
func (g *Greenlet) Err() error {
	if !g.dead {
		return ErrNotReady
	}
	g.heard = true
	return g.err
}

// Successful reports whether g ended without an error; being killed is, as in
// gevent, none (gevent.Greenlet.successful).
func (g *Greenlet) Successful() bool {
	g.heard = g.heard || g.dead
	return g.successful()
}

func (g *Greenlet) successful() bool {
	return g.dead && (g.err == nil || is(g.err, ErrExit))
}

// ID is g's number on its hub, from 1 in the order of spawning; main is 0
// (gevent.Greenlet.minimal_ident).
func (g *Greenlet) ID() uint64 { return g.id }

// Name returns the name given with [Greenlet.SetName], or "greenlet-ID".
func (g *Greenlet) Name() string {
	if g.more == nil || g.more.name == nil {
		return defaultName(g.id)
	}
	return *g.more.name
}

func defaultName(id uint64) string { return fmt.Sprintf("greenlet-%d", id) }

// SetName names g for reports and returns it.
func (g *Greenlet) SetName(name string) *Greenlet {
	g.extra().name = &name
	return g
}

// Hub returns the hub g runs on.
func (g *Greenlet) Hub() *Hub { return g.h }

// String returns g's name and state.
func (g *Greenlet) String() string {
	return g.Name() + " (" + g.state() + ")"
}

func (g *Greenlet) state() string {
	switch {
	case g.dead:
		return "dead"
	case g.h.cur == g:
		return "running"
	case g.co == nil:
		return "pending"
	case g.parked:
		return "waiting"
	}
	return "ready"
}
