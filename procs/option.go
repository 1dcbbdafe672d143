package procs

import (
	"fmt"
	"time"
)

// An Option changes how one call is made.
type Option func(*options)

type options struct {
	onResult any // func(T)
	onError  func(error)
	timeout  time.Duration
	chunk    int
}

// OnResult calls call with the result, in the parent, if the task succeeds. T
// must be the result's type. As in Python, call returns before the result is
// Ready and Get returns it, so call must not wait for it; only package threads
// calls it afterwards. A panic of call is logged.
func OnResult[T any](call func(T)) Option { return func(o *options) { o.onResult = call } }

// OnError calls call with the error, in the parent, if the task fails. It is
// called when OnResult would be.
func OnError(call func(error)) Option { return func(o *options) { o.onError = call } }

// Timeout limits how long the task may run, instead of PoolConfig.TaskTimeout;
// negative: no limit.
func Timeout(d time.Duration) Option { return func(o *options) { o.timeout = d } }

// Chunk sets how many elements of a Map make up one task. 0: automatic, so that
// every worker gets several chunks, each small enough for the shared memory.
func Chunk(n int) Option {
	if n < 0 {
		panic("procs: Chunk must not be negative")
	}
	return func(o *options) { o.chunk = n }
}

// gather returns what opts say; timeout is the default of Timeout.
func gather(timeout time.Duration, opts []Option) options {
	o := options{timeout: timeout}
	for _, opt := range opts {
		opt(&o)
	}
	o.timeout = max(o.timeout, 0)
	return o
}

func (p *Pool) options(opts []Option) options { return gather(p.config.TaskTimeout, opts) }

// callbacks returns a function that calls the callbacks of o, or nil if there
// are none.
func callbacks[T any](o *options) func(T, error) {
	if o.onResult == nil && o.onError == nil {
		return nil
	}
	onResult, ok := o.onResult.(func(T))
	if o.onResult != nil && !ok {
		var zero T
		panic(fmt.Sprintf("procs: OnResult takes a %T, but the result is a %T", o.onResult, zero))
	}
	return func(v T, err error) {
		guardCallback("a task", logf, func() {
			switch {
			case err == nil && onResult != nil:
				onResult(v)
			case err != nil && o.onError != nil:
				o.onError(err)
			}
		})
	}
}
