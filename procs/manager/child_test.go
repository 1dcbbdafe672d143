//go:build linux

package manager

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"

	"switchyard/procs"
	"switchyard/procs/connection"
)

// family is one object of each type, as a child gets them.
type family struct {
	Event     *Event
	Lock      *Lock
	RLock     *RLock
	Semaphore *Semaphore
	Bounded   *BoundedSemaphore
	Condition *Condition
	Barrier   *Barrier
	Pool      *Pool
	Queue     *Queue[int]
	Joinable  *JoinableQueue[int]
	List      *List[int]
	Dict      *Dict[string, int]
	Value     *Value[int]
	Array     *Array[int]
	Namespace *Namespace

	Done, Go *Event // the child has done its part; it may end
}

// want is an error unless got is what it should be.
func want[T comparable](what string, got, should T, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if got != should {
		return fmt.Errorf("%s: %v, not %v", what, got, should)
	}
	return nil
}

func wantAll[T comparable](what string, got []T, err error, should ...T) error {
	if err == nil && !slices.Equal(got, should) {
		err = fmt.Errorf("%v, not %v", got, should)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// childWork is what the child does with each object: what CPython's tests do
// there.
func childWork(ctx context.Context, f *family) error {
	set, err := f.Event.IsSet()
	errs := []error{want("Event", set, true, err), f.Event.Wait(ctx), f.Event.Clear()}
	add := func(more ...error) { errs = append(errs, more...) }

	add(f.Lock.Acquire(ctx))
	locked, err := f.Lock.Locked()
	add(want("Lock.Locked", locked, true, err))
	add(f.RLock.Acquire(ctx), f.RLock.Acquire(ctx), f.RLock.Release(), f.RLock.Release())
	add(f.Semaphore.Acquire(ctx), f.Bounded.Acquire(ctx))
	add(f.Condition.Acquire(ctx), f.Condition.Release())
	n, err := f.Barrier.Parties()
	add(want("Barrier.Parties", n, 5, err), f.Barrier.Reset())
	n, err = Apply(ctx, f.Pool, testSquare, 7)
	add(want("Pool", n, 49, err))

	for _, q := range []interface {
		Len() (int, error)
		Full() (bool, error)
		Empty() (bool, error)
		Get(context.Context) (int, error)
	}{f.Queue, f.Joinable} {
		n, err = q.Len()
		add(want("Queue.Len", n, 2, err))
		full, err := q.Full()
		add(want("Queue.Full", full, true, err))
		empty, err := q.Empty()
		add(want("Queue.Empty", empty, false, err))
		n, err = q.Get(ctx)
		add(want("Queue.Get", n, 5, err))
		n, err = q.Get(ctx)
		add(want("Queue.Get", n, 6, err))
		empty, err = q.Empty()
		add(want("Queue.Empty", empty, true, err))
	}
	add(f.Joinable.TaskDone(), f.Joinable.TaskDone())

	n, err = f.List.Get(0)
	add(want("List.Get", n, 5, err))
	n, err = f.List.Count(5)
	add(want("List.Count", n, 1, err))
	n, err = f.List.Index(5)
	add(want("List.Index", n, 0, err), f.List.SortFunc(func(a, b int) int { return a - b }), f.List.Reverse())
	all, err := f.List.All()
	add(wantAll("List.All", all, err, 5))
	n, err = f.List.Pop(0)
	add(want("List.Pop", n, 5, err))

	n, _, err = f.Dict.Get("foo")
	add(want("Dict.Get", n, 5, err))
	items, err := f.Dict.Items()
	add(wantAll("Dict.Items", items, err, Item[string, int]{"foo", 5}))
	keys, err := f.Dict.Keys()
	add(wantAll("Dict.Keys", keys, err, "foo"))
	values, err := f.Dict.Values()
	add(wantAll("Dict.Values", values, err, 5))
	dict, err := f.Dict.Copy()
	add(want("Dict.Copy", fmt.Sprint(dict), "map[foo:5]", err))
	key, n, _, err := f.Dict.PopItem()
	add(want("Dict.PopItem", fmt.Sprint(key, n), "foo5", err))

	n, err = f.Value.Get()
	add(want("Value.Get", n, 1, err), f.Value.Set(2))
	all, err = f.Array.All()
	add(wantAll("Array.All", all, err, 0, 1))
	n, err = f.Array.Get(1)
	add(want("Array.Get", n, 1, err))
	var x, y int
	_, err = f.Namespace.Get("x", &x)
	_, err2 := f.Namespace.Get("y", &y)
	add(want("Namespace", fmt.Sprint(x, y), "0 1", errors.Join(err, err2)))
	return errors.Join(errs...)
}

var testChildWork = procs.Register("test.manager.childWork", func(ctx context.Context, f *family) (int, error) {
	err := childWork(ctx, f)
	return 0, errors.Join(err, f.Done.Set(), f.Go.Wait(ctx))
})

// Objects of every type are passed to a child, which does with them what
// CPython's tests do. The parent sees what it did, and releases what the child
// holds.
func TestObjectsInChild(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		f := &family{
			Event: must(NewEvent(m))(t), Lock: must(NewLock(m))(t), RLock: must(NewRLock(m))(t), Semaphore: must(NewSemaphore(m, 1))(t),
			Bounded: must(NewBoundedSemaphore(m, 1))(t), Condition: must(NewCondition(m))(t), Barrier: must(NewBarrier(m, 5))(t),
			Pool: must(NewPool(m, procs.PoolConfig{Workers: 2}))(t), Queue: must(NewQueue[int](m, 2))(t), Joinable: must(NewJoinableQueue[int](m, 2))(t),
			List: must(NewList(m, 5))(t), Dict: must(NewDict[string, int](m))(t), Value: must(NewValue(m, 1))(t),
			Array: must(NewArray(m, []int{0, 1}))(t), Namespace: must(NewNamespace(m))(t), Done: must(NewEvent(m))(t), Go: must(NewEvent(m))(t),
		}
		ctx := soon(t)
		if err := errors.Join(f.Event.Set(), f.Queue.Put(ctx, 5), f.Queue.Put(ctx, 6), f.Joinable.Put(ctx, 5), f.Joinable.Put(ctx, 6),
			f.Dict.Set("foo", 5), f.Namespace.Set("x", 0), f.Namespace.Set("y", 1)); err != nil {
			t.Fatal(err)
		}
		p := run(t, testChildWork, f)
		if err := f.Done.Wait(ctx); err != nil {
			t.Fatal(err)
		}
		if must(f.Event.IsSet())(t) || must(f.List.Len())(t) != 0 || must(f.Dict.Len())(t) != 0 || must(f.Value.Get())(t) != 2 ||
			!must(f.Queue.Empty())(t) || must(f.Queue.Full())(t) {
			t.Error("not what the child should have left")
		}
		if ok, err := f.Semaphore.TryAcquire(); ok || err != nil {
			t.Error(ok, err)
		}
		if err := errors.Join(f.Joinable.Join(ctx), f.Lock.Release(), f.Semaphore.Release(), f.Bounded.Release()); err != nil {
			t.Error(err)
		}
		if err := f.Lock.Release(); err != procs.ErrNotHeld {
			t.Error(err)
		}
		if err := f.Bounded.Release(); err != procs.ErrNotHeld {
			t.Error(err)
		}
		if err := f.Go.Set(); err != nil {
			t.Fatal(err)
		}
		join(t, p)
		if err := f.Pool.Terminate(ctx); err != nil {
			t.Error(err)
		}
	})
}

// squares is an iterator of the test's own, whose place is in the manager.
type squares struct{ next, end int }

func (s *squares) Next(context.Context, struct{}) (step struct {
	Value int
	OK    bool
}, err error) {
	step.Value, step.OK = s.next*s.next, s.next < s.end
	s.next++
	return step, nil
}

var (
	testSquares = Register("test.squares", func(_ context.Context, n int) (*squares, error) { return &squares{end: n}, nil })
	squaresNext = RegisterMethod(testSquares, "Next", (*squares).Next)
)

// A manager with types of one's own: results, errors, and iteration that stays
// in the manager. Close ends its process well.
func TestOwnTypes(t *testing.T) {
	m := must(New(Config{}))(t)
	defer m.Close()
	p := must(testMaths.New(soon(t), m, 1))(t)
	if v := must(mathsAdd.Call(soon(t), p, 2))(t); v != 3 {
		t.Fatal(v)
	}
	if _, err := mathsFail.Call(soon(t), p, "sentinel"); !errors.Is(err, errTestSentinel) {
		t.Fatal(err)
	}
	var got []int
	for it := must(testSquares.New(soon(t), m, 10))(t); ; {
		step := must(squaresNext.Call(soon(t), it, struct{}{}))(t)
		if !step.OK {
			break
		}
		got = append(got, step.Value)
	}
	if !slices.Equal(got, []int{0, 1, 4, 9, 16, 25, 36, 49, 64, 81}) {
		t.Fatal(got)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if code, ok := m.Process().ExitCode(); code != 0 || !ok {
		t.Fatal(code, ok)
	}
}

// remoteValues go through a queue of any.
var remoteValues = []any{"hello world", nil, true, 2.25, "hall\u00e5 v\u00e4rlden", "\u043f\u0440\u0438\u0432\u0456\u0442", []byte("hall\xe5 v\xe4rlden")}

var testPutHello = procs.Register("test.manager.putHello", func(ctx context.Context, address string) (int, error) {
	m, err := Connect(ctx, address, Config{AuthKey: []byte("restart")})
	if err != nil {
		return 0, err
	}
	defer m.Close()
	q, err := Lookup[*Queue[any]](m, "get_queue")
	if err != nil {
		return 0, err
	}
	if err := q.Put(ctx, func() {}); !errors.Is(err, procs.ErrEncode) {
		return 0, fmt.Errorf("a function: %w", err)
	}
	return 0, q.Put(ctx, remoteValues)
})

// A manager at a TCP port is used by another process, stopped, and started
// again at the same port, at once.
func TestRestartTCP(t *testing.T) {
	address := "127.0.0.1:0"
	for range 3 {
		m := must(New(Config{Address: address, AuthKey: []byte("restart")}))(t)
		address = m.Address()
		q := must(NewQueue[any](m, 0))(t)
		if err := Publish(m, "get_queue", q); err != nil {
			t.Fatal(err)
		}
		p := run(t, testPutHello, address)
		v := must(q.Get(soon(t)))(t)
		if !reflect.DeepEqual(v, any(remoteValues)) {
			t.Fatal(v)
		}
		join(t, p)
		if err := m.Shutdown(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
}

// Queues inside of a list and of a dict.
func TestQueueInContainers(t *testing.T) {
	managers(t, func(t *testing.T, m *Manager) {
		l := must(NewList(m, must(NewQueue[int](m, 0))(t)))(t)
		d := must(NewDict[int, *Queue[int]](m))(t)
		if err := d.Set(0, must(NewQueue[int](m, 0))(t)); err != nil {
			t.Fatal(err)
		}
		first := func() *Queue[int] { return must(l.Get(0))(t) }
		zero := func() *Queue[int] { q, _, err := d.Get(0); return must(q, err)(t) }
		if err := errors.Join(first().PutNowait(123), zero().PutNowait(456)); err != nil {
			t.Fatal(err)
		}
		if a, b := must(first().GetNowait())(t), must(zero().GetNowait())(t); a != 123 || b != 456 {
			t.Fatal(a, b)
		}
	})
}

var testSentinels = procs.Register("test.manager.sentinels", func(_ context.Context, i int) (int, error) {
	return 0, fmt.Errorf("wrapped: %w", travellers[i])
})

var travellers = []error{ErrDied, ErrReleased, ErrIndex, connection.ErrAuthentication, connection.ErrAddress}

// The sentinels of this package, and of package connection, are themselves in
// other processes.
func TestErrorsTravel(t *testing.T) {
	m := testManager(t)
	p := must(NewPool(m, procs.PoolConfig{Workers: 1}))(t) // so they cross two borders
	for i, sentinel := range travellers {
		if _, err := Apply(soon(t), p, testSentinels, i); !errors.Is(err, sentinel) {
			t.Errorf("%v arrived as %v", sentinel, err)
		}
	}
	if err := p.Terminate(soon(t)); err != nil {
		t.Fatal(err)
	}
}
