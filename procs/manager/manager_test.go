//go:build linux

package manager

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"switchyard/procs"
)

func testManager(t testing.TB) *Manager {
	t.Helper()
	return managerAt(t, "")
}

func managerAt(t testing.TB, address string) *Manager {
	t.Helper()
	m, err := New(Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		m.Process().Kill() // with the race detector, to exit takes a second
		m.Close()
	})
	return m
}

// managers runs a test with each way to reach a manager.
func managers(t *testing.T, test func(t *testing.T, m *Manager)) {
	t.Run("process", func(t *testing.T) { test(t, testManager(t)) })
	serve := func(t *testing.T, address string) *Manager {
		m, err := Serve(Config{Address: address})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { m.Close() })
		return m
	}
	t.Run("here", func(t *testing.T) { test(t, serve(t, "")) })
	t.Run("tcp", func(t *testing.T) { test(t, managerAt(t, ":0")) })
}

type pair struct{ A, B int32 }

func TestDict(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		d := must(NewDict[string, []int](m))(t)
		for i := range 5 {
			if err := d.Set(fmt.Sprint("k", i), []int{i, i * i}); err != nil {
				t.Fatal(err)
			}
		}
		if v, ok, err := d.Get("k3"); !ok || err != nil || !slices.Equal(v, []int{3, 9}) {
			t.Fatal(v, ok, err)
		}
		if _, ok, err := d.Get("none"); ok || err != nil {
			t.Fatal(ok, err)
		}
		if n := must(d.Len())(t); n != 5 {
			t.Fatal(n)
		}
		if keys := must(d.Keys())(t); !slices.Equal(keys, []string{"k0", "k1", "k2", "k3", "k4"}) {
			t.Fatal(keys)
		}
		if vs := must(d.Values())(t); len(vs) != 5 || vs[4][1] != 16 {
			t.Fatal(vs)
		}
		if items := must(d.Items())(t); len(items) != 5 || items[2].Key != "k2" || items[2].Value[1] != 4 {
			t.Fatal(items)
		}
		if !must(d.Has("k0"))(t) || must(d.Has("x"))(t) {
			t.Fatal("Has")
		}
		if v, ok, err := d.Pop("k0"); !ok || err != nil || v[1] != 0 {
			t.Fatal(v, ok, err)
		}
		if k, v, ok, err := d.PopItem(); k != "k4" || v[0] != 4 || !ok || err != nil {
			t.Fatal(k, v, ok, err)
		}
		if !must(d.Delete("k1"))(t) || must(d.Delete("k1"))(t) {
			t.Fatal("Delete")
		}
		if v, loaded, err := d.SetDefault("k2", nil); !loaded || v[1] != 4 || err != nil {
			t.Fatal(v, loaded, err)
		}
		if v, loaded, err := d.SetDefault("new", []int{7}); loaded || v[0] != 7 || err != nil {
			t.Fatal(v, loaded, err)
		}
		if err := d.Update(map[string][]int{"k2": {1}, "u": {2}}); err != nil {
			t.Fatal(err)
		}
		want := map[string][]int{"k2": {1}, "k3": {3, 9}, "new": {7}, "u": {2}}
		if got := must(d.Copy())(t); !reflect.DeepEqual(got, want) {
			t.Fatal(got)
		}
		if !must(d.CompareAndSwap("u", []int{2}, []int{3}))(t) || must(d.CompareAndSwap("u", []int{2}, nil))(t) {
			t.Fatal("CompareAndSwap")
		}
		if v, err := d.Modify("u", func(old []int, ok bool) ([]int, bool) { return append(old, 4), ok }); !slices.Equal(v, []int{3, 4}) || err != nil {
			t.Fatal(v, err)
		}
		if _, err := d.Modify("u", func([]int, bool) ([]int, bool) { return nil, false }); err != nil || must(d.Has("u"))(t) {
			t.Fatal(err)
		}
		if err := d.Clear(); err != nil || must(d.Len())(t) != 0 {
			t.Fatal(err)
		}
		big := slices.Repeat([]int{1, 2, 3}, 100_000)
		if err := d.Set(strings.Repeat("long key", 10_000), big); err != nil {
			t.Fatal(err)
		}
		if v, ok, err := d.Get(strings.Repeat("long key", 10_000)); !ok || err != nil || !slices.Equal(v, big) {
			t.Fatal(len(v), ok, err)
		}

		p := must(NewDict[pair, float64](m))(t)
		if v := must(DictAdd(p, pair{1, 2}, 0.5))(t); v != 0.5 {
			t.Fatal(v)
		}
		if v := must(DictAdd(p, pair{1, 2}, 0.25))(t); v != 0.75 {
			t.Fatal(v)
		}
		a := must(NewDict[any, any](m))(t)
		a.Set(1, "one")
		a.Set("1", 1.5)
		if v, ok, err := a.Get("1"); v != 1.5 || !ok || err != nil {
			t.Fatal(v, ok, err)
		}
		if _, err := NewDict[struct {
			A int8
			B int64
		}, int](m); !errors.Is(err, procs.ErrEncode) {
			t.Fatal("a key with padding:", err)
		}
		if err := a.Set("f", os.Stdout); !errors.Is(err, procs.ErrEncode) {
			t.Fatal(err)
		}
	})
}

func TestList(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		l := must(NewList(m, 3, 1, 2))(t)
		check := func(want ...int) {
			t.Helper()
			if got := must(l.All())(t); !slices.Equal(got, want) {
				t.Fatal(got, want)
			}
		}
		check(3, 1, 2)
		if v := must(l.Get(-1))(t); v != 2 {
			t.Fatal(v)
		}
		if _, err := l.Get(3); err != ErrIndex {
			t.Fatal(err)
		}
		if err := l.Append(4, 5); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(l.Set(0, 30), l.Insert(1, 9), l.Insert(-1, 8), l.Insert(100, 7)); err != nil {
			t.Fatal(err)
		}
		check(30, 9, 1, 2, 4, 8, 5, 7)
		if v := must(l.Pop(-1))(t); v != 7 {
			t.Fatal(v)
		}
		if v := must(l.Pop(0))(t); v != 30 {
			t.Fatal(v)
		}
		if !must(l.Remove(8))(t) || must(l.Remove(8))(t) {
			t.Fatal("Remove")
		}
		if s := must(l.Slice(1, -1))(t); !slices.Equal(s, []int{1, 2, 4}) {
			t.Fatal(s)
		}
		if err := l.SetSlice(1, 3, []int{6, 6, 6}); err != nil {
			t.Fatal(err)
		}
		check(9, 6, 6, 6, 4, 5)
		if i, n := must(l.Index(6))(t), must(l.Count(6))(t); i != 1 || n != 3 {
			t.Fatal(i, n)
		}
		if i := must(l.Index(77))(t); i != -1 {
			t.Fatal(i)
		}
		if err := l.SortFunc(func(a, b int) int { return a - b }); err != nil {
			t.Fatal(err)
		}
		check(4, 5, 6, 6, 6, 9)
		if err := errors.Join(l.Reverse(), l.Delete(0)); err != nil {
			t.Fatal(err)
		}
		check(6, 6, 6, 5, 4)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 25 {
					l.Modify(func(vs []int) []int { vs[0]++; return vs })
				}
			})
		}
		wg.Wait()
		check(106, 6, 6, 5, 4)
		if s := must(l.Slice(3, 10))(t); !slices.Equal(s, []int{5, 4}) { // as far as there are elements
			t.Fatal(s)
		}
		if s := must(l.Slice(7, 10))(t); len(s) != 0 {
			t.Fatal(s)
		}
		if err := l.Modify(func(vs []int) []int { return append(vs[3:], vs[3:]...) }); err != nil {
			t.Fatal(err)
		}
		check(5, 4, 5, 4)
		if err := l.Clear(); err != nil || must(l.Len())(t) != 0 {
			t.Fatal(err)
		}
		check()
		if _, err := l.Pop(-1); err != ErrIndex {
			t.Fatal(err)
		}
	})
}

// What All, Keys and Items return is a copy: it may be ranged over while the
// object changes.
func TestCopies(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		l := must(NewList(m, 0, 1, 2))(t)
		all := must(l.All())(t)
		var got []int
		for i, v := range all {
			if err := errors.Join(l.Set(0, 100), l.Append(i)); err != nil {
				t.Fatal(err)
			}
			got = append(got, v)
		}
		if !slices.Equal(got, []int{0, 1, 2}) || must(l.Get(0))(t) != 100 || must(l.Len())(t) != 6 {
			t.Error(got, must(l.All())(t))
		}
		d := must(NewDict[int, string](m))(t)
		for i := 65; i < 70; i++ {
			if err := d.Set(i, string(rune(i))); err != nil {
				t.Fatal(err)
			}
		}
		keys, items := must(d.Keys())(t), must(d.Items())(t)
		for range keys {
			if err := d.Clear(); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(keys, []int{65, 66, 67, 68, 69}) || len(items) != 5 || items[4] != (Item[int, string]{69, "E"}) || must(d.Len())(t) != 0 {
			t.Error(keys, items)
		}
	})
}

func init() { // what stands inside of any
	procs.RegisterType[*List[any]]()
	procs.RegisterType[*Dict[string, int]]()
	procs.RegisterType[[]int]()
}

// A list of lists of which one changes; what was taken out; and a list that
// holds itself.
func TestListOfLists(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		outer := must(NewList[*List[int]](m))(t)
		for range 3 {
			if err := outer.Append(must(NewList(m, 0, 1, 2))(t)); err != nil {
				t.Fatal(err)
			}
		}
		inner := func(i int) *List[int] { return must(outer.Get(i))(t) }
		check := func(i int, want ...int) {
			t.Helper()
			if got := must(inner(i).All())(t); !slices.Equal(got, want) {
				t.Error(i, got, want)
			}
		}
		if err := inner(0).Set(-1, 55); err != nil {
			t.Fatal(err)
		}
		check(0, 0, 1, 55)
		check(1, 0, 1, 2)
		if v := must(inner(1).Pop(-1))(t); v != 2 {
			t.Error(v)
		}
		check(0, 0, 1, 55)
		check(1, 0, 1)
		check(2, 0, 1, 2)
		// One that is outside too.
		here := must(NewList(m, 7))(t)
		if err := errors.Join(outer.Append(here), here.Append(8)); err != nil {
			t.Fatal(err)
		}
		check(3, 7, 8)

		own := must(NewList[any](m))(t)
		if err := errors.Join(own.Append(own), own.Append("end")); err != nil {
			t.Fatal(err)
		}
		self, ok := must(own.Get(0))(t).(*List[any])
		if !ok || must(self.Len())(t) != 2 || must(self.Get(1))(t) != "end" {
			t.Error(self)
		}
		if err := errors.Join(self.Close(), own.Close()); err != nil {
			t.Error(err)
		}
	})
}

// Dicts in a dict: both ways to one see the same, and it outlives the dict it
// was found in while somebody has it.
func TestDictOfDicts(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		type dict = Dict[string, int]
		supplies, pets := must(NewDict[string, int](m))(t), must(NewDict[string, int](m))(t)
		d := must(NewDict[string, *dict](m))(t)
		if err := errors.Join(supplies.Update(map[string]int{"water": 10, "feed": 3}), pets.Set("ferrets", 2),
			d.Set("pets", pets), d.Set("supplies", supplies)); err != nil {
			t.Fatal(err)
		}
		get := func(d *dict, key string) int {
			t.Helper()
			v, _, err := d.Get(key)
			return must(v, err)(t)
		}
		in := func(key string) *dict {
			t.Helper()
			v, _, err := d.Get(key)
			return must(v, err)(t)
		}
		if err := in("supplies").Set("blankets", 5); err != nil || get(supplies, "blankets") != 5 || get(in("supplies"), "water") != 10 {
			t.Error(err)
		}
		if err := supplies.Set("water", 7); err != nil || get(in("supplies"), "water") != 7 {
			t.Error(err)
		}
		if err := errors.Join(supplies.Close(), pets.Close()); err != nil { // d keeps them
			t.Error(err)
		}
		if err := in("supplies").Set("blankets", 11); err != nil || get(in("supplies"), "blankets") != 11 || get(in("pets"), "ferrets") != 2 {
			t.Error(err)
		}
		pets, supplies = in("pets"), in("supplies")
		if err := d.Clear(); err != nil || must(d.Len())(t) != 0 || get(supplies, "water") != 7 || get(pets, "ferrets") != 2 {
			t.Error(err)
		}
		l := must(NewList[any](m))(t)
		if err := errors.Join(l.Append([]int{88, 99}, pets), pets.Set("marmots", 1), pets.Close()); err != nil {
			t.Fatal(err)
		}
		plain, _ := must(l.Get(0))(t).([]int)
		shared, _ := must(l.Get(1))(t).(*dict)
		if !slices.Equal(plain, []int{88, 99}) || get(shared, "marmots") != 1 {
			t.Error(plain, shared)
		}
	})
}

func TestNested(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		before := must(m.Stats())(t).Objects
		outer := must(NewList[*List[int]](m))(t)
		for i := range 3 {
			inner := must(NewList(m, i))(t)
			if err := outer.Append(inner); err != nil {
				t.Fatal(err)
			}
			inner.Close() // the outer list keeps it
		}
		all := must(outer.All())(t)
		if err := all[1].Append(10); err != nil {
			t.Fatal(err)
		}
		again := must(outer.Get(1))(t)
		if vs := must(again.All())(t); !slices.Equal(vs, []int{1, 10}) {
			t.Fatal(vs)
		}
		// References end with those who had them.
		for _, l := range all {
			l.Close()
		}
		again.Close()
		if n := must(m.Stats())(t).Objects; n != before+4 {
			t.Fatal(n, before)
		}
		last := must(outer.Pop(-1))(t)
		if err := outer.Clear(); err != nil {
			t.Fatal(err)
		}
		if vs := must(last.All())(t); !slices.Equal(vs, []int{2}) {
			t.Fatal(vs)
		}
		eventually(t, "objects end", func() bool { return must(m.Stats())(t).Objects == before+2 })
		outer.Close()
		last.Close()
		eventually(t, "objects end", func() bool { return must(m.Stats())(t).Objects == before })
		if err := last.Append(1); err != procs.ErrClosed {
			t.Fatal(err)
		}

		// A queue of queues, a dict of dicts, and one object twice.
		q := must(NewQueue[*Queue[string]](m, 0))(t)
		reply := must(NewQueue[string](m, 0))(t)
		if err := errors.Join(q.Put(soon(t), reply), reply.Put(soon(t), "x")); err != nil {
			t.Fatal(err)
		}
		r := must(q.Get(soon(t)))(t)
		if s := must(r.Get(soon(t)))(t); s != "x" {
			t.Fatal(s)
		}
		d := must(NewDict[string, *Dict[string, int]](m))(t)
		in := must(NewDict[string, int](m))(t)
		d.Update(map[string]*Dict[string, int]{"a": in, "b": in})
		va, _, err := d.Get("a")
		vb, _, err2 := d.Get("b")
		if err := errors.Join(err, err2, va.Set("n", 5)); err != nil {
			t.Fatal(err)
		}
		if n, _, _ := vb.Get("n"); n != 5 {
			t.Fatal(n)
		}
		if err := in.Destroy(); err != nil {
			t.Fatal(err)
		}
		if err := va.Set("n", 5); err != ErrReleased {
			t.Fatal(err)
		}
		if err := d.Set("c", in); err != ErrReleased {
			t.Fatal(err)
		}
	})
}

func TestNamespace(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		n := must(NewNamespace(m))(t)
		l := must(NewList(m, "in"))(t)
		if err := errors.Join(n.Set("x", 10), n.Set("y", "hello"), n.Set("z", []float64{1.5}), n.Set("l", l)); err != nil {
			t.Fatal(err)
		}
		var x int
		var l2 *List[string]
		if ok, err := n.Get("x", &x); !ok || err != nil || x != 10 {
			t.Fatal(ok, err, x)
		}
		if ok, err := n.Get("l", &l2); !ok || err != nil || must(l2.Get(0))(t) != "in" {
			t.Fatal(ok, err)
		}
		if _, err := n.Get("y", &x); !errors.Is(err, procs.ErrMessageType) {
			t.Fatal(err)
		}
		if ok, err := n.Get("none", &x); ok || err != nil {
			t.Fatal(ok, err)
		}
		if !must(n.Delete("z"))(t) || must(n.Delete("z"))(t) {
			t.Fatal("Delete")
		}
		if names := must(n.Names())(t); !slices.Equal(names, []string{"l", "x", "y"}) {
			t.Fatal(names)
		}
		var z []float64
		if ok, err := n.Get("z", &z); ok || err != nil {
			t.Fatal(ok, err)
		}
		if err := n.Set("f", func() {}); !errors.Is(err, procs.ErrEncode) {
			t.Fatal(err)
		}
	})
}

func TestValueAndArray(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		v := must(NewValue(m, int32(5)))(t)
		if n := must(ValueAdd(v, -7))(t); n != -2 {
			t.Fatal(n)
		}
		if !must(v.CompareAndSwap(-2, 8))(t) || must(v.CompareAndSwap(-2, 9))(t) {
			t.Fatal("CompareAndSwap")
		}
		if n := must(v.Modify(func(n int32) int32 { return n * 2 }))(t); n != 16 || must(v.Get())(t) != 16 {
			t.Fatal(n)
		}
		s := must(NewValue(m, map[string]int{"a": 1}))(t)
		if err := s.Set(map[string]int{"b": 2}); err != nil || must(s.Get())(t)["b"] != 2 {
			t.Fatal(err)
		}
		a := must(NewArray(m, []float32{0, 1, 2, 3}))(t)
		if err := errors.Join(a.Set(-1, 9), a.SetSlice(0, []float32{7, 7})); err != nil {
			t.Fatal(err)
		}
		if got := must(a.All())(t); !slices.Equal(got, []float32{7, 7, 2, 9}) {
			t.Fatal(got)
		}
		if got := must(a.Slice(1, 3))(t); !slices.Equal(got, []float32{7, 2}) {
			t.Fatal(got)
		}
		if v := must(ArrayAdd(a, 2, 0.5))(t); v != 2.5 || must(a.Get(2))(t) != 2.5 || must(a.Len())(t) != 4 {
			t.Fatal(v)
		}
		if err := a.Set(4, 0); err != ErrIndex {
			t.Fatal(err)
		}
		if err := a.SetSlice(3, []float32{1, 2}); err != ErrIndex {
			t.Fatal(err)
		}
		if _, err := NewArray(m, []string{"x"}); !errors.Is(err, procs.ErrEncode) {
			t.Fatal(err)
		}
	})
}

func TestQueue(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		q := must(NewQueue[string](m, 2))(t)
		if _, err := q.GetNowait(); err != procs.ErrEmpty {
			t.Fatal(err)
		}
		if _, err := q.GetTimeout(10 * time.Millisecond); err != procs.ErrEmpty {
			t.Fatal(err)
		}
		if err := errors.Join(q.PutNowait("a"), q.Put(soon(t), "b")); err != nil {
			t.Fatal(err)
		}
		if !must(q.Full())(t) || must(q.Empty())(t) || must(q.Len())(t) != 2 {
			t.Fatal("Full")
		}
		if err := q.PutNowait("c"); err != procs.ErrFull {
			t.Fatal(err)
		}
		if err := q.PutTimeout("c", 10*time.Millisecond); err != procs.ErrFull {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- q.Put(soon(t), "c") }()
		for _, want := range []string{"a", "b", "c"} {
			if got := must(q.Get(soon(t)))(t); got != want {
				t.Fatal(got, want)
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		go func() { time.Sleep(10 * time.Millisecond); cancel() }()
		if _, err := q.Get(ctx); err != context.Canceled {
			t.Fatal(err)
		}
		q.Put(soon(t), "last")
		if err := q.ShutDown(false); err != nil {
			t.Fatal(err)
		}
		if err := q.Put(soon(t), "x"); err != procs.ErrClosed {
			t.Fatal(err)
		}
		if v := must(q.Get(soon(t)))(t); v != "last" {
			t.Fatal(v)
		}
		if _, err := q.Get(soon(t)); err != procs.ErrClosed {
			t.Fatal(err)
		}

		j := must(NewJoinableQueue[int](m, 0))(t)
		for i := range 10 {
			j.PutNowait(i)
		}
		go func() {
			for range 10 {
				j.Get(soon(t))
				j.TaskDone()
			}
		}()
		if err := j.Join(soon(t)); err != nil {
			t.Fatal(err)
		}
		if err := j.TaskDone(); err != procs.ErrNotHeld {
			t.Fatal(err)
		}
		j.PutNowait(1)
		if err := j.ShutDown(true); err != nil || j.Join(soon(t)) != nil {
			t.Fatal(err)
		}
	})
}

func TestSync(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		e := must(NewEvent(m))(t)
		if must(e.IsSet())(t) || e.WaitTimeout(0) != procs.ErrTimeout || e.WaitTimeout(5*time.Millisecond) != procs.ErrTimeout {
			t.Fatal("set")
		}
		go func() { time.Sleep(5 * time.Millisecond); e.Set() }()
		if err := e.Wait(soon(t)); err != nil || !must(e.IsSet())(t) {
			t.Fatal(err)
		}
		if err := e.Clear(); err != nil || must(e.IsSet())(t) {
			t.Fatal(err)
		}

		l := must(NewLock(m))(t)
		if err := l.Release(); err != procs.ErrNotHeld {
			t.Fatal(err)
		}
		if err := l.Acquire(soon(t)); err != nil {
			t.Fatal(err)
		}
		if ok, err := l.TryAcquire(); ok || err != nil || !must(l.Locked())(t) {
			t.Fatal(ok, err)
		}
		if err := l.AcquireTimeout(5 * time.Millisecond); err != procs.ErrTimeout {
			t.Fatal(err)
		}
		if err := l.Release(); err != nil {
			t.Fatal(err)
		}
		n := 0
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 50 {
					l.Acquire(context.Background())
					n++
					l.Release()
				}
			})
		}
		wg.Wait()
		if n != 200 {
			t.Fatal(n)
		}

		r := must(NewRLock(m))(t)
		if err := errors.Join(r.Acquire(soon(t)), r.Acquire(soon(t))); err != nil {
			t.Fatal(err)
		}
		other := make(chan error)
		go func() {
			_, err := r.TryAcquire()
			other <- errors.Join(err, r.AcquireTimeout(time.Millisecond))
		}()
		if err := <-other; !errors.Is(err, procs.ErrTimeout) {
			t.Fatal(err)
		}
		go func() { other <- r.Release() }()
		if err := <-other; err != procs.ErrNotHeld {
			t.Fatal(err)
		}
		if err := errors.Join(r.Release(), r.Release()); err != nil {
			t.Fatal(err)
		}
		if err := r.Release(); err != procs.ErrNotHeld || must(r.Locked())(t) {
			t.Fatal(err)
		}

		s := must(NewSemaphore(m, 2))(t)
		if err := errors.Join(s.Acquire(soon(t)), s.Acquire(soon(t))); err != nil {
			t.Fatal(err)
		}
		if ok, err := s.TryAcquire(); ok || err != nil || must(s.Value())(t) != 0 {
			t.Fatal(ok, err)
		}
		if err := s.ReleaseN(3); err != nil || must(s.Value())(t) != 3 {
			t.Fatal(err)
		}
		b := must(NewBoundedSemaphore(m, 1))(t)
		if err := b.Acquire(soon(t)); err != nil || b.Release() != nil || b.Release() != procs.ErrNotHeld {
			t.Fatal(err)
		}
		if _, err := NewBoundedSemaphore(m, 0); err == nil {
			t.Fatal("no permits")
		}
	})
}

func TestCondition(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		c := must(NewCondition(m))(t)
		if err := c.Wait(soon(t)); err != procs.ErrNotHeld {
			t.Fatal(err)
		}
		if err := c.Notify(1); err != procs.ErrNotHeld {
			t.Fatal(err)
		}
		c.Acquire(soon(t))
		c.Acquire(soon(t))
		if err := c.WaitTimeout(5 * time.Millisecond); err != procs.ErrTimeout {
			t.Fatal(err)
		}
		if err := errors.Join(c.Release(), c.Release()); err != nil { // held as often as before
			t.Fatal(err)
		}
		var woken atomic.Int32
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				c.Acquire(context.Background())
				if err := c.Wait(soon(t)); err == nil {
					woken.Add(1)
				}
				c.Release()
			})
		}
		eventually(t, "waiters", func() bool { return must(c.Waiting())(t) == 6 })
		notify := func(n int) {
			c.Acquire(soon(t))
			if err := c.Notify(n); err != nil {
				t.Error(err)
			}
			c.Release()
		}
		notify(1)
		eventually(t, "waiters", func() bool { return woken.Load() == 1 })
		notify(2)
		eventually(t, "waiters", func() bool { return woken.Load() == 3 })
		c.Acquire(soon(t))
		c.NotifyAll()
		c.Release()
		wg.Wait()
		if woken.Load() != 6 {
			t.Fatal(woken.Load())
		}
		n := 0
		go func() {
			for range 4 {
				c.Acquire(context.Background())
				n++
				c.NotifyAll()
				c.Release()
			}
		}()
		c.Acquire(soon(t))
		if err := c.WaitFor(soon(t), func() bool { return n == 4 }); err != nil {
			t.Fatal(err)
		}
		if err := c.WaitForTimeout(5*time.Millisecond, func() bool { return false }); err != procs.ErrTimeout {
			t.Fatal(err)
		}
		c.Release()
	})
}

func TestBarrier(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		b := must(NewBarrier(m, 3))(t)
		var mu sync.Mutex
		seen := map[int]int{}
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for range 10 {
					i, err := b.Wait(soon(t))
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					seen[i]++
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if !maps.Equal(seen, map[int]int{0: 10, 1: 10, 2: 10}) {
			t.Fatal(seen)
		}
		other := make(chan error)
		go func() { _, err := b.Wait(soon(t)); other <- err }()
		eventually(t, "waiters", func() bool { return must(b.Waiting())(t) == 1 })
		if _, err := b.WaitTimeout(5 * time.Millisecond); !errors.Is(err, procs.ErrTimeout) || !errors.Is(err, procs.ErrBrokenBarrier) {
			t.Fatal(err)
		}
		if err := <-other; err != procs.ErrBrokenBarrier || !must(b.Broken())(t) {
			t.Fatal(err)
		}
		if _, err := b.Wait(soon(t)); err != procs.ErrBrokenBarrier {
			t.Fatal(err)
		}
		if err := b.Reset(); err != nil || must(b.Broken())(t) || must(b.Parties())(t) != 3 {
			t.Fatal(err)
		}
		go func() { _, err := b.Wait(soon(t)); other <- err }()
		eventually(t, "waiters", func() bool { return must(b.Waiting())(t) == 1 })
		if err := b.Abort(); err != nil || <-other != procs.ErrBrokenBarrier {
			t.Fatal(err)
		}
	})
}

func TestPool(t *testing.T) {
	m := testManager(t)
	p := must(NewPool(m, procs.PoolConfig{Workers: 2}))(t)
	if v, err := Apply(soon(t), p, testSquare, 12); v != 144 || err != nil {
		t.Fatal(v, err)
	}
	xs := make([]int, 100)
	for i := range xs {
		xs[i] = i
	}
	vs := must(Map(soon(t), p, testSquare, xs))(t)
	if len(vs) != 100 || vs[99] != 99*99 {
		t.Fatal(vs)
	}
	_, err := Map(soon(t), p, testFailAt, xs)
	var e *procs.RemoteError
	if !errors.As(err, &e) || e.Index != 57 || e.Message != "57 is bad" || !errors.Is(err, os.ErrExist) {
		t.Fatalf("%+v", err)
	}
	if _, err := Apply(soon(t), p, testExit, 3); !errors.Is(err, procs.ErrWorkerDied) {
		t.Fatal(err)
	}
	// Another process gives it work.
	join(t, run(t, testUsePool, p))
	if err := errors.Join(p.CloseTasks(), p.Join(soon(t))); err != nil {
		t.Fatal(err)
	}
	if _, err := Apply(soon(t), p, testSquare, 1); !errors.Is(err, procs.ErrClosed) {
		t.Fatal(err)
	}
}

type failAt struct{ msg string }

func (f failAt) Error() string { return f.msg }
func (f failAt) Unwrap() error { return os.ErrExist }

var testFailAt = procs.Register("test.manager.failAt", func(_ context.Context, i int) (int, error) {
	if i == 57 {
		return 0, failAt{"57 is bad"}
	}
	return i, nil
})

var testUsePool = procs.Register("test.manager.usePool", func(ctx context.Context, p *Pool) (int, error) {
	v, err := Apply(ctx, p, testSquare, 5)
	if v != 25 {
		err = errors.Join(err, fmt.Errorf("got %d", v))
	}
	return 0, err
})

// maths is a type of the test's own.
type maths struct {
	mu     sync.Mutex
	sum    int
	closed chan<- struct{}
}

func (m *maths) Add(_ context.Context, n int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sum += n
	return m.sum, nil
}

func (m *maths) Fail(_ context.Context, how string) (struct{}, error) {
	switch how {
	case "panic":
		panic("on purpose")
	case "sentinel":
		return struct{}{}, fmt.Errorf("wrapped: %w", errTestSentinel)
	}
	return struct{}{}, errors.New(how)
}

// List makes a further managed object, from within.
func (m *maths) List(ctx context.Context, more *List[int]) (*List[int], error) {
	l, err := NewList(Of(ctx), m.sum)
	if err == nil {
		err = more.Append(m.sum)
	}
	return l, err
}

func (m *maths) Block(ctx context.Context, _ struct{}) (struct{}, error) {
	<-ctx.Done()
	return struct{}{}, ctx.Err()
}

func (m *maths) Close() error {
	if m.closed != nil {
		close(m.closed)
	}
	return nil
}

var errTestSentinel = errors.New("test sentinel")

func init() { procs.RegisterError("test.manager.sentinel", errTestSentinel) }

var (
	testMaths = Register("test.maths", func(_ context.Context, start int) (*maths, error) {
		if start < 0 {
			return nil, errTestSentinel
		}
		return &maths{sum: start}, nil
	})
	mathsAdd   = RegisterMethod(testMaths, "Add", (*maths).Add)
	mathsFail  = RegisterMethod(testMaths, "Fail", (*maths).Fail)
	mathsList  = RegisterMethod(testMaths, "List", (*maths).List)
	mathsBlock = RegisterMethod(testMaths, "Block", (*maths).Block)

	testMathsChild = procs.Register("test.manager.maths", func(ctx context.Context, p *Object[*maths]) (int, error) {
		_, err := mathsAdd.Call(ctx, p, 100)
		return 0, err
	})
)

func TestCustom(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		p := must(testMaths.New(soon(t), m, 7))(t)
		if v := must(mathsAdd.Call(soon(t), p, 3))(t); v != 10 {
			t.Fatal(v)
		}
		join(t, run(t, testMathsChild, p))
		if v := must(mathsAdd.Call(soon(t), p, 1))(t); v != 111 {
			t.Fatal(v)
		}
		var e *procs.RemoteError
		if _, err := mathsFail.Call(soon(t), p, "just text"); !errors.As(err, &e) || e.Message != "just text" {
			t.Fatal(err)
		}
		if _, err := mathsFail.Call(soon(t), p, "panic"); !errors.As(err, &e) || !e.Panic || e.Message != "on purpose" || !strings.Contains(e.Stack, "maths") {
			t.Fatal(err)
		}
		if _, err := mathsFail.Call(soon(t), p, "sentinel"); !errors.Is(err, errTestSentinel) {
			t.Fatal(err)
		}
		if _, err := testMaths.New(soon(t), m, -1); !errors.Is(err, errTestSentinel) {
			t.Fatal(err)
		}
		more := must(NewList[int](m))(t)
		l := must(mathsList.Call(soon(t), p, more))(t)
		if a, b := must(l.All())(t), must(more.All())(t); !slices.Equal(a, []int{111}) || !slices.Equal(b, a) {
			t.Fatal(a, b)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if _, err := mathsBlock.Call(ctx, p, struct{}{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	})
}

func TestCustomPut(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	closed := make(chan struct{})
	p := must(testMaths.Put(m, &maths{sum: 1, closed: closed}))(t)
	join(t, run(t, testMathsChild, p))
	if v := must(mathsAdd.Call(soon(t), p, 0))(t); v != 101 {
		t.Fatal(v)
	}
	p.Close()
	<-closed // with its last reference
	if _, err := testMaths.Put(testManager(t), new(maths)); err == nil {
		t.Fatal("put into a manager elsewhere")
	}
}

var _ = syscall.SIGKILL
