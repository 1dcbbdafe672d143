package workload

import (
	"context"
	"slices"
	"sync/atomic"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

// queueSize is the bound of the queue, the tutorials' ten steamed buns.
const queueSize = 10

var prodCons = &bench.Workload{
	Name: "ProdCons",
	Kind: "messaging",
	Story: "P producers put items on a queue that holds ten, C consumers take them off: stages of a pipeline that keep each " +
		"other from running ahead. Latency is that of a put, waiting for room included.",
	Op:    "item",
	Cases: []bench.Params{"p=4/c=4"},
	More:  []bench.Params{"p=1/c=1"},
	Want:  func(b *bench.B) uint64 { n := uint64(b.N); return n * (n + 1) / 2 },
	Ledger: func(b *bench.B) bench.Ledger {
		want := bench.Ledger{Units: b.Int("p") + b.Int("c"), Ops: 2 * b.N} // each item is put and got
		if b.Model == Greenlet {
			want.Suspensions = b.N / queueSize // elsewhere both sides may be at work at once
		}
		return concurrent(b, want)
	},
	Exceptions: map[int]string{
		2:  "beside greenlets, producers and consumers may be at work at once and never wait",
		24: "how many items are on the queue is bounded for all, and not counted",
	},
	Impls: byModel(prodConsSerial, prodConsGreenlet, prodConsShared, prodConsProcess),
}

// prodConsSerial fills the queue and empties it in turn.
func prodConsSerial(b *bench.B) (uint64, error) {
	u, queue := b.Unit(b.N), make([]uint64, 0, queueSize)
	b.Start()
	for i := range b.N {
		t := u.Begin(i)
		queue = append(queue, uint64(i)+1)
		u.End(t)
		if len(queue) == queueSize || i == b.N-1 {
			for _, v := range queue {
				u.Answer += v
			}
			u.Ops += 2 * len(queue)
			queue = queue[:0]
		}
	}
	b.Stop()
	return u.Answer, nil
}

// Producer i of p makes the items i+1, i+1+p, and so on up to n. The last one
// ends the consumers.

// prodConsGreenlet ends the consumers by a zero each; so do processes.
func prodConsGreenlet(b *bench.B) (uint64, error) {
	p, c := b.Int("p"), b.Int("c")
	left := p
	return raceGreenlets(b, c+p, func(h *hub.Hub) work {
		queue := hub.NewQueue[uint64](h, queueSize)
		consume := func(u *bench.Unit) error {
			for {
				v, err := queue.Get()
				if err != nil || v == 0 {
					return err
				}
				u.Answer += v
				u.Ops++
			}
		}
		produce := func(i int, u *bench.Unit) error {
			t := u.Begin(0)
			for v := i + 1; v <= b.N; v += p {
				if err := queue.Put(uint64(v)); err != nil {
					return err
				}
				u.Ops++
				t = u.Next(t, u.Ops)
			}
			if left--; left > 0 {
				return nil
			}
			return putZeros(c, queue.Put)
		}
		return func(i int, u *bench.Unit) error {
			if i < c {
				return consume(u)
			}
			return produce(i-c, u)
		}
	})
}

func putZeros(n int, put func(uint64) error) error {
	for range n {
		if err := put(0); err != nil {
			return err
		}
	}
	return nil
}

func produceItems(i, p, n int, u *bench.Unit, queue chan<- uint64) {
	t := u.Begin(0)
	for v := i + 1; v <= n; v += p {
		queue <- uint64(v)
		u.Ops++
		t = u.Next(t, u.Ops)
	}
}

func consumeItems(u *bench.Unit, queue <-chan uint64) {
	for v := range queue {
		u.Answer += v
		u.Ops++
	}
}

func prodConsShared(b *bench.B, launch launcher) (uint64, error) {
	p, c := b.Int("p"), b.Int("c")
	queue := make(chan uint64, queueSize)
	var left atomic.Int64
	left.Store(int64(p))
	return race(b, launch, c+p, func(i int, u *bench.Unit) error {
		if i < c {
			consumeItems(u, queue)
			return nil
		}
		produceItems(i-c, p, b.N, u, queue)
		if left.Add(-1) == 0 {
			close(queue)
		}
		return nil
	})
}

type prodConsArgs struct {
	Queue *procs.Queue[uint64]
	Left  *procs.Value[int64] // producers that have items left
	I     int                 // the producer's number, -1 for a consumer
	P, C  int
	N     int
}

// prodConsWorker is a producer or a consumer.
var prodConsWorker = registerWorker("bench.prodcons", func(ctx context.Context, in prodConsArgs, u *bench.Unit) error {
	if in.I < 0 {
		return consumeQueue(ctx, u, in.Queue)
	}
	return produceQueue(ctx, in, u)
})

func consumeQueue(ctx context.Context, u *bench.Unit, queue *procs.Queue[uint64]) error {
	for {
		v, err := queue.Get(ctx)
		if err != nil || v == 0 {
			return err
		}
		u.Answer += v
		u.Ops++
	}
}

func produceQueue(ctx context.Context, in prodConsArgs, u *bench.Unit) error {
	t := u.Begin(0)
	for v := in.I + 1; v <= in.N; v += in.P {
		if err := in.Queue.Put(ctx, uint64(v)); err != nil {
			return err
		}
		u.Ops++
		t = u.Next(t, u.Ops)
	}
	last := false
	if err := in.Left.Update(ctx, func(left *int64) { *left--; last = *left == 0 }); err != nil || !last {
		return err
	}
	return putZeros(in.C, func(v uint64) error { return in.Queue.Put(ctx, v) })
}

func prodConsProcess(b *bench.B) (uint64, error) {
	p, c := b.Int("p"), b.Int("c")
	queue, err := procs.NewQueue[uint64](queueSize)
	if err != nil {
		return 0, err
	}
	defer queue.Close()
	left, err := procs.NewValue(int64(p))
	if err != nil {
		return 0, err
	}
	defer left.Close()
	args := slices.Repeat([]prodConsArgs{{queue, left, -1, p, c, b.N}}, c+p)
	for i := range p {
		args[c+i].I = i
	}
	return raceWorkers(b, prodConsWorker, args)
}
