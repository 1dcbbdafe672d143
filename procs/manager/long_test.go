//go:build linux

package manager

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"testing"

	"switchyard/procs/connection"
	"switchyard/procs/internal/bridge"
)

// blocker is a managed value whose end takes as long as it is told.
type blocker struct{ ends, gate chan struct{} }

func (b *blocker) Close() error {
	b.ends <- struct{}{}
	<-b.gate
	return nil
}

var blockers = Register("test.blocker", func(context.Context, int) (*blocker, error) { return nil, errors.ErrUnsupported })

// linkOf is one more client of the manager, with a lane of its own.
func linkOf(t *testing.T, m *Manager) *clientLink {
	t.Helper()
	c := must(connection.Dial(soon(t), m.Address(), connection.DialConfig{Poller: true}))(t)
	l := &clientLink{address: m.Address(), conn: c, messages: bridge.TransportOf(c), dead: make(chan struct{}), calls: make(map[uint64]chan []byte), users: 1}
	if err := l.hello(soon(t)); err != nil {
		t.Fatal(err)
	}
	if l.lane == nil {
		t.Fatal("it has no lane")
	}
	go l.read()
	t.Cleanup(func() { c.Close(); <-l.dead })
	return l
}

func (l *clientLink) testCall(obj uint64, method byte, args ...uint64) error {
	c := l.begin(obj, method)
	defer c.end()
	for _, a := range args {
		c.putUint(a)
	}
	return c.do(noWait)
}

// A call that takes long, of whatever object and for whatever reason, holds up
// no other client, and the lane of its own works again afterwards.
func TestLongCallHoldsUpNobody(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	d := must(NewDict[int, int](m))(t)
	object := func(d proxy) object { return must(m.server.find(d.ref.obj))(t).value }
	begun := make(chan struct{}, 1)
	closing := func() (*blocker, *Object[*blocker]) {
		b := &blocker{begun, make(chan struct{})}
		return b, must(blockers.Put(m, b))(t)
	}
	wait := func(t *testing.T, what string, c <-chan struct{}) {
		t.Helper()
		select {
		case <-c:
		case <-soon(t).Done():
			t.Fatal(what)
		}
	}
	// Each begins a call over a link, and returns what ends it.
	for what, long := range map[string]func(t *testing.T, call func(obj uint64, method byte, args ...uint64)) (end func()){
		"the end of a value that is destroyed": func(t *testing.T, call func(uint64, byte, ...uint64)) func() {
			b, o := closing()
			call(0, rootDestroy, o.ref.obj)
			wait(t, "it does not end", begun)
			return func() { close(b.gate) }
		},
		"the end of a value that is dropped": func(t *testing.T, call func(uint64, byte, ...uint64)) func() {
			b, o := closing()
			holds := must(NewList(m, o))(t)
			o.Close()
			call(holds.ref.obj, listReplace, 1, 0, 0, 2)
			wait(t, "it does not end", begun)
			return func() { close(b.gate) }
		},
		"somebody else's call of the same dict": func(t *testing.T, call func(uint64, byte, ...uint64)) func() {
			other := must(NewDict[int, int](m))(t)
			mu := &object(other.proxy).(*dictObject).mu
			mu.Lock()
			call(other.ref.obj, dictLen)
			return mu.Unlock
		},
	} {
		t.Run(what, func(t *testing.T) {
			a, b := linkOf(t, m), linkOf(t, m)
			over := make(chan error, 1)
			end := sync.OnceFunc(long(t, func(obj uint64, method byte, args ...uint64) {
				go func() { over <- a.testCall(obj, method, args...) }()
			}))
			defer end() // or the manager could not be closed
			others := make(chan struct{})
			go func() {
				defer close(others)
				for range 1000 {
					if err := b.testCall(d.ref.obj, dictLen); err != nil {
						t.Error(err)
						return
					}
				}
			}()
			wait(t, "it holds up another client", others)
			select {
			case err := <-over:
				t.Error("it is over before it could be: ", err)
			default:
			}
			end()
			select {
			case err := <-over:
				if err != nil {
					t.Error(err)
				}
			case <-soon(t).Done():
				t.Fatal("it does not end")
			}
			if err := a.testCall(d.ref.obj, dictLen); err != nil {
				t.Error(err)
			}
		})
	}
}

// A client that does not read a reply longer than the lane holds up no other,
// and is forgotten when it ends.
func TestReplyIsNotRead(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	v := must(NewValue(m, make([]byte, 4*laneRing)))(t)
	d := must(NewDict[int, int](m))(t)
	a, b := linkOf(t, m), linkOf(t, m)
	a.lane.parked.Store(0)
	a.lane.requests.TryPut(append(binary.LittleEndian.AppendUint64(nil, v.ref.obj), valueGet))
	if err := a.send(linkWake, nil); err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		if err := b.testCall(d.ref.obj, dictLen); err != nil {
			t.Fatal(err)
		}
	}
	a.conn.Close()
	eventually(t, "it is forgotten", func() bool { return must(m.Stats())(t).Clients == 1 })
}
