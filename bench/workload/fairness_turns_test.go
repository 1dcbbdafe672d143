package workload

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"switchyard/bench"
	"switchyard/greenlet/hub"
	"switchyard/procs"
)

// inTurn lets one unit wait at a time.
func inTurn(turn *sync.Mutex, wait func(time.Duration) error) func(time.Duration) error {
	return func(d time.Duration) error {
		turn.Lock()
		defer turn.Unlock()
		return wait(d)
	}
}

type turnsArgs struct {
	Turn   *procs.Lock
	Sleep  sleepArgs // of a sleeper, if it has rounds
	Mixed  mixedArgs // of a unit of Mixed
	Addr   string    // or of a client of Fetch
	Share  stripe
	Beside sharedCrowd
}

// turnsWorker is a worker of several workloads that waits only when it is its
// turn.
var turnsWorker = registerWorker("bench.test.turns", func(ctx context.Context, in turnsArgs, u *bench.Unit) error {
	turn := func(f func() error) error {
		if err := in.Turn.Acquire(ctx); err != nil {
			return err
		}
		defer in.Turn.Release()
		return f()
	}
	sleep := func(d time.Duration) error { return turn(func() error { return block(d) }) }
	defer func() { u.Waits = u.Ops }()
	switch {
	case in.Sleep.Rounds > 0:
		return naps(in.Sleep.Rounds, u, sleep)
	case in.Addr != "":
		op := fetcher(u, dialTCP(in.Addr))
		return in.Share.each(func(i int) error { return turn(func() error { return op(i) }) })
	}
	beside := in.Beside.crowd().waiting(u, block)
	return mix(in.Mixed.Tasks, in.Mixed.Steps, in.Mixed.Wait, u, func(d time.Duration) error {
		return turn(func() error { return beside(d) })
	})
})

// raceInTurn is raceWorkers for n of them.
func raceInTurn(b *bench.B, n int, of func(i int) turnsArgs) (uint64, error) {
	turn, err := procs.NewLock()
	if err != nil {
		return 0, err
	}
	defer turn.Close()
	return withCrowd(func(beside sharedCrowd) (uint64, error) {
		return raceWorkers(b, turnsWorker, inputs(n, func(i int) turnsArgs {
			in := of(i)
			in.Turn, in.Beside = turn, beside
			return in
		}))
	})
}

// Units that are all alive, and wait in turn: their waits add up, though each
// has done its share, and been suspended as often as the others. Who waits
// beside the others is not suspected, however busy the machine.
func TestTurns(t *testing.T) {
	notWithRace(t)
	var turn sync.Mutex
	for _, tt := range []struct {
		w      *bench.Workload
		p      bench.Params
		n      int
		want   string
		mutant map[bench.Model]bench.Func
	}{
		{sleep, "n=10/stack=0", 100, "waits that take 1s one after another did not overlap", map[bench.Model]bench.Func{
			Greenlet: func(b *bench.B) (uint64, error) { // it stops its hub
				return raceGreenlets(b, 10, func(*hub.Hub) work {
					return func(_ int, u *bench.Unit) error { return sleeper(b, u, block) }
				})
			},
			Goroutine: func(b *bench.B) (uint64, error) {
				return race(b, goroutines, 10, func(_ int, u *bench.Unit) error { return sleeper(b, u, inTurn(&turn, block)) })
			},
			Process: func(b *bench.B) (uint64, error) {
				return raceInTurn(b, 10, func(int) turnsArgs { return turnsArgs{Sleep: sleepArgs{Rounds: b.N / 10}} })
			},
		}},
		{mixed, "tasks=8/wait=80", 160, "no more than 1 were seen at once, want 2", map[bench.Model]bench.Func{
			Greenlet: func(b *bench.B) (uint64, error) {
				return raceGreenlets(b, 8, func(*hub.Hub) work { return mixedWork(b, block) })
			},
			Goroutine: func(b *bench.B) (uint64, error) {
				beside := newCrowd()
				return race(b, goroutines, 8, func(_ int, u *bench.Unit) error {
					return mix(b.N/8, mixedSteps(b), mixedWait(b), u, inTurn(&turn, beside.waiting(u, block)))
				})
			},
			Process: func(b *bench.B) (uint64, error) {
				in := mixedArgs{Tasks: b.N / 8, Steps: mixedSteps(b), Wait: mixedWait(b)}
				return raceInTurn(b, 8, func(int) turnsArgs { return turnsArgs{Mixed: in} })
			},
		}},
		{fetch, "tasks=4/payload=1024", 100, "no more than 1 were seen at once, want 2", map[bench.Model]bench.Func{
			Greenlet: func(b *bench.B) (uint64, error) {
				return withServer(b, func(addr string) (uint64, error) {
					return raceGreenlets(b, 4, func(*hub.Hub) work {
						return func(i int, u *bench.Unit) error { return downloads(stripe{i, 4, b.N}, u, dialTCP(addr)) }
					})
				})
			},
			Goroutine: func(b *bench.B) (uint64, error) {
				return withServer(b, func(addr string) (uint64, error) {
					return race(b, goroutines, 4, func(i int, u *bench.Unit) error {
						op := fetcher(u, dialTCP(addr))
						return stripe{i, 4, b.N}.each(func(i int) error {
							return inTurn(&turn, func(time.Duration) error { return op(i) })(0)
						})
					})
				})
			},
			Process: func(b *bench.B) (uint64, error) {
				return withServer(b, func(addr string) (uint64, error) {
					return raceInTurn(b, 4, func(i int) turnsArgs { return turnsArgs{Addr: addr, Share: stripe{i, 4, b.N}} })
				})
			},
		}},
		{command, "tasks=4", 40, "no more than 1 were seen at once, want 2", map[bench.Model]bench.Func{
			Greenlet: func(b *bench.B) (uint64, error) {
				beside := newCrowd()
				return raceGreenlets(b, 4, func(*hub.Hub) work {
					return func(i int, u *bench.Unit) error { return runCommands(stripe{i, 4, b.N}, u, beside, execCommand) }
				})
			},
		}},
		{semaphore, "guests=20/permits=3", 400, "no more than 1 were seen at once, want 2", oneRoom()},
	} {
		for m, impl := range tt.mutant {
			if testing.Short() && m == Process {
				continue
			}
			c := bench.Case{Workload: tt.w.Name, Params: tt.p, Model: m, CPUs: 2}
			if err := tryMutant(tt.w, c, tt.n, impl); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s of %s in turn: %v, want %q", tt.w.Name, m, err, tt.want)
			}
		}
		for m, impl := range tt.w.Impls {
			if testing.Short() && m == Process {
				continue
			}
			c := bench.Case{Workload: tt.w.Name, Params: tt.p, Model: m, CPUs: 2}
			if err := tryMutant(tt.w, c, tt.n, impl); err != nil {
				t.Errorf("%s of %s: %v", tt.w.Name, m, err)
			}
		}
	}
}

// oneRoom is a semaphore that lets in one guest, of each model.
func oneRoom() map[bench.Model]bench.Func {
	impls := map[bench.Model]bench.Func{}
	for m, impl := range semaphore.Impls {
		if m != Serial {
			impls[m] = with(func(b *bench.B) { b.Params = set(b.Params, "1", "permits") })(semaphore, impl)
		}
	}
	return impls
}

// A server of Echo that serves one connection after the other does not answer
// the greeting of the second.
func TestEchoInTurn(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_ = serve(conn)
			conn.Close()
		}
	})
	defer served.Wait()
	defer ln.Close()
	for conns, want := range map[bench.Params]string{"conns=1": "", "conns=2": "1 of 2 greetings were answered"} {
		c, err := dialClients(&bench.B{Params: conns}, ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		within := time.Minute
		if want != "" {
			within = 50 * time.Millisecond
		}
		if err := c[:1].greet(time.Minute); err != nil {
			t.Error(err)
		}
		err = c.greet(within)
		c.close()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", conns, err, want)
		}
	}
}
