package procs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
)

// How often a packetSocket looks before it sleeps.
const (
	maxSpin = 16
	minSpin = 1
)

// packetSocket carries messages over a Unix socket of a Listener, in the format of pipeSocket. It waits in the runtime's poller:
// a server has many connections, and a thread for each that is idle would be too much.
//
// A receiver looks again and again for some microseconds before it sleeps in the poller: waking a sleeping thread costs
// more than most answers take. It looks less often when that was in vain.
type packetSocket struct {
	f    *os.File
	rc   syscall.RawConn
	spin atomic.Int32
}

func (s *packetSocket) send(kind uint32, body []byte, fds []int) error {
	for {
		part := body[:min(len(body), packetBody)]
		body = body[len(part):]
		var head [packetHead]byte
		if len(body) > 0 {
			head[0] = packetMore
		}
		head[4], head[5], head[6], head[7] = byte(kind), byte(kind>>8), byte(kind>>16), byte(kind>>24)
		var oob []byte
		if len(fds) > 0 {
			n := min(len(fds), maxPacketFD)
			oob = unix.UnixRights(fds[:n]...)
			if fds = fds[n:]; len(fds) > 0 {
				head[0] |= packetMore
			}
		}
		if err := s.sendPacket(head[:], part, oob); err != nil {
			return err
		}
		if head[0]&packetMore == 0 {
			return nil
		}
	}
}

func (s *packetSocket) sendPacket(head, part, oob []byte) error {
	var err error
	bufs := [][]byte{head, part}
	if len(part) == 0 {
		bufs = bufs[:1]
	}
	werr := s.rc.Write(func(fd uintptr) bool {
		for {
			if _, err = unix.SendmsgBuffers(int(fd), bufs, oob, nil, unix.MSG_NOSIGNAL); err != unix.EINTR {
				return err != unix.EAGAIN
			}
		}
	})
	if werr != nil {
		return fmt.Errorf("procs: send: %w", werr)
	}
	if err != nil {
		return fmt.Errorf("procs: send: %w", err)
	}
	return nil
}

func (s *packetSocket) recv(buf []byte) (kind uint32, body []byte, fds []int, err error) {
	var head [packetHead]byte
	body = buf
	for {
		n, more, err := s.recvPacket(head[:], &body)
		fds = append(fds, more...)
		if err == nil && n < packetHead {
			err = codec.ErrWire
			if n == 0 {
				err = io.EOF
			}
		}
		if err != nil {
			kernel.CloseAll(fds)
			return 0, nil, nil, err
		}
		if head[0]&packetMore == 0 {
			return uint32(head[4]) | uint32(head[5])<<8 | uint32(head[6])<<16 | uint32(head[7])<<24, body, fds, nil
		}
	}
}

// recvPacket appends the body of one packet to *body.
func (s *packetSocket) recvPacket(head []byte, body *[]byte) (n int, fds []int, err error) {
	b := *body
	if cap(b)-len(b) < packetBody {
		b = append(make([]byte, 0, max(2*cap(b), len(b)+packetBody)), b...)
	}
	var oob [1024]byte // more than CmsgSpace of maxPacketFD descriptors
	var oobn, flags int
	spun := false
	rerr := s.rc.Read(func(fd uintptr) bool {
		looks := int32(1)
		if !spun {
			looks = s.spin.Load()
			spun = true
		}
		for i := int32(0); ; {
			bufs := [][]byte{head, b[len(b) : len(b)+packetBody]}
			n, oobn, flags, _, err = unix.RecvmsgBuffers(int(fd), bufs, oob[:], unix.MSG_CMSG_CLOEXEC|unix.MSG_DONTWAIT)
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
		return 0, nil, fmt.Errorf("procs: receive: %w", rerr)
	case errors.Is(err, unix.ECONNRESET):
		return 0, nil, io.EOF
	case err != nil:
		return 0, nil, fmt.Errorf("procs: receive: %w", err)
	}
	fds = takeRights(oob[:oobn])
	if flags&(unix.MSG_CTRUNC|unix.MSG_TRUNC) != 0 {
		kernel.CloseAll(fds)
		return 0, nil, fmt.Errorf("procs: receive: descriptors were lost (too many open files?): %w", unix.EMFILE)
	}
	*body = b[:len(b)+max(n-packetHead, 0)]
	return n, fds, nil
}

func (s *packetSocket) poll(d time.Duration) (bool, error) {
	ready := func(fd uintptr) bool {
		p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(p, 0)
		return err == nil && n > 0
	}
	now := false
	if err := s.rc.Control(func(fd uintptr) { now = ready(fd) }); err != nil || now || d == 0 {
		return now, err
	}
	// Waiting in the poller with a deadline of our own would disturb a receiver's: a poll in a thread does not.
	var until time.Time
	if d > 0 {
		until = time.Now().Add(d)
	}
	err := s.rc.Control(func(fd uintptr) {
		for !now {
			ms := 200 // so that Close does not wait for ever
			if d > 0 {
				left := time.Until(until)
				if left <= 0 {
					return
				}
				ms = int(min(left+time.Millisecond-1, 200*time.Millisecond) / time.Millisecond)
			}
			p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
			if n, err := unix.Poll(p, ms); err == nil && n > 0 {
				now = true
			}
		}
	})
	return now, err
}

func (s *packetSocket) setDeadline(read, write time.Time) error {
	return errors.Join(s.f.SetReadDeadline(read), s.f.SetWriteDeadline(write))
}

func (s *packetSocket) raw() (syscall.RawConn, error) { return s.rc, nil }

func (s *packetSocket) close() error {
	if err := s.f.Close(); err != nil {
		return fmt.Errorf("procs: close: %w", err)
	}
	return nil
}
