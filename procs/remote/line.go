package remote

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"maps"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"switchyard/procs"
	"switchyard/procs/connection"
	"switchyard/procs/internal/bridge"
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
	*lineSocket
	number uint64    // the pool's
	heard  time.Time // by the pool
	reading

	from  string      // for the worker: whose tasks they are
	over  atomic.Bool // for the worker: nothing more will come
	guest guest
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
)

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
	m.Write([]byte("switchyard/remote: lines 2"))
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
			w.lined.Add(1)
			go w.serve(c, n)
		}
	})
}

// serve takes what a pool sends over a line.
func (w *worker) serve(c *procs.Conn, n uint64) {
	sock, err := takeOver(c, int(w.s.nc.MaxPayload()), w.lined.Go)
	if err != nil {
		bridge.Logf(int32(procs.LevelWarning), "%v", err)
		w.lined.Done()
		return
	}
	l := &line{lineSocket: sock, from: "line " + strconv.FormatUint(n, 36)}
	w.mu.Lock()
	late := w.linesEnd
	if !late {
		w.lines[l] = true
	}
	w.mu.Unlock()
	if late {
		l.close()
		w.lined.Done()
		return
	}
	w.read(l)
}

// read takes what comes over a line until there is no more, or until another
// goroutine reads on, because this one runs a task that takes long.
func (w *worker) read(l *line) {
	var here *running
	defer func() {
		if here != nil && l.guest.leave(here) { // it has ended this goroutine
			go w.read(l)
		}
	}()
	for !l.over.Load() {
		b, err := l.next()
		if err != nil {
			break
		}
		switch {
		case string(b) == string(linePing):
			l.send(b)
		case string(b) == string(lineBye):
			l.over.Store(true)
		default:
			l.guest.came(time.Now())
			if here = w.take(bytes.Clone(b), l.from, l); here == nil {
				continue
			}
			l.guest.enter(here, func() { go w.read(l) })
			w.runInSlot(here)
			stays := l.guest.leave(here)
			here = nil
			if !stays {
				return
			}
		}
	}
	l.guest.end()
	if !l.over.Load() {
		w.cutLine(l)
	}
	w.lined.Done()
}

// guest is the task that the goroutine runs that reads a line: one that came
// alone, of a function that takes no longer than to wake another goroutine, as
// far as is known. If it does take longer, another goroutine reads on.
type guest struct {
	last time.Time // when a message came
	soon bool      // after the one before

	mu      sync.Mutex
	task    *running // nil: none, or it does not read any more
	seen    *running // when it was looked last
	any     bool     // there was one since then
	ticking bool
	ended   bool
	tick    *time.Timer
	instead func() // reads on
}

const (
	quick     = 20 * time.Microsecond // of a function
	quickRuns = 4                     // before it counts as such
	guestTick = time.Millisecond
)

// came notes when a message came. Tasks that come seldom are not worth a timer.
func (g *guest) came(at time.Time) {
	g.soon = at.Sub(g.last) < 2*guestTick
	g.last = at
}

// enter notes that the goroutine that reads begins a task. If that takes long
// instead is called.
func (g *guest) enter(r *running, instead func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.task, g.any, g.instead = r, true, instead
	if g.ticking {
		return
	}
	g.ticking = true
	if g.tick == nil {
		g.tick = time.AfterFunc(guestTick, g.look)
	} else {
		g.tick.Reset(guestTick)
	}
}

// leave notes that a task has ended, and reports whether the goroutine that ran
// it still is who reads.
func (g *guest) leave(r *running) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	mine := g.task == r
	if mine {
		g.task = nil
	}
	return mine
}

// look has another goroutine read if the same task has run since the last look.
// A timer of each task would wake a thread each time.
func (g *guest) look() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.task != nil && g.task == g.seen {
		g.task = nil
		g.instead()
	}
	g.seen = g.task
	if g.ticking = g.any && !g.ended; g.ticking {
		g.tick.Reset(guestTick)
	}
	g.any = g.task != nil
}

func (g *guest) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.ended = true
}

// cutLine ends the tasks that came over a line that has ended.
func (w *worker) cutLine(l *line) {
	l.close()
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
				l.close()
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
	sock, err := takeOver(c, int(d.s.nc.MaxPayload()), d.loop.Go)
	if err != nil {
		bridge.Logf(int32(procs.LevelWarning), "%v", err)
		return
	}
	l := &line{lineSocket: sock, heard: time.Now()}
	l.goOn = make(chan struct{}, 1)
	defer l.close()
	d.mu.Lock()
	if d.ended || d.peers[p.ID] != p {
		d.mu.Unlock()
		return
	}
	d.lineSeq++
	l.number, p.line = d.lineSeq, l
	d.mu.Unlock()
	for {
		b, err := l.next()
		if err != nil {
			break
		}
		now := time.Now()
		bye := string(b) == string(lineBye)
		alone := false
		d.mu.Lock()
		p.heard, l.heard = now, now
		if bye && p.line == l {
			p.line = nil // and what is sent from now on does not go over it
			l.add(b)
		}
		d.mu.Unlock()
		switch {
		case bye:
			l.flush()
		case string(b) != string(linePing):
			alone = d.results(b)
		}
		if d.standsBack(p, l, alone, now) {
			<-l.goOn
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.hangUp(p, l)
	if l.look != nil {
		l.look.Stop()
	}
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
		l.close()
		d.readOn(l)
	}
	if p.line == l {
		p.line = nil
	}
}
