package workload

import (
	"context"
	"encoding/binary"
	"io"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var pipe = &bench.Workload{
	Name: "Pipe",
	Kind: "messaging",
	Story: "A message goes through a duplex pipe and comes back: a request to a helper and its answer. Each side copies the " +
		"bytes into memory of its own, as a pipe does, adds one to a number somewhere in them and sends them on; the sizes " +
		"cross the 64 KiB that an operating system's pipe holds. The process model uses raw bytes, no serialisation. " +
		"One round trip is before the clock starts.",
	Op:    "round trip",
	Cases: []bench.Params{"payload=8", "payload=4096", "payload=65536"},
	More:  []bench.Params{"payload=1048576"},
	Want:  func(b *bench.B) uint64 { return 2 * uint64(b.N+1) },
	Ledger: func(b *bench.B) bench.Ledger {
		trips := b.N + 1
		return concurrent(b, bench.Ledger{Units: 2, Ops: 2 * trips, Each: trips, Bytes: 2 * trips * b.Int("payload"), Suspensions: 2 * b.N})
	},
	Impls: map[bench.Model]bench.Func{
		Serial:    pipeSerial,
		Greenlet:  pipeGreenlet,
		Goroutine: pipeShared(goroutines),
		Ants:      pipeShared(pooled),
		Thread:    pipeShared(threads),
		Process:   pipeProcess,
	},
}

// place returns one of the numbers of message i. Which one changes from message
// to message: both sides find what the other has done to it, each time, only if
// all of a message was copied. Sizes are powers of two.
func place(i int, msg []byte) []byte {
	last := len(msg)/8 - 1
	return msg[8*(last-i*0x9e3779b1&last):][:8]
}

// stamp adds one to a number of message i.
func stamp(i int, msg []byte) {
	word := place(i, msg)
	binary.NativeEndian.PutUint64(word, binary.NativeEndian.Uint64(word)+1)
}

// arrived enters a message of n bytes, and stamps it.
func arrived(u *bench.Unit, n int, msg []byte) {
	u.Bytes += n
	stamp(u.Ops, msg)
	u.Ops++
}

// numbers adds up what was counted in a message.
func numbers(msg []byte) (sum uint64) {
	for ; len(msg) > 0; msg = msg[8:] {
		sum += binary.NativeEndian.Uint64(msg)
	}
	return sum
}

func pipeSerial(b *bench.B) (uint64, error) {
	u, ours, theirs := b.Unit(b.N), make([]byte, b.Int("payload")), make([]byte, b.Int("payload"))
	err := pipeTrips(b, u, func() error {
		stamp(u.Ops/2, ours)
		u.Bytes += copy(theirs, ours)
		stamp(u.Ops/2, theirs)
		u.Bytes += copy(ours, theirs)
		u.Ops += 2
		return nil
	})
	return numbers(ours), err
}

func pipeGreenlet(b *bench.B) (uint64, error) {
	ask, echo := b.Unit(b.N), b.Unit(0)
	ours, theirs := make([]byte, b.Int("payload")), make([]byte, b.Int("payload"))
	main := greenlet.Main[[]byte]()
	defer main.Close()
	peer := pipeGreenletEcho(main, echo, theirs)
	b.Units(2)
	err := pipeTrips(b, ask, func() error {
		stamp(ask.Ops, ours)
		msg, err := peer.Switch(ours)
		ask.Bytes += copy(ours, msg)
		ask.Ops++
		ask.Waits++
		return err
	})
	return numbers(ours), err
}

// pipeGreenletEcho is the other side of a greenlet.
func pipeGreenletEcho(main *greenlet.Greenlet[[]byte], u *bench.Unit, theirs []byte) *greenlet.Greenlet[[]byte] {
	return greenlet.New(main, func(_ *greenlet.Greenlet[[]byte], msg []byte) ([]byte, error) {
		for {
			arrived(u, copy(theirs, msg), theirs)
			var err error
			if msg, err = main.Switch(theirs); err != nil {
				return nil, err
			}
			u.Waits++
		}
	})
}

// pipeTrips is the leading side: one round trip before Start, and b.N after.
func pipeTrips(b *bench.B, u *bench.Unit, trip func() error) error {
	if err := trip(); err != nil {
		return err
	}
	b.Start()
	for i := range b.N {
		t := u.Begin(i)
		if err := trip(); err != nil {
			return err
		}
		u.End(t)
	}
	b.Stop()
	return nil
}

// An end is one end of a duplex pipe, of [procs.NewPipe] or two of [io.Pipe].
type end interface {
	SendBytes(msg []byte) error
	RecvBytesInto(msg []byte) (int, error)
}

func pipeAsk(b *bench.B, u *bench.Unit, pipe end) error {
	msg := make([]byte, b.Int("payload"))
	err := pipeTrips(b, u, func() error {
		stamp(u.Ops, msg)
		if err := pipe.SendBytes(msg); err != nil {
			return err
		}
		n, err := pipe.RecvBytesInto(msg)
		u.Bytes += n
		u.Ops++
		return err
	})
	u.Answer = numbers(msg)
	return err
}

// pipeEcho sends back what comes, until the pipe is closed.
func pipeEcho(payload int, u *bench.Unit, pipe end) error {
	msg := make([]byte, payload)
	for {
		n, err := pipe.RecvBytesInto(msg)
		if err != nil {
			return atEOF(err)
		}
		arrived(u, n, msg)
		if err := pipe.SendBytes(msg[:n]); err != nil {
			return err
		}
	}
}

type ioPipe struct {
	*io.PipeReader
	*io.PipeWriter
}

func (p ioPipe) SendBytes(msg []byte) error            { _, err := p.Write(msg); return err }
func (p ioPipe) RecvBytesInto(msg []byte) (int, error) { return io.ReadFull(p, msg) }

// pipeShared has each side close what it writes to when it has ended.
func pipeShared(launch launcher) bench.Func {
	return func(b *bench.B) (uint64, error) {
		toR, toW := io.Pipe()
		froR, froW := io.Pipe()
		return relay(b, launch, 2, func(i int, u *bench.Unit) error {
			if i > 0 {
				defer froW.Close()
				return pipeEcho(b.Int("payload"), u, ioPipe{toR, froW})
			}
			defer toW.Close()
			return pipeAsk(b, u, ioPipe{froR, toW})
		})
	}
}

type pipeArgs struct {
	Conn    *procs.Conn
	Payload int
}

var pipeWorker = registerWorker("bench.pipe", func(_ context.Context, in pipeArgs, u *bench.Unit) error {
	err := pipeEcho(in.Payload, u, in.Conn)
	u.Waits = u.Ops
	return err
})

func pipeProcess(b *bench.B) (uint64, error) {
	args := func(c *procs.Conn) pipeArgs { return pipeArgs{c, b.Int("payload")} }
	u := b.Unit(b.N)
	return duplex(b, pipeWorker, args, func(c *procs.Conn) error {
		err := pipeAsk(b, u, c)
		u.Waits = u.Ops
		return err
	})
}
