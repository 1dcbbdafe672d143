package remote

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// QueueConfig says what a queue is like, when OpenQueue makes it; one that is
// there already stays as it is.
type QueueConfig struct {
	// Size is how many values the queue holds; then Put waits. Values that were
	// taken and are not done with count. 0: as many as the server has room for
	// on its disk.
	Size int
	// Lease is how long a program may say nothing before the values that it has
	// taken go to others, at least 2 s. 0: 30 s. Programs that live and reach
	// the server keep theirs, for as long as it takes.
	Lease time.Duration
}

// Queue passes values between programs, first in, first out, from any number of
// putters to any number of getters: the task queue and the result queue of
// Python's BaseManager.
//
// Values are on the server's disk from when Put returns. There are two ways to
// take one:
//
//   - Get removes it, as Python does: when Get returns the value is nobody
//     else's, and gone if this program dies. If the program dies in Get, the
//     value comes back after QueueConfig.Lease.
//   - Take lends it: it is removed when Item.Done says so. If the program dies
//     before, or calls Item.Back, another one gets it. So a value that is Done
//     with has been worked on at least once.
//
// A value that comes back is first in the queue again. Put, Take and Done cost
// a round trip to the server each, Get two.
type Queue[T any] struct {
	object
	codec   *codec.Codec[T]
	subject string // of values
	say     string // of what programs tell each other: say.full, say.room, say.shut
	next    string // asks for a value
	lease   time.Duration
	id      string
	done    chan struct{} // closed by Close

	mu     sync.Mutex
	puts   uint64
	told   *nats.Subscription // of say
	idle   []*getter
	all    []*getter
	held   map[*Item[T]]bool
	room   chan struct{} // closed when there may be fewer values
	wanted bool          // somebody waits for that
	closed bool
	shut   shutdown
}

const (
	defaultLease = 30 * time.Second
	pullWait     = 5 * time.Second        // of a question for a value, at the server
	fullPause    = 2 * time.Millisecond   // before Put looks for room
	longestPause = 250 * time.Millisecond // likewise, in the end
)

// OpenQueue opens the queue of this name, and makes it if there is none. All
// its users must give the same T: otherwise it is ErrOtherType. The queue stays
// on the server until Remove.
func OpenQueue[T any](ctx context.Context, s *Session, name string, config QueueConfig) (*Queue[T], error) {
	if config.Lease == 0 {
		config.Lease = defaultLease
	}
	if config.Size < 0 || config.Lease < minLease {
		return nil, errors.New("remote: OpenQueue: Size must not be negative, and Lease 2 s at least")
	}
	stream, err := s.objectName("queue", name)
	if err != nil {
		return nil, err
	}
	q := &Queue[T]{subject: s.subject("queue", token(name)), say: s.subject("queue-says", token(name)), id: rand.Text(),
		done: make(chan struct{}), room: make(chan struct{}), held: map[*Item[T]]bool{}}
	if q.codec, err = codecOf[T](); err != nil {
		return nil, fmt.Errorf("remote: queue %.40q: %w", name, err)
	}
	size := int64(config.Size)
	if size == 0 {
		size = -1
	}
	q.object, err = s.open(ctx, fmt.Sprintf("queue %.40q", name), jetstream.StreamConfig{Name: stream, Subjects: []string{q.subject},
		Retention: jetstream.WorkQueuePolicy, Discard: jetstream.DiscardNew, MaxMsgs: size}, reflect.TypeFor[T]())
	if err != nil {
		return nil, err
	}
	if err := q.openConsumer(ctx, config); err != nil {
		return nil, q.failed(err)
	}
	if q.told, err = s.nc.Subscribe(q.say+".*", q.hear); err != nil {
		return nil, q.failed(err)
	}
	s.watch(q)
	q.shut = shutdownOf(q.stream.CachedInfo().Config.Metadata[metaShut])
	return q, nil
}

// openConsumer makes what all getters of the queue share.
func (q *Queue[T]) openConsumer(ctx context.Context, config QueueConfig) error {
	return q.s.ask(ctx, func(ctx context.Context) error {
		c, err := q.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "getters", AckPolicy: jetstream.AckExplicitPolicy,
			AckWait: config.Lease, MaxDeliver: -1, MaxAckPending: -1, MaxWaiting: 1 << 20})
		if errors.Is(err, jetstream.ErrConsumerExists) {
			c, err = q.stream.Consumer(ctx, "getters")
		}
		if err == nil {
			q.lease = c.CachedInfo().Config.AckWait
			q.next = "$JS.API.CONSUMER.MSG.NEXT." + c.CachedInfo().Stream + ".getters"
		}
		return err
	})
}

// Put puts v at the end, and waits while the queue is full. After ShutDown it
// returns ErrShutDown. When it returns nil the value is on the server's disk,
// once. If ctx ends it meanwhile, the value may be there or not; likewise after
// ErrConnectionLost: the server took it, or not, and did not answer again for
// nearly two minutes. A server that is started anew does not know the values
// that were removed: if one was taken before Put heard of its being there, it
// is put twice.
func (q *Queue[T]) Put(ctx context.Context, v T) error { return q.put(ctx, v, true) }

// TryPut is Put without waiting for room: it returns procs.ErrFull if there is
// none.
func (q *Queue[T]) TryPut(ctx context.Context, v T) error { return q.put(ctx, v, false) }

// PutTimeout is Put with a limit; then it returns procs.ErrFull.
func (q *Queue[T]) PutTimeout(v T, d time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return late(q.Put(ctx, v), procs.ErrFull)
}

func (q *Queue[T]) put(ctx context.Context, v T, wait bool) error {
	body, err := encodeValue(&q.object, q.codec, &v)
	if err != nil {
		return err
	}
	q.mu.Lock()
	q.puts++
	id := q.id + strconv.FormatUint(q.puts, 36) // the server stores it once, however often it is sent
	q.mu.Unlock()
	for pause := fullPause; ; pause = min(2*pause, longestPause) {
		room, err := q.awaits()
		if err != nil {
			return err
		}
		if q.isShut() > shutNot {
			return q.failed(ErrShutDown)
		}
		err = q.s.askOnce(ctx, func(ctx context.Context) error {
			_, err := q.js.Publish(ctx, q.subject, body, jetstream.WithMsgID(id))
			if err = q.gone(ctx, err); unanswered(err) {
				if info, e := q.stream.Info(ctx); e == nil {
					q.shuts(shutdownOf(info.Config.Metadata[metaShut]))
				}
				if q.isShut() > shutNot {
					err = ErrShutDown
				}
			}
			return err
		})
		if !storeFailed(err, "maximum messages") {
			return q.failed(err)
		}
		if !wait {
			return q.failed(procs.ErrFull)
		}
		if err := q.awaitRoom(ctx, room, pause); err != nil {
			return err
		}
	}
}

// awaits returns what is closed when there may be fewer values than now.
func (q *Queue[T]) awaits() (room <-chan struct{}, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		err = q.failed(procs.ErrClosed)
	}
	return q.room, err
}

// awaitRoom waits for that, but not for ever: who makes it may not have heard.
func (q *Queue[T]) awaitRoom(ctx context.Context, room <-chan struct{}, pause time.Duration) error {
	q.s.nc.Publish(q.say+".full", nil)
	select {
	case <-room:
		return nil
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return q.failed(ctx.Err())
	case <-q.done:
		return q.failed(procs.ErrClosed)
	}
}

// tellRoom wakes who waits for room. The lock is held.
func (q *Queue[T]) tellRoom() {
	close(q.room)
	q.room = make(chan struct{})
}

// gone looks for the stream if nobody answers for it.
func (o *object) gone(ctx context.Context, err error) error {
	if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, jetstream.ErrNoStreamResponse) {
		if _, e := o.stream.Info(ctx); errors.Is(e, jetstream.ErrStreamNotFound) {
			return e
		}
	}
	return err
}

// hear takes what other programs say: that somebody waits for room, that there
// may be some, and that the queue is shut down.
func (q *Queue[T]) hear(m *nats.Msg) {
	what := strings.TrimPrefix(m.Subject, q.say)
	if what == ".shut" {
		q.shuts(shutdownOf(string(m.Data)))
		return
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	switch what {
	case ".full":
		q.wanted = true
	case ".room":
		q.tellRoom()
	}
}

// getter asks for values, for one caller at a time.
type getter struct {
	inbox  string
	n      uint64 // questions
	sub    *nats.Subscription
	answer chan *nats.Msg // nil: ask again

	waits bool // under the queue's lock
}

// Get removes the first value, and waits for one. If ctx is done first, the
// value stays. ErrShutDown: the queue was shut down, and is empty.
// procs.ErrClosed: the queue was closed here. With ErrConnectionLost, Get
// returns a value of which it is not known whether it is still in the queue.
func (q *Queue[T]) Get(ctx context.Context) (T, error) { return q.get(ctx, true) }

// TryGet is Get without waiting for a value: it returns procs.ErrEmpty if there
// is none.
func (q *Queue[T]) TryGet(ctx context.Context) (T, error) { return q.get(ctx, false) }

// GetTimeout is Get with a limit; then it returns procs.ErrEmpty.
func (q *Queue[T]) GetTimeout(d time.Duration) (T, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	v, err := q.Get(ctx)
	return v, late(err, procs.ErrEmpty)
}

// late turns the end of the time into another error.
func late(err, other error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return other
	}
	return err
}

func (q *Queue[T]) get(ctx context.Context, wait bool) (v T, err error) {
	m, err := q.take(ctx, wait, shutAtOnce)
	if err != nil {
		return v, q.failed(err)
	}
	if err := q.settle(ctx, m.Reply); err != nil {
		decodeValue(&q.object, q.codec, m.Data, &v)
		return v, err
	}
	return v, decodeValue(&q.object, q.codec, m.Data, &v)
}

// settle removes a value that was taken, even if ctx has ended: who
// has the value must not leave it.
func (q *Queue[T]) settle(ctx context.Context, reply string) error {
	ctx, cancel := context.WithTimeout(ctx, q.lease)
	defer cancel()
	ctx, cancel = lingering(ctx, callTimeout)
	defer cancel()
	err := q.s.ask(ctx, func(ctx context.Context) error {
		_, err := q.s.nc.RequestWithContext(ctx, reply, []byte("+ACK"))
		return q.gone(ctx, err)
	})
	if err != nil {
		return q.failed(fmt.Errorf("%w: %w", ErrConnectionLost, err))
	}
	q.mu.Lock()
	wanted := q.wanted
	q.wanted = false
	q.mu.Unlock()
	if wanted {
		q.s.nc.Publish(q.say+".room", nil)
	}
	return nil
}

// take takes a value, which is then ours for as long as the lease says, unless
// the queue is shut down so far.
func (q *Queue[T]) take(ctx context.Context, wait bool, until shutdown) (*nats.Msg, error) {
	g, err := q.getter()
	if err != nil {
		return nil, err
	}
	defer q.leave(g)
	for {
		shut := q.isShut()
		if shut >= until {
			return nil, ErrShutDown
		}
		waits := wait && shut == shutNot
		m, err := q.pull(ctx, g, waits)
		if err != nil {
			return nil, err
		}
		if m == nil {
			continue
		}
		switch m.Header.Get("Status") {
		case "":
			return m, nil
		case "404", "408":
			empty, err := q.empty(ctx) // which tells if it was shut down
			switch {
			case err != nil:
				return nil, err
			case !empty || waits:
			case q.isShut() > shutNot:
				return nil, ErrShutDown
			default:
				return nil, procs.ErrEmpty
			}
		default: // 503: nobody is there who has the queue; 409: another one has it now, or it was removed
			_, err := q.stream.Consumer(ctx, "getters")
			if err == nil || unanswered(err) {
				err = sleep(ctx, retryPause)
			}
			if err != nil {
				return nil, err
			}
		}
	}
}

// empty reports whether all values are taken. A consumer may say so when it has
// not heard yet of the last ones.
func (q *Queue[T]) empty(ctx context.Context) (empty bool, err error) {
	stream, err := q.info(ctx)
	if err != nil {
		return false, err
	}
	err = q.s.ask(ctx, func(ctx context.Context) error {
		c, err := q.stream.Consumer(ctx, "getters")
		if err == nil {
			empty = stream.State.Msgs <= uint64(c.CachedInfo().NumAckPending)
		}
		return err
	})
	return empty, err
}

// getter returns one that nobody uses.
func (q *Queue[T]) getter() (g *getter, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil, procs.ErrClosed
	}
	if n := len(q.idle); n > 0 {
		g = q.idle[n-1]
		q.idle = q.idle[:n-1]
		return g, nil
	}
	g = &getter{inbox: q.s.nc.NewInbox(), answer: make(chan *nats.Msg, 1)}
	g.sub, err = q.s.nc.Subscribe(g.inbox+".*", func(m *nats.Msg) { q.receive(g, m) })
	if err == nil {
		q.all = append(q.all, g)
	}
	return g, err
}

func (q *Queue[T]) leave(g *getter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.idle = append(q.idle, g)
}

// pull asks for a value once. It returns nil when it is time to ask again.
func (q *Queue[T]) pull(ctx context.Context, g *getter, wait bool) (*nats.Msg, error) {
	expires := pullWait
	if end, ok := ctx.Deadline(); ok {
		expires = max(time.Millisecond, min(expires, time.Until(end)))
	}
	ask := fmt.Sprintf(`{"batch":1,"expires":%d}`, expires.Nanoseconds())
	if !wait {
		ask = `{"batch":1,"no_wait":true}`
	}
	q.mu.Lock()
	g.waits = true
	g.n++
	reply := g.inbox + "." + strconv.FormatUint(g.n, 36)
	q.mu.Unlock()
	if q.s.nc.IsConnected() { // else we are told when it is
		if err := q.s.nc.PublishRequest(q.next, reply, []byte(ask)); err != nil {
			return q.unasked(g, err)
		}
	}
	limit := time.NewTimer(expires + callTimeout)
	defer limit.Stop()
	select {
	case m := <-g.answer:
		return m, nil
	case <-limit.C:
		return q.unasked(g, nil)
	case <-ctx.Done():
		return q.last(ctx, g)
	case <-q.done:
		return q.unasked(g, procs.ErrClosed)
	}
}

// last waits a moment for the answer of a server whose time ends a little after
// that of ctx: it may yet give a value to who has asked, and TryGet would not
// find it until it has come back.
func (q *Queue[T]) last(ctx context.Context, g *getter) (*nats.Msg, error) {
	if ctx.Err() == context.DeadlineExceeded && q.s.nc.IsConnected() {
		select {
		case m := <-g.answer:
			if m != nil && m.Header.Get("Status") == "" {
				return m, nil
			}
			return nil, ctx.Err()
		case <-q.done:
		case <-time.After(lastAnswer):
		}
	}
	return q.unasked(g, ctx.Err())
}

const lastAnswer = time.Second

// unasked ends a question that was not answered, unless it was at this moment.
func (q *Queue[T]) unasked(g *getter, why error) (*nats.Msg, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	g.waits = false
	select {
	case m := <-g.answer:
		if m != nil && m.Header.Get("Status") == "" {
			return m, nil
		}
	default:
	}
	return nil, why
}

// receive takes an answer. A value that nobody waits for any more goes back.
func (q *Queue[T]) receive(g *getter, m *nats.Msg) {
	q.mu.Lock()
	defer q.mu.Unlock()
	value := m.Header.Get("Status") == ""
	switch {
	case g.waits && (value || m.Subject == g.inbox+"."+strconv.FormatUint(g.n, 36)):
		g.waits = false
		g.answer <- m
	case value:
		q.s.nc.Publish(m.Reply, []byte("-NAK"))
	}
}

// lost and back have all who wait ask again: the server that they asked may be
// another one now.
func (q *Queue[T]) lost() {
	if q.s.nc.IsClosed() {
		q.back()
	}
}

func (q *Queue[T]) back() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, g := range q.all {
		if g.waits {
			g.waits = false
			g.answer <- nil
		}
	}
}

// Item is a value that is taken, and not done with.
type Item[T any] struct {
	Value T
	// Tries is how many have taken it, with us. A value that ends its takers'
	// programs shows by it.
	Tries int

	q     *Queue[T]
	reply string
	renew *time.Timer
}

// Take lends the first value, and waits for one. It is this program's until
// Done, Back or Close.
func (q *Queue[T]) Take(ctx context.Context) (*Item[T], error) { return q.lend(ctx, true) }

// TryTake is Take without waiting for a value: it returns procs.ErrEmpty if
// there is none.
func (q *Queue[T]) TryTake(ctx context.Context) (*Item[T], error) { return q.lend(ctx, false) }

func (q *Queue[T]) lend(ctx context.Context, wait bool) (*Item[T], error) {
	m, err := q.take(ctx, wait, shutAtOnce)
	if err != nil {
		return nil, q.failed(err)
	}
	i := &Item[T]{q: q, reply: m.Reply}
	if meta, err := m.Metadata(); err == nil {
		i.Tries = int(meta.NumDelivered)
	}
	if err := decodeValue(&q.object, q.codec, m.Data, &i.Value); err != nil {
		q.settle(ctx, m.Reply) // nobody will understand it
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		i.handBack()
		return nil, q.failed(procs.ErrClosed)
	}
	q.held[i] = true
	i.renew = time.AfterFunc(q.lease/4, i.keep)
	return i, nil
}

// keep tells the server that we still have the value.
func (i *Item[T]) keep() {
	i.q.mu.Lock()
	defer i.q.mu.Unlock()
	if i.q.held[i] {
		i.q.s.nc.Publish(i.reply, []byte("+WPI"))
		i.renew.Reset(i.q.lease / 4)
	}
}

func (i *Item[T]) handBack() error { return i.q.s.nc.Publish(i.reply, []byte("-NAK")) }

// end reports whether we had the value.
func (i *Item[T]) end() bool {
	i.q.mu.Lock()
	defer i.q.mu.Unlock()
	if !i.q.held[i] {
		return false
	}
	delete(i.q.held, i)
	i.renew.Stop()
	return true
}

// Done removes the value from the queue. It returns procs.ErrNotHeld if it was
// done with or handed back before, or the queue closed. After another error the
// value may come back.
func (i *Item[T]) Done(ctx context.Context) error {
	if !i.end() {
		return i.q.failed(procs.ErrNotHeld)
	}
	return i.q.settle(ctx, i.reply)
}

// Back hands the value back, for another to take.
func (i *Item[T]) Back() error {
	if !i.end() {
		return i.q.failed(procs.ErrNotHeld)
	}
	return i.q.failed(i.handBack())
}

// Len returns how many values are in the queue at the moment, with those that
// are taken and not done with.
func (q *Queue[T]) Len(ctx context.Context) (n int, err error) {
	info, err := q.info(ctx)
	if err == nil {
		n = int(info.State.Msgs)
	}
	return n, q.failed(err)
}

// Close ends the use of the queue by this program: who waits gets
// procs.ErrClosed, and what is taken and not done with goes back. The queue
// stays, with its values.
func (q *Queue[T]) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	q.closed = true
	close(q.done)
	q.s.unwatch(q)
	q.told.Unsubscribe()
	for i := range q.held {
		delete(q.held, i)
		i.renew.Stop()
		i.handBack()
	}
	for _, g := range q.all {
		g.sub.Drain() // what is on its way goes back
	}
	return nil
}

// Remove removes the queue for everybody, with its values; other users get
// ErrRemoved. It includes Close.
func (q *Queue[T]) Remove(ctx context.Context) error {
	q.Close()
	return q.remove(ctx)
}
