package workload

import (
	"context"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var pingPong = &bench.Workload{
	Name: "PingPong",
	Kind: "handing over",
	Story: "Two tasks hand a counter back and forth, and each adds one: a parser and its reader, a coroutine and its caller. " +
		"Nothing runs at the same time, so this is the bare price of a switch. One round trip is before the clock starts.",
	Op:   "round trip",
	Want: func(b *bench.B) uint64 { return 2 * uint64(b.N+1) },
	Ledger: func(b *bench.B) bench.Ledger {
		return concurrent(b, bench.Ledger{Units: 2, Ops: 2 * (b.N + 1), Each: b.N + 1, Suspensions: 2 * b.N})
	},
	Impls: byModel(pingPongSerial, pingPongGreenlet, pingPongShared, pingPongProcess),
}

func pingPongSerial(b *bench.B) (uint64, error) {
	u := b.Unit(b.N)
	v := addOne(addOne(0))
	b.Start()
	t := u.Begin(0)
	for i := range b.N {
		v = addOne(addOne(v))
		t = u.Next(t, i+1)
	}
	b.Stop()
	u.Ops = int(v)
	return v, nil
}

func pingPongGreenlet(b *bench.B) (uint64, error) {
	ours, theirs := b.Unit(b.N), b.Unit(0)
	ping := greenlet.Main[uint64]()
	defer ping.Close()
	pong := greenlet.New(ping, func(_ *greenlet.Greenlet[uint64], v uint64) (uint64, error) {
		for {
			theirs.Ops++
			var err error
			if v, err = ping.Switch(v + 1); err != nil {
				return v, err
			}
			theirs.Waits++
		}
	})
	v, err := pong.Switch(1)
	if err != nil {
		return 0, err
	}
	ours.Ops++
	b.Units(2)
	b.Start()
	t := ours.Begin(0)
	for i := range b.N {
		if v, err = pong.Switch(v + 1); err != nil {
			return 0, err
		}
		t = ours.Next(t, i+1)
		ours.Ops++
		ours.Waits++
	}
	b.Stop()
	return v, nil
}

// pingTask and pongTask are the two sides of the models that share memory.

func pingTask(b *bench.B, u *bench.Unit, out chan<- uint64, in <-chan uint64) {
	defer close(out)
	out <- 1
	v := <-in
	u.Ops++
	b.Start()
	t := u.Begin(0)
	for i := range b.N {
		out <- v + 1
		v = <-in
		t = u.Next(t, i+1)
		u.Ops++
	}
	b.Stop()
	u.Answer = v
}

func pongTask(u *bench.Unit, in <-chan uint64, out chan<- uint64) {
	for v := range in {
		u.Ops++
		out <- v + 1
	}
}

func pingPongShared(b *bench.B, launch launcher) (uint64, error) {
	to, fro := make(chan uint64), make(chan uint64)
	return relay(b, launch, 2, func(i int, u *bench.Unit) error {
		if i == 0 {
			pingTask(b, u, to, fro)
		} else {
			pongTask(u, to, fro)
		}
		return nil
	})
}

var pongWorker = registerWorker("bench.pong", func(_ context.Context, c *procs.Conn, u *bench.Unit) error {
	for {
		v, err := recvUint64(c)
		if err != nil {
			return atEOF(err)
		}
		u.Ops++
		u.Waits++
		if err := sendUint64(c, v+1); err != nil {
			return err
		}
	}
})

func pingPongProcess(b *bench.B) (uint64, error) {
	itself := func(c *procs.Conn) *procs.Conn { return c }
	u := b.Unit(b.N)
	return duplex(b, pongWorker, itself, func(c *procs.Conn) error {
		return trips(b, u, func() (err error) {
			if err = sendUint64(c, u.Answer+1); err != nil {
				return err
			}
			u.Answer, err = recvUint64(c)
			u.Ops++
			u.Waits++
			return err
		})
	})
}
