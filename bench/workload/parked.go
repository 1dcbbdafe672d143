package workload

import (
	"context"
	"errors"
	"slices"
	"sync"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var parked = &bench.Workload{
	Name: "Parked",
	Kind: "waiting and IO",
	Story: "N tasks wait for one event; it happens, all of them wake, and wait for the next: idle sessions, and news for all " +
		"of them. Each has touched so many bytes of its stack before, which stay in use. What a task takes of memory is " +
		"what the peaks of many and of few differ by, read from outside while they wait. Latency is the time until all " +
		"are awake, divided by N. One event is before the clock starts.",
	Op:    "wake-up",
	Cases: []bench.Params{"n=100/stack=0"},
	More: []bench.Params{
		"n=1000/stack=0", "n=1000/stack=1024", "n=1000/stack=8192", "n=100000/stack=0", "n=100000/stack=8192", "n=1000000/stack=0",
	},
	Batch: func(p bench.Params) int { return p.Int("n") },
	Want:  func(b *bench.B) uint64 { return uint64(b.N + b.Int("n")) },
	Ledger: func(b *bench.B) bench.Ledger {
		n := b.Int("n")
		events := b.N/n + 1
		return bench.Ledger{Units: n + 1, Ops: events * (n + 1), Each: events, Suspensions: b.N}
	},
	Impls: byModel(nil, parkedGreenlet, parkedShared, parkedProcess),
	NA:    map[bench.Model]string{Serial: "one task is not many that wait"},
	Limit: func(b *bench.B) error {
		// A unit has up to a few KiB, and its stack grows by doubling.
		need := int64(b.Int("n")) * int64(8<<10+2*b.Int("stack"))
		if have := bench.AvailableMemory(); need > have {
			return bench.Void("%d units may need %d MiB of memory, %d are available", b.Int("n"), need>>20, have>>20)
		}
		return fewUnits(b)
	},
}

// An alarm is how the units of a model wait for event r, and say that they are
// awake, and how the one who wakes them makes it happen, and waits until all
// are.
type alarm struct {
	wait  func(r int) error
	awake func() error
	ring  func(r int) error
	all   func() error
}

// sleeps is a unit that waits: for so many events, and for one more, which
// happens when the memory has been read.
func (a *alarm) sleeps(stack, events int, u *bench.Unit) error {
	return onStack(stack, func() error {
		for r := range events {
			if err := a.wait(r); err != nil {
				return err
			}
			u.Ops++
			u.Answer++
			if err := a.awake(); err != nil {
				return err
			}
		}
		return a.wait(events)
	})
}

// wakes is the unit that wakes the others.
func (a *alarm) wakes(b *bench.B, u *bench.Unit) error {
	n := b.Int("n")
	laps := b.LapRecorder(n)
	wake := func() error {
		if err := a.ring(u.Ops); err != nil {
			return err
		}
		u.Ops++
		return a.all()
	}
	if err := wake(); err != nil {
		return err
	}
	b.Start()
	for range b.N / n {
		laps.Pass()
		if err := wake(); err != nil {
			return err
		}
	}
	laps.Pass()
	b.Stop()
	return a.ring(u.Ops)
}

// work is what unit i does, of which the first is the one who wakes.
func (a *alarm) work(b *bench.B) work {
	return func(i int, u *bench.Unit) error {
		if i == 0 {
			return a.wakes(b, u)
		}
		return a.sleeps(b.Int("stack"), b.N/b.Int("n")+1, u)
	}
}

// parkedGreenlet has two events that take turns: one is cleared when all are
// past it, before they can wait for it again.
func parkedGreenlet(b *bench.B) (uint64, error) {
	n := b.Int("n")
	return relayGreenlets(b, n+1, func(h *hub.Hub) work {
		events, left, all := [2]*hub.Event{hub.NewEvent(h), hub.NewEvent(h)}, n, hub.NewEvent(h)
		a := alarm{
			wait: func(r int) error { return events[r%2].Wait() },
			awake: func() error {
				if left--; left == 0 {
					all.Set()
				}
				return nil
			},
			ring: func(r int) error {
				left = n
				all.Clear()
				events[(r+1)%2].Clear()
				events[r%2].Set()
				return nil
			},
			all: all.Wait,
		}
		return a.work(b)
	})
}

// parkedShared closes a channel for each event.
func parkedShared(b *bench.B, launch launcher) (uint64, error) {
	n := b.Int("n")
	events := make([]chan struct{}, b.N/n+2)
	for i := range events {
		events[i] = make(chan struct{})
	}
	var left sync.WaitGroup
	a := alarm{
		wait:  func(r int) error { <-events[r]; return nil },
		awake: func() error { left.Done(); return nil },
		ring:  func(r int) error { left.Add(n); close(events[r]); return nil },
		all:   func() error { left.Wait(); return nil },
	}
	return relay(b, launch, n+1, a.work(b))
}

type parkedArgs struct {
	Events   [2]*procs.Event
	Left     countdown
	N, Stack int
}

var parkedWorker = registerWorker("bench.parked", func(ctx context.Context, in parkedArgs, u *bench.Unit) error {
	a := alarm{
		wait:  func(r int) error { return in.Events[r%2].Wait(ctx) },
		awake: func() error { u.Waits++; return in.Left.step() },
	}
	return a.sleeps(in.Stack, in.N, u)
})

// parkedProcess is parkedGreenlet with what processes share; the parent wakes.
func parkedProcess(b *bench.B) (_ uint64, err error) {
	n := b.Int("n")
	in := parkedArgs{N: b.N/n + 1, Stack: b.Int("stack")}
	for i := range in.Events {
		if in.Events[i], err = procs.NewEvent(); err != nil {
			return 0, err
		}
		defer in.Events[i].Close()
	}
	if in.Left, err = newCountdown(n); err != nil {
		return 0, err
	}
	defer in.Left.Close()
	u := b.Unit(0)
	return relayWorkers(b, parkedWorker, slices.Repeat([]parkedArgs{in}, n), func() error {
		a := alarm{
			ring: func(r int) error { return errors.Join(in.Events[(r+1)%2].Clear(), in.Events[r%2].Set()) },
			all:  func() error { return in.Left.Last.Acquire(context.Background()) },
		}
		return a.wakes(b, u)
	})
}
