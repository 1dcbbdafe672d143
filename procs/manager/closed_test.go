//go:build linux

package manager

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/proctest"
)

// proxies are one of each type in m.
func proxies(t *testing.T, m *Manager) []any {
	return []any{
		must(NewDict[string, int](m))(t), must(NewList[int](m))(t), must(NewNamespace(m))(t), must(NewValue(m, 0))(t),
		must(NewArray(m, []int{1}))(t), must(NewQueue[int](m, 0))(t), must(NewJoinableQueue[int](m, 0))(t), must(NewEvent(m))(t),
		must(NewLock(m))(t), must(NewRLock(m))(t), must(NewSemaphore(m, 1))(t), must(NewBoundedSemaphore(m, 1))(t),
		must(NewCondition(m))(t), must(NewBarrier(m, 2))(t), must(NewPool(m, procs.PoolConfig{Workers: 1}))(t),
		must(testMaths.New(soon(t), m, 0))(t),
	}
}

// eachMethod calls every method of a proxy that returns an error, besides
// Close.
func eachMethod(t *testing.T, p any, check func(name string, err error)) {
	t.Helper()
	proctest.EachMethod(t, soon(t), p, func(name string, in reflect.Type) any {
		switch {
		case name == "Set" && in == reflect.TypeFor[any]():
			return 1
		case name == "Get" && in == reflect.TypeFor[any]():
			return new(int)
		}
		return nil
	}, check)
}

// Every method of a proxy that was closed, or never was one, says so; Close may
// be called again, and String of one that is none.
func TestProxyClosed(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	for _, p := range proxies(t, m) {
		none := reflect.New(reflect.TypeOf(p).Elem()).Interface()
		typ := strings.TrimPrefix(reflect.TypeOf(p).String(), "*")
		name, _, _ := strings.Cut(typ, "[")
		if s := fmt.Sprint(none); !strings.Contains(s, sayAs(name)) || !strings.HasSuffix(s, " closed>") {
			t.Errorf("%T: %q", p, s)
		}
		if s := fmt.Sprint(p); !strings.Contains(s, sayAs(name)) || !strings.HasSuffix(s, " at "+m.Address()+">") {
			t.Errorf("%T: %q", p, s)
		}
		for range 2 {
			if err := errors.Join(p.(interface{ Close() error }).Close(), none.(interface{ Close() error }).Close()); err != nil {
				t.Errorf("%T.Close: %v", p, err)
			}
		}
		for _, gone := range []any{p, none} {
			eachMethod(t, gone, func(name string, err error) {
				if err != procs.ErrClosed {
					t.Errorf("%s: %v", name, err)
				}
			})
			if err := gone.(handle).share(new(codec.Wire)); err != procs.ErrClosed {
				t.Errorf("%T travels: %v", gone, err)
			}
		}
	}
	if _, err := Apply(soon(t), new(Pool), testSquare, 1); err != procs.ErrClosed {
		t.Error(err)
	}
	if _, err := Map(soon(t), new(Pool), testSquare, []int{1}); err != procs.ErrClosed {
		t.Error(err)
	}
	if _, err := mathsAdd.Call(soon(t), new(Object[*maths]), 1); err != procs.ErrClosed {
		t.Error(err)
	}
	if _, err := DictAdd(new(Dict[int, int]), 1, 1); err != procs.ErrClosed {
		t.Error(err)
	}
	if _, err := ValueAdd(new(Value[int]), 1); err != procs.ErrClosed {
		t.Error(err)
	}
	if _, err := ArrayAdd(new(Array[int]), 1, 1); err != procs.ErrClosed {
		t.Error(err)
	}
}

// sayAs is what String calls a type.
func sayAs(name string) string {
	switch name {
	case "manager.JoinableQueue":
		return "manager.Queue"
	case "manager.BoundedSemaphore":
		return "manager.Semaphore"
	}
	return name
}

// Every method of a proxy whose object was destroyed says so, and so it does of
// one whose manager was killed.
func TestProxyOfNothing(t *testing.T) {
	for what, c := range map[string]struct {
		end  func(t *testing.T, m *Manager, p any)
		want error
	}{
		"destroyed": {func(t *testing.T, m *Manager, p any) {
			if err := p.(interface{ Destroy() error }).Destroy(); err != nil {
				t.Error(err)
			}
		}, ErrReleased},
		"manager dead": {func(t *testing.T, m *Manager, p any) { m.Process().Kill(); <-m.Done() }, ErrDied},
	} {
		m := testManager(t)
		all := proxies(t, m)
		for _, p := range all {
			c.end(t, m, p)
		}
		for _, p := range all {
			eachMethod(t, p, func(name string, err error) {
				if !errors.Is(err, c.want) && name != "*manager.Array[int].Slice" {
					t.Errorf("%s: %s: %v", what, name, err)
				}
			})
			if c.want == ErrReleased {
				if err := p.(interface{ Close() error }).Close(); err != nil {
					t.Error(err)
				}
			}
		}
	}
}

// A manager that is none, and one that was closed.
func TestManagerClosed(t *testing.T) {
	closed := must(Serve(Config{}))(t)
	if closed.Process() != nil {
		t.Error("a manager that serves here has a process")
	}
	for range 2 {
		if err := closed.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := closed.Shutdown(soon(t)); err != nil {
		t.Error(err)
	}
	for name, m := range map[string]*Manager{"nil": nil, "zero": new(Manager), "closed": closed} {
		_, err := m.Stats()
		_, err1 := NewLock(m)
		_, err2 := NewDict[int, int](m)
		_, err3 := Lookup[int](m, "x")
		_, err4 := NewPool(m, procs.PoolConfig{})
		for i, err := range []error{err, err1, err2, err3, err4, Publish(m, "x", 1), m.Unpublish("x"), m.share(new(codec.Wire))} {
			if err != procs.ErrClosed {
				t.Errorf("%s, %d: %v", name, i, err)
			}
		}
	}
	if a := new(Manager).Address(); a != "" {
		t.Error(a)
	}
	if err := new(Manager).Close(); err != nil {
		t.Error(err)
	}
	if _, err := testMaths.Put(new(Manager), nil); err == nil || !strings.Contains(err.Error(), "not in this process") {
		t.Error(err)
	}
	if _, err := testMaths.Put(closed, nil); err != procs.ErrClosed {
		t.Error(err)
	}
	if Of(context.Background()) != nil {
		t.Error("a manager in a context of no method")
	}
}

// A manager that cannot be is an error, and leaves nothing.
func TestManagerFails(t *testing.T) {
	if m, err := Serve(Config{Initializer: procs.NewInitializer(testInitGood, 1)}); err == nil || !strings.Contains(err.Error(), "call the initializer yourself") {
		t.Error(m, err)
	}
	taken := must(Serve(Config{Address: t.TempDir() + "/taken"}))(t)
	defer taken.Close()
	for name, start := range map[string]func(Config) (*Manager, error){"process": New, "here": Serve} {
		for _, address := range []string{taken.Address(), "nonsense", t.TempDir() + "/none/such"} {
			if m, err := start(Config{Address: address}); err == nil || m != nil {
				t.Error(name, address, m, err)
			}
		}
	}
	if _, err := os.Stat(taken.Address()); err != nil {
		t.Error(err)
	}
	m, err := New(Config{Name: "one that fails", Initializer: procs.NewInitializer(testInitGood, -1)})
	if err == nil || m != nil || !strings.HasPrefix(err.Error(), "manager: start one that fails: ") {
		t.Error(m, err)
	}
	dir := t.TempDir()
	if _, err := New(Config{Address: dir + "/socket", Initializer: procs.NewInitializer(testInitGood, -1)}); !errors.Is(err, errTestSentinel) {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Error(left, err)
	}
	if _, err := New(Config{Initializer: procs.NewInitializer(testTakesFile, os.Stdout)}); !errors.Is(err, procs.ErrEncode) ||
		!strings.Contains(err.Error(), "test.manager.takesFile") || !strings.Contains(err.Error(), "shared objects cannot be passed") {
		t.Error(err)
	}
}

var testTakesFile = procs.Register("test.manager.takesFile", func(context.Context, *os.File) (int, error) { return 0, nil })

// Constructors take what they are sent apart with care: whatever is missing,
// too much or of no sense is an error, and nothing is made.
func TestConstructorsDamaged(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	ask := func(method byte, args ...byte) error {
		req := append(make([]byte, 8), method)
		_, err := takeStatus(m.server.dispatch(m.server.self, soon(t), append(req, args...), nil))
		return err
	}
	create := func(kind objectKind, args ...byte) error {
		return ask(rootCreate, append([]byte{byte(kind), 0}, args...)...)
	}
	for what, err := range map[string]error{
		"nothing":                           ask(rootCreate),
		"no type":                           ask(rootCreate, byte(objectDict)),
		"kind 0":                            create(0),
		"a kind that there is not":          create(objectCustom + 1),
		"an array of no size":               create(objectArray),
		"an array of half an element":       create(objectArray, 8, 1, 2, 3, 4),
		"an array of one and a half":        create(objectArray, 2, 1, 2, 3),
		"an array of a negative size":       create(objectArray, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1),
		"a negative size and no elements":   create(objectArray, 128, 128, 128, 128, 128, 128, 128, 128, 128, 1),
		"an array whose size is cut off":    create(objectArray, 128),
		"a value of nothing":                create(objectValue),
		"a value whose references are lost": create(objectValue, 3, 1),
		"a queue without a size":            create(objectQueue),
		"a lock of no kind":                 create(objectLock),
		"a semaphore of nothing":            create(objectSemaphore),
		"half a semaphore":                  create(objectSemaphore, 2),
		"a pool of nothing":                 create(objectPool),
		"half a pool":                       create(objectPool, 2, 0, 2, 2),
		"no name":                           ask(rootPublish),
		"no value":                          ask(rootPublish, 1, 'a', 1, 'b'),
	} {
		if text(err) != codec.ErrWire.Error() && !strings.HasPrefix(text(err), codec.ErrWire.Error()+": ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	for what, c := range map[string]struct{ err, want error }{
		"a type that is not registered": {create(objectCustom, 1), procs.ErrUnknownFunc},
		"a barrier of nothing":          {create(objectBarrier), nil},
		"nothing is adopted":            {ask(rootAdopt), ErrReleased},
		"nothing is pinned":             {ask(rootPin), ErrReleased},
		"nothing is destroyed":          {ask(rootDestroy), ErrReleased},
	} {
		if c.err == nil || c.want != nil && !errors.Is(c.err, c.want) {
			t.Errorf("%s: %v", what, c.err)
		}
	}
	if st := must(m.Stats())(t); st.Objects != 0 {
		t.Errorf("%d objects", st.Objects)
	}
}

// Methods take what they are sent apart with care, whatever object it is for.
func TestMethodsDamaged(t *testing.T) {
	m := must(Serve(Config{}))(t)
	defer m.Close()
	ask := func(obj uint64, method byte, args ...byte) error {
		req := append(appendObj(obj), method)
		_, err := takeStatus(m.server.dispatch(m.server.self, soon(t), append(req, args...), nil))
		return err
	}
	n, v, a := must(NewNamespace(m))(t), must(NewValue(m, 7))(t), must(NewArray(m, []int16{1, 2}))(t)
	e, s, b := must(NewEvent(m))(t), must(NewSemaphore(m, 1))(t), must(NewBarrier(m, 1))(t)
	p, o := must(NewPool(m, procs.PoolConfig{Workers: 1}))(t), must(testMaths.New(soon(t), m, 0))(t)
	d, l := must(NewDict[string, int](m))(t), must(NewList(m, 1))(t)
	if err := errors.Join(n.Set("a", 1), d.Set("a", 1)); err != nil {
		t.Fatal(err)
	}
	const intKind, int16Kind = byte(reflect.Int), byte(reflect.Int16)
	for what, err := range map[string]error{
		"namespace: set nothing":          ask(n.ref.obj, namespaceSet),
		"namespace: set no value":         ask(n.ref.obj, namespaceSet, 1, 'a', 1, 'b'),
		"namespace: get nothing":          ask(n.ref.obj, namespaceGet),
		"namespace: delete nothing":       ask(n.ref.obj, namespaceDelete),
		"namespace: another method":       ask(n.ref.obj, 100),
		"value: set nothing":              ask(v.ref.obj, valueSet),
		"value: swap nothing":             ask(v.ref.obj, valueSwap),
		"value: swap half":                ask(v.ref.obj, valueSwap, 9, 0),
		"value: add nothing":              ask(v.ref.obj, valueAdd),
		"value: add no number":            ask(v.ref.obj, valueAdd, intKind),
		"value: add a shorter one":        ask(v.ref.obj, valueAdd, intKind, 0, 1, 2),
		"value: add one of another kind":  ask(v.ref.obj, valueAdd, int16Kind, 0, 1, 2),
		"value: add what is no number":    ask(v.ref.obj, valueAdd, byte(reflect.String), 0, 1, 2, 3, 4, 5, 6, 7, 8),
		"value: another method":           ask(v.ref.obj, 100),
		"array: set nothing":              ask(a.ref.obj, arraySet),
		"array: add nothing":              ask(a.ref.obj, arrayAdd),
		"array: add no number":            ask(a.ref.obj, arrayAdd, int16Kind, 0),
		"array: add a longer one":         ask(a.ref.obj, arrayAdd, intKind, 0, 1, 2, 3, 4, 5, 6, 7, 8),
		"array: another method":           ask(a.ref.obj, 100),
		"dict: add no number":             ask(d.ref.obj, dictAdd, intKind, 1, 'a'),
		"dict: add a shorter one":         ask(d.ref.obj, dictAdd, intKind, 1, 'a', 0, 1),
		"dict: update no value":           ask(d.ref.obj, dictUpdate, 1, 'a'),
		"dict: swap half":                 ask(d.ref.obj, dictSwap, 1, 'a', 1),
		"list: append half":               ask(l.ref.obj, listAppend, 2, 0, 0, 9, 0),
		"list: replace half":              ask(l.ref.obj, listReplace, 1, 0, 0, 2, 9, 0),
		"event: another method":           ask(e.ref.obj, 100),
		"semaphore: another method":       ask(s.ref.obj, 100),
		"barrier: another method":         ask(b.ref.obj, 100),
		"pool: apply nothing":             ask(p.ref.obj, poolApply),
		"pool: map half":                  ask(p.ref.obj, poolMap, 1, 1, 'f', 2, 9, 0),
		"pool: another method":            ask(p.ref.obj, 100),
		"the manager: another method":     ask(0, 100),
		"the manager: publish no value":   ask(0, rootPublish, 1, 'a', 1, 'b'),
		"the manager: publish half":       ask(0, rootPublish, 1, 'a', 1, 'b', 2, 1),
		"the manager: adopt of no type":   unlessType(ask(0, rootAdopt, byte(e.ref.obj), 0, byte(objectEvent), 0)),
		"the manager: adopt as something": unlessType(ask(0, rootAdopt, byte(e.ref.obj), 0, byte(objectLock), 0)),
	} {
		if !strings.HasPrefix(text(err), codec.ErrWire.Error()) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := ask(o.ref.obj, 0, 1); !errors.Is(err, procs.ErrUnknownFunc) || !strings.Contains(err.Error(), "a method of the client") {
		t.Error(err)
	}
	if err := ask(p.ref.obj, poolApply, 1, 1, 'f'); !errors.Is(err, procs.ErrUnknownFunc) || !strings.Contains(err.Error(), `"f"`) {
		t.Error(err)
	}
	var one int
	if ok, err := n.Get("a", &one); one != 1 || !ok || err != nil {
		t.Error(one, ok, err)
	}
	if got, _, err := d.Get("a"); got != 1 || err != nil || must(d.Len())(t) != 1 {
		t.Error(got, err)
	}
	if all := must(a.All())(t); len(all) != 2 || all[0] != 1 || all[1] != 2 || must(v.Get())(t) != 7 {
		t.Error(all)
	}
	if all := must(l.All())(t); len(all) != 1 || all[0] != 1 {
		t.Error(all)
	}
	if err := p.Terminate(soon(t)); err != nil {
		t.Error(err)
	}
}

func appendObj(obj uint64) []byte { return rawCall(0, obj, 0)[8:16] }

// unlessType makes procs.ErrMessageType, which is right, what is looked for.
func unlessType(err error) error {
	if err == procs.ErrMessageType {
		return codec.ErrWire
	}
	return err
}

// about is what a worker says of itself.
type about struct {
	Name, Dir, Env string
	Max, PID       int
	Init           string
}

var (
	poolInit  string
	testAbout = procs.Register("test.manager.about", func(context.Context, int) (about, error) {
		dir, err := os.Getwd()
		return about{procs.CurrentProcess().Name(), dir, os.Getenv("MANAGER_POOL_TEST"), runtime.GOMAXPROCS(0), os.Getpid(), poolInit}, err
	})
	testPoolInit  = procs.Register("test.manager.poolInit", func(_ context.Context, s string) (int, error) { poolInit = s; return 0, nil })
	testPoolSleep = procs.Register("test.manager.poolSleep", func(context.Context, int) (int, error) { return 0, hang() })
	testNothing   = procs.Register("test.manager.nothing", func(context.Context, struct{}) (struct{}, error) { return struct{}{}, nil })
)

// A pool in a manager is made with what its configuration says.
func TestPoolConfig(t *testing.T) {
	m := testManager(t)
	dir := must(os.MkdirTemp(t.TempDir(), "pool"))(t)
	p := must(NewPool(m, procs.PoolConfig{Workers: 1, Name: "named", MaxTasksPerChild: 2, GOMAXPROCS: 3, Dir: dir,
		Env: []string{"A=1", "MANAGER_POOL_TEST=set"}, Initializer: procs.NewInitializer(testPoolInit, "initialised")}))(t)
	pids := map[int]int{}
	for range 4 {
		a, err := Apply(soon(t), p, testAbout, 0)
		if err != nil || !strings.HasPrefix(a.Name, "named") || a.Dir != dir || a.Env != "set" || a.Max != 3 || a.Init != "initialised" {
			t.Fatalf("%+v %v", a, err)
		}
		pids[a.PID]++
	}
	if len(pids) != 2 {
		t.Error("not two tasks for each worker: ", pids)
	}
	if n := must(p.Size())(t); n != 1 {
		t.Error(n)
	}
	for _, n := range []int{0, 1, 3, 4, 5, 100} {
		if vs, err := Map(soon(t), p, testNothing, make([]struct{}, n)); len(vs) != n || err != nil {
			t.Errorf("%d of %d results: %v", len(vs), n, err)
		}
	}
	if err := errors.Join(p.CloseTasks(), p.Join(soon(t))); err != nil {
		t.Error(err)
	}
	late := must(NewPool(m, procs.PoolConfig{Workers: 1, TaskTimeout: 20 * time.Millisecond, Grace: time.Millisecond}))(t)
	if _, err := Apply(soon(t), late, testPoolSleep, 0); !errors.Is(err, procs.ErrTimeout) {
		t.Error(err)
	}
	if err := late.Terminate(soon(t)); err != nil {
		t.Error(err)
	}
	if _, err := NewPool(m, procs.PoolConfig{Workers: 1, Dir: dir + "/none", Initializer: procs.NewInitializer(testTakesFile, os.Stdout)}); !errors.Is(err, procs.ErrEncode) ||
		!strings.Contains(err.Error(), "a shared object in the initializer's argument") {
		t.Error(err)
	}
	if _, err := Apply(soon(t), must(NewPool(m, procs.PoolConfig{Workers: 1}))(t), testTakesFile, os.Stdout); !errors.Is(err, procs.ErrEncode) ||
		!strings.Contains(err.Error(), "cannot pass through a manager") {
		t.Error(err)
	}
}

// The texts with which Register and RegisterMethod refuse.
func TestRegisterPanics(t *testing.T) {
	typ := func(context.Context, int) (int, error) { return 0, nil }
	for want, f := range map[string]func(){
		"manager: Register needs a name and a constructor":        func() { Register("", typ) },
		"manager: Register needs a name and a constructor ":       func() { Register[int, int]("x", nil) },
		`manager: Register("test.maths"): the name is taken`:      func() { Register("test.maths", typ) },
		`manager: Register("x"): argument: `:                      func() { Register("x", func(context.Context, func()) (int, error) { return 0, nil }) },
		"manager: RegisterMethod needs a name and a function":     func() { RegisterMethod(testMaths, "", (*maths).Add) },
		"manager: RegisterMethod needs a name and a function ":    func() { RegisterMethod[*maths, int, int, int](testMaths, "x", nil) },
		`manager: RegisterMethod("test.maths.Add"): the name is `: func() { RegisterMethod(testMaths, "Add", (*maths).Add) },
		`manager: RegisterMethod("test.maths.x"): argument: `: func() {
			RegisterMethod(testMaths, "x", func(*maths, context.Context, func()) (int, error) { return 0, nil })
		},
		`manager: RegisterMethod("test.maths.x"): result: `: func() {
			RegisterMethod(testMaths, "x", func(*maths, context.Context, int) (func(), error) { return nil, nil })
		},
		"manager: Namespace.Get needs a pointer":  func() { new(Namespace).Get("x", 1) },
		"manager: Namespace.Get needs a pointer ": func() { new(Namespace).Get("x", (*int)(nil)) },
	} {
		func() {
			defer func() {
				if got := fmt.Sprint(recover()); !strings.HasPrefix(got, strings.TrimSuffix(want, " ")) {
					t.Errorf("%q, not %q", got, want)
				}
			}()
			f()
		}()
	}
}
