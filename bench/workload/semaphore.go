package workload

import (
	"context"
	"runtime"
	"slices"
	"sync/atomic"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var semaphore = &bench.Workload{
	Name: "Semaphore",
	Kind: "synchronising",
	Story: "A karaoke bar with a few rooms and many guests: a limit on how many may use something at once, connections to a " +
		"database say. Each guest waits for a room, counts who is in, gives way once while it is in there, so that others " +
		"come to the door, and leaves. With as many rooms as guests nobody waits for one. Latency is the wait for a room.",
	Op:    "visit",
	Cases: []bench.Params{"guests=20/permits=3"},
	More:  []bench.Params{"guests=3/permits=3", "guests=20/permits=1", "guests=20/permits=20"},
	Batch: func(p bench.Params) int { return p.Int("guests") },
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Ledger: func(b *bench.B) bench.Ledger {
		guests := b.Int("guests")
		return concurrent(b, bench.Ledger{
			Units: guests, Ops: b.N, Each: b.N / guests, Suspensions: b.N,
			Inside: b.Int("permits"), Together: overlap(b, min(guests, b.Int("permits"))),
		})
	},
	Impls: byModel(semaphoreSerial, semaphoreGreenlet, semaphoreShared, semaphoreProcess),
}

// semaphoreSerial has one guest after the other, and nobody waits.
func semaphoreSerial(b *bench.B) (uint64, error) {
	u, inside := b.Unit(b.N), 0
	b.Start()
	for i := range b.N {
		t := u.Begin(i)
		inside++
		u.End(t)
		u.Inside = max(u.Inside, inside)
		runtime.Gosched()
		inside--
		u.Answer = addOne(u.Answer)
	}
	b.Stop()
	u.Ops = b.N
	return u.Answer, nil
}

func semaphoreGreenlet(b *bench.B) (uint64, error) {
	guests := b.Int("guests")
	return raceGreenlets(b, guests, func(h *hub.Hub) work {
		rooms, inside := hub.NewSemaphore(h, b.Int("permits")), 0
		return func(_ int, u *bench.Unit) error {
			for i := range b.N / guests {
				t := u.Begin(i)
				if err := rooms.Acquire(); err != nil {
					return err
				}
				u.End(t)
				inside++
				u.Inside = max(u.Inside, inside)
				if err := h.Yield(); err != nil {
					return err
				}
				inside--
				rooms.Release()
				u.Ops++
				u.Answer++
			}
			return nil
		}
	})
}

// semaphoreShared uses a channel with a place for everybody who may be in.
func semaphoreShared(b *bench.B, launch launcher) (uint64, error) {
	guests, rooms := b.Int("guests"), make(chan struct{}, b.Int("permits"))
	var inside atomic.Int64
	return race(b, launch, guests, func(_ int, u *bench.Unit) error {
		for i := range b.N / guests {
			t := u.Begin(i)
			rooms <- struct{}{}
			u.End(t)
			u.Inside = max(u.Inside, int(inside.Add(1)))
			runtime.Gosched()
			inside.Add(-1)
			<-rooms
			u.Ops++
			u.Answer++
		}
		return nil
	})
}

type semaphoreArgs struct {
	Rooms  *procs.Semaphore
	Inside *procs.RawValue[int64]
	Visits int
}

var semaphoreWorker = registerWorker("bench.semaphore", func(ctx context.Context, in semaphoreArgs, u *bench.Unit) error {
	inside := in.Inside.Raw()
	for i := range in.Visits {
		t := u.Begin(i)
		if err := in.Rooms.Acquire(ctx); err != nil {
			return err
		}
		u.End(t)
		u.Inside = max(u.Inside, int(atomic.AddInt64(inside, 1)))
		yieldProcess()
		u.Waits++
		atomic.AddInt64(inside, -1)
		if err := in.Rooms.Release(); err != nil {
			return err
		}
		u.Ops++
		u.Answer++
	}
	return nil
})

func semaphoreProcess(b *bench.B) (uint64, error) {
	guests := b.Int("guests")
	rooms, err := procs.NewSemaphore(b.Int("permits"))
	if err != nil {
		return 0, err
	}
	defer rooms.Close()
	inside, err := procs.NewRawValue[int64](0)
	if err != nil {
		return 0, err
	}
	defer inside.Close()
	return raceWorkers(b, semaphoreWorker, slices.Repeat([]semaphoreArgs{{rooms, inside, b.N / guests}}, guests))
}
