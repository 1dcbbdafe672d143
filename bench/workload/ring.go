package workload

import (
	"context"
	"errors"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var ring = &bench.Workload{
	Name: "Ring",
	Kind: "handing over",
	Story: "A token travels round N tasks, as a baton or a lock would. One task runs at a time; with many of them their " +
		"stacks no longer fit the processor's caches. Latency is a whole lap divided by its hops. One lap is before the " +
		"clock starts.",
	Op:    "hop",
	Cases: []bench.Params{"n=100"},
	More:  []bench.Params{"n=10", "n=1000"},
	Batch: func(p bench.Params) int { return p.Int("n") }, // whole laps
	Want:  func(b *bench.B) uint64 { return uint64(b.N + b.Int("n")) },
	Ledger: func(b *bench.B) bench.Ledger {
		n := b.Int("n")
		return concurrent(b, bench.Ledger{Units: n, Ops: b.N + n, Each: b.N/n + 1, Suspensions: b.N})
	},
	Impls: byModel(ringSerial, ringGreenlet, ringShared, ringProcess),
	Limit: fewUnits,
}

// ringLaps is the leader's part: one lap before Start, in which every unit has
// its turn, and those of b.N hops after. lap returns the token that has come
// round.
func ringLaps(b *bench.B, u *bench.Unit, lap func(token uint64) (uint64, error)) (err error) {
	n := b.Int("n")
	laps := b.LapRecorder(n)
	if u.Answer, err = lap(0); err != nil {
		return err
	}
	b.Start()
	for range b.N / n {
		laps.Pass()
		if u.Answer, err = lap(u.Answer); err != nil {
			return err
		}
	}
	laps.Pass()
	b.Stop()
	u.Ops = 1 + b.N/n
	return nil
}

func ringSerial(b *bench.B) (uint64, error) {
	u, tokens := b.Unit(0), make([]uint64, b.Int("n"))
	hops := 0
	err := ringLaps(b, u, func(token uint64) (uint64, error) {
		for at := range tokens {
			token = addOne(token)
			tokens[at] = token
		}
		hops += len(tokens)
		return token, nil
	})
	u.Ops = hops
	return u.Answer, err
}

// ringGreenlet makes the main greenlet the first of the ring.
func ringGreenlet(b *bench.B) (uint64, error) {
	n := b.Int("n")
	main := greenlet.Main[uint64]()
	defer main.Close()
	gs := make([]*greenlet.Greenlet[uint64], n+1)
	gs[n] = main
	for i := 1; i < n; i++ {
		u := b.Unit(0)
		gs[i] = greenlet.New(main, func(_ *greenlet.Greenlet[uint64], token uint64) (_ uint64, err error) {
			next, hops := gs[i+1], 0
			for err == nil {
				hops++
				token, err = next.Switch(token + 1)
			}
			u.Ops, u.Waits = hops, hops
			return 0, err
		})
	}
	u := b.Unit(0)
	b.Units(n)
	err := ringLaps(b, u, func(token uint64) (uint64, error) { return gs[1].Switch(token + 1) })
	u.Waits = u.Ops
	return u.Answer, err
}

// ringTask passes the token on until the ring is opened.
func ringTask(u *bench.Unit, in <-chan uint64, out chan<- uint64) {
	hops := 0
	for token := range in {
		hops++
		out <- token + 1
	}
	u.Ops = hops
	close(out)
}

func ringShared(b *bench.B, launch launcher) (uint64, error) {
	n := b.Int("n")
	hops := make([]chan uint64, n+1)
	for i := range hops {
		hops[i] = make(chan uint64)
	}
	return relay(b, launch, n, func(i int, u *bench.Unit) error {
		if i > 0 {
			ringTask(u, hops[i], hops[i+1])
			return nil
		}
		defer close(hops[1])
		return ringLaps(b, u, func(token uint64) (uint64, error) {
			hops[1] <- token + 1
			return <-hops[n], nil
		})
	})
}

type ringArgs struct{ In, Out *procs.Conn }

// ringWorker passes the token on until the pipe closes.
var ringWorker = registerWorker("bench.ring", func(_ context.Context, in ringArgs, u *bench.Unit) error {
	for {
		token, err := recvUint64(in.In)
		if err != nil {
			return errors.Join(atEOF(err), in.Out.Close())
		}
		u.Ops++
		u.Waits++
		if err := sendUint64(in.Out, token+1); err != nil {
			return err
		}
	}
})

// ringProcess makes the parent the first of the ring's processes.
func ringProcess(b *bench.B) (_ uint64, err error) {
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
	u := b.Unit(0)
	return relayWorkers(b, ringWorker, args[1:], func() error {
		for i := 1; i < n; i++ {
			ins[i].Close()
			outs[i].Close()
		}
		err := ringLaps(b, u, func(token uint64) (uint64, error) {
			if err := sendUint64(outs[0], token+1); err != nil {
				return 0, err
			}
			return recvUint64(ins[0])
		})
		u.Waits = u.Ops
		return errors.Join(err, outs[0].Close())
	})
}
