package workload

import (
	"context"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"switchyard/bench"
	"switchyard/procs"
)

// Models that give out the work otherwise than the others: in other chunks, in
// other batches, with fewer tasks in flight or more. Each of them is found,
// though all tasks are done and every result is right.
func TestShareMutants(t *testing.T) {
	notWithRace(t)
	for _, tt := range []struct {
		w          *bench.Workload
		p          bench.Params
		key, value string
		want       string
		alone      bool // the serial one differs, too: it has none in flight, but may have too many
	}{
		{cpuMap, "task=1us/chunk=1", "chunk", "64", "the units did ", true},
		{cpuMap, "task=1us/chunk=64", "chunk", "1", "the units did ", true},
		{cpuMap, "task=1us/chunk=64", "chunk", "32", "the units did ", true},
		{submit, "inflight=64", "inflight", "8", "no more than 8 were seen at once, want 64", true},
		{submit, "inflight=8", "inflight", "64", "saw 64 at once, want 1 to 8", true},
		{taskQueue, "workers=2/inflight=64", "inflight", "8", "no more than 8 were seen at once, want 64", false},
		{taskQueue, "workers=2/inflight=8", "inflight", "64", "saw 64 at once, want 1 to 8", true},
		{joinQueue, "c=4/batch=64", "batch", "32", "no more than 32 were seen at once, want 64", false},
		{joinQueue, "c=4/batch=8", "batch", "64", "saw 64 at once, want 1 to 8", true},
	} {
		for m, impl := range tt.w.Impls {
			if testing.Short() && m == Process || m == Serial && !tt.alone {
				continue
			}
			changed := with(func(b *bench.B) { b.Params = set(b.Params, tt.value, tt.key) })(tt.w, impl)
			other := func(b *bench.B) (uint64, error) {
				answer, err := changed(b)
				b.Units(tt.w.Ledger(b).Units) // whatever they were
				return answer, err
			}
			c := bench.Case{Workload: tt.w.Name, Params: tt.p, Model: m, CPUs: 2}
			if err := tryMutant(tt.w, c, 640, other); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s with %s=%s: %v, want %q", c, tt.key, tt.value, err, tt.want)
			}
		}
	}
}

// More chunks in flight than there may be, of which the ledger allows a few
// here: who gives them out goes on for as long as there is room, but may be
// interrupted.
func TestInFlightMutants(t *testing.T) {
	const few = 64
	w := *cpuMap
	w.Ledger = func(b *bench.B) bench.Ledger {
		want := cpuMap.Ledger(b)
		if want.Inside != inFlight*b.CPUs {
			t.Errorf("%d may be in flight, want %d for each of %d CPUs", want.Inside, inFlight, b.CPUs)
		}
		want.Inside = few
		return want
	}
	for name, in := range map[string]func(b *bench.B, room int) (uint64, error){
		"goroutine": func(b *bench.B, room int) (uint64, error) { return cpuMapFed(b, goroutines, room) },
		"ants":      cpuMapAntsIn,
	} {
		for times, want := range map[int]string{1: "", 100: " at once, want 1 to 64"} {
			c := bench.Case{Workload: "CPUMap", Params: "task=10us/chunk=1", Model: Goroutine, CPUs: 1}
			err := tryMutant(&w, c, inFlight, func(b *bench.B) (uint64, error) { return in(b, times*few) })
			if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
				t.Errorf("%s, room for %d: %v, want %q", name, times*few, err, want)
			}
		}
	}
}

// Maps of every kind that have all results, and not in the order of the inputs:
// as they came, or from the end.
func TestUnorderedResults(t *testing.T) {
	fromTheEnd := func(j *cpuJob) { slices.Reverse(j.results) }
	for name, impl := range map[string]bench.Func{
		"as they come": func(b *bench.B) (uint64, error) {
			var mu sync.Mutex
			var came []uint64
			first := make(chan struct{})
			return race(b, goroutines, b.CPUs, func(i int, u *bench.Unit) error {
				if i == 0 {
					<-first // the other is quicker
				} else {
					defer close(first)
				}
				for x := i; x < b.N; x += b.CPUs {
					v := cpuTask(uint64(x), b.Duration("task"))
					mu.Lock()
					came = append(came, v)
					if u.Ops += 2; len(came) == b.N {
						u.Answer = digest(came)
					}
					mu.Unlock()
				}
				return nil
			})
		},
		"greenlets from the end": func(b *bench.B) (uint64, error) {
			u, j := b.Unit(0), newCPUJob(b)
			b.Units(b.CPUs)
			b.Start()
			for i := range j.chunks() {
				u.Ops += j.do(j.chunks() - 1 - i)
			}
			fromTheEnd(j)
			b.Stop()
			return digest(j.results), nil
		},
		"processes from the end": func(b *bench.B) (uint64, error) {
			pool, err := newPool(b.CPUs)
			if err != nil {
				return 0, err
			}
			defer pool.Terminate()
			u, inputs := b.Unit(0), make([]uint64, b.N)
			for i := range inputs {
				inputs[i] = uint64(b.N - 1 - i)
			}
			b.Units(pool.Size())
			b.Start()
			results, err := procs.Map(context.Background(), pool, unorderedTask, inputs, procs.Chunk(1))
			b.Stop()
			u.Ops = 2 * len(results)
			return digest(results), err
		},
	} {
		c := bench.Case{Workload: "CPUMap", Params: "task=1us/chunk=1", Model: Goroutine, CPUs: 2}
		if err := tryMutant(cpuMap, c, 16, impl); err == nil || !strings.Contains(err.Error(), "wrong answer: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A future is that of its own task, whatever the sum of all.
	swapped := func(b *bench.B) (uint64, error) {
		tally := newTally(b)
		return submissions(b, tally, func(x uint64) (uint64, error) {
			tally.add(x + 1)
			return x ^ 1 + 1, nil
		}, func(v uint64) (uint64, error) { return v, nil })
	}
	c := bench.Case{Workload: "Submit", Params: "inflight=8", Model: Goroutine, CPUs: 2}
	if err := tryMutant(submit, c, 100, swapped); err == nil || !strings.Contains(err.Error(), "wrong answer: the future of task 0 has the result 2") {
		t.Errorf("futures that are swapped: %v", err)
	}
}

var unorderedTask = procs.Register("bench.test.unordered", func(_ context.Context, x uint64) (uint64, error) {
	return steps(stepsPerMicrosecond) + x, nil
})

// A tree that divides otherwise has as many leaves, and other tasks above them.
func TestTreeMutants(t *testing.T) {
	c := bench.Case{Workload: "Skynet", Params: "leaves=1000", Model: Goroutine, CPUs: 2}
	err := tryMutant(skynet, c, 1000, func(b *bench.B) (uint64, error) {
		return trees(b, func(root subtree) (leafSum, error) {
			sum := itself()
			for i := range 100 {
				sum.add(addLeaves(subtree{10 * i, 10}))
			}
			return sum, nil
		})
	})
	if err == nil || !strings.Contains(err.Error(), "the units did 1101 ops, want 1111") {
		t.Error(err)
	}
}

// encodes names a package that file imports, or the text, and that encodes
// values: they go by package procs, or as raw numbers.
func encodes(t *testing.T, file string, text any) string {
	f, err := parser.ParseFile(token.NewFileSet(), file, text, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		path, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(path, "encoding/") && path != "encoding/binary" || strings.HasPrefix(path, "compress/") {
			return path
		}
	}
	return ""
}

// Whatever processes send each other is in one encoding, whichever workload and
// model: no file has another one, and a number of eight bytes has eight.
func TestOneSerialisation(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		seen++
		if path := encodes(t, file, nil); path != "" {
			t.Errorf("%s encodes by %s", file, path)
		}
	}
	if seen < len(All()) {
		t.Errorf("%d files", seen)
	}
	for _, path := range []string{"encoding/gob", "encoding/json", "encoding/xml", "compress/flate"} {
		if got := encodes(t, "mutant.go", "package workload\nimport x "+strconv.Quote(path)); got != path {
			t.Errorf("a file that encodes by %s: %q", path, got)
		}
	}
	for size, want := range map[int]string{8: "", 4: "received 4 bytes instead of 8", 0: "received 0 bytes instead of 8", 9: "buffer"} {
		ours, theirs, err := procs.NewPipe(procs.OneWay)
		if err != nil {
			t.Fatal(err)
		}
		if err := theirs.SendBytes(make([]byte, size)); err != nil {
			t.Error(err)
		}
		_, err = recvUint64(ours)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("a number of %d bytes: %v, want %q", size, err, want)
		}
		ours.Close()
		theirs.Close()
	}
}
