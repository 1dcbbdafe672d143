package procs

import (
	"context"
	"errors"
	"fmt"

	"switchyard/procs/internal/shm"
)

// ErrTooManyDone means that TaskDone was called more often than there were
// values.
var ErrTooManyDone = errors.New("procs: more tasks done than put")

// ErrTaskLost means that a process died between Get and TaskDone.
var ErrTaskLost = errors.New("procs: tasks were lost with the processes that had taken them")

// JoinableQueue is a Queue that knows when everything put into it has been
// processed. It is multiprocessing.JoinableQueue. As with a Queue, a value that
// a process had taken when it was killed is lost; Join reports it with
// ErrTaskLost.
//
// Up to 65,536 processes can have unfinished values at the same time. In one
// more, or if there is no memory to record one, Get returns ErrNoSpace and the
// value stays in the queue: none is taken whose loss could not be noticed.
type JoinableQueue[T any] struct{ queue[T] }

// NewJoinableQueue returns an empty queue, with maxsize as in NewQueue.
func NewJoinableQueue[T any](maxsize int) (*JoinableQueue[T], error) {
	q, err := NewQueue[T](maxsize)
	if err != nil {
		return nil, err
	}
	q.q.CountTasks()
	return &JoinableQueue[T]{*q}, nil
}

// TaskDone reports that a value from the queue has been processed. It returns
// ErrTooManyDone if there was none left.
func (q *JoinableQueue[T]) TaskDone() error {
	if q.closed() {
		return ErrClosed
	}
	shm.RaceRelease(q.q)
	err := q.q.TaskDone(&forever)
	if err == shm.ErrNotLocked {
		return ErrTooManyDone
	}
	return fromShm(err)
}

// Join waits until TaskDone was called for every value put. What a process had
// taken and not finished when it died counts as done, while somebody is in
// Join, and Join returns an error that wraps ErrTaskLost and says how many
// there were; each is reported once. Detection takes as long as for the permits
// of a Semaphore, and does not see deaths in another pid namespace either: Join
// then waits until its context ends.
func (q *JoinableQueue[T]) Join(ctx context.Context) error {
	if q.closed() {
		return ErrClosed
	}
	wait := waitFor(ctx)
	lost, err := q.q.Join(&wait)
	if err != nil {
		return fromShm(err)
	}
	shm.RaceAcquire(q.q)
	if lost > 0 {
		return fmt.Errorf("%w: %d", ErrTaskLost, lost)
	}
	return nil
}

// Unfinished returns how many values were put and are not yet processed.
func (q *JoinableQueue[T]) Unfinished() int {
	if q.closed() {
		return 0
	}
	return q.q.Unfinished()
}
