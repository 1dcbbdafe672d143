package remote

import "sync"

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
