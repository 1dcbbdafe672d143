package connection

import (
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// strangers are the connections that have not yet proved that they know the
// key, the oldest first. Anybody can make one, so their number is limited; and
// anybody can make as many as the limit, so a new one takes the place of the
// oldest.
//
// That one has had strangerGrace at least, which is enough for a proof. Without
// it a flood would push out even those who know the key, before they were asked
// for it. With it the kernel keeps what comes too fast, in order.
type strangers struct {
	most   int
	closed <-chan struct{}
	left   chan struct{} // gets a value when one leaves

	mu    sync.Mutex
	queue []newcomer
	over  bool
}

type newcomer struct {
	conn  *os.File
	since time.Time
}

const strangerGrace = 100 * time.Millisecond

// errPushedOut is why a connection is refused that is not out of time.
var errPushedOut = fmt.Errorf("connection: newer connections took its place before it proved anything: %w", os.ErrDeadlineExceeded)

func newStrangers(most int, closed <-chan struct{}) *strangers {
	return &strangers{most: most, closed: closed, left: make(chan struct{}, 1)}
}

// enter adds a connection. If it has to, it waits until there is a place. It
// returns false if the listener is closed.
func (s *strangers) enter(conn *os.File) bool {
	for {
		entered, wait := s.tryEnter(conn)
		if entered {
			return true
		}
		if wait <= 0 && s.pushOut() {
			continue
		}
		select {
		case <-s.closed:
			return false
		case <-s.left:
		case <-time.After(wait):
		}
	}
}

// tryEnter returns how long it will be until the oldest has had its time.
func (s *strangers) tryEnter(conn *os.File) (entered bool, wait time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over {
		return false, 0
	}
	if len(s.queue) >= s.most {
		return false, strangerGrace - time.Since(s.queue[0].since)
	}
	s.queue = append(s.queue, newcomer{conn, time.Now()})
	return true, 0
}

// pushOut closes the oldest, if it has had its time, and reports whether it
// did.
func (s *strangers) pushOut() bool {
	s.mu.Lock()
	if len(s.queue) == 0 || time.Since(s.queue[0].since) < strangerGrace {
		s.mu.Unlock()
		return false
	}
	oldest := s.queue[0].conn
	s.queue = slices.Delete(s.queue, 0, 1)
	s.mu.Unlock()
	oldest.Close()
	return true
}

// leave takes a connection out, and reports whether it still was there.
func (s *strangers) leave(conn *os.File) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.queue, func(o newcomer) bool { return o.conn == conn })
	if i < 0 {
		return false
	}
	s.queue = slices.Delete(s.queue, i, i+1)
	select {
	case s.left <- struct{}{}:
	default:
	}
	return true
}

// close closes all. None can enter any more.
func (s *strangers) close() {
	s.mu.Lock()
	all := s.queue
	s.queue, s.over = nil, true
	s.mu.Unlock()
	for _, o := range all {
		o.conn.Close()
	}
}
