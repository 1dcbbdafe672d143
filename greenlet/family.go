package greenlet

import (
	"errors"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
)

// keep is how many workers without a greenlet a family keeps for later ones;
// more leave at once. At 3 KiB each they hold at most 3 MiB.
const keep = 1024

// A family holds what its greenlets share. All of it belongs to the running
// greenlet, except orphans.
type family[T any] struct {
	current *Greenlet[T]
	odd     odd // anything that the fast path of Switch does not do
	value   T   // what the greenlet being switched to receives
	message     // what it receives instead of a value

	main    *Greenlet[T]
	started *core[T]           // the started, undead ones but main: a ring
	life    iter.Seq[struct{}] // of all workers
	fresh   *slot              // of the worker that is switched to first
	idle    []*slot            // workers without a greenlet, each parked somewhere
	spare   int                // how many of those to keep
	relay   *seat              // who is to run, when a worker's end resumed another
	trace   func(Event[T])
	origin  *Greenlet[T] // of the switch being traced
	keeps   bool         // New's greenlets are kept
	closing bool
	quit    bool // idle workers must leave
	made    uint32
	lost    []error // of greenlets that were killed as garbage

	young    []*Greenlet[T] // started lately, not yet watched; see collect.go
	orphaned atomic.Bool
	mu       sync.Mutex
	orphans  []*core[T] // guarded by mu

	owner thread // in debug builds: the goroutine of current
}

// A message is an error, a panic or an exit on its way to a greenlet.
type message struct {
	err  error
	fail *PanicError
	exit bool // runtime.Goexit
}

type odd uint8

const (
	oddMessage odd = 1 << iota // there is a message
	oddRelay                   // relay is set
	oddTrace                   // trace is set
	oddClosing                 // Close has begun
)

// send switches to g with a value, or an error: every case of Switch and Throw.
func (f *family[T]) send(g *Greenlet[T], v T, err error) (T, error) {
	if f.closing {
		return f.refuse()
	}
	if f.orphaned.Load() {
		f.reap()
	}
	return f.deliver(g, v, message{err: err})
}

// deliver is send, in a closing family too.
func (f *family[T]) deliver(g *Greenlet[T], v T, m message) (T, error) {
	me := f.current.core
	f.origin = f.current
	g, v, m = f.settle(g, v, m, false)
	c := g.core
	if c == me {
		f.put(g, v, m)
		return f.resume(&me.seat)
	}
	s := c.at
	if c.state == pending {
		s = f.worker().at
		f.begin(g)
	} else if debug {
		f.checkLock(s)
	}
	f.put(g, v, m)
	me.at = s
	s.swap()
	if debug {
		f.owner = caller()
	}
	return f.resume(&me.seat)
}

// settle finds who receives what is sent to g: dead greenlets stand for their
// parents, and an unstarted one dies of any message, or of the family's
// closing. The error is asked whether it is ErrExit before anything changes,
// and once, for its method Is may panic: not at all if it was asked before.
func (f *family[T]) settle(g *Greenlet[T], v T, m message, asked bool) (*Greenlet[T], T, message) {
	for {
		c := g.core
		switch {
		case c.state == active:
			return g, v, m
		case c.state == pending && m == message{} && !f.closing:
			return g, v, m
		}
		if m.err != nil && !asked && errors.Is(m.err, ErrExit) {
			m.err = nil
		}
		asked = true
		c.state = dead
		c.run = nil
		g = c.parent
	}
}

// put makes g current and leaves for it what it receives.
func (f *family[T]) put(g *Greenlet[T], v T, m message) {
	f.value = v
	f.message = m
	f.turnTo(g)
}

// turnTo makes g current; what it receives is in value and message.
func (f *family[T]) turnTo(g *Greenlet[T]) {
	f.current = g
	if f.message.err != nil || f.message.fail != nil || f.message.exit {
		f.odd |= oddMessage
	}
	if f.odd&oddTrace == 0 {
		f.origin = nil
	}
}

// take returns what the running greenlet receives, or panics, or exits.
func (f *family[T]) take() (T, error) {
	if f.origin != nil { // only while it is traced
		f.callTrace()
	}
	v := f.value
	var zero T
	f.value = zero
	if f.odd&oddMessage == 0 {
		return v, nil
	}
	m := f.message
	f.message = message{}
	f.odd &^= oddMessage
	switch {
	case m.fail != nil:
		panic(m.fail)
	case m.exit:
		runtime.Goexit()
	}
	return v, m.err
}

// resume is what a greenlet does after a switch back to it when anything is
// odd.
func (f *family[T]) resume(me *seat) (T, error) {
	f.pass(me)
	return f.take()
}

// pass is called by whoever was resumed. If that was by the end of a worker in
// whose slot it happened to be parked, and somebody else was meant, it switches
// on.
func (f *family[T]) pass(me *seat) {
	for f.relay != nil && f.relay != me {
		s := f.relay.at
		me.at = s
		s.swap()
		if debug {
			f.owner = caller()
		}
	}
	f.relay = nil
	f.odd &^= oddRelay
}

// relayTo makes the goroutine that is resumed next switch on to who.
func (f *family[T]) relayTo(who *seat) {
	f.relay = who
	f.odd |= oddRelay
}

// begin marks g started.
func (f *family[T]) begin(g *Greenlet[T]) {
	c := g.core
	c.state = active
	if f.started == nil {
		c.before, c.after = c, c
		f.started = c
	} else {
		first := f.started
		c.before, c.after = first.before, first
		c.before.after, first.before = c, c
	}
	f.watch(g)
}

// end marks the running greenlet dead and returns who receives its result, from
// value and message, where it is noted. An error there is not ErrExit.
func (f *family[T]) end() *Greenlet[T] {
	g := f.current
	c := g.core
	c.state = dead
	c.at = nil
	switch {
	case c.after == c:
		f.started = nil
	case f.started == c:
		f.started = c.after
		fallthrough
	default:
		c.before.after, c.after.before = c.after, c.before
	}
	c.before, c.after = nil, nil
	f.origin = g
	heir := c.parent
	quiet := f.message.exit && (f.closing || c.killed) // it was made to exit
	if heir.state != active {
		heir, f.value, f.message = f.settle(heir, f.value, f.message, true)
	}
	if quiet {
		f.message.exit = false
	}
	return heir
}

// worker returns a worker that waits for a greenlet.
func (f *family[T]) worker() *slot {
	if n := len(f.idle); n > 0 {
		w := f.idle[n-1]
		if debug {
			f.checkLock(w.at)
		}
		f.idle[n-1] = nil
		f.idle = f.idle[:n-1]
		return w
	}
	f.fresh = newSlot(f.life)
	return f.fresh
}

// life is what a worker does: it runs one greenlet after another. It is one
// function for all workers, whose first frame it is. That frame, and that of
// serve, are on the stack of every greenlet, and a stack has little more than a
// kilobyte before it must grow to twice the size: hence what they do not need
// while a greenlet runs is done by functions that they call.
func life[T any](f *family[T]) iter.Seq[struct{}] {
	return func(yield func(struct{}) bool) {
		w := f.fresh
		w.yield, f.fresh = yield, nil
		if debug {
			f.owner = caller()
		}
		defer f.leave(w)
		for !f.serve(w) && f.failed(w) {
		}
	}
}

// serve runs greenlets, the current one first, until w is to leave: then it
// returns true. When one panics it returns false. When one exits by
// runtime.Goexit it does not return: the goroutine unwinds. What is deferred
// here and in life is so once for many greenlets, since a defer for each is
// felt.
func (f *family[T]) serve(w *slot) (done bool) {
	defer f.catch()
	for {
		arg, _ := f.take() // a message would have killed it unstarted
		v, err := f.current.body()(f.current, arg)
		if !f.succeed(w, v, err) {
			return true
		}
	}
}

// body returns the run function of c, for the only time.
func (c *core[T]) body() func(*Greenlet[T], T) (T, error) {
	run := c.run
	c.run = nil
	return run
}

// catch is deferred by serve. It notes a panic.
//
//go:noinline
func (f *family[T]) catch() {
	if p := recover(); p != nil {
		f.message.fail = asPanic(p, f.current.String())
	}
}

// failed ends the current greenlet, which has panicked, as succeed does.
//
//go:noinline
func (f *family[T]) failed(w *slot) bool {
	if f.message.fail == nil { // panic(nil), under GODEBUG=panicnil=1
		f.message.fail = asPanic(new(runtime.PanicNilError), f.current.String())
	}
	var zero T
	return f.succeed(w, zero, nil)
}

// succeed ends the current greenlet, whose run function has returned v and err,
// on its worker w, and resumes who receives that. It returns true when there is
// another greenlet to run, and false if w is to leave. The methods of err are
// the greenlet's own code, and may panic or exit: they are called first.
//
//go:noinline
func (f *family[T]) succeed(w *slot, v T, err error) bool {
	if err != nil && !errors.Is(err, ErrExit) {
		f.message.err = err
	}
	f.value = v
	g := f.end()
	c := g.core
	if c.state == pending { // the parent, never started: it starts here
		f.begin(g)
		f.turnTo(g)
		return true
	}
	f.turnTo(g)
	s := c.at
	if len(f.idle) >= f.spare {
		if s != w {
			f.relayTo(&c.seat)
		}
		w.gone = true
		return false
	}
	g, c = nil, nil
	f.idle = append(f.idle, w)
	w.at = s
	if debug {
		swaps.Add(1)
	}
	if s.inner { // swap, written out: see there
		s.inner = false
		s.yield(struct{}{})
	} else {
		s.inner = true
		s.next()
	}
	if debug {
		f.owner = caller()
	}
	if f.relay != nil {
		f.pass(&w.seat)
	}
	w.gone = f.quit
	return !f.quit
}

// leave is deferred by life. A greenlet that exits by runtime.Goexit unwinds
// its worker. A deferred function that panics meanwhile does not stop that,
// although serve recovers the panic; but it is the panic that the parent hears
// of.
func (f *family[T]) leave(w *slot) {
	if !w.gone {
		f.message.exit = f.message.fail == nil
		f.exitByGoexit(w)
	}
}

// exitByGoexit ends the current greenlet, whose goroutine w unwinds and will
// end as soon as this returns. iter.Pull then lets a goroutine that is parked
// in w by next die too, but not one parked by yield. If it is by next, a fresh
// worker takes its place, by yield, and it moves to the fresh worker's slot,
// also by yield; then first w ends and then the fresh worker, both harmlessly.
func (f *family[T]) exitByGoexit(w *slot) {
	g := f.end()
	f.turnTo(g)
	heir := &g.seat
	if !w.inner {
		if heir.at != w {
			f.relayTo(heir)
		}
		return
	}
	var fresh *slot
	fresh = newSlot(func(yield func(struct{}) bool) {
		fresh.yield = yield
		f.relayTo(&w.seat)
		w.swap()
		if heir.at != fresh {
			f.relayTo(heir)
		}
	})
	w.at = fresh
	fresh.swap()
	f.pass(&w.seat)
}
