package transport

import (
	"encoding/binary"
	"fmt"
	"os"

	"switchyard/procs/internal/codec"
)

// pythonSocket carries byte messages as Python's multiprocessing.connection
// frames them, over a TCP socket or a Unix socket that is a stream. A message
// is
//
//	length of the body    4 bytes, signed, big-endian; -1: the next field has it
//	length of the body    8 bytes, if the first is -1
//	body
//
// Nothing in it tells where a message begins, so one that is cut short ends the
// way it came, as with streamSocket.
type pythonSocket struct {
	byteStream
}

// Lengths of a message in its first field.
const (
	pythonShort = 1<<31 - 1 // the largest
	pythonLong  = -1        // it is in the second field
)

// OfPythonSocket makes a Transport of a connected, non-blocking socket that is
// a stream, whose other end is Python's. All messages are of kind 0. It owns f,
// unless it fails.
func OfPythonSocket(f *os.File, limit int) (Transport, error) {
	rc, err := f.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("procs: connection: %w", err)
	}
	setTCPOptions(rc)
	return &pythonSocket{byteStream{polledSocket: polledSocket{f: f, rc: rc}, limit: uint64(limit)}}, nil
}

// Share fails: a program of ours that adopted it would wait for our frames.
func (s *pythonSocket) Share(*codec.Wire, bool, bool) error {
	return fmt.Errorf("%w: connections to Python cannot be passed on", codec.ErrEncode)
}

func (s *pythonSocket) Send(kind uint32, body []byte, fds []int) error {
	if kind != 0 || len(fds) > 0 {
		return fmt.Errorf("%w: only bytes are sent to Python", codec.ErrEncode)
	}
	if err := s.sendable(body); err != nil {
		return err
	}
	var head [12]byte
	n := putPythonHead(&head, len(body))
	return s.write(head[:n], body)
}

// putPythonHead writes the head of a message, of 4 or 12 bytes.
func putPythonHead(head *[12]byte, length int) int {
	if length <= pythonShort {
		binary.BigEndian.PutUint32(head[:], uint32(length))
		return 4
	}
	first := int32(pythonLong)
	binary.BigEndian.PutUint32(head[:], uint32(first))
	binary.BigEndian.PutUint64(head[4:], uint64(length))
	return 12
}

func (s *pythonSocket) Recv(buf []byte) (kind uint32, body []byte, fds []int, err error) {
	length, err := s.recvLength()
	if err == nil {
		body, err = s.readBody(buf, length, nil)
	}
	return 0, body, nil, err
}

// recvLength reads the head of a message.
func (s *pythonSocket) recvLength() (uint64, error) {
	var head [8]byte
	if err := s.readHead(head[:4]); err != nil {
		return 0, err
	}
	short := int32(binary.BigEndian.Uint32(head[:]))
	if short >= 0 {
		return uint64(short), nil
	}
	if short != pythonLong {
		return 0, s.broken(fmt.Errorf("procs: receive: %w", ErrMessageCut), true)
	}
	if _, err := s.read(head[:]); err != nil {
		return 0, s.broken(inside(err), false)
	}
	return binary.BigEndian.Uint64(head[:]), nil
}
