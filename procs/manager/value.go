package manager

import (
	"bytes"
	"reflect"
	"sync"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
)

// methods of a value
const (
	valueGet byte = iota
	valueSet
	valueSwap
	valueAdd
)

// valueObject is a value in the manager.
type valueObject struct {
	mu    sync.Mutex
	image []byte
}

func newValueObject(c *serverCall) (object, error) {
	image := copyImage(c.rest())
	if err := c.server.keep(image); err != nil {
		return nil, err
	}
	return &valueObject{image: image}, nil
}

func (v *valueObject) references() []uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return appendRefs(nil, v.image)
}

func (v *valueObject) call(c *serverCall) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch c.method {
	case valueGet:
		c.putImage(v.image)
		return nil
	case valueSet:
		return v.set(c, c.rest())
	case valueSwap:
		old, image := c.bytes(), c.rest()
		if c.bad {
			return codec.ErrWire
		}
		same := bytes.Equal(old, v.image)
		c.putBool(same)
		if !same {
			return nil
		}
		return v.set(c, image)
	case valueAdd:
		kind, delta := reflect.Kind(c.uint()), c.rest()
		if c.bad || len(delta) == 0 || len(v.image) == 0 {
			return codec.ErrWire
		}
		if err := addNumber(kind, v.image[1:], delta[1:]); err != nil {
			return err
		}
		c.out = append(c.out, v.image...)
		return nil
	}
	return codec.ErrWire
}

func (v *valueObject) set(c *serverCall, image []byte) error {
	if err := c.server.keep(image); err != nil {
		return err
	}
	c.unkeep(v.image)
	v.image = append(v.image[:0], image...)
	return nil
}

// Value is one value of any type in a manager (SyncManager.Value).
type Value[T any] struct {
	proxy
	value *codec.Codec[T]
}

// NewValue makes a value in m.
func NewValue[T any](m *Manager, v T) (*Value[T], error) {
	p := new(Value[T])
	if err := p.open(); err != nil {
		return nil, err
	}
	err := p.create(noWait, m, objectValue, proxyType[Value[T]](), func(c *clientCall) error { return putValue(c, p.value, &v) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *Value[T]) open() (err error) {
	p.value, err = codec.Of[T]()
	return encodeFailed(err)
}

func (p *Value[T]) adopt(w *codec.Wire) error {
	if err := p.open(); err != nil {
		return err
	}
	return p.adoptAs(w, objectValue, proxyType[Value[T]]())
}

// Get returns the value.
func (p *Value[T]) Get() (v T, err error) {
	v, _, err = p.get()
	return v, err
}

func (p *Value[T]) get() (v T, image []byte, err error) {
	err = p.call(valueGet, nil, func(c *clientCall) (err error) {
		image = append([]byte(nil), c.b...)
		v, err = takeValue(c, p.value)
		return err
	})
	return v, image, err
}

// Set replaces the value.
func (p *Value[T]) Set(v T) error {
	return p.call(valueSet, func(c *clientCall) error { return putValue(c, p.value, &v) }, nil)
}

// CompareAndSwap replaces the value if it is old, and reports whether it did.
// Values are equal if they are encoded alike.
func (p *Value[T]) CompareAndSwap(old, next T) (bool, error) {
	l := p.linkOrNil()
	if l == nil {
		return false, procs.ErrClosed
	}
	image, err := appendImage(nil, l, &[]*proxy{}, p.value, &old)
	if err != nil {
		return false, err
	}
	return p.swap(image, next)
}

func (p *Value[T]) swap(image []byte, v T) (done bool, err error) {
	err = p.call(valueSwap, func(c *clientCall) error {
		c.putBytes(image)
		return putValue(c, p.value, &v)
	}, func(c *clientCall) error { done = c.uint() != 0; return nil })
	return done, err
}

// Modify replaces the value by what f makes of it, atomically, and returns the
// new one. If the value was changed meanwhile, f is called again.
func (p *Value[T]) Modify(f func(T) T) (T, error) {
	for {
		v, image, err := p.get()
		if err != nil {
			return v, err
		}
		v = f(v)
		if done, err := p.swap(image, v); done || err != nil {
			return v, err
		}
	}
}

// ValueAdd adds delta to a number, atomically and in one call, and returns the
// sum.
func ValueAdd[N Number](p *Value[N], delta N) (sum N, err error) {
	err = p.call(valueAdd, func(c *clientCall) error {
		c.putUint(numberKind[N]())
		return putValue(c, p.value, &delta)
	}, func(c *clientCall) (err error) {
		sum, err = takeValue(c, p.value)
		return err
	})
	return sum, err
}

// String says what the proxy stands for.
func (p *Value[T]) String() string { return p.describe("manager.Value") }
