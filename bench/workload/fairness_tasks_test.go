package workload

import (
	"strings"
	"testing"

	"switchyard/bench"
	"switchyard/greenlet"
)

// A chain whose greenlets start with the value that they should have waited
// for.
func TestChainMutants(t *testing.T) {
	c := bench.Case{Workload: "Chain", Params: "n=10", Model: Greenlet, CPUs: 1}
	err := tryMutant(chain, c, 1000, func(b *bench.B) (uint64, error) {
		main := greenlet.Main[uint64]()
		defer main.Close()
		return chains(b, func(_ *bench.Unit, n int) (uint64, error) {
			last := main
			for range n {
				last = greenlet.New(last, func(_ *greenlet.Greenlet[uint64], v uint64) (uint64, error) { return v + 1, nil })
			}
			return last.Switch(0)
		})
	})
	if err == nil || !strings.Contains(err.Error(), "units were suspended ") {
		t.Error(err)
	}
}

// A tree that adds up more leaves than it has, or fewer, and takes the sum from
// the formula.
func TestSkynetMutants(t *testing.T) {
	for leaves, want := range map[uint64]string{
		900: "the units did 1011 ops, want 1111", 1000: "", 1100: "the units did 1211 ops, want 1111",
	} {
		c := bench.Case{Workload: "Skynet", Params: "leaves=1000", Model: Serial, CPUs: 1}
		err := tryMutant(skynet, c, 1000, func(b *bench.B) (uint64, error) {
			return trees(b, func(root subtree) (leafSum, error) {
				waitForClock()
				sum := addLeaves(root)
				return leafSum{sum.Numbers, sum.Tasks - 1000 + leaves}, nil
			})
		})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d leaves: %v", leaves, err)
		}
	}
}

// A unit that wakes without the others, because the event is there already, and
// one that has lost its stack.
func TestParkedMutants(t *testing.T) {
	c := bench.Case{Workload: "Parked", Params: "n=10/stack=1024", Model: Goroutine, CPUs: 1}
	err := tryMutant(parked, c, enoughOps, func(b *bench.B) (uint64, error) {
		nothing := func() error { return nil }
		ready := func(int) error { return nil }
		a := alarm{wait: ready, awake: nothing, ring: ready, all: nothing}
		return relay(b, goroutines, b.Int("n")+1, a.work(b))
	})
	if err == nil || !strings.Contains(err.Error(), "units were suspended ") {
		t.Error(err)
	}
}

// Callbacks that are not called, or twice, whatever the sum.
func TestSubmitMutants(t *testing.T) {
	for calls, want := range map[int]string{1: "", 2: "the units did 30 ops, want 20"} {
		c := bench.Case{Workload: "Submit", Params: "inflight=8", Model: Serial, CPUs: 1}
		err := tryMutant(submit, c, 100, func(b *bench.B) (uint64, error) {
			tally := newTally(b)
			tally.want *= uint64(calls)
			return submissions(b, tally, func(x uint64) (uint64, error) {
				tally.add(x + 1)
				for range calls - 1 {
					tally.add(0)
				}
				return x + 1, nil
			}, func(v uint64) (uint64, error) { return v, nil })
		})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%d calls: %v", calls, err)
		}
	}
}

// The heap is there for as long as requests are answered, and was collected
// beside them; without it the answer is wrong.
func TestGCMutants(t *testing.T) {
	c := bench.Case{Workload: "GC", Params: "heapMiB=16", Model: Goroutine, CPUs: 2}
	n := 10 * gc.Batch(c.Params)
	r, err := bench.Measure(gc, c, bench.Options{N: n})
	if err != nil {
		t.Fatal(err)
	}
	if r.GCs < 2 || r.Memory < 16<<20 || r.Bytes < uint64(n*requestBytes) {
		t.Errorf("%d collections of %d bytes, beside %d", r.GCs, r.Bytes, r.Memory)
	}
	none := with(func(b *bench.B) { b.Params = "heapMiB=0" })(gc, gc.Impls[Goroutine])
	err = tryMutant(gc, c, n, func(b *bench.B) (uint64, error) {
		if _, err := none(b); err != nil {
			return 0, err
		}
		return b.Answer(), nil
	})
	if err == nil || !strings.Contains(err.Error(), "wrong answer: ") {
		t.Errorf("without a heap: %v", err)
	}
}
