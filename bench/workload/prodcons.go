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
	Cases: []bench.Params{"p=1/c=1", "p=4/c=4"},
	Want:  func(b *bench.B) uint64 { n := uint64(b.N); return n * (n + 1) / 2 },
	Impls: map[bench.Model]bench.Func{
		Serial:    prodConsSerial,
		Greenlet:  prodConsGreenlet,
		Goroutine: prodConsShared(goroutines),
		Ants:      prodConsShared(pooled),
		Thread:    prodConsShared(threads),
		Process:   prodConsProcess,
	},
}

// Producer i of p makes the items i+1, i+1+p, and so on up to n.

// prodConsSerial fills the queue and empties it in turn.
func prodConsSerial(b *bench.B) (uint64, error) {
	queue := make([]uint64, 0, queueSize)
	lat := b.Recorder(b.N)
	b.Start()
	sum := uint64(0)
	for i := range b.N {
		t := lat.Begin(i)
		queue = append(queue, uint64(i)+1)
		lat.End(t)
		if len(queue) == queueSize || i == b.N-1 {
			for _, v := range queue {
				sum += v
			}
			queue = queue[:0]
		}
	}
	b.Stop()
	return sum, nil
}

// prodConsGreenlet ends the consumers by a zero each; so do processes.
func prodConsGreenlet(b *bench.B) (uint64, error) {
	p, c := b.Int("p"), b.Int("c")
	sums, lats, left := make([]uint64, c), recorders(b, p), p
	err := raceGreenlets(b, c+p, func(h *hub.Hub) func(i int) error {
		queue := hub.NewQueue[uint64](h, queueSize)
		consume := func(i int) error {
			for {
				v, err := queue.Get()
				if err != nil || v == 0 {
					return err
				}
				sums[i] += v
			}
		}
		produce := func(i int) error {
			for k, v := 0, i+1; v <= b.N; k, v = k+1, v+p {
				t := lats[i].Begin(k)
				if err := queue.Put(uint64(v)); err != nil {
					return err
				}
				lats[i].End(t)
			}
			if left--; left > 0 {
				return nil
			}
			for range c {
				if err := queue.Put(0); err != nil {
					return err
				}
			}
			return nil
		}
		return func(i int) error {
			if i < c {
				return consume(i)
			}
			return produce(i - c)
		}
	})
	return sum(sums), err
}

func produceItems(i, p, n int, lat *bench.Recorder, queue chan<- uint64) {
	for k, v := 0, i+1; v <= n; k, v = k+1, v+p {
		t := lat.Begin(k)
		queue <- uint64(v)
		lat.End(t)
	}
}

func consumeItems(queue <-chan uint64) (sum uint64) {
	for v := range queue {
		sum += v
	}
	return sum
}

// prodConsShared has the last producer close the queue.
func prodConsShared(launch launcher) bench.Func {
	return func(b *bench.B) (uint64, error) {
		p, c := b.Int("p"), b.Int("c")
		queue, sums, lats := make(chan uint64, queueSize), make([]uint64, c), recorders(b, p)
		var left atomic.Int64
		left.Store(int64(p))
		err := race(b, launch, c+p, func(i int) {
			if i < c {
				sums[i] = consumeItems(queue)
				return
			}
			produceItems(i-c, p, b.N, lats[i-c], queue)
			if left.Add(-1) == 0 {
				close(queue)
			}
		})
		return sum(sums), err
	}
}

type prodConsArgs struct {
	Queue *procs.Queue[uint64]
	Left  *procs.Value[int64] // producers that have items left
	I     int                 // the producer's number, -1 for a consumer
	P, C  int
	N     int
}

// prodConsWorker is a producer or a consumer.
var prodConsWorker = registerWorker("bench.prodcons", func(ctx context.Context, in prodConsArgs, lat *bench.Recorder) (uint64, error) {
	if in.I < 0 {
		return consumeQueue(ctx, in.Queue)
	}
	return 0, produceQueue(ctx, in, lat)
})

func consumeQueue(ctx context.Context, queue *procs.Queue[uint64]) (sum uint64, err error) {
	for {
		v, err := queue.Get(ctx)
		if err != nil || v == 0 {
			return sum, err
		}
		sum += v
	}
}

func produceQueue(ctx context.Context, in prodConsArgs, lat *bench.Recorder) error {
	for k, v := 0, in.I+1; v <= in.N; k, v = k+1, v+in.P {
		t := lat.Begin(k)
		if err := in.Queue.Put(ctx, uint64(v)); err != nil {
			return err
		}
		lat.End(t)
	}
	last := false
	if err := in.Left.Update(ctx, func(left *int64) { *left--; last = *left == 0 }); err != nil || !last {
		return err
	}
	for range in.C {
		if err := in.Queue.Put(ctx, 0); err != nil {
			return err
		}
	}
	return nil
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
