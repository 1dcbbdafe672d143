package remote

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Stored waits until all tasks that were submitted before, in the lane
// AtLeastOnce, are stored by the server, cancelled or done: from then on they
// outlive this program. Submit itself does not wait for that. In the lane
// AtMostOnce, which stores nothing, it returns errors.ErrUnsupported.
func (p *Pool) Stored(ctx context.Context) error {
	d, ok := p.lane.(*durable)
	if !ok {
		return fmt.Errorf("remote: tasks of this lane are not stored: %w", errors.ErrUnsupported)
	}
	d.mu.Lock()
	w := &storedWaiter{upTo: d.seq, done: make(chan error, 1)}
	d.waiters = append(d.waiters, w)
	d.tellStored()
	d.mu.Unlock()
	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
		d.mu.Lock()
		d.waiters = slices.DeleteFunc(d.waiters, func(o *storedWaiter) bool { return o == w })
		d.mu.Unlock()
		return fmt.Errorf("remote: wait until tasks are stored: %w", ctx.Err())
	}
}

// storedWaiter waits until tasks are stored.
type storedWaiter struct {
	upTo uint64 // number of the last one
	done chan error
}

// tellStored tells those whose tasks are stored. The lock is held.
func (d *durable) tellStored() {
	if len(d.waiters) == 0 {
		return
	}
	oldest := uint64(math.MaxUint64) // of those that are not stored
	if len(d.outbox) > 0 {
		oldest = d.outbox[0].number
	}
	for _, first := range d.storing {
		oldest = min(oldest, first)
	}
	for _, first := range d.again {
		oldest = min(oldest, first)
	}
	left := d.waiters[:0]
	for _, w := range d.waiters {
		if w.upTo < oldest {
			w.done <- nil
		} else {
			left = append(left, w)
		}
	}
	d.waiters = left
}

// DeadTask is a task that was given up.
type DeadTask struct {
	Function string // its name
	Reason   string
	Time     time.Time // when it was given up
	Size     int       // of its encoded arguments, in bytes
}

// DeadTasks returns the last tasks that were given up, at most n of them, the
// last one first. The server keeps the last 10,000, at most 64 MiB, for 30
// days. It costs a round trip for each.
func (s *Session) DeadTasks(ctx context.Context, n int) (all []DeadTask, err error) {
	js, err := jetstream.New(s.nc)
	if err != nil {
		return nil, fmt.Errorf("remote: dead tasks: %w", err)
	}
	stream, err := js.Stream(ctx, s.stream("dead"))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil // nobody has used the lane yet
	}
	if err != nil {
		return nil, fmt.Errorf("remote: dead tasks: %w", err)
	}
	state := stream.CachedInfo().State
	for seq := state.LastSeq; seq >= max(1, state.FirstSeq) && len(all) < n; seq-- {
		m, err := stream.GetMsg(ctx, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("remote: dead tasks: %w", err)
		}
		t := DeadTask{Function: m.Header.Get(headerName), Reason: m.Header.Get(headerReason), Time: m.Time, Size: len(m.Data)}
		if tasks, err := decodeTasks(m.Data); err == nil && len(tasks) == 1 {
			t.Size = len(tasks[0].body)
		}
		all = append(all, t)
	}
	return all, nil
}
