package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"reflect"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

var (
	// ErrNoKey means that a dictionary has no value for the key.
	ErrNoKey = errors.New("remote: no such key")
	// ErrConflict means that the key has another revision than was expected.
	ErrConflict = errors.New("remote: conflict")
)

// DictConfig says what a dictionary is like, when OpenDict makes it; one that
// is there already stays as it is.
type DictConfig struct {
	// MaxBytes is how long all keys and values together may be; what would
	// exceed it is procs.ErrFull. 0: as long as the server has room for.
	MaxBytes int64
}

// Dict is a dictionary that programs share: a bucket of NATS's key-value store,
// NAMESPACE-dict-NAME. Keys are any texts of up to 340 bytes, 1024 if they are
// letters and digits; a value is as long as a message may be.
//
// Every change gives its key a new revision, a number that grows, and is on the
// server's disk when the method returns. CompareAndSet and Modify have a change
// made only if nobody else made one meanwhile. Get sees all changes that were
// made before.
//
// A change whose answer is lost with the connection is asked for again, until
// ctx is done, and made once, also if the server is started anew and others
// change the key meanwhile: each value has with it, in a header, which changes
// came before, the last one of each writer in two minutes. ErrConnectionLost
// means that the change was made or not: the connection has stayed away for
// nearly two minutes, or more than 64 writers, or one that is not of this
// package, have changed the key meanwhile.
//
// Get and Create cost a round trip to the server, other changes two.
type Dict[V any] struct {
	object
	codec   *codec.Codec[V]
	kv      jetstream.KeyValue
	pre     string // of subjects
	writers *writers
}

const (
	headerOperation = "KV-Operation" // as NATS's key-value store has it
	deleted         = "DEL"
	deletedAge      = time.Hour // of the mark of a key that was deleted
	anyRevision     = math.MaxUint64
)

// OpenDict opens the dictionary of this name, and makes it if there is none.
// All its users must give the same V: otherwise it is ErrOtherType. It stays on
// the server until Remove.
func OpenDict[V any](ctx context.Context, s *Session, name string, config DictConfig) (*Dict[V], error) {
	return openDict[V](ctx, s, "dict", name, config)
}

func openDict[V any](ctx context.Context, s *Session, kind, name string, config DictConfig) (*Dict[V], error) {
	bucket, err := s.objectName(kind, name)
	if err != nil {
		return nil, err
	}
	switch {
	case config.MaxBytes < 0:
		return nil, errors.New("remote: OpenDict: MaxBytes must not be negative")
	case config.MaxBytes == 0:
		config.MaxBytes = -1
	}
	d := &Dict[V]{pre: "$KV." + bucket + ".", writers: &writers{}}
	if d.codec, err = codecOf[V](); err != nil {
		return nil, fmt.Errorf("remote: %s %.40q: %w", kind, name, err)
	}
	// As jetstream.CreateKeyValue does it, but only the leader of a cluster
	// answers, which knows all changes.
	d.object, err = s.open(ctx, fmt.Sprintf("%s %.40q", kind, name), jetstream.StreamConfig{Name: "KV_" + bucket, Subjects: []string{d.pre + ">"},
		MaxMsgsPerSubject: 1, MaxBytes: config.MaxBytes, Discard: jetstream.DiscardNew, AllowRollup: true, DenyDelete: true, AllowMsgTTL: true},
		reflect.TypeFor[V]())
	if err != nil {
		return nil, err
	}
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		d.kv, err = d.js.KeyValue(ctx, bucket)
		return err
	})
	return d, d.failed(err)
}

func (d *Dict[V]) subject(key string) (string, error) {
	t := token(key)
	if len(t) > maxKey {
		return "", d.failed(fmt.Errorf("%w: key %.40q: it has %d characters when encoded, of at most %d", ErrName, key, len(t), maxKey))
	}
	return d.pre + t, nil
}

// Get returns the value of a key, and its revision. ErrNoKey: it has none.
func (d *Dict[V]) Get(ctx context.Context, key string) (v V, revision uint64, err error) {
	subject, err := d.subject(key)
	if err != nil {
		return v, 0, err
	}
	m, err := d.last(ctx, subject)
	switch {
	case err != nil:
		return v, 0, d.failed(err)
	case !holds(m):
		return v, 0, d.failed(fmt.Errorf("%w: %.40q", ErrNoKey, key))
	}
	return v, m.Sequence, decodeValue(&d.object, d.codec, m.Data, &v)
}

// holds reports whether the last message of a key is a value.
func holds(m *jetstream.RawStreamMsg) bool { return m != nil && m.Header.Get(headerOperation) == "" }

// last returns what a key has: a value, a mark that it was deleted, or nil.
func (d *Dict[V]) last(ctx context.Context, subject string) (m *jetstream.RawStreamMsg, err error) {
	err = d.s.ask(ctx, func(ctx context.Context) (err error) {
		m, err = d.stream.GetLastMsgForSubject(ctx, subject)
		return err
	})
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}

// Set gives a key a value, whatever it had, and returns the new revision.
func (d *Dict[V]) Set(ctx context.Context, key string, v V) (revision uint64, err error) {
	return d.CompareAndSet(ctx, key, anyRevision, v)
}

// Create gives a key a value if it has none. Otherwise it is ErrConflict.
func (d *Dict[V]) Create(ctx context.Context, key string, v V) (revision uint64, err error) {
	return d.CompareAndSet(ctx, key, 0, v)
}

// CompareAndSet gives a key a value if it still has this revision, 0: no value.
// Otherwise it is ErrConflict.
func (d *Dict[V]) CompareAndSet(ctx context.Context, key string, revision uint64, v V) (uint64, error) {
	subject, err := d.subject(key)
	if err != nil {
		return 0, err
	}
	m, err := d.value(subject, v)
	if err != nil {
		return 0, err
	}
	revision, err = d.store(ctx, m, revision)
	if err != nil {
		return 0, d.failed(err)
	}
	return revision, nil
}

func (d *Dict[V]) value(subject string, v V) (m *nats.Msg, err error) {
	m = nats.NewMsg(subject)
	m.Data, err = encodeValue(&d.object, d.codec, &v)
	return m, err
}

// mark returns the mark that a key was deleted.
func mark(subject string) *nats.Msg {
	m := nats.NewMsg(subject)
	m.Header.Set(headerOperation, deleted)
	m.Header.Set(jetstream.MsgTTLHeader, deletedAge.String())
	return m
}

// Delete removes a key, if it is there.
func (d *Dict[V]) Delete(ctx context.Context, key string) error {
	return d.CompareAndDelete(ctx, key, anyRevision)
}

// CompareAndDelete removes a key if it still has this revision. Otherwise it is
// ErrConflict.
func (d *Dict[V]) CompareAndDelete(ctx context.Context, key string, revision uint64) error {
	subject, err := d.subject(key)
	if err != nil {
		return err
	}
	_, err = d.store(ctx, mark(subject), revision)
	return d.failed(err)
}

// store stores a message if the key has the revision expected, 0: no value.
func (d *Dict[V]) store(ctx context.Context, m *nats.Msg, expected uint64) (uint64, error) {
	c := d.writers.begin()
	defer d.writers.end(c)
	for tries := 0; ; tries++ {
		var last *jetstream.RawStreamMsg
		var err error
		if expected > 0 || tries > 0 {
			last, err = d.last(ctx, m.Subject)
		}
		on := baseOf(last)
		switch {
		case err != nil:
			return 0, err
		case expected == anyRevision && !holds(last) && m.Header.Get(headerOperation) != "":
			return on.revision, nil // it is deleted
		case expected == 0 && holds(last), expected > 0 && expected != anyRevision && expected != on.revision:
			return 0, ErrConflict
		}
		revision, err := d.send(ctx, m, c, on)
		if !is(err, ErrConflict) {
			return revision, err
		}
	}
}

// send makes a change, if the key has what it is made on.
func (d *Dict[V]) send(ctx context.Context, m *nats.Msg, c change, on base) (revision uint64, err error) {
	m.Header.Set(headerChanges, on.header(c))
	lost := false
	err = d.s.askOnce(ctx, func(ctx context.Context) error {
		ack, err := d.js.PublishMsg(ctx, m, jetstream.WithExpectLastSequencePerSubject(on.revision))
		if err == nil {
			revision = ack.Sequence
			return nil
		}
		if lost && conflict(err) { // with our own change, whose answer was lost?
			last, e := d.stream.GetLastMsgForSubject(ctx, m.Subject)
			if e != nil {
				return e
			}
			known := false
			if revision, known = baseOf(last).find(c, on.revision); revision > 0 {
				return nil
			}
			if !known {
				return fmt.Errorf("%w: too much has changed since to know whether this was", ErrConnectionLost)
			}
			return err
		}
		lost = lost || unanswered(err)
		return d.gone(ctx, err)
	})
	switch {
	case conflict(err):
		err = fmt.Errorf("%w: %w", ErrConflict, err)
	case storeFailed(err, "maximum bytes"):
		err = procs.ErrFull
	}
	return revision, err
}

func conflict(err error) bool {
	switch code(err) {
	case jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant:
		return true
	}
	return false
}

// Modify replaces the value of a key by what f makes of it, and returns that. f
// gets the value and whether there is one, and returns the new one, and whether
// to keep it: if not, the key is removed. If somebody else changes the value
// meanwhile, f is called again with theirs.
func (d *Dict[V]) Modify(ctx context.Context, key string, f func(old V, ok bool) (v V, keep bool)) (V, error) {
	return d.modify(ctx, key, func(old V, ok bool) (V, edit) {
		switch v, keep := f(old, ok); {
		case keep:
			return v, editSet
		case ok:
			return v, editDelete
		default:
			return v, editNone
		}
	})
}

// edit is what is to be done with a key.
type edit uint8

const (
	editNone edit = iota
	editSet
	editDelete
)

func (d *Dict[V]) modify(ctx context.Context, key string, f func(old V, ok bool) (V, edit)) (none V, err error) {
	subject, err := d.subject(key)
	if err != nil {
		return none, err
	}
	for {
		last, err := d.last(ctx, subject)
		if err != nil {
			return none, d.failed(err)
		}
		var old V
		if holds(last) {
			if err := decodeValue(&d.object, d.codec, last.Data, &old); err != nil {
				return none, err
			}
		}
		m := mark(subject)
		v, do := f(old, holds(last))
		switch do {
		case editNone:
			return v, nil
		case editSet:
			if m, err = d.value(subject, v); err != nil {
				return v, err
			}
		}
		c := d.writers.begin()
		_, err = d.send(ctx, m, c, baseOf(last))
		d.writers.end(c)
		if !is(err, ErrConflict) {
			return v, d.failed(err)
		}
	}
}

// Keys returns all keys, sorted.
func (d *Dict[V]) Keys(ctx context.Context) (keys []string, err error) {
	for c, err := range d.changes(ctx, jetstream.AllKeys, true, jetstream.MetaOnly(), jetstream.IgnoreDeletes()) {
		if err != nil {
			return nil, err
		}
		if key, ok := untoken(c.Key()); ok {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys), nil
}

// Change is a value of a key that is new.
type Change[V any] struct {
	Key      string
	Value    V
	Deleted  bool // there is no value any more
	Revision uint64
}

// Watch returns all keys with their values, and then each change, until ctx is
// done: the last pair has its error. Of several changes of one key in quick
// succession it may leave out all but the last.
func (d *Dict[V]) Watch(ctx context.Context) iter.Seq2[Change[V], error] {
	return d.watch(ctx, jetstream.AllKeys)
}

func (d *Dict[V]) watch(ctx context.Context, keys string) iter.Seq2[Change[V], error] {
	return func(yield func(Change[V], error) bool) {
		for e, err := range d.changes(ctx, keys, false) {
			var c Change[V]
			if err == nil {
				c, err = d.decode(e)
			}
			if !yield(c, err) {
				return
			}
		}
	}
}

func (d *Dict[V]) decode(e jetstream.KeyValueEntry) (c Change[V], err error) {
	key, ok := untoken(e.Key())
	if !ok {
		return c, d.failed(fmt.Errorf("%w: %.40q", ErrName, e.Key()))
	}
	c = Change[V]{Key: key, Revision: e.Revision(), Deleted: e.Operation() != jetstream.KeyValuePut}
	if !c.Deleted {
		err = decodeValue(&d.object, d.codec, e.Value(), &c.Value)
	}
	return c, err
}

// changes returns what there is, and unless that is all, what comes.
func (d *Dict[V]) changes(ctx context.Context, keys string, all bool, opts ...jetstream.WatchOpt) iter.Seq2[jetstream.KeyValueEntry, error] {
	return func(yield func(jetstream.KeyValueEntry, error) bool) {
		again := make(reconnected, 1)
		d.s.watch(again)
		defer d.s.unwatch(again)
		for last := uint64(0); ; {
			w, err := d.kv.Watch(ctx, keys, opts...)
			for err != nil && unanswered(err) && sleep(ctx, retryPause) == nil {
				w, err = d.kv.Watch(ctx, keys, opts...)
			}
			if err != nil {
				yield(nil, d.failed(cmp.Or(ctx.Err(), err)))
				return
			}
			end, err := follow(ctx, w, again, func(e jetstream.KeyValueEntry) bool {
				switch {
				case e == nil:
					return !all
				case e.Revision() <= last: // seen before the connection was lost
					return true
				}
				last = e.Revision()
				return yield(e, nil)
			})
			if err != nil {
				yield(nil, d.failed(err))
			}
			if end {
				return
			}
		}
	}
}

// follow takes what a watcher sees, until take returns false. It reports
// whether that is the end: after another connection there is more to see, which
// the client of NATS would notice only after ten seconds.
func follow(ctx context.Context, w jetstream.KeyWatcher, again reconnected, take func(jetstream.KeyValueEntry) bool) (end bool, err error) {
	defer func() {
		w.Stop()
		go func() {
			for range w.Updates() { // it may wait to tell us more
			}
		}()
	}()
	for {
		select {
		case e, ok := <-w.Updates():
			switch {
			case !ok: // the client closes it at the end of ctx, too
				return true, cmp.Or(ctx.Err(), procs.ErrClosed)
			case !take(e):
				return true, nil
			}
		case <-again:
			return false, nil
		case <-ctx.Done():
			return true, ctx.Err()
		}
	}
}

// reconnected gets a value when a connection was made again.
type reconnected chan struct{}

func (r reconnected) lost() {}

func (r reconnected) back() {
	select {
	case r <- struct{}{}:
	default:
	}
}

// Remove removes the dictionary for everybody, with all its keys; other users
// get ErrRemoved. As all methods Remove, it is done again if its answer is lost
// with the connection, to what others may have made anew meanwhile.
func (d *Dict[V]) Remove(ctx context.Context) error { return d.remove(ctx) }
