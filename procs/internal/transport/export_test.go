//go:build linux

package transport

import (
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/shm"
)

// What tests look into that are outside of the package because they use package
// procs.

const (
	PacketPart = packetPart
	MaxBlob    = maxBlob
	SleepSlice = sleepSlice

	HandoffBody    = handoffBody
	HandoffLooking = handoffLooking
	HandoffFilling = handoffFilling
	HandoffFull    = handoffFull
	HandoffTaking  = handoffTaking
)

// Handoff is the inside of a handoff.
type Handoff struct {
	State        *atomic.Uint64
	Queued       *atomic.Int64
	Asleep       *atomic.Uint32
	Kind, Length *uint32
	Data         []byte
}

// HandoffOf returns the handoff in which t receives, nil if it has none.
func HandoffOf(t Transport) *Handoff {
	h := t.(*pipeSocket).in
	if h == nil {
		return nil
	}
	return &Handoff{&h.state, &h.queued, &h.asleep, &h.kind, &h.n, h.data[:]}
}

// Leave ends the looking of a receiver.
func Leave(t Transport) (from shm.Owner, err error) { return t.(*pipeSocket).leave() }

// HasBells reports whether t can be woken by a bell, and ring one.
func HasBells(t Transport) (in, out bool) {
	s := t.(*pipeSocket)
	return s.bells[0] >= 0, s.bells[1] >= 0
}

// Unclaimed reports whether a receiver left while a sender was at it.
func Unclaimed(t Transport) bool { return t.(*pipeSocket).unclaimed.Load() }

// BeginLong sends the first packet of a very long message, and returns where
// its rest goes.
func BeginLong(t Transport, part []byte, length int) (flow int, err error) {
	if s, ok := t.(*pipeSocket); ok && s.out != nil {
		s.out.queued.Add(1)
	}
	way, flow, err := newFlow()
	if err != nil {
		return -1, err
	}
	defer unix.Close(way)
	head := newPacketHead(packetFlow, kindBytes, 0, length)
	return flow, t.(packets).sendPacket(&head, part, []int{way})
}

// BytesMissing returns how much of a message is missing that a receiver has
// begun; ok is false if there is none.
func BytesMissing(t Transport) (left int, ok bool) {
	var b *begun
	switch s := t.(type) {
	case *pipeSocket:
		b = s.begun.Load()
	case *packetSocket:
		b = s.begun.Load()
	}
	if b == nil {
		return 0, false
	}
	return b.left, true
}

// SocketPair returns both ends of a connection as a Listener makes them: over
// a Unix socket in the runtime's poller, or over TCP. Nobody closes them.
func SocketPair(t testing.TB, stream bool) (a, b Transport) {
	t.Helper()
	var files [2]*os.File
	if stream {
		l := proctest.Must(net.Listen("tcp", "127.0.0.1:0"))(t)
		defer l.Close()
		dialed := proctest.Must(net.Dial("tcp", l.Addr().String()))(t)
		taken := proctest.Must(l.Accept())(t)
		for i, c := range []net.Conn{dialed, taken} {
			files[i] = proctest.Must(c.(*net.TCPConn).File())(t)
			c.Close()
		}
	} else {
		fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = [2]*os.File{os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")}
	}
	return proctest.Must(OfSocket(files[0], stream, 1<<30, true))(t), proctest.Must(OfSocket(files[1], stream, 1<<30, true))(t)
}

// Ended reports whether err says that a TCP connection is of no use any more.
func Ended(err error) bool {
	return errors.Is(err, ErrMessageCut) || errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF
}
