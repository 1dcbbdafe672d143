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
	down   bool   // until it is mended
	broken bool   // once it is cut
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
	b.down = b.broken
	return true
}

// mend lets sessions through again, after a cut that lasts.
func (b *between) mend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down, b.broken = false, false
}

func (b *between) isDown() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.down
}

// breakBy is cutBy, for good.
func (b *between) breakBy(answer string) {
	b.cutBy(answer)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broken = true
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
			if b.isDown() {
				near.Close()
				continue
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

// The answer to a change is lost, the server started anew, and the key changed
// by others, before the change is asked for again: it was made once, and what
// others made of it stays.
func TestLostAnswerOfAnotherServer(t *testing.T) {
	dir := t.TempDir()
	server := serve(t, ServerConfig{StoreDir: dir})
	address := strings.TrimPrefix(server.URL(), "nats://")
	line, url := lineTo(t, server.URL())
	ours := openTestDict[int](t, connect(t, url), "numbers", DictConfig{})
	s := connect(t, server.URL())
	theirs := openTestDict[int](t, s, "numbers", DictConfig{})
	pulse, theirPulse := must(OpenEvent(soon(t), ours.s, "pulse"))(t), must(OpenEvent(soon(t), s, "pulse"))(t)
	add := func(d *Dict[int], key string, n int) error {
		_, err := d.Modify(soon(t), key, func(v int, _ bool) (int, bool) { return v + n, true })
		return err
	}
	set := func(d *Dict[int], key string, v int) error {
		_, err := d.Set(soon(t), key, v)
		return err
	}
	all, calls := t, 0
	for _, c := range []struct {
		what         string
		change, then func(key string) error
		want         int // -1: no value
		err          error
	}{
		{"Modify", func(key string) error {
			_, err := ours.Modify(soon(t), key, func(v int, _ bool) (int, bool) { calls++; return v + 1, true })
			return err
		}, func(key string) error { return add(theirs, key, 10) }, 16, nil},
		{"Modify that removes", func(key string) error {
			_, err := ours.Modify(soon(t), key, func(v int, _ bool) (int, bool) { return v, false })
			return err
		}, func(key string) error { return add(theirs, key, 10) }, 10, nil},
		{"Set", func(key string) error { return set(ours, key, 7) }, func(key string) error { return add(theirs, key, 10) }, 17, nil},
		{"Set, before Set", func(key string) error { return set(ours, key, 7) }, func(key string) error { return set(theirs, key, 9) }, 9, nil},
		{"CompareAndSet", func(key string) error {
			_, revision, err := ours.Get(soon(t), key)
			if err == nil {
				_, err = ours.CompareAndSet(soon(t), key, revision, 7)
			}
			return err
		}, func(key string) error {
			return errors.Join(add(theirs, key, 1), theirs.Delete(soon(t), key), add(theirs, key, 100))
		}, 100, nil},
		{"Create", func(key string) error {
			_, err := ours.Create(soon(t), key+" new", 7)
			return err
		}, func(key string) error { return add(theirs, key+" new", 10) }, 5, nil},
		{"Delete", func(key string) error { return ours.Delete(soon(t), key) }, func(key string) error {
			_, err := theirs.Create(soon(t), key, 3)
			return err
		}, 3, nil},
		{"Event.Set", func(string) error { return pulse.Set(soon(t)) }, func(string) error { return theirPulse.Clear(soon(t)) }, 5, nil},
		{"after many others", func(key string) error { return add(ours, key, 1) }, func(key string) error {
			for range maxChanges + 1 {
				*theirs.writers = writers{} // another program
				if err := add(theirs, key, 1); err != nil {
					return err
				}
			}
			return nil
		}, 6 + maxChanges + 1, ErrConnectionLost},
		{"after a stranger", func(key string) error { return add(ours, key, 1) }, func(key string) error {
			_, err := theirs.js.Publish(soon(t), must(theirs.subject(key))(t), must(encodeValue(&theirs.object, theirs.codec, new(int)))(t))
			return err
		}, 0, ErrConnectionLost},
	} {
		t.Run(c.what, func(t *testing.T) {
			key := c.what
			if err := set(ours, key, 5); err != nil {
				t.Fatal(err)
			}
			line.breakBy(`{"stream":"`)
			done := make(chan error, 1)
			go func() { done <- c.change(key) }()
			eventually(t, "its answer is lost", line.isDown)
			server.Close()
			server = serve(all, ServerConfig{StoreDir: dir, Address: address})
			if err := c.then(key); err != nil {
				t.Error(err)
			}
			line.mend()
			if err := <-done; !errors.Is(err, c.err) || c.err == nil && err != nil {
				t.Error(err)
			}
			v, _, err := theirs.Get(soon(t), key)
			if errors.Is(err, ErrNoKey) {
				v, err = -1, nil
			}
			if v != c.want || err != nil {
				t.Error(v, err)
			}
		})
	}
	if calls != 1 {
		t.Error("the function of Modify was called", calls, "times")
	}
	if v, _, err := theirs.Get(soon(t), "Create new"); v != 17 || err != nil {
		t.Error(v, err)
	}
	if s, _, err := theirPulse.state(soon(t)); s != (eventState{false, 1}) || err != nil {
		t.Error(s, err)
	}
}
