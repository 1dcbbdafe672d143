//go:build linux

package procs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"syscall"
)

// streamSocket carries messages over TCP: a head of 16 bytes (length, kind), then the body. It reads no further than the message,
// and takes memory as the bytes come, not as the head promises.
type streamSocket struct {
	packetSocket
	limit  uint64
	broken error // a message was cut short: what follows means nothing
}

const streamHead = 16

func (s *streamSocket) send(kind uint32, body []byte, fds []int) error {
	if len(fds) > 0 {
		return fmt.Errorf("%w: files and objects in shared memory do not travel over TCP", ErrEncode)
	}
	if uint64(len(body)) > s.limit {
		return fmt.Errorf("%w: %d bytes over TCP", ErrMessageTooLong, len(body))
	}
	small := body[:min(len(body), 16<<10)] // in one packet with the head
	b := make([]byte, streamHead, streamHead+len(small))
	binary.LittleEndian.PutUint64(b, uint64(len(body)))
	binary.LittleEndian.PutUint32(b[8:], kind)
	_, err := s.f.Write(append(b, small...))
	if err == nil && len(body) > len(small) {
		_, err = s.f.Write(body[len(small):])
	}
	if err != nil {
		return fmt.Errorf("procs: send: %w", err)
	}
	return nil
}

func (s *streamSocket) recv(buf []byte) (kind uint32, body []byte, fds []int, err error) {
	if s.broken != nil {
		return 0, nil, nil, s.broken
	}
	var head [streamHead]byte
	n, err := io.ReadFull(s.f, head[:])
	if err != nil {
		if n > 0 {
			s.broken = err
		}
		return 0, nil, nil, streamError(err)
	}
	size := binary.LittleEndian.Uint64(head[:])
	if size > s.limit || size > math.MaxInt {
		s.broken = fmt.Errorf("%w: %d bytes announced", ErrMessageTooLong, size)
		s.close()
		return 0, nil, nil, s.broken
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
			s.broken = err
			return 0, nil, nil, streamError(err)
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
