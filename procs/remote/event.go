package remote

import (
	"context"
	"fmt"
	"time"

	"switchyard/procs"
)

// Event is a flag that programs wait for, by a name. It is not set at first,
// and stays on the server as it is until Remove.
type Event struct {
	d    *Dict[eventState]
	name string
}

// eventState is what the server keeps. Sets lets a waiter know that the event
// was set and cleared again meanwhile.
type eventState struct {
	Set  bool
	Sets uint64
}

// OpenEvent opens the event of this name.
func OpenEvent(ctx context.Context, s *Session, name string) (*Event, error) {
	if _, err := s.objectName("event", name); err != nil {
		return nil, err
	}
	d, err := openDict[eventState](ctx, s, "events", "all", DictConfig{})
	if err != nil {
		return nil, err
	}
	d.what = fmt.Sprintf("event %.40q", name)
	return &Event{d, name}, nil
}

func (e *Event) state(ctx context.Context) (s eventState, revision uint64, err error) {
	s, revision, err = e.d.Get(ctx, e.name)
	if is(err, ErrNoKey) {
		err = nil
	}
	return s, revision, err
}

// IsSet reports whether the event is set.
func (e *Event) IsSet(ctx context.Context) (bool, error) {
	s, _, err := e.state(ctx)
	return s.Set, err
}

// Set sets the event, and wakes all who wait, even if it is cleared again
// before they know, and even if they have no connection at the moment.
func (e *Event) Set(ctx context.Context) error { return e.change(ctx, true) }

// Clear unsets the event.
func (e *Event) Clear(ctx context.Context) error { return e.change(ctx, false) }

func (e *Event) change(ctx context.Context, set bool) error {
	_, err := e.d.modify(ctx, e.name, func(s eventState, _ bool) (eventState, edit) {
		if s.Set == set {
			return s, editNone
		}
		if s.Set = set; set {
			s.Sets++
		}
		return s, editSet
	})
	return err
}

// Wait waits until the event is set, or was since Wait was called. Otherwise it
// returns ctx's error.
func (e *Event) Wait(ctx context.Context) error {
	s, revision, err := e.state(ctx)
	if err != nil || s.Set {
		return err
	}
	return e.wait(ctx, s, revision)
}

// wait waits for what comes after a state.
func (e *Event) wait(ctx context.Context, s eventState, revision uint64) error {
	for c, err := range e.d.watch(ctx, token(e.name)) {
		switch {
		case err != nil:
			return err
		case c.Revision <= revision: // what we know
		case c.Value.Set || c.Value.Sets > s.Sets:
			return nil
		case c.Deleted:
			s.Sets = 0
		}
	}
	return ctx.Err()
}

// WaitTimeout is Wait with a limit; then it returns procs.ErrTimeout.
func (e *Event) WaitTimeout(d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return late(e.Wait(ctx), procs.ErrTimeout)
}

// Remove removes the event from the server. Who waits for it goes on to do so.
func (e *Event) Remove(ctx context.Context) error { return e.d.Delete(ctx, e.name) }
