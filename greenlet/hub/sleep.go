package hub

import "time"

// Sleep parks the greenlet for d (gevent.sleep); zero or less is a
// [Hub.Yield]. It returns early only with an error: [ErrExit] if the greenlet
// is killed, or that of an expired [Timeout].
//
// Cost: one heap insertion, no allocation. On Linux a hub that waits wakes by
// a timer descriptor, to the microsecond rather than to the millisecond of
// epoll_wait.
func (h *Hub) Sleep(d time.Duration) error {
	if d <= 0 {
		return h.Yield()
	}
	g := h.cur
	co, err := h.park(g, nil, d, nil) // wait, without its frame
	if co == nil {
		return err
	}
	co.Switch(struct{}{})
	return h.woken(g, nil)
}

// Idle waits until nothing else is ready: every ready greenlet has run and
// no event is waiting (gevent.idle).
func (h *Hub) Idle() error { return h.wait(&h.idlers, -1, nil) }
