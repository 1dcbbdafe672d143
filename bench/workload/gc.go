package workload

import (
	"context"
	"runtime"

	"switchyard/bench"
	"switchyard/greenlet/hub"
)

var gc = &bench.Workload{
	Name: "GC",
	Kind: "computing",
	Story: "As many tasks as CPUs answer requests, for each of which they allocate 16 KiB in small pieces, beside a heap of " +
		"records that stay: a cache, an index, sessions. To collect the garbage, all that lives is looked at. Tasks of one " +
		"program share the heap and its collector; processes split it, and each looks at its part by itself. A result is " +
		"so long that the collector has to run at least twice. Latency is that of a request, with what the collector takes.",
	Op:    "request",
	Cases: []bench.Params{"heapMiB=64"},
	More:  []bench.Params{"heapMiB=0", "heapMiB=512"},
	// Half of the heap: a result has ten at the least.
	Batch: func(p bench.Params) int { return max(p.Int("heapMiB"), 4) << 20 / 2 / requestBytes },
	Want:  func(b *bench.B) uint64 { return uint64(b.N*requestRecords + heapRecords(b)) },
	Ledger: func(b *bench.B) bench.Ledger {
		want := bench.Ledger{Units: b.CPUs, Ops: b.N}
		if b.Model == Greenlet {
			want.Suspensions = b.N
		}
		return concurrent(b, want)
	},
	Exceptions: map[int]string{2: "beside greenlets, tasks that compute wait for nobody"},
	Impls:      byModel(gcSerial, gcGreenlet, gcShared, gcProcess),
}

// A record is 256 bytes.
type record struct {
	left, right *record
	_           [240]byte
}

const (
	recordBytes    = 256
	requestBytes   = 16 << 10
	requestRecords = requestBytes / recordBytes
)

func heapRecords(b *bench.B) int { return b.Int("heapMiB") << 20 / recordBytes }

// grow returns a tree of n records.
func grow(n int) *record {
	if n == 0 {
		return nil
	}
	return &record{left: grow((n - 1) / 2), right: grow(n / 2)}
}

// count returns how many records a tree has.
func (r *record) count() uint64 {
	if r == nil {
		return 0
	}
	return 1 + r.left.count() + r.right.count()
}

// settle grows a heap of n records and collects what is left from before, so
// that every model begins with the heap alone.
func settle(n int) (heap *record, records uint64) {
	heap = grow(n)
	records = heap.count()
	runtime.GC()
	return heap, records
}

// request allocates a list of records, and returns how many they are.
//
//go:noinline
func request() (n uint64) {
	var list *record
	for range requestRecords {
		list = &record{left: list}
	}
	return list.count()
}

// requests answers n of them, and gives way after each.
func requests(n int, u *bench.Unit, yield func() error) error {
	for i := range n {
		t := u.Begin(i)
		u.Answer += request()
		u.End(t)
		u.Ops++
		if err := yield(); err != nil {
			return err
		}
	}
	return nil
}

// besideHeap calls run while there is a heap.
func besideHeap(b *bench.B, run func() (uint64, error)) (uint64, error) {
	heap, records := settle(heapRecords(b))
	b.Unit(0).Answer = records
	answer, err := run()
	runtime.KeepAlive(heap)
	return answer, err
}

func gcSerial(b *bench.B) (uint64, error) {
	return besideHeap(b, func() (uint64, error) {
		return alone(b, func(u *bench.Unit) error { return requests(b.N, u, nothing) })
	})
}

func gcGreenlet(b *bench.B) (uint64, error) {
	return besideHeap(b, func() (uint64, error) {
		return raceGreenlets(b, b.CPUs, func(h *hub.Hub) work {
			return func(i int, u *bench.Unit) error { return requests(b.Share(i, b.CPUs), u, h.Yield) }
		})
	})
}

func gcShared(b *bench.B, launch launcher) (uint64, error) {
	return besideHeap(b, func() (uint64, error) {
		return race(b, launch, b.CPUs, func(i int, u *bench.Unit) error { return requests(b.Share(i, b.CPUs), u, nothing) })
	})
}

// gcArgs is a worker's part of the requests and of the heap.
type gcArgs struct{ Requests, Records int }

// The heap of a worker process, and how many records it has.
var (
	workerHeap    *record
	workerRecords uint64
)

func (in gcArgs) prepare() error { workerHeap, workerRecords = settle(in.Records); return nil }

var gcWorker = registerWorker("bench.gc", func(_ context.Context, in gcArgs, u *bench.Unit) error {
	defer runtime.KeepAlive(workerHeap)
	u.Answer = workerRecords
	return requests(in.Requests, u, nothing)
})

func gcProcess(b *bench.B) (uint64, error) {
	records := heapRecords(b)
	return raceWorkers(b, gcWorker, inputs(b.CPUs, func(i int) gcArgs {
		return gcArgs{b.Share(i, b.CPUs), records*(i+1)/b.CPUs - records*i/b.CPUs}
	}))
}
