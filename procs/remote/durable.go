package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
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
//	results  done.POOL.SEQ    results; a consumer for each pool
//	dead     dead.FUNCTION    tasks that were given up, with the reason
//
// and beside them
//
//	wanted         a function has a consumer
//	drop           the subject of a result that nobody wants any more
//
// A worker stores the result before it acknowledges the task, and a pool
// delivers it before it acknowledges that. So nothing is lost, whoever dies; a
// task may be done twice, and of two results the pool takes the first.
type durable struct {
	p     *Pool
	s     *Session
	js    jetstream.JetStream
	id    string
	inbox jetstream.ConsumeContext
	done  chan struct{}
	wake  chan struct{}
	loop  sync.WaitGroup

	mu         sync.Mutex
	terminated bool
	seq        uint64
	live       map[uint64]*request
	outbox     []*request
	made       map[identity]bool // functions that have a consumer
}

const (
	resultsAge   = 24 * time.Hour // of results that nobody fetches
	sendAhead    = 512            // tasks that the server has not confirmed
	sendTimeout  = 5 * time.Second
	retryPause   = 200 * time.Millisecond
	callTimeout  = 3 * time.Second // of a request to the server, which is made again
	headerResult = "Switchyard-Result"
	headerName   = "Switchyard-Function"
	headerReason = "Switchyard-Reason"
)

// makeStreams makes the streams, unless they are there.
func (s *Session) makeStreams(ctx context.Context, js jetstream.JetStream) error {
	for _, c := range []jetstream.StreamConfig{
		{Name: s.stream("tasks"), Subjects: []string{s.subject("todo", "*")}, Retention: jetstream.WorkQueuePolicy},
		{Name: s.stream("results"), Subjects: []string{s.subject("done", "*", "*")}, Retention: jetstream.WorkQueuePolicy, MaxAge: resultsAge},
		{Name: s.stream("dead"), Subjects: []string{s.subject("dead", "*")}},
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
	d := &durable{p: p, s: p.s, id: rand.Text(), done: make(chan struct{}), wake: make(chan struct{}, 1),
		live: map[uint64]*request{}, made: map[identity]bool{}}
	var err error
	d.js, err = jetstream.New(p.s.nc, jetstream.WithPublishAsyncErrHandler(d.notSent),
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
		Durable: "pool-" + d.id, FilterSubject: p.s.subject("done", d.id, "*"), AckPolicy: jetstream.AckExplicitPolicy,
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

func (d *durable) close() { close(d.done) }
func (d *durable) wait()  { d.loop.Wait() }

// begin lets a task be stored.
func (d *durable) begin(r *request) {
	d.mu.Lock()
	if d.terminated {
		d.mu.Unlock()
		d.p.end(r, result{}, procs.ErrTerminated)
		return
	}
	d.seq++
	r.sent.seq = d.seq
	d.live[r.sent.seq] = r
	d.outbox = append(d.outbox, r)
	d.mu.Unlock()
	d.nudge()
}

func (d *durable) nudge() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// run stores tasks, in order, and tries again what could not be stored.
func (d *durable) run() {
	defer d.leave()
	for {
		select {
		case <-d.wake:
		case <-d.done:
			return
		}
		for r := d.next(); r != nil; r = d.next() {
			if err := d.send(r); err == nil {
				continue
			} else if d.s.nc.IsClosed() {
				d.finish(r.sent.seq, result{}, procs.ErrClosed)
				continue
			} else {
				bridge.Logf(int32(procs.LevelWarning), "remote: pool: a task is not stored yet: %v", err)
			}
			d.mu.Lock()
			d.outbox = append([]*request{r}, d.outbox...)
			d.mu.Unlock()
			select {
			case <-time.After(retryPause):
			case <-d.done:
				return
			}
		}
	}
}

// leave removes what the server keeps for this pool.
func (d *durable) leave() {
	d.inbox.Stop()
	<-d.inbox.Closed()
	if d.s.nc.IsConnected() {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		defer cancel()
		d.js.DeleteConsumer(ctx, d.s.stream("results"), "pool-"+d.id)
	}
	d.js.CleanupPublisher()
}

// next returns the next task to store, nil if there is none.
func (d *durable) next() *request {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.outbox) > 0 {
		r := d.outbox[0]
		d.outbox[0] = nil
		d.outbox = d.outbox[1:]
		if d.live[r.sent.seq] != nil {
			return r
		}
	}
	d.outbox = nil
	return nil
}

func (d *durable) send(r *request) error {
	if err := d.makeConsumer(r.function); err != nil {
		return err
	}
	m := nats.NewMsg(d.s.subject("todo", r.function.String()))
	m.Data = r.task.encode()
	m.Header.Set(headerResult, d.result(r.sent.seq))
	m.Header.Set(headerName, r.name)
	_, err := d.js.PublishMsgAsync(m, jetstream.WithMsgID(d.result(r.sent.seq)))
	return err
}

func (d *durable) result(seq uint64) string {
	return d.s.subject("done", d.id, strconv.FormatUint(seq, 36))
}

// seqOf is the inverse of result.
func (d *durable) seqOf(subject string) uint64 {
	text, ok := strings.CutPrefix(subject, d.s.subject("done", d.id)+".")
	seq, err := strconv.ParseUint(text, 36, 64)
	if !ok || err != nil {
		return 0 // of no request
	}
	return seq
}

// notSent is called with a task that the server did not confirm. If it has it
// nevertheless, it knows it by its number.
func (d *durable) notSent(_ jetstream.JetStream, m *nats.Msg, err error) {
	bridge.Logf(int32(procs.LevelWarning), "remote: pool: a task is not stored yet: %v", err)
	d.mu.Lock()
	if r := d.live[d.seqOf(m.Header.Get(headerResult))]; r != nil {
		d.outbox = append(d.outbox, r)
	}
	d.mu.Unlock()
	time.AfterFunc(retryPause, d.nudge)
}

// makeConsumer makes the consumer of a function, and lets workers know.
func (d *durable) makeConsumer(f identity) error {
	if d.made[f] { // only run uses it
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
	defer cancel()
	_, err := d.js.CreateOrUpdateConsumer(ctx, d.s.stream("tasks"), jetstream.ConsumerConfig{
		Durable: f.String(), FilterSubject: d.s.subject("todo", f.String()), AckPolicy: jetstream.AckExplicitPolicy,
		AckWait: d.p.config.Lease, MaxDeliver: -1, MaxAckPending: -1,
		Metadata: map[string]string{"tries": strconv.Itoa(d.p.config.Tries)}})
	if err != nil {
		return fmt.Errorf("remote: consumer: %w", err)
	}
	d.made[f] = true
	d.s.nc.Publish(d.s.subject("wanted"), []byte(f.String()))
	return nil
}

// receive takes a result that was stored.
func (d *durable) receive(m jetstream.Msg) {
	res, err := decodeResult(m.Data())
	d.finish(d.seqOf(m.Subject()), res, err)
	m.Ack()
}

// finish ends a request, if it has not ended.
func (d *durable) finish(seq uint64, res result, err error) {
	d.mu.Lock()
	r := d.live[seq]
	delete(d.live, seq)
	d.mu.Unlock()
	if r != nil {
		d.p.end(r, res, err)
	}
}

// cancel ends a request. Workers that have the task are told.
func (d *durable) cancel(r *request, why error) {
	d.finish(r.sent.seq, result{}, why)
	d.s.nc.Publish(d.s.subject("drop"), []byte(d.result(r.sent.seq)))
}

func (d *durable) stopAll() {
	d.mu.Lock()
	d.terminated = true
	all := d.live
	d.live = map[uint64]*request{}
	d.mu.Unlock()
	for seq, r := range all {
		d.s.nc.Publish(d.s.subject("drop"), []byte(d.result(seq)))
		d.p.end(r, result{}, procs.ErrTerminated)
	}
}

// workers returns none: whoever has the function takes the next task.
func (d *durable) workers() []Worker { return nil }

// chunk is 1: a chunk would be done again as a whole.
func (d *durable) chunk(int) int { return 1 }
