package workload

import (
	"context"
	"encoding/binary"
	"errors"
	"io"

	"switchyard/bench"
	"switchyard/greenlet"
	"switchyard/procs"
)

// What workloads have in common whose messages go through a pipe: the messages,
// its ends, and the helper at the other end, which sends them back.

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

// An end is one end of a duplex pipe, of [procs.NewPipe] or two of [io.Pipe].
type end interface {
	SendBytes(msg []byte) error
	RecvBytesInto(msg []byte) (int, error)
	Close() error
}

type ioPipe struct {
	*io.PipeReader
	*io.PipeWriter
}

func (p ioPipe) SendBytes(msg []byte) error            { _, err := p.Write(msg); return err }
func (p ioPipe) RecvBytesInto(msg []byte) (int, error) { return io.ReadFull(p, msg) }

func (p ioPipe) Close() error { return errors.Join(p.PipeReader.Close(), p.PipeWriter.Close()) }

func newIOPipe() (ours, theirs ioPipe) {
	toR, toW := io.Pipe()
	froR, froW := io.Pipe()
	return ioPipe{froR, toW}, ioPipe{toR, froW}
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

// pipeGreenletEcho is pipeEcho in a greenlet.
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

type pipeArgs struct {
	Conn    *procs.Conn
	Payload int
}

var pipeWorker = registerWorker("bench.pipe", func(_ context.Context, in pipeArgs, u *bench.Unit) error {
	err := pipeEcho(in.Payload, u, in.Conn)
	u.Waits = u.Ops
	return err
})

// besidePipeWorker is [duplex] with a worker that is pipeEcho.
func besidePipeWorker(b *bench.B, lead func(c *procs.Conn) error) (answer uint64, err error) {
	return duplex(b, pipeWorker, func(c *procs.Conn) pipeArgs { return pipeArgs{c, b.Int("payload")} }, lead)
}
