package workload

import "switchyard/bench"

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

// Sleeping returns Sleep for units that launch starts: fn(0) to fn(n-1), each
// in its own, at once. Launch does not wait for them; free does, after their
// end.
func Sleeping(launch func(n int, fn func(i int)) (free func(), err error)) bench.Func {
	return sleepShared(launch)
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

// Do computes chunk i, and returns how many tasks that were.
func (m Map) Do(i int) int { return m.job.do(i) }

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
