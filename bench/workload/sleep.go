package workload

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

// nap is how long a sleeper sleeps.
const nap = 10 * time.Millisecond

var sleep = &bench.Workload{
	Name: "Sleep",
	Story: "N tasks sleep 10 ms again and again, all at once: what a program does that waits for many slow answers. Perfect is " +
		"N ops in 10 ms, whatever the model; what differs is what the waiting costs, and how late a sleeper wakes. " +
		"Latency is that lateness alone.",
	Op:    "sleep",
	Cases: []bench.Params{"n=100", "n=10000"},
	Batch: func(p bench.Params) int { return p.Int("n") },
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Impls: map[bench.Model]bench.Func{
		bench.Greenlet:  sleepGreenlet,
		bench.Goroutine: sleepGoroutine,
		bench.Ants:      sleepAnts,
		bench.Thread:    sleepThread,
		bench.Process:   sleepProcess,
	},
	NA: map[bench.Model]string{
		bench.Serial: "one task cannot sleep for many at once; one after another would take N times as long",
	},
	Limit: func(b *bench.B) error {
		switch n := b.Int("n"); {
		case b.Model == bench.Thread && n >= 10_000:
			return bench.Void("a Go program ends when it has 10,000 threads")
		case b.Model == bench.Process && n >= 10_000:
			return bench.Void("%d processes, at some 1 MiB and more than a millisecond of start-up each, are no way to sleep", n)
		}
		return nil
	},
}

// A sleeper naps and notes how late it woke; it returns how often it slept.
func sleeper(rounds int, lat *bench.Recorder) (slept uint64) {
	for i := range rounds {
		t := lat.Begin(i)
		time.Sleep(nap)
		if t != 0 {
			lat.Add(lat.Now() - t - int64(nap))
		}
		slept++
	}
	return slept
}

// readyWait returns a group to wait until n sleepers are there.
func readyWait(n int) *sync.WaitGroup {
	ready := new(sync.WaitGroup)
	ready.Add(n)
	return ready
}

func sleepGreenlet(b *bench.B) (uint64, error) {
	n := b.Int("n")
	slept := make([]uint64, n)
	err := hub.Run(func(h *hub.Hub) error {
		var peak bench.Peak
		lat := b.Recorder(b.N)
		sleepers := make([]*hub.Greenlet, n)
		start := hub.NewEvent(h)
		for i := range sleepers {
			sleepers[i] = h.Spawn(func() error {
				peak.Enter()
				defer peak.Leave()
				if err := start.Wait(); err != nil {
					return err
				}
				for k := range b.N / n {
					t := lat.Begin(k)
					if err := h.Sleep(nap); err != nil {
						return err
					}
					if t != 0 {
						lat.Add(lat.Now() - t - int64(nap))
					}
					slept[i]++
				}
				return nil
			})
		}
		if err := h.Yield(); err != nil { // all of them come as far as the gate
			return err
		}
		b.Start()
		start.Set()
		err := h.GetAll(sleepers...)
		b.Stop()
		b.Units(peak.Most())
		return err
	})
	return sum(slept), err
}

func sleepGoroutine(b *bench.B) (uint64, error) {
	n := b.Int("n")
	slept, lats := make([]uint64, n), recorders(b, n)
	var peak bench.Peak
	var wg sync.WaitGroup
	ready, start := readyWait(n), make(chan struct{})
	for i := range n {
		wg.Go(func() {
			peak.Enter()
			defer peak.Leave()
			ready.Done()
			<-start
			slept[i] = sleeper(b.N/n, lats[i])
		})
	}
	ready.Wait()
	b.Start()
	close(start)
	wg.Wait()
	b.Stop()
	b.Units(peak.Most())
	return sum(slept), nil
}

func sleepAnts(b *bench.B) (uint64, error) {
	n := b.Int("n")
	pool, err := ants.NewPool(n)
	if err != nil {
		return 0, err
	}
	defer release(pool)
	slept, lats := make([]uint64, n), recorders(b, n)
	var peak bench.Peak
	var wg sync.WaitGroup
	wg.Add(n)
	ready, start := readyWait(n), make(chan struct{})
	for i := range n {
		err := pool.Submit(func() {
			defer wg.Done()
			peak.Enter()
			defer peak.Leave()
			ready.Done()
			<-start
			slept[i] = sleeper(b.N/n, lats[i])
		})
		if err != nil {
			return 0, err
		}
	}
	ready.Wait()
	b.Start()
	close(start)
	wg.Wait()
	b.Stop()
	b.Units(peak.Most())
	return sum(slept), nil
}

func sleepThread(b *bench.B) (uint64, error) {
	n := b.Int("n")
	slept, lats := make([]uint64, n), recorders(b, n)
	var peak bench.Peak
	var wg sync.WaitGroup
	ready, start := readyWait(n), make(chan struct{})
	for i := range n {
		wg.Go(func() {
			runtime.LockOSThread()
			peak.Enter()
			defer peak.Leave()
			ready.Done()
			<-start
			slept[i] = sleeper(b.N/n, lats[i])
		})
	}
	ready.Wait()
	b.Start()
	close(start)
	wg.Wait()
	b.Stop()
	b.Units(peak.Most())
	return sum(slept), nil
}

type sleepArgs struct {
	Gate          *gate
	Rounds, Every int
}

var sleepWorker = procs.Register("bench.sleep", func(ctx context.Context, in sleepArgs) (struct{}, error) {
	if err := in.Gate.pass(ctx); err != nil {
		return struct{}{}, err
	}
	lat := bench.NewRecorder(in.Every, in.Rounds)
	slept := sleeper(in.Rounds, lat)
	return struct{}{}, in.Gate.report(ctx, outcome{slept, lat.Samples()})
})

// sleepProcess has one process per sleeper; all were alive at once, since all
// stood at the gate.
func sleepProcess(b *bench.B) (uint64, error) {
	n := b.Int("n")
	g, err := newGate()
	defer g.close()
	if err != nil {
		return 0, err
	}
	args := make([]sleepArgs, n)
	for i := range args {
		args[i] = sleepArgs{g, b.N / n, b.Every()}
	}
	crew, err := startCrew(sleepWorker, args)
	if err != nil {
		return 0, err
	}
	defer crew.kill()
	if err := g.muster(n); err != nil {
		return 0, err
	}
	b.Units(n)
	slept, err := g.race(b, n)
	return slept, firstError(err, crew.join())
}
