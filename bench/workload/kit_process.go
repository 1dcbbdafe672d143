package workload

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"switchyard/bench"
	"switchyard/procs"
)

// workerArgs is what a worker process is given: its barrier, how to record
// latencies, which program it runs, and where the arguments of that come from.
type workerArgs struct {
	Barrier barrier
	Sampled float64
	Ops     int
	Program string
	In      *procs.Conn
}

// A countdown is shared by N units that take steps together.
type countdown struct {
	N    int64
	Left *procs.RawValue[int64] // units that have not taken the step yet
	Last *procs.Semaphore       // released by the last of them, who wakes the one that waits once
}

func newCountdown(n int) (c countdown, err error) {
	c.N = int64(n)
	if c.Left, err = procs.NewRawValue(c.N); err != nil {
		return c, err
	}
	if c.Last, err = procs.NewSemaphore(0); err != nil {
		return c, errors.Join(err, c.Left.Close())
	}
	return c, nil
}

func (c countdown) Close() error { return errors.Join(c.Left.Close(), c.Last.Close()) }

// step says that a unit has taken the step. After the last of them the next
// one may begin.
func (c countdown) step() error {
	left := c.Left.Raw()
	if atomic.AddInt64(left, -1) > 0 {
		return nil
	}
	atomic.StoreInt64(left, c.N)
	return c.Last.Release()
}

// A barrier is what the processes of a team and their parent share.
type barrier struct {
	Steps       countdown // to the barrier, and to the end of the work
	Start, Home *procs.Event
	Outcomes    *procs.Queue[outcome]
}

// An outcome is what one worker process did.
type outcome struct {
	bench.Entry
	Samples    []int64 // latencies in ns
	GOMAXPROCS int
}

// A worker is the work of a worker process, known there by its name.
type worker[In any] struct{ name string }

// programs has all workers. They are one function to package procs, because it
// looks at the types of each that it is given, before main, in every process.
var programs []program

type program struct {
	name string
	// prepare receives the arguments and returns what is to be timed.
	prepare func(c *procs.Conn) (work func(context.Context, *bench.Unit) error, err error)
}

// registerWorker registers the work of a worker process. It begins when the
// barrier opens; what a method prepare of its arguments does comes before. u
// has room for the latencies of the worker's share of the ops.
func registerWorker[In any](name string, work func(ctx context.Context, in In, u *bench.Unit) error) worker[In] {
	programs = append(programs, program{name, func(c *procs.Conn) (func(context.Context, *bench.Unit) error, error) {
		var in In
		if err := c.Recv(&in); err != nil {
			return nil, err
		}
		if in, ok := any(in).(interface{ prepare() error }); ok {
			if err := in.prepare(); err != nil {
				return nil, err
			}
		}
		return func(ctx context.Context, u *bench.Unit) error {
			defer runtime.KeepAlive(&in) // memory shared by it is gone with it
			return work(ctx, in, u)
		}, c.Close()
	}})
	return worker[In]{name}
}

var runWorker = procs.Register("bench.worker", func(ctx context.Context, args workerArgs) (none struct{}, err error) {
	t, u := args.Barrier, bench.NewUnit(args.Sampled, args.Ops)
	i := slices.IndexFunc(programs, func(p program) bool { return p.name == args.Program })
	work, err := programs[i].prepare(args.In)
	if err != nil {
		return none, err
	}
	if err := t.Steps.step(); err != nil {
		return none, err
	}
	if err := t.Start.Wait(ctx); err != nil {
		return none, err
	}
	if err := work(ctx, u); err != nil {
		return none, err
	}
	if err := t.Steps.step(); err != nil {
		return none, err
	}
	if err := t.Home.Wait(ctx); err != nil {
		return none, err
	}
	u.EnterReaped()
	return none, t.Outcomes.Put(ctx, outcome{u.Entry, u.Samples(), runtime.GOMAXPROCS(0)})
})

// workers is a team of processes. [raceWorkers] is all that most workloads
// need; one whose parent takes part calls the steps by itself.
type workers struct {
	barrier
	shared []io.Closer // what the barrier consists of
	procs  []*procs.Process
}

// gatherWorkers starts one process with GOMAXPROCS=1 per element of ins, and
// waits until all of them are at the barrier. Call free in any case.
func gatherWorkers[In any](b *bench.B, f worker[In], ins []In) (*workers, error) {
	w := new(workers)
	if err := w.share(len(ins)); err != nil {
		return w, err
	}
	for i, in := range ins {
		args := workerArgs{Barrier: w.barrier, Sampled: b.Sampled(), Ops: b.Share(i, len(ins)), Program: f.name}
		if err := startWorker(w, args, in); err != nil {
			return w, err
		}
	}
	b.Units(len(ins))
	return w, w.wait()
}

// startWorker starts a process, and sends it the arguments of its program.
func startWorker[In any](w *workers, args workerArgs, in In) error {
	from, to, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		return err
	}
	defer from.Close()
	defer to.Close()
	args.In = from
	p := procs.NewProcess(runWorker, args, procs.ProcessConfig{Daemon: true, GOMAXPROCS: 1})
	if err := p.Start(); err != nil {
		return err
	}
	w.procs = append(w.procs, p)
	return to.Send(in)
}

// share makes the barrier for n workers.
func (w *workers) share(n int) (err error) {
	if w.Steps, err = newCountdown(n); err != nil {
		return err
	}
	w.shared = append(w.shared, w.Steps)
	if w.Start, err = procs.NewEvent(); err != nil {
		return err
	}
	w.shared = append(w.shared, w.Start)
	if w.Home, err = procs.NewEvent(); err != nil {
		return err
	}
	w.shared = append(w.shared, w.Home)
	if w.Outcomes, err = procs.NewQueue[outcome](0); err != nil {
		return err
	}
	w.shared = append(w.shared, w.Outcomes)
	return nil
}

// open lets the workers go to work.
func (w *workers) open() error { return w.Start.Set() }

// wait returns when every worker has come a step further: to the barrier, or to
// the end of its work. One that has died is an error.
func (w *workers) wait() error {
	for {
		err := w.Steps.Last.AcquireTimeout(time.Second)
		if err == nil || !errors.Is(err, procs.ErrTimeout) {
			return err
		}
		if err := w.alive(); err != nil {
			return err
		}
	}
}

// alive returns an error if a worker has ended.
func (w *workers) alive() error {
	for _, p := range w.procs {
		if code, ended := p.ExitCode(); ended {
			return fmt.Errorf("a worker ended with exit code %d before its work was done", code)
		}
	}
	return nil
}

// dismiss lets the workers end, and enters what they have done.
func (w *workers) dismiss(b *bench.B) error {
	if err := w.Home.Set(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	for _, p := range w.procs {
		if err := p.Join(ctx); err != nil {
			return fmt.Errorf("join a worker: %w", err)
		}
		if code, _ := p.ExitCode(); code != 0 {
			return fmt.Errorf("a worker ended with exit code %d", code)
		}
	}
	for range w.procs {
		o, err := w.Outcomes.Get(ctx)
		if err != nil {
			return fmt.Errorf("the outcome of a worker: %w", err)
		}
		if o.GOMAXPROCS != 1 {
			return fmt.Errorf("a worker had GOMAXPROCS=%d, want 1", o.GOMAXPROCS)
		}
		b.Enter(o.Entry)
		b.AddSamples(o.Samples)
	}
	return nil
}

// free ends whoever is left, after dismiss nobody, and lets go of what they
// shared.
func (w *workers) free() {
	for _, p := range w.procs {
		_ = p.Kill()
	}
	for _, p := range w.procs {
		_ = p.Join(context.Background())
		_ = p.Close()
	}
	for _, c := range w.shared {
		_ = c.Close()
	}
}

// inputs returns the arguments of n workers, of which each has its own.
func inputs[In any](n int, of func(i int) In) []In {
	ins := make([]In, n)
	for i := range ins {
		ins[i] = of(i)
	}
	return ins
}

// raceWorkers is race for processes.
func raceWorkers[In any](b *bench.B, f worker[In], ins []In) (answer uint64, err error) {
	w, err := gatherWorkers(b, f, ins)
	defer w.free()
	if err != nil {
		return 0, err
	}
	b.Start()
	if err := w.open(); err != nil {
		return 0, err
	}
	if err := w.wait(); err != nil {
		return 0, err
	}
	b.Stop()
	err = w.dismiss(b)
	return b.Answer(), err
}

// relayWorkers is relay for processes; this one, which leads, is a unit too.
func relayWorkers[In any](b *bench.B, f worker[In], ins []In, lead func() error) (answer uint64, err error) {
	err = serveWorkers(b, f, ins, func(*workers) error {
		b.Units(1 + len(ins))
		return lead()
	})
	return b.Answer(), err
}

// serveWorkers is for workers that answer their parent: measure is called once
// they are at work. It starts and stops the timer, and sees to it that they
// end.
func serveWorkers[In any](b *bench.B, f worker[In], ins []In, measure func(*workers) error) error {
	w, err := gatherWorkers(b, f, ins)
	defer w.free()
	if err != nil {
		return err
	}
	if err := w.open(); err != nil {
		return err
	}
	if err := measure(w); err != nil {
		return err
	}
	return w.dismiss(b)
}

// duplex is relayWorkers for two: lead has one end of a pipe, and the worker,
// whose arguments are made from it, the other. The worker ends when lead has
// returned.
func duplex[In any](b *bench.B, f worker[In], in func(*procs.Conn) In,
	lead func(c *procs.Conn) error,
) (answer uint64, err error) {
	ours, theirs, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		return 0, err
	}
	defer theirs.Close()
	defer ours.Close()
	return relayWorkers(b, f, []In{in(theirs)}, func() error {
		return errors.Join(theirs.Close(), lead(ours), ours.Close())
	})
}

// maxProcesses bounds those that are made anew for every result.
const maxProcesses = 100

// fewUnits is the Limit of workloads whose units are n.
func fewUnits(b *bench.B) error {
	switch n := b.Int("n"); {
	case b.Model == Thread && n >= 10_000:
		return bench.Void("a Go program ends when it has 10,000 threads")
	case b.Model == Process && n > maxProcesses:
		return bench.Void("%d processes, at some 1 MiB and more than a millisecond of start-up each, are too many for a result", n)
	}
	return nil
}

// joinAll waits for processes that have nothing more to do.
func joinAll(ps []*procs.Process) error {
	for _, p := range ps {
		if err := p.Join(context.Background()); err != nil {
			return err
		}
		if code, _ := p.ExitCode(); code != 0 {
			return fmt.Errorf("a process ended with exit code %d", code)
		}
		_ = p.Close()
	}
	return nil
}

// joinTimeout is how long tear-down waits for workers that were told to end.
const joinTimeout = 10 * time.Second

// newPool returns a process pool of n workers with GOMAXPROCS=1, all of them
// at work already: starting them is no part of any result.
func newPool(n int) (*procs.Pool, error) { return startPool(procs.PoolConfig{Workers: n}) }

// startPool is newPool for a pool that is told more.
func startPool(config procs.PoolConfig) (*procs.Pool, error) {
	pool, err := procs.NewPool(config)
	if err != nil {
		return nil, err
	}
	return pool, warm(pool, config.Workers)
}

// newExecutor is newPool for an executor.
func newExecutor(n int) (*procs.Executor, error) {
	executor, err := procs.NewExecutor(procs.PoolConfig{Workers: n})
	if err != nil {
		return nil, err
	}
	return executor, warm(executor.Pool(), n)
}

// warm waits until all workers of a pool are at work: one is asked only when it
// is ready, and tasks of some milliseconds last until the slowest is.
func warm(pool *procs.Pool, workers int) error {
	var busy []*procs.AsyncResult[uint64]
	for range workers {
		busy = append(busy, procs.ApplyAsync(pool, nopSteps, 2000*stepsPerMicrosecond))
	}
	for _, r := range busy {
		if _, err := r.Get(context.Background()); err != nil {
			pool.Terminate()
			return err
		}
	}
	return nil
}

func sendUint64(c *procs.Conn, v uint64) error {
	var buf [8]byte
	binary.NativeEndian.PutUint64(buf[:], v)
	return c.SendBytes(buf[:])
}

func recvUint64(c *procs.Conn) (uint64, error) {
	var buf [8]byte
	n, err := c.RecvBytesInto(buf[:])
	if err != nil {
		return 0, err
	}
	if n != len(buf) {
		return 0, fmt.Errorf("received %d bytes instead of %d", n, len(buf))
	}
	return binary.NativeEndian.Uint64(buf[:]), nil
}

// atClosed returns nil for [procs.ErrClosed], else err.
func atClosed(err error) error {
	if errors.Is(err, procs.ErrClosed) {
		return nil
	}
	return err
}

// atEOF returns nil for [io.EOF], by which a worker knows that its parent has
// no more for it, else err.
func atEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
