package hub

import (
	"context"
	"runtime/debug"
)

// Await calls f on another goroutine and parks the greenlet until it returns:
// for whatever blocks without the hub's knowledge, such as files, name
// look-ups or computing (gevent's hub.threadpool). f's context is cancelled
// when the greenlet stops waiting or the hub closes. f must not touch the hub;
// a panic in it is returned as a [*PanicError].
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
	if err := h.interrupted(); err != nil {
		return call.v, err
	}
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	h.elsewhere(func() {
		call.v, call.err = protect(ctx, f)
	}, func() {
		call.done.wakeOne()
	})
	if err := h.wait(&call.done, -1); err != nil {
		var zero T
		return zero, err
	}
	return call.v, call.err
}

// elsewhere runs work on a goroutine and then done on the hub.
func (h *Hub) elsewhere(work, done func()) {
	h.holds++
	h.awaits.Add(1)
	go func() {
		defer h.awaits.Done()
		work()
		h.Post(func() {
			h.holds--
			done()
		})
	}()
}

// protect turns a panic of f into an error.
func protect[T any](ctx context.Context, f func(context.Context) (T, error)) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{Value: p, Stack: debug.Stack(), Greenlet: "awaited call"}
		}
	}()
	return f(ctx)
}
