package hub

import (
	"bytes"
	"errors"
	"net"
	"time"
)

// A DatagramServer runs a greenlet for each datagram
// (gevent.server.DatagramServer). Set the fields, then Serve or Start.
type DatagramServer struct {
	// Handle is called with each datagram and its sender; it may answer with
	// c.WriteTo. Its error is handed to OnError.
	Handle func(c *PacketConn, data []byte, from net.Addr) error

	// Limit is the number of datagrams handled at once; beyond it, receiving
	// waits (and the kernel drops). Zero: no limit.
	Limit int

	// Size is the longest datagram; longer ones are cut. Zero: 8192, as in
	// gevent.
	Size int

	// OnError, if set, is told of errors of Handle other than ErrExit and of
	// receiving.
	OnError func(err error)

	h       *Hub
	c       *PacketConn
	calls   *Group
	room    *Semaphore
	loop    *Greenlet
	stopped bool
}

// Start serves c in a greenlet of its own and returns.
func (s *DatagramServer) Start(h *Hub, c *PacketConn) {
	if s.Handle == nil {
		panic("hub: DatagramServer without Handle")
	}
	if s.loop != nil {
		panic("hub: DatagramServer started twice")
	}
	s.h, s.c, s.calls = h, c, NewGroup(h)
	if s.Limit > 0 {
		s.room = NewSemaphore(h, s.Limit)
	}
	s.loop = h.Spawn(s.receive).SetName("server " + c.LocalAddr().String())
}

// Serve is Start and then waits until the server is stopped. It returns nil
// after Stop.
func (s *DatagramServer) Serve(h *Hub, c *PacketConn) error {
	s.Start(h, c)
	return s.loop.Get()
}

// Stop stops receiving, lets the calls of Handle end for at most d (negative:
// without limit), kills those that are left, and closes the socket.
func (s *DatagramServer) Stop(d time.Duration) error {
	s.stopped = true
	defer s.c.Close()
	if err := s.loop.Kill(); err != nil {
		return err
	}
	if err := s.calls.JoinTimeout(d); err != nil && err != ErrTimeout {
		return err
	}
	return s.calls.Kill()
}

func (s *DatagramServer) receive() error {
	size := s.Size
	if size <= 0 {
		size = 8192
	}
	buf := make([]byte, size)
	for {
		if s.room != nil {
			if err := s.room.Acquire(); err != nil {
				return s.end(err)
			}
		}
		n, from, err := s.c.ReadFrom(buf)
		if err == nil {
			data := bytes.Clone(buf[:n])
			s.calls.Spawn(func() error { return s.handle(data, from) })
			continue
		}
		if s.room != nil {
			s.room.Release()
		}
		var op *net.OpError
		if !errors.As(err, &op) {
			return s.end(err)
		}
		s.tell(err) // for example: a client's port is closed
	}
}

func (s *DatagramServer) end(err error) error {
	if s.stopped {
		return nil
	}
	return err
}

func (s *DatagramServer) handle(data []byte, from net.Addr) error {
	if s.room != nil {
		defer s.room.Release()
	}
	err := s.Handle(s.c, data, from)
	if err != nil && !errors.Is(err, ErrExit) {
		s.tell(err)
	}
	return err
}

func (s *DatagramServer) tell(err error) {
	if s.OnError != nil {
		s.OnError(err)
	}
}
