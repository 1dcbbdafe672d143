package workload

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

// What workloads in rounds have in common: barriers that open again and again,
// numbers by which the units see how far others have come, and a clock.

// rounds runs round until b.N tasks are done, and records the time of a task:
// that of its round divided by n. Then ended says how many tasks have ended.
func rounds(b *bench.B, n int, round func() error, ended func() uint64) (uint64, error) {
	u, laps := b.Unit(0), b.LapRecorder(n)
	b.Start()
	for range b.N / n {
		laps.Pass()
		if err := round(); err != nil {
			return 0, err
		}
	}
	laps.Pass()
	b.Stop()
	u.Ops = int(ended())
	return ended(), nil
}

// trips is the leading side of two that talk: one round trip before Start, and
// b.N after.
func trips(b *bench.B, u *bench.Unit, trip func() error) error {
	if err := trip(); err != nil {
		return err
	}
	b.Start()
	t := u.Begin(0)
	for i := range b.N {
		if err := trip(); err != nil {
			return err
		}
		t = u.Next(t, i+1)
	}
	b.Stop()
	return nil
}

// A goBarrier is one of goroutines.
type goBarrier struct {
	mu      sync.Mutex
	passed  *sync.Cond
	parties int
	arrived int
	round   int
}

func newGoBarrier(parties int) *goBarrier {
	g := &goBarrier{parties: parties}
	g.passed = sync.NewCond(&g.mu)
	return g
}

// wait returns when all parties have called it.
func (g *goBarrier) wait() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.arrived++; g.arrived == g.parties {
		g.arrived = 0
		g.round++
		g.passed.Broadcast()
		return nil
	}
	for round := g.round; g.round == round; {
		g.passed.Wait()
	}
	return nil
}

// A hubBarrier is one of greenlets, made from an event: gevent has none.
type hubBarrier struct {
	parties, arrived int
	passed           *hub.Event
}

func newHubBarrier(h *hub.Hub, parties int) *hubBarrier {
	return &hubBarrier{parties: parties, passed: hub.NewEvent(h)}
}

func (g *hubBarrier) wait() error {
	if g.arrived++; g.arrived < g.parties {
		return g.passed.Wait()
	}
	g.arrived = 0
	g.passed.Set()
	g.passed.Clear() // who was woken stays so
	return nil
}

// procsBarrier returns the wait of a worker process, which enters in u that it
// had to.
func procsBarrier(ctx context.Context, all *procs.Barrier, u *bench.Unit) func() error {
	return func() error {
		arrived, err := all.Wait(ctx)
		if arrived < all.Parties()-1 {
			u.Waits++
		}
		return err
	}
}

// places are numbers that one unit each sets and others read, a cache line for
// each. Those of processes are in shared memory.
type places []uint64

const placeWords = 8

func newPlaces(n int) places { return make(places, n*placeWords) }

func (p places) set(i, v int) { atomic.StoreUint64(&p[i*placeWords], uint64(v)) }

func (p places) get(i int) int { return int(atomic.LoadUint64(&p[i*placeWords])) }

// next returns the number after unit i's, of the last the first.
func (p places) next(i int) int { return p.get((i + 1) % (len(p) / placeWords)) }

func (p places) sum() (sum int) {
	for i := range len(p) / placeWords {
		sum += p.get(i)
	}
	return sum
}

// A clock tells the time of day in nanoseconds, from what it was when the clock
// was made: it does not jump, and processes agree on it.
type clock struct{ made time.Time }

func newClock() clock { return clock{time.Now()} }

func (c clock) now() int64 { return c.made.UnixNano() + int64(time.Since(c.made)) }
