package remote

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// served are the servers of this process, by their addresses. A session with
// one of them goes without the network, and is otherwise like any other.
var served struct {
	sync.Mutex
	at map[string]*server.Server
}

func serveLocal(s *server.Server) {
	served.Lock()
	defer served.Unlock()
	if served.at == nil {
		served.at = map[string]*server.Server{}
	}
	served.at[s.Addr().String()] = s
}

func endLocal(s *server.Server) {
	served.Lock()
	defer served.Unlock()
	if a := s.Addr(); a != nil && served.at[a.String()] == s {
		delete(served.at, a.String())
	}
}

// dialLocal connects to a server of this process, if there is one at the
// address; nil, if not, or if it wants TLS.
func dialLocal(address string) net.Conn {
	served.Lock()
	s := served.at[address]
	served.Unlock()
	if s == nil {
		return nil
	}
	c, err := s.InProcessConn()
	if err != nil {
		return nil
	}
	return &pipe{Conn: c}
}

// pipe is our end of a connection within this process. The connection has no
// memory: a write waits for the reader. Client and server may both write at a
// time, and would wait for each other; so what the server does not read at once
// waits in a buffer.
type pipe struct {
	net.Conn
	mu      sync.Mutex
	waiting []byte
	pumping bool
	err     error
}

const atOnce = time.Millisecond

func (p *pipe) Write(b []byte) (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	if !p.pumping {
		p.Conn.SetWriteDeadline(time.Now().Add(atOnce))
		if n, err = p.Conn.Write(b); !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		p.pumping = true
		go p.pump()
	}
	p.waiting = append(p.waiting, b[n:]...)
	return len(b), nil
}

// pump writes what waits.
func (p *pipe) pump() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.Conn.SetWriteDeadline(time.Time{})
	for p.err == nil && len(p.waiting) > 0 {
		b := p.waiting
		p.waiting = nil
		p.mu.Unlock()
		_, err := p.Conn.Write(b)
		p.mu.Lock()
		p.err = err
	}
	p.pumping = false
}

// SetDeadline is of reading alone: Write does not wait.
func (p *pipe) SetDeadline(t time.Time) error { return p.SetReadDeadline(t) }

// SetWriteDeadline does nothing.
func (p *pipe) SetWriteDeadline(time.Time) error { return nil }
