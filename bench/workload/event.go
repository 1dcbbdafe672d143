package workload

import (
	"context"
	"sync"
	"sync/atomic"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var event = &bench.Workload{
	Name: "Event",
	Kind: "synchronising",
	Story: "Two traffic lights take turns. N cars wait at the one; when all are there the other turns red and this one green, and " +
		"the cars drive on to the other. Each car sees by the number of the turn that it has missed none and had none twice. " +
		"Latency is from turning green to a car that drives.",
	Op:    "wake-up",
	Cases: []bench.Params{"n=10"},
	More:  []bench.Params{"n=1", "n=30", "n=1000"},
	Batch: func(p bench.Params) int { return p.Int("n") }, // whole turns
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Ledger: func(b *bench.B) bench.Ledger {
		n := b.Int("n")
		turns := b.N / n
		return bench.Ledger{Units: n + 1, Ops: b.N + turns, Each: turns, Suspensions: b.N} // the light is a unit too
	},
	Impls: byModel(nil, eventGreenlet, eventShared, eventProcess),
	NA:    map[bench.Model]string{Serial: "one task cannot wait for what it does itself"},
	Limit: fewUnits,
}

// A turn is what the light shows the cars; it stays as it is until all of them
// have come to the next light.
type turn struct {
	Number int
	Green  int64 // when
}

// begin is the next turn, about to be.
func (t *turn) begin(c clock, u *bench.Unit) {
	u.Ops++
	t.Number, t.Green = u.Ops, c.now()
}

// drive is what a car does that has been woken.
func (t *turn) drive(c clock, u *bench.Unit) {
	if u.Timed(u.Ops) {
		u.Add(c.now() - t.Green)
	}
	u.Ops++
	if t.Number == u.Ops {
		u.Answer++
	}
}

// Unit 0 is the light, the others are cars.

func eventGreenlet(b *bench.B) (uint64, error) {
	n, c := b.Int("n"), newClock()
	turns := b.N / n
	return raceGreenlets(b, n+1, func(h *hub.Hub) work {
		lights := [2]*hub.Event{hub.NewEvent(h), hub.NewEvent(h)}
		all, come, t := hub.NewEvent(h), 0, new(turn)
		light := func(u *bench.Unit) error {
			for r := range turns {
				if err := all.Wait(); err != nil {
					return err
				}
				all.Clear()
				come = 0
				lights[(r+1)%2].Clear()
				t.begin(c, u)
				lights[r%2].Set()
			}
			return nil
		}
		return func(i int, u *bench.Unit) error {
			if i == 0 {
				return light(u)
			}
			for r := range turns {
				if come++; come == n {
					all.Set()
				}
				if err := lights[r%2].Wait(); err != nil {
					return err
				}
				t.drive(c, u)
			}
			return nil
		}
	})
}

// eventShared has a channel for each turn; to close it wakes all who wait.
func eventShared(b *bench.B, launch launcher) (uint64, error) {
	n, c := b.Int("n"), newClock()
	turns, t, lights := b.N/n, new(turn), [2]chan struct{}{make(chan struct{})}
	var coming sync.WaitGroup
	coming.Add(n)
	return race(b, launch, n+1, func(i int, u *bench.Unit) error {
		for r := range turns {
			if i > 0 {
				coming.Done()
				<-lights[r%2]
				t.drive(c, u)
				continue
			}
			coming.Wait()
			coming.Add(n)
			lights[(r+1)%2] = make(chan struct{})
			t.begin(c, u)
			close(lights[r%2])
		}
		return nil
	})
}

type eventArgs struct {
	Even, Odd *procs.Event
	All       *procs.Semaphore // released by the last to come
	Road      *procs.RawValue[road]
	I, N      int
	Turns     int
}

// A road is in shared memory.
type road struct {
	Turn turn
	_    [6]uint64 // those who come do not write to its cache line
	Come int64
}

var eventWorker = registerWorker("bench.event", func(ctx context.Context, in eventArgs, u *bench.Unit) error {
	road, c, lights := in.Road.Raw(), newClock(), [2]*procs.Event{in.Even, in.Odd}
	for r := range in.Turns {
		if in.I == 0 {
			if err := in.All.Acquire(ctx); err != nil {
				return err
			}
			if err := lights[(r+1)%2].Clear(); err != nil {
				return err
			}
			road.Turn.begin(c, u)
			if err := lights[r%2].Set(); err != nil {
				return err
			}
			continue
		}
		if atomic.AddInt64(&road.Come, 1) == int64((r+1)*in.N) {
			if err := in.All.Release(); err != nil {
				return err
			}
		}
		if err := lights[r%2].Wait(ctx); err != nil {
			return err
		}
		u.Waits++
		road.Turn.drive(c, u)
	}
	return nil
})

func eventProcess(b *bench.B) (_ uint64, err error) {
	n := b.Int("n")
	in := eventArgs{N: n, Turns: b.N / n}
	if in.Even, err = procs.NewEvent(); err != nil {
		return 0, err
	}
	defer in.Even.Close()
	if in.Odd, err = procs.NewEvent(); err != nil {
		return 0, err
	}
	defer in.Odd.Close()
	if in.All, err = procs.NewSemaphore(0); err != nil {
		return 0, err
	}
	defer in.All.Close()
	if in.Road, err = procs.NewRawValue(road{}); err != nil {
		return 0, err
	}
	defer in.Road.Close()
	return raceWorkers(b, eventWorker, inputs(n+1, func(i int) eventArgs { in.I = i; return in }))
}
