package transport

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
)

// streamSocket carries messages over TCP, which keeps nothing apart. A message
// is
//
//	length of the body    8 bytes
//	kind                  4
//	check of the head     4
//	seal                  8
//	body
//	seal                  8, the same
//
// The seal is a random number, another for each message. So a receiver notices
// every message of which a part is missing, or that has another one in it,
// whoever wrote the two: it is never taken for a message. There is no way back
// to the beginning of one, so the connection is of no use from then on. Who
// cuts a message and lives says so by closing the way for all who hold it.
//
// A receiver reads no further than the message, and takes memory as the bytes
// come, not as the head promises.
type streamSocket struct {
	byteStream
	seals atomic.Uint64 // the last one, before it is mixed
}

// byteStream is what messages over a stream have in common, however they are
// framed.
type byteStream struct {
	polledSocket
	limit uint64
	// in and out are why a way cannot be used any more.
	in, out atomic.Pointer[error]
}

const (
	streamHead = 24
	streamSeal = 8
)

// newStreamSocket makes a Transport of a connected, non-blocking TCP socket.
func newStreamSocket(f *os.File, rc syscall.RawConn, limit uint64) *streamSocket {
	setTCPOptions(rc)
	s := &streamSocket{byteStream: byteStream{polledSocket: polledSocket{f: f, rc: rc}, limit: limit}}
	var seed [8]byte
	kernel.Random(seed[:])
	s.seals.Store(binary.LittleEndian.Uint64(seed[:]))
	return s
}

// setTCPOptions lets short messages go at once, and the death of the other
// machine be noticed. Unix sockets have none of these options.
func setTCPOptions(rc syscall.RawConn) {
	rc.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
	})
}

// Local reports that descriptors cannot be sent.
func (s *byteStream) Local() bool { return false }

// Share passes the connection on, unless a message on it was cut short: nobody
// else could know.
func (s *streamSocket) Share(w *codec.Wire, _, _ bool) error {
	for _, broken := range []*error{s.in.Load(), s.out.Load()} {
		if broken != nil {
			return *broken
		}
	}
	if err := s.rc.Control(func(fd uintptr) { w.PutFD(int(fd)) }); err != nil {
		return err
	}
	w.PutUint64(shareStream)
	w.PutUint64(s.limit)
	return w.Err()
}

// mix spreads every bit of x over all (splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (s *streamSocket) seal() uint64 { return mix(s.seals.Add(0x9e3779b97f4a7c15)) }

type streamHeader [streamHead]byte

func newStreamHeader(length uint64, kind uint32, seal uint64) (h streamHeader) {
	binary.LittleEndian.PutUint64(h[:], length)
	binary.LittleEndian.PutUint32(h[8:], kind)
	binary.LittleEndian.PutUint64(h[16:], seal)
	binary.LittleEndian.PutUint32(h[12:], h.check())
	return h
}

func (h *streamHeader) length() uint64 { return binary.LittleEndian.Uint64(h[:]) }
func (h *streamHeader) kind() uint32   { return binary.LittleEndian.Uint32(h[8:]) }
func (h *streamHeader) seal() []byte   { return h[16:] }

func (h *streamHeader) check() uint32 {
	return uint32(mix(mix(h.length()+1) + mix(uint64(h.kind())+2) + binary.LittleEndian.Uint64(h[16:])))
}

func (h *streamHeader) valid() bool { return binary.LittleEndian.Uint32(h[12:]) == h.check() }

func (s *streamSocket) Send(kind uint32, body []byte, fds []int) error {
	if len(fds) > 0 {
		return fmt.Errorf("%w: files and objects in shared memory do not travel over TCP", codec.ErrEncode)
	}
	if err := s.sendable(body); err != nil {
		return err
	}
	head := newStreamHeader(uint64(len(body)), kind, s.seal())
	return s.write(head[:], body, head.seal())
}

// sendable returns why a message cannot be sent.
func (s *byteStream) sendable(body []byte) error {
	if uint64(len(body)) > s.limit {
		return fmt.Errorf("%w: %d bytes over TCP", ErrMessageTooLong, len(body))
	}
	if broken := s.out.Load(); broken != nil {
		return *broken
	}
	return nil
}

// write sends a framed message. If only a part of it goes out, the way is of no
// use from then on.
func (s *byteStream) write(bufs ...[]byte) error {
	n, err := s.transfer(s.rc.Write, func(fd int, bufs [][]byte) (int, error) {
		return unix.SendmsgBuffers(fd, bufs, nil, nil, unix.MSG_NOSIGNAL)
	}, bufs...)
	if err != nil {
		err = fmt.Errorf("procs: send: %w", err)
		if n > 0 {
			s.out.Store(&err)
			s.shutdown(unix.SHUT_WR)
		}
	}
	return err
}

// shutdown closes ways for all processes that hold the connection.
func (s *byteStream) shutdown(how int) {
	s.rc.Control(func(fd uintptr) { unix.Shutdown(int(fd), how) })
}

// transfer moves all of bufs, and waits as often as it must. With an error, n
// bytes were moved.
func (s *byteStream) transfer(wait func(func(fd uintptr) bool) error, move func(fd int, bufs [][]byte) (int, error),
	bufs ...[]byte) (n int, err error) {
	werr := wait(func(fd uintptr) bool {
		for {
			for len(bufs) > 0 && len(bufs[0]) == 0 {
				bufs = bufs[1:]
			}
			if len(bufs) == 0 {
				return true
			}
			var moved int
			moved, err = move(int(fd), bufs)
			switch {
			case err == unix.EINTR:
				continue
			case err == unix.EAGAIN:
				return false
			case err == nil && moved == 0:
				err = io.EOF
			}
			if err != nil {
				return true
			}
			n += moved
			for moved > 0 {
				step := min(moved, len(bufs[0]))
				bufs[0], moved = bufs[0][step:], moved-step
				if len(bufs[0]) == 0 {
					bufs = bufs[1:]
				}
			}
		}
	})
	if werr != nil {
		return n, s.reason(werr)
	}
	return n, err
}

// read fills all of bufs. The error is io.EOF only if the connection ended
// before the first byte.
func (s *byteStream) read(bufs ...[]byte) (n int, err error) {
	n, err = s.transfer(s.rc.Read, func(fd int, bufs [][]byte) (int, error) {
		got, _, _, _, err := unix.RecvmsgBuffers(fd, bufs, nil, 0)
		if err == unix.ECONNRESET {
			return 0, nil
		}
		return got, err
	}, bufs...)
	if err == io.EOF && n > 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		err = fmt.Errorf("procs: receive: %w", err)
	}
	return n, err
}

// broken notes why nothing more can be received. If what came is not what
// anybody can have sent, the connection ends for everybody.
func (s *byteStream) broken(err error, garbage bool) error {
	s.in.Store(&err)
	if garbage {
		s.shutdown(unix.SHUT_RDWR)
	}
	return err
}

func (s *streamSocket) Recv(buf []byte) (kind uint32, body []byte, fds []int, err error) {
	var head streamHeader
	if err := s.readHead(head[:]); err != nil {
		return 0, nil, nil, err
	}
	if !head.valid() {
		return 0, nil, nil, s.broken(fmt.Errorf("procs: receive: %w", ErrMessageCut), true)
	}
	var seal [streamSeal]byte
	body, err = s.readBody(buf, head.length(), seal[:])
	if err != nil {
		return 0, nil, nil, err
	}
	if [streamSeal]byte(head.seal()) != seal {
		return 0, nil, nil, s.broken(fmt.Errorf("procs: receive: %w", ErrMessageCut), true)
	}
	return head.kind(), body, nil, nil
}

// readHead reads the head of a message, unless an earlier one was cut short.
func (s *byteStream) readHead(head []byte) error {
	if broken := s.in.Load(); broken != nil {
		return *broken
	}
	n, err := s.read(head)
	if err != nil && n > 0 {
		s.broken(err, false)
	}
	return err
}

// readBody appends a body of so many bytes to buf, and fills tail with what
// comes after it. It closes the connection if there are too many.
func (s *byteStream) readBody(buf []byte, length uint64, tail []byte) (body []byte, err error) {
	if length > s.limit || length > math.MaxInt {
		err = s.broken(fmt.Errorf("%w: %d bytes announced", ErrMessageTooLong, length), false)
		s.Close()
		return nil, err
	}
	body = buf
	for left := int(length); ; {
		step := min(left, max(cap(body)-len(body), 64<<10, len(body))) // at most doubles what has come
		at := len(body)
		if cap(body)-at < step {
			body = append(make([]byte, 0, at+step), body...)
		}
		body = body[:at+step]
		left -= step
		last := tail[:0]
		if left == 0 {
			last = tail
		}
		if _, err := s.read(body[at:], last); err != nil {
			return nil, s.broken(inside(err), false)
		}
		if left == 0 {
			return body, nil
		}
	}
}

// inside is err inside a message, where the end is none that was meant.
func inside(err error) error {
	if err == io.EOF {
		return fmt.Errorf("procs: receive: %w", io.ErrUnexpectedEOF)
	}
	return err
}
