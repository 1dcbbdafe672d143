package procs

import (
	"fmt"
	"time"

	"switchyard/procs/internal/kernel"
)

// call is one function call as a job, together with its result.
type call[In, Out any] struct {
	AsyncResult[Out] // first: its address is the call's
	pool             *Pool
	fn               *Func[In, Out]
	limit            time.Duration
	taken            bool // next was called
	w                *worker
	seq              uint64
	in               []byte
	fds              []int
	small            [16]byte
	notify           func(Out, error) // callbacks, or nil
}

// newCall encodes the argument at once, so the caller may change it afterwards.
func newCall[In, Out any](p *Pool, f *Func[In, Out], in *In) (*call[In, Out], error) {
	c := &call[In, Out]{pool: p, fn: f}
	c.f.owner = c
	if !f.in.Shares {
		b, err := f.in.Encode(c.small[:0], in, nil)
		c.in = b
		return c, err
	}
	var w wire
	b, err := f.in.Encode(c.small[:0], in, &w)
	c.in, c.fds = b, w.FDs
	if err != nil {
		w.Close()
	}
	return c, err
}

func (c *call[In, Out]) next() (int32, bool) {
	if c.taken {
		return 0, false
	}
	c.taken = true
	return 0, true
}

func (c *call[In, Out]) head(int32) (uint64, uint32, time.Duration) { return c.fn.id, 0, c.limit }

func (c *call[In, Out]) encode(_ int32, dst []byte, w *wire) ([]byte, error) {
	for _, fd := range c.fds { // a copy: ours are needed if it is sent again
		w.PutFD(fd)
	}
	return append(dst, c.in...), w.Err()
}

func (c *call[In, Out]) placed(_ int32, w *worker, seq uint64) { c.w, c.seq = w, seq }

func (c *call[In, Out]) finish(_ int32, payload []byte, w *wire, err error) {
	for _, fd := range c.fds {
		kernel.CloseFD(fd)
	}
	c.fds, c.in = nil, nil
	if err == nil {
		if err = c.fn.out.Decode(payload, &c.f.value, w); err != nil {
			err = fmt.Errorf("procs: result of %s: %w", c.fn.fname, err)
		}
	}
	if notify := c.notify; notify != nil {
		c.notify = nil
		defer c.f.complete(nil, err) // even if the callback ends this goroutine
		notify(c.f.value, err)
		return
	}
	c.f.complete(nil, err)
}

func (c *call[In, Out]) begun() bool {
	c.pool.mu.Lock()
	defer c.pool.mu.Unlock()
	return c.pool.pieceBegun(c.w, c.seq)
}

func (c *call[In, Out]) cancel(force bool) bool {
	p := c.pool
	p.mu.Lock()
	if c.f.Done() {
		p.mu.Unlock()
		return c.f.Cancelled()
	}
	removed, stopping := !c.taken, false
	if c.taken {
		removed, stopping = p.takeBack(c, 0, c.w, c.seq, force)
	}
	c.taken = true
	if removed && p.state == poolClosed { // it may have been the last to begin
		p.parker.Wake()
	}
	p.mu.Unlock()
	if removed {
		c.finish(0, nil, nil, ErrCancelled)
	}
	return removed || stopping
}
