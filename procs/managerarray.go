package procs

import (
	"fmt"
	"math"
	"reflect"
	"sync"
)

// methods of an array
const (
	arrayGet byte = iota
	arraySet
	arrayAdd
	arrayLen
)

// arrayObject is an array in the manager: the elements' bytes side by side.
type arrayObject struct {
	mu   sync.Mutex
	size int // of an element
	data []byte
}

func newArrayObject(c *serverCall) (managedObject, error) {
	size, data := int(c.uint()), c.rest()
	if c.bad || size < 0 || size > 0 && len(data)%size != 0 {
		return nil, errWire
	}
	return &arrayObject{size: size, data: copyImage(data)}, nil
}

// span turns element numbers into bytes.
func (a *arrayObject) span(i, n int) ([]byte, error) {
	if a.size == 0 {
		return nil, nil
	}
	have := len(a.data) / a.size
	if i < 0 {
		i += have
	}
	if i < 0 || n < 0 || i > have || n > have-i {
		return nil, ErrIndex
	}
	return a.data[i*a.size : (i+n)*a.size], nil
}

func (a *arrayObject) call(c *serverCall) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch c.method {
	case arrayLen:
		c.putInt(len(a.data) / max(a.size, 1))
		return nil
	case arrayGet:
		i, n := c.int(), c.int()
		if n == math.MaxInt {
			n = len(a.data)/max(a.size, 1) - i
		}
		b, err := a.span(i, n)
		c.out = append(c.out, b...)
		return err
	case arraySet:
		i := c.int()
		data := c.rest()
		if c.bad {
			return errWire
		}
		b, err := a.span(i, len(data)/max(a.size, 1))
		copy(b, data)
		return err
	case arrayAdd:
		kind, i, delta := reflect.Kind(c.uint()), c.int(), c.rest()
		if c.bad {
			return errWire
		}
		b, err := a.span(i, 1)
		if err == nil {
			err = addNumber(kind, b, delta)
		}
		c.out = append(c.out, b...)
		return err
	}
	return errWire
}

// ManagerArray is an array of fixed length in a manager (SyncManager.Array). T is a type without pointers, such as a number or a
// struct of numbers. For large arrays on one machine use Array, which is in shared memory.
type ManagerArray[T any] struct {
	managerProxy
	value *codec[T]
}

// NewManagerArray makes an array of vs in m.
func NewManagerArray[T any](m *Manager, vs []T) (*ManagerArray[T], error) {
	a := new(ManagerArray[T])
	if err := a.open(); err != nil {
		return nil, err
	}
	err := a.create(noWait, m, objectArray, proxyType[ManagerArray[T]](), func(c *managerCall) error {
		c.putUint(uint64(a.value.fixed))
		return a.put(c, vs)
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (a *ManagerArray[T]) open() (err error) {
	if a.value, err = codecOf[T](); err != nil {
		return encodeFailed(err)
	}
	if a.value.fixed < 1 {
		return fmt.Errorf("%w: elements of an array must have a fixed size, and %v has not", ErrEncode, reflect.TypeFor[T]())
	}
	return nil
}

func (a *ManagerArray[T]) adopt(w *wire) error {
	if err := a.open(); err != nil {
		return err
	}
	return a.adoptAs(w, objectArray, proxyType[ManagerArray[T]]())
}

func (a *ManagerArray[T]) put(c *managerCall, vs []T) (err error) {
	for i := range vs {
		if c.req, err = a.value.encode(c.req, &vs[i], nil); err != nil {
			return err
		}
	}
	return nil
}

// Len returns the number of elements.
func (a *ManagerArray[T]) Len() (n int, err error) {
	err = a.call(arrayLen, nil, func(c *managerCall) error { n = c.int(); return nil })
	return n, err
}

// Get returns element i; -1 is the last.
func (a *ManagerArray[T]) Get(i int) (v T, err error) {
	vs, err := a.get(i, 1)
	if err != nil {
		return v, err
	}
	return vs[0], nil
}

// Slice returns the elements from i up to j.
func (a *ManagerArray[T]) Slice(i, j int) ([]T, error) {
	if i < 0 || j < i {
		return nil, ErrIndex
	}
	return a.get(i, j-i)
}

// All returns all elements, as they were at one moment.
func (a *ManagerArray[T]) All() ([]T, error) { return a.get(0, math.MaxInt) }

func (a *ManagerArray[T]) get(i, n int) (vs []T, err error) {
	err = a.call(arrayGet, func(c *managerCall) error { c.putInt(i); c.putInt(n); return nil }, func(c *managerCall) error {
		b := c.rest()
		vs = make([]T, len(b)/a.value.fixed)
		for k := range vs {
			if b, err = a.value.decodeNext(b, &vs[k], nil); err != nil {
				return err
			}
		}
		return nil
	})
	return vs, err
}

// Set replaces element i.
func (a *ManagerArray[T]) Set(i int, v T) error { return a.SetSlice(i, []T{v}) }

// SetSlice replaces as many elements as vs has, from i on.
func (a *ManagerArray[T]) SetSlice(i int, vs []T) error {
	return a.call(arraySet, func(c *managerCall) error { c.putInt(i); return a.put(c, vs) }, nil)
}

// ManagerArrayAdd adds delta to element i, atomically and in one call, and returns the sum.
func ManagerArrayAdd[N Number](a *ManagerArray[N], i int, delta N) (sum N, err error) {
	err = a.call(arrayAdd, func(c *managerCall) error {
		c.putUint(numberKind[N]())
		c.putInt(i)
		return a.put(c, []N{delta})
	}, func(c *managerCall) error { return a.value.decode(c.rest(), &sum, nil) })
	return sum, err
}

// String says what the proxy stands for.
func (a *ManagerArray[T]) String() string { return a.describe("ManagerArray") }
