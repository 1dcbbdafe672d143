//go:build linux

package remote

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
)

// The server takes changes, and does not answer. It knows for a while only what
// it was told, so who goes on asking makes a change twice.
func TestUnansweredChangeIsNotAskedForForEver(t *testing.T) {
	server := serve(t, ServerConfig{})
	s := connect(t, server.URL())
	s.remembered = time.Millisecond
	q := openQueue[int](t, s, "silent", QueueConfig{})
	d := openTestDict[int](t, s, "silent", DictConfig{})
	must(d.Set(soon(t), "key", 0))(t)
	for _, o := range []*object{&q.object, &d.object} { // what is there can be read
		c := o.stream.CachedInfo().Config
		c.Subjects = []string{"elsewhere." + c.Name}
		must(o.js.UpdateStream(soon(t), c))(t)
	}
	for _, subject := range []string{q.subject, d.pre + ">"} {
		must(s.nc.Subscribe(subject, func(*nats.Msg) {}))(t)
	}
	for what, change := range map[string]func() error{
		"Queue.Put":   func() error { return q.Put(soon(t), 1) },
		"Dict.Set":    func() error { _, err := d.Set(soon(t), "key", 1); return err },
		"Dict.Create": func() error { _, err := d.Create(soon(t), "key", 1); return err },
		"Dict.Delete": func() error { return d.Delete(soon(t), "key") },
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			if err := change(); !errors.Is(err, ErrConnectionLost) {
				t.Error(err)
			}
		})
	}
}
