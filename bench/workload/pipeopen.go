package workload

import (
	"encoding/binary"
	"errors"
	"sync"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var pipeOpen = &bench.Workload{
	Name: "PipeOpen",
	Kind: "messaging",
	Story: "The helper of Pipe under an open loop: messages of 64 KiB leave at random times at a given rate, whether or not " +
		"earlier ones have come back. Latency counts from the time at which a message was to leave, so that one that " +
		"finds the pipe full or the helper at work is charged with its wait. The load is made by one goroutine that " +
		"polls the clock; a helper that shares its thread, as a greenlet does, is late by what it works.",
	Op:     "round trip",
	Cases:  []bench.Params{"payload=65536/rate=2000", "payload=65536/rate=8000"},
	Open:   true,
	Refine: []string{bench.RateParam},
	Want:   func(b *bench.B) uint64 { return uint64(b.N) },
	Ledger: func(b *bench.B) bench.Ledger { // nobody has to wait: the next message may be there
		return concurrent(b, bench.Ledger{Units: 2, Ops: 2 * b.N, Each: b.N, Bytes: 2 * b.N * b.Int("payload")})
	},
	Limit:      twoCPUs,
	Exceptions: map[int]string{2: "the next message may be there before the helper asks"},
	Impls:      byModel(pipeOpenSerial, pipeOpenGreenlet, pipeOpenShared, pipeOpenProcess),
}

// A wire is one side of a load through a pipe: what leaves, and what comes
// back.
type wire struct {
	*bench.Unit
	loop      *bench.OpenLoop
	n         int
	out, back []byte
}

func newWire(b *bench.B) *wire {
	return &wire{b.Unit(0), b.OpenLoop(), b.N, make([]byte, b.Int("payload")), make([]byte, b.Int("payload"))}
}

// next makes message i: its number stands in a place of its own.
func (w *wire) next(i int) []byte {
	binary.NativeEndian.PutUint64(place(i, w.out), uint64(i)+1)
	return w.out
}

// came takes message i, which is in back, n bytes long. It is right if one was
// added to its number.
func (w *wire) came(i, n int) {
	w.loop.Answered(i)
	w.Ops++
	w.Bytes += n
	if binary.NativeEndian.Uint64(place(i, w.back)) == uint64(i)+2 {
		w.Answer++
	}
}

func pipeOpenSerial(b *bench.B) (uint64, error) {
	w, theirs := newWire(b), make([]byte, b.Int("payload"))
	helper := b.Unit(0)
	b.Start()
	err := w.loop.Run(func(i int) error {
		arrived(helper, copy(theirs, w.next(i)), theirs)
		w.came(i, copy(w.back, theirs))
		w.loop.Held()
		return nil
	})
	b.Stop()
	return b.Answer(), err
}

func pipeOpenGreenlet(b *bench.B) (uint64, error) {
	w := newWire(b)
	main := greenlet.Main[[]byte]()
	defer main.Close()
	echo := pipeGreenletEcho(main, b.Unit(0), make([]byte, b.Int("payload")))
	b.Units(2)
	b.Start()
	err := w.loop.Run(func(i int) error {
		msg, err := echo.Switch(w.next(i))
		if err != nil {
			return err
		}
		w.came(i, copy(w.back, msg))
		w.Waits++
		w.loop.Held()
		return nil
	})
	b.Stop()
	return b.Answer(), err
}

// through runs the load through a pipe: one goroutine sends what another one
// receives.
func (w *wire) through(b *bench.B, pipe end) error {
	var hearing sync.WaitGroup
	var heard error
	b.Start()
	hearing.Go(func() {
		for i := range w.n {
			n, err := pipe.RecvBytesInto(w.back)
			if err != nil {
				heard = err
				pipe.Close() // the sender waits for nobody
				return
			}
			w.came(i, n)
		}
	})
	err := w.loop.Run(func(i int) error {
		defer w.loop.Held()
		return pipe.SendBytes(w.next(i))
	})
	if err != nil {
		pipe.Close()
	}
	hearing.Wait()
	b.Stop()
	return errors.Join(err, heard)
}

func pipeOpenShared(b *bench.B, launch launcher) (uint64, error) {
	w, helper := newWire(b), b.Unit(0)
	ours, theirs := newIOPipe()
	var echoed error
	team, err := gather(b, launch, 1, func(int) {
		defer theirs.Close()
		echoed = pipeEcho(b.Int("payload"), helper, theirs)
	})
	if err != nil {
		return 0, err
	}
	b.Units(2)
	team.open()
	err = w.through(b, ours)
	ours.Close()
	team.wait()
	team.dismiss()
	return b.Answer(), errors.Join(err, echoed)
}

func pipeOpenProcess(b *bench.B) (uint64, error) {
	w := newWire(b)
	return besidePipeWorker(b, func(c *procs.Conn) error { return w.through(b, c) })
}
