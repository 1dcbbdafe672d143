package procs

import (
	"context"
	"sync/atomic"
	"time"
)

// taskContext is the context of one task: cancelled by who runs it, when the
// task has returned, or with its parent. Most tasks never use it, and there is
// one per task, so it is a word: the scope that answers for it.
type taskContext struct{ scope atomic.Pointer[taskScope] }

// taskScope is a context that answers for a taskContext: at first that of all
// tasks of one who runs them; once somebody has asked for Done, one of the
// task's own, which the former has to know of; and if nobody has when the task
// ends, again one that all share.
type taskScope struct {
	context.Context
	ended *taskScope         // of all tasks that run: of those that have ended
	stop  context.CancelFunc // of one task: cancels it
}

// newTaskScope returns what the contexts of all tasks begin with.
func newTaskScope(parent context.Context) *taskScope {
	ended, stop := context.WithCancel(parent)
	stop()
	return &taskScope{Context: parent, ended: &taskScope{Context: ended}}
}

func (c *taskContext) Deadline() (time.Time, bool) { return c.scope.Load().Deadline() }
func (c *taskContext) Err() error                  { return c.scope.Load().Err() }

// Value asks the task's own context if there is one: by that package context
// finds it when another is derived.
func (c *taskContext) Value(key any) any { return c.scope.Load().Value(key) }

func (c *taskContext) Done() <-chan struct{} {
	for {
		s := c.scope.Load()
		if s.ended == nil {
			return s.Done()
		}
		own := new(taskScope)
		own.Context, own.stop = context.WithCancel(s.Context)
		if c.scope.CompareAndSwap(s, own) {
			return own.Done()
		}
		own.stop()
	}
}

func (c *taskContext) cancel() {
	s := c.scope.Load()
	if s == nil { // of a task that will not run
		return
	}
	if s.ended != nil {
		if c.scope.CompareAndSwap(s, s.ended) {
			return
		}
		s = c.scope.Load() // somebody was faster
	}
	if s.stop != nil {
		s.stop()
	}
}
