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
	"syscall"
	"time"

	"switchyard/procs/internal/goroutine"
	"switchyard/procs/internal/shm"
	"switchyard/procs/internal/taskring"
	"switchyard/procs/internal/transport"
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
	noGrace    = 100 * time.Millisecond
)

// Pool is a set of worker processes that run tasks (Python's
// multiprocessing.Pool). It survives the death of any worker at any moment: the
// worker is replaced, the task it was running fails with ErrWorkerDied (or is
// begun again, see PoolConfig.Retries), and all others are delivered exactly
// once.
//
// Every task is assigned to a worker here, in the parent, and lies in memory
// shared with that worker alone, where it can be taken back until the worker
// begins it: when a worker has nothing left to do, it gets tasks of the busiest
// one. One goroutine handles results and callbacks: callbacks should return
// soon, because no result is delivered meanwhile. One that waits for another
// result of the same pool gets none before its context is done; it may submit
// tasks, and end the pool.
//
// When a worker is killed, the task that it was running fails, and how much of
// it was done is not known; arguments and futures are in the parent, so nothing
// else is lost. When this process is killed, so are the workers, in the middle
// of their tasks: tasks must store elsewhere what has to outlive it.
//
// A pool that was not closed or terminated ends with its process: the kernel
// kills the workers.
type Pool struct {
	config    PoolConfig
	name      string
	bell      *taskring.Bell
	bellFD    *shm.Segment
	ended     chan struct{} // closed when all workers are gone and nothing will change any more
	collector atomic.Uint64 // number of the goroutine that collects, and so calls callbacks

	collecting sync.Mutex // whoever takes results out of the workers' rings; comes before mu
	delivering deliveries
	direct     directCallers

	mu          sync.Mutex
	workers     []*worker
	spares      []*worker
	starting    int // workers being started, spares included
	target      int
	count       int // workers ever started
	pending     []job
	pendingHead int      // index of the first job of pending that may have pieces
	requeued    []ticket // come before pending
	failed      []failure
	state       poolState
	broken      error
	watching    bool // the watch timer runs
	scratch     []byte
	crashes     int // see maxCrashes
}

type poolState uint8

const (
	poolOpen poolState = iota
	poolClosed
	poolTerminated
)

// job is what a pool works on: a call, or a Map of many pieces. All methods but
// finish are called with the pool's mutex held, and call no code of the
// program's; finish may. It is called once per piece, without the mutex: by the
// collector, by a caller of Apply that takes its own result (pollOwnResult), or
// by whoever takes a piece back that no worker has begun, or submits one in
// vain.
type job interface {
	// next returns the number of the next piece to begin, or false if there is
	// none left.
	next() (piece int32, ok bool)
	// head describes a piece: the function's number, how many arguments (0:
	// one, not a chunk), the time limit.
	head(piece int32) (fn uint64, n uint32, limit time.Duration)
	// encode appends the arguments to dst. It may be called again for the same
	// piece.
	encode(piece int32, dst []byte, w *wire) ([]byte, error)
	// placed tells where the piece is now.
	placed(piece int32, w *worker, seq uint64)
	// finish delivers a result, or an error.
	finish(piece int32, payload []byte, w *wire, err error)
}

// ticket is one piece on its way to a worker.
type ticket struct {
	job   job
	piece int32
	tries int32 // how often a worker died of it
}

// failure is a piece that failed before it reached a worker.
type failure struct {
	ticket
	err error
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
		config.Grace = noGrace
	}
	seg, err := shm.Create(taskring.BellSize)
	if err != nil {
		return nil, fmt.Errorf("procs: pool: %w", err)
	}
	p := &Pool{config: config, name: config.Name, bell: taskring.BellAt(seg.Bytes()), bellFD: seg,
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

// abandon ends what a failed NewPool had started.
func (p *Pool) abandon() {
	for _, w := range p.workers {
		w.child.Signal(sigKill)
		<-w.child.Done()
		w.free()
	}
	p.bellFD.Close()
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
		if !w.dead {
			out = append(out, w.child.PID)
		}
	}
	return out
}

// Resize changes the number of workers. Those too many end after the task they
// are at.
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

// balance starts or retires workers until their number is right.
func (p *Pool) balance() {
	if p.state == poolTerminated || p.broken != nil {
		return
	}
	have := 0
	for _, w := range p.workers {
		if !w.dead && !w.retiring {
			have++
		}
	}
	if p.state == poolClosed && !p.hasWork() {
		return
	}
	for i := len(p.workers) - 1; i >= 0 && have > p.target; i-- {
		if w := p.workers[i]; !w.dead && !w.retiring {
			p.retire(w)
			have--
		}
	}
	for have < p.target && len(p.spares) > 0 {
		w := p.spares[len(p.spares)-1]
		p.spares = p.spares[:len(p.spares)-1]
		p.workers = append(p.workers, w)
		have++
	}
	want := p.target - have + p.config.Spares - len(p.spares)
	if p.state == poolClosed {
		want = p.target - have
	}
	for ; p.starting < want; p.starting++ {
		go p.replace()
	}
	p.fill()
}

// replace starts one worker, however often the system says no.
func (p *Pool) replace() {
	wait := time.Millisecond
	for tries := 1; ; tries++ {
		w, err := p.startWorker()
		p.mu.Lock()
		if err == nil {
			p.starting--
			p.admit(w)
			p.mu.Unlock()
			w.watch()
			p.bell.Ring()
			return
		}
		alone := len(p.workers) == 0
		if p.state == poolTerminated || p.broken != nil || alone && tries >= 20 {
			p.starting--
			if alone && p.broken == nil && p.state != poolTerminated {
				p.breakDown(err)
			}
			p.mu.Unlock()
			p.bell.Ring()
			return
		}
		p.mu.Unlock()
		logf(LevelWarning, "%s: cannot start a worker, try again: %v", p.name, err)
		time.Sleep(wait)
		wait = min(2*wait, 500*time.Millisecond)
	}
}

// admit gives a new worker its place.
func (p *Pool) admit(w *worker) {
	have := 0
	for _, o := range p.workers {
		if !o.dead && !o.retiring {
			have++
		}
	}
	switch {
	case p.state == poolTerminated || p.broken != nil:
		w.child.Signal(sigKill)
		p.workers = append(p.workers, w)
	case have < p.target:
		p.workers = append(p.workers, w)
		if p.state == poolClosed && !p.hasWork() {
			p.retire(w)
		}
		p.fill()
	case p.state == poolOpen && len(p.spares) < p.config.Spares:
		p.spares = append(p.spares, w)
	default:
		p.workers = append(p.workers, w)
		p.retire(w)
	}
}

// breakDown makes every task fail.
func (p *Pool) breakDown(cause error) {
	if p.broken != nil {
		return
	}
	p.broken = fmt.Errorf("%w: %w", ErrBroken, cause)
	logf(LevelError, "%s: %v", p.name, p.broken)
	p.killAll()
}

func (p *Pool) killAll() {
	for _, w := range p.workers {
		w.child.Signal(sigKill)
	}
	p.workers = append(p.workers, p.spares...)
	for _, w := range p.spares {
		w.child.Signal(sigKill)
	}
	p.spares = nil
}

// Close stops the pool from accepting tasks. The workers exit when all tasks
// are done.
func (p *Pool) Close() {
	p.mu.Lock()
	if p.state == poolOpen {
		p.state = poolClosed
	}
	p.mu.Unlock()
	p.bell.Ring()
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
	p.bell.Ring()
	p.waitEnded()
}

// waitEnded waits until the pool has ended, unless it is called by a callback:
// that runs in the goroutine that ends the pool.
func (p *Pool) waitEnded() {
	if !p.inCallback() {
		<-p.ended
	}
}

func (p *Pool) inCallback() bool { return goroutine.ID() == p.collector.Load() }

// Join waits until a closed pool has done all its tasks and its workers are
// gone, or until ctx is done. A callback cannot wait for that, and gets an
// error.
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

// submit gives the pool a job.
func (p *Pool) submit(j job) error {
	p.mu.Lock()
	if p.state != poolOpen || p.broken != nil {
		err := p.broken
		if err == nil {
			err = ErrClosed
		}
		p.mu.Unlock()
		return err
	}
	p.pending = append(p.pending, j)
	p.fill()
	p.mu.Unlock()
	return nil
}

// hasWork reports whether a piece waits for a worker.
func (p *Pool) hasWork() bool { return len(p.requeued) > 0 || p.pendingHead < len(p.pending) }

// nextTicket takes the next piece to be run.
func (p *Pool) nextTicket() (ticket, bool) {
	if n := len(p.requeued); n > 0 {
		t := p.requeued[n-1]
		p.requeued[n-1] = ticket{} // it would keep the job's result
		p.requeued = p.requeued[:n-1]
		return t, true
	}
	for p.pendingHead < len(p.pending) {
		j := p.pending[p.pendingHead]
		if piece, ok := j.next(); ok {
			return ticket{job: j, piece: piece}, true
		}
		p.pending[p.pendingHead] = nil
		if p.pendingHead++; p.pendingHead == len(p.pending) {
			p.pending, p.pendingHead = p.pending[:0], 0
		}
	}
	return ticket{}, false
}

// fill hands pieces to workers as long as there are both, and then shows the
// workers what they got.
func (p *Pool) fill() {
	for p.hasWork() {
		w := p.pick()
		if w == nil {
			break
		}
		t, ok := p.nextTicket()
		if !ok {
			break
		}
		p.place(w, t)
	}
	for _, w := range p.workers {
		if w.unseen {
			w.unseen = false
			w.ring.Publish()
		}
	}
}

// pick returns the worker with the least to do that has room, or nil; one that
// is stuck only if all are.
func (p *Pool) pick() *worker {
	var best *worker
	for _, w := range p.workers {
		if w.dead || w.retiring || w.full || w.load >= maxLoad || w.attached >= maxAttach {
			continue
		}
		if best == nil || w.load < best.load && w.stuck == best.stuck || best.stuck && !w.stuck {
			best = w
		}
	}
	return best
}

// place puts a piece into the ring of w.
func (p *Pool) place(w *worker, t ticket) {
	fn, n, limit := t.job.head(t.piece)
	var x wire
	b, err := t.job.encode(t.piece, p.scratch[:0], &x)
	if err != nil {
		x.Close()
		p.failed = append(p.failed, failure{t, fmt.Errorf("%w: %w", ErrEncode, err)})
		p.bell.Ring()
		return
	}
	p.scratch = b
	var flags uint32
	if n > 0 {
		flags |= taskring.Chunk
	}
	if limit > 0 {
		flags |= taskring.Timed
	}
	fds := x.FDs
	if len(b) > w.ring.MaxTask() {
		blob, err := transport.NewBlob(b)
		if err != nil {
			x.Close()
			p.failed = append(p.failed, failure{t, err})
			p.bell.Ring()
			return
		}
		x.FDs = append(x.FDs, blob) // for closing
		fds = append([]int{blob}, fds...)
		b, flags = nil, flags|taskring.Blob
	}
	if len(fds) > 0 {
		flags |= taskring.Attached
		defer x.Close()
	}
	task := w.ring.Put(w.nextSeq, fn, n, flags, b)
	if task == nil {
		w.full = true
		p.requeued = append(p.requeued, t)
		return
	}
	if len(fds) > 0 {
		if err := w.attach(fds); err != nil { // the task was not published yet: nobody saw it
			task.State.Store(taskring.Revoked)
			w.push(entry{revoked: true, task: task, end: w.ring.Tail()})
			w.load--
			if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
				w.full = true // it is dead; whoever buries it goes on
				p.requeued = append(p.requeued, t)
				return
			}
			p.failed = append(p.failed, failure{t, err})
			p.bell.Ring()
			return
		}
	}
	t.job.placed(t.piece, w, w.nextSeq)
	w.push(entry{ticket: t, task: task, end: w.ring.Tail(), limit: limit, attached: flags&taskring.Attached != 0})
	w.unseen = true
	if limit > 0 {
		p.startWatch()
	}
	if max := p.config.MaxTasksPerChild; max > 0 && w.given == max {
		p.retire(w)
	}
}

// retire makes w end once it has done what it has: a stop record is the last
// thing in its ring.
func (p *Pool) retire(w *worker) {
	w.retiring = true
	if w.ring.Put(w.nextSeq, 0, 0, taskring.Stop, nil) == nil {
		w.stopDue = true // no room yet: the collector tries again
		return
	}
	w.stopDue = false
	w.ring.Publish()
}
