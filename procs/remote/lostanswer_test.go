//go:build linux

package remote

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
)

// between is a line to a server that is cut, when it was told to, by the next
// answer with these bytes, which does not arrive.
type between struct {
	to string

	mu     sync.Mutex
	answer []byte // nil: it goes on
}

func (b *between) cutBy(answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = []byte(answer)
}

// cuts reports whether the line is to be cut now.
func (b *between) cuts(data []byte) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.answer == nil || !bytes.Contains(data, b.answer) {
		return false
	}
	b.answer = nil
	return true
}

func (b *between) wasCut() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.answer == nil
}

// lineTo returns a line to a server, and its near end.
func lineTo(t *testing.T, url string) (*between, string) {
	t.Helper()
	b := &between{to: strings.TrimPrefix(url, "nats://")}
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	var lines sync.WaitGroup
	t.Cleanup(lines.Wait) // the sessions are closed before
	t.Cleanup(func() { l.Close() })
	lines.Go(func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", b.to)
			if err != nil {
				near.Close()
				continue
			}
			lines.Go(func() { io.Copy(far, near); far.Close() })
			lines.Go(func() { b.answers(near, far); near.Close(); far.Close() })
		}
	})
	return b, "nats://" + l.Addr().String()
}

func (b *between) answers(near io.Writer, far io.Reader) {
	buf := make([]byte, 1<<16)
	for {
		n, err := far.Read(buf)
		if err != nil || b.cuts(buf[:n]) {
			return
		}
		if _, err := near.Write(buf[:n]); err != nil {
			return
		}
	}
}

// The answer to a change is lost, with the connection: the change is made once,
// and who made it hears that it was.
func TestLostAnswer(t *testing.T) {
	server := serve(t, ServerConfig{})
	line, url := lineTo(t, server.URL())
	s := connect(t, url)
	q := openQueue[int](t, s, "numbers", QueueConfig{})
	d := openTestDict[int](t, s, "numbers", DictConfig{})
	e := must(OpenEvent(soon(t), s, "pulse"))(t)
	if err := q.Put(soon(t), 5); err != nil {
		t.Fatal(err)
	}
	const stored = `{"stream":"`
	for _, c := range []struct {
		what, answer string
		change       func() error
	}{
		{"Queue.Put", stored, func() error { return q.Put(soon(t), 6) }},
		{"Dict.Create", stored, func() error { _, err := d.Create(soon(t), "a", 1); return err }},
		{"Dict.Set", stored, func() error { _, err := d.Set(soon(t), "b", 1); return err }},
		{"Dict.Modify", stored, func() error {
			_, err := d.Modify(soon(t), "a", func(v int, ok bool) (int, bool) { return v + 1, ok })
			return err
		}},
		{"Dict.Delete", stored, func() error {
			_, revision, err := d.Get(soon(t), "b")
			return errors.Join(err, d.CompareAndDelete(soon(t), "b", revision))
		}},
		{"Event.Set", stored, func() error { return e.Set(soon(t)) }},
		{"Queue.Get", "_INBOX.", func() error {
			v, err := q.Get(soon(t))
			if v != 5 {
				t.Error(v)
			}
			return err
		}},
	} {
		line.cutBy(c.answer)
		if err := c.change(); err != nil || !line.wasCut() {
			t.Error(c.what, err, line.wasCut())
		}
	}
	if n, err := q.Len(soon(t)); n != 1 || err != nil {
		t.Error(n, err)
	}
	if v, err := q.Get(soon(t)); v != 6 || err != nil {
		t.Error(v, err)
	}
	if v, _, err := d.Get(soon(t), "a"); v != 2 || err != nil {
		t.Error(v, err)
	}
	if _, _, err := d.Get(soon(t), "b"); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if s, _, err := e.state(soon(t)); s != (eventState{true, 1}) || err != nil {
		t.Error(s, err)
	}
}
