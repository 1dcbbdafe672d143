package remote

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync"
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
	w     *worker
	js    jetstream.JetStream
	loops sync.WaitGroup
	ctx   context.Context // until the worker leaves
	stop  context.CancelFunc

	mu     sync.Mutex
	pulled map[identity]bool
}

// delivery is what a worker has to tell the server of a task.
type delivery struct {
	taker   *taker
	msg     jetstream.Msg
	lease   time.Duration
	renewed time.Time
	done    func() // makes room for the next one
}

const (
	fetchWait  = 10 * time.Second
	fetchBeat  = time.Second // of a server that has nothing yet
	renewTick  = 500 * time.Millisecond
	minLease   = 2 * time.Second
	aheadTasks = 8 // beyond the slots, of each function
)

func newTaker(w *worker) (*taker, error) {
	js, err := jetstream.New(w.s.nc)
	if err != nil {
		return nil, fmt.Errorf("remote: worker: %w", err)
	}
	k := &taker{w: w, js: js, pulled: map[identity]bool{}}
	k.ctx, k.stop = context.WithCancel(context.Background())
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
		k.loops.Go(func() { k.pull(f) })
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

// take takes one task.
func (k *taker) take(c jetstream.ConsumerConfig, m jetstream.Msg, done func()) {
	w := k.w
	t, err := decodeTask(m.Data())
	reply := m.Headers().Get(headerResult)
	meta, merr := m.Metadata()
	r := &running{task: t, reply: reply, durable: &delivery{taker: k, msg: m, lease: c.AckWait, renewed: time.Now(), done: done}}
	tries, _ := strconv.Atoi(c.Metadata["tries"])
	switch {
	case err != nil || merr != nil || reply == "":
		go k.bury(r, "it is no task")
		return
	case tries > 0 && meta.NumDelivered > uint64(tries):
		go k.bury(r, fmt.Sprintf("%d workers had begun it, and none has brought it to an end", tries))
		return
	}
	r.ctx, r.stop = context.WithCancel(w.base)
	w.mu.Lock()
	old := w.live[reply]
	if old != nil && old.durable != nil { // its lease ran out, and yet it runs
		old.durable.msg = m
	} else {
		w.live[reply] = r
	}
	w.mu.Unlock()
	if old != nil {
		r.stop()
		done()
		return
	}
	select {
	case w.tasks <- r:
	case <-k.ctx.Done():
		w.drop(r)
		r.durable.handBack()
	}
}

// handBack lets another worker have a task.
func (d *delivery) handBack() {
	d.msg.Nak()
	d.done()
}

// store stores a result, and only then the task is done with.
func (k *taker) store(r *running, res result) {
	defer r.durable.done()
	m := nats.NewMsg(r.reply)
	m.Data = res.encode()
	if err := k.publish(m, r.reply); err != nil {
		bridge.Logf(int32(procs.LevelWarning), "remote: worker: a task will be done again, as its result cannot be stored: %v", err)
		return // after its lease
	}
	k.w.mu.Lock()
	last := r.durable.msg
	k.w.mu.Unlock()
	last.Ack()
}

func (k *taker) publish(m *nats.Msg, id string) (err error) {
	for range 50 {
		ctx, cancel := context.WithTimeout(context.Background(), callTimeout)
		_, err = k.js.PublishMsg(ctx, m, jetstream.WithMsgID(id))
		cancel()
		if err == nil || k.w.s.nc.IsClosed() {
			return err
		}
		time.Sleep(retryPause)
	}
	return err
}

// bury moves a task to the stream of those that were given up.
func (k *taker) bury(r *running, why string) {
	m := nats.NewMsg(k.w.s.subject("dead", r.function.String()))
	m.Data = r.durable.msg.Data()
	m.Header.Set(headerReason, why)
	m.Header.Set(headerName, r.durable.msg.Headers().Get(headerName))
	if err := k.publish(m, "dead "+r.reply); err != nil {
		r.durable.done()
		return
	}
	if r.reply == "" {
		r.durable.msg.Ack()
		r.durable.done()
		return
	}
	k.store(r, result{outcomeFailed, bridge.EncodeError(fmt.Errorf("%w: %s", ErrPoisoned, why))})
}

// renew tells the server that tasks are still being done.
func (k *taker) renew() {
	tick := time.NewTicker(renewTick)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-k.w.leaving:
			return
		}
		k.w.mu.Lock()
		for _, r := range k.w.live {
			if d := r.durable; d != nil && time.Since(d.renewed) > d.lease/4 {
				d.renewed = time.Now()
				d.msg.InProgress()
			}
		}
		k.w.mu.Unlock()
	}
}
