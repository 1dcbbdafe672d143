package hub

import (
	"bytes"
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
	// receiving. If it is not set, the hub reports errors of Handle, like those
	// of any greenlet ([Config].OnError).
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
// after Stop. If the waiting greenlet is killed or out of time, the server is
// stopped as by Stop(0).
func (s *DatagramServer) Serve(h *Hub, c *PacketConn) error {
	s.Start(h, c)
	err := s.loop.Get()
	if !s.loop.dead {
		s.Stop(0)
	}
	return err
}

// Stop stops receiving, lets the calls of Handle end for at most d (negative:
// without limit), kills those that are left, and closes the socket. If the
// greenlet that waits here is itself killed or out of time, they are killed at
// once and not waited for. Handle and OnError may call it; see
// [StreamServer.Stop].
func (s *DatagramServer) Stop(d time.Duration) error {
	first := !s.stopped
	s.stopped = true
	defer s.c.Close()
	return stop(s.h, s.loop, first, s.calls, d)
}

func (s *DatagramServer) receive() error {
	size := s.Size
	if size <= 0 {
		size = 8192
	}
	buf := make([]byte, size)
	for failures := 0; ; {
		if s.room != nil {
			if err := s.room.Acquire(); err != nil {
				return s.end(err)
			}
		}
		n, from, failure, err := s.c.receive(buf)
		if failure == nil && err == nil {
			failures = 0
			s.spawn(bytes.Clone(buf[:n]), from)
			continue
		}
		if s.room != nil {
			s.room.Release()
		}
		if err != nil { // closed, killed, out of time
			return s.end(err)
		}
		s.tell(failure)
		// One that is over with the call, such as a client's closed port, is
		// not worth a pause.
		if failures++; failures > 1 {
			if err := s.h.Sleep(10 * time.Millisecond); err != nil {
				return s.end(err)
			}
		}
	}
}

func (s *DatagramServer) spawn(data []byte, from net.Addr) {
	g := s.calls.Spawn(func() error { return s.handle(data, from) })
	if s.room != nil {
		g.rawLink(s.room.Release) // also if it is killed before it starts
	}
}

func (s *DatagramServer) end(err error) error {
	if s.stopped {
		return nil
	}
	return err
}

func (s *DatagramServer) handle(data []byte, from net.Addr) error {
	err := s.Handle(s.c, data, from)
	if err != nil && s.OnError != nil && !is(err, ErrExit) {
		s.OnError(err)
		return nil
	}
	return err
}

func (s *DatagramServer) tell(err error) {
	if s.OnError != nil {
		s.OnError(err)
	}
}
