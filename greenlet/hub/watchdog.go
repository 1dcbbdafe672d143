package hub

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// A WatchdogConfig asks for reports on greenlets that keep their hub from
// switching, because they compute or block in a call the hub does not know
// (gevent's monitor thread and gevent.events.EventLoopBlocked).
//
// Cost: a goroutine that looks four times per Threshold, and some 75 ns more
// per switch (BenchmarkHubWatched beside BenchmarkHubYield).
type WatchdogConfig struct {
	// Threshold is how long a greenlet may run without switching. Zero: no
	// watchdog.
	Threshold time.Duration

	// OnBlock is called, on the watchdog's goroutine, when a greenlet passes
	// the threshold and again when it is over. It must not touch the hub,
	// except by [Hub.Post]; its panics are reported as a callback's. Nil prints
	// to standard error.
	OnBlock func(Blocked)
}

// Blocked says who holds up a hub.
type Blocked struct {
	ID    uint64        // the greenlet; 0 is main, or a callback
	Name  string        // its name, "callback" for one
	For   time.Duration // how long, so far or in all
	Over  bool          // it has switched now
	Stack []byte        // where it was when the threshold was passed
}

func (b Blocked) String() string {
	if b.Over {
		return fmt.Sprintf("hub: %s held up the hub for %v", b.Name, b.For)
	}
	return fmt.Sprintf("hub: %s has held up the hub for %v\n%s", b.Name, b.For, b.Stack)
}

// A watchdog looks at what the hub notes at each switch.
type watchdog struct {
	config WatchdogConfig
	tell   func(Blocked)
	epoch  time.Time

	turn  atomic.Uint64 // changes whenever another greenlet runs
	since atomic.Int64  // when this turn began, ns since epoch; 0: at rest
	id    atomic.Uint64
	name  atomic.Pointer[string]
	on    atomic.Uint64 // the goroutine

	stop chan struct{}
	done sync.WaitGroup
}

func (h *Hub) startWatchdog(c WatchdogConfig) {
	w := &watchdog{config: c, epoch: h.epoch, stop: make(chan struct{})}
	if w.config.OnBlock == nil {
		w.config.OnBlock = func(b Blocked) { fmt.Fprintln(os.Stderr, b) }
	}
	h.watch = w
	h.main.more.carrier = goroutineID()
	w.note(h.main)
	w.tell = func(b Blocked) { h.tellBlocked(w.config.OnBlock, b) }
	w.done.Go(w.guard)
}

func (w *watchdog) end() {
	close(w.stop)
	w.done.Wait()
}

// tellBlocked calls f, the user's, on a goroutine of its own, so that a Goexit
// ends no more than that, and waits for it.
func (h *Hub) tellBlocked(f func(Blocked), b Blocked) {
	var one sync.WaitGroup
	one.Go(func() {
		call(func() error { f(b); return nil }, func(how ending, err error) {
			if p := panicOf(how, err); p != nil {
				h.notify(func() { h.reportPanic(nil, p) })
			}
		})
	})
	one.Wait()
}

// note says that g runs now; nil is the loop and its callbacks.
func (w *watchdog) note(g *Greenlet) {
	switch {
	case g == nil:
		w.id.Store(0)
		w.name.Store(&callbackName)
	case g.more == nil: // not started
		w.id.Store(g.id)
		w.name.Store(nil)
	default:
		w.id.Store(g.id)
		w.name.Store(g.more.name)
		w.on.Store(g.more.carrier)
	}
	w.since.Store(int64(time.Since(w.epoch)) + 1)
	w.turn.Add(1)
}

var callbackName = "callback"

// rest says that the hub waits for the outside.
func (w *watchdog) rest() {
	w.since.Store(0)
	w.turn.Add(1)
}

// guard looks whether the turn it saw last still goes on.
func (w *watchdog) guard() {
	tick := time.NewTicker(max(w.config.Threshold/4, time.Millisecond))
	defer tick.Stop()
	var told Blocked
	var toldTurn uint64
	for stopped := false; !stopped; {
		select {
		case <-w.stop:
			stopped = true
		case <-tick.C:
			select { // a tick may be chosen although it has been told to stop
			case <-w.stop:
				stopped = true
			default:
			}
		}
		turn, since := w.turn.Load(), w.since.Load()
		now := int64(time.Since(w.epoch))
		if told.Name != "" && (turn != toldTurn || stopped) {
			// It ended at the latest when the present turn began.
			if since > 0 {
				now = since
			}
			told.For, told.Over = time.Duration(now)-told.For, true
			w.tell(told)
			told = Blocked{}
		}
		if stopped || since == 0 || told.Name != "" || time.Duration(now-since) < w.config.Threshold {
			continue
		}
		b := Blocked{ID: w.id.Load(), For: time.Duration(now - since)}
		if name := w.name.Load(); name != nil {
			b.Name = *name
		} else {
			b.Name = defaultName(b.ID)
		}
		b.Stack = stackOf(w.on.Load())
		if w.turn.Load() != turn {
			continue // it switched while we looked: the stack may be another's
		}
		w.tell(b)
		told, toldTurn = b, turn
		told.For = time.Duration(since)
	}
}

// goroutineID is the number that stack dumps give the running goroutine. The
// runtime tells it nowhere else; it takes a microsecond and serves dumps only.
func goroutineID() uint64 {
	var buf [64]byte
	fields := bytes.Fields(buf[:runtime.Stack(buf[:], false)])
	if len(fields) < 2 {
		return 0
	}
	id, _ := strconv.ParseUint(string(fields[1]), 10, 64)
	return id
}

// maxDump bounds the dump of all stacks in which one is looked for: some
// thousands of goroutines.
const maxDump = 16 << 20

// stackOf returns the stack of a goroutine, nil if it cannot be found.
func stackOf(id uint64) []byte {
	head := fmt.Appendf(nil, "goroutine %d [", id)
	for size := 64 << 10; ; size *= 4 {
		buf := make([]byte, size)
		n := runtime.Stack(buf, true)
		for part := range bytes.SplitSeq(buf[:n], []byte("\n\n")) {
			if bytes.HasPrefix(part, head) {
				return bytes.Clone(part)
			}
		}
		if n < size || size >= maxDump {
			return nil
		}
	}
}
