//go:build linux

package manager

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"switchyard/procs/connection"
	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/kernel"
	"switchyard/procs/internal/proctest"
	"switchyard/procs/internal/proctest/wait"
	"switchyard/procs/internal/shm"
	"switchyard/procs/internal/transport"
)

// playManager is a manager's listener behind which the test itself talks to who
// connects. A connection ends when play returns.
func playManager(t *testing.T, address string, play func(transport.Transport)) string {
	t.Helper()
	l, err := connection.Listen(address, connection.ListenerConfig{Poller: true})
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-over })
	go func() {
		defer close(over)
		for {
			c, err := l.Accept(context.Background())
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(wait.Patience))
			play(bridge.TransportOf(c))
			c.Close()
		}
	}()
	return l.Address()
}

// helloAs is a good first message of the server with this number.
func helloAs(id uint64) []byte { return binary.LittleEndian.AppendUint64([]byte{statusOK}, id) }

// untilEnd reads until the other side is gone.
func untilEnd(tr transport.Transport) {
	for {
		_, _, fds, err := tr.Recv(nil)
		kernel.CloseAll(fds)
		if err != nil {
			return
		}
	}
}

// Whoever is at a manager's address and is none, or says nothing, is an error
// of Connect, which leaves no descriptor behind.
func TestConnectToNoManager(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "no lane")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	short, err := os.CreateTemp(t.TempDir(), "short lane")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { short.Close() })
	if err := errors.Join(file.Truncate(laneSize), short.Truncate(laneSize-1)); err != nil {
		t.Fatal(err)
	}
	hello := func(kind uint32, b []byte, fds ...int) func(transport.Transport) {
		return func(tr transport.Transport) { tr.Send(kind, b, fds); untilEnd(tr) }
	}
	for _, c := range []struct {
		name string
		play func(transport.Transport)
		is   error
		not  error
		says string
	}{
		{"it says nothing", untilEnd, context.DeadlineExceeded, ErrDied, "manager: connect to "},
		{"it closes", func(transport.Transport) {}, ErrDied, context.DeadlineExceeded, ErrDied.Error()},
		{"another message", hello(linkReply, helloAs(1)), ErrDied, codec.ErrWire, " is not a manager"},
		{"an empty message", hello(linkHello, nil), ErrDied, codec.ErrWire, " is not a manager"},
		{"an error", hello(linkHello, append([]byte{statusError}, bridge.EncodeError(errTestSentinel)...)), errTestSentinel, ErrDied, "test sentinel"},
		{"no number", hello(linkHello, []byte{statusOK}), codec.ErrWire, ErrDied, ""},
		{"a short number", hello(linkHello, helloAs(1)[:8]), codec.ErrWire, ErrDied, ""},
		{"a lane that is none", hello(linkHello, helloAs(1), int(file.Fd())), nil, ErrDied, ""},
		{"a lane that is short", hello(linkHello, helloAs(1), int(short.Fd())), shm.ErrCorrupt, ErrDied, " bytes"},
	} {
		for _, address := range []string{"", ":0"} {
			if strings.Contains(c.name, "lane") && address != "" {
				continue // no files over TCP
			}
			at := playManager(t, address, c.play)
			proctest.Tidy(t)
			before := proctest.Descriptors(t)
			for range 5 {
				limit := time.Minute
				if c.is == context.DeadlineExceeded {
					limit = 30 * time.Millisecond
				}
				ctx, cancel := context.WithTimeout(context.Background(), limit)
				m, err := Connect(ctx, at, Config{})
				cancel()
				if err == nil {
					m.Close()
				}
				if err == nil || c.is != nil && !errors.Is(err, c.is) || errors.Is(err, c.not) || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%s at %s: %v", c.name, at, err)
				}
			}
			eventually(t, c.name+": what was opened is closed", func() bool { return proctest.Descriptors(t) <= before })
			links.mu.Lock()
			if links.byAddr[at] != nil || links.dialing[at] != nil {
				t.Error(c.name, ": something is left")
			}
			links.mu.Unlock()
		}
	}
}

// A context that is cancelled ends the wait for the first message, as one that
// is out of time does.
func TestConnectCancelled(t *testing.T) {
	said := make(chan struct{}, 1)
	at := playManager(t, "", func(tr transport.Transport) { said <- struct{}{}; untilEnd(tr) })
	ctx, cancel := context.WithCancel(soon(t))
	go func() { <-said; cancel() }()
	if _, err := Connect(ctx, at, Config{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// Replies that nobody asked for are ignored; those that are damaged are an
// error of their call; what is no reply ends the connection.
func TestRepliesDamaged(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "file")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	fd := int(file.Fd())
	good := []byte{statusOK, 3, 4}
	type message struct {
		kind uint32
		body []byte
		fds  []int
	}
	reply := func(id, b []byte) message {
		return message{linkReply, append(append([]byte(nil), id...), b...), nil}
	}
	for name, c := range map[string]struct {
		answer func(id []byte) []message
		is     error
	}{
		"good": {func(id []byte) []message { return []message{reply(id, good)} }, nil},
		"others come first": {func(id []byte) []message {
			return []message{reply(make([]byte, 8), good), reply([]byte("12345678"), []byte{statusError}), reply(id, good), reply(id, good)}
		}, nil},
		"with a file":  {func(id []byte) []message { return []message{{linkReply, append(id, good...), []int{fd}}} }, nil},
		"half":         {func(id []byte) []message { return []message{reply(id, good[:2])} }, codec.ErrWire},
		"no result":    {func(id []byte) []message { return []message{reply(id, good[:1])} }, codec.ErrWire},
		"no status":    {func(id []byte) []message { return []message{reply(id, nil)} }, ErrDied},
		"no number":    {func(id []byte) []message { return []message{{linkReply, nil, nil}} }, ErrDied},
		"another kind": {func(id []byte) []message { return []message{{linkHello, append(id, good...), nil}} }, ErrDied},
		"the end":      {func(id []byte) []message { return nil }, ErrDied},
	} {
		at := playManager(t, "", func(tr transport.Transport) {
			tr.Send(linkHello, helloAs(7), nil)
			for {
				kind, b, fds, err := tr.Recv(nil)
				kernel.CloseAll(fds)
				if err != nil {
					return
				}
				if kind != linkCall {
					continue
				}
				all := c.answer(b[:8:8])
				for _, m := range all {
					tr.Send(m.kind, m.body, m.fds)
				}
				if all == nil {
					return
				}
			}
		})
		m := must(Connect(soon(t), at, Config{}))(t)
		proctest.Tidy(t)
		before := proctest.Descriptors(t)
		for range 3 {
			st, err := m.Stats()
			if !errors.Is(err, c.is) || (err == nil) != (c.is == nil) || err == nil && st != (Stats{3, 4}) {
				t.Errorf("%s: %v, %v", name, st, err)
			}
		}
		if n := proctest.Descriptors(t); n > before {
			t.Errorf("%s: %d descriptors more", name, n-before)
		}
		if c.is == ErrDied {
			<-m.Done()
		} else if !m.link.alive() {
			t.Error(name, ": the connection has ended")
		}
		m.Close()
	}
}

// clientOf connects to a manager, of which the test itself then asks what it
// wants.
func clientOf(t *testing.T, m *Manager) (tr transport.Transport, end func()) {
	t.Helper()
	c := must(connection.Dial(soon(t), m.Address(), connection.DialConfig{Poller: true}))(t)
	c.SetDeadline(time.Now().Add(wait.Patience))
	tr = bridge.TransportOf(c)
	kind, _, fds, err := tr.Recv(nil)
	kernel.CloseAll(fds)
	if kind != linkHello || err != nil {
		t.Fatal(kind, err)
	}
	return tr, func() { c.Close() }
}

// rawCall is a request with its number.
func rawCall(id, obj uint64, method byte, args ...byte) []byte {
	b := binary.LittleEndian.AppendUint64(nil, id)
	return append(append(binary.LittleEndian.AppendUint64(b, obj), method), args...)
}

// answer reads the reply to a request.
func answer(t *testing.T, tr transport.Transport, id uint64) ([]byte, error) {
	t.Helper()
	kind, b, _, err := tr.Recv(nil)
	if err != nil || kind != linkReply || len(b) < 9 || binary.LittleEndian.Uint64(b) != id {
		t.Fatal(kind, b, err)
	}
	return takeStatus(b[8:])
}

// servers runs a test with a manager that serves here, over both kinds of
// sockets.
func servers(t *testing.T, test func(t *testing.T, m *Manager)) {
	for name, address := range map[string]string{"unix": "", "tcp": ":0"} {
		t.Run(name, func(t *testing.T) {
			m := must(Serve(Config{Address: address}))(t)
			defer m.Close()
			test(t, m)
		})
	}
}

// A client that sends nonsense loses its connection, and nobody else does.
func TestClientSendsNonsense(t *testing.T) {
	servers(t, func(t *testing.T, m *Manager) {
		d := must(NewDict[string, int](m))(t)
		for _, c := range []struct {
			kind uint32
			body []byte
		}{
			{linkCall, nil}, {linkCall, make([]byte, 7)}, {linkCancel, make([]byte, 7)}, {linkRelease, make([]byte, 3)}, {linkRelease, nil},
			{linkReply, make([]byte, 20)}, {linkHello, helloAs(1)}, {0, make([]byte, 20)}, {99, make([]byte, 20)},
		} {
			tr, end := clientOf(t, m)
			if err := tr.Send(c.kind, c.body, nil); err != nil {
				t.Fatal(err)
			}
			if kind, b, _, err := tr.Recv(nil); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("message %d of %d bytes: %d, % x, %v", c.kind, len(c.body), kind, b, err)
			}
			end()
			eventually(t, "it is forgotten", func() bool { return must(m.Stats())(t).Clients == 0 })
		}
		if err := d.Set("a", 1); err != nil {
			t.Error(err)
		}
	})
}

// What a client may send that has no effect: it goes on being served.
func TestClientSendsNeedlessly(t *testing.T) {
	servers(t, func(t *testing.T, m *Manager) {
		d := must(NewDict[string, int](m))(t)
		tr, end := clientOf(t, m)
		defer end()
		numbers := binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, d.ref.obj), 1<<40)
		for _, c := range []struct {
			kind uint32
			body []byte
		}{
			{linkCancel, make([]byte, 8)}, {linkRelease, numbers}, {linkRelease, append(numbers, 1, 2, 3)}, {linkWake, nil},
		} {
			if err := tr.Send(c.kind, c.body, nil); err != nil {
				t.Fatal(err)
			}
		}
		tr.Send(linkCall, make([]byte, 8), nil)
		if _, err := answer(t, tr, 0); text(err) != codec.ErrWire.Error() {
			t.Error("a call without a request: ", err)
		}
		tr.Send(linkCall, rawCall(5, 0, rootStats), nil)
		if b, err := answer(t, tr, 5); err != nil || string(b) != "\x01\x01" {
			t.Errorf("% x %v", b, err)
		}
		if err := d.Set("a", 1); err != nil {
			t.Error("a client released what another one has: ", err)
		}
	})
}

// Objects that a client releases with one message, and the call that it gives
// up.
func TestClientMessages(t *testing.T) {
	servers(t, func(t *testing.T, m *Manager) {
		tr, end := clientOf(t, m)
		defer end()
		var made []byte
		for id := range uint64(3) {
			tr.Send(linkCall, rawCall(id, 0, rootCreate, byte(objectQueue), 0, 0), nil)
			b, err := answer(t, tr, id)
			if err != nil || len(b) != 1 {
				t.Fatal(b, err)
			}
			made = binary.LittleEndian.AppendUint64(made, uint64(b[0]))
		}
		q := binary.LittleEndian.Uint64(made[16:])
		tr.Send(linkCall, rawCall(7, q, queueGet|callNowait), nil)
		if _, err := answer(t, tr, 7); err != errWouldWait {
			t.Error(err)
		}
		for id := uint64(8); id < 11; id++ {
			tr.Send(linkCall, rawCall(id, q, queueGet), nil)
			tr.Send(linkCancel, binary.LittleEndian.AppendUint64(nil, id), nil)
			if _, err := answer(t, tr, id); err != context.Canceled {
				t.Error(err)
			}
		}
		if n := must(m.Stats())(t).Objects; n != 3 {
			t.Error(n)
		}
		tr.Send(linkRelease, made[:16], nil)
		eventually(t, "two are gone", func() bool { return must(m.Stats())(t).Objects == 1 })
		tr.Send(linkCall, rawCall(11, q, queueLen), nil)
		if _, err := answer(t, tr, 11); err != nil {
			t.Error(err)
		}
		end()
		eventually(t, "all are gone", func() bool { return must(m.Stats())(t) == Stats{} })
	})
}

// The files in a message of a client are closed: a manager has no use for any.
func TestClientSendsFiles(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	file, err := os.CreateTemp(t.TempDir(), "file")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	tr, end := clientOf(t, m)
	defer end()
	proctest.Tidy(t)
	before := proctest.Descriptors(t)
	for id := range uint64(20) {
		if err := tr.Send(linkCall, rawCall(id, 0, rootStats), []int{int(file.Fd())}); err != nil {
			t.Fatal(err)
		}
		if _, err := answer(t, tr, id); err != nil {
			t.Fatal(err)
		}
	}
	if n := proctest.Descriptors(t); n != before {
		t.Errorf("%d descriptors more", n-before)
	}
}
