//go:build linux

package manager

import (
	"context"
	"errors"
	"math"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/proctest"
)

// held is one of each container, as references are put into it and taken out.
type held struct {
	m     *Manager
	dict  *Dict[string, *List[int]]
	list  *List[*List[int]]
	queue *Queue[*List[int]]
	value *Value[*List[int]]
	names *Namespace
}

func newHeld(t *testing.T, m *Manager) *held {
	return &held{m, must(NewDict[string, *List[int]](m))(t), must(NewList[*List[int]](m))(t), must(NewQueue[*List[int]](m, 0))(t),
		must(NewValue[*List[int]](m, nil))(t), must(NewNamespace(m))(t)}
}

// closing closes what came out.
func closing(l *List[int], err error) error {
	if l != nil {
		err = errors.Join(err, l.Close())
	}
	return err
}

// What is taken out of a container, replaced or dropped is kept by it no
// longer.
func TestReferencesGo(t *testing.T) {
	other := func(h *held) *List[int] { l, _ := NewList(h.m, 9); return l }
	for name, c := range map[string]struct{ put, out func(*held, *List[int]) error }{
		"Dict.Set": {func(h *held, x *List[int]) error { return h.dict.Set("k", x) },
			func(h *held, _ *List[int]) error { l := other(h); defer l.Close(); return h.dict.Set("k", l) }},
		"Dict.Set of nil": {func(h *held, x *List[int]) error { return h.dict.Set("k", x) },
			func(h *held, _ *List[int]) error { return h.dict.Set("k", nil) }},
		"Dict.Update": {func(h *held, x *List[int]) error { return h.dict.Update(map[string]*List[int]{"k": x}) },
			func(h *held, _ *List[int]) error { return h.dict.Update(map[string]*List[int]{"k": nil}) }},
		"Dict.Delete": {func(h *held, x *List[int]) error { return closing(firstOf(h.dict.SetDefault("k", x))) },
			func(h *held, _ *List[int]) error { _, err := h.dict.Delete("k"); return err }},
		"Dict.Pop": {func(h *held, x *List[int]) error { return h.dict.Set("k", x) },
			func(h *held, _ *List[int]) error { return closing(firstOf(h.dict.Pop("k"))) }},
		"Dict.PopItem": {func(h *held, x *List[int]) error { return h.dict.Set("k", x) },
			func(h *held, _ *List[int]) error { _, l, _, err := h.dict.PopItem(); return closing(l, err) }},
		"Dict.Clear": {func(h *held, x *List[int]) error { return h.dict.Set("k", x) },
			func(h *held, _ *List[int]) error { return h.dict.Clear() }},
		"Dict.CompareAndSwap": {func(h *held, x *List[int]) error { return h.dict.Set("k", x) },
			func(h *held, x *List[int]) error { return swapped(h.dict.CompareAndSwap("k", x, nil)) }},
		"Dict.Modify that removes": {func(h *held, x *List[int]) error { return h.dict.Set("k", x) }, func(h *held, _ *List[int]) error {
			_, err := h.dict.Modify("k", func(l *List[int], _ bool) (*List[int], bool) { l.Close(); return nil, false })
			return err
		}},
		"Dict.Destroy": {func(h *held, x *List[int]) error { return h.dict.Set("k", x) },
			func(h *held, _ *List[int]) error { return h.dict.Destroy() }},
		"Dict.Close": {func(h *held, x *List[int]) error { return h.dict.Set("k", x) },
			func(h *held, _ *List[int]) error { return h.dict.Close() }},
		"Dict.Items": {func(h *held, x *List[int]) error { return h.dict.Set("k", x) }, func(h *held, _ *List[int]) error {
			items, err := h.dict.Items()
			return errors.Join(err, closing(items[0].Value, nil), h.dict.Clear())
		}},
		"List.Set":    {func(h *held, x *List[int]) error { return h.list.Append(x) }, func(h *held, _ *List[int]) error { return h.list.Set(0, nil) }},
		"List.Pop":    {func(h *held, x *List[int]) error { return h.list.Insert(0, x) }, func(h *held, _ *List[int]) error { return closing(h.list.Pop(0)) }},
		"List.Delete": {func(h *held, x *List[int]) error { return h.list.Append(x) }, func(h *held, _ *List[int]) error { return h.list.Delete(0) }},
		"List.Remove": {func(h *held, x *List[int]) error { return h.list.Append(x) },
			func(h *held, x *List[int]) error { return swapped(h.list.Remove(x)) }},
		"List.SetSlice": {func(h *held, x *List[int]) error { return h.list.SetSlice(0, 0, []*List[int]{nil, x, nil}) },
			func(h *held, _ *List[int]) error { return h.list.SetSlice(1, 2, nil) }},
		"List.Clear":   {func(h *held, x *List[int]) error { return h.list.Append(x, x) }, func(h *held, _ *List[int]) error { return h.list.Clear() }},
		"List.Destroy": {func(h *held, x *List[int]) error { return h.list.Append(x, x) }, func(h *held, _ *List[int]) error { return h.list.Destroy() }},
		"Queue.Get": {func(h *held, x *List[int]) error { return h.queue.PutNowait(x) },
			func(h *held, _ *List[int]) error { return closing(h.queue.GetNowait()) }},
		"Queue.ShutDown": {func(h *held, x *List[int]) error { return errors.Join(h.queue.PutNowait(x), h.queue.PutNowait(x)) },
			func(h *held, _ *List[int]) error { return h.queue.ShutDown(true) }},
		"Queue.Destroy": {func(h *held, x *List[int]) error { return h.queue.PutNowait(x) }, func(h *held, _ *List[int]) error { return h.queue.Destroy() }},
		"Value.Set":     {func(h *held, x *List[int]) error { return h.value.Set(x) }, func(h *held, _ *List[int]) error { return h.value.Set(nil) }},
		"Value.CompareAndSwap": {func(h *held, x *List[int]) error { return h.value.Set(x) },
			func(h *held, x *List[int]) error { return swapped(h.value.CompareAndSwap(x, nil)) }},
		"Value.Destroy":    {func(h *held, x *List[int]) error { return h.value.Set(x) }, func(h *held, _ *List[int]) error { return h.value.Destroy() }},
		"Namespace.Set":    {func(h *held, x *List[int]) error { return h.names.Set("n", x) }, func(h *held, _ *List[int]) error { return h.names.Set("n", 1) }},
		"Namespace.Delete": {func(h *held, x *List[int]) error { return h.names.Set("n", x) }, func(h *held, _ *List[int]) error { return swapped(h.names.Delete("n")) }},
		"Namespace.Destroy": {func(h *held, x *List[int]) error { return h.names.Set("n", x) },
			func(h *held, _ *List[int]) error { return h.names.Destroy() }},
		"Publish":   {func(h *held, x *List[int]) error { return Publish(h.m, "p", x) }, func(h *held, _ *List[int]) error { return Publish(h.m, "p", 1) }},
		"Unpublish": {func(h *held, x *List[int]) error { return Publish(h.m, "p", x) }, func(h *held, _ *List[int]) error { return h.m.Unpublish("p") }},
		"Lookup of another type": {func(h *held, x *List[int]) error { return Publish(h.m, "p", x) }, func(h *held, _ *List[int]) error {
			if _, err := Lookup[int](h.m, "p"); !errors.Is(err, procs.ErrMessageType) {
				return errors.New("taken for an int")
			}
			return h.m.Unpublish("p")
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := must(Serve(Config{}))(t)
			defer m.Close()
			h := newHeld(t, m)
			x := must(NewList(m, 1))(t)
			id := x.ref.obj
			if err := c.put(h, x); err != nil {
				t.Fatal(err)
			}
			if _, err := m.server.find(id); err != nil {
				t.Fatal("it is not there:", err)
			}
			if err := c.out(h, x); err != nil {
				t.Fatal(err)
			}
			if _, err := m.server.find(id); err != nil {
				t.Fatal("somebody still refers to it, and it is gone:", err)
			}
			x.Close()
			if _, err := m.server.find(id); err != ErrReleased {
				t.Error("nobody refers to it, and it is still there")
			}
		})
	}
}

func firstOf[T any](v T, _ bool, err error) (T, error) { return v, err }

// swapped is for calls that say whether they did something: it is an error if
// not.
func swapped(ok bool, err error) error {
	if err == nil && !ok {
		err = errors.New("nothing was done")
	}
	return err
}

// What cannot be stored, because one of the objects in it is no more, changes
// nothing, and counts no references of the others.
func TestDeadReferenceIsNotStored(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	type both = []*List[int]
	d, l, q := must(NewDict[string, both](m))(t), must(NewList[both](m))(t), must(NewQueue[both](m, 0))(t)
	v, n := must(NewValue(m, both{}))(t), must(NewNamespace(m))(t)
	x, dead := must(NewList(m, 1))(t), must(NewList(m, 2))(t)
	if err := errors.Join(dead.Destroy(), d.Set("old", both{}), l.Append(both{}), n.Set("old", 1), Publish(m, "old", 1)); err != nil {
		t.Fatal(err)
	}
	bad := both{x, x, dead}
	before := must(m.Stats())(t).Objects
	for name, store := range map[string]func() error{
		"NewValue":        func() error { _, err := NewValue(m, bad); return err },
		"NewList":         func() error { _, err := NewList(m, both{x}, bad); return err },
		"Dict.Set":        func() error { return errors.Join(d.Set("old", bad), unless(d.Set("new", bad), ErrReleased)) },
		"Dict.Update":     func() error { return d.Update(map[string]both{"new": bad}) },
		"Dict.SetDefault": func() error { _, _, err := d.SetDefault("new", bad); return err },
		"Dict.Modify": func() error {
			_, err := d.Modify("old", func(both, bool) (both, bool) { return bad, true })
			return err
		},
		"Dict.CompareAndSwap":  func() error { _, err := d.CompareAndSwap("old", both{}, bad); return err },
		"List.Append":          func() error { return l.Append(both{x}, bad) },
		"List.Set":             func() error { return l.Set(0, bad) },
		"List.Insert":          func() error { return l.Insert(0, bad) },
		"List.SetSlice":        func() error { return l.SetSlice(0, 1, []both{{x}, bad}) },
		"List.Modify":          func() error { return l.Modify(func(vs []both) []both { return append(vs, bad) }) },
		"Queue.Put":            func() error { return q.PutNowait(bad) },
		"Value.Set":            func() error { return v.Set(bad) },
		"Value.CompareAndSwap": func() error { _, err := v.CompareAndSwap(both{}, bad); return err },
		"Namespace.Set":        func() error { return n.Set("old", bad) },
		"Publish":              func() error { return Publish(m, "old", bad) },
	} {
		if err := store(); !errors.Is(err, ErrReleased) {
			t.Errorf("%s: %v", name, err)
		}
		o, err := m.server.find(x.ref.obj)
		if err != nil || o.refs != 1 {
			t.Fatalf("%s: %d references: %v", name, o.refs, err)
		}
	}
	var one int
	if ok, err := n.Get("old", &one); !ok || err != nil || one != 1 {
		t.Error(ok, err, one)
	}
	if one, err := Lookup[int](m, "old"); one != 1 || err != nil {
		t.Error(one, err)
	}
	if must(d.Len())(t) != 1 || must(l.Len())(t) != 1 || must(q.Len())(t) != 0 || len(must(v.Get())(t)) != 0 || len(must(l.Get(0))(t)) != 0 {
		t.Error("something was stored")
	}
	if n := must(m.Stats())(t).Objects; n != before {
		t.Errorf("%d objects more", n-before)
	}
}

// unless is err, but not if it is the one that is expected.
func unless(err, expected error) error {
	if err == expected {
		return nil
	}
	return errors.Join(errors.New("not what was expected"), err)
}

// Whatever is done with a manager, well or badly, leaves the connection with
// as many users as it had: else it would stay open, or end too early.
func TestUsersOfLink(t *testing.T) {
	m := testManager(t)
	d := must(NewDict[string, int](m))(t)
	users := func() int {
		m.link.mu.Lock()
		defer m.link.mu.Unlock()
		return m.link.users
	}
	function := func() {}
	if err := Publish(m, "d", d); err != nil { // the cases come in any order
		t.Fatal(err)
	}
	for name, do := range map[string]func() error{
		"Stats":            func() error { _, err := m.Stats(); return err },
		"Publish":          func() error { return Publish(m, "d", d) },
		"Publish nonsense": func() error { return fails(Publish[any](m, "f", function)) },
		"Lookup":           func() error { p, err := Lookup[*Dict[string, int]](m, "d"); return errors.Join(err, p.Close()) },
		"Lookup nothing":   func() error { _, err := Lookup[int](m, "none"); return fails(err) },
		"Lookup wrongly":   func() error { _, err := Lookup[int](m, "d"); return fails(err) },
		"Unpublish none":   func() error { return fails(m.Unpublish("none")) },
		"NewDict":          func() error { p, err := NewDict[string, int](m); return errors.Join(err, p.Close(), p.Close()) },
		"NewSemaphore":     func() error { _, err := NewSemaphore(m, -1); return fails(err) },
		"NewValue":         func() error { _, err := NewValue[any](m, function); return fails(err) },
		"NewList":          func() error { _, err := NewList[any](m, function); return fails(err) },
		"NewPool":          func() error { _, err := NewPool(m, procs.PoolConfig{Workers: -1}); return fails(err) },
		"New":              func() error { _, err := testMaths.New(context.Background(), m, -1); return fails(err) },
		"Put":              func() error { _, err := testMaths.Put(m, nil); return fails(err) },
		"Connect": func() error {
			c, err := Connect(soon(t), m.Address(), Config{})
			return errors.Join(err, c.Close(), c.Close())
		},
		"Destroy": func() error { p, err := NewLock(m); return errors.Join(err, p.Destroy(), p.Close()) },
		"nested":  func() error { return nestedPair(m) },
		"a manager travels": func() error {
			c, err := travel[*Manager](m)
			return errors.Join(err, c.Close())
		},
		"a proxy travels": func() error {
			p, err := travel[*Dict[string, int]](d)
			return errors.Join(err, p.Close())
		},
		"a dead proxy travels": func() error {
			p, err := NewLock(m)
			if err != nil {
				return err
			}
			w := new(codec.Wire)
			err = errors.Join(p.share(w), p.Destroy())
			return errors.Join(err, fails(new(Lock).adopt(&codec.Wire{Buf: w.Buf})), p.Close())
		},
		"a proxy of another server": func() error {
			w := new(codec.Wire)
			w.PutString(m.Address())
			w.PutUint64(m.link.server + 1)
			w.PutUint64(d.ref.obj)
			w.PutUint64(0)
			return unless(new(Dict[string, int]).adopt(w), ErrDied)
		},
		"another server": func() error {
			w := new(codec.Wire)
			w.PutString(m.Address())
			w.PutUint64(m.link.server + 1)
			return unless(new(Manager).adopt(w), ErrDied)
		},
		"a SharedMemoryManager without its blocks": func() error {
			b, err := blocksType.New(soon(t), m, struct{}{})
			if err != nil {
				return err
			}
			w := new(codec.Wire)
			err = errors.Join((&SharedMemoryManager{m, b}).share(w), b.Destroy(), b.Close())
			return errors.Join(err, unless(new(SharedMemoryManager).adopt(&codec.Wire{Buf: w.Buf}), ErrReleased))
		},
		"a proxy arrives as another": func() error {
			w := new(codec.Wire)
			err := d.share(w)
			return errors.Join(err, fails(new(Lock).adopt(&codec.Wire{Buf: w.Buf})))
		},
	} {
		before := users()
		for range 3 {
			if err := do(); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if n := users(); n != before {
			t.Errorf("%s: %d users more", name, n-before)
		}
		eventually(t, name+": its objects are gone", func() bool { return must(m.Stats())(t).Objects == 1 })
	}
}

// fails is an error if err is none.
func fails(err error) error {
	if err == nil {
		return errors.New("it did not fail")
	}
	return nil
}

func nestedPair(m *Manager) error {
	outer, err := NewList[*List[int]](m)
	inner, err2 := NewList(m, 1)
	if err := errors.Join(err, err2, outer.Append(inner)); err != nil {
		return err
	}
	again, err := outer.Get(0)
	return errors.Join(err, again.Close(), inner.Close(), outer.Close())
}

// travel sends a value through a pipe.
func travel[T any](v T) (back T, err error) {
	a, b, err := procs.NewPipe(procs.OneWay)
	if err != nil {
		return back, err
	}
	defer a.Close()
	defer b.Close()
	return back, errors.Join(b.Send(v), a.Recv(&back))
}

// A proxy of a manager whose address another one has now is of no use, and one
// of the new manager is.
func TestProxyOfAnotherServer(t *testing.T) {
	m := must(Serve(Config{}))(t)
	old := must(NewLock(m))(t)
	w, mw := new(codec.Wire), new(codec.Wire)
	if err := errors.Join(old.share(w), m.share(mw)); err != nil {
		t.Fatal(err)
	}
	m.Close()
	fresh := must(Serve(Config{Address: m.Address()}))(t)
	defer fresh.Close()
	if err := new(Lock).adopt(w); err != ErrDied {
		t.Error(err)
	}
	if err := new(Manager).adopt(mw); err != ErrDied {
		t.Error(err)
	}
	if err := old.Acquire(soon(t)); err != ErrDied {
		t.Error(err)
	}
	if p, err := travel(must(NewLock(fresh))(t)); err != nil || p.Acquire(soon(t)) != nil {
		t.Error(err)
	}
}

// A message with a proxy in it that is cut short is damaged.
func TestProxyDamaged(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	w, mw := new(codec.Wire), new(codec.Wire)
	if err := errors.Join(must(NewLock(m))(t).share(w), m.share(mw)); err != nil {
		t.Fatal(err)
	}
	for n := range len(w.Buf) {
		if err := new(Lock).adopt(&codec.Wire{Buf: w.Buf[:n]}); !errors.Is(err, codec.ErrWire) {
			t.Errorf("%d of %d bytes: %v", n, len(w.Buf), err)
		}
	}
	for n := range len(mw.Buf) {
		if err := new(Manager).adopt(&codec.Wire{Buf: mw.Buf[:n]}); !errors.Is(err, codec.ErrWire) {
			t.Errorf("%d of %d bytes of a manager: %v", n, len(mw.Buf), err)
		}
	}
	if err := new(Lock).adopt(w); err != nil {
		t.Error(err)
	}
}

// sums is what one kind of number makes of sums, in each object that adds.
func sums[N Number](t *testing.T, m *Manager, a, delta N) {
	t.Helper()
	d, v, r := must(NewDict[int, N](m))(t), must(NewValue(m, a))(t), must(NewArray(m, []N{1, a, 1}))(t)
	if n := must(DictAdd(d, 1, a))(t); n != a {
		t.Errorf("%T: %v for a key that is missing", a, n)
	}
	want := a + delta
	for what, n := range map[string]N{"dict": must(DictAdd(d, 1, delta))(t), "value": must(ValueAdd(v, delta))(t), "array": must(ArrayAdd(r, 1, delta))(t)} {
		if n != want {
			t.Errorf("%T in a %s: %v, not %v", a, what, n, want)
		}
	}
	got, _, err := d.Get(1)
	if err != nil || got != want || must(v.Get())(t) != want {
		t.Errorf("%T: %v, not %v", a, got, want)
	}
	if all := must(r.All())(t); all[0] != 1 || all[1] != want || all[2] != 1 {
		t.Errorf("%T: %v", a, all)
	}
}

// Sums of every kind of number, of either sign, and beyond the largest.
func TestNumbers(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	sums[int](t, m, -5, math.MaxInt)
	sums[int8](t, m, 100, 100)
	sums[int16](t, m, -300, 255)
	sums[int32](t, m, math.MaxInt32, 1)
	sums[int64](t, m, math.MinInt64, -1)
	sums[uint](t, m, 5, math.MaxUint)
	sums[uint8](t, m, 200, 100)
	sums[uint16](t, m, 255, 1)
	sums[uint32](t, m, math.MaxUint32, 2)
	sums[uint64](t, m, 1<<40, 1<<63)
	sums[uintptr](t, m, 7, 1<<50)
	sums[float32](t, m, 0.5, -2.25)
	sums[float64](t, m, 1e300, 1e284)
}

type sender struct {
	M *Manager
	C *procs.Conn
}

var testSendAndEnd = procs.Register("test.sendAndEnd", func(_ context.Context, in sender) (int, error) {
	l, err := NewList(in.M, 7)
	if err != nil {
		return 0, err
	}
	return 0, in.C.Send(l)
})

// An object in a message that nobody has received outlives its sender, but not
// for ever.
func TestReferenceOutlivesSender(t *testing.T) {
	for _, outlive := range []time.Duration{pinsOutlive, time.Millisecond} {
		m := must(Serve(Config{}))(t)
		defer m.Close()
		m.server.mu.Lock()
		m.server.pinsOutlive = outlive
		m.server.mu.Unlock()
		a, b, err := procs.NewPipe(procs.OneWay)
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		defer b.Close()
		proctest.Join(t, proctest.Started(t, procs.NewProcess(testSendAndEnd, sender{m, b}, procs.ProcessConfig{})))
		eventually(t, "the sender has left", func() bool { return must(m.Stats())(t).Clients == 0 })
		var l *List[int]
		if outlive == pinsOutlive {
			if err := a.Recv(&l); err != nil {
				t.Fatal(err)
			}
			if v, err := l.Get(0); v != 7 || err != nil {
				t.Error(v, err)
			}
			l.Close()
		}
		eventually(t, "the object is gone", func() bool { return must(m.Stats())(t).Objects == 0 })
		if outlive != pinsOutlive {
			if err := a.Recv(&l); !errors.Is(err, ErrReleased) {
				t.Error(l, err)
			}
		}
	}
}
