package remote

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
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
//	task.WORKER      a task; the reply has its result. Without a reply: the
//	                 reply of an earlier one, whose context is to be cancelled
//	ping.WORKER      is answered by the worker
//	to.POOL.t.SEQ    results
//	to.POOL.p.WORKER answers to pings
//	to.POOL.here     answers to who
//
// A message to a worker that has gone comes back at once: the server says that
// nobody listens. So a task that comes back was not begun.
type direct struct {
	p     *Pool
	s     *Session
	inbox string // subjects of this pool: "to.POOL."
	subs  []*nats.Subscription
	done  chan struct{} // closed when the pool has ended
	loop  sync.WaitGroup

	mu         sync.Mutex
	connected  bool
	terminated bool
	seq        uint64
	peers      map[string]*peer
	able       map[identity][]*peer
	turn       int // where the search for a peer begins
	waiting    map[identity][]*request
	lacking    map[identity]time.Time // since when nobody is able
	inflight   map[uint64]*request
}

// peer is a worker as a pool sees it.
type peer struct {
	announcement
	can   map[identity]bool
	tasks int       // that it has of ours
	heard time.Time // when it last answered
	gone  time.Time // when the server said so; zero: it is there
	rest  time.Time // until when it gets nothing, as it had too much
}

// sending is what direct knows of a request.
type sending struct {
	seq   uint64
	peer  *peer // nil while it waits
	ended bool  // only the peer still has it
}

const (
	beat       = time.Second
	goneGrace  = 500 * time.Millisecond // for messages of a worker that has gone
	maxChunk   = 4096
	fewEnough  = 32 // workers to choose among
	whoAllBeat = 10 // beats between questions who is there
)

func newDirect(p *Pool) (*direct, error) {
	d := &direct{p: p, s: p.s, inbox: p.s.subject("to", rand.Text()) + ".", done: make(chan struct{}), connected: true,
		peers: map[string]*peer{}, able: map[identity][]*peer{}, waiting: map[identity][]*request{},
		lacking: map[identity]time.Time{}, inflight: map[uint64]*request{}}
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

func (d *direct) close() { close(d.done) }
func (d *direct) wait()  { d.loop.Wait() }

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
		case <-d.done:
			return
		}
	}
}

func (d *direct) askWho() { d.s.nc.PublishRequest(d.s.subject("who"), d.inbox+"here", nil) }

// ending is a request with the reason of its end, for when the lock is free.
type ending struct {
	r   *request
	res result
	err error
}

func (d *direct) end(all []ending) {
	for _, e := range all {
		d.p.end(e.r, e.res, e.err)
	}
}

// begin sends a request, or lets it wait for a worker.
func (d *direct) begin(r *request) {
	d.mu.Lock()
	if d.terminated {
		d.mu.Unlock()
		d.p.end(r, result{}, procs.ErrTerminated)
		return
	}
	d.waiting[r.function] = append(d.waiting[r.function], r)
	all := d.dispatch(r.function)
	d.mu.Unlock()
	d.end(all)
}

// dispatch sends what waits for a function, as far as workers have room.
func (d *direct) dispatch(f identity) (all []ending) {
	queue := d.waiting[f]
	for len(queue) > 0 && d.connected {
		r := queue[0]
		if !r.sent.ended {
			to := d.choose(f)
			if to == nil {
				break
			}
			if err := d.send(r, to); err != nil {
				all = append(all, ending{r: r, err: err})
			}
		}
		queue[0] = nil
		queue = queue[1:]
	}
	if len(queue) == 0 {
		delete(d.waiting, f)
	} else {
		d.waiting[f] = queue
	}
	return all
}

func (d *direct) dispatchAll() (all []ending) {
	for f := range d.waiting {
		all = append(all, d.dispatch(f)...)
	}
	return all
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

func (d *direct) send(r *request, to *peer) error {
	d.seq++
	r.sent.seq, r.sent.peer = d.seq, to
	if err := d.s.nc.PublishRequest(d.s.subject("task", to.ID), d.reply(r), r.task.encode()); err != nil {
		r.sent.ended = true
		return fmt.Errorf("remote: send: %w", err)
	}
	d.inflight[d.seq] = r
	to.tasks++
	return nil
}

func (d *direct) reply(r *request) string {
	return d.inbox + "t." + strconv.FormatUint(r.sent.seq, 36)
}

// receive takes a message to this pool.
func (d *direct) receive(m *nats.Msg) {
	nobody := len(m.Data) == 0 && m.Header.Get("Status") == "503"
	switch what := m.Subject[len(d.inbox):]; {
	case strings.HasPrefix(what, "t."):
		if seq, err := strconv.ParseUint(what[2:], 36, 64); err == nil {
			d.finish(seq, m.Data, nobody)
		}
	case strings.HasPrefix(what, "p."):
		d.mu.Lock()
		if p := d.peers[what[2:]]; p != nil && nobody {
			d.goes(p)
		} else if p != nil {
			p.heard = time.Now()
		}
		d.mu.Unlock()
	case what == "here" && !nobody:
		d.meet(m.Data)
	}
}

// finish takes what a worker says to a task; nobody: the server, that there is
// no such worker.
func (d *direct) finish(seq uint64, data []byte, nobody bool) {
	d.mu.Lock()
	r := d.inflight[seq]
	if r == nil {
		d.mu.Unlock()
		return
	}
	delete(d.inflight, seq)
	p, ended := r.sent.peer, r.sent.ended
	p.tasks--
	res, err := decodeResult(data)
	again := nobody || err == nil && res.outcome == outcomeRefused
	switch {
	case nobody:
		d.forget(p) // until it announces itself
		d.ping(p)   // it may have gone, or only leave
	case again:
		d.refused(p, r, string(res.body))
	default:
		p.heard = time.Now()
		r.sent.ended = true
	}
	var all []ending
	switch {
	case ended:
	case again:
		r.sent.peer = nil
		d.waiting[r.function] = slices.Insert(d.waiting[r.function], 0, r)
	default:
		all = append(all, ending{r, res, err})
	}
	all = append(all, d.dispatchAll()...)
	d.mu.Unlock()
	d.end(all)
}

// refused notes that a worker did not take a task.
func (d *direct) refused(p *peer, r *request, why string) {
	bridge.Logf(int32(procs.LevelInfo), "remote: worker %s on %s (process %d) refused %s: %s", p.ID, p.Host, p.PID, r.name, why)
	p.rest = time.Now().Add(beat)
}

func (d *direct) ping(p *peer) {
	d.s.nc.PublishRequest(d.s.subject("ping", p.ID), d.inbox+"p."+p.ID, nil)
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
	}
	all = append(all, d.dispatchAll()...)
	d.mu.Unlock()
	d.end(all)
}

// look gives up workers that are dead, and tasks that nobody will do.
func (d *direct) look(askAll bool) {
	now := time.Now()
	d.mu.Lock()
	var all []ending
	for _, p := range d.peers {
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
	all = append(all, d.dispatchAll()...)
	if d.connected && (askAll || len(d.able) == 0) {
		d.askWho()
	}
	d.mu.Unlock()
	d.end(all)
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
	var others []string
	for _, p := range d.peers {
		if p.Functions[name] != "" {
			others = append(others, fmt.Sprintf("worker %s on %s (process %d) has it with other types, or on another kind of machine", p.ID, p.Host, p.PID))
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		return strings.Join(others, "; ")
	}
	return fmt.Sprintf("%d workers are there, without it", len(d.peers))
}

// lost ends what is under way: its results may have been missed.
func (d *direct) lost() {
	d.mu.Lock()
	d.connected = false
	clear(d.peers)
	clear(d.able)
	all := d.giveUp(func(*request) bool { return true }, ErrConnectionLost)
	if d.s.nc.IsClosed() {
		for f := range d.waiting {
			all = append(all, d.endWaiting(f, func(*request) error { return procs.ErrClosed })...)
		}
	}
	d.mu.Unlock()
	d.end(all)
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
	}
	d.mu.Unlock()
	if !ended {
		d.p.end(r, result{}, why)
	}
}

// stop has the context of a task cancelled. It must not overtake the task, so
// it goes the same way.
func (d *direct) stop(r *request) {
	d.s.nc.Publish(d.s.subject("task", r.sent.peer.ID), []byte(d.reply(r)))
}

// stopAll ends all requests, and those to come.
func (d *direct) stopAll() {
	d.mu.Lock()
	d.terminated = true
	// The last ones first: those have not begun, and are not to begin when the
	// first ones end.
	for _, seq := range slices.Backward(slices.Sorted(maps.Keys(d.inflight))) {
		if r := d.inflight[seq]; !r.sent.ended {
			d.stop(r)
		}
	}
	all := d.giveUp(func(*request) bool { return true }, procs.ErrTerminated)
	for f := range d.waiting {
		all = append(all, d.endWaiting(f, func(*request) error { return procs.ErrTerminated })...)
	}
	d.mu.Unlock()
	d.end(all)
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

func (p *peer) worker() Worker { return Worker{p.ID, p.Host, p.PID, p.Slots, p.tasks} }

func (d *direct) workers() (all []Worker) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range maps.Values(d.peers) {
		all = append(all, p.worker())
	}
	slices.SortFunc(all, func(a, b Worker) int { return cmp.Compare(a.ID, b.ID) })
	return all
}
