package remote

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"switchyard/procs"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/fault"
)

// WorkerConfig says how a worker works.
type WorkerConfig struct {
	// Config says how to connect.
	Config
	// Slots is how many tasks run at the same time, each in a goroutine. 0: one
	// per processor (GOMAXPROCS).
	Slots int
	// Grace is how long running tasks get to return once the worker is to end.
	// Then their contexts are cancelled. 0: 30 s.
	Grace time.Duration
}

const defaultGrace = 30 * time.Second

// Work makes this process a worker for the pools of all who use the server at
// url, with all functions that are registered here:
//
//	func main() {
//		procs.Init()
//		log.Fatal(remote.Work(ctx, "nats://10.0.0.1:4222", remote.WorkerConfig{Config: config}))
//	}
//
// It works until ctx is done, then tells the pools to send no more, finishes
// what runs, hands back what does not, and returns nil. An error means that it
// did not come to work: ErrAuthentication for instance.
//
// Tasks run in goroutines of this process. Their panics are errors of the
// tasks; what ends the process ends all tasks that it runs. A function that may
// do so can be run by a procs.Pool inside the registered one.
func Work(ctx context.Context, url string, config WorkerConfig) error {
	s, err := Connect(ctx, url, config.Config)
	if err != nil {
		return err
	}
	defer s.Close()
	w, err := newWorker(s, config)
	if err != nil {
		return err
	}
	return w.work(ctx)
}

// worker is a worker that is connected.
type worker struct {
	s         *Session
	self      announcement
	grace     time.Duration
	functions map[identity]bridge.Function

	tasks   chan *running
	left    atomic.Bool   // no more tasks are wanted
	leaving chan struct{} // closed when the slots are to end
	base    context.Context
	stop    context.CancelFunc // ends all tasks

	mu   sync.Mutex
	live map[string]*running // by their reply subjects

	taker *taker
}

// running is a task that was taken.
type running struct {
	task
	reply string
	ctx   context.Context
	stop  context.CancelFunc
	once  sync.Once // the answer

	durable *delivery // nil: it came over the direct lane
}

// queued is how many tasks wait in a worker for a slot: pools send far fewer.
const queued = 1 << 14

func newWorker(s *Session, config WorkerConfig) (*worker, error) {
	if config.Slots < 0 {
		return nil, errors.New("remote: Slots must not be negative")
	}
	if config.Slots == 0 {
		config.Slots = runtime.GOMAXPROCS(0)
	}
	if config.Grace == 0 {
		config.Grace = defaultGrace
	}
	host, _ := os.Hostname()
	w := &worker{s: s, grace: config.Grace, functions: map[identity]bridge.Function{}, live: map[string]*running{},
		self:  announcement{ID: rand.Text(), Host: host, PID: os.Getpid(), Slots: config.Slots, Functions: map[string]string{}},
		tasks: make(chan *running, queued), leaving: make(chan struct{})}
	for _, r := range bridge.Functions() {
		f, err := bridge.Find(r.ID)
		if err != nil {
			return nil, fmt.Errorf("remote: %s: %w", r.Name, err)
		}
		id := identityOf(r)
		w.functions[id] = f
		w.self.Functions[r.Name] = id.String()
	}
	w.base, w.stop = context.WithCancel(context.Background())
	return w, nil
}

func (w *worker) work(ctx context.Context) (err error) {
	defer w.stop()
	var slots sync.WaitGroup
	for range w.self.Slots {
		slots.Go(w.slot)
	}
	if w.taker, err = newTaker(w); err != nil {
		return err
	}
	tasks, err := w.subscribe()
	if err == nil {
		slots.Go(w.taker.renew)
		go w.taker.lookAround()
		w.s.watch(w)
		defer w.s.unwatch(w)
		w.announce(w.s.subject("here"))
		<-ctx.Done()
		err = w.leave(tasks)
	}
	close(w.leaving)
	if err == nil {
		slots.Wait()
	}
	return err
}

// subscribe begins to take messages, of which each kind has a goroutine.
func (w *worker) subscribe() (tasks *nats.Subscription, err error) {
	for subject, take := range map[string]nats.MsgHandler{
		w.s.subject("task", w.self.ID): w.take,
		w.s.subject("ping", w.self.ID): func(m *nats.Msg) { m.Respond([]byte(w.self.ID)) },
		w.s.subject("wanted"):          func(m *nats.Msg) { w.taker.wanted(string(m.Data)) },
		w.s.subject("drop"):            w.cancel,
		w.s.subject("who"):             func(m *nats.Msg) { w.announce(m.Reply) },
	} {
		sub, err := w.s.nc.Subscribe(subject, take)
		if err != nil {
			return nil, fmt.Errorf("remote: worker: %w", err)
		}
		sub.SetPendingLimits(-1, -1)
		if strings.HasSuffix(subject, "task."+w.self.ID) {
			tasks = sub
		}
	}
	return tasks, nil
}

func (w *worker) announce(subject string) {
	self := w.self
	self.Leaving = w.left.Load()
	b, err := json.Marshal(&self)
	if err == nil {
		err = w.s.nc.Publish(subject, b)
	}
	if err != nil {
		bridge.Logf(int32(procs.LevelWarning), "remote: worker: %v", err)
	}
}

// lost ends the tasks of the direct lane: their callers have given them up, or
// will.
func (w *worker) lost() {
	w.mu.Lock()
	all := slices.Collect(maps.Values(w.live))
	w.mu.Unlock()
	for _, r := range all {
		if r.durable == nil {
			w.answer(r, result{outcomeFailed, bridge.EncodeError(ErrConnectionLost)})
			r.stop()
		}
	}
}

// back lets pools know what they may have missed.
func (w *worker) back() {
	w.announce(w.s.subject("here"))
	go w.taker.lookAround()
}

// take takes a task, or refuses it, or has one cancelled that it took before.
func (w *worker) take(m *nats.Msg) {
	if m.Reply == "" {
		w.cancel(m)
		return
	}
	t, err := decodeTask(m.Data)
	switch {
	case err != nil:
		bridge.Logf(int32(procs.LevelWarning), "remote: worker: %d bytes that are no task", len(m.Data))
		return
	case w.functions[t.function] == nil:
		w.refuse(m.Reply, "it has no function of this name and these types")
		return
	}
	r := &running{task: t, reply: m.Reply}
	r.ctx, r.stop = context.WithCancel(w.base)
	w.mu.Lock()
	w.live[r.reply] = r
	w.mu.Unlock()
	select {
	case w.tasks <- r:
	default:
		w.drop(r)
		w.refuse(r.reply, "it has too many tasks")
	}
}

func (w *worker) refuse(reply, why string) {
	w.s.nc.Publish(reply, result{outcomeRefused, []byte(why)}.encode())
}

func (w *worker) drop(r *running) {
	r.stop()
	w.mu.Lock()
	delete(w.live, r.reply)
	w.mu.Unlock()
}

// cancel ends the context of a task.
func (w *worker) cancel(m *nats.Msg) {
	w.mu.Lock()
	r := w.live[string(m.Data)]
	w.mu.Unlock()
	if r != nil {
		r.stop()
	}
}

// slot runs tasks, one at a time.
func (w *worker) slot() {
	for {
		select {
		case r := <-w.tasks:
			w.run(r)
		case <-w.leaving:
			return
		}
	}
}

// run runs a task, unless it was cancelled before.
func (w *worker) run(r *running) {
	defer w.drop(r)
	if r.ctx.Err() != nil {
		w.answer(r, result{outcomeFailed, bridge.EncodeError(procs.ErrCancelled)})
		return
	}
	if r.limit <= 0 {
		w.answer(r, call(r.ctx, w.functions[r.function], &r.task))
		return
	}
	limited, cancel := context.WithTimeout(r.ctx, r.limit)
	defer cancel()
	// The caller need not wait for a function that does not heed its context.
	stop := context.AfterFunc(limited, func() { w.answer(r, timedOut(limited, result{})) })
	res := call(limited, w.functions[r.function], &r.task)
	stop()
	w.answer(r, timedOut(limited, res))
}

// timedOut is the result of a task with a time limit.
func timedOut(limited context.Context, r result) result {
	switch limited.Err() {
	case nil:
		return r
	case context.DeadlineExceeded:
		return result{outcomeFailed, bridge.EncodeError(procs.ErrTimeout)}
	}
	return result{outcomeFailed, bridge.EncodeError(procs.ErrCancelled)}
}

// answer sends the result, the first that there is.
func (w *worker) answer(r *running, res result) {
	r.once.Do(func() {
		if r.durable != nil && res.outcome == outcomeFailed && w.base.Err() != nil {
			r.durable.handBack() // it was this worker that ended it
			return
		}
		b := res.encode()
		if limit := w.s.nc.MaxPayload(); int64(len(b)) > limit {
			b = result{outcomeFailed, bridge.EncodeError(fmt.Errorf("%w: a result of %d bytes, where the server takes %d", procs.ErrMessageTooLong, len(b), limit))}.encode()
		}
		if r.durable != nil {
			w.taker.loops.Go(func() { w.taker.store(r, result{outcome(b[0]), b[1:]}) })
			return
		}
		if err := w.s.nc.Publish(r.reply, b); err != nil {
			bridge.Logf(int32(procs.LevelWarning), "remote: worker: a result is lost: %v", err)
		}
	})
}

// newBuffer is where the result of a task is encoded: memory of its own, since
// the connection may keep it.
func newBuffer() []byte { return nil }

// call runs a function.
func call(ctx context.Context, f bridge.Function, t *task) result {
	var in, out codec.Wire
	defer out.Close()
	var body []byte
	var err error
	failed := fault.Apart(func() {
		if t.count == 0 {
			body, err = f.RunOne(ctx, t.body, &in, newBuffer, &out)
		} else {
			body, err = f.RunChunk(ctx, t.count, t.body, &in, newBuffer, &out)
		}
	})
	if failed != nil {
		err = failed
	}
	if err == nil && (len(out.FDs) > 0 || len(out.Buf) > 0) {
		err = errShared
	}
	if err != nil {
		return result{outcomeFailed, bridge.EncodeError(err)}
	}
	return result{outcomeDone, body}
}

var errShared = fmt.Errorf("%w: files and shared objects do not travel between machines", procs.ErrEncode)

// leave tells the pools to send no more, hands back what waits, and waits for
// what runs. It answers pings until the end.
func (w *worker) leave(tasks *nats.Subscription) error {
	w.left.Store(true)
	w.announce(w.s.subject("here"))
	w.taker.stop()
	tasks.Drain()
	begin, stopped := time.Now(), false
	for w.busy() || tasks.IsValid() && w.s.nc.IsConnected() {
		select {
		case r := <-w.tasks:
			w.drop(r)
			if r.durable != nil {
				r.durable.handBack()
			} else {
				w.refuse(r.reply, "it leaves")
			}
			continue
		case <-time.After(10 * time.Millisecond):
		}
		switch over := time.Since(begin); {
		case over > 2*w.grace:
			return errors.New("remote: worker: tasks do not return though their contexts are cancelled")
		case over > w.grace && !stopped:
			stopped = true
			w.stop()
		}
	}
	w.taker.loops.Wait()
	if w.s.nc.IsConnected() {
		w.s.nc.FlushTimeout(connectTimeout)
	}
	return nil
}

func (w *worker) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.live) > 0
}
