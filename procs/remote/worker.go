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
	"switchyard/procs/connection"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/fault"
)

// WorkerConfig says how a worker works.
type WorkerConfig struct {
	// Config says how to connect.
	Config
	// Name is what the worker is called in lists and errors. Default: none.
	Name string
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
	functions map[identity]*function

	tasks   chan *running
	full    chan struct{} // has one for each slot that runs a task
	slots   sync.WaitGroup
	left    atomic.Bool   // no more tasks are wanted
	leaving chan struct{} // closed when the slots are to end
	base    context.Context
	stop    context.CancelFunc // ends all tasks

	mu   sync.Mutex
	live map[taskKey]*running

	lines    map[*line]bool
	linesEnd bool // no more are taken

	listener *connection.Listener // of lines
	lined    sync.WaitGroup       // of all that uses them

	answers outbox[answer] // of the lane AtMostOnce
	loops   sync.WaitGroup // of all that sends results
	taker   *taker
}

// taskKey says which task it is: where its results go, and its number.
type taskKey struct {
	inbox  string
	number uint64
}

// running is a task that was taken.
type running struct {
	task
	inbox string
	line  *line // that it came over
	ctx   context.Context
	stop  context.CancelFunc
	once  sync.Once // the answer

	batch *batch    // nil: it came over the lane AtMostOnce
	tries int       // how often it was begun, if that is counted; else -1
	begun time.Time // with the worker's lock, as the next one
	given bool      // to others, as it was not begun
}

func (r *running) key() taskKey { return taskKey{r.inbox, r.number} }

// answer is a result on its way.
type answer struct {
	r *running
	result
}

func (a answer) size() int { return a.result.size() }

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
	w := &worker{s: s, grace: config.Grace, functions: map[identity]*function{}, live: map[taskKey]*running{}, lines: map[*line]bool{},
		self:  announcement{ID: rand.Text(), Name: config.Name, Host: host, PID: os.Getpid(), Slots: config.Slots, Functions: map[string]string{}},
		tasks: make(chan *running, queued), full: make(chan struct{}, config.Slots), leaving: make(chan struct{})}
	for _, r := range bridge.Functions() {
		f, err := bridge.Find(r.ID)
		if err != nil {
			return nil, fmt.Errorf("remote: %s: %w", r.Name, err)
		}
		id := identityOf(r)
		w.functions[id] = &function{Function: f}
		w.self.Functions[r.Name] = id.String()
	}
	w.base, w.stop = context.WithCancel(context.Background())
	w.answers.send, w.answers.run = func(all []answer) { byInbox(all, w.send) }, w.loops.Go
	return w, nil
}

func (w *worker) work(ctx context.Context) (err error) {
	defer w.stop()
	for range w.self.Slots {
		w.slots.Go(w.slot)
	}
	if w.taker, err = newTaker(w); err != nil {
		return err
	}
	w.listen()
	tasks, err := w.subscribe()
	if err == nil {
		w.slots.Go(w.taker.renew)
		go w.taker.lookAround()
		w.s.watch(w)
		defer w.s.unwatch(w)
		w.announce(w.s.subject("here"))
		<-ctx.Done()
		err = w.leave(tasks)
	}
	close(w.leaving)
	if err == nil {
		w.slots.Wait()
	}
	w.closeLines()
	return err
}

// subscribe begins to take messages, of which each kind has a goroutine.
func (w *worker) subscribe() (tasks *nats.Subscription, err error) {
	for subject, take := range map[string]nats.MsgHandler{
		w.s.subject("task", w.self.ID): func(m *nats.Msg) { w.take(m.Data, resultsOf(m.Reply), nil) },
		w.s.subject("ping", w.self.ID): func(m *nats.Msg) { m.Respond([]byte(w.self.ID)) },
		w.s.subject("wanted"):          func(m *nats.Msg) { w.taker.wanted(string(m.Data)) },
		w.s.subject("drop"):            w.taker.drop,
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
		if r.batch == nil {
			w.answer(r, failed(ErrConnectionLost))
			r.stop()
		}
	}
}

// back lets pools know what they may have missed.
func (w *worker) back() {
	w.announce(w.s.subject("here"))
	go w.taker.lookAround()
}

// take takes tasks, or refuses them, or has some cancelled that it took before.
// Their results go over the line that they came over, if they did. One that it
// returns has a slot, and is to be run by the caller.
func (w *worker) take(message []byte, inbox string, over *line) (here *running) {
	tasks, err := decodeTasks(message)
	if err != nil || inbox == "" {
		bridge.Logf(int32(procs.LevelWarning), "remote: worker: %d bytes that are no tasks", len(message))
		return nil
	}
	for _, t := range tasks {
		r := &running{task: t, inbox: inbox, line: over, tries: -1}
		switch {
		case t.limit < 0:
			w.cancel(r.key())
			continue
		case w.functions[t.function] == nil:
			w.refuse(r, "it has no function of this name and these types")
			continue
		case w.left.Load():
			w.refuse(r, "it leaves")
			continue
		}
		w.enter(r)
		if over != nil && len(tasks) == 1 && w.short(r, over) {
			return r
		}
		select {
		case w.tasks <- r:
		default:
			w.drop(r)
			w.refuse(r, "it has too many tasks")
		}
	}
	w.answers.flush(true)
	return nil
}

// short gives a task a slot if there is nothing else to do, and it is not worth
// waking another goroutine for.
func (w *worker) short(r *running, over *line) bool {
	if !over.guest.soon || w.functions[r.function].quick.Load() < quickRuns || len(w.tasks)+len(w.full) > 0 {
		return false
	}
	select {
	case w.full <- struct{}{}:
		return true
	default:
		return false
	}
}

// function is a function, and how many of its last calls in turn were quick.
type function struct {
	bridge.Function
	quick atomic.Int32
}

func (f *function) ran(took time.Duration) {
	if took > quick {
		f.quick.Store(0)
	} else if f.quick.Load() < quickRuns {
		f.quick.Add(1)
	}
}

// resultsOf returns where results of tasks go that came with a reply subject.
func resultsOf(reply string) string {
	i := strings.LastIndex(reply, ".t.")
	if i < 0 {
		return ""
	}
	return reply[:i] + ".r"
}

// enter makes a task one that can be cancelled.
func (w *worker) enter(r *running) {
	r.ctx, r.stop = context.WithCancel(w.base)
	w.mu.Lock()
	w.live[r.key()] = r
	w.mu.Unlock()
}

// refuse has the next flush hand back a task.
func (w *worker) refuse(r *running, why string) {
	w.answers.add(answer{r, result{number: r.number, outcome: outcomeRefused, body: []byte(why)}})
}

// ran notes that a slot is free.
func (w *worker) ran(r *running) {
	w.drop(r)
	w.taker.admit()
}

func (w *worker) drop(r *running) {
	r.stop()
	w.mu.Lock()
	if w.live[r.key()] == r {
		delete(w.live, r.key())
	}
	w.mu.Unlock()
}

// cancel ends the context of a task.
func (w *worker) cancel(k taskKey) {
	w.mu.Lock()
	r := w.live[k]
	w.mu.Unlock()
	if r != nil {
		r.stop()
	}
}

// begin notes that a task begins, and reports whether it is still ours.
func (w *worker) begin(r *running) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !r.given {
		r.begun = time.Now()
	}
	return !r.given
}

// slot runs tasks, one at a time. A task that ends the goroutine ends this one,
// and another goes on.
func (w *worker) slot() {
	over := false
	defer func() {
		if !over {
			w.slots.Go(w.slot)
		}
	}()
	for {
		select {
		case r := <-w.tasks:
			w.full <- struct{}{}
			w.runInSlot(r)
		case <-w.leaving:
			over = true
			return
		}
	}
}

// runInSlot runs a task that has a slot.
func (w *worker) runInSlot(r *running) {
	defer func() { <-w.full }()
	w.run(r)
}

// run runs a task, unless it was cancelled before.
func (w *worker) run(r *running) {
	if !w.begin(r) {
		return
	}
	defer w.ran(r)
	if r.ctx.Err() != nil {
		w.answer(r, failed(procs.ErrCancelled))
		return
	}
	if r.batch != nil && r.tries >= 0 && !w.taker.count(r) {
		r.batch.end(1, false)
		return
	}
	if r.limit <= 0 {
		w.call(r.ctx, r)
		return
	}
	limited, cancel := context.WithTimeout(r.ctx, r.limit)
	defer cancel()
	// The caller need not wait for a function that does not heed its context.
	stop := context.AfterFunc(limited, func() { w.answer(r, timedOut(limited, result{})) })
	defer stop()
	w.call(limited, r)
}

// timedOut is the result of a task with a time limit.
func timedOut(limited context.Context, r result) result {
	switch limited.Err() {
	case nil:
		return r
	case context.DeadlineExceeded:
		return failed(procs.ErrTimeout)
	}
	return failed(procs.ErrCancelled)
}

func failed(err error) result { return result{outcome: outcomeFailed, body: bridge.EncodeError(err)} }

// answer sends the result, the first that there is: at once if nothing else is
// to be done.
func (w *worker) answer(r *running, res result) {
	r.once.Do(func() {
		if limit := w.s.nc.MaxPayload() - maxHeaders; int64(versionHead+res.size()) > limit {
			res = failed(fmt.Errorf("%w: a result of %d bytes, where the server takes %d", procs.ErrMessageTooLong, len(res.body), limit-resultHead-versionHead))
		}
		res.number = r.number
		switch {
		case r.batch == nil:
			w.answers.add(answer{r, res})
			w.answers.flush(len(w.tasks) == 0)
		case res.outcome == outcomeFailed && w.base.Err() != nil: // it was this worker that ended it
			w.loops.Go(func() { r.batch.giveBack([]*running{r}) })
		case r.tries >= 0: // before the next one begins, which may be the one that kills
			byInbox([]answer{{r, res}}, w.taker.store)
		default:
			w.taker.results.add(answer{r, res})
			w.taker.results.flush(false)
		}
	})
}

// byInbox calls each with the answers to each inbox, as many as go into one
// message.
func byInbox(all []answer, each func(inbox string, some []answer, message []byte)) {
	slices.SortStableFunc(all, func(a, b answer) int { return strings.Compare(a.r.inbox, b.r.inbox) })
	for len(all) > 0 {
		n, inbox := 1, all[0].r.inbox
		for n < len(all) && all[n].r.inbox == inbox {
			n++
		}
		batches(all[:n], func(some []answer, size int) {
			message := newMessage(size)
			for i := range some {
				message = some[i].append(message)
			}
			each(inbox, some, message)
		})
		all = all[n:]
	}
}

func (w *worker) send(inbox string, some []answer, message []byte) {
	if l := some[0].r.line; l != nil {
		l.send(message)
		return
	}
	if err := w.s.nc.Publish(inbox, message); err != nil {
		bridge.Logf(int32(procs.LevelWarning), "remote: worker: %d results are lost: %v", len(some), err)
	}
}

// newBuffer is where the result of a task is encoded: memory of its own, since
// the connection may keep it.
func newBuffer() []byte { return nil }

// call runs the function of a task and answers, even if that panics, or ends
// the goroutine.
func (w *worker) call(ctx context.Context, r *running) {
	var in, out codec.Wire
	var body []byte
	f, err := w.functions[r.function], fault.ErrGoexit
	begin := time.Now()
	defer func() {
		defer out.Close()
		if err == nil && (len(out.FDs) > 0 || len(out.Buf) > 0) {
			err = errShared
		}
		res := result{outcome: outcomeDone, body: body}
		if err != nil {
			res = failed(err)
		}
		if r.limit > 0 {
			res = timedOut(ctx, res)
		}
		res.took = time.Since(begin)
		f.ran(res.took)
		w.answer(r, res)
	}()
	defer fault.Recover(&err)
	if r.count == 0 {
		body, err = f.RunOne(ctx, r.body, &in, newBuffer, &out)
	} else {
		body, err = f.RunChunk(ctx, r.count, r.body, &in, newBuffer, &out)
	}
}

var errShared = fmt.Errorf("%w: files and shared objects do not travel between machines", procs.ErrEncode)

// leave tells the pools to send no more, hands back what waits, and waits for
// what runs. It answers pings until the end.
func (w *worker) leave(tasks *nats.Subscription) error {
	w.left.Store(true)
	w.announce(w.s.subject("here"))
	w.taker.stop()
	begin, drained, stopped := time.Now(), false, false
	said := begin
	for w.busy() || tasks.IsValid() && w.s.nc.IsConnected() || !w.linesOver() && time.Since(said) < lineTimeout {
		if !drained && !w.busy() { // until then tasks may be cancelled
			drained = true
			tasks.Drain()
			w.endLines()
			said = time.Now()
		}
		select {
		case r := <-w.tasks:
			w.handBack(r)
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
	w.loops.Wait()
	w.taker.acks.send()
	if w.s.nc.IsConnected() {
		w.s.nc.FlushTimeout(connectTimeout)
	}
	return nil
}

// handBack lets another worker have a task that was not begun.
func (w *worker) handBack(r *running) {
	if !w.begin(r) {
		return
	}
	w.drop(r)
	if r.batch != nil {
		w.loops.Go(func() { r.batch.giveBack([]*running{r}) })
		return
	}
	w.refuse(r, "it leaves")
	w.answers.flush(true)
}

func (w *worker) busy() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.live) > 0
}
