//go:build linux

package rows

import (
	"context"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/manager"
)

// BenchmarkDictGrowth is how many times as long a manager's dictionary takes
// for an op of one of 32 clients as for one of its only client.
func BenchmarkDictGrowth(b *testing.B) {
	growth(b, func(clients int) float64 { return dictOp(b, clients) }, 32, 1)
}

// BenchmarkQueueGrowth is how many times as long an item takes through a queue
// of two producers and two consumers as through one of one each.
func BenchmarkQueueGrowth(b *testing.B) {
	growth(b, func(pairs int) float64 { return queueItem(b, pairs) }, 2, 1)
}

// BenchmarkMapGrowth is how many times as long a task of a map, each sent by
// itself, takes with 64 workers as with two.
func BenchmarkMapGrowth(b *testing.B) {
	growth(b, func(workers int) float64 { return mapTask(b, workers) }, 64, 2)
}

func growth(b *testing.B, cost func(n int) float64, many, few int) {
	m := inTurn(b, func() float64 { return cost(many) }, func() float64 { return cost(few) })
	b.ReportMetric(m[0]/m[1], "x-growth")
	b.ReportMetric(m[1], "ns/few")
}

// starters are the processes of a benchmark: each tells that it is ready, and
// begins when it is told.
type starters struct {
	Ready, Go, Done *procs.Queue[int]
}

func newStarters(b *testing.B) (s starters) {
	for _, q := range []**procs.Queue[int]{&s.Ready, &s.Go, &s.Done} {
		var err error
		if *q, err = procs.NewQueue[int](0); err != nil {
			b.Fatal(err)
		}
	}
	return s
}

// do is what a process does: it answers with what work returns.
func (s starters) do(ctx context.Context, work func() (int, error)) (int, error) {
	if err := s.Ready.Put(ctx, 1); err != nil {
		return 0, err
	}
	if _, err := s.Go.Get(ctx); err != nil {
		return 0, err
	}
	v, err := work()
	if err != nil {
		return 0, err
	}
	return 0, s.Done.Put(ctx, v)
}

// time runs the processes and returns how long they took together, per op, and
// the sum of what they answer.
func (s starters) time(b *testing.B, ps []*procs.Process, ops int) (ns float64, sum int) {
	ctx := context.Background()
	take := func(q *procs.Queue[int]) {
		for range ps {
			v, err := q.Get(ctx)
			if err != nil {
				b.Fatal(err)
			}
			sum += v
		}
	}
	for _, p := range ps {
		if err := p.Start(); err != nil {
			b.Fatal(err)
		}
	}
	take(s.Ready)
	sum = 0
	begin := time.Now()
	for range ps {
		if err := s.Go.Put(ctx, 1); err != nil {
			b.Fatal(err)
		}
	}
	take(s.Done)
	took := time.Since(begin)
	for _, p := range ps {
		if err := p.Join(ctx); err != nil {
			b.Fatal(err)
		}
	}
	for _, q := range []*procs.Queue[int]{s.Ready, s.Go, s.Done} {
		q.Close()
	}
	return float64(took.Nanoseconds()) / float64(ops), sum
}

type clientArgs struct {
	Start starters
	Dict  *manager.Dict[int, int]
	ID, N int
}

var dictClient = procs.Register("rows.client", func(ctx context.Context, a clientArgs) (int, error) {
	return a.Start.do(ctx, func() (v int, err error) {
		for range a.N {
			if v, err = manager.DictAdd(a.Dict, a.ID, 1); err != nil {
				return 0, err
			}
		}
		return v, nil
	})
})

func dictOp(b *testing.B, clients int) float64 {
	const ops = 64_000
	m, err := manager.New(manager.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	d, err := manager.NewDict[int, int](m)
	if err != nil {
		b.Fatal(err)
	}
	s := newStarters(b)
	ps := make([]*procs.Process, clients)
	for i := range ps {
		ps[i] = procs.NewProcess(dictClient, clientArgs{s, d, i, ops / clients}, procs.ProcessConfig{GOMAXPROCS: 1})
	}
	ns, sum := s.time(b, ps, ops)
	if sum != ops {
		b.Fatal("sum", sum)
	}
	return ns
}

type queueArgs struct {
	Start starters
	Queue *procs.Queue[int]
	N     int
}

var queuePut = procs.Register("rows.put", func(ctx context.Context, a queueArgs) (int, error) {
	return a.Start.do(ctx, func() (int, error) {
		for i := range a.N {
			if err := a.Queue.Put(ctx, i); err != nil {
				return 0, err
			}
		}
		return 0, nil
	})
})

var queueGet = procs.Register("rows.take", func(ctx context.Context, a queueArgs) (int, error) {
	return a.Start.do(ctx, func() (sum int, err error) {
		for range a.N {
			v, err := a.Queue.Get(ctx)
			if err != nil {
				return 0, err
			}
			sum += v
		}
		return sum, nil
	})
})

func queueItem(b *testing.B, pairs int) float64 {
	const items = 100_000
	q, err := procs.NewQueue[int](1000)
	if err != nil {
		b.Fatal(err)
	}
	defer q.Close()
	s := newStarters(b)
	n := items / pairs
	var ps []*procs.Process
	for range pairs {
		for _, f := range []*procs.Func[queueArgs, int]{queuePut, queueGet} {
			ps = append(ps, procs.NewProcess(f, queueArgs{s, q, n}, procs.ProcessConfig{GOMAXPROCS: 1}))
		}
	}
	ns, sum := s.time(b, ps, items)
	if sum != pairs*n*(n-1)/2 {
		b.Fatal("sum", sum)
	}
	return ns
}

func mapTask(b *testing.B, workers int) float64 {
	const tasks = 50_000
	ctx := context.Background()
	p, err := procs.NewPool(procs.PoolConfig{Workers: workers})
	if err != nil {
		b.Fatal(err)
	}
	defer p.Terminate()
	xs := make([]int, tasks)
	for i := range xs {
		xs[i] = i
	}
	if _, err := procs.Map(ctx, p, addOne, xs[:1000], procs.Chunk(1)); err != nil { // all are up
		b.Fatal(err)
	}
	begin := time.Now()
	ys, err := procs.Map(ctx, p, addOne, xs, procs.Chunk(1))
	took := time.Since(begin)
	if err != nil {
		b.Fatal(err)
	}
	for i, y := range ys {
		if y != i+1 {
			b.Fatal(i, y)
		}
	}
	return float64(took.Nanoseconds()) / tasks
}
