package workload

import (
	"context"
	"runtime"
	"sync"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var ring = &bench.Workload{
	Name: "Ring",
	Story: "A token travels round N tasks, as a baton or a lock would. One task runs at a time; with many of them their " +
		"stacks no longer fit the processor's caches. Latency is a whole lap divided by its hops. " +
		"The process model has at most 10 processes.",
	Op:    "hop",
	Cases: []bench.Params{"n=10", "n=100", "n=1000"},
	Batch: func(p bench.Params) int { return p.Int("n") }, // whole laps
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Impls: map[bench.Model]bench.Func{
		bench.Serial:    ringSerial,
		bench.Greenlet:  ringGreenlet,
		bench.Goroutine: ringGoroutine,
		bench.Ants:      ringAnts,
		bench.Thread:    ringThread,
		bench.Process:   ringProcess,
	},
}

// ringProcesses bounds the ring of processes: a hop costs the same in a larger
// one, and a thousand processes, at 1 MiB and some two milliseconds of start each, take long.
const ringProcesses = 10

// lap times laps from one task of the ring: one in as many as keeps the clock's
// cost small.
type lap struct {
	lat   *bench.Recorder
	n     int64
	count int
	began int64
}

func newLap(b *bench.B, n int) *lap {
	return &lap{lat: bench.NewRecorder(max(b.Every()/n, 1), b.N/n+1), n: int64(n)}
}

// pass is called when the token comes by: a lap has ended and one begins.
func (l *lap) pass() {
	if l.began != 0 {
		l.lat.Add((l.lat.Now() - l.began) / l.n)
	}
	l.began = l.lat.Begin(l.count)
	l.count++
}

func ringSerial(b *bench.B) (uint64, error) {
	n := b.Int("n")
	tokens := make([]uint64, n)
	l := newLap(b, n)
	b.Start()
	token := uint64(0)
	for i, at := 0, 0; i < b.N; i++ {
		if at == 0 {
			l.pass()
		}
		token = addOne(token)
		tokens[at] = token
		if at++; at == n {
			at = 0
		}
	}
	b.Stop()
	b.AddSamples(l.lat.Samples())
	return token, nil
}

func ringGreenlet(b *bench.B) (uint64, error) {
	n := b.Int("n")
	main := greenlet.Main[uint64]()
	defer main.Close()
	last := uint64(b.N)
	gs := make([]*greenlet.Greenlet[uint64], n)
	l := newLap(b, n)
	for i := range gs {
		gs[i] = greenlet.New(main, func(_ *greenlet.Greenlet[uint64], token uint64) (uint64, error) {
			next := gs[(i+1)%n]
			for {
				if token == last {
					return token, nil
				}
				if i == 0 {
					l.pass()
				}
				var err error
				if token, err = next.Switch(token + 1); err != nil {
					return 0, err
				}
			}
		})
	}
	b.Units(n)
	b.Start()
	token, err := gs[0].Switch(0)
	b.Stop()
	b.AddSamples(l.lat.Samples())
	return token, err
}

// ringTask is one task of every ring of channels. It ends when the token
// has made its last hop, or when its channel is closed.
func ringTask(i int, last uint64, l *lap, in <-chan uint64, out chan<- uint64, done chan<- uint64) {
	for token := range in {
		if token == last {
			done <- token
			return
		}
		if i == 0 {
			l.pass()
		}
		out <- token + 1
	}
}

func ringChannels(n int) []chan uint64 {
	hops := make([]chan uint64, n)
	for i := range hops {
		hops[i] = make(chan uint64)
	}
	return hops
}

func ringGoroutine(b *bench.B) (uint64, error) {
	n := b.Int("n")
	hops, done := ringChannels(n), make(chan uint64)
	l := newLap(b, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { ringTask(i, uint64(b.N), l, hops[i], hops[(i+1)%n], done) })
	}
	b.Units(n)
	b.Start()
	hops[0] <- 0
	token := <-done
	b.Stop()
	closeAll(hops)
	wg.Wait()
	b.AddSamples(l.lat.Samples())
	return token, nil
}

func ringAnts(b *bench.B) (uint64, error) {
	n := b.Int("n")
	pool, err := ants.NewPool(n)
	if err != nil {
		return 0, err
	}
	defer release(pool)
	hops, done := ringChannels(n), make(chan uint64)
	l := newLap(b, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Add(1)
		err := pool.Submit(func() {
			defer wg.Done()
			ringTask(i, uint64(b.N), l, hops[i], hops[(i+1)%n], done)
		})
		if err != nil {
			return 0, err
		}
	}
	b.Units(n)
	b.Start()
	hops[0] <- 0
	token := <-done
	b.Stop()
	closeAll(hops)
	wg.Wait()
	b.AddSamples(l.lat.Samples())
	return token, nil
}

func ringThread(b *bench.B) (uint64, error) {
	n := b.Int("n")
	hops, done := ringChannels(n), make(chan uint64)
	l := newLap(b, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			runtime.LockOSThread()
			ringTask(i, uint64(b.N), l, hops[i], hops[(i+1)%n], done)
		})
	}
	b.Units(n)
	b.Start()
	hops[0] <- 0
	token := <-done
	b.Stop()
	closeAll(hops)
	wg.Wait()
	b.AddSamples(l.lat.Samples())
	return token, nil
}

type ringArgs struct{ In, Out *procs.Conn }

// ringWorker passes the token on until the pipe closes.
var ringWorker = procs.Register("bench.ring", func(_ context.Context, in ringArgs) (struct{}, error) {
	for {
		token, err := recvUint64(in.In)
		if isEOF(err) {
			return struct{}{}, nil
		}
		if err != nil {
			return struct{}{}, err
		}
		if err := sendUint64(in.Out, token+1); err != nil {
			return struct{}{}, err
		}
	}
})

// ringProcess makes the parent the first of the ring's processes.
func ringProcess(b *bench.B) (uint64, error) {
	n := min(b.Int("n"), ringProcesses)
	ins, outs := make([]*procs.Conn, n), make([]*procs.Conn, n)
	for i := range n {
		var err error
		if ins[(i+1)%n], outs[i], err = procs.NewPipe(procs.OneWay); err != nil {
			return 0, err
		}
		defer ins[(i+1)%n].Close()
		defer outs[i].Close()
	}
	args := make([]ringArgs, n)
	for i := range args {
		args[i] = ringArgs{ins[i], outs[i]}
	}
	crew, err := startCrew(ringWorker, args[1:])
	if err != nil {
		return 0, err
	}
	defer crew.kill()
	for i := 1; i < n; i++ {
		ins[i].Close()
		outs[i].Close()
	}
	l := newLap(b, n)
	b.Units(n)
	b.Start()
	token := uint64(0)
	for token < uint64(b.N) {
		l.pass()
		if err := sendUint64(outs[0], token+1); err != nil {
			return 0, err
		}
		if token, err = recvUint64(ins[0]); err != nil {
			return 0, err
		}
	}
	b.Stop()
	b.AddSamples(l.lat.Samples())
	outs[0].Close()
	return token, crew.join()
}
