package remote

import (
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// outbox gathers what is to be sent while something is being sent. So what
// comes alone is sent at once, and what comes in a crowd travels together,
// which costs the server as little as one.
type outbox[T any] struct {
	send func([]T)          // called by one goroutine at a time, in order
	run  func(drain func()) // runs drain in a goroutine of its own

	mu    sync.Mutex
	items []T
	spare []T // the list before, to be used again
	busy  bool
}

// add adds something, which the next flush sends. It does not block.
func (o *outbox[T]) add(x T) {
	o.mu.Lock()
	o.items = append(o.items, x)
	o.mu.Unlock()
}

// flush has sent what was added, unless somebody is just doing so: here, if it
// is now, else in another goroutine, so that more can gather meanwhile.
func (o *outbox[T]) flush(now bool) {
	o.mu.Lock()
	idle := !o.busy && len(o.items) > 0
	if idle {
		o.busy = true
	}
	o.mu.Unlock()
	switch {
	case !idle:
	case now:
		o.drain()
	default:
		o.run(o.drain)
	}
}

func (o *outbox[T]) drain() {
	o.mu.Lock()
	for len(o.items) > 0 {
		all := o.items
		o.items, o.spare = o.spare[:0], nil
		o.mu.Unlock()
		o.send(all)
		clear(all)
		o.mu.Lock()
		o.spare = all[:0]
	}
	o.busy = false
	o.mu.Unlock()
}

// acks gathers messages that the server need not keep any longer. It is told a
// little later: a stream on disk that becomes empty begins a new file, which
// takes it longer than all else that is done for a task that comes alone.
type acks struct {
	mu  sync.Mutex
	all []jetstream.Msg
}

const ackDelay = 10 * time.Millisecond

func (a *acks) add(m jetstream.Msg) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all = append(a.all, m); len(a.all) == 1 {
		time.AfterFunc(ackDelay, a.send)
	}
}

// send tells the server.
func (a *acks) send() {
	a.mu.Lock()
	all := a.all
	a.all = nil
	a.mu.Unlock()
	for _, m := range all {
		m.Ack()
	}
}
