package manager

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/shm"
)

// The fast road between a client and the server, if both are on one machine: a
// ring of requests and a ring of replies in shared memory. One call is under
// way at a time; calls that have to wait take the socket, so the lane is always
// free soon.
//
// The server's end is a goroutine that sleeps on the ring for some time after
// the last call. Then it parks: it ends, leaving a note on which the next
// client rings over the socket. So idle clients cost no thread.
type serverLane struct {
	link     *serverLink
	seg      *shm.Segment
	requests *shm.Reader
	replies  *shm.Writer
	parked   *atomic.Uint32
	spin     laneSpin
	out      []byte

	mu     sync.Mutex
	closed bool
	ended  chan struct{} // of the goroutine that runs
}

const (
	laneRing   = 64 << 10
	laneParked = 2 * (128*8 + laneRing) // beyond both rings
	laneSize   = laneParked + 128
	laneIdle   = 200 * time.Millisecond
)

func laneReplies() int { return (shm.RingSize(laneRing) + 127) &^ 127 }

func newServerLane(l *serverLink) (*serverLane, error) {
	if 2*laneReplies() > laneParked {
		panic("manager: lane layout")
	}
	seg, err := shm.Create(laneSize)
	if err != nil {
		return nil, err
	}
	shm.InitRing(seg, 0, laneRing)
	shm.InitRing(seg, laneReplies(), laneRing)
	lane := &serverLane{link: l, seg: seg, parked: shm.At[atomic.Uint32](seg.Bytes(), laneParked)}
	lane.requests, err = shm.NewReader(seg, 0)
	if err == nil {
		lane.replies, err = shm.NewWriter(seg, laneReplies())
	}
	if err != nil {
		seg.Close()
		return nil, err
	}
	lane.parked.Store(1)
	return lane, nil
}

// start lets the lane run. The client calls for it only after it has taken the
// note away, so it never runs twice.
func (l *serverLane) start() {
	l.mu.Lock()
	before := l.ended
	if l.closed {
		l.mu.Unlock()
		return
	}
	ended := make(chan struct{})
	l.ended = ended
	l.mu.Unlock()
	l.link.calls.Go(func() {
		defer close(ended)
		if before != nil {
			<-before // it has put up the note, and is about to end
		}
		l.run()
	})
}

func (l *serverLane) run() {
	for {
		req, err := l.requests.Next()
		if err == shm.ErrEmpty {
			req, err = l.spin.next(l.requests, func() error {
				return l.requests.Wait(&shm.Wait{Deadline: time.Now().Add(laneIdle)})
			})
			if err == shm.ErrTimeout && l.park() {
				return
			}
			if err == shm.ErrEmpty || err == shm.ErrTimeout {
				continue
			}
		}
		if err != nil {
			if err != shm.ErrClosed {
				logf(procs.LevelWarning, "manager %s: lane: %v", l.link.server.address, err)
				l.link.conn.Close()
			}
			return
		}
		l.out = l.link.server.dispatch(l.link, noWait, req, l.out[:0])
		if err := l.replies.Put(&shm.Wait{}, l.out); err != nil {
			return
		}
		if cap(l.out) > 1<<20 {
			l.out = nil
		}
	}
}

// park puts up the note, and reports whether nothing came meanwhile.
func (l *serverLane) park() bool {
	l.parked.Store(1)
	if l.requests.Wait(&shm.Wait{Deadline: time.Unix(1, 0)}) != nil {
		return true // the client rings before it looks at the note
	}
	return !l.parked.CompareAndSwap(1, 0)
}

// close wakes the goroutine, whatever it waits for, and lets go of the memory.
func (l *serverLane) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	if w, err := shm.NewWriter(l.seg, 0); err == nil {
		w.Close()
	}
	if r, err := shm.NewReader(l.seg, laneReplies()); err == nil {
		r.Close()
	}
	l.seg.Close()
}

// clientLane is the client's end of a serverLane.
type clientLane struct {
	link    *clientLink
	seg     *shm.Segment
	longest int
	parked  *atomic.Uint32
	wait    shm.Wait

	mu       sync.Mutex // one call at a time
	requests *shm.Writer
	replies  *shm.Reader
	spin     laneSpin
}

func newClientLane(l *clientLink, fd int) (*clientLane, error) {
	seg, err := shm.Adopt(os.NewFile(uintptr(fd), "lane"), 0)
	if err != nil {
		return nil, err
	}
	if len(seg.Bytes()) < laneSize {
		seg.Close()
		return nil, fmt.Errorf("manager: lane: %w: %d bytes", shm.ErrCorrupt, len(seg.Bytes()))
	}
	c := &clientLane{link: l, seg: seg, parked: shm.At[atomic.Uint32](seg.Bytes(), laneParked), wait: shm.Wait{Alive: l.alive}}
	c.requests, err = shm.NewWriter(seg, 0)
	if err == nil {
		c.replies, err = shm.NewReader(seg, laneReplies())
	}
	if err != nil {
		seg.Close()
		return nil, err
	}
	c.longest = c.requests.MaxRecord()
	return c, nil
}

// call makes one round trip: about a microsecond if the server is awake.
func (c *clientLane) call(req, reply []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.link.alive() || !c.requests.TryPut(req) { // there is room: no other call is under way
		return reply, ErrDied
	}
	if c.parked.Load() != 0 && c.parked.Swap(0) != 0 {
		if err := c.link.send(linkWake, nil); err != nil {
			return reply, err
		}
	}
	b, err := c.replies.Next()
	for err == shm.ErrEmpty {
		b, err = c.spin.next(c.replies, c.sleep)
	}
	if err != nil { // closed by die, or the server's end made no sense
		c.link.conn.Close()
		return reply, ErrDied
	}
	return append(reply, b...), nil
}

func (c *clientLane) sleep() error { return c.replies.Wait(&c.wait) }

// close wakes a caller that waits for a reply.
func (c *clientLane) close() {
	if w, err := shm.NewWriter(c.seg, laneReplies()); err == nil {
		w.Close()
	}
	c.seg.Close()
}
