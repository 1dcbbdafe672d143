package workload

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"switchyard/bench"
	"switchyard/procs"
)

// workerArgs is what a worker process is given: its barrier, how to record
// latencies, and the arguments of its workload.
type workerArgs[In any] struct {
	Barrier    barrier
	Every, Ops int
	In         In
}

// A barrier is what the processes of a team and their parent share.
type barrier struct {
	Steps       *procs.Semaphore // released by each worker at the barrier, and after its work
	Start, Home *procs.Event
	Outcomes    *procs.Queue[outcome]
}

// An outcome is what one worker process did.
type outcome struct {
	Answer  uint64
	Samples []int64 // latencies in ns
}

// registerWorker registers the work of a worker process. It begins when the
// barrier opens; lat has room for the worker's share of the ops.
func registerWorker[In any](name string,
	work func(ctx context.Context, in In, lat *bench.Recorder) (answer uint64, err error),
) *procs.Func[workerArgs[In], struct{}] {
	return procs.Register(name, func(ctx context.Context, args workerArgs[In]) (none struct{}, err error) {
		t, lat := args.Barrier, bench.NewRecorder(args.Every, args.Ops)
		if err := t.Steps.Release(); err != nil {
			return none, err
		}
		if err := t.Start.Wait(ctx); err != nil {
			return none, err
		}
		answer, err := work(ctx, args.In, lat)
		if err != nil {
			return none, err
		}
		if err := t.Steps.Release(); err != nil {
			return none, err
		}
		if err := t.Home.Wait(ctx); err != nil {
			return none, err
		}
		return none, t.Outcomes.Put(ctx, outcome{answer, lat.Samples()})
	})
}

// workers is a team of processes. [raceWorkers] is all that most workloads
// need; one whose parent takes part calls the steps by itself.
type workers struct {
	barrier
	shared []io.Closer // what the barrier consists of
	procs  []*procs.Process
}

// gatherWorkers starts one process with GOMAXPROCS=1 per element of ins, and
// waits until all of them are at the barrier. Call free in any case.
func gatherWorkers[In any](b *bench.B, f *procs.Func[workerArgs[In], struct{}], ins []In) (*workers, error) {
	w := new(workers)
	if err := w.share(); err != nil {
		return w, err
	}
	for i, in := range ins {
		args := workerArgs[In]{w.barrier, b.Every(), b.Share(i, len(ins)), in}
		p := procs.NewProcess(f, args, procs.ProcessConfig{Daemon: true, GOMAXPROCS: 1})
		if err := p.Start(); err != nil {
			return w, err
		}
		w.procs = append(w.procs, p)
	}
	b.Units(len(ins))
	return w, w.wait()
}

// share makes the barrier.
func (w *workers) share() (err error) {
	if w.Steps, err = procs.NewSemaphore(0); err != nil {
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
	for range w.procs {
		for {
			err := w.Steps.AcquireTimeout(time.Second)
			if err == nil {
				break
			}
			if !errors.Is(err, procs.ErrTimeout) {
				return err
			}
			for _, p := range w.procs {
				if code, ended := p.ExitCode(); ended {
					return fmt.Errorf("a worker ended with exit code %d before its work was done", code)
				}
			}
		}
	}
	return nil
}

// dismiss lets the workers end, and adds up their answers and latencies.
func (w *workers) dismiss(b *bench.B) (answer uint64, err error) {
	if err := w.Home.Set(); err != nil {
		return 0, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	for _, p := range w.procs {
		if err := p.Join(ctx); err != nil {
			return 0, fmt.Errorf("join a worker: %w", err)
		}
		if code, _ := p.ExitCode(); code != 0 {
			return 0, fmt.Errorf("a worker ended with exit code %d", code)
		}
	}
	for range w.procs {
		o, err := w.Outcomes.Get(ctx)
		if err != nil {
			return 0, fmt.Errorf("the outcome of a worker: %w", err)
		}
		answer += o.Answer
		b.AddSamples(o.Samples)
	}
	return answer, nil
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

// raceWorkers is race for processes; the answer is the sum of the workers'.
func raceWorkers[In any](b *bench.B, f *procs.Func[workerArgs[In], struct{}], ins []In) (answer uint64, err error) {
	w, err := gatherWorkers(b, f, ins)
	defer w.free()
	if err != nil {
		return 0, err
	}
	b.Start()
	if err := cmp.Or(w.open(), w.wait()); err != nil {
		return 0, err
	}
	b.Stop()
	return w.dismiss(b)
}

// serveWorkers is for workers that answer their parent: measure is called once
// they are at work. It starts and stops the timer, and sees to it that they
// end.
func serveWorkers[In any](b *bench.B, f *procs.Func[workerArgs[In], struct{}], ins []In, measure func() error) error {
	w, err := gatherWorkers(b, f, ins)
	defer w.free()
	if err != nil {
		return err
	}
	if err := w.open(); err != nil {
		return err
	}
	if err := measure(); err != nil {
		return err
	}
	_, err = w.dismiss(b)
	return err
}

// joinTimeout is how long tear-down waits for workers that were told to end.
const joinTimeout = 10 * time.Second

// newPool returns a process pool of n workers with GOMAXPROCS=1, all of them
// at work already: starting them is no part of any result.
func newPool(n int) (*procs.Pool, error) {
	pool, err := procs.NewPool(procs.PoolConfig{Workers: n})
	if err != nil {
		return nil, err
	}
	// A worker is asked only when it is ready, and tasks of some milliseconds
	// last until the slowest is.
	var busy []*procs.AsyncResult[uint64]
	for range n {
		busy = append(busy, procs.ApplyAsync(pool, nopSteps, 2000*stepsPerMicrosecond))
	}
	for _, r := range busy {
		if _, err := r.Get(context.Background()); err != nil {
			pool.Terminate()
			return nil, err
		}
	}
	return pool, nil
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

// atEOF returns nil for [io.EOF], by which a worker knows that its parent has
// no more for it, else err.
func atEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
