package hub

import (
	"sync"
	"sync/atomic"
)

// An inbox is the one way into a hub for other goroutines.
type inbox struct {
	full   atomic.Bool // there is something in it
	asleep atomic.Bool // the hub waits, or is about to: wake it
	mu     sync.Mutex
	own    []func() // of the package, run where they are found
	users  []func() // callbacks
	closed bool     // to users
	gone   bool     // to all
}

// Post makes the hub run fn soon, as a callback: it must not block; it may
// wake greenlets (Event.Set, TryPut and so on) and spawn. Post may be called
// from any goroutine and returns at once, with [ErrClosed] if the hub has
// ended. What was posted before the hub closed is run.
//
// A hub that waits for nothing but a Post is deadlocked unless somebody calls
// [Hub.Hold] before.
func (h *Hub) Post(fn func()) error {
	if fn == nil {
		panic("hub: Post without a function")
	}
	b := &h.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	b.users = append(b.users, fn)
	h.arrived()
	return nil
}

// notify is Post for the package itself. Its functions neither block nor call
// the user's; they run before callbacks.
func (h *Hub) notify(fn func()) {
	b := &h.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.gone {
		b.own = append(b.own, fn)
		h.arrived()
	}
}

// arrived tells the hub that there is something. The hub stores asleep before
// it loads full, we the other way round: one of both sees the other. The lock,
// which the caller holds, keeps the descriptor open meanwhile.
func (h *Hub) arrived() {
	h.inbox.full.Store(true)
	if h.inbox.asleep.CompareAndSwap(true, false) {
		h.io.wake()
	}
}

// drain takes in what was posted.
func (h *Hub) drain() {
	b := &h.inbox
	b.mu.Lock()
	own, users := b.own, b.users
	b.own, b.users = nil, nil
	b.full.Store(false)
	b.mu.Unlock()
	for _, fn := range own {
		fn()
	}
	if len(users) > 0 {
		h.calls = append(h.calls, users...)
	}
}

// refuse closes the inbox to the user's functions, and at last to all.
func (b *inbox) refuse(all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.gone = true, all
}
