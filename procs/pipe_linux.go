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
)

// NewPipe returns the two ends of a new connection. With OneWay, a receives and b sends.
func NewPipe(d Direction) (a, b *Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("procs: pipe: %w", err)
	}
	both := d == Duplex
	if a, err = newSocketConn(fds[0], true, both); err != nil {
		unix.Close(fds[1])
		return nil, nil, err
	}
	if b, err = newSocketConn(fds[1], both, true); err != nil {
		a.Close()
		return nil, nil, err
	}
	return a, b, nil
}

// newSocketConn makes a Conn of a non-blocking sequenced-packet socket, which it owns also if it fails.
func newSocketConn(fd int, readable, writable bool) (*Conn, error) {
	t, err := newPacketSocket(fd)
	if err != nil {
		return nil, err
	}
	return &Conn{readable: readable, writable: writable, t: t}, nil
}

func (c *Conn) share(w *wire) error {
	s, ok := c.t.(*packetSocket)
	if !ok {
		return errors.New("procs: only the ends of a pipe can be passed on, not connections of Listener and Client")
	}
	err := s.rc.Control(func(fd uintptr) { w.PutFD(int(fd)) })
	if err != nil {
		return err
	}
	w.PutUint64(b2u(c.readable)<<1 | b2u(c.writable))
	return w.Err()
}

func (c *Conn) adopt(w *wire) error {
	fd, ways := w.TakeFD(), w.TakeUint64()
	if w.Err() != nil {
		closeFD(fd)
		return w.Err()
	}
	t, err := newPacketSocket(fd)
	if err != nil {
		return err
	}
	c.t, c.readable, c.writable = t, ways&2 != 0, ways&1 != 0
	return nil
}

// packetSocket carries messages over a Unix socket that keeps packets apart. A message is one packet, or several if it is
// long: a head of 8 bytes (flags, kind) and up to packetBody bytes each. So short messages of several senders never
// mix, not even from different processes that hold the same end.
//
// A receiver looks again and again for some microseconds before it sleeps in the poller: waking a sleeping thread costs
// more than most answers take. It looks less often when that was in vain.
type packetSocket struct {
	f    *os.File
	rc   syscall.RawConn
	spin atomic.Int32
}

const (
	packetHead = 8
	packetBody = 64 << 10
	packetMore = 1 // flag: the message goes on

	maxSpin = 60 // looks, at about a third of a microsecond
	minSpin = 1
)

func newPacketSocket(fd int) (*packetSocket, error) {
	s := &packetSocket{f: os.NewFile(uintptr(fd), "pipe")}
	rc, err := s.f.SyscallConn()
	if err != nil {
		s.f.Close()
		return nil, fmt.Errorf("procs: pipe: %w", err)
	}
	s.rc = rc
	s.spin.Store(maxSpin)
	return s, nil
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
			err = errWire
			if n == 0 {
				err = io.EOF
			}
		}
		if err != nil {
			closeAll(fds)
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
		closeAll(fds)
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
