package main

import (
	"sync/atomic"

	"github.com/sourcegraph/conc"
	"github.com/sourcegraph/conc/iter"
	"github.com/sourcegraph/conc/pool"
	"golang.org/x/sync/errgroup"

	"switchyard/bench"
	"switchyard/bench/workload"
)

// launchConc starts units in a pool, which grows as long as its goroutines are
// busy.
func launchConc(n int, fn func(i int)) (free func(), err error) {
	p := pool.New()
	for i := range n {
		p.Go(func() { fn(i) })
	}
	return p.Wait, nil
}

func launchErrgroup(n int, fn func(i int)) (free func(), err error) {
	var g errgroup.Group
	for i := range n {
		g.Go(func() error { fn(i); return nil })
	}
	return func() { _ = g.Wait() }, nil // they return none
}

// eachConc has a pool with so many goroutines, that stay for the next tasks.
func eachConc(n, limit int, do func(i int) error) error {
	p := pool.New().WithMaxGoroutines(limit).WithErrors()
	for i := range n {
		p.Go(func() error { return do(i) })
	}
	return p.Wait()
}

// eachErrgroup starts a goroutine per task, so many at once.
func eachErrgroup(n, limit int, do func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(limit)
	for i := range n {
		g.Go(func() error { return do(i) })
	}
	return g.Wait()
}

// forkConc has a wait group, since a pool is for many tasks.
func forkConc(n int, do func(i int)) {
	var wg conc.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

func forkErrgroup(n int, do func(i int)) {
	wait, _ := launchErrgroup(n, do)
	wait()
}

// submitConc has a pool, whose goroutines stay for the next tasks.
func submitConc(b *bench.B) (uint64, error) {
	p := pool.New().WithMaxGoroutines(b.Int("inflight"))
	defer p.Wait()
	return workload.Submitting(b, func(task func()) error { p.Go(task); return nil })
}

func submitErrgroup(b *bench.B) (uint64, error) {
	var g errgroup.Group
	g.SetLimit(b.Int("inflight"))
	defer func() { _ = g.Wait() }() // no task returns an error
	return workload.Submitting(b, func(task func()) error {
		g.Go(func() error { task(); return nil })
		return nil
	})
}

// spawnConc makes a pool for each round: one cannot be used again once it has
// been waited for.
func spawnConc(b *bench.B) (uint64, error) {
	n := b.Int("n")
	var ended atomic.Uint64
	return workload.Rounds(b, n, func() error {
		p := pool.New()
		for range n {
			p.Go(func() { ended.Add(1) })
		}
		p.Wait()
		return nil
	}, ended.Load)
}

func spawnErrgroup(b *bench.B) (uint64, error) {
	n := b.Int("n")
	var ended atomic.Uint64
	return workload.Rounds(b, n, func() error {
		var g errgroup.Group
		for range n {
			g.Go(func() error { ended.Add(1); return nil })
		}
		return g.Wait()
	}, ended.Load)
}

// cpuMapConc has its goroutines take chunks in turn, by the iterator.
func cpuMapConc(b *bench.B) (uint64, error) {
	return cpuMap(b, func(chunks int, do func(i int)) error {
		iter.Iterator[struct{}]{MaxGoroutines: b.CPUs}.ForEachIdx(make([]struct{}, chunks), func(i int, _ *struct{}) { do(i) })
		return nil
	})
}

// cpuMapErrgroup starts a goroutine per chunk, as many at once as there are
// CPUs.
func cpuMapErrgroup(b *bench.B) (uint64, error) {
	return cpuMap(b, func(chunks int, do func(i int)) error {
		return eachErrgroup(chunks, b.CPUs, func(i int) error { do(i); return nil })
	})
}

// cpuMap times a map of chunks. What the tasks are done by is started as they
// come: that is these models' way.
func cpuMap(b *bench.B, each func(chunks int, do func(i int)) error) (uint64, error) {
	var done atomic.Int64
	u := b.Unit(0)
	b.Units(b.CPUs)
	b.Start()
	m := workload.NewMap(b)
	err := each(m.Chunks(), func(i int) { done.Add(int64(m.Do(i))) })
	b.Stop()
	u.Ops = int(done.Load())
	return m.Answer(), err
}
