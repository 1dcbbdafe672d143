package remote

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
)

// ErrPoisoned means that a task was given up, after as many workers as
// PoolConfig.Tries says had begun it and none had brought it to an end.
var ErrPoisoned = errors.New("remote: task given up")

// taker takes tasks of the durable lane for a worker.
type taker struct {
	w       *worker
	js      jetstream.JetStream
	results outbox[answer]
	acks    acks
	ctx     context.Context // until the worker leaves
	stop    context.CancelFunc

	mu     sync.Mutex
	pulled map[identity]bool
	gate   chan struct{} // closed unless all slots are taken by long tasks
	shut   atomic.Bool   // it is not closed
}

// batch is a message of tasks that a worker has. From msg on it is used with
// the worker's lock.
type batch struct {
	taker *taker
	name  string // of the function
	inbox string
	lease time.Duration
	again bool   // it may have killed another worker
	done  func() // makes room for the next message

	msg     jetstream.Msg
	seq     uint64 // of the message in the stream
	came    time.Time
	renewed time.Time
	left    int  // tasks that the server need keep for us
	failed  bool // some have to come again
}

const (
	fetchWait  = 10 * time.Second
	fetchBeat  = time.Second // of a server that has nothing yet
	renewTick  = 500 * time.Millisecond
	minLease   = 2 * time.Second
	aheadTasks = 8 // messages beyond the slots, of each function
	stuckAfter = 200 * time.Millisecond
	tryFor     = 15 * time.Second // what comes again anyhow
	tryLong    = 150 * time.Second
)

func newTaker(w *worker) (*taker, error) {
	js, err := jetstream.New(w.s.nc)
	if err != nil {
		return nil, fmt.Errorf("remote: worker: %w", err)
	}
	k := &taker{w: w, js: js, pulled: map[identity]bool{}, gate: make(chan struct{})}
	close(k.gate)
	k.ctx, k.stop = context.WithCancel(context.Background())
	k.results.send, k.results.run = func(all []answer) { byInbox(all, k.store) }, w.loops.Go
	return k, nil
}

// lookAround asks what is wanted: what was said before we listened.
func (k *taker) lookAround() {
	ctx, cancel := context.WithTimeout(k.ctx, callTimeout)
	defer cancel()
	s, err := k.js.Stream(ctx, k.w.s.stream("tasks"))
	if err != nil {
		return // nobody has used this lane yet, or this server has none
	}
	names := s.ConsumerNames(ctx)
	for name := range names.Name() {
		k.wanted(name)
	}
}

// wanted begins to take the tasks of a function, if it is one of ours.
func (k *taker) wanted(name string) {
	var f identity
	if n, err := hex.Decode(f[:], []byte(name)); err != nil || n != len(f) || k.w.functions[f] == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.pulled[f] && k.ctx.Err() == nil {
		k.pulled[f] = true
		k.w.loops.Go(func() { k.pull(f) })
	}
}

// pull takes tasks of a function until the worker leaves.
func (k *taker) pull(f identity) {
	room := make(chan struct{}, k.w.self.Slots+aheadTasks)
	for k.ctx.Err() == nil {
		ctx, cancel := context.WithTimeout(k.ctx, callTimeout)
		c, err := k.js.Consumer(ctx, k.w.s.stream("tasks"), f.String())
		cancel()
		for err == nil && k.ctx.Err() == nil {
			err = k.fetch(c, room)
		}
		select {
		case <-time.After(retryPause):
		case <-k.ctx.Done():
		}
	}
}

// fetch takes as many tasks as there is room for, or fewer if no more come.
func (k *taker) fetch(c jetstream.Consumer, room chan struct{}) error {
	k.mu.Lock()
	gate := k.gate
	k.mu.Unlock()
	select {
	case <-gate:
	case <-k.ctx.Done():
		return nil
	}
	select {
	case room <- struct{}{}:
	case <-k.ctx.Done():
		return nil
	}
	n := 1
	for more := true; more; {
		select {
		case room <- struct{}{}:
			n++
		default:
			more = false
		}
	}
	ctx, cancel := context.WithTimeout(k.ctx, fetchWait)
	defer cancel()
	batch, err := c.Fetch(n, jetstream.FetchContext(ctx), jetstream.FetchHeartbeat(fetchBeat))
	if err == nil {
		for m := range batch.Messages() {
			n--
			k.take(c.CachedInfo().Config, m, func() { <-room })
		}
		err = batch.Error()
	}
	for range n {
		<-room
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || errors.Is(err, jetstream.ErrNoMessages) || k.ctx.Err() != nil {
		return nil
	}
	return err // pull looks for the consumer again
}

// take takes a message of tasks.
func (k *taker) take(c jetstream.ConsumerConfig, m jetstream.Msg, done func()) {
	tasks, err := decodeTasks(m.Data())
	meta, merr := m.Metadata()
	limit, _ := strconv.Atoi(c.Metadata["tries"])
	b := &batch{taker: k, name: m.Headers().Get(headerName), inbox: m.Headers().Get(headerResult), lease: c.AckWait, done: done,
		msg: m, came: time.Now(), renewed: time.Now(), left: len(tasks)}
	if err != nil || merr != nil || b.inbox == "" {
		k.w.loops.Go(func() { k.buryMessage(b) })
		return
	}
	b.again, b.seq = meta.NumDelivered > 1 || m.Headers().Get(headerAgain) != "", meta.Sequence.Stream
	all := make([]*running, len(tasks))
	for i, t := range tasks {
		all[i] = &running{task: t, inbox: b.inbox, batch: b, tries: -1}
	}
	switch {
	case k.has(all): // its lease ran out, and yet it runs
		done()
	case len(all) > 1 && (b.again || limit == 1): // one of them may have killed the last worker
		k.w.loops.Go(func() { b.giveBack(all) })
	case b.again || limit == 1:
		k.w.loops.Go(func() { k.tryAgain(all[0], limit) })
	default:
		k.enqueue(all)
	}
}

// tryAgain takes a task that has come before, unless too many have begun it.
// How often is counted from the second time on, in a stream of its own: of the
// tasks that a dead worker had, most were not begun. If one may be begun only
// once, the first time counts too.
func (k *taker) tryAgain(r *running, limit int) {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	s, err := k.js.Stream(ctx, k.w.s.stream("tries"))
	var m *jetstream.RawStreamMsg
	if err == nil {
		m, err = s.GetLastMsgForSubject(ctx, k.tries(r))
	}
	r.tries = 0
	switch {
	case err == nil:
		r.tries, _ = strconv.Atoi(string(m.Data))
	case !errors.Is(err, jetstream.ErrMsgNotFound):
		bridge.Logf(int32(procs.LevelWarning), "remote: worker: a task that came again comes once more: %v", err)
		r.batch.end(1, false)
		return
	}
	if uncounted := min(1, limit-1); limit > 0 && r.tries+uncounted >= limit {
		k.bury(r, fmt.Sprintf("%d workers had begun it, and none has brought it to an end", limit))
		return
	}
	k.enqueue([]*running{r})
}

// count notes that a task is begun that has come before, and reports whether
// the server has taken note.
func (k *taker) count(r *running) bool {
	m := nats.NewMsg(k.tries(r))
	m.Data = strconv.AppendInt(nil, int64(r.tries+1), 10)
	return k.publish(m, tryFor) == nil
}

// tries is the subject where it is kept how often a task was begun.
func (k *taker) tries(r *running) string {
	return fmt.Sprintf("%s.%d", strings.Replace(r.inbox, ".done.", ".tries.", 1), r.number)
}

// has reports whether we have a message already. Then it stands for the one
// that we have.
func (k *taker) has(all []*running) bool {
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	for _, r := range all {
		if old := k.w.live[r.key()]; old != nil && old.batch != nil && old.batch.seq == r.batch.seq {
			old.batch.msg = r.batch.msg
			return true
		}
	}
	return false
}

func (k *taker) enqueue(all []*running) {
	for _, r := range all {
		k.w.enter(r)
	}
	for _, r := range all {
		select {
		case k.w.tasks <- r:
		case <-k.ctx.Done():
			k.w.handBack(r)
		}
	}
}

// end notes that tasks of a batch are done with: the server need not keep them,
// or must bring them again. Only when all are, the message is done with.
func (b *batch) end(tasks int, ok bool) {
	b.taker.w.mu.Lock()
	b.left -= tasks
	b.failed = b.failed || !ok
	last, failed, msg := b.left == 0, b.failed, b.msg
	b.taker.w.mu.Unlock()
	if !last {
		return
	}
	if !failed {
		b.taker.acks.add(msg)
	} // else it comes again after its lease
	b.done()
}

// giveBack stores tasks of a batch again, one by one, for whoever takes them.
func (b *batch) giveBack(all []*running) {
	k := b.taker
	ok := true
	for _, r := range all {
		m := nats.NewMsg(k.w.s.subject("todo", r.function.String()))
		m.Data = r.append(newMessage(r.size()))
		m.Header.Set(headerResult, b.inbox)
		m.Header.Set(headerName, b.name)
		if b.again {
			m.Header.Set(headerAgain, "1")
		}
		// Stored once, even if another worker does the same.
		m.Header.Set(jetstream.MsgIDHeader, fmt.Sprintf("again.%d.%d", b.seq, r.number))
		if err := k.publish(m, tryFor); err != nil {
			bridge.Logf(int32(procs.LevelWarning), "remote: worker: tasks that cannot be handed back come again later: %v", err)
			ok = false
			break
		}
	}
	b.end(len(all), ok)
}

// store stores results, and only then their tasks are done with.
func (k *taker) store(inbox string, some []answer, message []byte) {
	m := nats.NewMsg(inbox)
	m.Data = message
	err := k.publish(m, tryLong)
	if err != nil {
		bridge.Logf(int32(procs.LevelWarning), "remote: worker: %d tasks will be done again, as their results cannot be stored: %v", len(some), err)
	}
	for _, a := range some {
		a.r.batch.end(1, err == nil)
	}
}

// publish stores a message, and takes so long at most.
func (k *taker) publish(m *nats.Msg, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return k.w.s.ask(ctx, func(ctx context.Context) error {
		_, err := k.js.PublishMsg(ctx, m)
		return err
	})
}

// bury moves a task to the stream of those that were given up.
func (k *taker) bury(r *running, why string) {
	if err := k.keep(r.function.String(), r.append(newMessage(r.size())), r.batch, fmt.Sprintf("dead.%s.%d", r.inbox, r.number), why); err != nil {
		r.batch.end(1, false)
		return
	}
	res := failed(fmt.Errorf("%w: %s", ErrPoisoned, why))
	res.number = r.number
	k.results.add(answer{r, res})
	k.results.flush(true)
}

// buryMessage does the same with what is no message of tasks.
func (k *taker) buryMessage(b *batch) {
	err := k.keep("unknown", b.msg.Data(), b, "", "it is no task")
	b.left = 1
	b.end(1, err == nil)
}

func (k *taker) keep(function string, data []byte, b *batch, id, why string) error {
	m := nats.NewMsg(k.w.s.subject("dead", function))
	m.Data = data
	m.Header.Set(headerReason, why)
	m.Header.Set(headerName, b.name)
	if id != "" {
		m.Header.Set(jetstream.MsgIDHeader, id)
	}
	return k.publish(m, tryLong)
}

// drop ends the contexts of tasks whose results nobody wants.
func (k *taker) drop(m *nats.Msg) {
	tasks, _ := decodeTasks(m.Data)
	for _, t := range tasks {
		k.w.cancel(taskKey{m.Reply, t.number})
	}
}

// renew tells the server that tasks are still being done, and gives back those
// that are stuck behind a long one.
func (k *taker) renew() {
	tick := time.NewTicker(renewTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-k.w.leaving:
			return
		}
		for b, stuck := range k.look() {
			k.w.loops.Go(func() { b.giveBack(stuck) })
		}
	}
}

// look renews leases, and returns tasks that are stuck. If all slots have been
// taken for a while, no more are fetched until one is free.
func (k *taker) look() map[*batch][]*running {
	all := map[*batch][]*running{}
	now := time.Now()
	k.w.mu.Lock()
	defer k.w.mu.Unlock()
	long := 0
	for _, r := range k.w.live {
		if !r.begun.IsZero() && now.Sub(r.begun) > stuckAfter {
			long++
		}
	}
	if long >= k.w.self.Slots && !k.shut.Load() {
		k.mu.Lock()
		k.gate = make(chan struct{})
		k.shut.Store(true)
		k.mu.Unlock()
	}
	for key, r := range k.w.live {
		b := r.batch
		if b == nil {
			continue
		}
		if now.Sub(b.renewed) > b.lease/4 {
			b.renewed = now
			b.msg.InProgress()
		}
		if long >= k.w.self.Slots && r.begun.IsZero() && now.Sub(b.came) > stuckAfter {
			r.given = true
			r.stop()
			delete(k.w.live, key)
			all[b] = append(all[b], r)
		}
	}
	return all
}

// admit has tasks fetched again, as a slot is free.
func (k *taker) admit() {
	if !k.shut.Load() {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.shut.Swap(false) {
		close(k.gate)
	}
}
