package procs

import (
	"context"
	"errors"
	"fmt"

	"switchyard/procs/internal/shm"
)

// ErrTooManyDone: TaskDone was called more often than there were values.
var ErrTooManyDone = errors.New("procs: more tasks done than put")

// ErrTaskLost: a process died between Get and TaskDone.
var ErrTaskLost = errors.New("procs: tasks were lost with the processes that had taken them")

// JoinableQueue is a Queue that can tell when everything put into it has been
// worked off. It is multiprocessing.JoinableQueue. A value is worth what it is
// in a Queue: one that a process had taken when it was killed is gone, and Join
// tells of it with ErrTaskLost.
//
// Up to 65,536 processes can have values that they got and did not finish, at
// the same time. One more, or one for whose note there is no memory, gets
// ErrNoSpace from Get, and the value stays for others: none is taken that could
// not be given up if its taker dies.
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

// TaskDone says that a value got from the queue has been worked off. It returns
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
// Join, and Join returns an error that is ErrTaskLost and tells how many there
// were; each is told of once. It takes as long as with the permits of a
// Semaphore, and a process that was killed in another pid namespace is not
// found dead either: Join waits until its context ends.
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

// Unfinished returns how many values were put and not worked off, now.
func (q *JoinableQueue[T]) Unfinished() int {
	if q.closed() {
		return 0
	}
	return q.q.Unfinished()
}
