package procs

import (
	"context"
	"fmt"
	"iter"
	"os"
	"reflect"
	"sync/atomic"
	"syscall"
)

// ReturnWhen says what WaitFutures waits for.
type ReturnWhen int

const (
	AllCompleted   ReturnWhen = iota // all are done
	FirstCompleted                   // one is done
	FirstError                       // one is done and failed (Python's FIRST_EXCEPTION), or all are done
)

// WaitFutures waits for futures (concurrent.futures.wait), and returns those
// that are done and those that are not, in the order given. If ctx is done
// before, its error is returned as well; with a context that is done already,
// WaitFutures only looks. A future given twice is returned once.
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
				when == FirstError && f.err() != nil && !f.Cancelled() {
				fire()
			}
		})
	}
	if _, err = receive(ctx, ready); err != nil {
		err = fmt.Errorf("procs: wait for futures: %w", err)
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

// AsCompleted yields futures as they are done
// (concurrent.futures.as_completed), each once. If ctx is done before, the loop
// ends, after those that are done, with a nil future and an error that tells
// how many were missing. What was yielded is not kept.
func AsCompleted[T any](ctx context.Context, futures []*Future[T]) iter.Seq2[*Future[T], error] {
	return func(yield func(*Future[T], error) bool) {
		ready, n := completions(futures)
		for i := range n {
			f, err := receive(ctx, ready)
			if err != nil {
				yield(nil, fmt.Errorf("procs: %d (of %d) futures unfinished: %w", n-i, n, err))
				return
			}
			if !yield(f, nil) {
				return
			}
		}
	}
}

// completions returns a channel that gets each of the futures once, when it is
// done, and how many these are.
func completions[T any](futures []*Future[T]) (ready chan *Future[T], n int) {
	futures = distinct(futures)
	ready = make(chan *Future[T], len(futures))
	for _, f := range futures {
		f.AddDoneCallback(func(f *Future[T]) { ready <- f })
	}
	return ready, len(futures)
}

// receive returns what is in the channel, or waits for it until ctx is done. If
// both are, the channel comes first: what has come is not lost.
func receive[T any](ctx context.Context, c <-chan T) (v T, err error) {
	select {
	case v = <-c:
		return v, nil
	default:
	}
	select {
	case v = <-c:
		return v, nil
	case <-ctx.Done():
	}
	select {
	case v = <-c:
		return v, nil
	default:
		return v, ctx.Err()
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

// Wait waits until one of the objects is ready, or until ctx is done, and
// returns all that are (multiprocessing.connection.wait), in the order given.
// With a context that is done already, Wait only looks. An object is one of
//
//   - a *Conn. Ready: Recv would not block, because there is a message, or
//     because it fails.
//   - a *Process. Ready: it has ended.
//   - anything with a method C() <-chan struct{} (a Future, an AsyncResult), or
//     a channel of struct{} (a Sentinel, a context's Done). Ready: one can
//     receive from the channel.
//   - anything with a method SyscallConn (an *os.File, a net.Conn, a
//     net.Listener: see syscall.Conn), or a Descriptor. Ready: as poll(2) says
//     for POLLIN, a reader or Accept would not block. What a bufio.Reader has
//     read already does not count. Linux only.
//
// An object that cannot be waited for ends Wait with an error that names it,
// and wraps os.ErrClosed or net.ErrClosed if it is closed, EBADF for a
// Descriptor that is not open, and errors.ErrUnsupported on other systems. If
// it is closed by another goroutine meanwhile, Wait notices within half a
// second. Wait panics on an object of another type.
func Wait(ctx context.Context, objects ...any) (ready []any, err error) {
	as := make([]awaited, len(objects))
	for i, o := range objects {
		if as[i], err = newAwaited(o); err != nil {
			return nil, fmt.Errorf("procs: wait for object %d, a %T: %w", i, o, err)
		}
	}
	for {
		if ready, err = lookAt(as); err != nil || len(ready) > 0 {
			return ready, err
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("procs: wait: %w", ctx.Err())
		}
		if err := awaitAny(ctx, as); err != nil {
			return nil, fmt.Errorf("procs: wait: %w", err)
		}
	}
}

// awaited is an object of Wait.
type awaited struct {
	object     any
	conn       *Conn // one of the three
	channel    <-chan struct{}
	descriptor descriptor // is set
}

func newAwaited(o any) (a awaited, err error) {
	a.object = o
	switch o := o.(type) {
	case *Conn:
		a.conn = o
	case *Process:
		a.channel = o.Sentinel()
	case interface{ C() <-chan struct{} }:
		a.channel = o.C()
	case <-chan struct{}:
		a.channel = o
	case chan struct{}:
		a.channel = o
	case Descriptor:
		a.descriptor = o
	case syscall.Conn:
		raw, err := o.SyscallConn()
		if err != nil {
			return a, err
		}
		_, isFile := o.(*os.File)
		a.descriptor = rawDescriptor{raw, isFile}
	default:
		panic(fmt.Sprintf("procs: Wait on a %T", o))
	}
	return a, nil
}

// lookAt returns the objects that are ready.
func lookAt(as []awaited) (ready []any, err error) {
	readable, err := pollDescriptors(as, -1, 0)
	if err != nil {
		return nil, err
	}
	for i, a := range as {
		if readable[i] || a.descriptor == nil && a.ready() {
			ready = append(ready, a.object)
		}
	}
	return ready, nil
}

func (a *awaited) ready() bool {
	if a.conn != nil {
		ok, err := a.conn.Poll(0)
		return ok || err != nil // what fails does not block
	}
	select {
	case <-a.channel:
		return true
	default:
		return false
	}
}

// awaitAny returns when something may be ready, or ctx is done.
func awaitAny(ctx context.Context, as []awaited) error {
	cases := []reflect.SelectCase{{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(ctx.Done())}}
	on := func(c <-chan struct{}) {
		cases = append(cases, reflect.SelectCase{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(c)})
	}
	descriptors := false
	for _, a := range as {
		switch {
		case a.conn != nil:
			c, stop := a.conn.watch()
			defer stop()
			on(c)
		case a.descriptor != nil:
			descriptors = true
		default:
			on(a.channel)
		}
	}
	if descriptors {
		c, stop, err := watchDescriptors(as)
		if err != nil {
			return err
		}
		defer stop()
		on(c)
	}
	reflect.Select(cases)
	return nil
}

// watch returns a channel that is closed when there may be something to
// receive, and what ends the watching.
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
