package workload

import (
	"context"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

var launchers = map[string]launcher{"goroutine": goroutines, "ants": pooled, "thread": threads}

// Nobody works before all have arrived and the barrier is open, and nobody
// leaves before the memory has been read.
func TestTeam(t *testing.T) {
	const n = 20
	for name, launch := range launchers {
		t.Run(name, func(t *testing.T) {
			var worked, ran atomic.Int64
			free := launch
			launch := func(n int, fn func(int)) (func(), error) {
				return free(n, func(i int) { fn(i); ran.Add(1) })
			}
			team, err := gather(new(bench.B), launch, n, func(int) { worked.Add(1) })
			if err != nil {
				t.Fatal(err)
			}
			if w := worked.Load(); w != 0 {
				t.Errorf("%d units worked before the barrier was open", w)
			}
			team.open()
			team.wait()
			if w, r := worked.Load(), ran.Load(); w != n || r != 0 {
				t.Errorf("%d of %d units have worked, %d are gone", w, n, r)
			}
			team.dismiss()
			// It waits for the end of what they ran, which is counted here just
			// after that.
			for began := time.Now(); ran.Load() != n; time.Sleep(time.Millisecond) {
				if time.Since(began) > time.Minute {
					t.Fatalf("%d of %d units are gone", ran.Load(), n)
				}
			}
		})
	}
}

// It is the same for greenlets.
func TestTeamOfGreenlets(t *testing.T) {
	const n = 20
	worked := 0
	var h *hub.Hub
	live := func() int { return h.Len() }
	before, after := 0, 0
	_, err := contestGreenlets(new(bench.B), n, func(in *hub.Hub) work {
		h, before = in, in.Len()
		return func(int, *bench.Unit) error { worked++; return h.Yield() }
	}, func() {
		if worked != 0 || live() != before+n {
			t.Errorf("%d of %d greenlets had worked when the clock started, %d were there", worked, n, live()-before)
		}
	}, func() {
		if after = live() - before; worked != n || after != n {
			t.Errorf("%d of %d greenlets had worked when it stopped, %d were there", worked, n, after)
		}
	})
	if err != nil || after == 0 {
		t.Error(err)
	}
}

var countWorker = registerWorker("bench.count", func(_ context.Context, worked *procs.RawValue[int64], _ *bench.Unit) error {
	atomic.AddInt64(worked.Raw(), 1)
	return nil
})

// And for processes.
func TestTeamOfWorkers(t *testing.T) {
	const n = 2
	worked, err := procs.NewRawValue[int64](0)
	if err != nil {
		t.Fatal(err)
	}
	defer worked.Close()
	b := &bench.B{N: n}
	w, err := gatherWorkers(b, countWorker, slices.Repeat([]*procs.RawValue[int64]{worked}, n))
	defer w.free()
	if err != nil {
		t.Fatal(err)
	}
	if got := atomic.LoadInt64(worked.Raw()); got != 0 {
		t.Errorf("%d workers worked before the barrier was open", got)
	}
	if err := errors.Join(w.open(), w.wait()); err != nil {
		t.Fatal(err)
	}
	if got := atomic.LoadInt64(worked.Raw()); got != n || w.alive() != nil {
		t.Errorf("%d of %d workers have worked; %v", got, n, w.alive())
	}
	if err := w.dismiss(b); err != nil || w.alive() == nil {
		t.Errorf("dismissed: %v; of %d workers none has ended", err, n)
	}
}

// A unit that fails ends the race, though others wait for it.
func TestRaceGreenletsFails(t *testing.T) {
	bad := errors.New("bad")
	_, err := raceGreenlets(new(bench.B), 3, func(h *hub.Hub) work {
		never := hub.NewEvent(h)
		return func(i int, _ *bench.Unit) error {
			if i == 1 {
				return bad
			}
			return never.Wait()
		}
	})
	if err != bad {
		t.Errorf("got %v, want %v", err, bad)
	}
}

// How a worker process of the tests behaves.
const (
	workerCounts = iota // its answer is 7, with one latency of 5 ns
	workerFails
	workerDies
)

var testWorker = registerWorker("bench.test", func(ctx context.Context, how int, u *bench.Unit) error {
	switch how {
	case workerFails:
		return errors.New("it failed")
	case workerDies:
		os.Exit(3)
	}
	u.Add(5)
	u.Answer = 7
	return nil
})

func TestRaceWorkers(t *testing.T) {
	b := &bench.B{N: 3}
	if answer, err := raceWorkers(b, testWorker, []int{workerCounts, workerCounts, workerCounts}); answer != 21 || err != nil {
		t.Errorf("got %d, %v, want 21", answer, err)
	}
	for how, want := range map[int]string{workerFails: "exit code 1", workerDies: "exit code 3"} {
		_, err := raceWorkers(&bench.B{N: 2}, testWorker, []int{workerCounts, how})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// pingPongDirect is what pingPongShared would be for goroutines if it launched
// its units itself.
func pingPongDirect(b *bench.B) (uint64, error) {
	to, fro := make(chan uint64), make(chan uint64)
	ours, theirs := b.Unit(b.N), b.Unit(0)
	b.Units(2)
	var wg sync.WaitGroup
	wg.Go(func() { pongTask(theirs, to, fro) })
	wg.Go(func() { pingTask(b, ours, to, fro) })
	wg.Wait()
	return b.Answer(), nil
}

// BenchmarkLauncher shows what sharing a body between models costs an op: the
// time of a round trip between two goroutines that the kit launched, beside two
// that the workload launched itself, in turn.
func BenchmarkLauncher(b *testing.B) {
	const rounds = 21
	measure := func(impl bench.Func) float64 {
		w := *pingPong
		w.Impls = map[bench.Model]bench.Func{Goroutine: impl}
		c := bench.Case{Workload: w.Name, Model: Goroutine, CPUs: 1}
		r, err := bench.Measure(&w, c, bench.Options{N: max(b.N/rounds, 1000), Op: 200 * time.Nanosecond})
		if err != nil {
			b.Fatal(err)
		}
		return float64(r.Elapsed) / float64(r.N)
	}
	var launched, direct []float64
	for range rounds {
		launched = append(launched, measure(pingPong.Impls[Goroutine]))
		direct = append(direct, measure(pingPongDirect))
	}
	slices.Sort(launched)
	slices.Sort(direct)
	b.ReportMetric(launched[rounds/2], "ns/op")
	b.ReportMetric(launched[rounds/2]/direct[rounds/2], "x-direct")
}

var rawWorker = registerWorker("bench.raw", func(_ context.Context, in *procs.RawValue[uint64], u *bench.Unit) error {
	raw := in.Raw()
	for range 5 { // what nobody refers to is let go
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	u.Answer = *raw
	return nil
})

// What a worker was given lasts as long as its work, even if that knows no more
// than the address of memory that is shared.
func TestWorkerKeepsArguments(t *testing.T) {
	v, err := procs.NewRawValue[uint64](7)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if answer, err := raceWorkers(&bench.B{N: 1}, rawWorker, []*procs.RawValue[uint64]{v}); answer != 7 || err != nil {
		t.Errorf("%d, %v", answer, err)
	}
}
