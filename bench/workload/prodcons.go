package workload

import (
	"context"
	"runtime"
	"sync"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

// queueSize is the bound of the queue, the tutorials' ten steamed buns.
const queueSize = 10

var prodCons = &bench.Workload{
	Name: "ProdCons",
	Story: "P producers put items on a queue that holds ten, C consumers take them off: stages of a pipeline that keep each " +
		"other from running ahead. Latency is that of a put, waiting for room included.",
	Op:    "item",
	Cases: []bench.Params{"p=1/c=1", "p=4/c=4"},
	Want:  func(b *bench.B) uint64 { n := uint64(b.N); return n * (n + 1) / 2 },
	Impls: map[bench.Model]bench.Func{
		bench.Serial:    prodConsSerial,
		bench.Greenlet:  prodConsGreenlet,
		bench.Goroutine: prodConsGoroutine,
		bench.Ants:      prodConsAnts,
		bench.Thread:    prodConsThread,
		bench.Process:   prodConsProcess,
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

func prodConsGreenlet(b *bench.B) (uint64, error) {
	p, c := b.Int("p"), b.Int("c")
	sums := make([]uint64, c)
	err := hub.Run(func(h *hub.Hub) error {
		queue := hub.NewQueue[uint64](h, queueSize)
		producers, consumers := make([]*hub.Greenlet, p), make([]*hub.Greenlet, c)
		lats := recorders(b, p)
		b.Units(p + c)
		b.Start()
		for i := range consumers {
			consumers[i] = h.Spawn(func() error {
				for {
					v, err := queue.Get()
					if err != nil || v == 0 {
						return err
					}
					sums[i] += v
				}
			})
		}
		for i := range producers {
			producers[i] = h.Spawn(func() error {
				for k, v := 0, i+1; v <= b.N; k, v = k+1, v+p {
					t := lats[i].Begin(k)
					if err := queue.Put(uint64(v)); err != nil {
						return err
					}
					lats[i].End(t)
				}
				return nil
			})
		}
		if err := h.GetAll(producers...); err != nil {
			return err
		}
		for range consumers {
			if err := queue.Put(0); err != nil {
				return err
			}
		}
		err := h.GetAll(consumers...)
		b.Stop()
		return err
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

func prodConsGoroutine(b *bench.B) (uint64, error) {
	p, c := b.Int("p"), b.Int("c")
	queue, sums, lats := make(chan uint64, queueSize), make([]uint64, c), recorders(b, p)
	var producers, consumers sync.WaitGroup
	b.Units(p + c)
	b.Start()
	for i := range c {
		consumers.Go(func() { sums[i] = consumeItems(queue) })
	}
	for i := range p {
		producers.Go(func() { produceItems(i, p, b.N, lats[i], queue) })
	}
	producers.Wait()
	close(queue)
	consumers.Wait()
	b.Stop()
	return sum(sums), nil
}

func prodConsAnts(b *bench.B) (uint64, error) {
	p, c := b.Int("p"), b.Int("c")
	pool, err := ants.NewPool(p + c)
	if err != nil {
		return 0, err
	}
	defer release(pool)
	queue, sums, lats := make(chan uint64, queueSize), make([]uint64, c), recorders(b, p)
	var producers, consumers sync.WaitGroup
	producers.Add(p)
	consumers.Add(c)
	b.Units(p + c)
	b.Start()
	for i := range c {
		err := pool.Submit(func() { defer consumers.Done(); sums[i] = consumeItems(queue) })
		if err != nil {
			return 0, err
		}
	}
	for i := range p {
		err := pool.Submit(func() { defer producers.Done(); produceItems(i, p, b.N, lats[i], queue) })
		if err != nil {
			return 0, err
		}
	}
	producers.Wait()
	close(queue)
	consumers.Wait()
	b.Stop()
	return sum(sums), nil
}

func prodConsThread(b *bench.B) (uint64, error) {
	p, c := b.Int("p"), b.Int("c")
	queue, sums, lats := make(chan uint64, queueSize), make([]uint64, c), recorders(b, p)
	var producers, consumers sync.WaitGroup
	b.Units(p + c)
	b.Start()
	for i := range c {
		consumers.Go(func() { runtime.LockOSThread(); sums[i] = consumeItems(queue) })
	}
	for i := range p {
		producers.Go(func() { runtime.LockOSThread(); produceItems(i, p, b.N, lats[i], queue) })
	}
	producers.Wait()
	close(queue)
	consumers.Wait()
	b.Stop()
	return sum(sums), nil
}

type prodConsArgs struct {
	Gate    *gate
	Queue   *procs.Queue[uint64]
	I, P, N int // producer I of P makes N/P items; P is 0 for a consumer
	Every   int
}

// prodConsWorker is a producer or a consumer.
var prodConsWorker = procs.Register("bench.prodcons", func(ctx context.Context, in prodConsArgs) (struct{}, error) {
	if err := in.Gate.pass(ctx); err != nil {
		return struct{}{}, err
	}
	var out outcome
	var err error
	if in.P == 0 {
		out.Answer, err = consumeShared(ctx, in.Queue)
	} else {
		out.Samples, err = produceShared(ctx, in)
	}
	return struct{}{}, firstError(err, in.Gate.report(ctx, out))
})

func consumeShared(ctx context.Context, queue *procs.Queue[uint64]) (sum uint64, err error) {
	for {
		v, err := queue.Get(ctx)
		if err != nil || v == 0 {
			return sum, err
		}
		sum += v
	}
}

func produceShared(ctx context.Context, in prodConsArgs) ([]int64, error) {
	lat := bench.NewRecorder(in.Every, in.N/in.P+1)
	for k, v := 0, in.I+1; v <= in.N; k, v = k+1, v+in.P {
		t := lat.Begin(k)
		if err := in.Queue.Put(ctx, uint64(v)); err != nil {
			return nil, err
		}
		lat.End(t)
	}
	return lat.Samples(), nil
}

// prodConsProcess collects the producers' outcomes first: once all of them have
// put their last item, one zero per consumer ends the consumers.
func prodConsProcess(b *bench.B) (uint64, error) {
	p, c := b.Int("p"), b.Int("c")
	made, err := newGate()
	defer made.close()
	if err != nil {
		return 0, err
	}
	queue, err := procs.NewQueue[uint64](queueSize)
	if err != nil {
		return 0, err
	}
	defer queue.Close()
	taken := *made // the same gate, with outcomes of its own
	if taken.Outcomes, err = procs.NewQueue[outcome](0); err != nil {
		return 0, err
	}
	defer taken.Outcomes.Close()
	var args []prodConsArgs
	for range c {
		args = append(args, prodConsArgs{Gate: &taken, Queue: queue})
	}
	for i := range p {
		args = append(args, prodConsArgs{made, queue, i, p, b.N, b.Every()})
	}
	crew, err := startCrew(prodConsWorker, args)
	if err != nil {
		return 0, err
	}
	defer crew.kill()
	if err := made.muster(p + c); err != nil {
		return 0, err
	}
	b.Units(p + c)
	b.Start()
	if err := made.Open.Set(); err != nil {
		return 0, err
	}
	ends, err := made.collect(p)
	if err != nil {
		return 0, err
	}
	for range c {
		if err := queue.Put(context.Background(), 0); err != nil {
			return 0, err
		}
	}
	sums, err := taken.collect(c)
	if err != nil {
		return 0, err
	}
	b.Stop()
	tally(b, ends)
	err = made.Home.Set()
	return tally(b, sums), firstError(err, crew.join())
}
