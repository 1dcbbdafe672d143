package workload

import (
	"context"
	"maps"
	"os"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"switchyard/bench"
	"switchyard/bench/proctree"
	"switchyard/procs"
)

var (
	fairRow  = regexp.MustCompile(`(?m)^\| (\d+) \| (.+) \| (.+) \| (.+) \| (.*)\|$`)
	fairTest = regexp.MustCompile("`(Test\\w+)`")
)

// FAIRNESS.md has all rules; each is kept in a file and has tests, and every
// exception is one that the page prints. (That there are such files and tests
// is looked at with the other documents.)
func TestFairness(t *testing.T) {
	text, err := os.ReadFile("../FAIRNESS.md")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../report/page/page.tmpl")
	if err != nil {
		t.Fatal(err)
	}
	exceptions := map[int][]string{}
	for _, w := range All() {
		for rule, why := range w.Exceptions {
			exceptions[rule] = append(exceptions[rule], w.Name)
			if why == "" || strings.HasSuffix(why, ".") {
				t.Errorf("%s, rule %d: the reason %q is no part of a sentence", w.Name, rule, why)
			}
		}
	}
	rows := fairRow.FindAllStringSubmatch(string(text), -1)
	for i, row := range rows {
		rule, names := i+1, fairTest.FindAllStringSubmatch(row[4], -1)
		if row[1] != strconv.Itoa(rule) || len(names) == 0 || !strings.Contains(row[3], "](") {
			t.Errorf("rule %d: the row %q", rule, row[0])
		}
		want, got := slices.Sorted(slices.Values(exceptions[rule])), strings.TrimSpace(row[5])
		if quote, ok := strings.CutPrefix(got, "page: "); ok {
			if got = ""; !strings.Contains(string(page), quote) {
				t.Errorf("rule %d: the page does not say %q", rule, quote)
			}
		}
		if got != strings.Join(want, ", ") {
			t.Errorf("rule %d: exceptions %q, declared by %q", rule, got, want)
		}
		delete(exceptions, rule)
	}
	if len(rows) != 32 || len(exceptions) > 0 {
		t.Errorf("%d rules, and exceptions from others: %v", len(rows), exceptions)
	}
}

// A unit that is to have touched so much of its stack has it.
func TestStackIsTouched(t *testing.T) {
	const n = 400
	stacks := func(bytes int) int {
		runtime.GC() // what others have left
		runtime.GC()
		var deep, gone sync.WaitGroup
		release := make(chan struct{})
		deep.Add(n)
		for range n {
			gone.Go(func() {
				err := onStack(bytes, func() error { deep.Done(); <-release; return nil })
				if err != nil {
					t.Error(err)
				}
			})
		}
		deep.Wait()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		close(release)
		gone.Wait()
		return int(m.StackInuse)
	}
	none := stacks(0)
	if got := stacks(8192) - none; got < n*8192*3/4 {
		t.Errorf("%d units with 8 KiB have %d bytes more than without", n, got)
	}
	if got := stacks(64<<10) - none; got < n*(60<<10) {
		t.Errorf("%d units with 64 KiB have %d bytes more than without", n, got)
	}
	var sizes []string
	for _, p := range sleep.Points() {
		if v, _ := p.Get("n"); v == "1000" {
			size, _ := p.Get("stack")
			sizes = append(sizes, size)
		}
	}
	if !slices.Equal(sizes, []string{"0", "1024", "8192"}) {
		t.Errorf("stacks of %v bytes", sizes)
	}
}

var greedyWorker = registerWorker("bench.greedy", func(_ context.Context, n int, _ *bench.Unit) error {
	runtime.GOMAXPROCS(n)
	return nil
})

// A worker that has more than one processor makes no result.
func TestWorkersHaveOneProcessor(t *testing.T) {
	for n, want := range map[int]string{1: "", 2: "a worker had GOMAXPROCS=2, want 1"} {
		text := ""
		if _, err := raceWorkers(&bench.B{N: 1}, greedyWorker, []int{1, n}); err != nil {
			text = err.Error()
		}
		if text != want {
			t.Errorf("%d: %q, want %q", n, text, want)
		}
	}
	pool, err := newPool(1)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Terminate()
	if n, err := procs.Apply(t.Context(), pool, processors, struct{}{}); n != 1 || err != nil {
		t.Errorf("a worker of a pool has GOMAXPROCS=%d, %v", n, err)
	}
}

var processors = procs.Register("bench.processors", func(context.Context, struct{}) (int, error) {
	return runtime.GOMAXPROCS(0), nil
})

// Where chunks are of several sizes, 1 is among them for every workload.
func TestChunksOfOne(t *testing.T) {
	found := 0
	for _, w := range All() {
		for _, p := range w.Points() {
			if _, ok := p.Get("chunk"); ok {
				found++
				if one := set(p, "1", "chunk"); !slices.Contains(w.Points(), one) {
					t.Errorf("%s has %s and not %s", w.Name, p, one)
				}
			}
		}
	}
	if found < 2 {
		t.Errorf("%d chunks", found)
	}
}

// Sizes of messages are on both sides of what a pipe holds.
func TestPayloadsCrossPipe(t *testing.T) {
	const buffer = 64 << 10
	least, most := buffer, 0
	for _, p := range pipe.Points() {
		least, most = min(least, p.Int("payload")), max(most, p.Int("payload"))
	}
	if least > 8 || most <= buffer {
		t.Errorf("from %d to %d bytes", least, most)
	}
}

// A map whose results are all there, and not in the order of its inputs, is
// wrong.
func TestOrderedResults(t *testing.T) {
	for name, change := range map[string]func(r []uint64){
		"as it is": func([]uint64) {}, "reversed": slices.Reverse[[]uint64], "two of them": func(r []uint64) { r[0], r[1] = r[1], r[0] },
	} {
		c := bench.Case{Workload: "CPUMap", Params: "task=1us/chunk=1", Model: Serial, CPUs: 1}
		err := tryMutant(cpuMap, c, 16, func(b *bench.B) (uint64, error) {
			u := b.Unit(0)
			b.Start()
			j := newCPUJob(b)
			for i := range j.chunks() {
				u.Ops += j.do(i)
			}
			b.Stop()
			change(j.results)
			return digest(j.results), nil
		})
		if (err == nil) != (name == "as it is") || err != nil && !strings.Contains(err.Error(), "wrong answer") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Spawn starts every process anew, and CPUMap has all of its processes before
// the clock starts.
func TestStartIsCold(t *testing.T) {
	number := func() int {
		p := procs.NewProcess(spawnTask, struct{}{}, procs.ProcessConfig{})
		n, err := strconv.Atoi(strings.TrimPrefix(p.Name(), "Process-"))
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := number()
	c := bench.Case{Workload: "Spawn", Params: "n=1", Model: Process, CPUs: 1}
	if _, err := bench.Measure(spawn, c, bench.Options{N: 3}); err != nil {
		t.Fatal(err)
	}
	if got := number() - before - 1; got != 1+3 { // of the warm-up, and of the result
		t.Errorf("4 tasks were %d processes", got)
	}
	pool, err := newPool(2)
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Terminate()
	warm := proctree.Descendants(os.Getpid())
	if _, err := procs.Map(t.Context(), pool, nopSteps, make([]int, 20), procs.Chunk(1)); err != nil {
		t.Fatal(err)
	}
	for _, pid := range proctree.Descendants(os.Getpid()) {
		if !slices.Contains(warm, pid) {
			t.Errorf("process %d was not there before the work, %v were", pid, warm)
		}
	}
}

// An exception goes with the workload to those that do not link it.
func TestExceptionsAreListed(t *testing.T) {
	for _, w := range All() {
		if got := w.Info(Models()).Exceptions; !maps.Equal(got, w.Exceptions) {
			t.Errorf("%s: %v, want %v", w.Name, got, w.Exceptions)
		}
	}
}
