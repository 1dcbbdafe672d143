package workload

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/panjf2000/ants/v2"

	"switchyard/procs"
)

// What the workloads share is set-up and tear-down, never anything timed.

// A crew is a set of worker processes that run one registered function each.
type crew[In any] struct {
	procs []*procs.Process
}

// startCrew starts one process per argument. Each has GOMAXPROCS=1.
func startCrew[In, Out any](f *procs.Func[In, Out], args []In) (*crew[In], error) {
	c := new(crew[In])
	for _, in := range args {
		p := procs.NewProcess(f, in, procs.ProcessConfig{Daemon: true, GOMAXPROCS: 1})
		if err := p.Start(); err != nil {
			c.kill()
			return nil, err
		}
		c.procs = append(c.procs, p)
	}
	return c, nil
}

// join waits for every process and reports the first that did not end well.
func (c *crew[In]) join() error {
	ctx, cancel := context.WithTimeout(context.Background(), joinTimeout)
	defer cancel()
	for _, p := range c.procs {
		if err := p.Join(ctx); err != nil {
			return fmt.Errorf("join a worker: %w", err)
		}
		if code, _ := p.ExitCode(); code != 0 {
			return fmt.Errorf("a worker ended with exit code %d", code)
		}
	}
	return nil
}

// kill ends whoever is left; after join that is nobody.
func (c *crew[In]) kill() {
	for _, p := range c.procs {
		_ = p.Kill()
	}
	for _, p := range c.procs {
		_ = p.Join(context.Background())
		_ = p.Close()
	}
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

// release ends a pool of ants and waits until its workers are gone.
func release(pool *ants.Pool) { _ = pool.ReleaseTimeout(joinTimeout) }

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

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func closeAll[T any](chans []chan T) {
	for _, c := range chans {
		close(c)
	}
}

func sum(parts []uint64) (total uint64) {
	for _, p := range parts {
		total += p
	}
	return total
}
