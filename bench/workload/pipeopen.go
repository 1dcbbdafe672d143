package workload

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
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
	Cases:  []bench.Params{"payload=65536/rate=1000", "payload=65536/rate=5000"},
	Open:   true,
	Refine: []string{bench.RateParam},
	Want:   func(b *bench.B) uint64 { return uint64(b.N) },
	Limit:  twoCPUs,
	Impls: map[bench.Model]bench.Func{
		Serial:    pipeOpenSerial,
		Greenlet:  pipeOpenGreenlet,
		Goroutine: pipeOpenShared(goroutines),
		Ants:      pipeOpenShared(pooled),
		Thread:    pipeOpenShared(threads),
		Process:   pipeOpenProcess,
	},
}

// A wire is one side of a load through a pipe: what leaves, and what comes
// back.
type wire struct {
	loop      *bench.OpenLoop
	n         int
	out, back []byte
	right     uint64 // messages that came back counted
}

func newWire(b *bench.B) *wire {
	return &wire{loop: b.OpenLoop(), n: b.N, out: make([]byte, b.Int("payload")), back: make([]byte, b.Int("payload"))}
}

// next makes message i: its number stands at both ends, so that a copy of less
// than the whole is not right.
func (w *wire) next(i int) []byte {
	binary.NativeEndian.PutUint64(w.out, uint64(i))
	binary.NativeEndian.PutUint64(w.out[len(w.out)-8:], uint64(i))
	return w.out
}

// came takes message i, which is in back.
func (w *wire) came(i int) {
	w.loop.Answered(i)
	if counted(w.back) == uint64(i)+1 && counted(w.back[len(w.back)-8:]) == uint64(i) {
		w.right++
	}
}

func pipeOpenSerial(b *bench.B) (uint64, error) {
	w, theirs := newWire(b), make([]byte, b.Int("payload"))
	b.Start()
	err := w.loop.Run(func(i int) error {
		copy(theirs, w.next(i))
		count(theirs)
		copy(w.back, theirs)
		w.came(i)
		w.loop.Held()
		return nil
	})
	b.Stop()
	return w.right, err
}

func pipeOpenGreenlet(b *bench.B) (uint64, error) {
	w := newWire(b)
	main := greenlet.Main[[]byte]()
	defer main.Close()
	echo := pipeGreenletEcho(main, make([]byte, b.Int("payload")))
	b.Units(2)
	b.Start()
	err := w.loop.Run(func(i int) error {
		msg, err := echo.Switch(w.next(i))
		if err != nil {
			return err
		}
		copy(w.back, msg)
		w.came(i)
		w.loop.Held()
		return nil
	})
	b.Stop()
	return w.right, err
}

// through runs the load through a pipe: one goroutine sends what another one
// receives.
func (w *wire) through(send, recv func(msg []byte) error, closed func()) error {
	var hearing sync.WaitGroup
	var heard error
	hearing.Go(func() {
		for i := range w.n {
			if heard = recv(w.back); heard != nil {
				closed() // the sender waits for nobody
				return
			}
			w.came(i)
		}
	})
	err := w.loop.Run(func(i int) error {
		defer w.loop.Held()
		return send(w.next(i))
	})
	if err != nil {
		closed()
	}
	hearing.Wait()
	return errors.Join(err, heard)
}

func pipeOpenShared(launch launcher) bench.Func {
	return func(b *bench.B) (uint64, error) {
		w, theirs := newWire(b), make([]byte, b.Int("payload"))
		toR, toW := io.Pipe()
		froR, froW := io.Pipe()
		team, err := gather(b, launch, 1, func(int) { pipeEcho(theirs, toR, froW) })
		if err != nil {
			return 0, err
		}
		b.Units(2)
		team.open()
		b.Start()
		err = w.through(
			func(msg []byte) error { _, err := toW.Write(msg); return err },
			func(msg []byte) error { _, err := io.ReadFull(froR, msg); return err },
			func() { toW.Close(); froR.Close() })
		b.Stop()
		toW.Close()
		team.wait()
		team.dismiss()
		return w.right, err
	}
}

func pipeOpenProcess(b *bench.B) (uint64, error) {
	ours, theirs, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		return 0, err
	}
	defer ours.Close()
	w := newWire(b)
	err = serveWorkers(b, pipeWorker, []pipeArgs{{theirs, len(w.out)}}, func() error {
		theirs.Close()
		b.Units(2)
		b.Start()
		err := w.through(ours.SendBytes, func(msg []byte) error {
			n, err := ours.RecvBytesInto(msg)
			if err == nil && n != len(msg) {
				err = fmt.Errorf("received %d of %d bytes", n, len(msg))
			}
			return err
		}, func() { ours.Close() })
		b.Stop()
		return errors.Join(err, ours.Close())
	})
	return w.right, err
}
