package remote

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"switchyard/procs"
	"switchyard/procs/connection"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/kernel"
)

// line is a connection between a pool and a worker, beside those that both have
// to the server: with it a task that comes alone wakes two processes, not four.
// The worker listens where it reaches the server from, and says so when it
// announces itself; the pool dials, and both prove that they know the key. Over
// it go the same messages as by way of the server, and two more of one byte
// each. Where there is no line, all goes by way of the server as well.
//
// A line that ends tells the worker to cancel what came over it, and the pool
// that nobody knows what became of it.
type line struct {
	c      *procs.Conn
	out    outbox[[]byte]
	number uint64      // the pool's
	heard  time.Time   // by the pool
	over   atomic.Bool // for the worker: nothing more will come
}

// Messages of one byte, which no version of the others begins with.
var (
	linePing = []byte{0}    // is sent back
	lineBye  = []byte{0xff} // nothing more will be sent; the pool answers with the same
)

const (
	lineTimeout = 5 * time.Second
	lineTries   = 3  // to reach a worker, at its announcements
	maxLines    = 64 // of a pool: to the first workers that it meets
	shortWrite  = 4 << 10
)

func newLine(c *procs.Conn, run func(func())) *line {
	l := &line{c: c, heard: time.Now()}
	l.out.run = run
	l.out.send = func(all [][]byte) {
		for _, b := range all {
			if l.c.SendBytes(b) != nil {
				l.c.Close() // who reads notices
				return
			}
		}
	}
	return l
}

// flush sends what was added: here, if that cannot take long.
func (l *line) flush(size int) {
	now := false
	if rc, err := l.c.SyscallConn(); err == nil && size <= shortWrite {
		rc.Control(func(fd uintptr) { now = kernel.Writable(int(fd)) })
	}
	l.out.flush(now)
}

func (l *line) send(b []byte) {
	l.out.add(b)
	l.flush(len(b))
}

// read hands over messages until there are no more, or take says so.
func (l *line) read(take func(b []byte) (more bool)) {
	for {
		if b, err := l.c.RecvBytes(0); err != nil || len(b) == 0 || !take(b) {
			return
		}
	}
}

// lineKey returns the key of the lines to a worker, which no other worker
// knows; nil if there are to be none.
func (s *Session) lineKey(worker string) []byte {
	if s.lineSecret == nil {
		return nil
	}
	m := hmac.New(sha256.New, s.lineSecret)
	m.Write([]byte(s.namespace + "\x00" + worker))
	return m.Sum(nil)
}

// allowLines lets a session have lines, unless all is to go through the server:
// because nobody could prove who he is, or because they are not encrypted and
// the connection to the server is.
func (s *Session) allowLines(config *Config, from net.Addr) {
	if _, err := s.nc.TLSConnectionState(); err == nil || len(config.AuthKey) == 0 || config.ServerOnly {
		return
	}
	switch a := from.(type) {
	case *net.TCPAddr:
		if a.IP.To4() == nil {
			return
		}
		s.lineHost = a.IP.String()
	case nil:
		return // by a way that is not ours
	default: // within this process
		s.lineHost = "127.0.0.1"
	}
	m := hmac.New(sha256.New, config.AuthKey)
	m.Write([]byte("switchyard/remote: lines"))
	s.lineSecret = m.Sum(nil)
}

// mayDial reports whether the address of a worker can mean it: one on loopback
// is of its own machine.
func (a *announcement) mayDial() bool {
	host, _, err := net.SplitHostPort(a.Address)
	if err != nil {
		return false
	}
	here, _ := os.Hostname()
	return !net.ParseIP(host).IsLoopback() || a.Host == here
}

// listen lets pools have lines to this worker.
func (w *worker) listen() {
	key := w.s.lineKey(w.self.ID)
	if key == nil {
		return
	}
	l, err := connection.Listen(w.s.lineHost+":0", connection.ListenerConfig{AuthKey: key, HandshakeTimeout: lineTimeout,
		MaxMessage: int(w.s.nc.MaxPayload()), Poller: true})
	if err != nil {
		bridge.Logf(int32(procs.LevelInfo), "remote: worker: all messages go through the server: %v", err)
		return
	}
	w.listener, w.self.Address = l, l.Address()
	w.lined.Go(func() {
		for n := uint64(1); ; n++ {
			c, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			w.lined.Go(func() { w.serve(c, n) })
		}
	})
}

// serve takes what a pool sends over a line.
func (w *worker) serve(c *procs.Conn, n uint64) {
	l := newLine(c, w.lined.Go)
	w.mu.Lock()
	late := w.linesEnd
	if !late {
		w.lines[l] = true
	}
	w.mu.Unlock()
	if late {
		c.Close()
		return
	}
	l.read(func(b []byte) bool {
		switch {
		case string(b) == string(linePing):
			l.send(b)
		case string(b) == string(lineBye):
			l.over.Store(true)
		default:
			w.take(b, "line "+strconv.FormatUint(n, 36), l)
		}
		return !l.over.Load()
	})
	if !l.over.Load() {
		w.cutLine(l)
	}
}

// cutLine ends the tasks that came over a line that has ended.
func (w *worker) cutLine(l *line) {
	l.c.Close()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.lines, l)
	for _, r := range w.live {
		if r.line == l {
			r.stop()
		}
	}
}

// endLines tells pools to send nothing more over lines.
func (w *worker) endLines() {
	w.takeNoLines()
	w.mu.Lock()
	all := slices.Collect(maps.Keys(w.lines))
	w.mu.Unlock()
	for _, l := range all {
		l.send(lineBye)
	}
}

func (w *worker) takeNoLines() {
	if w.listener != nil {
		w.listener.Close()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.linesEnd = true
}

// linesOver reports whether nothing more comes over lines.
func (w *worker) linesOver() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.lines {
		if !l.over.Load() {
			return false
		}
	}
	return true
}

// closeLines closes lines, when what was to be sent over them was.
func (w *worker) closeLines() {
	closeAll := func(all bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		for l := range w.lines {
			if all || !l.over.Load() {
				l.c.Close()
			}
		}
	}
	w.takeNoLines()
	closeAll(false)
	stuck := time.AfterFunc(lineTimeout, func() { closeAll(true) })
	w.lined.Wait()
	stuck.Stop()
	closeAll(true)
}

// dial begins to make a line to a worker, if there can be one. The lock is
// held.
func (d *direct) dial(p *peer) {
	key := d.s.lineKey(p.ID)
	if key == nil || p.lined || p.failures >= lineTries || p.Leaving || d.ended || d.lines >= maxLines || !p.mayDial() {
		return
	}
	p.lined = true
	d.lines++
	d.loop.Go(func() {
		ctx, cancel := context.WithTimeout(d.ctx, lineTimeout)
		c, err := connection.Dial(ctx, p.Address, connection.DialConfig{AuthKey: key, MaxMessage: int(d.s.nc.MaxPayload()), Poller: true})
		cancel()
		if err != nil {
			bridge.Logf(int32(procs.LevelInfo), "remote: worker %s on %s (process %d) is reached through the server alone: %v", p.ID, p.Host, p.PID, err)
		}
		d.overLine(p, c)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.lines--
		p.lined = false
		if err != nil {
			p.failures++
		}
	})
}

// overLine takes what a worker says over its line, until that ends.
func (d *direct) overLine(p *peer, c *procs.Conn) {
	if c == nil {
		return
	}
	l := newLine(c, d.loop.Go)
	defer c.Close()
	d.mu.Lock()
	if d.ended || d.peers[p.ID] != p {
		d.mu.Unlock()
		return
	}
	d.lineSeq++
	l.number, p.line = d.lineSeq, l
	d.mu.Unlock()
	l.read(func(b []byte) bool {
		now := time.Now()
		bye := string(b) == string(lineBye)
		d.mu.Lock()
		p.heard, l.heard = now, now
		if bye && p.line == l {
			p.line = nil // and what is sent from now on does not go over it
			l.out.add(b)
		}
		d.mu.Unlock()
		switch {
		case bye:
			l.flush(len(b))
		case string(b) != string(linePing):
			d.results(b)
		}
		return true
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hangUp(p, l)
	for _, r := range d.inflight {
		if r.sent.line == l {
			d.ask(p, l)
			break
		}
	}
}

// hangUp ends a line.
func (d *direct) hangUp(p *peer, l *line) {
	if l != nil {
		l.c.Close()
	}
	if p.line == l {
		p.line = nil
	}
}
