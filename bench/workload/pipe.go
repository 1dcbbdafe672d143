package workload

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

var pipe = &bench.Workload{
	Name: "Pipe",
	Kind: "messaging",
	Story: "A message goes through a duplex pipe and comes back: a request to a helper and its answer. Each side copies the " +
		"bytes into memory of its own, as a pipe does, counts in the first eight and sends them on; the sizes cross the " +
		"64 KiB that an operating system's pipe holds. The process model uses raw bytes, no serialisation.",
	Op:    "round trip",
	Cases: []bench.Params{"payload=8", "payload=4096", "payload=65536", "payload=1048576"},
	Want:  func(b *bench.B) uint64 { return 2 * uint64(b.N) },
	Impls: map[bench.Model]bench.Func{
		Serial:    pipeSerial,
		Greenlet:  pipeGreenlet,
		Goroutine: pipeShared(goroutines),
		Ants:      pipeShared(pooled),
		Thread:    pipeShared(threads),
		Process:   pipeProcess,
	},
}

// count adds one to the counter in the first eight bytes of a message.
func count(msg []byte) {
	binary.NativeEndian.PutUint64(msg, binary.NativeEndian.Uint64(msg)+1)
}

func counted(msg []byte) uint64 { return binary.NativeEndian.Uint64(msg) }

func pipeSerial(b *bench.B) (uint64, error) {
	ours, theirs := make([]byte, b.Int("payload")), make([]byte, b.Int("payload"))
	lat := b.Recorder(b.N)
	b.Start()
	for i := range b.N {
		t := lat.Begin(i)
		count(ours)
		copy(theirs, ours)
		count(theirs)
		copy(ours, theirs)
		lat.End(t)
	}
	b.Stop()
	return counted(ours), nil
}

func pipeGreenlet(b *bench.B) (uint64, error) {
	ours, theirs := make([]byte, b.Int("payload")), make([]byte, b.Int("payload"))
	main := greenlet.Main[[]byte]()
	defer main.Close()
	echo := pipeGreenletEcho(main, theirs)
	lat := b.Recorder(b.N)
	b.Units(2)
	b.Start()
	for i := range b.N {
		t := lat.Begin(i)
		count(ours)
		msg, err := echo.Switch(ours)
		if err != nil {
			return 0, err
		}
		copy(ours, msg)
		lat.End(t)
	}
	b.Stop()
	return counted(ours), nil
}

// pipeGreenletEcho is the other side of a greenlet.
func pipeGreenletEcho(main *greenlet.Greenlet[[]byte], theirs []byte) *greenlet.Greenlet[[]byte] {
	return greenlet.New(main, func(_ *greenlet.Greenlet[[]byte], msg []byte) ([]byte, error) {
		for {
			copy(theirs, msg)
			count(theirs)
			var err error
			if msg, err = main.Switch(theirs); err != nil {
				return nil, err
			}
		}
	})
}

// pipeAsk and pipeEcho are the two ends of every model that has io.Pipe.

func pipeAsk(n int, buf []byte, lat *bench.Recorder, w *io.PipeWriter, r *io.PipeReader) error {
	defer w.Close()
	for i := range n {
		t := lat.Begin(i)
		count(buf)
		if _, err := w.Write(buf); err != nil {
			return err
		}
		if _, err := io.ReadFull(r, buf); err != nil {
			return err
		}
		lat.End(t)
	}
	return nil
}

func pipeEcho(buf []byte, r *io.PipeReader, w *io.PipeWriter) {
	for {
		if _, err := io.ReadFull(r, buf); err != nil {
			w.CloseWithError(err)
			return
		}
		count(buf)
		if _, err := w.Write(buf); err != nil {
			r.CloseWithError(err)
			return
		}
	}
}

func pipeShared(launch launcher) bench.Func {
	return func(b *bench.B) (uint64, error) {
		ours, theirs := make([]byte, b.Int("payload")), make([]byte, b.Int("payload"))
		toR, toW := io.Pipe()
		froR, froW := io.Pipe()
		lat := b.Recorder(b.N)
		var asked error
		err := race(b, launch, 2, func(i int) {
			if i == 0 {
				asked = pipeAsk(b.N, ours, lat, toW, froR)
			} else {
				pipeEcho(theirs, toR, froW)
			}
		})
		return counted(ours), cmp.Or(err, asked)
	}
}

type pipeArgs struct {
	Conn    *procs.Conn
	Payload int
}

var pipeWorker = registerWorker("bench.pipe", func(_ context.Context, in pipeArgs, _ *bench.Recorder) (uint64, error) {
	buf := make([]byte, in.Payload)
	for {
		n, err := in.Conn.RecvBytesInto(buf)
		if err != nil {
			return 0, atEOF(err)
		}
		count(buf)
		if err := in.Conn.SendBytes(buf[:n]); err != nil {
			return 0, err
		}
	}
})

func pipeProcess(b *bench.B) (uint64, error) {
	buf := make([]byte, b.Int("payload"))
	ours, theirs, err := procs.NewPipe(procs.Duplex)
	if err != nil {
		return 0, err
	}
	defer ours.Close()
	lat := b.Recorder(b.N)
	err = serveWorkers(b, pipeWorker, []pipeArgs{{theirs, len(buf)}}, func() error {
		theirs.Close()
		b.Units(2)
		b.Start()
		for i := range b.N {
			t := lat.Begin(i)
			count(buf)
			if err := ours.SendBytes(buf); err != nil {
				return err
			}
			if n, err := ours.RecvBytesInto(buf); err != nil || n != len(buf) {
				return fmt.Errorf("received %d of %d bytes: %w", n, len(buf), err)
			}
			lat.End(t)
		}
		b.Stop()
		return ours.Close()
	})
	return counted(buf), err
}
