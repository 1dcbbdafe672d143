package manager

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// Type is a type of your own whose values a manager can keep (Python's BaseManager.register). Values are made by
// Register.
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

// Object is a proxy of a value of a Type. It has no methods of T: what clients may call was said by RegisterMethod.
type Object[T any] struct{ proxy }

type (
	customType interface {
		construct(c *serverCall) (any, error)
	}
	customMethod interface {
		invoke(c *serverCall, v any) error
	}
)

var registry struct {
	sync.RWMutex
	types   map[uint64]customType
	methods map[uint64]customMethod
}

// Register makes known how a manager makes values of a type of your own. Like Register, call it in a package-level variable, so
// that it has happened in every process before main, and give it further RegisterMethod:
//
//	type counter struct{ mu sync.Mutex; n int }
//	func (c *counter) Add(ctx context.Context, n int) (int, error) { ... }
//
//	var counters = manager.Register("counter", func(ctx context.Context, start int) (*counter, error) { return &counter{n: start}, nil })
//	var counterAdd = procs.RegisterMethod(counters, "Add", (*counter).Add)
//
// T stays in the manager and may be anything, also what cannot travel. Methods run at once if clients call at once: T has to protect
// itself. If T has a method Close() error, it is called when nobody refers to the value any more.
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

// RegisterMethod makes f callable as a method of the managed values of t. A method expression fits: (*counter).Add.
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
	v, err := t.construct(c)
	if err != nil {
		return nil, err
	}
	return &customObject{c.server, v}, nil
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
	return m.invoke(c, o.value)
}

func (o *customObject) end() {
	if closer, ok := o.value.(io.Closer); ok {
		if err := closer.Close(); err != nil {
			procs.Log(procs.LevelWarning, fmt.Sprintf("manager %s: close %T: %v", o.server.address, o.value, err))
		}
	}
}

// takeArgument decodes the argument of a user's function, here in the manager. Proxies in it become ours.
func takeArgument[In any](c *serverCall, cd *codec.Codec[In]) (in In, err error) {
	image := c.rest()
	for _, r := range appendRefs(nil, image) {
		c.server.retain(c.server.self, r)
	}
	err = decodeImage(c.server.manager.link, cd, image, &in)
	return in, err
}

// userContext is what a user's function gets.
func (c *serverCall) userContext() context.Context {
	return context.WithValue(c.ctx, contextKey{}, c.server.manager)
}

func (t *Type[T, In]) construct(c *serverCall) (any, error) {
	in, err := takeArgument(c, t.in)
	if err != nil {
		return nil, err
	}
	return t.make(c.userContext(), in)
}

func (m *Method[T, In, Out]) invoke(c *serverCall, v any) error {
	value, ok := v.(T)
	if !ok {
		return fmt.Errorf("%w: %s of a %T", procs.ErrMessageType, m.name, v)
	}
	in, err := takeArgument(c, m.in)
	if err != nil {
		return err
	}
	out, err := m.call(value, c.userContext(), in)
	if err != nil {
		return err
	}
	var keep []*proxy
	image, err := appendImage(nil, c.server.manager.link, &keep, m.out, &out)
	if err != nil {
		return fmt.Errorf("result of %s: %w", m.name, err)
	}
	c.putImage(image)
	runtime.KeepAlive(keep)
	return nil
}

// New makes a value in m, by the constructor, with in.
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

// Put gives m a value that exists: only where the manager is, so with Serve, or Of in a method.
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

// Call calls the method in the manager's process. Its context there ends when ctx does, or when this process does. Errors and panics
// arrive as *procs.RemoteError.
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
