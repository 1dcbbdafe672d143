package procs

import (
	"context"
	"errors"
	"testing"
	"time"
)

// A task's context is as one of package context, whether somebody asked for its
// channel before it was cancelled, after, or never, and whoever cancels it.
func TestTaskContext(t *testing.T) {
	type key struct{}
	for _, byParent := range []bool{false, true} {
		for _, asked := range []bool{false, true} {
			parent, end := context.WithCancel(context.WithValue(context.Background(), key{}, 7))
			defer end()
			c := new(taskContext)
			c.scope.Store(newTaskScope(parent))
			if _, ok := c.Deadline(); ok || c.Err() != nil || c.Value(key{}) != 7 {
				t.Fatal(c.Deadline())
			}
			if asked {
				select {
				case <-c.Done():
					t.Fatal("done before it was cancelled")
				default:
				}
				if c.Err() != nil || c.Value(key{}) != 7 {
					t.Fatal(c.Err(), c.Value(key{}))
				}
			}
			if byParent {
				end()
			} else {
				c.cancel()
				c.cancel()
			}
			if !errors.Is(c.Err(), context.Canceled) {
				t.Errorf("by its parent %t, asked %t: error %v", byParent, asked, c.Err())
			}
			select {
			case <-c.Done():
			default:
				t.Errorf("by its parent %t, asked %t: it has an error, and its channel is open", byParent, asked)
			}
			if done := c.Done(); done != c.Done() || context.Cause(c) != context.Canceled || c.Value(key{}) != 7 {
				t.Error(context.Cause(c), c.Value(key{}))
			}
		}
	}
}

// What is derived from a task's context ends with it.
func TestTaskContextDerived(t *testing.T) {
	c := new(taskContext)
	c.scope.Store(newTaskScope(context.Background()))
	derived, cancel := context.WithTimeout(c, time.Hour)
	defer cancel()
	ran := make(chan struct{})
	stop := context.AfterFunc(c, func() { close(ran) })
	if _, ok := derived.Deadline(); !ok || derived.Err() != nil {
		t.Fatal(derived.Err())
	}
	c.cancel()
	<-derived.Done()
	<-ran
	if stop() || derived.Err() != context.Canceled {
		t.Error(derived.Err())
	}
	after, cancelAfter := context.WithCancel(c)
	defer cancelAfter()
	if after.Err() != context.Canceled {
		t.Error("derived after the end:", after.Err())
	}
}
