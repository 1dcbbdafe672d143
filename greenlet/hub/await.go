package hub

import "context"

// Await calls f on another goroutine and parks the greenlet until it returns:
// for whatever blocks without the hub's knowledge, such as files, name
// look-ups or computing (gevent's hub.threadpool). f's context is cancelled
// when the greenlet stops waiting or the hub closes. f must not touch the hub,
// except by [Hub.Post]; a panic in it is returned as a [*PanicError], and
// [ErrGoexit] if it called runtime.Goexit.
//
// If the greenlet is killed or times out meanwhile, Await returns that error
// at once and f's result is dropped when it comes; [Run] waits for it.
//
// Cost: a goroutine, some microseconds. There is no limit to their number: see
// [ThreadPool] for one.
func Await[T any](h *Hub, f func(ctx context.Context) (T, error)) (T, error) {
	var call struct {
		v    T
		err  error
		done waitList
	}
	var zero T
	if err := h.interrupted(); err != nil {
		return zero, err
	}
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	h.elsewhere(func() (err error) {
		call.v, err = f(ctx)
		return err
	}, func(err error) {
		call.err = err
		call.done.wakeOne()
	})
	if err := h.wait(&call.done, -1, nil); err != nil {
		return zero, err
	}
	return call.v, call.err
}

// elsewhere runs work, which may be the user's, on a goroutine, and then done
// on the hub, however work ended.
func (h *Hub) elsewhere(work func() error, done func(err error)) {
	h.holds++
	h.away++
	h.awaits.Add(1)
	go func() {
		defer h.awaits.Done()
		call(work, func(how ending, err error) {
			if p := panicOf(how, err); p != nil {
				p.Greenlet = "awaited call"
			}
			h.notify(func() {
				h.holds--
				if h.away--; h.away == 0 {
					h.drained.wakeAll()
				}
				done(err)
			})
		})
	}()
}
