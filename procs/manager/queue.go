package manager

import (
	"context"
	"fmt"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// methods of a queue
const (
	queuePut byte = iota
	queueGet
	queueLen
	queueTaskDone
	queueJoin
	queueShutDown
)

// queueObject is a queue in the manager.
type queueObject struct {
	monitor
	images     [][]byte
	maxsize    int // 0: no limit
	unfinished int // puts without a TaskDone
	shut       bool
}

func newQueueObject(c *serverCall) (object, error) {
	q := &queueObject{maxsize: c.int()}
	if q.maxsize < 0 {
		return nil, fmt.Errorf("manager: queue of size %d", q.maxsize)
	}
	return q, c.err()
}

func (q *queueObject) references() (refs []uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, image := range q.images {
		refs = appendRefs(refs, image)
	}
	return refs
}

func (q *queueObject) call(c *serverCall) error {
	switch c.method {
	case queuePut:
		return q.put(c)
	case queueGet:
		return q.get(c)
	case queueJoin:
		return q.await(c, func() bool { return q.unfinished == 0 })
	}
	return q.change(func() error {
		switch c.method {
		case queueLen:
			c.putInt(len(q.images))
			c.putInt(q.maxsize)
			return nil
		case queueTaskDone:
			if q.unfinished == 0 {
				return procs.ErrNotHeld
			}
			q.unfinished--
			return nil
		case queueShutDown:
			immediate := c.uint() != 0
			if c.bad {
				return codec.ErrWire
			}
			q.shut = true
			if immediate {
				for _, image := range q.images {
					c.unkeep(image)
				}
				q.unfinished -= len(q.images)
				q.images = nil
			}
			return nil
		}
		return codec.ErrWire
	})
}

func (q *queueObject) put(c *serverCall) error {
	image := copyImage(c.rest())
	if err := c.server.keep(image); err != nil {
		return err
	}
	var failed error
	err := q.await(c, func() bool {
		switch {
		case q.shut:
			failed = procs.ErrClosed
		case q.maxsize > 0 && len(q.images) >= q.maxsize:
			return false
		default:
			q.images = append(q.images, image)
			q.unfinished++
		}
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		c.unkeep(image)
	}
	return err
}

func (q *queueObject) get(c *serverCall) error {
	var failed error
	var image []byte
	err := q.await(c, func() bool {
		switch {
		case len(q.images) > 0:
			image = q.images[0]
			q.images[0] = nil
			if q.images = q.images[1:]; len(q.images) == 0 {
				q.images = nil
			}
		case q.shut:
			failed = procs.ErrClosed
		default:
			return false
		}
		return true
	})
	if err == nil {
		err = failed
	}
	if err != nil {
		return err
	}
	if c.link.gone.Load() { // taken for a client that is no more: put it back, where it was
		return q.change(func() error { q.images = append([][]byte{image}, q.images...); return nil })
	}
	c.putImage(image)
	c.unkeep(image)
	return nil
}

// Queue is a queue in a manager (SyncManager.Queue). Unlike procs.Queue it can
// hold proxies, and be reached from other machines.
type Queue[T any] struct {
	proxy
	value *codec.Codec[T]
}

// NewQueue makes a queue in m for up to maxsize values, 0: any number.
func NewQueue[T any](m *Manager, maxsize int) (*Queue[T], error) {
	q := new(Queue[T])
	if err := q.make(m, maxsize, proxyType[Queue[T]]()); err != nil {
		return nil, err
	}
	return q, nil
}

func (q *Queue[T]) make(m *Manager, maxsize int, typ uint32) error {
	if err := q.open(); err != nil {
		return err
	}
	return q.create(noWait, m, objectQueue, typ, func(c *clientCall) error { c.putInt(maxsize); return nil })
}

func (q *Queue[T]) open() (err error) {
	q.value, err = codec.Of[T]()
	return encodeFailed(err)
}

func (q *Queue[T]) adopt(w *codec.Wire) error {
	if err := q.open(); err != nil {
		return err
	}
	return q.adoptAs(w, objectQueue, proxyType[Queue[T]]())
}

// Put puts v, waiting while the queue is full. It returns procs.ErrClosed after
// ShutDown.
func (q *Queue[T]) Put(ctx context.Context, v T) error { return q.put(ctx, v) }

// PutTimeout is Put with a limit; then it returns procs.ErrFull.
func (q *Queue[T]) PutTimeout(v T, d time.Duration) error {
	return waitAtMost(d, procs.ErrFull, func(ctx context.Context) error { return q.put(ctx, v) })
}

// PutNowait puts v, or returns procs.ErrFull.
func (q *Queue[T]) PutNowait(v T) error { return q.PutTimeout(v, 0) }

func (q *Queue[T]) put(ctx context.Context, v T) error {
	c, err := q.begin(queuePut)
	if err != nil {
		return err
	}
	defer c.end()
	if err := putValue(c, q.value, &v); err != nil {
		return err
	}
	return c.do(ctx)
}

// waitAtMost calls f with a context that ends after d, or with none if d is not
// positive. late is the error if that was not enough.
func waitAtMost(d time.Duration, late error, f func(ctx context.Context) error) error {
	if d <= 0 {
		err := f(noWait)
		if err == errWouldWait {
			return late
		}
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	err := f(ctx)
	if err == context.DeadlineExceeded {
		return late
	}
	return err
}

// Get takes the first value, waiting for one. It returns procs.ErrClosed when
// the queue is shut down and empty.
func (q *Queue[T]) Get(ctx context.Context) (v T, err error) {
	err = q.get(ctx, &v)
	return v, err
}

// GetTimeout is Get with a limit; then it returns procs.ErrEmpty.
func (q *Queue[T]) GetTimeout(d time.Duration) (v T, err error) {
	err = waitAtMost(d, procs.ErrEmpty, func(ctx context.Context) error { return q.get(ctx, &v) })
	return v, err
}

// GetNowait takes the first value, or returns procs.ErrEmpty.
func (q *Queue[T]) GetNowait() (T, error) { return q.GetTimeout(0) }

func (q *Queue[T]) get(ctx context.Context, v *T) error {
	c, err := q.begin(queueGet)
	if err != nil {
		return err
	}
	defer c.end()
	if err := c.do(ctx); err != nil {
		return err
	}
	*v, err = takeValue(c, q.value)
	return err
}

// Len returns the number of values in the queue at the moment.
func (q *Queue[T]) Len() (n int, err error) {
	n, _, err = q.size()
	return n, err
}

// size asks for both numbers at one moment. The maximum is 0 if there is none.
func (q *Queue[T]) size() (n, most int, err error) {
	err = q.call(queueLen, nil, func(c *clientCall) error { n, most = c.int(), c.int(); return nil })
	return n, most, err
}

// Empty reports whether the queue is empty at the moment.
func (q *Queue[T]) Empty() (bool, error) {
	n, err := q.Len()
	return err == nil && n == 0, err
}

// Full reports whether the queue is full at the moment.
func (q *Queue[T]) Full() (bool, error) {
	n, most, err := q.size()
	return err == nil && most > 0 && n >= most, err
}

// ShutDown closes the queue for all processes: Put returns procs.ErrClosed from
// now on, and so does Get once the queue is empty, or right away if immediate,
// which drops what is in it.
func (q *Queue[T]) ShutDown(immediate bool) error {
	return q.call(queueShutDown, func(c *clientCall) error { c.putUint(b2u(immediate)); return nil }, nil)
}

// String says what the proxy stands for.
func (q *Queue[T]) String() string { return q.describe("manager.Queue") }

// JoinableQueue is a Queue whose consumers report when they have processed a
// value (SyncManager.JoinableQueue).
type JoinableQueue[T any] struct{ Queue[T] }

// NewJoinableQueue makes a queue in m for up to maxsize values, 0: any number.
func NewJoinableQueue[T any](m *Manager, maxsize int) (*JoinableQueue[T], error) {
	q := new(JoinableQueue[T])
	if err := q.make(m, maxsize, proxyType[JoinableQueue[T]]()); err != nil {
		return nil, err
	}
	return q, nil
}

func (q *JoinableQueue[T]) adopt(w *codec.Wire) error {
	if err := q.open(); err != nil {
		return err
	}
	return q.adoptAs(w, objectQueue, proxyType[JoinableQueue[T]]())
}

// TaskDone reports that a value has been processed. It returns procs.ErrNotHeld
// if there was none left.
func (q *JoinableQueue[T]) TaskDone() error { return q.call(queueTaskDone, nil, nil) }

// Join waits until every value that was put has been processed.
func (q *JoinableQueue[T]) Join(ctx context.Context) error { return q.wait(ctx, queueJoin, nil) }

// wait runs a method that may wait.
func (p *proxy) wait(ctx context.Context, method byte, args func(c *clientCall)) error {
	c, err := p.begin(method)
	if err != nil {
		return err
	}
	defer c.end()
	if args != nil {
		args(c)
	}
	return c.do(ctx)
}
