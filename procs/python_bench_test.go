//go:build linux

package procs

import (
	"context"
	"testing"

	"switchyard/procs/internal/proctest"
)

// BenchmarkPython compares with Python's multiprocessing and
// concurrent.futures, if there is a python3. Both do the same n operations by
// two workers, in turn: python-ns/op is theirs, and x-python how many times as
// fast ours are, each by the median of the rounds. A round is long: -benchtime
// 5x is plenty.
func BenchmarkPython(b *testing.B) {
	ctx := context.Background()
	b.Run("start", func(b *testing.B) {
		exe := leanDir(b) + "/lean"
		proctest.BesidePython(b, "testdata/python", "start", 100, func(n int) {
			for range n {
				p := NewProcess(testNothing, 0, ProcessConfig{Executable: exe, GOMAXPROCS: 1})
				if err := p.Start(); err != nil {
					b.Fatal(err)
				}
				join(b, p)
			}
		})
	})
	b.Run("apply", func(b *testing.B) {
		proctest.BesidePython(b, "testdata/python", "apply", 3000, applying(b))
	})
	b.Run("apply_async", func(b *testing.B) {
		p := newPool(b, PoolConfig{Workers: 2})
		proctest.BesidePython(b, "testdata/python", "apply_async", 20_000, func(n int) {
			rs := make([]*AsyncResult[int], n)
			for i := range rs {
				rs[i] = ApplyAsync(p, testSquare, i)
			}
			for i, r := range rs {
				if v, err := r.Get(ctx); v != i*i || err != nil {
					b.Fatal(v, err)
				}
			}
		})
	})
	b.Run("submit", func(b *testing.B) {
		e := must(NewExecutor(PoolConfig{Workers: 2}))(b)
		b.Cleanup(func() { e.Shutdown(true, true) })
		proctest.BesidePython(b, "testdata/python", "submit", 10_000, func(n int) {
			fs := make([]*Future[int], n)
			for i := range fs {
				fs[i] = Submit(e, testSquare, i)
			}
			for i, f := range fs {
				if v, err := f.Result(ctx); v != i*i || err != nil {
					b.Fatal(v, err)
				}
			}
		})
	})
	for chunk, name := range []string{"map_auto", "map_one"} { // 0 is automatic
		b.Run(name, func(b *testing.B) {
			p := newPool(b, PoolConfig{Workers: 2})
			xs := make([]int, 200_000)
			for i := range xs {
				xs[i] = i
			}
			proctest.BesidePython(b, "testdata/python", name, len(xs), func(n int) {
				vs, err := Map(ctx, p, testSquare, xs[:n], Chunk(chunk))
				if err != nil || vs[n-1] != (n-1)*(n-1) {
					b.Fatal(err)
				}
			})
		})
	}
	b.Run("queue_throughput", func(b *testing.B) {
		q := closing(b, must(NewQueue[int](0))(b), nil)
		p := newPartner(b, benchQueuePut, benchArgs{Out: q})
		proctest.BesidePython(b, "testdata/python", "queue_throughput", 200_000, func(n int) {
			p.begin(n)
			for i := range n {
				if v, err := q.Get(ctx); v != i || err != nil {
					b.Fatal(v, err)
				}
			}
			p.end()
		})
	})
	b.Run("queue_roundtrip", func(b *testing.B) {
		in, out := closing(b, must(NewQueue[int](0))(b), nil), closing(b, must(NewQueue[int](0))(b), nil)
		p := newPartner(b, benchQueueEcho, benchArgs{In: in, Out: out})
		proctest.BesidePython(b, "testdata/python", "queue_roundtrip", 10_000, func(n int) {
			p.begin(n)
			for i := range n {
				if err := in.Put(ctx, i); err != nil {
					b.Fatal(err)
				}
				if v, err := out.Get(ctx); v != i || err != nil {
					b.Fatal(v, err)
				}
			}
			p.end()
		})
	})
	b.Run("pipe", func(b *testing.B) {
		proctest.BesidePython(b, "testdata/python", "pipe", 20_000, pipeTrips(b, 64))
	})
	b.Run("lock_uncontended", func(b *testing.B) {
		l := closing(b, must(NewLock())(b), nil)
		proctest.BesidePython(b, "testdata/python", "lock_uncontended", 1_000_000, func(n int) {
			if err := lockLoop(l, n); err != nil {
				b.Fatal(err)
			}
		})
	})
	b.Run("lock_contended", func(b *testing.B) {
		l := closing(b, must(NewLock())(b), nil)
		p := newPartner(b, benchLock, benchArgs{Lock: l})
		proctest.BesidePython(b, "testdata/python", "lock_contended", 1_000_000, func(n int) {
			p.begin(n / 2)
			if err := lockLoop(l, n/2); err != nil {
				b.Fatal(err)
			}
			p.end()
		})
	})
}
