package workload

import (
	"context"
	"errors"
	"runtime"
	"time"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var sharedArray = &bench.Workload{
	Name: "SharedArray",
	Kind: "computing",
	Story: "One array of so many bytes is transformed in place, again and again, by as many units as CPUs: an image, a grid, a matrix. " +
		"In a pass each unit does one part, in the next pass its neighbour's, so that all wait for each other in between: " +
		"from which size on is a pass worth sharing? Latency is that of a pass.",
	Op:     "pass",
	Cases:  []bench.Params{"size=1048576"},
	More:   []bench.Params{"size=8192", "size=65536", "size=16777216"},
	Refine: []string{"size"},
	Want: func(b *bench.B) uint64 {
		n, factor, plus := uint64(elements(b)), uint64(1), uint64(0)
		for range b.N {
			factor, plus = step(factor)-step(0), step(plus)
		}
		return factor*(n*(n-1)/2) + plus*n
	},
	Ledger: func(b *bench.B) bench.Ledger {
		all := b.N * elements(b)
		want := bench.Ledger{
			Units: b.CPUs, Ops: b.N * parts(b), Each: b.N, Bytes: all * elementBytes, Suspensions: b.N * (b.CPUs - 1),
			Elapsed: time.Duration(all) / 10 / time.Duration(runtime.NumCPU()), // a multiplication a cycle, of 0.1 ns
		}
		return concurrent(b, want)
	},
	Exceptions: map[int]string{2: "on one CPU there is one unit, which waits for nobody"},
	Impls:      byModel(sharedArraySerial, sharedArrayGreenlet, sharedArrayShared, sharedArrayProcess),
}

const elementBytes = 8

func elements(b *bench.B) int { return b.Int("size") / elementBytes }

// parts is how many units share out the array.
func parts(b *bench.B) int {
	if b.Model == Serial {
		return 1
	}
	return b.CPUs
}

// fill makes the first value of each element its index.
func fill(array []uint64) []uint64 {
	for i := range array {
		array[i] = uint64(i)
	}
	return array
}

func sum(array []uint64) (sum uint64) {
	for _, v := range array {
		sum += v
	}
	return sum
}

// passes is the work of unit i of n: a step for each element of its part, so
// that the sum tells how often each was done.
func passes(i, n, passes int, array []uint64, u *bench.Unit, wait func() error) error {
	t := u.Begin(0)
	for p := range passes {
		k := (i + p) % n
		part := array[k*len(array)/n : (k+1)*len(array)/n]
		for j, v := range part {
			part[j] = step(v)
		}
		if err := wait(); err != nil {
			return err
		}
		t = u.Next(t, p+1)
		u.Bytes += len(part) * elementBytes
		u.Ops++
	}
	return nil
}

func sharedArraySerial(b *bench.B) (uint64, error) {
	array := fill(make([]uint64, elements(b)))
	_, err := alone(b, func(u *bench.Unit) error { return passes(0, 1, b.N, array, u, nothing) })
	return sum(array), err
}

func sharedArrayGreenlet(b *bench.B) (uint64, error) {
	n, array := parts(b), fill(make([]uint64, elements(b)))
	_, err := raceGreenlets(b, n, func(h *hub.Hub) work {
		all := newHubBarrier(h, n)
		return func(i int, u *bench.Unit) error { return passes(i, n, b.N, array, u, all.wait) }
	})
	return sum(array), err
}

func sharedArrayShared(b *bench.B, launch launcher) (uint64, error) {
	n, array := parts(b), fill(make([]uint64, elements(b)))
	all := newGoBarrier(n)
	_, err := race(b, launch, n, func(i int, u *bench.Unit) error { return passes(i, n, b.N, array, u, all.wait) })
	return sum(array), err
}

type sharedArrayArgs struct {
	Array        *procs.RawArray[uint64]
	All          *procs.Barrier
	I, N, Passes int
}

// prepare maps every page of the array, as those have who filled it.
func (in sharedArrayArgs) prepare() error {
	array := in.Array.Raw()
	if n := uint64(len(array)); sum(array) != n*(n-1)/2 {
		return errors.New("the array is not filled")
	}
	return nil
}

var sharedArrayWorker = registerWorker("bench.sharedarray", func(ctx context.Context, in sharedArrayArgs, u *bench.Unit) error {
	return passes(in.I, in.N, in.Passes, in.Array.Raw(), u, procsBarrier(ctx, in.All, u))
})

func sharedArrayProcess(b *bench.B) (uint64, error) {
	n := parts(b)
	array, err := procs.NewRawArray[uint64](elements(b))
	if err != nil {
		return 0, err
	}
	defer array.Close()
	fill(array.Raw())
	all, err := procs.NewBarrier(n, nil)
	if err != nil {
		return 0, err
	}
	defer all.Close()
	_, err = raceWorkers(b, sharedArrayWorker, inputs(n, func(i int) sharedArrayArgs {
		return sharedArrayArgs{array, all, i, n, b.N}
	}))
	return sum(array.Raw()), err
}
