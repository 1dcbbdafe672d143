package procs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// streamSocket carries messages over TCP: a head of 16 bytes (length, kind), then the body. It reads no further than the message,
// and takes memory as the bytes come, not as the head promises.
type streamSocket struct {
	packetSocket
	limit uint64
	// in and out are why a way cannot be used any more: a message was cut short, and what follows would mean nothing.
	in, out atomic.Pointer[error]
}

const streamHead = 16

// newStreamConn makes a Conn of a connected, non-blocking TCP socket, which it owns also if it fails.
func newStreamConn(f *os.File, limit uint64) (*Conn, error) {
	rc, err := f.SyscallConn()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("procs: connection: %w", err)
	}
	rc.Control(func(fd uintptr) {
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15)
		unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15)
	})
	t := &streamSocket{limit: limit}
	t.f, t.rc = f, rc
	return &Conn{readable: true, writable: true, t: t}, nil
}

// share passes the connection on, unless a message on it was cut short: nobody else could know.
func (s *streamSocket) share(w *wire) error {
	for _, broken := range []*error{s.in.Load(), s.out.Load()} {
		if broken != nil {
			return *broken
		}
	}
	if err := s.rc.Control(func(fd uintptr) { w.PutFD(int(fd)) }); err != nil {
		return err
	}
	w.PutUint64(wayStream)
	w.PutUint64(s.limit)
	return w.Err()
}

func (s *streamSocket) send(kind uint32, body []byte, fds []int) error {
	if len(fds) > 0 {
		return fmt.Errorf("%w: files and objects in shared memory do not travel over TCP", ErrEncode)
	}
	if uint64(len(body)) > s.limit {
		return fmt.Errorf("%w: %d bytes over TCP", ErrMessageTooLong, len(body))
	}
	if broken := s.out.Load(); broken != nil {
		return *broken
	}
	small := body[:min(len(body), 16<<10)] // in one packet with the head
	b := make([]byte, streamHead, streamHead+len(small))
	binary.LittleEndian.PutUint64(b, uint64(len(body)))
	binary.LittleEndian.PutUint32(b[8:], kind)
	n, err := s.f.Write(append(b, small...))
	if err == nil && len(body) > len(small) {
		_, err = s.f.Write(body[len(small):])
	}
	if err != nil {
		err = fmt.Errorf("procs: send: %w", err)
		if n > 0 {
			s.out.Store(&err)
		}
	}
	return err
}

func (s *streamSocket) recv(buf []byte) (kind uint32, body []byte, fds []int, err error) {
	if broken := s.in.Load(); broken != nil {
		return 0, nil, nil, *broken
	}
	var head [streamHead]byte
	n, err := io.ReadFull(s.f, head[:])
	if err != nil {
		err = streamError(err)
		if n > 0 {
			s.in.Store(&err)
		}
		return 0, nil, nil, err
	}
	size := binary.LittleEndian.Uint64(head[:])
	if size > s.limit || size > math.MaxInt {
		err = fmt.Errorf("%w: %d bytes announced", ErrMessageTooLong, size)
		s.in.Store(&err)
		s.close()
		return 0, nil, nil, err
	}
	body = buf
	for left := int(size); left > 0; {
		step := min(left, max(cap(body)-len(body), 64<<10, len(body))) // at most doubles what has come
		at := len(body)
		if cap(body)-at < step {
			body = append(make([]byte, 0, at+step), body...)
		}
		body = body[:at+step]
		if _, err := io.ReadFull(s.f, body[at:]); err != nil {
			if err == io.EOF || errors.Is(err, syscall.ECONNRESET) {
				err = io.ErrUnexpectedEOF
			}
			err = streamError(err)
			s.in.Store(&err)
			return 0, nil, nil, err
		}
		left -= step
	}
	return binary.LittleEndian.Uint32(head[8:]), body, nil, nil
}

func streamError(err error) error {
	if err == io.EOF || errors.Is(err, syscall.ECONNRESET) {
		return io.EOF
	}
	return fmt.Errorf("procs: receive: %w", err)
}
