package remote

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/kernel"
)

// lineSocket carries the messages of a line, once both sides have proved who
// they are: each is its length, 4 bytes, and itself. A *procs.Conn can be
// passed on to another process and so reads no further than a message, in two
// system calls; here one call reads all that has come, and one writes all that
// is to go.
//
// A message is written by who sends it, as far as the socket takes it at once.
// The rest is written by a goroutine of its own, and so is what is sent
// meanwhile, together.
type lineSocket struct {
	c     net.Conn
	rc    syscall.RawConn
	limit int          // of a message
	run   func(func()) // runs a function in a goroutine of its own

	mu      sync.Mutex
	pending []byte // to be written
	writing bool
	whole   []byte // what is being written; all this is of who does so
	rest    []byte // of it
	wrote   int
	again   bool
	werr    error
	tryOut  func(fd uintptr) bool

	in    []byte // what was read
	taken int    // of it
	rerr  error
	tryIn func(fd uintptr) bool
}

const (
	lineHead  = 4
	firstRead = 8 << 10
	keepRead  = 64 << 10 // of a buffer
)

func newLineSocket(c net.Conn, limit int, run func(func())) (*lineSocket, error) {
	s := &lineSocket{c: c, limit: limit, run: run}
	var err error
	if s.rc, err = c.(syscall.Conn).SyscallConn(); err != nil {
		return nil, fmt.Errorf("remote: line: %w", err)
	}
	s.tryIn, s.tryOut = s.readSome, s.writeSome
	return s, nil
}

// takeOver makes a lineSocket of a connection, which is closed in any case.
func takeOver(c *procs.Conn, limit int, run func(func())) (*lineSocket, error) {
	defer c.Close()
	rc, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	var fd int
	cerr := rc.Control(func(of uintptr) { fd, err = kernel.DupFD(int(of)) })
	if err = cmp.Or(cerr, err); err != nil {
		return nil, fmt.Errorf("remote: line: %w", err)
	}
	f := os.NewFile(uintptr(fd), "line")
	defer f.Close()
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, fmt.Errorf("remote: line: %w", err)
	}
	s, err := newLineSocket(nc, limit, run)
	if err != nil {
		nc.Close()
	}
	return s, err
}

// add adds a message, which the next flush sends. It does not block.
func (s *lineSocket) add(b []byte) {
	s.mu.Lock()
	s.pending = append(binary.LittleEndian.AppendUint32(s.pending, uint32(len(b))), b...)
	s.mu.Unlock()
}

// flush sends what was added, unless somebody is just doing so. It does not
// block.
func (s *lineSocket) flush() {
	s.mu.Lock()
	idle := !s.writing && len(s.pending) > 0
	if idle {
		s.writing = true
	}
	s.mu.Unlock()
	if idle && !s.drain(false) {
		s.run(func() { s.drain(true) })
	}
}

func (s *lineSocket) send(b []byte) {
	s.add(b)
	s.flush()
}

// drain writes what was added, and reports whether all is written: without
// wait it does no more than the socket takes at once.
func (s *lineSocket) drain(wait bool) bool {
	for {
		if len(s.rest) == 0 {
			if cap(s.whole) > keepRead {
				s.whole = nil
			}
			s.mu.Lock()
			if s.writing = len(s.pending) > 0; !s.writing {
				s.mu.Unlock()
				return true
			}
			s.whole, s.pending = s.pending, s.whole[:0]
			s.mu.Unlock()
			s.rest = s.whole
		}
		var err error
		if wait {
			s.wrote, err = s.c.Write(s.rest)
		} else if err = s.rc.Write(s.tryOut); err == nil {
			err = s.werr
		}
		switch {
		case err != nil:
			s.c.Close() // who reads notices
			s.rest = nil
		case !wait && s.again:
			return false
		default:
			s.rest = s.rest[s.wrote:]
		}
	}
}

func (s *lineSocket) writeSome(fd uintptr) bool {
	s.wrote, s.again, s.werr = kernel.TryWrite(int(fd), s.rest)
	return true
}

// next returns the next message, which is valid until the one after it is asked
// for. An error is the end of the line.
func (s *lineSocket) next() ([]byte, error) {
	b, err := s.peek()
	if err == nil {
		s.skip(b)
	}
	return b, err
}

// skip has the next message be the one after b, which peek returned.
func (s *lineSocket) skip(b []byte) { s.taken += lineHead + len(b) }

// peek returns the message that next would return. After an error it may be
// called again, by another goroutine, too: what was read of a message stays.
func (s *lineSocket) peek() ([]byte, error) {
	for {
		have := s.in[s.taken:]
		missing := lineHead - len(have)
		if missing <= 0 {
			n := binary.LittleEndian.Uint32(have)
			if n == 0 || uint64(n) > uint64(s.limit) {
				return nil, errMalformed
			}
			if missing = lineHead + int(n) - len(have); missing <= 0 {
				return have[lineHead : lineHead+n : lineHead+n], nil
			}
		}
		s.makeRoom(missing)
		if err := s.rc.Read(s.tryIn); err != nil {
			return nil, err
		}
		if s.rerr != nil {
			return nil, s.rerr
		}
	}
}

// makeRoom makes some for what is missing of a message: as the bytes come, not
// as their length promises.
func (s *lineSocket) makeRoom(missing int) {
	have := s.in[s.taken:]
	s.taken = 0
	switch room := min(max(2*len(have), firstRead), max(len(have)+missing, firstRead)); {
	case len(have) == 0 && cap(s.in) > keepRead:
		s.in = make([]byte, 0, firstRead)
	case len(have)+missing <= cap(s.in) || len(have) < cap(s.in):
		s.in = append(s.in[:0], have...)
	default:
		s.in = append(make([]byte, 0, room), have...)
	}
}

func (s *lineSocket) readSome(fd uintptr) bool {
	n, again, err := kernel.TryRead(int(fd), s.in[len(s.in):cap(s.in)])
	if again {
		return false
	}
	s.in, s.rerr = s.in[:len(s.in)+n], err
	return true
}

func (s *lineSocket) close() { s.c.Close() }

// interrupt has who reads return with an error. It lasts until resume.
func (s *lineSocket) interrupt() { s.c.SetReadDeadline(time.Unix(1, 0)) }
func (s *lineSocket) resume()    { s.c.SetReadDeadline(time.Time{}) }
