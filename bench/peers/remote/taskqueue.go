package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"slices"
	"time"

	"switchyard/bench"
	"switchyard/bench/workload"
	"switchyard/procs"
	"switchyard/procs/remote"
)

// workerArgs is what a worker process is told.
type workerArgs struct {
	URL   string
	Key   []byte
	Leave *procs.Event
}

var serveWorkers = workload.Serving("bench.remote", func(ctx context.Context, in workerArgs, u *bench.Unit) error {
	mine = u
	ctx, leave := context.WithCancel(ctx)
	defer leave()
	go func() {
		_ = in.Leave.Wait(ctx)
		leave()
	}()
	return remote.Work(ctx, in.URL, remote.WorkerConfig{Config: remote.Config{AuthKey: in.Key}, Slots: 1})
})

// mine is where a worker process enters what it has done.
var mine *bench.Unit

// whoIsThere is a task that is none: its result is the worker's process.
const whoIsThere = 0

var addOne = procs.Register("bench.remote.addone", func(_ context.Context, task uint64) (uint64, error) {
	if task == whoIsThere {
		time.Sleep(time.Millisecond) // the next one is for another
		return uint64(os.Getpid()), nil
	}
	mine.Ops++
	return task + 1, nil
})

// A master is [workload.Manage], but in tests.
type master func(b *bench.B, put func(task uint64) error, take func() (uint64, error)) error

// taskQueue has the server and the master in this process.
func taskQueue(lane remote.Lane, manage master) bench.Func {
	return func(b *bench.B) (answer uint64, err error) {
		in := workerArgs{Key: make([]byte, 32)}
		_, _ = rand.Read(in.Key)
		server, err := remote.Serve(remote.ServerConfig{AuthKey: in.Key})
		if err != nil {
			return 0, err
		}
		defer func() { err = cmp.Or(err, server.Close()) }()
		in.URL = server.URL()
		if in.Leave, err = procs.NewEvent(); err != nil {
			return 0, err
		}
		defer in.Leave.Close()
		workers := slices.Repeat([]workerArgs{in}, b.Int("workers"))
		err = serveWorkers(b, workers, func(alive func() error) (err error) {
			defer func() { err = cmp.Or(err, in.Leave.Set()) }()
			q, err := newQueues(in, lane, max(b.Int("inflight"), len(workers)), alive)
			if err != nil {
				return err
			}
			defer q.close()
			if err := q.meet(len(workers)); err != nil {
				return err
			}
			b.Units(1 + len(workers))
			return manage(b, q.put, q.take)
		})
		return b.Answer(), err
	}
}

// queues are what a lane is to the master: tasks go out, results come back.
type queues struct {
	session *remote.Session
	pool    *remote.Pool
	results chan uint64
	failed  chan error
	options []procs.Option
	alive   func() error
	look    *time.Ticker // at whether workers are alive
}

func newQueues(in workerArgs, lane remote.Lane, size int, alive func() error) (*queues, error) {
	q := &queues{results: make(chan uint64, size), failed: make(chan error, size), alive: alive}
	q.options = []procs.Option{
		procs.OnResult(func(v uint64) { q.results <- v }), procs.OnError(func(err error) { q.failed <- err }),
	}
	var err error
	if q.session, err = remote.Connect(context.Background(), in.URL, remote.Config{AuthKey: in.Key}); err != nil {
		return nil, err
	}
	if q.pool, err = remote.NewPool(q.session, remote.PoolConfig{Lane: lane, Patience: -1}); err != nil {
		_ = q.session.Close()
		return nil, err
	}
	q.look = time.NewTicker(time.Second)
	return q, nil
}

func (q *queues) close() {
	q.look.Stop()
	q.pool.Terminate()
	_ = q.session.Close()
}

func (q *queues) put(task uint64) error {
	remote.Submit(q.pool, addOne, task, q.options...)
	return nil
}

func (q *queues) take() (uint64, error) {
	for {
		select {
		case v := <-q.results:
			return v, nil
		case err := <-q.failed:
			return 0, err
		case <-q.look.C:
			if err := q.alive(); err != nil {
				return 0, err
			}
		}
	}
}

// meetTimeout is how long workers may take to connect.
const meetTimeout = time.Minute

// meet waits until all workers take tasks.
func (q *queues) meet(workers int) error {
	here := map[uint64]bool{}
	for began := time.Now(); len(here) < workers; {
		if time.Since(began) > meetTimeout {
			return fmt.Errorf("%d of %d workers take tasks after %v", len(here), workers, meetTimeout)
		}
		for range workers {
			if err := q.put(whoIsThere); err != nil {
				return err
			}
		}
		for range workers {
			pid, err := q.take()
			if err != nil {
				return err
			}
			here[pid] = true
		}
	}
	return nil
}
