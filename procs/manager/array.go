package manager

import (
	"fmt"
	"math"
	"reflect"
	"sync"

	"switchyard/procs"
	"switchyard/procs/internal/codec"
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

func newArrayObject(c *serverCall) (object, error) {
	size, data := int(c.uint()), c.rest()
	if c.bad || size < 0 || size > 0 && len(data)%size != 0 {
		return nil, codec.ErrWire
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
			return codec.ErrWire
		}
		b, err := a.span(i, len(data)/max(a.size, 1))
		copy(b, data)
		return err
	case arrayAdd:
		kind, i, delta := reflect.Kind(c.uint()), c.int(), c.rest()
		if c.bad {
			return codec.ErrWire
		}
		b, err := a.span(i, 1)
		if err == nil {
			err = addNumber(kind, b, delta)
		}
		c.out = append(c.out, b...)
		return err
	}
	return codec.ErrWire
}

// Array is an array of fixed length in a manager (SyncManager.Array). T is a
// type without pointers, such as a number or a struct of numbers. For large
// arrays on one machine use procs.Array, which is in shared memory.
type Array[T any] struct {
	proxy
	value *codec.Codec[T]
}

// NewArray makes an array of vs in m.
func NewArray[T any](m *Manager, vs []T) (*Array[T], error) {
	a := new(Array[T])
	if err := a.open(); err != nil {
		return nil, err
	}
	err := a.create(noWait, m, objectArray, proxyType[Array[T]](), func(c *clientCall) error {
		c.putUint(uint64(a.value.Fixed))
		return a.put(c, vs)
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Array[T]) open() (err error) {
	if a.value, err = codec.Of[T](); err != nil {
		return encodeFailed(err)
	}
	if a.value.Fixed < 1 {
		return fmt.Errorf("%w: elements of an array must have a fixed size, and %v has not", procs.ErrEncode, reflect.TypeFor[T]())
	}
	return nil
}

func (a *Array[T]) adopt(w *codec.Wire) error {
	if err := a.open(); err != nil {
		return err
	}
	return a.adoptAs(w, objectArray, proxyType[Array[T]]())
}

func (a *Array[T]) put(c *clientCall, vs []T) (err error) {
	for i := range vs {
		if c.req, err = a.value.Encode(c.req, &vs[i], nil); err != nil {
			return err
		}
	}
	return nil
}

// Len returns the number of elements.
func (a *Array[T]) Len() (n int, err error) {
	err = a.call(arrayLen, nil, func(c *clientCall) error { n = c.int(); return nil })
	return n, err
}

// Get returns element i; -1 is the last.
func (a *Array[T]) Get(i int) (v T, err error) {
	vs, err := a.get(i, 1)
	if err != nil {
		return v, err
	}
	return vs[0], nil
}

// Slice returns the elements from i up to j.
func (a *Array[T]) Slice(i, j int) ([]T, error) {
	if i < 0 || j < i {
		return nil, ErrIndex
	}
	return a.get(i, j-i)
}

// All returns all elements, as they were at one moment.
func (a *Array[T]) All() ([]T, error) { return a.get(0, math.MaxInt) }

func (a *Array[T]) get(i, n int) (vs []T, err error) {
	err = a.call(arrayGet, func(c *clientCall) error { c.putInt(i); c.putInt(n); return nil }, func(c *clientCall) error {
		b := c.rest()
		vs = make([]T, len(b)/a.value.Fixed)
		for k := range vs {
			if b, err = a.value.DecodeNext(b, &vs[k], nil); err != nil {
				return err
			}
		}
		return nil
	})
	return vs, err
}

// Set replaces element i.
func (a *Array[T]) Set(i int, v T) error { return a.SetSlice(i, []T{v}) }

// SetSlice replaces as many elements as vs has, from i on.
func (a *Array[T]) SetSlice(i int, vs []T) error {
	return a.call(arraySet, func(c *clientCall) error { c.putInt(i); return a.put(c, vs) }, nil)
}

// ArrayAdd adds delta to element i, atomically and in one call, and returns the
// sum.
func ArrayAdd[N Number](a *Array[N], i int, delta N) (sum N, err error) {
	err = a.call(arrayAdd, func(c *clientCall) error {
		c.putUint(numberKind[N]())
		c.putInt(i)
		return a.put(c, []N{delta})
	}, func(c *clientCall) error { return a.value.Decode(c.rest(), &sum, nil) })
	return sum, err
}

// String says what the proxy stands for.
func (a *Array[T]) String() string { return a.describe("manager.Array") }
