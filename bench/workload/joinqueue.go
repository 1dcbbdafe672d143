package workload

import (
	"context"
	"fmt"
	"sync"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var joinQueue = &bench.Workload{
	Name: "JoinQueue",
	Kind: "messaging",
	Story: "A producer puts a batch of items on a queue that has room for it, and waits until consumers have said of each that it " +
		"is done: work given out in steps. With batch=1 it is a round trip; with many, a wait for the last of them. The " +
		"consumers are there for as long as the queue is. Latency is that of a batch, from its first put until all of it is " +
		"done, divided by its items.",
	Op:    "item",
	Cases: []bench.Params{"c=4/batch=64"},
	More:  []bench.Params{"c=1/batch=64", "c=16/batch=64", "c=4/batch=1", "c=4/batch=8"},
	Batch: func(p bench.Params) int { return p.Int("batch") },
	Want:  func(b *bench.B) uint64 { n := uint64(b.N); return n * (n + 1) / 2 },
	Ledger: func(b *bench.B) bench.Ledger {
		batch := b.Int("batch")
		want := bench.Ledger{Units: 1 + b.Int("c"), Ops: 2 * b.N, Inside: batch, Together: batch} // each item is put and done
		if b.Model == Greenlet {
			want.Suspensions = b.N / batch // elsewhere all may be done when the producer comes to wait
		}
		return concurrent(b, want)
	},
	Exceptions: map[int]string{2: "beside greenlets, producer and consumers may be at work at once and never wait"},
	Impls:      byModel(joinQueueSerial, joinQueueGreenlet, joinQueueShared, joinQueueProcess),
}

// produceBatches is the producer's part. It sees after every wait that what it
// has put is done, and ends the consumers with the queue.
func produceBatches(n, batch int, done places, u *bench.Unit, put func(v uint64) error, join, end func() error) error {
	for u.Ops < n {
		t, joined := u.Begin(u.Ops), u.Ops
		for range batch {
			u.Ops++
			if err := put(uint64(u.Ops)); err != nil {
				return err
			}
		}
		u.Inside = max(u.Inside, u.Ops-joined)
		if err := join(); err != nil {
			return err
		}
		if t != 0 {
			u.Add((u.Now() - t) / int64(batch))
		}
		if got := done.sum(); got != u.Ops {
			return fmt.Errorf("joined when %d of %d items were done", got, u.Ops)
		}
	}
	return end()
}

// joinQueueSerial fills the queue and empties it in turn.
func joinQueueSerial(b *bench.B) (uint64, error) {
	u, queue, sum := b.Unit(b.N), make([]uint64, 0, b.Int("batch")), uint64(0)
	put := func(v uint64) error { queue = append(queue, v); return nil }
	done := newPlaces(1)
	join := func() error {
		for _, v := range queue {
			sum += v
			done.set(0, done.get(0)+1)
		}
		queue = queue[:0]
		return nil
	}
	b.Start()
	err := produceBatches(b.N, b.Int("batch"), done, u, put, join, nothing)
	b.Stop()
	u.Ops += done.sum()
	return sum, err
}

// Unit 0 is the producer, the others are consumers.

func joinQueueGreenlet(b *bench.B) (uint64, error) {
	c, batch := b.Int("c"), b.Int("batch")
	done := newPlaces(1 + c)
	return raceGreenlets(b, 1+c, func(h *hub.Hub) work {
		queue := hub.NewJoinableQueue[uint64](h, batch)
		end := func() error { queue.ShutDown(false); return nil }
		return func(i int, u *bench.Unit) error {
			if i == 0 {
				return produceBatches(b.N, batch, done, u, queue.Put, queue.Join, end)
			}
			for v, err := range queue.All() {
				if err != nil {
					return err
				}
				u.Answer += v
				u.Ops++
				done.set(i, u.Ops)
				queue.TaskDone()
			}
			return nil
		}
	})
}

func joinQueueShared(b *bench.B, launch launcher) (uint64, error) {
	c, batch := b.Int("c"), b.Int("batch")
	queue, done := make(chan uint64, batch), newPlaces(1+c)
	var unfinished sync.WaitGroup
	put := func(v uint64) error { unfinished.Add(1); queue <- v; return nil }
	join := func() error { unfinished.Wait(); return nil }
	end := func() error { close(queue); return nil }
	return race(b, launch, 1+c, func(i int, u *bench.Unit) error {
		if i == 0 {
			return produceBatches(b.N, batch, done, u, put, join, end)
		}
		for v := range queue {
			u.Answer += v
			u.Ops++
			done.set(i, u.Ops)
			unfinished.Done()
		}
		return nil
	})
}

type joinQueueArgs struct {
	Queue    *procs.JoinableQueue[uint64]
	Done     *procs.RawArray[uint64]
	I        int
	N, Batch int
}

var joinQueueWorker = registerWorker("bench.joinqueue", func(ctx context.Context, in joinQueueArgs, u *bench.Unit) error {
	queue, done := in.Queue, places(in.Done.Raw())
	if in.I == 0 {
		return produceBatches(in.N, in.Batch, done, u, func(v uint64) error { return queue.Put(ctx, v) },
			func() error { return queue.Join(ctx) }, func() error { return queue.ShutDown(false) })
	}
	for {
		v, err := queue.Get(ctx)
		if err != nil {
			return atClosed(err)
		}
		u.Answer += v
		u.Ops++
		done.set(in.I, u.Ops)
		if err := queue.TaskDone(); err != nil {
			return err
		}
	}
})

func joinQueueProcess(b *bench.B) (uint64, error) {
	c, batch := b.Int("c"), b.Int("batch")
	queue, err := procs.NewJoinableQueue[uint64](batch)
	if err != nil {
		return 0, err
	}
	defer queue.Close()
	done, err := procs.NewRawArray[uint64]((1 + c) * placeWords)
	if err != nil {
		return 0, err
	}
	defer done.Close()
	return raceWorkers(b, joinQueueWorker, inputs(1+c, func(i int) joinQueueArgs {
		return joinQueueArgs{queue, done, i, b.N, batch}
	}))
}
