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
	real context.Context // nil until Done is called
	stop context.CancelFunc
	over bool
}

func newTaskContext() *taskContext { return &taskContext{parent: context.Background()} }

func (c *taskContext) Deadline() (time.Time, bool) { return c.parent.Deadline() }

func (c *taskContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.real == nil {
		c.real, c.stop = context.WithCancel(c.parent)
		if c.over {
			c.stop()
		}
	}
	return c.real.Done()
}

func (c *taskContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.real != nil:
		return c.real.Err()
	case c.over:
		return context.Canceled
	}
	return c.parent.Err()
}

// Value asks the real context if there is one: by that package context finds it
// when another is derived.
func (c *taskContext) Value(key any) any {
	c.mu.Lock()
	of := c.real
	c.mu.Unlock()
	if of == nil {
		of = c.parent
	}
	return of.Value(key)
}

func (c *taskContext) cancel() {
	c.mu.Lock()
	c.over = true
	stop := c.stop
	c.mu.Unlock()
	if stop != nil {
		stop()
	}
}
