//go:build linux

package procs

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"switchyard/procs/internal/proctest/wait"
)

type eventArgs struct{ Ask, Answer *Event }

var testEventAnswer = Register("test.event.answer", func(ctx context.Context, a eventArgs) (int, error) {
	if err := a.Ask.Wait(ctx); err != nil {
		return 0, err
	}
	return 0, a.Answer.Set()
})

func TestEvent(t *testing.T) {
	ask, answer := closing(t, must(NewEvent())(t), nil), closing(t, must(NewEvent())(t), nil)
	if ask.IsSet() || ask.String() != "<Event unset>" {
		t.Error("set from the beginning")
	}
	start := time.Now()
	if err := ask.WaitTimeout(shortly); err != ErrTimeout || time.Since(start) < shortly {
		t.Error(err, time.Since(start))
	}
	if err := ask.WaitTimeout(0); err != ErrTimeout {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), shortly)
	defer cancel()
	if err := ask.Wait(ctx); err != context.DeadlineExceeded {
		t.Error(err)
	}
	p := run(t, testEventAnswer, eventArgs{ask, answer})
	if answer.IsSet() {
		t.Error("an answer before the question")
	}
	ask.Set()
	if err := answer.Wait(soon(t)); err != nil {
		t.Error(err)
	}
	join(t, p)
	if err := ask.WaitTimeout(0); err != nil || !ask.IsSet() || ask.String() != "<Event set>" {
		t.Error(err)
	}
	if err := ask.Wait(soon(t)); err != nil {
		t.Error(err)
	}
	if err := ask.WaitTimeout(wait.Patience); err != nil {
		t.Error(err)
	}
	ask.Clear()
	if ask.IsSet() || ask.String() != "<Event unset>" {
		t.Error("set after Clear")
	}
	if err := ask.WaitTimeout(0); err != ErrTimeout {
		t.Error(err)
	}
}

func TestEventWakesAll(t *testing.T) {
	e := closing(t, must(NewEvent())(t), nil)
	silent := closing(t, must(NewEvent())(t), nil)
	var ps []*Process
	for range 3 {
		ps = append(ps, run(t, testEventAnswer, eventArgs{e, silent}))
	}
	var wg sync.WaitGroup
	for range 100 {
		wg.Go(func() {
			if err := e.Wait(soon(t)); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "somebody sleeps", func() bool { return e.changed.Armed() })
	e.Set()
	wg.Wait()
	join(t, ps...)
}

// A pulse reaches those who wait, though the event is never seen set.
func TestEventSetAndClearAtOnce(t *testing.T) {
	e := closing(t, must(NewEvent())(t), nil)
	for range 100 {
		done := make(chan error)
		go func() { done <- e.Wait(soon(t)) }()
		for waiting := true; waiting; {
			e.Set()
			e.Clear()
			select {
			case err := <-done:
				if err != nil {
					t.Fatal(err)
				}
				waiting = false
			case <-time.After(time.Millisecond):
			}
		}
	}
}

func TestEventSurvivesKilledWaiters(t *testing.T) {
	e := closing(t, must(NewEvent())(t), nil)
	silent := closing(t, must(NewEvent())(t), nil)
	for range 5 {
		p := run(t, testEventAnswer, eventArgs{e, silent})
		eventually(t, "it sleeps", func() bool { return e.changed.Armed() })
		slay(t, p)
	}
	done := make(chan error)
	go func() { done <- e.Wait(soon(t)) }()
	e.Set()
	if err := <-done; err != nil {
		t.Error(err)
	}
	// Close wakes who waits here, however long the next slice is.
	go func() { done <- silent.Wait(context.Background()) }()
	eventually(t, "it sleeps", func() bool { return silent.changed.Armed() })
	for _, c := range []*Event{e, silent} {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := <-done; err != ErrClosed {
		t.Error(err)
	}
	if err := e.Wait(soon(t)); err != ErrClosed {
		t.Error(err)
	}
}

// A Set that wakes a waiter in two steps, the state and the bell, does not end
// the next Wait with its second step.
func TestEventSetCountsOnce(t *testing.T) {
	e := closing(t, must(NewEvent())(t), nil)
	e.state.Store(e.state.Load() + 3) // the setter is stopped before it rings
	if err := errors.Join(e.Wait(soon(t)), e.Clear()); err != nil {
		t.Fatal(err)
	}
	go func() {
		for range 10 {
			e.changed.NotifyAll() // it goes on
			time.Sleep(time.Millisecond)
		}
	}()
	if err := e.WaitTimeout(shortly); err != ErrTimeout {
		t.Error("woken by a Set that was heeded:", err)
	}
	e.Set()
	if err := e.Wait(soon(t)); err != nil || !e.IsSet() {
		t.Error(err)
	}
}
