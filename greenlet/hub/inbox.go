package hub

import (
	"sync"
	"sync/atomic"
)

// An inbox is the one way into a hub for other goroutines.
type inbox struct {
	full   atomic.Bool // fns is not empty
	asleep atomic.Bool // the hub waits, or is about to: wake it
	mu     sync.Mutex
	fns    []func()
	closed bool
}

// Post makes the hub run fn soon, as a callback: it must not block; it may
// wake greenlets (Event.Set, TryPut and so on) and spawn. Post may be called
// from any goroutine and returns at once, with [ErrClosed] if the hub has
// ended. What was posted before the hub closed is run.
//
// A hub that waits for nothing but a Post is deadlocked unless somebody calls
// [Hub.Hold] before.
func (h *Hub) Post(fn func()) error {
	b := &h.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return ErrClosed
	}
	b.fns = append(b.fns, fn)
	b.full.Store(true)
	// The hub stores asleep before it loads full, we the other way round: one
	// of both sees the other. The lock keeps the descriptor open meanwhile.
	if b.asleep.CompareAndSwap(true, false) {
		h.io.wake()
	}
	return nil
}

// drain runs what was posted.
func (h *Hub) drain() {
	b := &h.inbox
	b.mu.Lock()
	fns := b.fns
	b.fns = nil
	b.full.Store(false)
	b.mu.Unlock()
	for _, fn := range fns {
		h.guard(fn)
	}
}

// close refuses further posts and runs the last ones.
func (h *Hub) closeInbox() {
	b := &h.inbox
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	h.cur = nil
	h.drain()
	h.runCalls()
}
