package procs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
)

// NewPipe returns the two ends of a new connection. With OneWay, a receives and b sends.
func NewPipe(d Direction) (a, b *Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
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
	if la, lb := newHandoffs(); la != nil {
		a.t.(*pipeSocket).useHandoffs(la, 0)
		b.t.(*pipeSocket).useHandoffs(lb, 1)
	}
	return a, b, nil
}

// newSocketConn makes a Conn of a sequenced-packet socket, which it owns also if it fails.
func newSocketConn(fd int, readable, writable bool) (*Conn, error) {
	t, err := newPipeSocket(fd)
	if err != nil {
		return nil, err
	}
	return &Conn{readable: readable, writable: writable, t: t}, nil
}

func (c *Conn) share(w *wire) error {
	switch s := c.t.(type) {
	case *pipeSocket:
		return s.share(w, b2u(c.readable)<<1|b2u(c.writable))
	case *streamSocket:
		return s.share(w)
	}
	return errors.New("procs: connections that wait in the poller cannot be passed on")
}

// share passes one end on, which can be used in these ways.
func (s *pipeSocket) share(w *wire, ways uint64) error {
	if err := s.Control(func(fd uintptr) { w.PutFD(int(fd)) }); err != nil {
		return err
	}
	if s.handoffs != nil {
		if err := s.handoffs.WithFD(func(fd int) error { w.PutFD(fd); return nil }); err != nil {
			return err
		}
		ways |= wayHandoffs | uint64(s.side)<<3
	}
	w.PutUint64(ways)
	return w.Err()
}

const (
	wayHandoffs = 1 << 2 // beside 2, readable, and 1, writable; 1 << 3 is the side
	wayStream   = 1 << 4 // alone: TCP, both ways; the limit of a message follows
)

func (c *Conn) adopt(w *wire) error {
	fd, ways := w.TakeFD(), w.TakeUint64()
	handoffs, limit := -1, uint64(0)
	if ways&wayHandoffs != 0 {
		handoffs = w.TakeFD()
	}
	if ways&wayStream != 0 {
		limit = w.TakeUint64()
	}
	if w.Err() != nil {
		kernel.CloseAll([]int{fd, handoffs})
		return w.Err()
	}
	if ways&wayStream != 0 {
		s, err := newStreamConn(os.NewFile(uintptr(fd), "connection"), limit)
		if err == nil {
			c.t, c.readable, c.writable = s.t, true, true
		}
		return err
	}
	t, err := newPipeSocket(fd)
	if err != nil {
		kernel.CloseFD(handoffs)
		return err
	}
	if handoffs >= 0 {
		// If this fails, the socket alone would not do: whoever sends to us counts what is in it.
		seg, err := shm.Adopt(os.NewFile(uintptr(handoffs), "segment"), 0)
		if err == nil && seg.Size() < 2*handoffSize {
			seg.Unmap()
			err = codec.ErrWire
		}
		if err != nil {
			t.close()
			return fmt.Errorf("procs: pipe: %w", err)
		}
		t.useHandoffs(seg, int(ways>>3&1))
	}
	c.t, c.readable, c.writable = t, ways&2 != 0, ways&1 != 0
	return nil
}

// pipeSocket carries messages over a Unix socket that keeps packets apart. A message is one packet, or several if it is
// long: a head of 8 bytes (flags, kind) and up to packetBody bytes each. So short messages of several senders never
// mix, not even from different processes that hold the same end.
//
// The socket blocks in the system call, not in the runtime's poller: there every packet taken would wake the sender's poller
// as well, to tell it of the room, and a round trip would take twice as long. A receiver looks for some microseconds before
// it sleeps, if that was of use lately. The kernel ends a sleep after a slice, so that Close and deadlines are noticed.
type pipeSocket struct {
	mu     sync.Mutex
	fd     int
	users  int // calls under way; the last one closes
	closed bool

	cleanup runtime.Cleanup

	spin       shm.Spinner  // of receivers
	handoffs   *shm.Segment // nil: none; see handoff
	side       int          // which end of the two we are
	in, out    *handoff
	warm       atomic.Bool   // our last message went by handoff
	owed       atomic.Bool   // we left while a sender was at it
	lived      atomic.Uint64 // the Owner that was seen alive last
	livedAt    atomic.Int64  // when: Unix time in ns
	readUntil  atomic.Int64  // Unix time in ns, 0: none
	writeUntil atomic.Int64
}

const (
	packetHead = 8
	packetBody = 64 << 10
	packetMore = 1 << 0 // flag: the message goes on
	packetMemo = 1 << 1 // flag: the body is in the first descriptor

	// Bodies of these lengths travel in anonymous memory: they are longer than what the socket holds, so that both sides
	// would wait for each other, and short enough that many of them in the socket do no harm.
	minMemo = 128<<10 + 1
	maxMemo = 4 << 20

	sleepSlice = 100 * time.Millisecond
)

func newPipeSocket(fd int) (*pipeSocket, error) {
	tv := unix.NsecToTimeval(int64(sleepSlice))
	err := errors.Join(unix.SetNonblock(fd, false),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv))
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("procs: pipe: %w", err)
	}
	s := &pipeSocket{fd: fd}
	s.cleanup = runtime.AddCleanup(s, func(fd int) { unix.Close(fd) }, fd) // nobody closed it
	return s, nil
}

// use keeps the descriptor open until release.
func (s *pipeSocket) use() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return os.ErrClosed
	}
	s.users++
	return nil
}

func (s *pipeSocket) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 && s.closed {
		unix.Close(s.fd)
	}
}

// again tells why a call that has slept for a slice should not sleep on.
func (s *pipeSocket) again(until *atomic.Int64) error {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return os.ErrClosed
	}
	if t := until.Load(); t != 0 && time.Now().UnixNano() >= t {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// await waits for events until the deadline, if there is one: then the slices of the socket are too coarse.
func (s *pipeSocket) await(events int16, until *atomic.Int64) error {
	for until.Load() != 0 {
		if err := s.again(until); err != nil {
			return err
		}
		left := time.Duration(until.Load() - time.Now().UnixNano())
		if s.pollFor(events, min(left, sleepSlice)) || events == unix.POLLIN && s.handedOff() != 0 {
			return nil
		}
	}
	return nil
}

func (s *pipeSocket) pollFor(events int16, d time.Duration) bool {
	ms := int((max(d, 0) + time.Millisecond - 1) / time.Millisecond)
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(s.fd), Events: events}}, ms)
	return err == nil && n > 0
}

func (s *pipeSocket) send(kind uint32, body []byte, fds []int) error {
	if err := s.use(); err != nil {
		return fmt.Errorf("procs: send: %w", err)
	}
	defer s.release()
	if s.out != nil {
		if len(fds) == 0 && s.handOver(kind, body) {
			return nil
		}
		s.out.queued.Add(1)
	}
	sent, err := s.sendMessage(kind, body, fds)
	if err != nil {
		if s.out != nil && !sent { // else the receiver counts it, or nobody ever does
			s.out.queued.Add(-1)
		}
		return fmt.Errorf("procs: send: %w", err)
	}
	return nil
}

// sendMessage sends a message through the socket. sent tells whether at least its beginning was.
func (s *pipeSocket) sendMessage(kind uint32, body []byte, fds []int) (sent bool, err error) {
	var flags byte
	if len(body) >= minMemo && len(body) <= maxMemo {
		if memo, err := newBlob(body); err == nil { // else the long way
			defer unix.Close(memo)
			fds = append([]int{memo}, fds...)
			body, flags = nil, packetMemo
		}
	}
	for {
		part := body[:min(len(body), packetBody)]
		body = body[len(part):]
		head := [packetHead]byte{0: flags, 4: byte(kind), 5: byte(kind >> 8), 6: byte(kind >> 16), 7: byte(kind >> 24)}
		var oob []byte
		if len(fds) > 0 {
			n := min(len(fds), maxPacketFD)
			oob = unix.UnixRights(fds[:n]...)
			fds = fds[n:]
		}
		if len(body) > 0 || len(fds) > 0 {
			head[0] |= packetMore
		}
		if err := s.sendPacket(head[:], part, oob); err != nil {
			return sent, err
		}
		sent = true
		if head[0]&packetMore == 0 {
			return true, nil
		}
	}
}

func (s *pipeSocket) sendPacket(head, part, oob []byte) error {
	if err := s.await(unix.POLLOUT, &s.writeUntil); err != nil {
		return err
	}
	bufs := [][]byte{head, part}
	if len(part) == 0 {
		bufs = bufs[:1]
	}
	for {
		_, err := unix.SendmsgBuffers(s.fd, bufs, oob, nil, unix.MSG_NOSIGNAL)
		switch err {
		case unix.EAGAIN:
			if err := s.again(&s.writeUntil); err != nil {
				return err
			}
		case unix.EINTR:
		default:
			return err
		}
	}
}

func (s *pipeSocket) recv(buf []byte) (kind uint32, body []byte, fds []int, err error) {
	if err := s.use(); err != nil {
		return 0, nil, nil, fmt.Errorf("procs: receive: %w", err)
	}
	defer s.release()
	var head [packetHead]byte
	var flags byte
	body = buf
	for first := true; ; {
		n, more, from, err := s.recvPacket(head[:], &body, first)
		if from != 0 {
			if kind, body, ok := s.in.take(from, body); ok {
				s.owed.Store(false)
				return kind, body, nil, nil
			}
			continue // another receiver was faster
		}
		first = false
		fds = append(fds, more...)
		if err == nil && n < packetHead {
			err = codec.ErrWire
			if n == 0 {
				err = io.EOF
			}
		}
		if err != nil {
			kernel.CloseAll(fds)
			if err == io.EOF {
				return 0, nil, nil, err
			}
			return 0, nil, nil, fmt.Errorf("procs: receive: %w", err)
		}
		flags |= head[0]
		if head[0]&packetMore == 0 {
			break
		}
	}
	if s.in != nil {
		s.in.queued.Add(-1)
	}
	if flags&packetMemo != 0 && len(fds) > 0 {
		body, err = readBlobInto(body, fds[0])
		unix.Close(fds[0])
		if fds = fds[1:]; err != nil {
			kernel.CloseAll(fds)
			return 0, nil, nil, err
		}
	}
	return uint32(head[4]) | uint32(head[5])<<8 | uint32(head[6])<<16 | uint32(head[7])<<24, body, fds, nil
}

// recvPacket appends the body of one packet to *body. If from is not 0, there is none, but a message in the handoff: only if it is the first
// packet of a message.
func (s *pipeSocket) recvPacket(head []byte, body *[]byte, first bool) (n int, fds []int, from shm.Owner, err error) {
	b := *body
	if cap(b)-len(b) < packetBody {
		b = append(make([]byte, 0, max(2*cap(b), len(b)+packetBody)), b...)
	}
	bufs := [][]byte{head, b[len(b) : len(b)+packetBody]}
	var oob [1024]byte // more than CmsgSpace of maxPacketFD + 1 descriptors
	var oobn, flags int
	take := func(how int) bool {
		n, oobn, flags, _, err = unix.RecvmsgBuffers(s.fd, bufs, oob[:], unix.MSG_CMSG_CLOEXEC|how)
		return err != unix.EAGAIN && err != unix.EINTR
	}
	got := false
	if first {
		var lerr error
		if got, from, lerr = s.look(take); from != 0 || lerr != nil {
			return 0, nil, from, lerr
		}
	}
	if !got {
		if err := s.await(unix.POLLIN, &s.readUntil); err != nil {
			return 0, nil, 0, err
		}
		for !take(0) {
			if first {
				if from := s.handedOff(); from != 0 {
					return 0, nil, from, nil
				}
			}
			if err := s.again(&s.readUntil); err != nil {
				return 0, nil, 0, err
			}
		}
	}
	if err == unix.ECONNRESET {
		return 0, nil, 0, io.EOF
	}
	if err != nil {
		return 0, nil, 0, err
	}
	fds = takeRights(oob[:oobn])
	if flags&(unix.MSG_CTRUNC|unix.MSG_TRUNC) != 0 {
		kernel.CloseAll(fds)
		return 0, nil, 0, fmt.Errorf("descriptors were lost (too many open files?): %w", unix.EMFILE)
	}
	*body = b[:len(b)+max(n-packetHead, 0)]
	return n, fds, 0, nil
}

func (s *pipeSocket) poll(d time.Duration) (bool, error) {
	if err := s.use(); err != nil {
		return false, fmt.Errorf("procs: poll: %w", err)
	}
	defer s.release()
	if now := s.pollFor(unix.POLLIN, 0) || s.handedOff() != 0; now || d == 0 {
		return now, nil
	}
	until := time.Now().Add(d)
	for {
		slice := sleepSlice
		if d > 0 {
			slice = min(slice, time.Until(until))
		}
		if s.pollFor(unix.POLLIN, slice) || s.handedOff() != 0 {
			return true, nil
		}
		if err := s.again(&s.readUntil); err != nil {
			return false, fmt.Errorf("procs: poll: %w", err)
		}
		if d > 0 && !time.Now().Before(until) {
			return false, nil
		}
	}
}

func (s *pipeSocket) setDeadline(read, write time.Time) error {
	set := func(v *atomic.Int64, t time.Time) {
		if t.IsZero() {
			v.Store(0)
		} else {
			v.Store(t.UnixNano())
		}
	}
	set(&s.readUntil, read)
	set(&s.writeUntil, write)
	return nil
}

func (s *pipeSocket) raw() (syscall.RawConn, error) { return s, nil }

// Control, Read and Write make it a syscall.RawConn.
func (s *pipeSocket) Control(f func(fd uintptr)) error {
	if err := s.use(); err != nil {
		return err
	}
	defer s.release()
	f(uintptr(s.fd))
	return nil
}

// Read calls f until it says true, with sleeps in between.
func (s *pipeSocket) Read(f func(fd uintptr) bool) error {
	return s.rawLoop(f, unix.POLLIN, &s.readUntil)
}

// Write calls f until it says true, with sleeps in between.
func (s *pipeSocket) Write(f func(fd uintptr) bool) error {
	return s.rawLoop(f, unix.POLLOUT, &s.writeUntil)
}

func (s *pipeSocket) rawLoop(f func(fd uintptr) bool, events int16, until *atomic.Int64) error {
	if err := s.use(); err != nil {
		return err
	}
	defer s.release()
	for !f(uintptr(s.fd)) {
		if err := s.again(until); err != nil {
			return err
		}
		s.pollFor(events, sleepSlice)
	}
	return nil
}

func (s *pipeSocket) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("procs: close: %w", os.ErrClosed)
	}
	s.closed = true
	s.cleanup.Stop()
	if s.handoffs != nil {
		s.handoffs.Close()
	}
	if s.users == 0 {
		unix.Close(s.fd)
	}
	return nil
}
