package procs

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/procs/internal/goroutine"
	"switchyard/procs/internal/shm"
)

var (
	// ErrTerminated means that the pool was terminated before the task was
	// done.
	ErrTerminated = errors.New("procs: pool terminated")
	// ErrCancelled means that the task was cancelled.
	ErrCancelled = errors.New("procs: cancelled")
	// ErrTimeout means that a time limit passed: that of a task, which was
	// stopped, or that of a call such as AcquireTimeout.
	ErrTimeout = errors.New("procs: timeout")
	// ErrBroken means that the pool cannot run tasks: its initializer failed,
	// or no worker can be started.
	ErrBroken = errors.New("procs: pool is broken")
)

// PoolConfig says how a Pool works. The zero value is a pool with a worker per
// processor.
type PoolConfig struct {
	// Workers is the number of worker processes. 0: as many as we have
	// processors (GOMAXPROCS).
	Workers int
	// Name begins the names of the workers: "Pool-1/1", ... Default: "Pool-1",
	// "Pool-2", ...
	Name string
	// Initializer is run in each worker before its first task: see
	// NewInitializer. If it returns an error the pool is broken: all tasks fail
	// with ErrBroken and that error.
	Initializer *Initializer
	// MaxTasksPerChild: after so many tasks (a chunk of Map is one) a worker is
	// replaced by a new one. 0: never.
	MaxTasksPerChild int
	// TaskTimeout is how long a task may run, from when a worker begins it.
	// Then its context is cancelled; if it has not returned when Grace is over,
	// the worker is killed and replaced. The task fails with ErrTimeout either
	// way. 0: no limit. A chunk of Map is one task. The option Timeout sets it
	// per call.
	TaskTimeout time.Duration
	// Grace is how long a cancelled or timed-out task gets to return before its
	// worker is killed. 0: 100 ms. Negative: none.
	Grace time.Duration
	// Retries is how often a task whose worker died in the midst of it is begun
	// again. 0, the default: never; it fails with ErrWorkerDied, because nobody
	// knows what it did already. Tasks that the worker had not begun go to
	// another one always.
	Retries int
	// Spares is how many workers beyond Workers are kept started and
	// initialised, to take the place of one that died at once.
	Spares int
	// GOMAXPROCS of each worker, 0: 1. The workers are the parallelism; a
	// worker with more only helps functions that start goroutines themselves.
	GOMAXPROCS int
	// Env, Dir and Executable are as in ProcessConfig.
	Env        []string
	Dir        string
	Executable string
}

const (
	taskRing   = 256 << 10 // bytes
	resultRing = 256 << 10
	maxLoad    = 4096 // tasks that one worker may have
	maxAttach  = 16   // tasks with descriptors that one worker may have: they fill its control socket

	defaultGrace = 100 * time.Millisecond
)

// Pool is a set of worker processes that run tasks (Python's
// multiprocessing.Pool). It survives the death of any worker at any moment: the
// worker is replaced, the task that it was running fails with ErrWorkerDied (or
// is begun again, see PoolConfig.Retries), and all others are delivered exactly
// once.
//
// The pool assigns every task to a worker and puts it into memory shared with
// that worker alone. Until the worker begins the task, the pool can take it
// back: a worker that has nothing left to do gets tasks of the busiest one. One
// goroutine handles results and callbacks, so a callback should return soon:
// nobody gets a result meanwhile. A callback may submit tasks and end the pool,
// but one that waits for another result of the same pool waits in vain until
// its context is done.
//
// When a worker is killed, nobody knows how much of its current task it had
// done. Nothing else is lost, because arguments and futures are kept here. When
// this process is killed, so are its workers, in the midst of their tasks: what
// has to survive that must be stored elsewhere by the tasks.
//
// A pool that was not closed or terminated ends with its process: the kernel
// kills the workers.
//
// How it works inside is described in poolprotocol.go.
type Pool struct {
	config    PoolConfig
	name      string
	parker    *shm.Parker
	parkerSeg *shm.Segment
	ended     chan struct{} // closed when all workers are gone and all tasks finished
	collector atomic.Uint64 // number of the goroutine that collects, and so calls callbacks

	collecting sync.Mutex // held by whoever takes results out of rings; locked before mu
	delivering deliveries
	direct     directCallers

	mu          sync.Mutex
	workers     []*worker // spares included
	starting    int       // workers that are being started
	target      int
	count       int // workers started so far
	pending     []job
	pendingHead int      // index of the first job of pending that may have pieces left
	requeued    []ticket // they come before pending
	failed      []failure
	state       poolState
	broken      error // why no task can be run, or nil
	watching    bool  // the timer of watchLimits runs
	resting     bool  // the collector sleeps for longer, as nothing is to be expected
	scratch     []byte
	handing     wire // descriptors of the piece that is being placed
	crashes     int  // see maxCrashes
}

var poolCount atomic.Int64

// NewPool starts a pool. It does not wait for the workers to be ready.
func NewPool(config PoolConfig) (*Pool, error) {
	if err := mayHaveChildren(); err != nil {
		return nil, err
	}
	if min(config.Workers, config.MaxTasksPerChild, config.Spares, config.Retries, config.GOMAXPROCS) < 0 {
		return nil, errors.New("procs: NewPool: Workers, MaxTasksPerChild, Spares, Retries and GOMAXPROCS must not be negative")
	}
	if config.Workers == 0 {
		config.Workers = runtime.GOMAXPROCS(0)
	}
	if config.GOMAXPROCS == 0 {
		config.GOMAXPROCS = 1
	}
	if config.Grace == 0 {
		config.Grace = defaultGrace
	}
	seg, err := shm.Create(shm.ParkerSize)
	if err != nil {
		return nil, fmt.Errorf("procs: pool: %w", err)
	}
	p := &Pool{config: config, name: config.Name, parker: shm.At[shm.Parker](seg.Bytes(), 0), parkerSeg: seg,
		ended: make(chan struct{}), target: config.Workers}
	if p.name == "" {
		p.name = "Pool-" + strconv.FormatInt(poolCount.Add(1), 10)
	}
	for range config.Workers {
		w, err := p.startWorker()
		if err != nil {
			p.abandon()
			return nil, err
		}
		w.become(workerServing)
		p.workers = append(p.workers, w)
	}
	p.starting = config.Spares
	for _, w := range slices.Clone(p.workers) { // from now on all is guarded by the mutex
		w.watch()
	}
	for range config.Spares {
		go p.replace()
	}
	go p.collect()
	return p, nil
}

// abandon ends the workers that a failed NewPool had started.
func (p *Pool) abandon() {
	for _, w := range p.workers {
		w.child.Signal(sigKill)
		<-w.child.Done()
		w.free()
	}
	p.parkerSeg.Close()
}

// Size returns the number of workers the pool is meant to have.
func (p *Pool) Size() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.target
}

// PIDs returns the process ids of the workers.
func (p *Pool) PIDs() []int {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []int
	for _, w := range p.workers {
		if w.state.running() && w.state != workerSpare {
			out = append(out, w.child.PID)
		}
	}
	return out
}

// Resize changes the number of workers. Surplus workers end once they have done
// the tasks that they have.
func (p *Pool) Resize(workers int) error {
	if workers < 1 {
		return errors.New("procs: Resize: a pool needs a worker")
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state != poolOpen {
		return ErrClosed
	}
	p.target = workers
	p.balance()
	return nil
}

// Close stops the pool from accepting tasks. The workers exit when all tasks
// are done.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.state == poolOpen {
		p.state = poolClosed
	}
	p.mu.Unlock()
	p.parker.Wake()
}

// Terminate ends the pool at once: the workers are killed, and tasks that were
// not done fail with ErrTerminated. It returns when all workers have exited;
// from a callback it returns immediately, because the pool waits for callbacks.
// It is meant for defer, and does nothing to a pool that has ended.
func (p *Pool) Terminate() {
	p.mu.Lock()
	if p.state != poolTerminated {
		p.state = poolTerminated
		p.killAll()
	}
	p.mu.Unlock()
	p.parker.Wake()
	p.waitEnded()
}

// waitEnded waits until the pool has ended. In a callback it does not wait,
// because the goroutine that runs callbacks is the one that ends the pool.
func (p *Pool) waitEnded() {
	if !p.inCallback() {
		<-p.ended
	}
}

func (p *Pool) inCallback() bool { return goroutine.ID() == p.collector.Load() }

// Join waits until a closed pool has done all its tasks and its workers have
// exited, or until ctx is done. In a callback it returns an error, because the
// pool waits for callbacks.
func (p *Pool) Join(ctx context.Context) error {
	p.mu.Lock()
	open := p.state == poolOpen
	p.mu.Unlock()
	if open {
		return errors.New("procs: Join of a pool that was not closed")
	}
	if p.inCallback() {
		return errors.New("procs: Join in a callback, which the pool waits for")
	}
	if _, err := receive(ctx, p.ended); err != nil {
		return fmt.Errorf("procs: join %s: %w", p.name, err)
	}
	return nil
}
