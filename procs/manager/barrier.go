package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// methods of a barrier
const (
	barrierWait byte = iota
	barrierStatus
	barrierReset
	barrierAbort
)

// barrierObject is a barrier in the manager.
type barrierObject struct {
	monitor
	parties int
	round   *barrierRound
	broken  bool
}

// barrierRound is shared by those who wait together.
type barrierRound struct {
	arrived      int
	done, broken bool
}

func newBarrierObject(c *serverCall) (object, error) {
	n := c.int()
	if c.bad || n < 1 {
		return nil, fmt.Errorf("manager: barrier for %d parties", n)
	}
	return &barrierObject{parties: n, round: new(barrierRound)}, nil
}

func (b *barrierObject) end() { b.change(func() error { b.fail(); return nil }) }

// fail breaks the barrier for those who wait and those who come.
func (b *barrierObject) fail() {
	b.broken = true
	b.round.broken = true
	b.round = new(barrierRound)
}

func (b *barrierObject) call(c *serverCall) error {
	if c.method == barrierWait {
		return b.wait(c)
	}
	return b.change(func() error {
		switch c.method {
		case barrierStatus:
			c.putInt(b.parties)
			c.putInt(b.round.arrived)
			c.putBool(b.broken)
		case barrierAbort:
			b.fail()
		case barrierReset:
			b.fail()
			b.broken = false
		default:
			return codec.ErrWire
		}
		return nil
	})
}

func (b *barrierObject) wait(c *serverCall) error {
	if c.ctx == nil && b.parties > 1 { // to arrive without waiting is to have arrived nevertheless
		return errWouldWait
	}
	var r *barrierRound
	index := 0
	err := b.await(c, func() bool {
		if r == nil { // at the first try: arrive
			if b.broken {
				r = &barrierRound{broken: true}
				return true
			}
			r, index = b.round, b.round.arrived
			if r.arrived++; r.arrived == b.parties {
				r.done = true
				b.round = new(barrierRound)
			}
		}
		return r.done || r.broken
	})
	if err != nil { // gave up, or is gone: nobody can complete the round
		b.change(func() error {
			if !r.done && !r.broken {
				b.fail()
			}
			return nil
		})
		return err
	}
	if r.broken {
		return procs.ErrBrokenBarrier
	}
	c.putInt(index)
	return nil
}

// Barrier lets a number of parties wait for each other (SyncManager.Barrier). A
// party that gives up or dies breaks it for all.
type Barrier struct{ proxy }

// NewBarrier makes a barrier in m for so many parties.
func NewBarrier(m *Manager, parties int) (*Barrier, error) {
	b := new(Barrier)
	err := b.create(noWait, m, objectBarrier, proxyType[Barrier](), func(c *clientCall) error { c.putInt(parties); return nil })
	if err != nil {
		return nil, err
	}
	return b, nil
}

func (b *Barrier) adopt(w *codec.Wire) error {
	return b.adoptAs(w, objectBarrier, proxyType[Barrier]())
}

// Wait waits until all parties have arrived, and returns in which order the
// caller did, from 0. If the context ends first, the barrier breaks for all,
// and the error is the context's and procs.ErrBrokenBarrier; the others get
// procs.ErrBrokenBarrier.
func (b *Barrier) Wait(ctx context.Context) (index int, err error) {
	c, err := b.begin(barrierWait)
	if err != nil {
		return 0, err
	}
	defer c.end()
	if err := c.do(ctx); err != nil {
		if err == ctx.Err() {
			err = fmt.Errorf("%w: %w", procs.ErrBrokenBarrier, err)
		}
		return 0, err
	}
	return c.int(), c.err()
}

// WaitTimeout is Wait with a limit; then the error is procs.ErrTimeout and
// procs.ErrBrokenBarrier.
func (b *Barrier) WaitTimeout(d time.Duration) (index int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), max(d, 1))
	defer cancel()
	index, err = b.Wait(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("%w: %w", procs.ErrBrokenBarrier, procs.ErrTimeout)
	}
	return index, err
}

func (b *Barrier) state() (parties, waiting int, broken bool, err error) {
	err = b.call(barrierStatus, nil, func(c *clientCall) error {
		parties, waiting, broken = c.int(), c.int(), c.uint() != 0
		return nil
	})
	return parties, waiting, broken, err
}

// Parties returns how many parties must arrive.
func (b *Barrier) Parties() (int, error) { n, _, _, err := b.state(); return n, err }

// Waiting returns how many parties wait at the moment.
func (b *Barrier) Waiting() (int, error) { _, n, _, err := b.state(); return n, err }

// Broken reports whether the barrier is broken.
func (b *Barrier) Broken() (bool, error) { _, _, broken, err := b.state(); return broken, err }

// Reset makes the barrier as new; parties that wait get procs.ErrBrokenBarrier.
func (b *Barrier) Reset() error { return b.call(barrierReset, nil, nil) }

// Abort breaks the barrier until Reset.
func (b *Barrier) Abort() error { return b.call(barrierAbort, nil, nil) }

// String says what the proxy stands for.
func (b *Barrier) String() string { return b.describe("manager.Barrier") }
