package procs

import (
	"context"
	"sync"
	"time"
)

// taskContext is the context of one task: cancelled by who runs it, when the
// task has returned, or with its parent. Most tasks never use it, so the real
// one, which the parent has to know of, is made when somebody asks for Done.
type taskContext struct {
	parent context.Context

	mu   sync.Mutex
	real *realContext // nil, or unasked, until Done is called
}

type realContext struct {
	context.Context
	stop context.CancelFunc
}

// unasked stands for the real context of a task that ended before Done was
// called: there is one context per task, and so it should be small.
var unasked = new(realContext)

func newTaskContext() *taskContext { return &taskContext{parent: context.Background()} }

func (c *taskContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }

func (c *taskContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if over := c.real == unasked; over || c.real == nil {
		c.real = new(realContext)
		c.real.Context, c.real.stop = context.WithCancel(c.parent)
		if over {
			c.real.stop()
		}
	}
	return c.real.Done()
}

func (c *taskContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.real {
	case nil:
		return c.parent.Err()
	case unasked:
		return context.Canceled
	}
	return c.real.Err()
}

// Value asks the real context if there is one: by that package context finds it
// when another is derived.
func (c *taskContext) Value(key any) any {
	c.mu.Lock()
	real := c.real
	c.mu.Unlock()
	if real == nil || real == unasked {
		return c.parent.Value(key)
	}
	return real.Value(key)
}

func (c *taskContext) cancel() {
	c.mu.Lock()
	real := c.real
	if real == nil {
		c.real = unasked
	}
	c.mu.Unlock()
	if real != nil && real != unasked {
		real.stop()
	}
}
