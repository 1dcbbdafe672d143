package manager

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"time"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/fault"
)

// Type is a type of your own whose values a manager can keep (Python's
// BaseManager.register). Types are made by Register.
type Type[T, In any] struct {
	name string
	id   uint64
	make func(context.Context, In) (T, error)
	in   *codec.Codec[In]
}

// Method is a method of a Type that clients can call.
type Method[T, In, Out any] struct {
	name string
	id   uint64
	call func(T, context.Context, In) (Out, error)
	in   *codec.Codec[In]
	out  *codec.Codec[Out]
}

// Object is a proxy of a value of a Type. It has no methods of T: clients call
// those that were given to RegisterMethod, by Method.Call.
type Object[T any] struct{ proxy }

type (
	customType interface {
		construct(ctx context.Context, s *server, image []byte) (any, error)
	}
	customMethod interface {
		// invoke returns the image of the result, and the proxies in it.
		invoke(ctx context.Context, s *server, v any, image []byte) ([]byte, []*proxy, error)
	}
)

var registry struct {
	sync.RWMutex
	types   map[uint64]customType
	methods map[uint64]customMethod
}

// Register registers a type of your own, with the function by which a manager
// makes its values. Like procs.Register, call it in a package-level variable,
// so that every process has called it before main, and then RegisterMethod for
// each method that clients may call:
//
//	type counter struct{ mu sync.Mutex; n int }
//	func newCounter(_ context.Context, start int) (*counter, error) { ... }
//	func (c *counter) Add(_ context.Context, n int) (int, error) { ... }
//
//	var counters = manager.Register("counter", newCounter)
//	var counterAdd = manager.RegisterMethod(counters, "Add", (*counter).Add)
//
// T stays in the manager and may be any type, also one that cannot travel.
// Calls of several clients run concurrently: T must be safe for that. If T has
// a method Close() error, it is called when the last reference to the value is
// given up, by the call that gives it up: it should not take long.
//
// Constructors and methods run in goroutines of their own. A panic, or
// runtime.Goexit, is an error of that call and harms no other; likewise in a
// method of an error that they return, or of an argument or a result
// (MarshalBinary, UnmarshalBinary). If the caller's context is done, or the
// caller dies, the method's context is cancelled; if it has not returned a
// tenth of a second later, its result is dropped.
func Register[T, In any](name string, newT func(context.Context, In) (T, error)) *Type[T, In] {
	if name == "" || newT == nil {
		panic("manager: Register needs a name and a constructor")
	}
	in, err := codec.Of[In]()
	if err != nil {
		panic(fmt.Sprintf("manager: Register(%q): argument: %v", name, err))
	}
	t := &Type[T, In]{name: name, id: codec.ID("type "+name, in.Fixed, 0), make: newT, in: in}
	registry.Lock()
	defer registry.Unlock()
	if registry.types == nil {
		registry.types = make(map[uint64]customType)
		registry.methods = make(map[uint64]customMethod)
	}
	if registry.types[t.id] != nil {
		panic(fmt.Sprintf("manager: Register(%q): the name is taken", name))
	}
	registry.types[t.id] = t
	return t
}

// RegisterMethod makes f callable as a method of the managed values of t. A
// method expression fits: (*counter).Add.
func RegisterMethod[T, C, In, Out any](t *Type[T, C], name string, f func(T, context.Context, In) (Out, error)) *Method[T, In, Out] {
	if name == "" || f == nil {
		panic("manager: RegisterMethod needs a name and a function")
	}
	name = t.name + "." + name
	in, err := codec.Of[In]()
	if err != nil {
		panic(fmt.Sprintf("manager: RegisterMethod(%q): argument: %v", name, err))
	}
	out, err := codec.Of[Out]()
	if err != nil {
		panic(fmt.Sprintf("manager: RegisterMethod(%q): result: %v", name, err))
	}
	m := &Method[T, In, Out]{name: name, id: codec.ID("method "+name, in.Fixed, out.Fixed), call: f, in: in, out: out}
	registry.Lock()
	defer registry.Unlock()
	if registry.methods[m.id] != nil {
		panic(fmt.Sprintf("manager: RegisterMethod(%q): the name is taken", name))
	}
	registry.methods[m.id] = m
	return m
}

// customObject is a value of a user's type in the manager.
type customObject struct {
	server *server
	value  any
}

func newCustomObject(c *serverCall) (object, error) {
	if c.ctx == nil { // constructors may take their time
		return nil, errWouldWait
	}
	id := c.uint()
	registry.RLock()
	t := registry.types[id]
	registry.RUnlock()
	if t == nil {
		return nil, fmt.Errorf("%w: a managed type of the client is not registered in the manager", procs.ErrUnknownFunc)
	}
	ctx, s, image := c.userContext(), c.server, copyImage(c.rest())
	made := make(chan any, 1)
	err := c.apart(func() error {
		v, err := t.construct(ctx, s, image)
		if err == nil {
			made <- v
		}
		return err
	}, func() {
		select {
		case v := <-made: // too late: nobody will refer to it
			(&customObject{s, v}).end()
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	return &customObject{s, <-made}, nil
}

// lateness is how long code of the program may go on after the context of its
// caller is done, before the caller is told.
const lateness = 100 * time.Millisecond

// apart runs code of the program, which may do anything, in a goroutine of its
// own. It returns what that returned, or the context's error soon after the
// context is done: late is called then, once the code has returned after all.
func (c *serverCall) apart(f func() error, late func()) error {
	var err error
	over := fault.Go(func() { err = f() })
	select {
	case failed := <-over:
		return cmp.Or(failed, err)
	case <-c.ctx.Done():
	}
	timer := time.NewTimer(lateness)
	defer timer.Stop()
	select {
	case failed := <-over:
		return cmp.Or(failed, err)
	case <-timer.C:
	}
	go func() {
		<-over
		late()
	}()
	return c.ctx.Err()
}

func (o *customObject) call(c *serverCall) error {
	if c.ctx == nil {
		return errWouldWait
	}
	id := c.uint()
	registry.RLock()
	m := registry.methods[id]
	registry.RUnlock()
	if m == nil {
		return fmt.Errorf("%w: a method of the client is not registered in the manager", procs.ErrUnknownFunc)
	}
	ctx, s, arg := c.userContext(), c.server, copyImage(c.rest())
	var image []byte
	var keep []*proxy
	err := c.apart(func() (err error) {
		image, keep, err = m.invoke(ctx, s, o.value, arg)
		return err
	}, func() {})
	if err != nil {
		return err
	}
	c.putImage(image)
	runtime.KeepAlive(keep)
	return nil
}

func (o *customObject) end() {
	closer, ok := o.value.(io.Closer)
	if !ok {
		return
	}
	var err error
	failed := fault.Apart(func() { err = closer.Close() })
	if err = cmp.Or(failed, err); err != nil {
		logf(procs.LevelWarning, "manager %s: close %T: %s", o.server.address, o.value, fault.Text(err))
	}
}

// takeArgument decodes the argument of a user's function, here in the manager.
// Proxies in it become ours.
func takeArgument[In any](s *server, cd *codec.Codec[In], image []byte) (in In, err error) {
	for _, r := range appendRefs(nil, image) {
		s.retain(s.self, r)
	}
	err = decodeImage(s.manager.link, cd, image, &in)
	return in, err
}

// userContext is what a user's function gets.
func (c *serverCall) userContext() context.Context {
	return context.WithValue(c.ctx, contextKey{}, c.server.manager)
}

func (t *Type[T, In]) construct(ctx context.Context, s *server, image []byte) (any, error) {
	in, err := takeArgument(s, t.in, image)
	if err != nil {
		return nil, err
	}
	return t.make(ctx, in)
}

func (m *Method[T, In, Out]) invoke(ctx context.Context, s *server, v any, image []byte) (out []byte, keep []*proxy, err error) {
	value, ok := v.(T)
	if !ok {
		return nil, nil, fmt.Errorf("%w: %s of a %T", procs.ErrMessageType, m.name, v)
	}
	in, err := takeArgument(s, m.in, image)
	if err != nil {
		return nil, nil, err
	}
	result, err := m.call(value, ctx, in)
	if err != nil {
		return nil, nil, err
	}
	if out, err = appendImage(nil, s.manager.link, &keep, m.out, &result); err != nil {
		return nil, nil, fmt.Errorf("result of %s: %w", m.name, err)
	}
	return out, keep, nil
}

// New makes a value in m by calling the constructor with in.
func (t *Type[T, In]) New(ctx context.Context, m *Manager, in In) (*Object[T], error) {
	p := new(Object[T])
	err := p.create(ctx, m, objectCustom, proxyType[Object[T]](), func(c *clientCall) error {
		c.putUint(t.id)
		return putValue(c, t.in, &in)
	})
	if err != nil {
		return nil, err
	}
	return p, nil
}

// Put adds an existing value to m. It works only in the manager's process: with
// Serve, or with Of in a method.
func (t *Type[T, In]) Put(m *Manager, v T) (*Object[T], error) {
	if m == nil || m.server == nil {
		return nil, errors.New("manager: Put: the manager is not in this process; use New")
	}
	l, err := m.open()
	if err != nil {
		return nil, err
	}
	p := new(Object[T])
	p.bind(l, m.server.add(m.server.self, objectCustom, proxyType[Object[T]](), &customObject{m.server, v}))
	return p, nil
}

func (p *Object[T]) adopt(w *codec.Wire) error {
	return p.adoptAs(w, objectCustom, proxyType[Object[T]]())
}

// String says what the proxy stands for.
func (p *Object[T]) String() string { return p.describe(fmt.Sprintf("%T", p)) }

// Call calls the method in the manager's process. Its context there ends when
// ctx does, or when this process does. Errors and panics arrive as
// *procs.RemoteError. If ctx ends, Call returns its error a tenth of a second
// later, whatever the method does.
func (m *Method[T, In, Out]) Call(ctx context.Context, p *Object[T], in In) (out Out, err error) {
	c, err := p.begin(0)
	if err != nil {
		return out, err
	}
	defer c.end()
	c.putUint(m.id)
	if err := putValue(c, m.in, &in); err != nil {
		return out, err
	}
	if err := c.do(ctx); err != nil {
		return out, err
	}
	return takeValue(c, m.out)
}
