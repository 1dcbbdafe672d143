package workload

import (
	"cmp"
	"context"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var ring = &bench.Workload{
	Name: "Ring",
	Kind: "handing over",
	Story: "A token travels round N tasks, as a baton or a lock would. One task runs at a time; with many of them their " +
		"stacks no longer fit the processor's caches. Latency is a whole lap divided by its hops.",
	Op:    "hop",
	Cases: []bench.Params{"n=10", "n=100", "n=1000"},
	Batch: func(p bench.Params) int { return p.Int("n") }, // whole laps
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Impls: map[bench.Model]bench.Func{
		Serial:    ringSerial,
		Greenlet:  ringGreenlet,
		Goroutine: ringShared(goroutines),
		Ants:      ringShared(pooled),
		Thread:    ringShared(threads),
		Process:   ringProcess,
	},
	Limit: func(b *bench.B) error {
		if n := b.Int("n"); b.Model == Process && n > maxRingProcesses {
			return bench.Void("%d processes, at some 1 MiB and more than a millisecond of start-up each, are no ring", n)
		}
		return nil
	},
}

// maxRingProcesses bounds the ring of processes, which is made anew for every
// result.
const maxRingProcesses = 100

func ringSerial(b *bench.B) (uint64, error) {
	n := b.Int("n")
	tokens := make([]uint64, n)
	laps := b.LapRecorder(n)
	b.Start()
	token := uint64(0)
	for i, at := 0, 0; i < b.N; i++ {
		if at == 0 {
			laps.Pass()
		}
		token = addOne(token)
		tokens[at] = token
		if at++; at == n {
			at = 0
		}
	}
	b.Stop()
	return token, nil
}

func ringGreenlet(b *bench.B) (uint64, error) {
	n := b.Int("n")
	main := greenlet.Main[uint64]()
	defer main.Close()
	last := uint64(b.N)
	gs := make([]*greenlet.Greenlet[uint64], n)
	laps := b.LapRecorder(n)
	for i := range gs {
		gs[i] = greenlet.New(main, func(_ *greenlet.Greenlet[uint64], token uint64) (uint64, error) {
			next := gs[(i+1)%n]
			for {
				if token == last {
					return token, nil
				}
				if i == 0 {
					laps.Pass()
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
	return token, err
}

// ringTask is one task of every ring of channels. It ends when the token
// has made its last hop, or when its channel is closed.
func ringTask(i int, last uint64, laps *bench.Laps, in <-chan uint64, out chan<- uint64, done chan<- uint64) {
	for token := range in {
		if token == last {
			done <- token
			return
		}
		if i == 0 {
			laps.Pass()
		}
		out <- token + 1
	}
}

func ringShared(launch launcher) bench.Func {
	return func(b *bench.B) (uint64, error) {
		n := b.Int("n")
		hops, done := make([]chan uint64, n), make(chan uint64)
		for i := range hops {
			hops[i] = make(chan uint64)
		}
		laps := b.LapRecorder(n)
		team, err := gather(b, launch, n, func(i int) {
			ringTask(i, uint64(b.N), laps, hops[i], hops[(i+1)%n], done)
		})
		if err != nil {
			return 0, err
		}
		team.open()
		b.Start()
		hops[0] <- 0
		token := <-done
		b.Stop()
		for _, hop := range hops {
			close(hop)
		}
		team.dismiss()
		return token, nil
	}
}

type ringArgs struct{ In, Out *procs.Conn }

// ringWorker passes the token on until the pipe closes.
var ringWorker = registerWorker("bench.ring", func(_ context.Context, in ringArgs, _ *bench.Recorder) (uint64, error) {
	for {
		token, err := recvUint64(in.In)
		if err != nil {
			return 0, cmp.Or(atEOF(err), in.Out.Close())
		}
		if err := sendUint64(in.Out, token+1); err != nil {
			return 0, err
		}
	}
})

// ringProcess makes the parent the first of the ring's processes.
func ringProcess(b *bench.B) (token uint64, err error) {
	n := b.Int("n")
	ins, outs := make([]*procs.Conn, n), make([]*procs.Conn, n)
	for i := range n {
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
	laps := b.LapRecorder(n)
	err = serveWorkers(b, ringWorker, args[1:], func() error {
		for i := 1; i < n; i++ {
			ins[i].Close()
			outs[i].Close()
		}
		b.Units(n)
		b.Start()
		for token < uint64(b.N) {
			laps.Pass()
			if err := sendUint64(outs[0], token+1); err != nil {
				return err
			}
			var err error
			if token, err = recvUint64(ins[0]); err != nil {
				return err
			}
		}
		b.Stop()
		return outs[0].Close()
	})
	return token, err
}
