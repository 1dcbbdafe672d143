package hub

import (
	"errors"
	"net"
	"time"
)

// A StreamServer accepts connections and runs a greenlet for each
// (gevent.server.StreamServer). Set the fields, then Serve or Start.
type StreamServer struct {
	// Handle serves one connection, which is closed when Handle returns. Its
	// error is handed to OnError.
	Handle func(c *Conn) error

	// Limit is the number of connections served at once; beyond it, accepting
	// waits. Zero: no limit. (gevent's spawn=Pool(n).)
	Limit int

	// OnError, if set, is told of errors of Handle, other than ErrExit, and of
	// accepting (then c is nil), after which the server waits a little and
	// goes on.
	OnError func(c *Conn, err error)

	h       *Hub
	l       *Listener
	conns   *Group
	room    *Semaphore
	loop    *Greenlet
	stopped bool
}

// Start serves l in a greenlet of its own and returns.
func (s *StreamServer) Start(h *Hub, l *Listener) {
	if s.Handle == nil {
		panic("hub: StreamServer without Handle")
	}
	if s.loop != nil {
		panic("hub: StreamServer started twice")
	}
	s.h, s.l, s.conns = h, l, NewGroup(h)
	if s.Limit > 0 {
		s.room = NewSemaphore(h, s.Limit)
	}
	s.loop = h.Spawn(s.accept).SetName("server " + l.Addr().String())
}

// Serve is Start and then waits until the server is stopped
// (StreamServer.serve_forever). It returns nil after Stop.
func (s *StreamServer) Serve(h *Hub, l *Listener) error {
	s.Start(h, l)
	return s.loop.Get()
}

// Addr returns the address served.
func (s *StreamServer) Addr() net.Addr { return s.l.Addr() }

// Len is the number of connections being served.
func (s *StreamServer) Len() int { return s.conns.Len() }

// Stop stops accepting, lets the connections being served end for at most d
// (negative: without limit), and kills those that are left.
func (s *StreamServer) Stop(d time.Duration) error {
	s.stopped = true
	s.l.Close()
	if err := s.loop.Kill(); err != nil {
		return err
	}
	if err := s.conns.JoinTimeout(d); err != nil && err != ErrTimeout {
		return err
	}
	return s.conns.Kill()
}

func (s *StreamServer) accept() error {
	for !s.stopped {
		if s.room != nil {
			if err := s.room.Acquire(); err != nil {
				return s.end(err)
			}
		}
		c, err := s.l.AcceptConn()
		if err == nil {
			s.conns.Spawn(func() error { return s.serve(c) })
			continue
		}
		if s.room != nil {
			s.room.Release()
		}
		var op *net.OpError
		if !errors.As(err, &op) { // closed, killed, out of time
			return s.end(err)
		}
		// Out of descriptors, for example: others may free some.
		s.tell(nil, err)
		if err := s.h.Sleep(10 * time.Millisecond); err != nil {
			return s.end(err)
		}
	}
	return nil
}

// end turns the error that ended the loop into that of Serve.
func (s *StreamServer) end(err error) error {
	if s.stopped {
		return nil
	}
	return err
}

func (s *StreamServer) serve(c *Conn) error {
	defer func() {
		c.Close()
		if s.room != nil {
			s.room.Release()
		}
	}()
	err := s.Handle(c)
	if err != nil && !errors.Is(err, ErrExit) {
		s.tell(c, err)
	}
	return err
}

func (s *StreamServer) tell(c *Conn, err error) {
	if s.OnError != nil {
		s.OnError(c, err)
	}
}
