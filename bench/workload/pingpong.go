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
		"Nothing runs at the same time, so this is the bare price of a switch.",
	Op:   "round trip",
	Want: func(b *bench.B) uint64 { return 2 * uint64(b.N) },
	Impls: map[bench.Model]bench.Func{
		Serial:    pingPongSerial,
		Greenlet:  pingPongGreenlet,
		Goroutine: pingPongShared(goroutines),
		Ants:      pingPongShared(pooled),
		Thread:    pingPongShared(threads),
		Process:   pingPongProcess,
	},
}

func pingPongSerial(b *bench.B) (uint64, error) {
	lat := b.Recorder(b.N)
	b.Start()
	v := uint64(0)
	for i := range b.N {
		t := lat.Begin(i)
		v = addOne(addOne(v))
		lat.End(t)
	}
	b.Stop()
	return v, nil
}

func pingPongGreenlet(b *bench.B) (uint64, error) {
	ping := greenlet.Main[uint64]()
	defer ping.Close()
	pong := greenlet.New(ping, func(_ *greenlet.Greenlet[uint64], v uint64) (uint64, error) {
		for {
			var err error
			if v, err = ping.Switch(v + 1); err != nil {
				return v, err
			}
		}
	})
	lat := b.Recorder(b.N)
	b.Units(2)
	b.Start()
	v := uint64(0)
	for i := range b.N {
		t := lat.Begin(i)
		var err error
		if v, err = pong.Switch(v + 1); err != nil {
			return 0, err
		}
		lat.End(t)
	}
	b.Stop()
	return v, nil
}

// pingTask and pongTask are the two sides of the models that share memory.

func pingTask(n int, lat *bench.Recorder, out chan<- uint64, in <-chan uint64) (v uint64) {
	for i := range n {
		t := lat.Begin(i)
		out <- v + 1
		v = <-in
		lat.End(t)
	}
	close(out)
	return v
}

func pongTask(in <-chan uint64, out chan<- uint64) {
	for v := range in {
		out <- v + 1
	}
}

func pingPongShared(launch launcher) bench.Func {
	return func(b *bench.B) (v uint64, err error) {
		to, fro := make(chan uint64), make(chan uint64)
		lat := b.Recorder(b.N)
		err = race(b, launch, 2, func(i int) {
			if i == 0 {
				v = pingTask(b.N, lat, to, fro)
			} else {
				pongTask(to, fro)
			}
		})
		return v, err
	}
}

var pongWorker = registerWorker("bench.pong", func(_ context.Context, c *procs.Conn, _ *bench.Recorder) (uint64, error) {
	for {
		v, err := recvUint64(c)
		if err != nil {
			return 0, atEOF(err)
		}
		if err := sendUint64(c, v+1); err != nil {
			return 0, err
		}
	}
})

func pingPongProcess(b *bench.B) (v uint64, err error) {
	ours, theirs, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		return 0, err
	}
	defer ours.Close()
	lat := b.Recorder(b.N)
	err = serveWorkers(b, pongWorker, []*procs.Conn{theirs}, func() error {
		theirs.Close()
		b.Units(2)
		b.Start()
		for i := range b.N {
			t := lat.Begin(i)
			if err := sendUint64(ours, v+1); err != nil {
				return err
			}
			var err error
			if v, err = recvUint64(ours); err != nil {
				return err
			}
			lat.End(t)
		}
		b.Stop()
		return ours.Close()
	})
	return v, err
}
