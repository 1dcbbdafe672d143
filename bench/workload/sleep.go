package workload

import (
	"context"
	"slices"
	"time"

	"switchyard/bench"
	"switchyard/greenlet/hub"
)

// nap is how long a sleeper sleeps.
const nap = 10 * time.Millisecond

var sleep = &bench.Workload{
	Name: "Sleep",
	Kind: "waiting and IO",
	Story: "N tasks sleep 10 ms again and again, all at once: what a program does that waits for many slow answers. Perfect is " +
		"N ops in 10 ms, whatever the model; what differs is what the waiting costs, and how late a sleeper wakes. " +
		"Latency is that lateness alone.",
	Op:    "sleep",
	Cases: []bench.Params{"n=100", "n=10000"},
	Batch: func(p bench.Params) int { return p.Int("n") },
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Impls: map[bench.Model]bench.Func{
		Greenlet:  sleepGreenlet,
		Goroutine: sleepShared(goroutines),
		Ants:      sleepShared(pooled),
		Thread:    sleepShared(threads),
		Process:   sleepProcess,
	},
	NA: map[bench.Model]string{
		Serial: "one task cannot sleep for many at once; one after another would take N times as long",
	},
	Limit: func(b *bench.B) error {
		switch n := b.Int("n"); {
		case b.Model == Thread && n >= 10_000:
			return bench.Void("a Go program ends when it has 10,000 threads")
		case b.Model == Process && n >= 10_000:
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

func sleepGreenlet(b *bench.B) (uint64, error) {
	n := b.Int("n")
	slept, lat := make([]uint64, n), b.Recorder(b.N)
	err := raceGreenlets(b, n, func(h *hub.Hub) func(i int) error {
		return func(i int) error {
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
		}
	})
	return sum(slept), err
}

func sleepShared(launch launcher) bench.Func {
	return func(b *bench.B) (uint64, error) {
		n := b.Int("n")
		slept, lats := make([]uint64, n), recorders(b, n)
		err := race(b, launch, n, func(i int) { slept[i] = sleeper(b.N/n, lats[i]) })
		return sum(slept), err
	}
}

var sleepWorker = registerWorker("bench.sleep", func(_ context.Context, rounds int, lat *bench.Recorder) (uint64, error) {
	return sleeper(rounds, lat), nil
})

func sleepProcess(b *bench.B) (uint64, error) {
	n := b.Int("n")
	return raceWorkers(b, sleepWorker, slices.Repeat([]int{b.N / n}, n))
}
