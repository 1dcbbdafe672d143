package transport

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/clock"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
)

// How often a packetSocket looks before it sleeps.
const (
	maxSpin = 16
	minSpin = 1
)

// polledSocket is a socket that waits in the runtime's poller.
type polledSocket struct {
	limits
	f  *os.File
	rc syscall.RawConn
}

// packetSocket carries messages over a Unix socket of a Listener, as packets:
// see packetHead. It waits in the runtime's poller: a server has many
// connections, and a thread for each that is idle would be too much. Only a
// very long message takes a thread while it is under way.
//
// A receiver spins for some microseconds before it sleeps in the poller: waking
// a sleeping thread costs more than most answers take. Failed spins make later
// ones rarer.
type packetSocket struct {
	polledSocket
	spin  atomic.Int32
	begun atomic.Pointer[begun] // nil: none; see there
}

func newPacketSocket(f *os.File, rc syscall.RawConn) *packetSocket {
	s := &packetSocket{polledSocket: polledSocket{f: f, rc: rc}}
	s.spin.Store(minSpin)
	return s
}

// Local reports that descriptors can be sent.
func (s *packetSocket) Local() bool { return true }

// Share fails: whoever adopts it could not wait in the poller as we do.
func (s *packetSocket) Share(*codec.Wire, bool, bool) error {
	return errors.New("procs: connections that wait in the poller cannot be passed on")
}

// Send sends a message as one packet.
func (s *packetSocket) Send(kind uint32, body []byte, fds []int) error {
	if _, err := sendMessage(s, kind, body, fds, &s.writeUntil); err != nil {
		return fmt.Errorf("procs: send: %w", kernel.Explain(err))
	}
	return nil
}

func (s *packetSocket) sendPacket(head *packetHead, part []byte, fds []int) (err error) {
	werr := s.rc.Write(func(fd uintptr) bool {
		for {
			if err = sendmsg(int(fd), head, part, fds, 0); err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	if werr != nil {
		return s.reason(werr)
	}
	return err
}

// reason returns why the poller ended a wait.
func (s *polledSocket) reason(err error) error {
	if s.closed.Load() { // the poller has an error of its own for it
		return os.ErrClosed
	}
	return err
}

func (s *packetSocket) Recv(buf []byte) (kind uint32, body []byte, fds []int, err error) {
	for {
		m, err := s.recvMessage(buf)
		switch {
		case err == nil:
			return m.kind, m.body, m.fds, nil
		case err == io.EOF:
			return 0, nil, nil, err
		case err != errCut:
			return 0, nil, nil, fmt.Errorf("procs: receive: %w", kernel.Explain(err))
		}
	}
}

func (s *packetSocket) recvMessage(buf []byte) (m message, err error) {
	if b := s.begun.Swap(nil); b != nil {
		m = b.take()
	} else {
		body := packetRoom(buf)
		var head packetHead
		n, fds, err := s.recvPacket(&head, body[len(buf):len(buf)+PacketBody])
		if err != nil {
			return m, err
		}
		if m, err = unpack(&head, body[:len(buf)+n], fds); err != nil {
			return m, err
		}
	}
	if m.rest >= 0 {
		if err = m.complete(s, &s.readUntil); m.rest >= 0 {
			s.begun.Store(m.keep(buf))
			if s.closed.Load() {
				s.dropBegun()
			}
		}
	}
	return m, err
}

func (s *packetSocket) dropBegun() {
	if b := s.begun.Swap(nil); b != nil {
		m := b.take()
		m.drop()
	}
}

// recvPacket receives one packet, with n bytes of a body.
func (s *packetSocket) recvPacket(head *packetHead, body []byte) (n int, fds []int, err error) {
	var oob [1024]byte // more than CmsgSpace of MaxFDs + 1 descriptors
	var oobn, flags int
	spun := false
	rerr := s.rc.Read(func(fd uintptr) bool {
		looks := int32(1)
		if !spun {
			looks = s.spin.Load()
			spun = true
		}
		for i := int32(0); ; {
			n, oobn, flags, err = recvmsg(int(fd), head, body, oob[:], unix.MSG_DONTWAIT)
			switch err {
			case unix.EINTR:
				continue
			case unix.EAGAIN:
				if i++; i < looks {
					continue
				}
				s.spin.Store(max(looks/2, minSpin))
				return false
			}
			if i > 0 {
				s.spin.Store(min(2*looks, maxSpin))
			}
			return true
		}
	})
	switch {
	case rerr != nil:
		return 0, nil, s.reason(rerr)
	case err == unix.ECONNRESET:
		return 0, nil, io.EOF
	case err != nil:
		return 0, nil, err
	}
	fds, err = rights(n, oob[:oobn], flags)
	return n - len(head), fds, err
}

func (s *packetSocket) Poll(d time.Duration) (bool, error) {
	if s.begun.Load() != nil && !s.closed.Load() {
		return true, nil
	}
	return s.polledSocket.Poll(d)
}

func (s *packetSocket) Close() error {
	err := s.polledSocket.Close()
	s.dropBegun()
	return err
}

// poll waits in slices, in a thread: waiting in the poller with a deadline of
// our own would disturb a receiver's. Nothing is held in between, so that Close
// does not wait for it.
func (s *polledSocket) Poll(d time.Duration) (now bool, err error) {
	until, slice := clock.In(d), time.Duration(0)
	for {
		if cerr := s.rc.Control(func(fd uintptr) { now = pollFor(int(fd), unix.POLLIN, slice) }); cerr != nil {
			return false, fmt.Errorf("procs: poll: %w", s.reason(cerr))
		}
		if now || d == 0 || d > 0 && slice > 0 && time.Until(until) <= 0 {
			return now, nil
		}
		if err := s.over(&s.readUntil); err != nil {
			return false, fmt.Errorf("procs: poll: %w", err)
		}
		slice = min(sleepSlice, s.readUntil.Left())
		if d > 0 {
			slice = min(slice, time.Until(until))
		}
	}
}

func (s *polledSocket) SetDeadline(read, write time.Time) error {
	s.readUntil.Set(read)
	s.writeUntil.Set(write)
	return errors.Join(s.f.SetReadDeadline(read), s.f.SetWriteDeadline(write))
}

func (s *polledSocket) SyscallConn() (syscall.RawConn, error) { return s.rc, nil }

func (s *polledSocket) Close() error {
	s.closed.Store(true)
	if err := s.f.Close(); err != nil {
		return fmt.Errorf("procs: close: %w", err)
	}
	return nil
}
