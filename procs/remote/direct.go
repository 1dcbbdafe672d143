package remote

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
)

// direct is the lane that assigns each task to a worker, and sends it there.
// The subjects, below the namespace, are
//
//	here             announcements of workers
//	who              asks all workers to announce themselves to the reply
//	task.WORKER      tasks, and which ones to cancel
//	ping.WORKER      is answered by the worker
//	to.POOL.r        results: one subject, which the server knows by heart
//	to.POOL.t.SEQ    the reply subject of a message of tasks, which tells
//	                 workers of the one above
//	to.POOL.p.WORKER answers to pings
//	to.POOL.l.LINE   likewise, of a worker whose line has ended
//	to.POOL.here     answers to who
//
// A message to a worker that has gone comes back at once: the server says to
// its reply subject that nobody listens. So a task that comes back was not
// begun. Tasks for a worker that is busy gather while others are being sent.
// A worker that has a line gets them there: see line.
type direct struct {
	p     *Pool
	s     *Session
	inbox string // subjects of this pool: "to.POOL."
	subs  []*nats.Subscription
	ctx   context.Context // until the pool has ended
	end   context.CancelFunc
	loop  sync.WaitGroup
	out   outbox[letter]

	finishing sync.Mutex // who calls back

	mu         sync.Mutex
	connected  bool
	terminated bool
	ended      bool // the pool has
	lines      int  // that there are, or that are being made
	lineSeq    uint64
	seq        uint64 // of the last task
	sentSeq    uint64 // of the last message
	peers      map[string]*peer
	able       map[identity][]*peer
	turn       int // where the search for a peer begins
	waiting    map[identity][]*request
	lacking    map[identity]time.Time // since when nobody is able
	inflight   map[uint64]*request

	unread atomic.Int32 // lines that callers may read
}

// peer is a worker as a pool sees it.
type peer struct {
	announcement
	can   map[identity]bool
	tasks int       // that it has of ours
	heard time.Time // when it last answered
	gone  time.Time // when the server said so; zero: it is there
	rest  time.Time // until when it gets nothing, as it had too much
	line  *line     // nil: through the server

	lined    bool // one is there, or being made
	failures int  // to dial
}

// sending is what direct knows of a request.
type sending struct {
	peer    *peer  // nil while it waits
	message uint64 // that it was sent with; 0: not yet
	line    *line  // that it was sent over; nil: through the server
	ended   bool   // only the peer still has it
}

// letter is a task for a worker, or its cancellation.
type letter struct {
	to     *peer
	r      *request
	cancel bool
}

// size is how much of a message it takes.
func (l letter) size() int {
	if l.cancel {
		return entryHead
	}
	return l.r.size()
}

const (
	beat       = time.Second
	goneGrace  = 500 * time.Millisecond // for messages of a worker that has gone
	maxChunk   = 4096
	fewEnough  = 32 // workers to choose among
	whoAllBeat = 10 // beats between questions who is there
)

func newDirect(p *Pool) (*direct, error) {
	d := &direct{p: p, s: p.s, inbox: p.s.subject("to", rand.Text()) + ".", connected: true,
		peers: map[string]*peer{}, able: map[identity][]*peer{}, waiting: map[identity][]*request{},
		lacking: map[identity]time.Time{}, inflight: map[uint64]*request{}}
	d.ctx, d.end = context.WithCancel(context.Background())
	d.out.send, d.out.run = d.sendOut, d.loop.Go
	for subject, take := range map[string]nats.MsgHandler{
		d.inbox + ">":       d.receive,
		p.s.subject("here"): func(m *nats.Msg) { d.meet(m.Data) },
	} {
		sub, err := p.s.nc.Subscribe(subject, take)
		if err != nil {
			d.unsubscribe()
			return nil, fmt.Errorf("remote: pool: %w", err)
		}
		sub.SetPendingLimits(-1, -1)
		d.subs = append(d.subs, sub)
	}
	p.s.watch(d)
	d.askWho()
	d.loop.Go(d.run)
	return d, nil
}

func (d *direct) unsubscribe() {
	for _, s := range d.subs {
		s.Unsubscribe()
	}
}

func (d *direct) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ended = true
	for _, p := range d.peers {
		d.hangUp(p, p.line)
	}
	d.end()
}

func (d *direct) wait() { d.loop.Wait() }

// run looks after workers and what waits for them.
func (d *direct) run() {
	t := time.NewTicker(beat)
	defer t.Stop()
	defer d.unsubscribe()
	defer d.s.unwatch(d)
	for n := 1; ; n++ {
		select {
		case <-t.C:
			d.look(n%whoAllBeat == 0)
		case <-d.ctx.Done():
			return
		}
	}
}

func (d *direct) askWho() { d.s.nc.PublishRequest(d.s.subject("who"), d.inbox+"here", nil) }

// begin sends a request, or lets it wait for a worker. A worker with nothing to
// do gets it at once.
func (d *direct) begin(r *request) {
	d.mu.Lock()
	if d.terminated {
		d.mu.Unlock()
		d.p.end([]ending{{r: r, err: procs.ErrTerminated}})
		return
	}
	d.seq++
	r.number = d.seq
	d.waiting[r.function] = append(d.waiting[r.function], r)
	d.dispatch(r.function)
	now := r.sent.peer != nil && r.sent.peer.tasks <= r.sent.peer.Slots
	d.mu.Unlock()
	d.out.flush(now)
}

// dispatch assigns what waits for a function, as far as workers have room. The
// next flush sends it.
func (d *direct) dispatch(f identity) {
	queue := d.waiting[f]
	for len(queue) > 0 && d.connected {
		r := queue[0]
		if !r.sent.ended {
			to := d.choose(f)
			if to == nil {
				break
			}
			r.sent.peer, r.sent.message, r.sent.line = to, 0, nil
			d.inflight[r.number] = r
			to.tasks++
			d.out.add(letter{to: to, r: r})
		}
		queue[0] = nil
		queue = queue[1:]
	}
	if len(queue) == 0 {
		delete(d.waiting, f)
	} else {
		d.waiting[f] = queue
	}
}

func (d *direct) dispatchAll() {
	for f := range d.waiting {
		d.dispatch(f)
	}
}

// choose returns the worker that has the fewest tasks for its slots, or nil. Of
// very many it looks at a few.
func (d *direct) choose(f identity) (best *peer) {
	able := d.able[f]
	d.turn++
	for i := range able {
		p := able[(d.turn+i)%len(able)]
		if p.tasks >= p.Slots+d.p.config.Ahead || !p.rest.IsZero() && time.Now().Before(p.rest) {
			continue
		}
		if best == nil || p.tasks*best.Slots < best.tasks*p.Slots {
			best = p
		}
		if best != nil && i >= fewEnough {
			break
		}
	}
	return best
}

// sendOut sends letters, those for one worker in order and together.
func (d *direct) sendOut(letters []letter) {
	slices.SortStableFunc(letters, func(a, b letter) int { return cmp.Compare(a.to.ID, b.to.ID) })
	for len(letters) > 0 {
		n := 1
		for n < len(letters) && letters[n].to == letters[0].to {
			n++
		}
		batches(letters[:n], d.sendTo)
		letters = letters[n:]
	}
}

// sendTo sends letters to a worker, in one message, over its line if there is
// one. Cancellations go the way of their tasks.
func (d *direct) sendTo(letters []letter, size int) {
	d.mu.Lock()
	d.sentSeq++
	over := letters[0].to.line
	message, byServer := newMessage(size), newMessage(0)
	for _, l := range letters {
		switch {
		case l.cancel && l.r.sent.line == over:
			message = (&task{number: l.r.number, limit: toCancel}).append(message)
		case l.cancel && l.r.sent.line == nil:
			byServer = (&task{number: l.r.number, limit: toCancel}).append(byServer)
		case l.cancel: // its line has ended, and so will it
		case d.inflight[l.r.number] == l.r && l.r.sent.peer == l.to: // it was not given up
			l.r.sent.message, l.r.sent.line = d.sentSeq, over
			message = l.r.append(message)
		}
	}
	seq := d.sentSeq
	if over == nil {
		byServer = message
	} else if len(message) > versionHead {
		over.add(message) // before the line is said to be over
		if letters[0].to.tasks > 1 || letters[0].r.unheard == nil {
			d.readOn(over)
		}
	}
	d.mu.Unlock()
	if over != nil {
		over.flush()
	}
	if len(byServer) == versionHead {
		return
	}
	reply := d.inbox + "t." + strconv.FormatUint(seq, 36)
	if err := d.s.nc.PublishRequest(d.s.subject("task", letters[0].to.ID), reply, byServer); err != nil {
		d.mu.Lock()
		all := d.giveUp(func(r *request) bool { return r.sent.message == seq && r.sent.line == nil }, fmt.Errorf("remote: send: %w", err))
		d.mu.Unlock()
		d.p.end(all)
	}
}

// receive takes a message to this pool.
func (d *direct) receive(m *nats.Msg) {
	nobody := noneThere(m)
	switch what := m.Subject[len(d.inbox):]; {
	case what == "r":
		d.results(m.Data)
	case strings.HasPrefix(what, "t.") && nobody:
		if seq, err := strconv.ParseUint(what[2:], 36, 64); err == nil {
			d.nobody(seq)
		}
	case strings.HasPrefix(what, "p."):
		d.mu.Lock()
		if p := d.peers[what[2:]]; p != nil && nobody {
			d.goes(p)
		} else if p != nil {
			p.heard = time.Now()
		}
		d.mu.Unlock()
	case strings.HasPrefix(what, "l.") && !nobody:
		d.lineLost(what[2:])
	case what == "here" && !nobody:
		d.meet(m.Data)
	}
}

// results takes what a worker says to tasks, and reports whether it is the
// result of one that its caller could have read.
func (d *direct) results(data []byte) (alone bool) {
	rs, err := decodeResults(data)
	if err != nil {
		bridge.Logf(int32(procs.LevelWarning), "remote: %d bytes that are no results", len(data))
		return false
	}
	now := time.Now()
	all := make([]ending, 0, len(rs))
	d.mu.Lock()
	for _, res := range rs {
		r := d.inflight[res.number]
		if r == nil {
			continue
		}
		delete(d.inflight, res.number)
		p, ended := r.sent.peer, r.sent.ended
		p.tasks--
		alone = len(rs) == 1 && p.tasks == 0 && r.unheard != nil && r.awaited.Load()
		if res.outcome == outcomeRefused {
			d.refused(p, r, string(res.body))
			d.again(r)
			continue
		}
		p.heard = now
		r.sent.ended = true
		if !ended {
			all = append(all, ending{r: r, res: res})
		}
	}
	d.dispatchAll()
	d.mu.Unlock()
	d.out.flush(true)
	d.finishing.Lock() // one line after the other
	defer d.finishing.Unlock()
	d.p.end(all)
	return alone
}

// nobody takes back the tasks of a message to a worker that is not there.
func (d *direct) nobody(message uint64) {
	d.mu.Lock()
	var p *peer
	for _, number := range slices.Backward(slices.Sorted(maps.Keys(d.inflight))) {
		r := d.inflight[number]
		if r.sent.message != message || r.sent.line != nil {
			continue
		}
		delete(d.inflight, number)
		p = r.sent.peer
		p.tasks--
		d.again(r)
	}
	if p != nil {
		d.forget(p) // until it announces itself
		d.ping(p)   // it may have gone, or only leave
	}
	d.dispatchAll()
	d.mu.Unlock()
	d.out.flush(true)
}

// again lets a task that was not begun wait for another worker, as the next.
func (d *direct) again(r *request) {
	if r.sent.peer = nil; !r.sent.ended {
		d.waiting[r.function] = slices.Insert(d.waiting[r.function], 0, r)
	}
}

// refused notes that a worker did not take a task.
func (d *direct) refused(p *peer, r *request, why string) {
	bridge.Logf(int32(procs.LevelInfo), "remote: worker %s on %s (process %d) refused %s: %s", p.ID, p.Host, p.PID, r.name, why)
	p.rest = time.Now().Add(beat)
}

func (d *direct) ping(p *peer) {
	d.s.nc.PublishRequest(d.s.subject("ping", p.ID), d.inbox+"p."+p.ID, nil)
}

// ask asks a worker whose line has ended whether it lives: if so, it has
// cancelled what came over the line.
func (d *direct) ask(p *peer, l *line) {
	d.s.nc.PublishRequest(d.s.subject("ping", p.ID), d.inbox+"l."+strconv.FormatUint(l.number, 36), nil)
	d.ping(p)
}

// lineLost gives up what was sent over a line that has ended, though the worker
// lives.
func (d *direct) lineLost(number string) {
	d.mu.Lock()
	all := d.giveUp(func(r *request) bool {
		return r.sent.line != nil && strconv.FormatUint(r.sent.line.number, 36) == number
	}, ErrConnectionLost)
	d.dispatchAll()
	d.mu.Unlock()
	d.out.flush(true)
	d.p.end(all)
}

// goes notes that a worker has gone. What it had begun is given up in a moment:
// what it had not comes back by itself.
func (d *direct) goes(p *peer) {
	if p.gone.IsZero() {
		p.gone = time.Now()
		d.forget(p)
	}
}

// forget makes a worker one that gets nothing.
func (d *direct) forget(p *peer) {
	for f := range p.can {
		d.able[f] = slices.DeleteFunc(d.able[f], func(q *peer) bool { return q == p })
		if len(d.able[f]) == 0 {
			delete(d.able, f)
		}
	}
}

// remember is the opposite of forget.
func (d *direct) remember(p *peer) {
	for f := range p.can {
		if !slices.Contains(d.able[f], p) {
			d.able[f] = append(d.able[f], p)
		}
	}
}

// meet takes an announcement.
func (d *direct) meet(data []byte) {
	var a announcement
	if err := json.Unmarshal(data, &a); err != nil || a.ID == "" || a.Slots < 1 {
		bridge.Logf(int32(procs.LevelWarning), "remote: %d bytes that announce no worker", len(data))
		return
	}
	d.mu.Lock()
	p := d.peers[a.ID]
	var all []ending
	if p != nil && !p.gone.IsZero() { // it has come back
		all = d.bury(p, "it has lost its connection")
		p = nil
	}
	switch {
	case a.Leaving && p != nil:
		d.forget(p)
	case a.Leaving:
	case p == nil:
		p = &peer{announcement: a, can: map[identity]bool{}, heard: time.Now()}
		for _, text := range a.Functions {
			var f identity
			if n, err := hex.Decode(f[:], []byte(text)); err == nil && n == len(f) {
				p.can[f] = true
			}
		}
		d.peers[a.ID] = p
		fallthrough
	default:
		d.remember(p)
		d.dial(p)
	}
	d.dispatchAll()
	d.mu.Unlock()
	d.out.flush(true)
	d.p.end(all)
}

// look gives up workers that are dead, and tasks that nobody will do.
func (d *direct) look(askAll bool) {
	now := time.Now()
	d.mu.Lock()
	var all []ending
	var lines []*line
	for _, p := range d.peers {
		if l := p.line; l != nil && now.Sub(l.heard) >= d.p.config.DeadAfter {
			d.hangUp(p, l)
		} else if l != nil {
			l.add(linePing)
			lines = append(lines, l)
		}
		switch {
		case !p.gone.IsZero() && now.Sub(p.gone) >= goneGrace:
			all = append(all, d.bury(p, "its process has ended, or lost its connection")...)
		case now.Sub(p.heard) >= d.p.config.DeadAfter:
			all = append(all, d.bury(p, fmt.Sprintf("it has said nothing for %v", now.Sub(p.heard).Round(time.Second)))...)
		case p.gone.IsZero() && d.connected:
			d.ping(p)
		}
	}
	for f := range d.waiting {
		all = append(all, d.despair(f, now)...)
	}
	d.dispatchAll()
	if d.connected && (askAll || len(d.able) == 0) {
		d.askWho()
	}
	d.mu.Unlock()
	for _, l := range lines {
		l.flush()
	}
	d.out.flush(true)
	d.p.end(all)
}

// DeadError tells of a worker that died, or seems to have.
type DeadError struct {
	Worker Worker
	Reason string
}

// Error describes the death.
func (e *DeadError) Error() string {
	return fmt.Sprintf("remote: worker %s on %s (process %d) died: %s", e.Worker.ID, e.Worker.Host, e.Worker.PID, e.Reason)
}

// Is makes errors.Is(err, procs.ErrWorkerDied) hold.
func (e *DeadError) Is(target error) bool { return target == procs.ErrWorkerDied }

// bury removes a worker; what it had fails.
func (d *direct) bury(p *peer, why string) (all []ending) {
	d.forget(p)
	d.hangUp(p, p.line)
	delete(d.peers, p.ID)
	return d.giveUp(func(r *request) bool { return r.sent.peer == p }, &DeadError{p.worker(), why})
}

// giveUp ends requests that were sent.
func (d *direct) giveUp(which func(*request) bool, err error) (all []ending) {
	for seq, r := range d.inflight {
		if !which(r) {
			continue
		}
		delete(d.inflight, seq)
		r.sent.peer.tasks--
		d.interrupt(r)
		if !r.sent.ended {
			r.sent.ended = true
			all = append(all, ending{r: r, err: err})
		}
	}
	return all
}

// despair ends what waits for a function that nobody has.
func (d *direct) despair(f identity, now time.Time) (all []ending) {
	if len(d.able[f]) > 0 || d.p.config.Patience < 0 {
		delete(d.lacking, f)
		return nil
	}
	since, ok := d.lacking[f]
	if !ok {
		d.lacking[f] = now
		return nil
	}
	if now.Sub(since) < d.p.config.Patience {
		return nil
	}
	delete(d.lacking, f)
	return d.endWaiting(f, func(r *request) error { return fmt.Errorf("%w: %s: %s", ErrNoWorker, r.name, d.why(r.name)) })
}

func (d *direct) endWaiting(f identity, why func(*request) error) (all []ending) {
	for _, r := range d.waiting[f] {
		if !r.sent.ended {
			r.sent.ended = true
			all = append(all, ending{r: r, err: why(r)})
		}
	}
	delete(d.waiting, f)
	return all
}

// why tells why nobody does a function.
func (d *direct) why(name string) string {
	if !d.connected {
		return "there is no connection to the server"
	}
	return whyNobody(name, func(yield func(*announcement) bool) {
		for _, p := range d.peers {
			if !yield(&p.announcement) {
				return
			}
		}
	})
}

// lost ends what is under way: its results may have been missed.
func (d *direct) lost() {
	d.mu.Lock()
	d.connected = false
	for _, p := range d.peers {
		d.hangUp(p, p.line)
	}
	clear(d.peers)
	clear(d.able)
	all := d.giveUp(func(*request) bool { return true }, ErrConnectionLost)
	if d.s.nc.IsClosed() {
		for f := range d.waiting {
			all = append(all, d.endWaiting(f, func(*request) error { return procs.ErrClosed })...)
		}
	}
	d.mu.Unlock()
	d.p.end(all)
}

func (d *direct) back() {
	d.mu.Lock()
	d.connected = true
	d.mu.Unlock()
	d.askWho()
}

// cancel ends a request, wherever it is.
func (d *direct) cancel(r *request, why error) {
	d.mu.Lock()
	ended := r.sent.ended
	r.sent.ended = true
	if !ended && r.sent.peer != nil {
		d.stop(r)
		d.interrupt(r)
	}
	d.mu.Unlock()
	d.out.flush(true)
	if !ended {
		d.p.end([]ending{{r: r, err: why}})
	}
}

// unbegun returns what waits here, and what workers were sent beyond their
// slots: they begin tasks in the order in which they come.
func (d *direct) unbegun() (all []*request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	begun := map[*peer]int{}
	for _, number := range slices.Sorted(maps.Keys(d.inflight)) {
		r := d.inflight[number]
		if begun[r.sent.peer]++; begun[r.sent.peer] > r.sent.peer.Slots {
			all = append(all, r)
		}
	}
	for _, queue := range d.waiting {
		all = append(all, queue...)
	}
	slices.Reverse(all) // the last ones first, lest they be begun when the first ones end
	return all
}

// stop has the context of a task cancelled. It must not overtake the task, so
// it goes the same way.
func (d *direct) stop(r *request) { d.out.add(letter{to: r.sent.peer, r: r, cancel: true}) }

// stopAll ends all requests, and those to come.
func (d *direct) stopAll() {
	d.mu.Lock()
	d.terminated = true
	// The last ones first: those have not begun, and are not to begin when the
	// first ones end.
	for _, number := range slices.Backward(slices.Sorted(maps.Keys(d.inflight))) {
		if r := d.inflight[number]; !r.sent.ended {
			d.stop(r)
		}
	}
	all := d.giveUp(func(*request) bool { return true }, procs.ErrTerminated)
	for f := range d.waiting {
		all = append(all, d.endWaiting(f, func(*request) error { return procs.ErrTerminated })...)
	}
	d.mu.Unlock()
	d.out.flush(true)
	d.p.end(all)
}

// chunk returns how many of n elements make a task: each slot gets a few.
func (d *direct) chunk(n int) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	slots := 0
	for _, p := range d.peers {
		slots += p.Slots
	}
	slots = max(1, slots)
	return min(max(1, (n+4*slots-1)/(4*slots)), maxChunk)
}

func (p *peer) worker() Worker { return p.announcement.worker(p.heard, p.tasks) }

func (d *direct) workers() (all []Worker) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range maps.Values(d.peers) {
		all = append(all, p.worker())
	}
	slices.SortFunc(all, func(a, b Worker) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
