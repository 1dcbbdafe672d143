package workload

import (
	"encoding/binary"

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
	Impls: byModel(pipeSerial, pipeGreenlet, pipeShared, pipeProcess),
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
	err := trips(b, u, func() error {
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
	err := trips(b, ask, func() error {
		stamp(ask.Ops, ours)
		msg, err := peer.Switch(ours)
		ask.Bytes += copy(ours, msg)
		ask.Ops++
		ask.Waits++
		return err
	})
	return numbers(ours), err
}

func pipeAsk(b *bench.B, u *bench.Unit, pipe end) error {
	msg := make([]byte, b.Int("payload"))
	err := trips(b, u, func() error {
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

// pipeShared has each side close its end when it is done.
func pipeShared(b *bench.B, launch launcher) (uint64, error) {
	ours, theirs := newIOPipe()
	return relay(b, launch, 2, func(i int, u *bench.Unit) error {
		if i > 0 {
			defer theirs.Close()
			return pipeEcho(b.Int("payload"), u, theirs)
		}
		defer ours.Close()
		return pipeAsk(b, u, ours)
	})
}

func pipeProcess(b *bench.B) (uint64, error) {
	u := b.Unit(b.N)
	return besidePipeWorker(b, func(c *procs.Conn) error {
		err := pipeAsk(b, u, c)
		u.Waits = u.Ops
		return err
	})
}
