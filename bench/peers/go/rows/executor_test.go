//go:build linux

package rows

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"

	"switchyard/procs"
	"switchyard/procs/threads"
)

var addOne = procs.Register("rows.add", func(_ context.Context, x int) (int, error) { return x + 1, nil })

// BenchmarkExecutor is a million tasks that do next to nothing, submitted to
// two goroutines and then collected: by an executor, by the result pool of conc,
// and by an errgroup with a limit.
func BenchmarkExecutor(b *testing.B) {
	const tasks, workers = 1_000_000, 2
	timed := func(work func(out []int)) func() float64 {
		return func() float64 {
			out := make([]int, tasks)
			runtime.GC()
			begin := time.Now()
			work(out)
			took := time.Since(begin)
			sum := 0
			for _, v := range out {
				sum += v
			}
			if sum != tasks*(tasks+1)/2 {
				b.Fatal("sum", sum)
			}
			return float64(took.Nanoseconds()) / tasks
		}
	}
	m := inTurn(b, timed(func(out []int) {
		e, err := threads.NewExecutor(threads.Config{Workers: workers})
		if err != nil {
			b.Fatal(err)
		}
		defer e.Shutdown(true, true)
		futures := make([]*procs.Future[int], tasks)
		for i := range futures {
			futures[i] = procs.Submit(e, addOne, i)
		}
		for i, f := range futures {
			if out[i], err = f.Result(context.Background()); err != nil {
				b.Fatal(err)
			}
		}
	}), timed(func(out []int) {
		p := pool.NewWithResults[int]().WithMaxGoroutines(workers)
		for i := range tasks {
			p.Go(func() int { return i + 1 })
		}
		copy(out, p.Wait())
	}), timed(func(out []int) {
		var g errgroup.Group
		g.SetLimit(workers)
		for i := range tasks {
			g.Go(func() error { out[i] = i + 1; return nil })
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
	}))
	b.ReportMetric(m[0]/m[1], "x-conc")
	b.ReportMetric(m[0]/m[2], "x-errgroup")
	b.ReportMetric(m[0], "ns/task")
}
