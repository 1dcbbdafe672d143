package remote

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/fault"
)

// ErrNoWorker means that no worker came within PoolConfig.Patience that has the
// function, with the same types. The error says what those that are there have.
var ErrNoWorker = errors.New("remote: no worker has the function")

func init() {
	procs.RegisterError("remote.ErrNoWorker", ErrNoWorker)
	procs.RegisterError("remote.ErrPoisoned", ErrPoisoned)
	procs.RegisterError("remote.ErrConnectionLost", ErrConnectionLost)
	procs.RegisterError("remote.ErrAuthentication", ErrAuthentication)
	procs.RegisterError("remote.ErrShutDown", ErrShutDown)
}

// Lane is how a pool delivers tasks and results.
type Lane uint8

const (
	// AtMostOnce has low latency: a task is a message to one worker, and its
	// result one back, which no disk sees, nor the server if there is a line
	// between the two. If the worker or the connection is
	// lost meanwhile the task fails, with procs.ErrWorkerDied or
	// ErrConnectionLost, because nobody knows how much of it was done. A task
	// that was not begun goes to another worker.
	AtMostOnce Lane = iota
	// AtLeastOnce is durable: tasks and results are in streams of the server,
	// on its disk, until they are done with, so that neither the death of
	// workers nor that of the server loses any. A task may be done twice: by
	// the worker that was lost, and by the next one. Its result is delivered
	// once. A task that kills its workers is given up after PoolConfig.Tries
	// (ErrPoisoned), and kept in the stream NAMESPACE-dead with the reason: the
	// last 10,000 of them, at most 64 MiB, for 30 days.
	AtLeastOnce
)

// PoolConfig says how a Pool works.
type PoolConfig struct {
	// Lane is AtMostOnce or AtLeastOnce.
	Lane Lane
	// TaskTimeout is how long a task may run, from when a worker begins it.
	// Then its context is cancelled, and the task fails with procs.ErrTimeout,
	// whether its function has returned or not. 0: no limit. The option
	// procs.Timeout sets it per call.
	TaskTimeout time.Duration
	// MaxUnfinished is how many tasks may be unfinished: a call that would
	// begin one more waits. 0: 65536.
	MaxUnfinished int
	// Ahead is how many tasks a worker is sent beyond its slots, so that it
	// need not wait for the next one. 0: 32. Negative: none.
	Ahead int
	// Patience is how long a task waits for the first worker that has its
	// function, before it fails with ErrNoWorker. 0: 10 s in the lane
	// AtMostOnce; in the lane AtLeastOnce, where tasks are kept until workers
	// come, for ever, but after 10 s a warning in the log (procs.SetLog) says
	// that none is there. Negative: for ever. A stored task that was given up
	// may still be done, if a worker comes.
	Patience time.Duration
	// DeadAfter is how long a worker that does not answer counts as alive. Its
	// tasks then fail with procs.ErrWorkerDied. One whose process has ended is
	// found dead within two seconds. 0: 10 s. Ahead and DeadAfter are of the
	// lane AtMostOnce.
	DeadAfter time.Duration
	// Lease is, in the lane AtLeastOnce, how long a worker may say nothing
	// before its tasks go to another, at least 2 s. 0: 30 s. Tries is how many
	// workers may begin a task. 0: 5; 1 costs a write to the server's disk for
	// each task. The last pool to use a function determines both.
	Lease time.Duration
	Tries int
}

func (c *PoolConfig) fill() error {
	if c.MaxUnfinished < 0 || c.TaskTimeout < 0 || c.DeadAfter < 0 {
		return errors.New("remote: NewPool: MaxUnfinished, TaskTimeout and DeadAfter must not be negative")
	}
	set := func(d *time.Duration, to time.Duration) {
		if *d == 0 {
			*d = to
		}
	}
	if c.Lane == AtLeastOnce {
		set(&c.Patience, -1)
	}
	set(&c.Patience, 10*time.Second)
	set(&c.DeadAfter, 10*time.Second)
	set(&c.Lease, 30*time.Second)
	if c.Tries == 0 {
		c.Tries = 5
	}
	if c.Lease < minLease || c.Tries < 0 || c.Lane > AtLeastOnce {
		return errors.New("remote: NewPool: Lease must be 2 s at least, Tries not negative, and Lane one of the two")
	}
	if c.MaxUnfinished == 0 {
		c.MaxUnfinished = 1 << 16
	}
	if c.Ahead == 0 {
		c.Ahead = 32
	}
	c.Ahead = max(c.Ahead, 0)
	return nil
}

// Pool has tasks done by the workers that are connected to the server: those
// that are there, and those that come. How it does depends on its lane. In the
// lane AtMostOnce each task is assigned to the worker that has the fewest for
// its slots; in the lane AtLeastOnce workers fetch the next one when they have
// room.
//
// One goroutine handles results and callbacks, so a callback should return
// soon; one that waits for another result of the pool, or for room for another
// task, waits in vain.
type Pool struct {
	s      *Session
	config PoolConfig
	room   chan struct{} // one for each unfinished task
	ended  chan struct{}

	mu    sync.Mutex
	state poolState
	calls int // unfinished
	lane  lane
}

// lane is how tasks get to workers, and results back.
type lane interface {
	begin(r *request)                // it brings each to Pool.end, once
	await(context.Context, *request) // may do so where its caller waits, until ctx is done
	cancel(r *request, why error)    // ends a request that has not ended
	unbegun() []*request             // that no worker has begun, as far as it knows
	stopAll()                        // ends all, and all to come
	close()                          // nothing will come; does not wait
	wait()                           // for the end of what close ends
	workers() []Worker
	chunk(n int) int // how many of n elements make a task
}

type poolState uint8

const (
	poolOpen poolState = iota
	poolClosed
	poolEnded
)

// NewPool makes a pool. It does not wait for workers.
func NewPool(s *Session, config PoolConfig) (*Pool, error) {
	if err := config.fill(); err != nil {
		return nil, err
	}
	p := &Pool{s: s, config: config, room: make(chan struct{}, config.MaxUnfinished), ended: make(chan struct{})}
	var err error
	if config.Lane == AtLeastOnce {
		p.lane, err = newDurable(p)
	} else {
		p.lane, err = newDirect(p)
	}
	if err != nil {
		return nil, err
	}
	return p, nil
}

// request is one call that a pool has to bring to an end.
type request struct {
	name string
	task
	finish func(result, error) // called with no lock held
	cancel func() bool         // cancels its future

	// unheard does what finish does, and reports true, if nothing of the
	// program's is called for that: it takes no longer than it takes to decode.
	// nil: it always is.
	unheard func(result) bool

	pool    *Pool
	awaited atomic.Bool // somebody waits for it
	sent    sending     // the lane's
}

// Await and Cancelled make it a bridge.Driver.
func (r *request) Await(ctx context.Context) { r.pool.lane.await(ctx, r) }
func (r *request) Cancelled()                { r.pool.lane.cancel(r, procs.ErrCancelled) }

// begin hands a call to the lane. It waits for room. If it returns an error,
// finish will not be called.
func (p *Pool) begin(r *request) error {
	head := int64(taskHead)
	if p.config.Lane == AtLeastOnce {
		head += maxHeaders
	}
	if limit := p.s.nc.MaxPayload(); limit > 0 && head+int64(len(r.body)) > limit {
		return fmt.Errorf("%w: arguments of %d bytes, where the server takes %d", procs.ErrMessageTooLong, len(r.body), limit-head)
	}
	select {
	case p.room <- struct{}{}:
	case <-p.ended:
		return procs.ErrClosed
	}
	p.mu.Lock()
	if p.state != poolOpen {
		p.mu.Unlock()
		<-p.room
		return procs.ErrClosed
	}
	p.calls++
	p.mu.Unlock()
	p.lane.begin(r)
	return nil
}

// ending is a request with how it ends.
type ending struct {
	r   *request
	res result
	err error
}

func (e ending) unheard() bool { return e.err == nil && e.r.unheard != nil && e.r.unheard(e.res) }

// end ends calls. The lane calls it once for each, with no lock held, in a
// goroutine that many calls need: methods of the results and callbacks are run
// apart, where runtime.Goexit does no harm. If one of them has called it, its
// call fails, unless it was done; the others go on.
func (p *Pool) end(all []ending) {
	ended := len(all)
	all = slices.DeleteFunc(all, ending.unheard)
	for rest := all; len(rest) > 0; {
		n := 0
		failed := fault.Apart(func() {
			for ; n < len(rest); n++ {
				rest[n].r.finish(rest[n].res, rest[n].err)
			}
		})
		if failed != nil {
			r := rest[n].r
			fault.Apart(func() { r.finish(result{}, fmt.Errorf("remote: result of %s: %w", r.name, failed)) })
			n++
		}
		rest = rest[n:]
	}
	p.leave(ended)
}

// leave makes room for as many calls as have ended.
func (p *Pool) leave(ended int) {
	if ended == 0 {
		return
	}
	for range ended {
		<-p.room
	}
	p.mu.Lock()
	p.calls -= ended
	p.endIfDone()
	p.mu.Unlock()
}

func (p *Pool) endIfDone() {
	if p.state == poolClosed && p.calls == 0 {
		p.state = poolEnded
		close(p.ended)
		p.lane.close()
	}
}

// Close stops the pool from accepting tasks. It ends when all are done.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == poolOpen {
		p.state = poolClosed
	}
	p.endIfDone()
}

// Join waits until a closed pool has done all its tasks, or until ctx is done.
func (p *Pool) Join(ctx context.Context) error {
	p.mu.Lock()
	open := p.state == poolOpen
	p.mu.Unlock()
	if open {
		return errors.New("remote: Join of a pool that was not closed")
	}
	select {
	case <-p.ended:
		p.lane.wait()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("remote: join: %w", ctx.Err())
	}
}

// Terminate ends the pool at once: tasks that were not done fail with
// procs.ErrTerminated, and the contexts of those that run are cancelled. It is
// meant for defer, and does nothing to a pool that has ended.
func (p *Pool) Terminate() {
	p.Close()
	p.lane.stopAll()
	<-p.ended
	p.lane.wait()
}

// Workers returns the workers that are there: those that the pool knows in the
// lane AtMostOnce, and those that Session.Workers finds in the lane
// AtLeastOnce, where each takes tasks by itself.
func (p *Pool) Workers() []Worker { return p.lane.workers() }
