package hub

import (
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
	// goes on. If it is not set, the hub reports errors of Handle, like those
	// of any greenlet ([Config].OnError).
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
// (StreamServer.serve_forever). It returns nil after Stop. If the waiting
// greenlet is killed or out of time, the server is stopped as by Stop(0).
func (s *StreamServer) Serve(h *Hub, l *Listener) error {
	s.Start(h, l)
	err := s.loop.Get()
	if !s.loop.dead {
		s.Stop(0)
	}
	return err
}

// Addr returns the address served.
func (s *StreamServer) Addr() net.Addr { return s.l.Addr() }

// Len is the number of connections being served.
func (s *StreamServer) Len() int { return s.conns.Len() }

// Stop stops accepting, lets the connections being served end for at most d
// (negative: without limit), and kills those that are left. If the greenlet
// that waits here is itself killed or out of time, they are killed at once and
// not waited for.
//
// Handle and OnError may call it. A greenlet of Handle that does so is counted,
// waited for and killed by the server no more, and ends with its function; its
// connection is closed as ever.
func (s *StreamServer) Stop(d time.Duration) error {
	first := !s.stopped
	s.stopped = true
	s.l.Close()
	return stop(s.h, s.loop, first, s.conns, d)
}

// stop ends a server's loop, if it is the first, and then, after at most d, its
// calls. Whoever calls it from one of these is left out, by every other stop
// too: two of them would wait for each other. So is the loop, which ends after
// OnError.
func stop(h *Hub, loop *Greenlet, first bool, calls *Group, d time.Duration) error {
	calls.Discard(h.cur)
	var err error
	if first && loop != h.cur {
		err = loop.Kill()
	}
	if err == nil && d != 0 {
		if err = calls.join(d, errLate); err == errLate {
			err = nil
		}
	}
	if err == nil {
		return calls.Kill()
	}
	h.KillAllWith(ErrExit, 0, calls.Greenlets()...)
	return err
}

func (s *StreamServer) accept() error {
	for !s.stopped {
		if s.room != nil {
			if err := s.room.Acquire(); err != nil {
				return s.end(err)
			}
		}
		c, failure, err := s.l.accept()
		if c != nil {
			g := s.conns.Spawn(func() error { return s.serve(c) })
			g.rawLink(func() { s.served(c) }) // also if it is killed before it starts
			continue
		}
		if s.room != nil {
			s.room.Release()
		}
		if err != nil { // closed, killed, out of time
			return s.end(err)
		}
		// Out of descriptors, for example: others may free some.
		s.tell(nil, failure)
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
	err := s.Handle(c)
	if err != nil && s.OnError != nil && !is(err, ErrExit) {
		s.OnError(c, err)
		return nil
	}
	return err
}

// served gives back what a connection had.
func (s *StreamServer) served(c *Conn) {
	c.Close()
	if s.room != nil {
		s.room.Release()
	}
}

func (s *StreamServer) tell(c *Conn, err error) {
	if s.OnError != nil {
		s.OnError(c, err)
	}
}
