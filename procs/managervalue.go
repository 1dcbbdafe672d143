package procs

import (
	"bytes"
	"reflect"
	"sync"
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

func newValueObject(c *serverCall) (managedObject, error) {
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
			return errWire
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
			return errWire
		}
		if err := addNumber(kind, v.image[1:], delta[1:]); err != nil {
			return err
		}
		c.out = append(c.out, v.image...)
		return nil
	}
	return errWire
}

func (v *valueObject) set(c *serverCall, image []byte) error {
	if err := c.server.keep(image); err != nil {
		return err
	}
	c.unkeep(v.image)
	v.image = append(v.image[:0], image...)
	return nil
}

// ManagerValue is one value of any type in a manager (SyncManager.Value).
type ManagerValue[T any] struct {
	managerProxy
	value *codec[T]
}

// NewManagerValue makes a value in m.
func NewManagerValue[T any](m *Manager, v T) (*ManagerValue[T], error) {
	p := new(ManagerValue[T])
	if err := p.open(); err != nil {
		return nil, err
	}
	err := p.create(noWait, m, objectValue, proxyType[ManagerValue[T]](), func(c *managerCall) error { return putValue(c, p.value, &v) })
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (p *ManagerValue[T]) open() (err error) {
	p.value, err = codecOf[T]()
	return encodeFailed(err)
}

func (p *ManagerValue[T]) adopt(w *wire) error {
	if err := p.open(); err != nil {
		return err
	}
	return p.adoptAs(w, objectValue, proxyType[ManagerValue[T]]())
}

// Get returns the value.
func (p *ManagerValue[T]) Get() (v T, err error) {
	v, _, err = p.get()
	return v, err
}

func (p *ManagerValue[T]) get() (v T, image []byte, err error) {
	err = p.call(valueGet, nil, func(c *managerCall) (err error) {
		image = append([]byte(nil), c.b...)
		v, err = takeValue(c, p.value)
		return err
	})
	return v, image, err
}

// Set replaces the value.
func (p *ManagerValue[T]) Set(v T) error {
	return p.call(valueSet, func(c *managerCall) error { return putValue(c, p.value, &v) }, nil)
}

// CompareAndSwap replaces the value if it is old, and tells whether it did. Values are equal if they are encoded alike.
func (p *ManagerValue[T]) CompareAndSwap(old, next T) (bool, error) {
	l := p.linkOrNil()
	if l == nil {
		return false, ErrClosed
	}
	image, err := appendImage(nil, l, &[]*managerProxy{}, p.value, &old)
	if err != nil {
		return false, err
	}
	return p.swap(image, next)
}

func (p *ManagerValue[T]) swap(image []byte, v T) (done bool, err error) {
	err = p.call(valueSwap, func(c *managerCall) error {
		c.putBytes(image)
		return putValue(c, p.value, &v)
	}, func(c *managerCall) error { done = c.uint() != 0; return nil })
	return done, err
}

// Modify replaces the value by what f makes of it, atomically, and returns the new one. If the value was changed meanwhile, f is
// called again.
func (p *ManagerValue[T]) Modify(f func(T) T) (T, error) {
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

// ManagerValueAdd adds delta to a number, atomically and in one call, and returns the sum.
func ManagerValueAdd[N Number](p *ManagerValue[N], delta N) (sum N, err error) {
	err = p.call(valueAdd, func(c *managerCall) error {
		c.putUint(numberKind[N]())
		return putValue(c, p.value, &delta)
	}, func(c *managerCall) (err error) {
		sum, err = takeValue(c, p.value)
		return err
	})
	return sum, err
}

// String says what the proxy stands for.
func (p *ManagerValue[T]) String() string { return p.describe("ManagerValue") }
