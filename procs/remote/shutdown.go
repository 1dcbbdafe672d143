package remote

import (
	"context"
	"errors"
	"maps"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrShutDown means that the queue was shut down (Python's queue.ShutDown).
var ErrShutDown = errors.New("remote: queue was shut down")

// shutdown is how far a queue is shut down. It is in the stream's
// configuration, for those who come later, and said to those who are there.
type shutdown uint8

const (
	shutNot    shutdown = iota
	shutPuts            // and gets, when it is empty
	shutAtOnce          // gets too
	shutNever           // for who empties it
)

const metaShut = "switchyard-shut"

var shutdownNames = [...]string{"", "puts", "gets"}

func shutdownOf(name string) shutdown {
	for s, n := range shutdownNames {
		if n == name {
			return shutdown(s)
		}
	}
	return shutNot
}

// ShutDown ends the queue for all who use it, now and later (Python's
// queue.Queue.shutdown, since 3.13): Put returns ErrShutDown from now on, and
// so do Get and Take once no value is left that nobody has taken; those that
// wait are told. With now, the values that nobody has taken are dropped, which
// takes two round trips for each, and Get and Take return ErrShutDown at once.
// Values that were taken may be done with, and count for Join until they are.
// One that comes back, from a program that has died, stays in the queue.
//
// It cannot be undone: Remove the queue to use its name anew. If there is an
// error, call it again.
func (q *Queue[T]) ShutDown(ctx context.Context, now bool) error {
	to := shutPuts
	if now {
		to = shutAtOnce
	}
	err := q.s.ask(ctx, func(ctx context.Context) error {
		info, err := q.stream.Info(ctx)
		if err != nil || shutdownOf(info.Config.Metadata[metaShut]) >= to {
			return err
		}
		c := info.Config
		c.Metadata = maps.Clone(c.Metadata)
		c.Metadata[metaShut] = shutdownNames[to]
		c.Subjects = []string{q.subject + ".shut"} // so the server takes no value any more
		_, err = q.js.UpdateStream(ctx, c)
		return err
	})
	if err != nil {
		return q.failed(err)
	}
	q.shuts(to)
	q.s.nc.Publish(q.say+".shut", []byte(shutdownNames[to]))
	if now {
		err = q.empties(ctx)
	}
	return q.failed(err)
}

// empties drops all values that nobody has taken.
func (q *Queue[T]) empties(ctx context.Context) error {
	for {
		m, err := q.take(ctx, false, shutNever)
		if is(err, ErrShutDown) {
			return nil
		}
		if err == nil {
			err = q.settle(ctx, m.Reply)
		}
		if err != nil {
			return err
		}
	}
}

// shuts takes note of a shutdown, and has all who wait look again.
func (q *Queue[T]) shuts(to shutdown) {
	q.mu.Lock()
	news := to > q.shut
	q.shut = max(q.shut, to)
	q.mu.Unlock()
	if news {
		q.back()
		q.mu.Lock()
		q.tellRoom()
		q.mu.Unlock()
	}
}

// info asks how the queue is, and takes note if it is shut down.
func (q *Queue[T]) info(ctx context.Context) (info *jetstream.StreamInfo, err error) {
	err = q.s.ask(ctx, func(ctx context.Context) (err error) {
		info, err = q.stream.Info(ctx)
		return err
	})
	if err == nil {
		q.shuts(shutdownOf(info.Config.Metadata[metaShut]))
	}
	return info, err
}

// isShut reports how far the queue is shut down, as far as is known here.
func (q *Queue[T]) isShut() shutdown {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.shut
}
