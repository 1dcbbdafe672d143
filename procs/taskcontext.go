package procs

import (
	"context"
	"sync"
	"time"
)

// taskContext is the context of one task. It is cancelled by the parent, or
// when the task has returned. It is smaller than a context of package context,
// because most tasks never use it.
type taskContext struct {
	mu   sync.Mutex
	done chan struct{}
	over bool
}

func (c *taskContext) Deadline() (time.Time, bool) { return time.Time{}, false }
func (c *taskContext) Value(any) any               { return nil }

func (c *taskContext) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done == nil {
		c.done = make(chan struct{})
		if c.over {
			close(c.done)
		}
	}
	return c.done
}

func (c *taskContext) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over {
		return context.Canceled
	}
	return nil
}

func (c *taskContext) cancel() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.over = true
		if c.done != nil {
			close(c.done)
		}
	}
}
