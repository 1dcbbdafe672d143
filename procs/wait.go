package procs

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"sync/atomic"
)

// ReturnWhen says what WaitFutures waits for.
type ReturnWhen int

const (
	AllCompleted   ReturnWhen = iota // all are done
	FirstCompleted                   // one is done
	FirstError                       // one is done and failed (Python's FIRST_EXCEPTION), or all are done
)

// WaitFutures waits for futures (concurrent.futures.wait), and returns those that are done and those that are not, in the order
// given. If ctx is done before, its error is returned as well. A future given twice is returned once.
func WaitFutures[T any](ctx context.Context, futures []*Future[T], when ReturnWhen) (done, notDone []*Future[T], err error) {
	futures = distinct(futures)
	var left atomic.Int64
	left.Store(int64(len(futures)))
	ready := make(chan struct{}, 1)
	fire := func() {
		select {
		case ready <- struct{}{}:
		default:
		}
	}
	if len(futures) == 0 {
		fire()
	}
	for _, f := range futures {
		f.AddDoneCallback(func(f *Future[T]) {
			if left.Add(-1) == 0 || when == FirstCompleted ||
				when == FirstError && f.err != nil && !f.Cancelled() {
				fire()
			}
		})
	}
	select {
	case <-ready:
	case <-ctx.Done():
		err = fmt.Errorf("procs: wait for futures: %w", ctx.Err())
	}
	for _, f := range futures {
		if f.Done() {
			done = append(done, f)
		} else {
			notDone = append(notDone, f)
		}
	}
	return done, notDone, err
}

// AsCompleted yields futures as they are done (concurrent.futures.as_completed), each once. If ctx is done before, the
// loop ends with a nil future and an error that tells how many were missing.
func AsCompleted[T any](ctx context.Context, futures []*Future[T]) iter.Seq2[*Future[T], error] {
	return func(yield func(*Future[T], error) bool) {
		futures := distinct(futures)
		ready := make(chan *Future[T], len(futures))
		for _, f := range futures {
			f.AddDoneCallback(func(f *Future[T]) { ready <- f })
		}
		for i := range futures {
			select {
			case f := <-ready:
				if !yield(f, nil) {
					return
				}
			case <-ctx.Done():
				yield(nil, fmt.Errorf("procs: %d (of %d) futures unfinished: %w", len(futures)-i, len(futures), ctx.Err()))
				return
			}
		}
	}
}

func distinct[T comparable](in []T) []T {
	seen := make(map[T]bool, len(in))
	var out []T
	for _, v := range in {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// Wait waits until one of the objects is ready, or until ctx is done, and returns all that are (multiprocessing.connection.wait).
// An object is a *Conn (ready: Recv would not block), a *Process (ready: it has ended), or anything with a method
// C() <-chan struct{} (a Future, an AsyncResult), or a channel of struct{} (a Sentinel, a context's Done).
// With a context that is done already, Wait only looks.
func Wait(ctx context.Context, objects ...any) (ready []any, err error) {
	cases := make([]reflect.SelectCase, 0, len(objects)+1)
	var stops []func()
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	look := func() {
		for _, o := range objects {
			if isReady(o) {
				ready = append(ready, o)
			}
		}
	}
	if look(); len(ready) > 0 {
		return ready, nil
	}
	for _, o := range objects {
		var c <-chan struct{}
		if conn, ok := o.(*Conn); ok {
			ch, stop := conn.watch()
			c, stops = ch, append(stops, stop)
		} else {
			c = channelOf(o)
		}
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)})
	}
	cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())})
	reflect.Select(cases)
	if look(); len(ready) > 0 {
		return ready, nil
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("procs: wait: %w", ctx.Err())
	}
	return nil, nil
}

func channelOf(o any) <-chan struct{} {
	switch o := o.(type) {
	case *Process:
		return o.Sentinel()
	case interface{ C() <-chan struct{} }:
		return o.C()
	case <-chan struct{}:
		return o
	case chan struct{}:
		return o
	}
	panic(fmt.Sprintf("procs: Wait on a %T", o))
}

func isReady(o any) bool {
	if c, ok := o.(*Conn); ok {
		ok, err := c.Poll(0)
		return ok || err != nil // what fails does not block
	}
	select {
	case <-channelOf(o):
		return true
	default:
		return false
	}
}

// watch returns a channel that is closed when there may be something to receive, and what ends the watching.
func (c *Conn) watch() (<-chan struct{}, func()) {
	done := make(chan struct{})
	var over atomic.Bool
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		for !over.Load() {
			if ok, err := c.Poll(watchSlice); ok || err != nil {
				close(done)
				return
			}
		}
	}()
	return done, func() { over.Store(true); <-finished }
}
