//go:build linux

package manager

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"switchyard/procs"
	"switchyard/procs/internal/proctest/wait"
)

// unknown cannot travel inside an interface: nobody registered it.
type unknown struct{ N int }

var (
	testTakesAny = procs.Register("test.manager.takesAny", func(context.Context, any) (int, error) { return 0, nil })
	testAnything = Register("test.anything", func(_ context.Context, v any) (*unknown, error) { return new(unknown), nil })
	anythingIs   = RegisterMethod(testAnything, "Is", func(*unknown, context.Context, any) (int, error) { return 0, nil })
)

// What cannot travel is refused before the manager hears of it, by whichever
// method it would go, and nothing is changed.
func TestRefused(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	d := must(NewDict[any, any](m))(t)
	numbers := must(NewDict[any, int](m))(t)
	l := must(NewList[any](m, 1, 2))(t)
	q := must(NewQueue[any](m, 0))(t)
	v := must(NewValue[any](m, 1))(t)
	n := must(NewNamespace(m))(t)
	a := must(NewArray(m, []int32{1, 2, 3}))(t)
	for _, v := range []any{d, numbers, l, q, n} {
		defer v.(interface{ Close() error }).Close()
	}
	bad, ctx := unknown{1}, soon(t)
	of := must(testAnything.New(ctx, m, 1))(t)
	pool := must(NewPool(m, procs.PoolConfig{Workers: 1}))(t)
	defer pool.Terminate(ctx)
	before := must(m.Stats())(t).Objects
	if err := d.Set("k", 1); err != nil {
		t.Fatal(err)
	}
	for name, call := range map[string]func(bad any) error{
		"Dict.Set":             func(v any) error { return d.Set("k", v) },
		"Dict.Set, key":        func(v any) error { return d.Set(v, 1) },
		"Dict.Get, key":        func(v any) error { _, _, err := d.Get(v); return err },
		"Dict.SetDefault":      func(v any) error { _, _, err := d.SetDefault("other", v); return err },
		"Dict.SetDefault, key": func(v any) error { _, _, err := d.SetDefault(v, 1); return err },
		"Dict.Update":          func(v any) error { return d.Update(map[any]any{"other": v}) },
		"Dict.Update, key":     func(v any) error { return d.Update(map[any]any{v: 1}) },
		"Dict.CompareAndSwap":  func(v any) error { _, err := d.CompareAndSwap("k", 1, v); return err },
		"Dict.CompareAndSwap, old": func(v any) error {
			_, err := d.CompareAndSwap("k", v, 2)
			return err
		},
		"Dict.Modify":   func(v any) error { _, err := d.Modify("k", func(any, bool) (any, bool) { return v, true }); return err },
		"DictAdd, key":  func(v any) error { _, err := DictAdd(numbers, v, 1); return err },
		"List.Append":   func(v any) error { return l.Append(v) },
		"List.Set":      func(v any) error { return l.Set(0, v) },
		"Queue.Put":     func(v any) error { return q.Put(ctx, v) },
		"Value.Set":     func(x any) error { return v.Set(x) },
		"Namespace.Set": func(v any) error { return n.Set("other", []any{v}) },
		"Publish":       func(v any) error { return Publish(m, "other", v) },

		"NewValue":       func(v any) error { _, err := NewValue(m, v); return err },
		"NewList":        func(v any) error { _, err := NewList(m, 1, v); return err },
		"List.Insert":    func(v any) error { return l.Insert(0, v) },
		"List.SetSlice":  func(v any) error { return l.SetSlice(0, 1, []any{1, v}) },
		"List.Modify":    func(v any) error { return l.Modify(func(vs []any) []any { return append(vs, v) }) },
		"List.Index":     func(v any) error { _, err := l.Index(v); return err },
		"List.Count":     func(v any) error { _, err := l.Count(v); return err },
		"List.Remove":    func(v any) error { _, err := l.Remove(v); return err },
		"Queue.PutLimit": func(v any) error { return q.PutTimeout(v, wait.Patience) },
		"Queue.PutNow":   func(v any) error { return q.PutNowait(v) },
		"Value.CompareAndSwap": func(x any) error {
			_, err := v.CompareAndSwap(1, x)
			return err
		},
		"Value.CompareAndSwap, old": func(x any) error {
			_, err := v.CompareAndSwap(x, 1)
			return err
		},
		"Value.Modify": func(x any) error { _, err := v.Modify(func(any) any { return x }); return err },
		"Type.New":     func(v any) error { _, err := testAnything.New(ctx, m, v); return err },
		"Method.Call":  func(v any) error { _, err := anythingIs.Call(ctx, of, v); return err },
		"Apply":        func(v any) error { _, err := Apply(ctx, pool, testTakesAny, v); return err },
		"Map":          func(v any) error { _, err := Map(ctx, pool, testTakesAny, []any{1, v}); return err },
		"NewPool": func(v any) error {
			_, err := NewPool(m, procs.PoolConfig{Workers: 1, Initializer: procs.NewInitializer(testTakesAny, v)})
			return err
		},
	} {
		for _, bad := range []any{bad, func() {}, os.Stdout} {
			if strings.HasSuffix(name, " key") && bad != any(unknown{1}) && bad != any(os.Stdout) {
				continue // not even a map of the program's takes it
			}
			if err := call(bad); !errors.Is(err, procs.ErrEncode) {
				t.Errorf("%s of a %T: %v", name, bad, err)
			}
		}
	}
	if n := must(m.Stats())(t).Objects; n != before {
		t.Errorf("%d objects more", n-before)
	}
	if got := must(d.Copy())(t); len(got) != 1 || got["k"] != 1 {
		t.Error(got)
	}
	if got := must(l.All())(t); len(got) != 2 || got[0] != 1 || got[1] != 2 {
		t.Error(got)
	}
	if names := must(n.Names())(t); len(names) != 0 {
		t.Error(names)
	}
	if x := must(v.Get())(t); x != 1 || must(q.Len())(t) != 0 || must(numbers.Len())(t) != 0 {
		t.Error(x)
	}
	if _, err := Lookup[any](m, "other"); err == nil {
		t.Error("it was published")
	}

	second := func(_ any, err error) error { return err }
	for _, c := range []struct {
		err  error
		want string
	}{
		{second(NewDict[*int, int](m)), "*int cannot be a key of a manager's dict: pointers mean nothing elsewhere"},
		{second(NewDict[[2]*int, int](m)), "*int cannot be a key of a manager's dict: pointers mean nothing elsewhere"},
		{second(NewDict[struct {
			A int
			B [1]struct{ C *int }
		}, int](m)), "*int cannot be a key of a manager's dict: pointers mean nothing elsewhere"},
		{second(NewDict[[2]struct {
			A int8
			B int16
		}, int](m)), "has padding; reorder its fields, or use a string"},
		{second(NewDict[chan int, int](m)), "chan int"},
		{second(NewDict[int, chan int](m)), "chan int"},
		{second(NewList[chan int](m)), "chan int"},
		{second(NewArray(m, []chan int{nil})), "chan int"},
		{second(NewArray(m, []string{""})), "elements of an array must have a fixed size, and string has not"},
		{second(NewArray(m, []struct{}{{}})), "elements of an array must have a fixed size, and struct {} has not"},
		{Publish(m, "c", make(chan int)), "chan int"},
		{second(Lookup[chan int](m, "c")), "chan int"},
		{n.Set("c", make(chan int)), "chan int"},
		{n.Set("c", nil), "nil has no type"},
		{second(n.Get("c", new(chan int))), "chan int"},
	} {
		if !errors.Is(c.err, procs.ErrEncode) || !strings.Contains(c.err.Error(), c.want) {
			t.Errorf("%v, not %q", c.err, c.want)
		}
	}
	for _, at := range [][2]int{{-1, 1}, {2, 1}, {0, 4}, {4, 4}, {3, 4}} {
		if vs, err := a.Slice(at[0], at[1]); vs != nil || !errors.Is(err, ErrIndex) {
			t.Errorf("%v: %v %v", at, vs, err)
		}
	}
	for _, at := range [][2]int{{0, 3}, {3, 3}, {1, 2}} {
		if vs, err := a.Slice(at[0], at[1]); len(vs) != at[1]-at[0] || err != nil || len(vs) > 0 && vs[0] != int32(at[0]+1) {
			t.Errorf("%v: %v %v", at, vs, err)
		}
	}
	empty := must(NewDict[string, int](m))(t)
	if k, v, ok, err := empty.PopItem(); k != "" || v != 0 || ok || err != nil {
		t.Error(k, v, ok, err)
	}
}
