package procs

import (
	"context"
	"fmt"
	"reflect"
	"unsafe"

	"switchyard/procs/internal/codec"
)

// Value is one T in shared memory, with a lock. It is multiprocessing.Value. T
// must hold no pointers: numbers, booleans, arrays and structs of them; others
// are refused with ErrEncode.
//
// The error ErrOwnerDied of its methods says that they succeeded, but that a
// process died before, holding the lock: the value may be half written. Only
// one caller gets the error: that one should repair the value. What Lock says
// of deaths that cannot be detected holds here.
type Value[T any] struct {
	shared
	lock Lock
	p    *T
}

// valueBase is where the data of a Value or an Array begins: the lock is before
// it.
const valueBase = bodyOffset + 64

// NewValue returns a shared value.
func NewValue[T any](v T) (*Value[T], error) {
	if err := flat[T](); err != nil {
		return nil, err
	}
	x := new(Value[T])
	if err := x.create(kindValue, arraySize(1, int(sizeof[T]())), uint64(sizeof[T]())); err != nil {
		return nil, err
	}
	x.open()
	*x.p = v
	return x, nil
}

// flat returns an error unless T can live in shared memory.
func flat[T any]() error {
	if c, err := codec.Of[T](); err != nil || !c.Flat() {
		return fmt.Errorf("%w: %v cannot live in shared memory: it has no fixed size, or holds pointers", ErrEncode, reflect.TypeFor[T]())
	}
	return nil
}

func (x *Value[T]) share(w *wire) error { return x.shareAs(w) }

func (x *Value[T]) adopt(w *wire) error {
	if err := x.adoptAs(w, kindValue, arraySize(1, int(sizeof[T]()))); err != nil {
		return err
	}
	if flat[T]() != nil || x.param(0) != uint64(sizeof[T]()) {
		return codec.ErrWire
	}
	x.open()
	return nil
}

func (x *Value[T]) open() {
	x.p = (*T)(unsafe.Pointer(&x.seg.Bytes()[valueBase]))
	x.lock.seg = x.seg
	x.lock.open(bodyOffset + 8)
}

// Get returns the value.
func (x *Value[T]) Get() (v T, err error) {
	err = x.Update(context.Background(), func(p *T) { v = *p })
	return v, err
}

// Set changes the value.
func (x *Value[T]) Set(v T) error {
	return x.Update(context.Background(), func(p *T) { *p = v })
}

// Update calls fn with the lock held. fn may read and change the value in
// place, and must not keep the pointer, nor use the value's methods. If fn
// panics or calls Goexit, the lock is released, the value stays as fn left it,
// and the next caller is not told.
func (x *Value[T]) Update(ctx context.Context, fn func(*T)) error {
	return withLock(ctx, &x.lock, func() { fn(x.p) })
}

// withLock calls fn with the lock held, and returns what Acquire did.
func withLock(ctx context.Context, l *Lock, fn func()) error {
	err := l.Acquire(ctx)
	if err != nil && err != ErrOwnerDied {
		return err
	}
	defer l.Release()
	fn()
	return err
}

// Lock returns the lock. Closing it closes the value. Get, Set and Update
// acquire it themselves: while you hold it, use Raw.
func (x *Value[T]) Lock() *Lock { return &x.lock }

// Raw returns the address of the value in shared memory, for callers that hold
// the lock or use sync/atomic. It must not be used after the Value became
// unreachable.
func (x *Value[T]) Raw() *T { return x.p }

// RawValue is a Value without a lock: multiprocessing.RawValue.
type RawValue[T any] struct{ v Value[T] }

// NewRawValue returns a shared value without a lock.
func NewRawValue[T any](v T) (*RawValue[T], error) {
	x, err := NewValue(v)
	if err != nil {
		return nil, err
	}
	r := &RawValue[T]{}
	r.v.shared = x.shared
	r.v.open()
	return r, nil
}

func (r *RawValue[T]) share(w *wire) error { return r.v.share(w) }
func (r *RawValue[T]) adopt(w *wire) error { return r.v.adopt(w) }

// Raw returns the address of the value in shared memory. It must not be used
// after the RawValue became unreachable.
func (r *RawValue[T]) Raw() *T { return r.v.p }

// Close lets go of the value in this process.
func (r *RawValue[T]) Close() error { return r.v.Close() }
