//go:build linux

package manager

import (
	"context"
	"errors"
	"runtime/debug"
	"testing"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/proctest"
)

// Who leaves gives back the lock that it has, and not that of another.
func TestLeaveTakesItsOwn(t *testing.T) {
	a, b := new(serverLink), new(serverLink)
	for _, recursive := range []bool{false, true} {
		l := &lockObject{recursive: recursive}
		for i, c := range []struct {
			do   func() error
			held holder
			lost bool
		}{
			{func() error { l.leave(a); return nil }, holder{}, false}, // nobody has it
			{func() error { err, _ := l.take(holder{b, 1}); return err }, holder{b, 1}, false},
			{func() error { l.leave(a); return nil }, holder{b, 1}, false},
			{func() error { l.leave(b); return nil }, holder{}, true},
			{func() error { l.leave(b); return nil }, holder{}, true},
			{func() error { err, _ := l.take(holder{a, 1}); return unless(err, procs.ErrOwnerDied) }, holder{a, 1}, false},
			{func() error { return l.release(holder{a, 1}) }, holder{}, false},
			{func() error { l.leave(a); return nil }, holder{}, false},
		} {
			if err := c.do(); err != nil || l.held != c.held || l.lost != c.lost || (l.depth > 0) != (c.held.link != nil) {
				t.Errorf("recursive %v, step %d: %v; held by %v, %d times, lost %v", recursive, i, err, l.held, l.depth, l.lost)
			}
		}
	}
}

// What a connection took is given back when it ends, on either side, and not
// when the garbage collector finds it.
func TestConnectionsLeaveNothing(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	for what, once := range map[string]func(){
		"a client leaves": func() {
			tr, end := clientOf(t, m)
			tr.Send(linkCall, rawCall(1, 0, rootStats), nil)
			if _, err := answer(t, tr, 1); err != nil {
				t.Error(err)
			}
			end()
			eventually(t, "it is forgotten", func() bool { return must(m.Stats())(t).Clients == 0 })
		},
		"a manager dies": func() {
			m := must(New(Config{}))(t)
			v := must(NewValue(m, 1))(t)
			m.Process().Kill()
			<-m.Done()
			if err := errors.Join(m.Close(), v.Close()); err != nil {
				t.Error(err)
			}
			started.mu.Lock()
			defer started.mu.Unlock()
			if _, ok := started.all[m]; ok {
				t.Error("it is still to be ended")
			}
		},
	} {
		once() // what is made once
		proctest.Tidy(t)
		collect := debug.SetGCPercent(-1)
		before := proctest.Descriptors(t)
		for range 3 {
			once()
		}
		eventually(t, what+": what was opened is closed", func() bool { return proctest.Descriptors(t) <= before })
		debug.SetGCPercent(collect)
	}
}

// A message that two have received keeps its object for the first of them; each
// has a reference of its own then.
func TestMessageReceivedTwice(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		before := must(m.Stats())(t).Objects
		l, w := must(NewList(m, 7))(t), new(codec.Wire)
		if err := l.share(w); err != nil {
			t.Fatal(err)
		}
		a, b := new(List[int]), new(List[int])
		if err := errors.Join(a.adopt(&codec.Wire{Buf: w.Buf}), b.adopt(&codec.Wire{Buf: w.Buf}), l.Close(), a.Close()); err != nil {
			t.Fatal(err)
		}
		if n := must(m.Stats())(t).Objects; n != before+1 {
			t.Fatalf("%d objects", n-before)
		}
		if v, err := b.Get(0); v != 7 || err != nil {
			t.Error(v, err)
		}
		b.Close()
		eventually(t, "it is gone", func() bool { return must(m.Stats())(t).Objects == before })
	})
}

// keeper is a value that keeps what it was given.
type keeper struct{ list *List[int] }

func (k *keeper) Keep(_ context.Context, l *List[int]) (struct{}, error) {
	k.list = l
	return struct{}{}, nil
}

func (k *keeper) First(context.Context, struct{}) (int, error) { return k.list.Get(0) }

var (
	testKeeper  = Register("test.keeper", func(context.Context, int) (*keeper, error) { return new(keeper), nil })
	keeperKeep  = RegisterMethod(testKeeper, "Keep", (*keeper).Keep)
	keeperFirst = RegisterMethod(testKeeper, "First", (*keeper).First)
)

// An argument that a managed value keeps outlives the caller's reference.
func TestArgumentIsKept(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		k, l := must(testKeeper.New(soon(t), m, 0))(t), must(NewList(m, 7))(t)
		if _, err := keeperKeep.Call(soon(t), k, l); err != nil {
			t.Fatal(err)
		}
		l.Close()
		if v, err := keeperFirst.Call(soon(t), k, struct{}{}); v != 7 || err != nil {
			t.Error(v, err)
		}
	})
}

var testKeyIsKnown = procs.Register("test.manager.keyIsKnown", func(ctx context.Context, address string) (int, error) {
	m, err := Connect(ctx, address, Config{AuthKey: []byte("the manager's")})
	if err != nil {
		return 0, err
	}
	q, err := Lookup[*Queue[int]](m, "queue")
	if err != nil {
		return 0, err
	}
	w, mw := new(codec.Wire), new(codec.Wire)
	if err := errors.Join(q.share(w), m.share(mw), q.Close(), m.Close()); err != nil {
		return 0, err
	}
	link := m.link
	for i, adopt := range []func() error{
		func() error { q = new(Queue[int]); return q.adopt(&codec.Wire{Buf: w.Buf}) },
		func() error { m = new(Manager); return m.adopt(&codec.Wire{Buf: mw.Buf}) },
	} {
		<-link.dead // after a while
		if err := adopt(); err != nil {
			return 0, err
		}
		if i > 0 {
			q, err = Lookup[*Queue[int]](m, "queue")
		}
		link = q.ref.link
		if err := errors.Join(err, q.Put(ctx, i), q.Close()); err != nil {
			return 0, err
		}
	}
	return 0, m.Close()
})

// The key with which a manager was reached is that for its proxies, too, which
// come when the connection has ended.
func TestKeyIsRemembered(t *testing.T) {
	m := must(Serve(Config{AuthKey: []byte("the manager's")}))(t)
	defer m.Close()
	q := must(NewQueue[int](m, 0))(t)
	if err := Publish(m, "queue", q); err != nil {
		t.Fatal(err)
	}
	p := procs.NewProcess(testKeyIsKnown, m.Address(), procs.ProcessConfig{})
	p.SetAuthKey([]byte("of another family"))
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	join(t, p)
	for i := range 2 {
		if v, err := q.GetNowait(); v != i || err != nil {
			t.Error(v, err)
		}
	}
}
