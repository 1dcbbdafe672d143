package workload

import (
	"context"

	"github.com/panjf2000/ants/v2"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var chain = &bench.Workload{
	Name: "Chain",
	Kind: "starting tasks",
	Story: "A daisy chain: N tasks are started, each of which waits for the value of its successor, adds one and ends with " +
		"it. The last is given a zero, and the first comes out with N. So a task is started, waits once, is woken once and " +
		"ends, with all the others alive: a program that starts a task for everything that it waits for. The process model " +
		"starts a new process for each. Latency is that of a whole chain divided by N.",
	Op:    "task",
	Cases: []bench.Params{"n=100"},
	More:  []bench.Params{"n=10", "n=1000", "n=10000"},
	Batch: func(p bench.Params) int { return p.Int("n") },
	Want:  func(b *bench.B) uint64 { return uint64(b.N) },
	Ledger: func(b *bench.B) bench.Ledger {
		return concurrent(b, bench.Ledger{Units: b.Int("n"), Ops: b.N, Suspensions: b.N})
	},
	Exceptions: map[int]string{5: "starting, waiting and ending of a task is one op"},
	Impls: map[bench.Model]bench.Func{
		Serial:    spawnSerial,
		Greenlet:  chainGreenlet,
		Goroutine: launched(chainShared, goroutines),
		Ants:      chainAnts,
		Thread:    launched(chainShared, threads),
		Process:   chainProcess,
	},
	Limit: fewUnits,
}

// chains times chains until b.N tasks have ended. One returns the value that
// comes out of it: none of its n tasks can have ended before it went in, which
// is when all of them had been started.
func chains(b *bench.B, one func(u *bench.Unit, n int) (uint64, error)) (uint64, error) {
	n, ended, u := b.Int("n"), uint64(0), b.Unit(0)
	b.Units(n)
	return rounds(b, n, func() error {
		v, err := one(u, n)
		ended += v
		return err
	}, func() uint64 { return ended })
}

// chainGreenlet has each greenlet end with its value, which its parent gets:
// the one before it.
func chainGreenlet(b *bench.B) (uint64, error) {
	main := greenlet.Main[uint64]()
	defer main.Close()
	return chains(b, func(u *bench.Unit, n int) (uint64, error) {
		last := main
		for range n {
			last = greenlet.New(last, func(*greenlet.Greenlet[uint64], uint64) (uint64, error) {
				v, err := main.Switch(0)
				u.Waits++
				return v + 1, err
			})
			if _, err := last.Switch(0); err != nil {
				return 0, err
			}
		}
		return last.Switch(0)
	})
}

func chainShared(b *bench.B, launch launcher) (uint64, error) {
	return chains(b, func(_ *bench.Unit, n int) (uint64, error) {
		values := make([]chan uint64, n+1)
		for i := range values {
			values[i] = make(chan uint64)
		}
		free, err := launch(n, func(i int) { values[i] <- 1 + <-values[i+1] })
		if err != nil {
			return 0, err
		}
		values[n] <- 0
		v := <-values[0]
		free()
		return v, nil
	})
}

func chainAnts(b *bench.B) (uint64, error) {
	pool, err := ants.NewPool(b.Int("n"))
	if err != nil {
		return 0, err
	}
	defer release(pool)
	return chainShared(b, pooledIn(pool))
}

type chainArgs struct{ Out, In *procs.Conn }

var chainTask = procs.Register("bench.chain", func(_ context.Context, in chainArgs) (none struct{}, err error) {
	v, err := recvUint64(in.In)
	if err != nil {
		return none, err
	}
	return none, sendUint64(in.Out, v+1)
})

func chainProcess(b *bench.B) (uint64, error) {
	return chains(b, func(u *bench.Unit, n int) (uint64, error) {
		first, out, err := procs.NewPipe(procs.OneWay)
		if err != nil {
			return 0, err
		}
		defer first.Close()
		ps := make([]*procs.Process, n)
		for i := range ps {
			if ps[i], out, err = chainStart(out); err != nil {
				return 0, err
			}
		}
		defer out.Close()
		if err := sendUint64(out, 0); err != nil {
			return 0, err
		}
		v, err := recvUint64(first)
		if err != nil {
			return 0, err
		}
		u.Waits += int(v) // each adds one when it has been given a value
		return v, joinAll(ps)
	})
}

// chainStart starts a process that puts its value into out, and returns where
// that of its successor goes.
func chainStart(out *procs.Conn) (p *procs.Process, next *procs.Conn, err error) {
	defer out.Close()
	in, next, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		return nil, nil, err
	}
	defer in.Close()
	p = procs.NewProcess(chainTask, chainArgs{out, in}, procs.ProcessConfig{GOMAXPROCS: 1})
	return p, next, p.Start()
}
