package hubhttp

import (
	"context"
	"sync"
	"sync/atomic"

	"switchyard/greenlet/hub"
)

// enter runs f in a greenlet of h and waits for its end. It is called from
// goroutines other than the hub's: net/http's. It returns f's error, a
// [*hub.PanicError], [hub.ErrExit] if the greenlet was killed before it
// started, or [hub.ErrClosed] if the hub ended first; f has then ended or will
// never run.
func enter(h *hub.Hub, f func() error) error {
	var taken atomic.Bool // by the greenlet, or by the end of the hub
	done := make(chan error, 1)
	err := h.Post(func() {
		if taken.CompareAndSwap(false, true) {
			// The link, unlike f, hears of every end.
			h.Spawn(f).Link(func(g *hub.Greenlet) { done <- g.Err() })
		}
	})
	if err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-h.Context().Done():
		if taken.CompareAndSwap(false, true) {
			return hub.ErrClosed
		}
		return <-done
	}
}

// calls are the calls into net/http that one request's greenlets have made. A
// greenlet that is killed leaves its call behind; wait waits for those too.
type calls struct {
	h  *hub.Hub
	wg sync.WaitGroup
}

// do calls f on another goroutine and parks the greenlet until it returns. With
// an error, which is the wait's, f may still be running: what it uses must be
// its own.
func (c *calls) do(f func()) error {
	const begun, dropped = 1, 2
	var state atomic.Int32
	c.wg.Add(1)
	_, err := hub.Await(c.h, func(context.Context) (struct{}, error) {
		if state.CompareAndSwap(0, begun) {
			defer c.wg.Done()
			f()
		}
		return struct{}{}, nil
	})
	if err != nil && state.CompareAndSwap(0, dropped) {
		c.wg.Done()
	}
	return err
}

func (c *calls) wait() { c.wg.Wait() }
