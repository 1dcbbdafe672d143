package hub

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"

	"switchyard/greenlet"
)

// maxQuantum is the largest number of switches between two looks at the
// outside world (timers, descriptors, the inbox) while greenlets are always
// ready. If they run long between switches, the number falls down to one.
const maxQuantum = 64

// idleCarriers bounds the finished coroutines kept for the next Spawn.
const idleCarriers = 256

// A Hub runs greenlets one at a time on the goroutine that called [Run]. Its
// methods, and those of everything made from it, may be called only from its
// own greenlets and callbacks; [Hub.Post] and [Hub.Context] are the exceptions
// and may be called from anywhere.
//
// It re-creates gevent.hub.Hub, without the hub greenlet: whoever blocks runs
// the loop on its own stack and switches straight to the next ready greenlet.
type Hub struct {
	// What every switch touches.
	cur      *Greenlet // who runs; nil while a callback or the loop runs
	head     *Greenlet // ready list, linked through Greenlet.next
	tail     *Greenlet
	switches uint64 // switches made
	pollAt   uint64 // Yield takes the long way when switches reaches this
	lookAt   uint64 // look outside when switches reaches this; see turn

	main    *Greenlet
	calls   []func()  // callbacks, run before the next greenlet ...
	called  int       // ... from this one on ...
	caller  *Greenlet // ... by this one; see call.go
	timers  timerHeap // sleeps, deadlines, timeouts
	idlers  waitList  // greenlets in Idle
	quiet   waitList  // greenlets in WaitQuiet
	all     *Greenlet // every greenlet not yet dead, main excluded
	lastAll *Greenlet
	live    int      // length of that list
	drained waitList // main, waiting for live or away to become 0

	idle    []*carrier                                 // those ready to run another greenlet
	carry   func(*carrier, struct{}) (struct{}, error) // runOthers
	starter *greenlet.Greenlet[struct{}]               // starts carriers; nil until needed
	nCarry  int                                        // coroutines alive

	away       int       // calls on other goroutines; see elsewhere
	holds      int       // outside events that will arrive: those, signals, Hold
	ioWait     int       // greenlets waiting for a descriptor
	lastIO     *Greenlet // woken last of those, until it has its turn
	ioSwitches uint64    // switches at the last read or write ...
	ioStreak   int       // ... and how many there were since
	quantum    uint64    // switches until the next look
	fairAt     uint64    // until then the woken queue up behind the ready
	looked     instant   // when it last looked; zero: it waited since
	breath     instant   // when it last went through the scheduler of Go; zero: just now
	files      fileList
	closing    bool
	exited     bool // a greenlet called Goexit meanwhile

	epoch  time.Time
	io     poller
	inbox  inbox
	awaits sync.WaitGroup
	ctx    context.Context
	cancel context.CancelFunc
	config Config
	watch  *watchdog
	nextID uint64

	unread      []*Greenlet // failed, and nobody has asked; see report.go
	unreadAt    instant     // when the first of them did
	unreadLooks int         // looks since

	deadly error // the deadlock main was told about, if any
}

// A Config sets up a hub. Its zero value is ready to use.
type Config struct {
	// OnError is told of failures that might go unnoticed
	// (gevent.hub.Hub.handle_error). Nil prints them to standard error, as
	// gevent does. They are:
	//
	//   - a panic, of a greenlet or of a callback (then g is nil): err is a
	//     [*PanicError]. It is reported at once, and is in any case the
	//     greenlet's outcome.
	//   - an error returned by a greenlet whose outcome nobody has asked for
	//     when the hub next has nothing to run, or some seconds later if it
	//     always has, or when it ends. To ask is to call Get, Err, Successful,
	//     GetAll, Map or the like, Link or LinkError; Join and JoinAll do not
	//     ask. gevent reports every error, even one that somebody waits for.
	//
	// A kill is no failure: neither an error that wraps [ErrExit] is reported
	// nor any of a greenlet that was killed with another one. OnError is a
	// callback: it must not block; if it panics, both are printed.
	OnError func(g *Greenlet, err error)

	// Watchdog, if Threshold is set, reports greenlets that keep the hub
	// from switching.
	Watchdog WatchdogConfig
}

// Run makes a hub, runs f as its main greenlet on the calling goroutine, and
// returns f's error. When f returns, every other greenlet is killed (its
// blocking call returns [ErrExit]), Await calls are waited for, descriptors
// opened through the hub are closed, and only then Run returns: no goroutine
// and no descriptor stays. Meanwhile posted functions are run. A greenlet that
// ignores a hundred such errors is ended by runtime.Goexit: its deferred
// functions run.
//
// If a greenlet or a callback calls runtime.Goexit, as testing's FailNow does,
// the main greenlet exits too, and so Run: after it has closed the hub.
//
// If every greenlet waits for another, the blocking call of the main greenlet
// returns a [DeadlockError] (gevent's LoopExit); Run returns it too, unless f
// returns an error of its own.
func Run(f func(h *Hub) error) error { return Config{}.Run(f) }

// Run is [Run] with this configuration.
func (c Config) Run(f func(h *Hub) error) (err error) {
	h := &Hub{epoch: time.Now(), config: c}
	h.ctx, h.cancel = context.WithCancel(context.Background())
	if err := h.io.open(h); err != nil {
		h.cancel()
		return fmt.Errorf("hub: %w", err)
	}
	h.main = &Greenlet{h: h, more: &extra{name: &mainName}, co: greenlet.Main[struct{}]()}
	h.cur, h.carry = h.main, h.runOthers
	h.main.co.Keep() // all end here
	h.quantum = 1
	if c.Watchdog.Threshold > 0 {
		h.startWatchdog(c.Watchdog)
	}
	returned := false
	defer func() { // also while a panic or Goexit unwinds f
		h.close()
		if returned && h.exited {
			runtime.Goexit()
		}
	}()
	err = f(h)
	returned = true
	if err == nil && h.deadly != nil {
		err = h.deadly
	}
	return err
}

var mainName = "main"

// close kills what is left and gives everything back.
func (h *Hub) close() {
	m := h.main
	h.cur = m
	h.settle(m)
	h.lastIO = nil
	h.closing = true
	h.pollAt = 0
	h.cancel()
	for g := h.all; g != nil; {
		after := g.after
		h.throw(g, ErrExit)
		g = after
	}
	h.serve(-1, func() bool { return h.live > 0 })
	h.recall()
	h.reportUnread()
	h.inbox.refuse(false)
	h.serve(0, func() bool { return h.inbox.full.Load() || len(h.calls) > 0 })
	h.recall() // what those last callbacks started
	h.awaits.Wait()
	h.inbox.refuse(true)
	h.retire()
	if h.watch != nil {
		h.watch.end()
	}
	h.io.close()
	h.cur = nil
}

// serve runs the hub, on behalf of main, for as long as there is more.
func (h *Hub) serve(d time.Duration, more func() bool) {
	for more() {
		h.main.pending = nil
		if err := h.wait(&h.drained, d, nil); is(err, ErrDeadlock) && more() {
			panic("hub: greenlets left that nothing can wake")
		}
	}
}

// recall closes what was left open, one after the other, which ends the
// children, runs callbacks, and waits for the calls on other goroutines, until
// there is nothing of these.
func (h *Hub) recall() {
	for {
		switch {
		case len(h.calls) > 0:
			h.serve(0, func() bool { return len(h.calls) > 0 })
		case h.files.first != nil:
			h.files.closeLast()
		case h.away > 0:
			h.serve(-1, func() bool { return h.away > 0 })
		default:
			return
		}
	}
}

// Current returns the running greenlet, nil inside a callback
// (gevent.getcurrent).
func (h *Hub) Current() *Greenlet { return h.cur }

// Main returns the greenlet that runs the function given to [Run].
func (h *Hub) Main() *Greenlet { return h.main }

// Context is cancelled when the hub starts to close. It may be used from any
// goroutine.
func (h *Hub) Context() context.Context { return h.ctx }

// Switches counts the switches from one greenlet to another so far. The
// difference over a piece of code shows whether it switched
// (gevent.util.assert_switches).
func (h *Hub) Switches() uint64 { return h.switches }

// Len returns the number of greenlets that are not dead, main excluded.
func (h *Hub) Len() int { return h.live }

// Hold announces an event from outside (a [Hub.Post]), so that waiting for it
// is no deadlock. Call release once it has come; further calls do nothing.
// Await and signal handlers hold by themselves.
func (h *Hub) Hold() (release func()) {
	h.holds++
	done := false
	return func() {
		if !done {
			done = true
			h.holds--
		}
	}
}
