package transport

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

	"switchyard/procs/internal/clock"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/shm"
)

// NewPipe returns the two ends of a new pipe, on which b can send, and if it is
// duplex both.
func NewPipe(duplex bool) (a, b Transport, err error) {
	var fds [2]int
	err = kernel.RetryFD(func() (err error) {
		fds, err = unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("procs: pipe: %w", err)
	}
	first, err := newPipeSocket(fds[0])
	if err != nil {
		unix.Close(fds[1])
		return nil, nil, err
	}
	second, err := newPipeSocket(fds[1])
	if err != nil {
		first.Close()
		return nil, nil, err
	}
	if m, n := newHandoffs(); m != nil {
		first.useHandoffs(m, 0)
		second.useHandoffs(n, 1)
		ours, theirs := newBells(duplex)
		first.useBells(ours)
		second.useBells(theirs)
	}
	return first, second, nil
}

// OfSocket makes a Transport of a connected, non-blocking socket: of TCP
// (stream), where a message may have limit bytes, or a Unix socket that keeps
// packets apart. With poller the latter waits in the runtime's poller. It owns
// f, unless it fails.
func OfSocket(f *os.File, stream bool, limit int, poller bool) (Transport, error) {
	rc, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("procs: connection: %w", err)
	}
	switch {
	case stream:
		return newStreamSocket(f, rc, uint64(limit)), nil
	case poller:
		return newPacketSocket(f, rc), nil
	}
	fd := -1
	if cerr := rc.Control(func(s uintptr) { fd, err = kernel.DupFD(int(s)) }); cerr != nil || err != nil {
		return nil, errors.Join(cerr, err)
	}
	s, err := newPipeSocket(fd)
	if err != nil {
		return nil, err
	}
	f.Close()
	return s, nil
}

// How Share says what an end can do.
const (
	shareWritable = 1 << 0
	shareReadable = 1 << 1
	shareHandoffs = 1 << 2 // their memory comes as a second descriptor; 1 << 3 is the side
	shareStream   = 1 << 4 // alone: TCP, both ways; the limit of a message follows
	shareBellIn   = 1 << 5 // of the handoffs: one descriptor more
	shareBellOut  = 1 << 6 // likewise
)

// Local reports that descriptors can be sent.
func (s *pipeSocket) Local() bool { return true }

// Share passes one end on.
func (s *pipeSocket) Share(w *codec.Wire, readable, writable bool) error {
	var how uint64
	if readable {
		how |= shareReadable
	}
	if writable {
		how |= shareWritable
	}
	if err := s.Control(func(fd uintptr) { w.PutFD(int(fd)) }); err != nil {
		return err
	}
	if s.handoffs != nil {
		if err := s.handoffs.WithFD(func(fd int) error { w.PutFD(fd); return nil }); err != nil {
			return err
		}
		how |= shareHandoffs | uint64(s.side)<<3
		if readable && s.bells[0] >= 0 {
			w.PutFD(s.bells[0])
			how |= shareBellIn
		}
		if writable && s.bells[1] >= 0 {
			w.PutFD(s.bells[1])
			how |= shareBellOut
		}
	}
	w.PutUint64(how)
	return w.Err()
}

// Adopt makes the Transport of what another process's Share put into w.
func Adopt(w *codec.Wire) (t Transport, readable, writable bool, err error) {
	fd, how := w.TakeFD(), w.TakeUint64()
	handoffs, bells, limit := -1, noBells, uint64(0)
	if how&shareHandoffs != 0 {
		handoffs = w.TakeFD()
		for i, flag := range []uint64{shareBellIn, shareBellOut} {
			if how&flag != 0 {
				bells[i] = w.TakeFD()
			}
		}
	}
	if how&shareStream != 0 {
		limit = w.TakeUint64()
	}
	if w.Err() != nil {
		kernel.CloseAll([]int{fd, handoffs, bells[0], bells[1]})
		return nil, false, false, w.Err()
	}
	if how&shareStream != 0 {
		f := os.NewFile(uintptr(fd), "connection")
		rc, err := f.SyscallConn()
		if err != nil {
			f.Close()
			return nil, false, false, fmt.Errorf("procs: connection: %w", err)
		}
		return newStreamSocket(f, rc, limit), true, true, nil
	}
	s, err := newPipeSocket(fd)
	if err != nil {
		kernel.CloseAll([]int{handoffs, bells[0], bells[1]})
		return nil, false, false, err
	}
	s.useBells(bells)
	if handoffs >= 0 {
		// If this fails, the socket alone would not do: whoever sends to us
		// counts what is in it.
		seg, err := shm.Adopt(os.NewFile(uintptr(handoffs), "segment"), 0)
		if err == nil && seg.Size() < 2*handoffSize {
			seg.Unmap()
			err = codec.ErrWire
		}
		if err != nil {
			s.Close()
			return nil, false, false, fmt.Errorf("procs: pipe: %w", err)
		}
		s.useHandoffs(seg, int(how>>3&1))
	}
	return s, how&shareReadable != 0, how&shareWritable != 0, nil
}

// pipeSocket carries messages over a Unix socket that keeps packets apart: see
// packetHead.
//
// The socket blocks in the system call, not in the runtime's poller: there
// every packet taken would wake the sender's poller as well, to tell it of the
// room, and a round trip would take twice as long. In a poller of the receiving
// side alone it would take half as long again. A receiver looks for some
// microseconds before it sleeps, if that was of use lately. The kernel ends a
// sleep after a slice, so that Close and deadlines are noticed. In a process
// with one processor the first slice is slept in a lounge.
type pipeSocket struct {
	limits // closed is set with mu held
	mu     sync.Mutex
	fd     int
	users  int                   // calls under way; the last one closes
	begun  atomic.Pointer[begun] // nil: none; see there

	cleanup runtime.Cleanup

	spin       shm.Spinner  // of receivers
	handoffs   *shm.Segment // nil: none; see handoff
	bells      [2]int       // what wakes us and what we ring; see lounge
	lounge     *lounge      // the receiver's; nil: not needed so far
	side       int          // which end of the two we are
	in, out    *handoff
	handoffHot atomic.Bool   // our last message went by handoff
	unclaimed  atomic.Bool   // we left while a sender was at it
	lived      atomic.Uint64 // the Owner that was seen alive last
	livedAt    atomic.Int64  // when: on the monotonic clock, in ns
}

func newPipeSocket(fd int) (*pipeSocket, error) {
	tv := unix.NsecToTimeval(int64(sleepSlice))
	err := errors.Join(unix.SetNonblock(fd, false),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &tv),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &tv))
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("procs: pipe: %w", err)
	}
	s := &pipeSocket{fd: fd, bells: noBells}
	s.cleanup = runtime.AddCleanup(s, func(fd int) { unix.Close(fd) }, fd) // nobody closed it
	return s, nil
}

// use keeps the descriptor open until release.
func (s *pipeSocket) use() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return os.ErrClosed
	}
	s.users++
	return nil
}

func (s *pipeSocket) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.users--; s.users == 0 && s.closed.Load() {
		s.end()
	}
}

// end lets the kernel have everything back. Nobody uses the socket any more.
func (s *pipeSocket) end() {
	kernel.CloseAll([]int{s.fd, s.bells[0], s.bells[1]})
	if s.lounge != nil && s.lounge.f != nil {
		s.lounge.f.Close()
	}
	if b := s.begun.Swap(nil); b != nil {
		m := b.take()
		m.drop()
	}
}

func (s *pipeSocket) Send(kind uint32, body []byte, fds []int) error {
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
	sent, err := sendMessage(s, kind, body, fds, &s.writeUntil)
	if err != nil {
		if s.out != nil && !sent { // else the receiver counts it, or nobody ever does
			s.out.queued.Add(-1)
		}
		return fmt.Errorf("procs: send: %w", kernel.Explain(err))
	}
	return nil
}

// sendPacket looks at the deadline first, as there may be room all the time.
func (s *pipeSocket) sendPacket(head *packetHead, part []byte, fds []int) (err error) {
	for {
		if err := s.over(&s.writeUntil); err != nil {
			return err
		}
		how := 0
		limited := s.writeUntil.IsSet() // then slices are too coarse
		if limited {
			how = unix.MSG_DONTWAIT
		}
		err := sendmsg(s.fd, head, part, fds, how)
		switch {
		case err == unix.EAGAIN && limited:
			if err := s.await(s.fd, unix.POLLOUT, &s.writeUntil); err != nil {
				return err
			}
		case err != unix.EAGAIN && err != unix.EINTR:
			return err
		}
	}
}

func (s *pipeSocket) Recv(buf []byte) (kind uint32, body []byte, fds []int, err error) {
	if err := s.use(); err != nil {
		return 0, nil, nil, fmt.Errorf("procs: receive: %w", err)
	}
	defer s.release()
	for {
		m, from, err := s.recvMessage(buf)
		switch {
		case from != 0:
			if kind, body, ok := s.in.take(from, buf); ok {
				s.unclaimed.Store(false)
				return kind, body, nil, nil
			} // else another receiver was faster
		case err == nil:
			return m.kind, m.body, m.fds, nil
		case err == io.EOF:
			return 0, nil, nil, err
		case err != errCut:
			return 0, nil, nil, fmt.Errorf("procs: receive: %w", kernel.Explain(err))
		}
	}
}

// recvMessage receives one message through the socket. If from is not 0, there
// is none, but one in the handoff.
func (s *pipeSocket) recvMessage(buf []byte) (m message, from shm.Owner, err error) {
	if b := s.begun.Swap(nil); b != nil {
		m = b.take()
	} else {
		body := packetRoom(buf)
		var head packetHead
		n, fds, from, err := s.recvPacket(&head, body[len(buf):len(buf)+PacketBody])
		if err != nil || from != 0 {
			return m, from, err
		}
		if m, err = unpack(&head, body[:len(buf)+n], fds); err != nil {
			return m, 0, err
		}
	}
	if m.rest >= 0 {
		if err = m.complete(s, &s.readUntil); m.rest >= 0 {
			s.begun.Store(m.keep(buf))
		}
	}
	return m, 0, err
}

// recvPacket receives one packet, with n bytes of a body. If from is not 0,
// there is none, but a message in the handoff.
func (s *pipeSocket) recvPacket(head *packetHead, body []byte) (n int, fds []int, from shm.Owner, err error) {
	var oob [1024]byte // more than CmsgSpace of MaxFDs + 1 descriptors
	var oobn, flags int
	take := func(how int) bool {
		n, oobn, flags, err = recvmsg(s.fd, head, body, oob[:], how)
		return err != unix.EAGAIN && err != unix.EINTR
	}
	got, from, lerr := s.look(take)
	if from != 0 || lerr != nil {
		return 0, nil, from, lerr
	}
	for !got {
		how := 0
		if s.readUntil.IsSet() { // then slices are too coarse
			if err := s.await(s.fd, unix.POLLIN, &s.readUntil); err != nil {
				return 0, nil, 0, err
			}
			how = unix.MSG_DONTWAIT
		}
		if got = take(how); got {
			break
		}
		if from := s.handedOff(); from != 0 {
			return 0, nil, from, nil
		}
		if err := s.over(&s.readUntil); err != nil {
			return 0, nil, 0, err
		}
	}
	if err == unix.ECONNRESET {
		return 0, nil, 0, io.EOF
	}
	if err != nil {
		return 0, nil, 0, err
	}
	if s.in != nil && n > 0 {
		s.in.queued.Add(-1)
	}
	fds, err = rights(n, oob[:oobn], flags)
	return n - len(head), fds, 0, err
}

func (s *pipeSocket) Poll(d time.Duration) (bool, error) {
	if err := s.use(); err != nil {
		return false, fmt.Errorf("procs: poll: %w", err)
	}
	defer s.release()
	ready := func(slice time.Duration) bool {
		return s.begun.Load() != nil || pollFor(s.fd, unix.POLLIN, slice) || s.handedOff() != 0
	}
	if now := ready(0); now || d == 0 {
		return now, nil
	}
	until := clock.In(d)
	for {
		slice := min(sleepSlice, s.readUntil.Left())
		if d > 0 {
			slice = min(slice, time.Until(until))
		}
		if ready(slice) {
			return true, nil
		}
		if err := s.over(&s.readUntil); err != nil {
			return false, fmt.Errorf("procs: poll: %w", err)
		}
		if d > 0 && time.Until(until) <= 0 {
			return false, nil
		}
	}
}

func (s *pipeSocket) SetDeadline(read, write time.Time) error {
	if s.closed.Load() {
		return fmt.Errorf("procs: set a deadline: %w", os.ErrClosed)
	}
	s.readUntil.Set(read)
	s.writeUntil.Set(write)
	return nil
}

// SyscallConn gives access to the descriptor.
func (s *pipeSocket) SyscallConn() (syscall.RawConn, error) { return s, nil }

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

func (s *pipeSocket) rawLoop(f func(fd uintptr) bool, events int16, until *clock.Deadline) error {
	if err := s.use(); err != nil {
		return err
	}
	defer s.release()
	for !f(uintptr(s.fd)) {
		if err := s.await(s.fd, events, until); err != nil {
			return err
		}
	}
	return nil
}

func (s *pipeSocket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed.Load() {
		return fmt.Errorf("procs: close: %w", os.ErrClosed)
	}
	s.closed.Store(true)
	s.cleanup.Stop()
	if s.handoffs != nil {
		s.handoffs.Close()
	}
	if s.users == 0 {
		s.end()
	}
	return nil
}
