package workload

import (
	"context"
	"fmt"

	"switchyard/bench"
)

// What runners of other modules need to have these workloads in models of their
// own, as bench/peers/go has: what must be the same in every model, the work
// and the load. How units are started and given work is the model's own.

// Find returns the workload of that name; it panics if there is none. Its copy
// with other Impls is the same workload in other models.
func Find(name string) *bench.Workload {
	for _, w := range All() {
		if w.Name == name {
			return w
		}
	}
	panic("workload: no " + name)
}

// A Launcher starts fn(0) to fn(n-1), each in a unit of its own, at once. It
// does not wait for them; free does, after their end.
type Launcher = launcher

// Sleeping returns Sleep for units that launch starts.
func Sleeping(launch Launcher) bench.Func { return launched(sleepShared, launch) }

// Chaining returns Chain for units that launch starts, while the clock runs.
func Chaining(launch Launcher) bench.Func { return launched(chainShared, launch) }

// Dividing returns Skynet for tasks that fork starts: do(0) to do(n-1), each in
// a task of its own. It returns when all of them have ended.
func Dividing(fork func(n int, do func(i int))) bench.Func {
	return func(b *bench.B) (uint64, error) {
		return trees(b, func(root subtree) (leafSum, error) { return addForked(fork, root), nil })
	}
}

func addForked(fork func(n int, do func(i int)), t subtree) (sum leafSum) {
	if t.Leaves == 1 {
		return leafSum{uint64(t.First), 1}
	}
	var children [10]leafSum
	fork(len(children), func(i int) { children[i] = addForked(fork, t.child(i)) })
	sum = itself()
	for _, s := range children {
		sum.add(s)
	}
	return sum
}

// Submitting is the body of Submit: start runs each task at once, in one of as
// many goroutines as tasks are in flight, or more.
func Submitting(b *bench.B, start func(task func()) error) (uint64, error) {
	return submitJobs(b, start)
}

// An Each calls do(0) to do(n-1), each in a task of its own, of which no more
// than limit are there at once. When all have ended it returns the error of one
// of them, if one had any.
type Each func(n, limit int, do func(i int) error) error

// Fetching returns Fetch with a task for each download.
func Fetching(each Each) bench.Func {
	return func(b *bench.B) (uint64, error) {
		return withServer(b, func(addr string) (uint64, error) {
			return each.race(b, func(u *bench.Unit) func(i int) error { return fetcher(u, dialTCP(addr)) })
		})
	}
}

// Filing returns Files with a task for each file.
func Filing(each Each) bench.Func {
	return func(b *bench.B) (uint64, error) {
		return withSpool(b, func(s spool) (uint64, error) {
			return each.race(b, func(u *bench.Unit) func(i int) error { return s.handler(u, here) })
		})
	}
}

// race times b.N ops. A unit is a place, with what place makes for it to do
// op i by: a task takes one that is free, and leaves it to the next.
func (each Each) race(b *bench.B, place func(u *bench.Unit) (op func(i int) error)) (uint64, error) {
	n := b.Int("tasks")
	free := make(chan func(i int) error, n)
	for _, u := range units(b, n) {
		free <- place(u)
	}
	b.Units(n)
	b.Start()
	err := each(b.N, n, func(i int) error {
		select {
		case op := <-free:
			defer func() { free <- op }()
			return op(i)
		default:
			return fmt.Errorf("more than %d tasks are there at once", n)
		}
	})
	b.Stop()
	return b.Answer(), err
}

// Rounds is the body of Spawn: it calls round, which does n ops, until b.N are
// done, from Start to Stop. In the end ended says how many tasks have ended.
func Rounds(b *bench.B, n int, round func() error, ended func() uint64) (uint64, error) {
	return rounds(b, n, round, ended)
}

// A Map is what CPUMap computes: chunks of tasks, each of which may be done by
// any unit.
type Map struct{ job *cpuJob }

// NewMap returns the map of b.N tasks. It is to be called when the clock runs,
// since the results are made in it.
func NewMap(b *bench.B) Map { return Map{newCPUJob(b)} }

// Chunks returns how many chunks there are.
func (m Map) Chunks() int { return m.job.chunks() }

// Do computes chunk i, and returns the ops of it: its tasks, and that it was
// taken.
func (m Map) Do(i int) (ops int) { return m.job.do(i) }

// Answer returns the workload's answer, once all chunks are done.
func (m Map) Answer() uint64 { return digest(m.job.results) }

// LineSize is the length of a line of Echo, in bytes.
const LineSize = lineSize

// Upper writes the upper case of a line into itself: what a server of Echo does
// between reading and writing it.
func Upper(line []byte) { upper(line) }

// AskEcho is the load of Echo: connections to the server at the address, each
// of which waits for its answer before it asks again, from Start to Stop. It
// returns how many answers were right.
func AskEcho(b *bench.B, addr string) (answered uint64, err error) { return echoClients(b, addr) }

// AskEchoOpen is likewise the load of the open loop, at a given rate.
func AskEchoOpen(b *bench.B, addr string) (answered uint64, err error) { return openClients(b, addr) }

// Manage is the master of the task queue, from Start to Stop: it puts tasks 1
// to b.N, with as many in flight as the parameter says, and takes their
// results. That of a task is its number plus one.
func Manage(b *bench.B, put func(task uint64) error, take func() (result uint64, err error)) error {
	u := b.Unit(b.N)
	b.Start()
	err := manage(b.N, b.Int("inflight"), u, put, take)
	b.Stop()
	return err
}

// Serving registers what a worker process does, under a name; call it before
// main. It returns what starts a worker with each of ins, and calls measure
// once they are at work, which starts and stops the timer, and sees to it that
// they end. Alive returns an error if one of them has ended.
func Serving[In any](name string, work func(ctx context.Context, in In, u *bench.Unit) error,
) func(b *bench.B, ins []In, measure func(alive func() error) error) error {
	f := registerWorker(name, work)
	return func(b *bench.B, ins []In, measure func(alive func() error) error) error {
		return serveWorkers(b, f, ins, func(w *workers) error { return measure(w.alive) })
	}
}
