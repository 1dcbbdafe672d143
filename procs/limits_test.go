//go:build linux

package procs

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"
)

// A limit near the largest Duration lasts until what is waited for comes
// (uvloop#259, curio#377), and a negative one is over at once.
func TestLimitsFarAndNegative(t *testing.T) {
	queue := closing(t, must(NewQueue[int](1))(t), nil)
	joinable := closing(t, must(NewJoinableQueue[int](1))(t), nil)
	lock := closing(t, must(NewLock())(t), nil)
	recursive := closing(t, must(NewRLock())(t), nil)
	semaphore := closing(t, must(NewSemaphore(0))(t), nil)
	event := closing(t, must(NewEvent())(t), nil)
	condition := closing(t, must(NewCondition(nil))(t), nil)
	a, b := testPipePair(t, Duplex)
	for _, c := range []struct {
		name string
		wait func(d time.Duration) error
		end  func() error // what is waited for
		late error
	}{
		{"Queue.GetTimeout", func(d time.Duration) error { return second(queue.GetTimeout(d)) }, func() error { return queue.PutNowait(1) }, ErrEmpty},
		{"JoinableQueue.GetTimeout", func(d time.Duration) error { return second(joinable.GetTimeout(d)) },
			func() error { return joinable.PutNowait(1) }, ErrEmpty},
		{"Lock", lock.AcquireTimeout, lock.Release, ErrTimeout},
		{"RLock", func(d time.Duration) error {
			done := make(chan error)
			go func() { done <- recursive.AcquireTimeout(d) }()
			return <-done
		}, recursive.Release, ErrTimeout},
		{"Semaphore", semaphore.AcquireTimeout, semaphore.Release, ErrTimeout},
		{"Event", event.WaitTimeout, event.Set, ErrTimeout},
		{"Condition", func(d time.Duration) error {
			return errors.Join(condition.Acquire(context.Background()), condition.WaitTimeout(d), condition.Release())
		}, func() error {
			return errors.Join(condition.Acquire(context.Background()), condition.NotifyAll(), condition.Release())
		}, ErrTimeout},
		{"Queue.PutTimeout", func(d time.Duration) error { return queue.PutTimeout(1, d) }, func() error { return second(queue.GetNowait()) }, ErrFull},
		{"Conn.Poll", func(d time.Duration) error {
			if d < 0 { // for ever, in Python as well
				return ErrTimeout
			}
			return second(a.Poll(d))
		}, func() error { return b.SendBytes(nil) }, ErrTimeout},
	} {
		switch c.name { // makes it wait
		case "Lock":
			lock.Acquire(soon(t))
		case "RLock":
			recursive.Acquire(soon(t))
		case "Queue.PutTimeout":
			queue.PutNowait(1)
		}
		for _, d := range []time.Duration{-1, math.MinInt64} {
			if err := c.wait(d); !errors.Is(err, c.late) {
				t.Errorf("%s(%d): %v", c.name, d, err)
			}
		}
		done := make(chan error, 1)
		go func() { done <- c.wait(math.MaxInt64) }()
		select {
		case err := <-done:
			t.Errorf("%s does not wait for ever: %v", c.name, err)
			continue
		case <-time.After(20 * time.Millisecond):
		}
		if err := errors.Join(c.end(), <-done); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// Context and timer are often ready at the same time; no beat comes after the
// context is done.
func TestHeartbeatEnds(t *testing.T) {
	for range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		beats := 0
		err := Heartbeat(ctx, 50*time.Microsecond, func(int, time.Duration) {
			beats++
			cancel()
			time.Sleep(200 * time.Microsecond) // the next beat is due
		})
		if err != context.Canceled || beats != 1 {
			t.Fatal(err, beats)
		}
	}
}

func second[T any](_ T, err error) error { return err }
