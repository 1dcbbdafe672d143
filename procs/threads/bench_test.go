package threads_test

import (
	"context"
	"sync"
	"testing"

	"github.com/panjf2000/ants/v2"

	"switchyard/procs"
	"switchyard/procs/threads"
)

// BenchmarkExecutor squares integers with two workers: one at a time, and
// 10,000 submitted and then collected. The floor is the same with a bare pool
// of ants, without futures, contexts or a queue.
func BenchmarkExecutor(b *testing.B) {
	b.Run("roundtrip", func(b *testing.B) {
		withExecutor(b, func(e *procs.Executor) {
			for i := range b.N {
				if v, err := procs.Submit(e, square, i).Result(context.Background()); v != i*i || err != nil {
					b.Fatal(v, err)
				}
			}
		})
	})
	b.Run("inflight", func(b *testing.B) {
		const inFlight = 10_000
		fs := make([]*procs.Future[int], 0, inFlight)
		withExecutor(b, func(e *procs.Executor) {
			for done := 0; done < b.N; done += len(fs) {
				fs = fs[:0]
				for i := range min(inFlight, b.N-done) {
					fs = append(fs, procs.Submit(e, square, i))
				}
				for i, f := range fs {
					if v, err := f.Result(context.Background()); v != i*i || err != nil {
						b.Fatal(v, err)
					}
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
	})
	b.Run("floor", func(b *testing.B) {
		p, err := ants.NewPool(2)
		if err != nil {
			b.Fatal(err)
		}
		defer p.Release()
		var all sync.WaitGroup
		squares := make([]int, b.N)
		b.ResetTimer()
		all.Add(b.N)
		for i := range b.N {
			p.Submit(func() {
				squares[i] = i * i
				all.Done()
			})
		}
		all.Wait()
		b.StopTimer()
		for i, v := range squares {
			if v != i*i {
				b.Fatal(i, v)
			}
		}
	})
}

func withExecutor(b *testing.B, test func(e *procs.Executor)) {
	e, err := threads.NewExecutor(threads.Config{Workers: 2})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Shutdown(true, true)
	b.ReportAllocs()
	b.ResetTimer()
	test(e)
	b.StopTimer()
}
