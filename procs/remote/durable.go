package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
)

// durable is the lane that keeps tasks and results in streams of the server,
// until they are done with. The streams and their subjects, with the
// namespace's name in front, are
//
//	tasks    todo.FUNCTION    tasks; a consumer for each function, which all
//	                          workers share that have it
//	results  done.POOL        results; a consumer for each pool
//	tries    tries.POOL.SEQ   how often a task was begun, from the second time on
//	dead     dead.FUNCTION    tasks that were given up, with the reason
//
// and beside them
//
//	wanted         a function has a consumer
//	drop           a pool, and tasks whose results it does not want any more
//
// A worker stores the result before it acknowledges the task, and a pool
// delivers it before it acknowledges that. So nothing is lost, whoever dies; a
// task may be done twice, and of two results the pool takes the first.
//
// Tasks gather while two messages of them are being stored, and then go into
// one, as far as all of them take batchTime together: so a message of several
// keeps no other worker from work that is worth its while. Results gather in
// the worker in the same way. When a message comes to a worker again, or is
// stuck behind a long task, or the worker leaves, those of its tasks that were
// not begun are stored again, one by one.
type durable struct {
	p     *Pool
	s     *Session
	js    jetstream.JetStream
	id    string
	inbox jetstream.ConsumeContext
	acks  acks
	ctx   context.Context // until the pool ends
	stop  context.CancelFunc
	wake  chan struct{}
	loop  sync.WaitGroup

	mu         sync.Mutex
	terminated bool
	seq        uint64
	live       map[uint64]*request
	outbox     []*request
	storing    map[*nats.Msg]uint64 // that the server has not confirmed yet, and the number of the first task in each
	again      map[*nats.Msg]uint64 // that it did not confirm
	waiters    []*storedWaiter
	took       map[identity]time.Duration
	heard      map[identity]time.Time // of a worker that has the function
	lacking    map[identity]*lack     // that have none
	looking    bool
	tellAfter  time.Duration
	made       map[string]bool // functions that have a consumer
}

// lack is that no worker has a function.
type lack struct {
	since time.Time
	told  bool
}

const (
	resultsAge   = 24 * time.Hour // of results that nobody fetches
	deadAge      = 30 * 24 * time.Hour
	deadTasks    = 10_000
	deadBytes    = 64 << 20
	sendAhead    = 512 // messages that the server has not confirmed
	gatherFrom   = 2   // of them, from which on tasks gather
	batchTime    = time.Millisecond
	batchTasks   = 256
	maxHeaders   = 512 // bytes
	sendTimeout  = 5 * time.Second
	retryPause   = 200 * time.Millisecond
	callTimeout  = 3 * time.Second // of a request to the server, which is made again
	lookTick     = 2 * time.Second // between looks for workers, if no results come
	tellAfter    = 10 * time.Second
	headerResult = "Switchyard-Result"
	headerName   = "Switchyard-Function"
	headerReason = "Switchyard-Reason"
	headerAgain  = "Switchyard-Again" // it was given to a worker that died
)

// makeStreams makes the streams, unless they are there.
func (s *Session) makeStreams(ctx context.Context, js jetstream.JetStream) error {
	for _, c := range []jetstream.StreamConfig{
		{Name: s.stream("tasks"), Subjects: []string{s.subject("todo", "*")}, Retention: jetstream.WorkQueuePolicy},
		{Name: s.stream("results"), Subjects: []string{s.subject("done", "*")}, Retention: jetstream.WorkQueuePolicy, MaxAge: resultsAge},
		{Name: s.stream("tries"), Subjects: []string{s.subject("tries", "*", "*")}, MaxMsgsPerSubject: 1, MaxAge: resultsAge},
		{Name: s.stream("dead"), Subjects: []string{s.subject("dead", "*")}, MaxAge: deadAge, MaxMsgs: deadTasks, MaxBytes: deadBytes},
	} {
		c.Replicas = s.replicas
		if _, err := js.CreateStream(ctx, c); err != nil && !errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			return fmt.Errorf("remote: stream %s: %w", c.Name, err)
		}
	}
	return nil
}

func (s *Session) stream(name string) string { return s.namespace + "-" + name }

func newDurable(p *Pool) (*durable, error) {
	d := &durable{p: p, s: p.s, id: rand.Text(), wake: make(chan struct{}, 1),
		live: map[uint64]*request{}, storing: map[*nats.Msg]uint64{}, again: map[*nats.Msg]uint64{}, took: map[identity]time.Duration{}, heard: map[identity]time.Time{}, lacking: map[identity]*lack{}, tellAfter: tellAfter, made: map[string]bool{}}
	d.ctx, d.stop = context.WithCancel(context.Background())
	var err error
	d.js, err = jetstream.New(p.s.nc, jetstream.WithPublishAsyncErrHandler(d.notStored), jetstream.WithPublishAsyncAckHandler(d.stored),
		jetstream.WithPublishAsyncMaxPending(sendAhead), jetstream.WithPublishAsyncTimeout(sendTimeout))
	if err != nil {
		return nil, fmt.Errorf("remote: pool: %w", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), connectTimeout)
	defer cancel()
	if err := p.s.makeStreams(ctx, d.js); err != nil {
		return nil, err
	}
	c, err := d.js.CreateConsumer(ctx, p.s.stream("results"), jetstream.ConsumerConfig{
		Durable: "pool-" + d.id, FilterSubject: d.results(), AckPolicy: jetstream.AckExplicitPolicy,
		MaxAckPending: -1, InactiveThreshold: resultsAge})
	if err == nil {
		d.inbox, err = c.Consume(d.receive, jetstream.PullExpiry(2*time.Second), jetstream.PullHeartbeat(time.Second),
			jetstream.ConsumeErrHandler(func(jetstream.ConsumeContext, error) {})) // it goes on by itself
	}
	if err != nil {
		return nil, fmt.Errorf("remote: pool: results: %w", err)
	}
	d.loop.Go(d.run)
	return d, nil
}

func (d *durable) close() { d.stop() }
func (d *durable) wait()  { d.loop.Wait() }

func (d *durable) results() string { return d.s.subject("done", d.id) }

// begin lets a task be stored.
func (d *durable) begin(r *request) {
	d.mu.Lock()
	if d.terminated {
		d.mu.Unlock()
		d.p.end([]ending{{r: r, err: procs.ErrTerminated}})
		return
	}
	d.seq++
	r.number = d.seq
	d.live[r.number] = r
	d.outbox = append(d.outbox, r)
	d.mu.Unlock()
	d.nudge()
}

// await lets who waits wait: results come by way of the server.
func (d *durable) await(context.Context, *request) {}

func (d *durable) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run stores tasks, in order, and tries again what could not be stored.
func (d *durable) run() {
	defer d.leave()
	look := time.NewTicker(lookTick)
	defer look.Stop()
	for {
		select {
		case <-d.wake:
		case <-look.C:
			d.look()
		case <-d.ctx.Done():
			return
		}
		for m := d.next(); m != nil; m = d.next() {
			err := d.store(m)
			if err == nil {
				continue
			}
			d.notStored(nil, m, err)
			if d.s.nc.IsClosed() {
				d.endAll(procs.ErrClosed)
				continue
			}
			select {
			case <-time.After(retryPause):
			case <-d.ctx.Done():
				return
			}
		}
	}
}

// leave removes what the server keeps for this pool.
func (d *durable) leave() {
	d.inbox.Stop()
	<-d.inbox.Closed()
	d.acks.send()
	if d.s.nc.IsConnected() {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		d.js.DeleteConsumer(ctx, d.s.stream("results"), "pool-"+d.id)
	}
	d.js.CleanupPublisher()
}

// next returns the next message to store. It returns nil if there is none, or
// if it is better to let more tasks gather.
func (d *durable) next() *nats.Msg {
	d.mu.Lock()
	defer d.mu.Unlock()
	for m, first := range d.again {
		delete(d.again, m)
		d.storing[m] = first
		return m
	}
	if len(d.outbox) == 0 || len(d.storing) >= sendAhead || len(d.storing) >= gatherFrom && len(d.outbox) < d.batch(d.outbox[0].function) {
		return nil
	}
	some, size := d.gather()
	if len(some) == 0 {
		d.tellStored()
		return nil
	}
	m := nats.NewMsg(d.s.subject("todo", some[0].function.String()))
	m.Data = newMessage(size)
	for _, r := range some {
		m.Data = r.append(m.Data)
	}
	m.Header.Set(headerResult, d.results())
	m.Header.Set(headerName, some[0].name)
	m.Header.Set(jetstream.MsgIDHeader, d.id+"."+strconv.FormatUint(some[0].number, 36))
	d.storing[m] = some[0].number
	return m
}

// gather takes the next tasks that go into one message.
func (d *durable) gather() (some []*request, size int) {
	n := 0
	for _, r := range d.outbox {
		if d.live[r.number] != nil {
			if len(some) > 0 && (r.function != some[0].function || size+r.size() > maxBatch || len(some) >= d.batch(r.function)) {
				break
			}
			some = append(some, r)
			size += r.size()
		}
		n++
	}
	clear(d.outbox[:n])
	if d.outbox = d.outbox[n:]; len(d.outbox) == 0 {
		d.outbox = nil
	}
	return some, size
}

// batch returns how many tasks of a function go into a message: one, if we do
// not know how long they take.
func (d *durable) batch(f identity) int {
	took := d.took[f]
	if took == 0 {
		return 1
	}
	return min(max(1, int(batchTime/took)), batchTasks)
}

func (d *durable) store(m *nats.Msg) error {
	f, _ := strings.CutPrefix(m.Subject, d.s.subject("todo")+".")
	if err := d.makeConsumer(f); err != nil {
		return err
	}
	_, err := d.js.PublishMsgAsync(m)
	return err
}

// stored is called with a message that the server has confirmed.
func (d *durable) stored(_ jetstream.JetStream, m *nats.Msg, _ *jetstream.PubAck) {
	d.mu.Lock()
	delete(d.storing, m)
	d.tellStored()
	d.mu.Unlock()
	d.nudge()
}

// notStored is called with a message that the server did not confirm. If it has
// it nevertheless, it knows it by its number.
func (d *durable) notStored(_ jetstream.JetStream, m *nats.Msg, err error) {
	bridge.Logf(int32(procs.LevelWarning), "remote: pool: tasks are not stored yet: %v", err)
	d.mu.Lock()
	if first, ok := d.storing[m]; ok {
		delete(d.storing, m)
		d.again[m] = first
	}
	d.mu.Unlock()
	time.AfterFunc(retryPause, d.nudge)
}

// makeConsumer makes the consumer of a function, and lets workers know.
func (d *durable) makeConsumer(f string) error {
	if d.made[f] { // only run uses it
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	_, err := d.js.CreateOrUpdateConsumer(ctx, d.s.stream("tasks"), jetstream.ConsumerConfig{
		Durable: f, FilterSubject: d.s.subject("todo", f), AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: d.p.config.Lease, MaxDeliver: -1, MaxAckPending: -1,
		Metadata: map[string]string{"tries": strconv.Itoa(d.p.config.Tries)}})
	if err != nil {
		return fmt.Errorf("remote: consumer: %w", err)
	}
	d.made[f] = true
	d.s.nc.Publish(d.s.subject("wanted"), []byte(f))
	return nil
}

// receive takes results that were stored.
func (d *durable) receive(m jetstream.Msg) {
	rs, err := decodeResults(m.Data())
	if err != nil {
		bridge.Logf(int32(procs.LevelWarning), "remote: %d bytes that are no results", len(m.Data()))
	}
	all := make([]ending, 0, len(rs))
	d.mu.Lock()
	for _, res := range rs {
		if r := d.live[res.number]; r != nil {
			delete(d.live, res.number)
			d.learn(r.function, res.took)
			d.found(r.function)
			all = append(all, ending{r: r, res: res})
		}
	}
	d.mu.Unlock()
	d.p.end(all)
	d.acks.add(m)
}

// learn takes note of how long a function takes: about the mean of the last
// ones, and at once what is much longer.
func (d *durable) learn(f identity, took time.Duration) {
	last := d.took[f]
	if took = max(took, 1); last == 0 || took > 8*last {
		d.took[f] = took
		return
	}
	d.took[f] = max(1, last+(took-last)/8)
}

// found notes that a function has a worker.
func (d *durable) found(f identity) {
	d.heard[f] = time.Now()
	delete(d.lacking, f)
}

// look finds out, of functions that no result comes of, whether there are
// workers that have them.
func (d *durable) look() {
	d.mu.Lock()
	defer d.mu.Unlock()
	quiet := map[identity]string{}
	for _, r := range d.live {
		if time.Since(d.heard[r.function]) > lookTick {
			quiet[r.function] = r.name
		}
	}
	if len(quiet) == 0 || d.looking || !d.s.nc.IsConnected() {
		return
	}
	d.looking = true
	d.loop.Go(func() {
		ctx, cancel := context.WithTimeout(d.ctx, connectTimeout)
		defer cancel()
		all, err := d.s.announced(ctx)
		for f, name := range quiet {
			if err == nil {
				d.nobodyHas(f, name, all)
			}
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.looking = false
	})
}

// nobodyHas tells if none of all workers has a function, and ends its tasks
// when patience is over.
func (d *durable) nobodyHas(f identity, name string, all []*announcement) {
	d.mu.Lock()
	if slices.ContainsFunc(all, func(a *announcement) bool { return a.Functions[name] == f.String() }) {
		d.found(f)
	}
	l := d.lacking[f]
	over, tell := false, false
	if time.Since(d.heard[f]) > lookTick {
		if l == nil {
			l = &lack{since: time.Now()}
			d.lacking[f] = l
		}
		lasts := time.Since(l.since)
		over = d.p.config.Patience >= 0 && lasts >= d.p.config.Patience
		tell = !over && !l.told && lasts >= d.tellAfter
		l.told = l.told || tell
	}
	d.mu.Unlock()
	switch {
	case over:
		d.giveUp(func(r *request) bool { return r.function == f }, fmt.Errorf("%w: %s: %s", ErrNoWorker, name, whyNobody(name, slices.Values(all))))
	case tell:
		bridge.Logf(int32(procs.LevelWarning), "remote: pool: tasks wait on the server, since no worker has %s: %s", name, whyNobody(name, slices.Values(all)))
	}
}

// giveUp ends some requests.
func (d *durable) giveUp(which func(*request) bool, err error) {
	d.mu.Lock()
	var all []ending
	var numbers []uint64
	for number, r := range d.live {
		if which(r) {
			all = append(all, ending{r: r, err: err})
			numbers = append(numbers, number)
			delete(d.live, number)
		}
	}
	d.mu.Unlock()
	d.drop(numbers)
	d.p.end(all)
}

// endAll ends all requests.
func (d *durable) endAll(err error) {
	d.mu.Lock()
	clear(d.again)
	d.outbox = nil
	for _, w := range d.waiters {
		w.done <- err
	}
	d.waiters = nil
	d.mu.Unlock()
	d.giveUp(func(*request) bool { return true }, err)
}

// cancel ends a request. Workers that have the task are told.
func (d *durable) cancel(r *request, why error) {
	d.mu.Lock()
	live := d.live[r.number] != nil
	delete(d.live, r.number)
	d.mu.Unlock()
	d.drop([]uint64{r.number})
	if live {
		d.p.end([]ending{{r: r, err: why}})
	}
}

// unbegun returns what is not on its way to the server.
func (d *durable) unbegun() []*request {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.outbox)
}

// drop tells workers whose results nobody wants.
func (d *durable) drop(numbers []uint64) {
	var all []*task
	for _, n := range numbers {
		all = append(all, &task{number: n, limit: toCancel})
	}
	batches(all, func(some []*task, size int) {
		message := newMessage(size)
		for _, t := range some {
			message = t.append(message)
		}
		d.s.nc.PublishRequest(d.s.subject("drop"), d.results(), message)
	})
}

func (d *durable) stopAll() {
	d.mu.Lock()
	d.terminated = true
	d.mu.Unlock()
	d.endAll(procs.ErrTerminated)
}

// workers asks: whoever has a function takes its next task.
func (d *durable) workers() []Worker {
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	all, _ := d.s.Workers(ctx)
	return all
}

// chunk is 1: a chunk would be done again as a whole.
func (d *durable) chunk(int) int { return 1 }
