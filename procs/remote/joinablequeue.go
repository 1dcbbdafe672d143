package remote

import (
	"context"
	"sync"
	"time"

	"switchyard/procs"
)

// JoinableQueue is a Queue whose values are taken by Get and done with by
// TaskDone, as those of Python's multiprocessing.JoinableQueue and queue.Queue:
// Join waits until all are. It is another way to use the same queue, which
// other programs may have open as a Queue.
//
// Unlike in Python no value is lost with the program that had taken it, so that
// Join would wait for ever: what a program got and had not reported when it
// died comes back for others after QueueConfig.Lease, and at once when it calls
// Close. TaskDone does not say which value it is of: it stands for the one that
// this program got first. If several goroutines work on values at a time, and
// exactly those that were not finished are to come back, use Take and
// Item.Done, which Join counts as well.
type JoinableQueue[T any] struct {
	*Queue[T]

	mu  sync.Mutex
	got []*Item[T] // that TaskDone was not called for
}

// OpenJoinableQueue is OpenQueue for a JoinableQueue.
func OpenJoinableQueue[T any](ctx context.Context, s *Session, name string, config QueueConfig) (*JoinableQueue[T], error) {
	q, err := OpenQueue[T](ctx, s, name, config)
	if err != nil {
		return nil, err
	}
	return &JoinableQueue[T]{Queue: q}, nil
}

// Get takes the first value, and waits for one. If ctx is done first, the value
// stays.
func (q *JoinableQueue[T]) Get(ctx context.Context) (T, error) { return q.keep(q.Take(ctx)) }

// TryGet is Get without waiting for a value: it returns procs.ErrEmpty if there
// is none.
func (q *JoinableQueue[T]) TryGet(ctx context.Context) (T, error) { return q.keep(q.TryTake(ctx)) }

// GetTimeout is Get with a limit; then it returns procs.ErrEmpty.
func (q *JoinableQueue[T]) GetTimeout(d time.Duration) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	v, err := q.Get(ctx)
	return v, late(err, procs.ErrEmpty)
}

func (q *JoinableQueue[T]) keep(i *Item[T], err error) (v T, _ error) {
	if err != nil {
		return v, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.got = append(q.got, i)
	return i.Value, nil
}

// TaskDone reports that a value that this program got has been processed. It
// returns procs.ErrTooManyDone if there is none, and procs.ErrClosed after
// Close; after another error the value may come back.
func (q *JoinableQueue[T]) TaskDone(ctx context.Context) error {
	if _, err := q.awaits(); err != nil {
		return err
	}
	q.mu.Lock()
	if len(q.got) == 0 {
		q.mu.Unlock()
		return q.failed(procs.ErrTooManyDone)
	}
	i := q.got[0]
	q.got[0] = nil
	q.got = q.got[1:]
	q.mu.Unlock()
	return i.Done(ctx)
}

// Join waits until the queue is empty and all values that were taken are done
// with, those that are put meanwhile too.
func (q *Queue[T]) Join(ctx context.Context) error {
	for pause := fullPause; ; pause = min(2*pause, longestPause) {
		room, err := q.awaits()
		if err != nil {
			return err
		}
		if n, err := q.Len(ctx); n == 0 || err != nil {
			return err
		}
		if err := q.awaitRoom(ctx, room, pause); err != nil {
			return err
		}
	}
}
