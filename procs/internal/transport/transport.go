// Package transport carries messages between two processes: a kind, bytes of
// any length and descriptors. It knows nothing of the values in them, nor of
// package procs, whose Conn is a Transport with an encoder.
//
//   - A pipe (NewPipe, and a Listener's Unix sockets that sleep in the system
//     call): packets of a Unix socket, and shared memory for short messages to
//     a receiver that is looking.
//   - A Unix socket that waits in the runtime's poller: packets only. A server
//     has many of them, and an idle one takes no thread.
//   - TCP: a stream, which cannot carry descriptors, and where a message that
//     was cut short ends the connection.
//   - A stream to a Python program (OfPythonSocket): bytes alone, in Python's
//     frames.
//
// The first two frame messages alike (packetHead). TCP frames them in another
// way because it may cut or mix them anywhere: a seal at both ends tells. A
// message to a child that is still to be started (package child) has a frame
// of one byte: such a child has not read any memory yet, and must not need to
// for a buffer as long as the longest packet.
package transport

import (
	"errors"
	"syscall"
	"time"

	"switchyard/procs/internal/codec"
)

var (
	// ErrMessageTooLong means that a message is longer than the limit.
	ErrMessageTooLong = errors.New("procs: message longer than the limit")
	// ErrMessageCut means that what came over TCP is no message.
	ErrMessageCut = errors.New("procs: messages were cut short or mixed")
)

// Transport is one end of a connection. One Send and one Recv may run at a
// time; the other methods may be called at any time.
type Transport interface {
	// Send sends a message. The descriptors stay the caller's.
	Send(kind uint32, body []byte, fds []int) error
	// Recv returns the next message, in the memory of buf, whose length is 0,
	// if it fits. It returns io.EOF when the other side is gone. The
	// descriptors are the caller's.
	Recv(buf []byte) (kind uint32, body []byte, fds []int, err error)
	// Poll waits up to d for a message or the end (negative: for ever), and
	// reports whether there is one, or the beginning of one.
	Poll(d time.Duration) (bool, error)
	// SetDeadline lets calls fail with os.ErrDeadlineExceeded from then on.
	SetDeadline(read, write time.Time) error
	// SyscallConn gives access to the descriptor.
	SyscallConn() (syscall.RawConn, error)
	// Local reports whether descriptors can be sent: the other side is on this
	// machine.
	Local() bool
	// Share puts what another process needs to Adopt this end into w.
	Share(w *codec.Wire, readable, writable bool) error
	// Close closes this process's copy of the end.
	Close() error
}

// PacketBody is the longest body inside a packet of a Unix socket: shorter than
// the socket's buffer, which packets of this length share. A receiver's buffer
// should have as much room.
const PacketBody = 128 << 10
