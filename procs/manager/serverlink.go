package manager

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/transport"
)

// pinsOutlive is how long objects in messages on their way outlive the sender.
const pinsOutlive = time.Minute

// serverLink is one client process, as the server sees it.
type serverLink struct {
	server   *server
	conn     *procs.Conn         // nil: the server's own process
	messages transport.Transport // what is beneath conn
	ctx      context.Context
	cancel   context.CancelFunc
	gone     atomic.Bool
	lane     *serverLane
	calls    sync.WaitGroup

	wmu sync.Mutex // senders

	mu      sync.Mutex
	waiting map[uint64]context.CancelFunc

	refs map[uint64]int      // objects it refers to; guarded by the server's mu
	pins map[uint64]struct{} // likewise
}

func (l *serverLink) send(kind uint32, b []byte, fds []int) error {
	l.wmu.Lock()
	defer l.wmu.Unlock()
	return l.messages.Send(kind, b, fds)
}

// run reads from the socket until the client is gone, by whatever end, and then
// gives back all it held.
func (l *serverLink) run() {
	defer l.leave()
	if err := l.hello(); err != nil {
		return
	}
	var buf []byte
	for {
		kind, b, fds, err := l.messages.Recv(buf[:0])
		kernel.CloseAll(fds)
		if err != nil {
			if !errors.Is(err, io.EOF) {
				logf(procs.LevelDebug, "manager %s: client: %v", l.server.address, err)
			}
			return
		}
		if cap(b) <= 256<<10 {
			buf = b
		}
		if err := l.handle(kind, b); err != nil {
			logf(procs.LevelWarning, "manager %s: client: %v", l.server.address, err)
			return
		}
	}
}

func (l *serverLink) hello() error {
	b := binary.LittleEndian.AppendUint64([]byte{0}, l.server.id)
	if !l.messages.Local() {
		return l.send(linkHello, b, nil)
	}
	lane, err := newServerLane(l)
	if err != nil { // no memory, no descriptor: the socket alone must do
		logf(procs.LevelWarning, "manager %s: %v", l.server.address, err)
		return l.send(linkHello, b, nil)
	}
	l.lane = lane
	return lane.seg.WithFD(func(fd int) error { return l.send(linkHello, b, []int{fd}) })
}

func (l *serverLink) handle(kind uint32, b []byte) error {
	if kind == linkWake {
		if l.lane != nil {
			l.lane.start()
		}
		return nil
	}
	if len(b) < 8 {
		return codec.ErrWire
	}
	switch kind {
	case linkCall:
		return l.call(b)
	case linkCancel:
		l.mu.Lock()
		cancel := l.waiting[binary.LittleEndian.Uint64(b)]
		l.mu.Unlock()
		if cancel != nil {
			cancel()
		}
		return nil
	case linkRelease:
		for ; len(b) >= 8; b = b[8:] {
			l.server.release(l, binary.LittleEndian.Uint64(b))
		}
		return nil
	}
	return codec.ErrWire
}

// call answers at once if it can; a call that has to wait does so in a
// goroutine of its own.
func (l *serverLink) call(b []byte) error {
	id, req := b[:8:8], b[8:]
	reply := l.server.dispatch(l, noWait, req, append([]byte(nil), id...))
	if reply[8] != statusWait || req[8]&callNowait != 0 {
		return l.send(linkReply, reply, nil)
	}
	ctx, cancel := context.WithCancel(l.ctx)
	n := binary.LittleEndian.Uint64(id)
	l.mu.Lock()
	l.waiting[n] = cancel
	l.mu.Unlock()
	b = append([]byte(nil), b...)
	l.calls.Go(func() {
		reply := l.server.dispatch(l, ctx, b[8:], append([]byte(nil), b[:8]...))
		l.mu.Lock()
		delete(l.waiting, n)
		l.mu.Unlock()
		cancel()
		l.send(linkReply, reply, nil) // fails only if the client is gone, which the reader notices
	})
	return nil
}

// leave gives back what the client held.
func (l *serverLink) leave() {
	l.gone.Store(true)
	l.conn.Close()
	l.cancel()
	if l.lane != nil {
		l.lane.close()
	}
	l.calls.Wait()
	s := l.server
	s.mu.Lock()
	delete(s.links, l)
	sig, last := s.asked, len(s.links) == 0
	var leavers []leaver
	for _, o := range s.objects {
		if v, ok := o.value.(leaver); ok {
			leavers = append(leavers, v)
		}
	}
	refs, pins := l.refs, l.pins
	l.refs, l.pins = make(map[uint64]int), nil
	s.mu.Unlock()
	for _, v := range leavers {
		v.leave(l)
	}
	for id, n := range refs {
		s.mu.Lock()
		s.releaseLocked(id, n)
	}
	if sig != 0 && last {
		defer s.stop(sig)
	}
	if len(pins) > 0 {
		time.AfterFunc(s.pinsOutlive, func() {
			for p := range pins {
				s.unpin(p)
			}
		})
	}
}
