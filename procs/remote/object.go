package remote

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/fault"
)

var (
	// ErrName means that a name or a key is too long, or that a name is empty.
	ErrName = errors.New("remote: bad name")
	// ErrOtherType means that the shared object of this name was made with
	// other types, or on another kind of machine.
	ErrOtherType = errors.New("remote: shared object has other types")
	// ErrRemoved means that the shared object is no more: somebody has called
	// Remove, or the server has lost its disk.
	ErrRemoved = errors.New("remote: shared object was removed")
)

const (
	maxStreamName = 200  // characters: the server makes folders of these names
	maxKey        = 1024 // characters, encoded: a line of the protocol has 4096
	metaType      = "switchyard-type"

	duplicates = 2 * time.Minute             // for which the server knows what it was told
	remembered = duplicates - 20*time.Second // for which we can be sure of that
)

// object is what queues, dictionaries, events and stores have in common: a
// stream of the server, by a name, with the types of what it holds.
type object struct {
	s      *Session
	js     jetstream.JetStream
	stream jetstream.Stream
	what   string // "queue tasks", for errors
}

// objectName returns what a shared object's stream is called, without what the
// kind of stream wants in front.
func (s *Session) objectName(kind, name string) (string, error) {
	full := s.stream(kind + "-" + token(name))
	if name == "" || len(full) > maxStreamName {
		return "", fmt.Errorf("%w: %s %.40q: it must not be empty, nor longer than %d letters with the namespace, others counting for three",
			ErrName, kind, name, maxStreamName-len("-"+kind))
	}
	return full, nil
}

// token returns a text as one part of a subject, in which letters, digits and
// '-' stand for themselves.
func token(text string) string {
	if text == "" {
		return "_"
	}
	var b strings.Builder
	for i := range len(text) {
		if c := text[i]; c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "_%02x", c)
		}
	}
	return b.String()
}

// untoken is the inverse of token.
func untoken(t string) (string, bool) {
	if t == "_" {
		return "", true
	}
	var b strings.Builder
	for rest := t; rest != ""; {
		if rest[0] != '_' || len(rest) < 3 {
			b.WriteByte(rest[0])
			rest = rest[1:]
			continue
		}
		c, _ := strconv.ParseUint(rest[1:3], 16, 8)
		b.WriteByte(byte(c))
		rest = rest[3:]
	}
	return b.String(), token(b.String()) == t
}

// open opens a shared object, and makes its stream if there is none.
func (s *Session) open(ctx context.Context, what string, c jetstream.StreamConfig, types ...reflect.Type) (o object, err error) {
	o = object{s: s, what: what}
	if o.js, err = jetstream.New(s.nc); err != nil {
		return o, o.failed(err)
	}
	typ := identityOfTypes("", types...).String()
	c.Duplicates, c.Replicas, c.Metadata = duplicates, s.replicas, map[string]string{metaType: typ}
	err = s.ask(ctx, func(ctx context.Context) (err error) {
		if _, err = o.js.AccountInfo(ctx); err != nil { // says so where there is no JetStream
			return err
		}
		o.stream, err = o.js.CreateStream(ctx, c)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) {
			o.stream, err = o.js.Stream(ctx, c.Name)
		}
		return err
	})
	if err == nil && o.stream.CachedInfo().Config.Metadata[metaType] != typ {
		err = ErrOtherType
	}
	return o, o.failed(err)
}

// failed says what an error is about.
func (o *object) failed(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrStreamNotFound), errors.Is(err, jetstream.ErrConsumerNotFound),
		errors.Is(err, jetstream.ErrBucketNotFound), errors.Is(err, nats.ErrStreamNotFound):
		err = ErrRemoved
	case errors.Is(err, nats.ErrConnectionClosed):
		err = procs.ErrClosed
	}
	return fmt.Errorf("remote: %s: %w", o.what, err)
}

// remove removes the object for everybody, with all that it holds.
func (o *object) remove(ctx context.Context) error {
	err := o.s.ask(ctx, func(ctx context.Context) error {
		return o.js.DeleteStream(ctx, o.stream.CachedInfo().Config.Name)
	})
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return o.failed(err)
}

// ask makes a request to the server until that answers: it may be starting
// anew, or a cluster choosing another leader. do may be called several times;
// its context ends when the answer cannot come any more, as the connection is
// lost.
func (s *Session) ask(ctx context.Context, do func(ctx context.Context) error) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, callTimeout)
		stop := func() bool { return true }
		if connection := s.connection(); connection.Err() == nil {
			stop = context.AfterFunc(connection, cancel)
		}
		err := do(attempt)
		stop()
		cancel()
		switch {
		case !unanswered(err):
			return err
		case s.nc.IsClosed():
			return procs.ErrClosed
		}
		if err := sleep(ctx, retryPause); err != nil {
			return err
		}
	}
}

// askOnce is ask for what the server does once, however often it is told to.
// It knows for two minutes what it has done: when a first try was not answered
// and these are nearly over, nobody knows any more, and it is
// ErrConnectionLost.
func (s *Session) askOnce(ctx context.Context, do func(ctx context.Context) error) error {
	var first time.Time
	return s.ask(ctx, func(ctx context.Context) error {
		switch {
		case !s.nc.IsConnected() && !s.nc.IsClosed():
			if first.IsZero() || time.Since(first) < s.remembered {
				return nats.ErrDisconnected // nothing was sent
			}
		case first.IsZero():
			first = time.Now()
		}
		if time.Since(first) > s.remembered {
			return fmt.Errorf("%w: nobody knows whether it was done", ErrConnectionLost)
		}
		return do(ctx)
	})
}

// sleep waits, or returns ctx's error.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// unanswered reports whether nobody knows what became of a request, or it came
// to nothing for the moment.
func unanswered(err error) bool {
	for _, e := range []error{context.DeadlineExceeded, context.Canceled, nats.ErrTimeout, nats.ErrNoResponders, jetstream.ErrNoStreamResponse,
		nats.ErrDisconnected, nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded} {
		if errors.Is(err, e) {
			return true
		}
	}
	switch code(err) {
	case codeUnavailable, codeNotLeader, codeStreamOffline:
		return true
	}
	return false
}

// Numbers of errors of the server.
const (
	codeUnavailable   = 10008
	codeNotLeader     = 10009
	codeStoreFailed   = 10077
	codeStreamOffline = 10118
)

// code returns the number of an error of the server, 0 if it is none.
func code(err error) jetstream.ErrorCode {
	if e, ok := fault.Find[*jetstream.APIError](err); ok {
		return e.ErrorCode
	}
	return 0
}

// storeFailed reports whether a stream has no room for a message, and why: by
// its "maximum bytes", or "maximum messages".
func storeFailed(err error, why string) bool {
	e, ok := fault.Find[*jetstream.APIError](err)
	return ok && e.ErrorCode == codeStoreFailed && strings.Contains(e.Description, why)
}

// is is [errors.Is] for an error of ours beside which a user's may be: it calls
// no method Is of one.
func is(err, target error) bool {
	return fault.Walk(err, func(e error) bool { return fault.Same(e, target) })
}

// lingering returns a context that ends a while after ctx, for what must not
// be left half done.
func lingering(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	later, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		select {
		case <-time.After(d):
			cancel()
		case <-later.Done():
		}
	})
	return later, func() { stop(); cancel() }
}

// encodeValue encodes a value that a message holds.
func encodeValue[T any](o *object, c *codec.Codec[T], v *T) ([]byte, error) {
	var w codec.Wire
	defer w.Close()
	b, err := c.Encode(nil, v, &w)
	switch limit := o.s.nc.MaxPayload() - valueHead; {
	case err != nil:
		return nil, o.failed(fmt.Errorf("%w: %w", procs.ErrEncode, err))
	case len(w.FDs) > 0 || len(w.Buf) > 0:
		return nil, o.failed(errShared)
	case int64(len(b)) > limit:
		return nil, o.failed(fmt.Errorf("%w: a value of %d bytes, where the server takes %d", procs.ErrMessageTooLong, len(b), limit))
	}
	return b, nil
}

// valueHead is room for what goes with a value in a message: maxChanges of 43
// bytes, at most.
const valueHead = 4 << 10

func decodeValue[T any](o *object, c *codec.Codec[T], b []byte, v *T) error {
	if err := c.Decode(b, v, &codec.Wire{}); err != nil {
		return o.failed(fmt.Errorf("a value that is none: %w", err))
	}
	return nil
}

func codecOf[T any]() (*codec.Codec[T], error) {
	c, err := codec.Of[T]()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", procs.ErrEncode, err)
	}
	return c, nil
}
