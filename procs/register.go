package procs

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"switchyard/procs/internal/bridge"
	"switchyard/procs/internal/codec"
	"switchyard/procs/internal/fault"
)

// Func is a registered function: what another process can be asked to run. Func
// values are made by Register.
type Func[In, Out any] struct {
	fname string
	id    uint64
	call  func(context.Context, In) (Out, error)
	in    *codec.Codec[In]
	out   *codec.Codec[Out]
}

// Name returns the name it was registered under.
func (f *Func[In, Out]) Name() string { return f.fname }

// Call runs the function here, in the calling goroutine.
func (f *Func[In, Out]) Call(ctx context.Context, in In) (Out, error) { return f.call(ctx, in) }

// Register makes fn known under name, so that other processes of this program
// can run it. A Go function, unlike a Python one, cannot be sent as a value:
// both sides look the name up. Register beside fn, in a package-level variable,
// so that it has happened in every process before main:
//
//	var square = procs.Register("square", func(_ context.Context, x int) (int, error) {
//		return x * x, nil
//	})
//
// It panics if the name is taken, or if In or Out cannot travel between
// processes: channels, functions, unsafe pointers and locks of package sync
// cannot. All else can, shared objects of this package and *os.File included:
// structs with all their fields, unexported ones too; types with MarshalBinary
// and UnmarshalBinary through these; interface values whose types were given to
// RegisterType. Pointers to one value arrive as pointers to copies.
func Register[In, Out any](name string, fn func(context.Context, In) (Out, error)) *Func[In, Out] {
	if name == "" || fn == nil {
		panic("procs: Register needs a name and a function")
	}
	in, err := codec.Of[In]()
	if err != nil {
		panic(fmt.Sprintf("procs: Register(%q): argument: %v", name, err))
	}
	out, err := codec.Of[Out]()
	if err != nil {
		panic(fmt.Sprintf("procs: Register(%q): result: %v", name, err))
	}
	f := &Func[In, Out]{fname: name, id: codec.ID(name, in.Fixed, out.Fixed), call: fn, in: in, out: out}
	functions.Lock()
	defer functions.Unlock()
	place := functions.place(f.id)
	for other := *place; other != nil; other = other.next {
		if other.f.name() == name {
			panic(fmt.Sprintf("procs: Register(%q): the name is taken", name))
		} else if other.id>>32 == f.id>>32 {
			panic(fmt.Sprintf("procs: Register(%q): the name collides with %q; change one", name, other.f.name()))
		}
	}
	*place = &registered{f.id, (*erasedFunc[In, Out])(f), *place}
	return f
}

// RegisterType lets values of type T travel inside interfaces (any, or an
// interface of your own), as pickle does for every class. Call it where T is
// declared, in every program that takes part; basic types, []any and
// map[string]any need no call. It panics if T cannot travel.
func RegisterType[T any]() { codec.RegisterType(reflect.TypeFor[T]()) }

// function is a Func without its types: what a child finds by number.
type function interface {
	bridge.Function
	name() string
	registration() bridge.Registration
	// start decodes the argument, and returns what runs the function.
	start(in []byte, w *wire) (func(context.Context) error, error)
}

// erasedFunc is Func with the methods of function, which programs do not see.
type erasedFunc[In, Out any] Func[In, Out]

func (f *erasedFunc[In, Out]) name() string { return f.fname }

var functions functionSet

// functionSet finds functions by number. It is an array because allocating a
// map would noticeably lengthen a child's start-up.
type functionSet struct {
	sync.RWMutex
	places [64]*registered
}

type registered struct {
	id   uint64
	f    function
	next *registered // in the same place
}

// place depends on the name alone, so that all functions of one name are found
// together.
func (s *functionSet) place(id uint64) **registered { return &s.places[id>>32%uint64(len(s.places))] }

func (s *functionSet) registrations() (all []bridge.Registration) {
	s.RLock()
	defer s.RUnlock()
	for _, r := range s.places {
		for ; r != nil; r = r.next {
			all = append(all, r.f.registration())
		}
	}
	return all
}

// ErrUnknownFunc means that the other process has no function of this name and
// these types. It happens when it runs another program
// (ProcessConfig.Executable), or registers depending on circumstances.
var ErrUnknownFunc = errors.New("procs: unknown function")

func findFunc(id uint64) (function, error) {
	functions.RLock()
	defer functions.RUnlock()
	for r := *functions.place(id); r != nil; r = r.next {
		if r.id == id {
			return r.f, nil
		}
	}
	return nil, ErrUnknownFunc
}

// badArgument says whose argument cannot be decoded.
func (f *erasedFunc[In, Out]) badArgument(err error) error {
	return fmt.Errorf("procs: argument of %s: %w", f.fname, err)
}

func (f *erasedFunc[In, Out]) start(b []byte, w *wire) (func(context.Context) error, error) {
	var in In
	if err := f.in.Decode(b, &in, w); err != nil {
		return nil, f.badArgument(err)
	}
	return func(ctx context.Context) error {
		_, err := f.call(ctx, in)
		return err
	}, nil
}

func (f *erasedFunc[In, Out]) RunOne(ctx context.Context, b []byte, w *wire, out bridge.Buffer, ow *wire) ([]byte, error) {
	var in In
	if err := f.in.Decode(b, &in, w); err != nil {
		return nil, f.badArgument(err)
	}
	v, err := f.call(ctx, in)
	if err != nil {
		return nil, err
	}
	if b, err = f.out.Encode(out(), &v, ow); err != nil {
		return nil, fmt.Errorf("%w: result of %s: %w", ErrEncode, f.fname, err)
	}
	return b, nil
}

func (f *erasedFunc[In, Out]) RunChunk(ctx context.Context, n int, b []byte, w *wire, buffer bridge.Buffer, ow *wire) ([]byte, error) {
	out := buffer()
	for i := range n {
		var in In
		var err error
		if b, err = f.in.DecodeNext(b, &in, w); err != nil {
			return nil, &fault.Chunk{Index: i, Err: f.badArgument(err)}
		}
		v, err := f.call(ctx, in)
		if err != nil {
			return nil, &fault.Chunk{Index: i, Err: err}
		}
		if out, err = f.out.EncodeNext(out, &v, ow); err != nil {
			return nil, &fault.Chunk{Index: i, Err: fmt.Errorf("%w: result of %s: %w", ErrEncode, f.fname, err)}
		}
	}
	return out, nil
}

// ErrEncode means that a value of a type that can travel, in general, could
// not: it is cyclic, holds an unregistered type in an interface or a closed
// shared object, or its MarshalBinary failed. Or a type was refused for a
// queue, a Value or an Array.
var ErrEncode = codec.ErrEncode
