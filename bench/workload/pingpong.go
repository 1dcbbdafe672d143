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

var pingPong = &bench.Workload{
	Name: "PingPong",
	Story: "Two tasks hand a counter back and forth, and each adds one: a parser and its reader, a coroutine and its caller. " +
		"Nothing runs at the same time, so this is the bare price of a switch.",
	Op:   "round trip",
	Want: func(b *bench.B) uint64 { return 2 * uint64(b.N) },
	Impls: map[bench.Model]bench.Func{
		bench.Serial:    pingPongSerial,
		bench.Greenlet:  pingPongGreenlet,
		bench.Goroutine: pingPongGoroutine,
		bench.Ants:      pingPongAnts,
		bench.Thread:    pingPongThread,
		bench.Process:   pingPongProcess,
	},
}

//go:noinline
func addOne(v uint64) uint64 { return v + 1 }

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

// pingTask and pongTask are the two sides of every model that has channels.

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

func pingPongGoroutine(b *bench.B) (uint64, error) {
	to, fro := make(chan uint64), make(chan uint64)
	lat := b.Recorder(b.N)
	var v uint64
	var wg sync.WaitGroup
	b.Units(2)
	b.Start()
	wg.Go(func() { pongTask(to, fro) })
	wg.Go(func() { v = pingTask(b.N, lat, to, fro) })
	wg.Wait()
	b.Stop()
	return v, nil
}

func pingPongAnts(b *bench.B) (uint64, error) {
	pool, err := ants.NewPool(2)
	if err != nil {
		return 0, err
	}
	defer release(pool)
	to, fro := make(chan uint64), make(chan uint64)
	lat := b.Recorder(b.N)
	var v uint64
	var wg sync.WaitGroup
	wg.Add(2)
	b.Units(2)
	b.Start()
	err1 := pool.Submit(func() { defer wg.Done(); pongTask(to, fro) })
	err2 := pool.Submit(func() { defer wg.Done(); v = pingTask(b.N, lat, to, fro) })
	if err := firstError(err1, err2); err != nil {
		return 0, err
	}
	wg.Wait()
	b.Stop()
	return v, nil
}

func pingPongThread(b *bench.B) (uint64, error) {
	to, fro := make(chan uint64), make(chan uint64)
	lat := b.Recorder(b.N)
	var v uint64
	var wg sync.WaitGroup
	b.Units(2)
	b.Start()
	wg.Go(func() { runtime.LockOSThread(); pongTask(to, fro) })
	wg.Go(func() { runtime.LockOSThread(); v = pingTask(b.N, lat, to, fro) })
	wg.Wait()
	b.Stop()
	return v, nil
}

type pongArgs struct{ Conn *procs.Conn }

var pongWorker = procs.Register("bench.pong", func(_ context.Context, in pongArgs) (struct{}, error) {
	for {
		v, err := recvUint64(in.Conn)
		if isEOF(err) {
			return struct{}{}, nil
		}
		if err != nil {
			return struct{}{}, err
		}
		if err := sendUint64(in.Conn, v+1); err != nil {
			return struct{}{}, err
		}
	}
})

func pingPongProcess(b *bench.B) (uint64, error) {
	ours, theirs, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		return 0, err
	}
	defer ours.Close()
	crew, err := startCrew(pongWorker, []pongArgs{{theirs}})
	if err != nil {
		return 0, err
	}
	defer crew.kill()
	theirs.Close()
	lat := b.Recorder(b.N)
	b.Units(2)
	b.Start()
	v := uint64(0)
	for i := range b.N {
		t := lat.Begin(i)
		if err := sendUint64(ours, v+1); err != nil {
			return 0, err
		}
		if v, err = recvUint64(ours); err != nil {
			return 0, err
		}
		lat.End(t)
	}
	b.Stop()
	ours.Close()
	return v, crew.join()
}
