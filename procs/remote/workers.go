package remote

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Worker is one that is there.
type Worker struct {
	ID        string
	Name      string // as in WorkerConfig
	Host      string
	PID       int
	Slots     int
	Functions []string  // that it has, in order
	Heard     time.Time // when it last answered
	Leaving   bool      // it takes no more tasks
	Tasks     int       // of the pool that was asked, that it has
}

// quiet is how long all workers must have said nothing for the list to be
// complete, once one has answered.
const quiet = 250 * time.Millisecond

// Workers asks all workers who they are, and returns those that answer, in the
// order of their names. Each serves pools of both lanes. It takes a quarter of
// a second, or longer if they answer slowly; nothing if there are none.
func (s *Session) Workers(ctx context.Context) (all []Worker, err error) {
	announced, err := s.announced(ctx)
	for _, a := range announced {
		all = append(all, a.worker(time.Now(), 0))
	}
	slices.SortFunc(all, func(a, b Worker) int { return strings.Compare(a.Name+"\x00"+a.ID, b.Name+"\x00"+b.ID) })
	return all, err
}

// announced returns what all workers say of themselves.
func (s *Session) announced(ctx context.Context) ([]*announcement, error) {
	inbox := nats.NewInbox()
	sub, err := s.nc.SubscribeSync(inbox)
	if err != nil {
		return nil, fmt.Errorf("remote: workers: %w", err)
	}
	defer sub.Unsubscribe()
	if err := s.nc.PublishRequest(s.subject("who"), inbox, nil); err != nil {
		return nil, fmt.Errorf("remote: workers: %w", err)
	}
	all := map[string]*announcement{}
	for wait := callTimeout; ; wait = quiet {
		next, cancel := context.WithTimeout(ctx, wait)
		m, err := sub.NextMsgWithContext(next)
		over := next.Err() != nil
		cancel()
		switch {
		case ctx.Err() != nil:
			return nil, fmt.Errorf("remote: workers: %w", ctx.Err())
		case over, errors.Is(err, nats.ErrNoResponders):
			return slices.Collect(maps.Values(all)), nil
		case err != nil:
			return nil, fmt.Errorf("remote: workers: %w", err)
		}
		var a announcement
		if json.Unmarshal(m.Data, &a) == nil && a.ID != "" {
			all[a.ID] = &a
		}
	}
}

// whyNobody tells why none of these workers does a function.
func whyNobody(name string, all iter.Seq[*announcement]) string {
	n, others := 0, []string(nil)
	for a := range all {
		if n++; a.Functions[name] != "" {
			others = append(others, fmt.Sprintf("worker %s on %s (process %d) has it with other types, or on another kind of machine", a.ID, a.Host, a.PID))
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		return strings.Join(others, "; ")
	}
	return fmt.Sprintf("%d workers are there, without it", n)
}

// noneThere reports whether a message is the server's, that nobody listens.
func noneThere(m *nats.Msg) bool { return len(m.Data) == 0 && m.Header.Get("Status") == "503" }

func (a *announcement) worker(heard time.Time, tasks int) Worker {
	return Worker{ID: a.ID, Name: a.Name, Host: a.Host, PID: a.PID, Slots: a.Slots, Functions: slices.Sorted(maps.Keys(a.Functions)),
		Heard: heard, Leaving: a.Leaving, Tasks: tasks}
}
